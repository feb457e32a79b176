//! A client of somebody else's making pushes and pulls.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::artifact::{Artifact, ImageManifest, MANIFEST_MEDIA_TYPE};
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::{Component, Digest, PrivateKey};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{Answer, World, plugin};

#[test]
fn oci_client_pushes_in_chunks_or_at_once_and_pulls_the_same_bytes() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bytes = plugin("ocr-server");
    let artifact = Artifact::of_component(&Component::parse(&bytes).unwrap(), bytes.clone());
    world.runtime.block_on(async {
        for (tag, use_monolithic_push) in [("chunked", false), ("whole", true)] {
            let config = ClientConfig {
                protocol: ClientProtocol::Http,
                use_monolithic_push,
                ..ClientConfig::default()
            };
            let client = Client::new(config);
            let auth = RegistryAuth::Basic(acme.name.clone(), acme.password().into());
            let reference = acme.reference("acme/some-artifact", tag);
            client.auth(&reference, &auth, RegistryOperation::Push).await.unwrap();
            for blob in [&artifact.config, &artifact.layer] {
                client.push_blob(&reference, blob.clone(), &Digest::of(blob).to_string()).await.unwrap();
            }
            let media_type = MANIFEST_MEDIA_TYPE.parse().unwrap();
            client.push_manifest_raw(&reference, artifact.manifest.clone(), media_type).await.unwrap();
        }

        let anonymous =
            Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
        let reference = acme.reference("acme/some-artifact", "chunked");
        let auth = RegistryAuth::Anonymous;
        let (manifest, digest) =
            anonymous.pull_manifest_raw(&reference, &auth, &[MANIFEST_MEDIA_TYPE]).await.unwrap();
        assert_eq!(manifest, artifact.manifest, "kept byte for byte");
        assert_eq!(digest, artifact.digest().to_string());
        let layer = ImageManifest::parse(&manifest).unwrap().component().unwrap().digest.to_string();
        let mut pulled = Vec::new();
        anonymous.pull_blob(&reference, layer.as_str(), &mut pulled).await.unwrap();
        assert_eq!(pulled, bytes);
        let tags = anonymous.list_tags(&reference, &auth, None, None).await.unwrap();
        assert_eq!(tags.tags, ["chunked", "whole"]);
        assert_eq!(anonymous.fetch_manifest_digest(&reference, &auth).await.unwrap(), digest);
    });
    // What is stored is no release: it was neither signed nor asked for.
    let found = world.customer().ok(&["search"]);
    assert_eq!(found["items"].as_array().unwrap().len(), 0);
}

/// Somebody who works on a repository by requests of their own making.
struct At<'a> {
    world: &'a World,
    token: String,
    repository: &'static str,
}

impl<'a> At<'a> {
    fn new(world: &'a World, person: &Person, repository: &'static str) -> Self {
        Self { world, token: person.token(), repository }
    }

    fn send_as(&self, kind: &str, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let path = format!("/v2/{}/{path}", self.repository);
        self.world.send(method, &path, Some(&self.token), &[("content-type", kind)], body)
    }

    fn send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send_as(MANIFEST_MEDIA_TYPE, method, path, body)
    }

    /// What is answered, in short.
    fn says(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let answer = self.send(method, path, body);
        (answer.status, answer.code())
    }

    fn manifest(&self, reference: &str) -> ImageManifest {
        ImageManifest::parse(&self.send("GET", &format!("manifests/{reference}"), "").body).unwrap()
    }

    /// Pushes a blob, and gives its descriptor.
    fn blob(&self, media_type: &str, content: &str) -> Value {
        let digest = Digest::of(content);
        let answer = self.send("POST", &format!("blobs/uploads/?digest={digest}"), content);
        assert_eq!(answer.status, 201, "{}", answer.text());
        json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
    }
}

#[test]
fn what_a_release_needs_is_neither_moved_nor_removed() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bytes = plugin("ocr-server");
    let published = acme.publish(&bytes);
    let artifact: Digest = published["artifact"].as_str().unwrap().parse().unwrap();
    let at = At::new(&world, &acme, "acme/ocr-server");
    let tag = signature_tag(artifact);
    let referrers = at.send("GET", &format!("referrers/{artifact}"), "").json();
    let bundle = referrers["manifests"][0]["digest"].as_str().unwrap();
    let signatures = at.send("GET", &format!("manifests/{tag}"), "");
    let signed = signatures.header("docker-content-digest").to_owned();

    // Removed, part by part; also what was pushed again since.
    let again = at.send("GET", &format!("manifests/{bundle}"), "").body;
    assert_eq!(at.send("PUT", &format!("manifests/{bundle}"), again).status, 201);
    let (whole, signature, proof) = (at.manifest("1.0.0"), at.manifest(&tag), at.manifest(bundle));
    let references =
        ["1.0.0", &artifact.to_string(), &tag, &signed, bundle].map(|name| format!("manifests/{name}"));
    let blobs = [&whole, &signature, &proof].into_iter().flat_map(|manifest| {
        let layers = manifest.layers.iter().map(|layer| layer.digest);
        layers.chain([manifest.config.digest]).map(|digest| format!("blobs/{digest}")).collect::<Vec<_>>()
    });
    for path in references.into_iter().chain(blobs) {
        assert_eq!(at.says("DELETE", &path, ""), (403, "DENIED".into()), "{path}");
    }

    // Moved to something else.
    let sign = |key: &PrivateKey| SignedPayload::sign(key, &"acme:ocr-server".parse().unwrap(), artifact);
    let other = Artifact::of_signature(&sign(&PrivateKey::generate()));
    world.runtime.block_on(acme.push("acme/ocr-server", "other", &other)).unwrap();
    assert_eq!(at.says("PUT", "manifests/1.0.0", other.manifest.clone()), (403, "DENIED".into()));
    let lost = at.send("PUT", &format!("manifests/{tag}"), other.manifest.clone());
    assert_eq!((lost.status, lost.code().as_str()), (409, "DENIED"));
    assert_eq!(lost.json()["errors"][0]["detail"]["type"], "signatures-lost");
    let beside = format!("manifests/{}?tag={tag}", other.digest());
    assert_eq!(at.says("PUT", &beside, other.manifest.clone()), (409, "DENIED".into()));

    // Signatures are added, though no more than anybody looks through and none that is not there; none is lost by publishing again.
    let colleague = Artifact::of_signatures(signature.layers.clone(), &sign(&PrivateKey::generate()));
    world.runtime.block_on(acme.push("acme/ocr-server", &tag, &colleague)).unwrap();
    let both = at.manifest(&tag).layers;
    assert_eq!(both.len(), 2);
    assert_eq!(acme.publish(&bytes)["log_index"], published["log_index"]);
    assert_eq!(at.manifest(&tag).layers, both);
    assert_eq!(at.says("PUT", &format!("manifests/{tag}"), signatures.body.clone()), (409, "DENIED".into()));
    let mut many = at.manifest(&tag);
    many.layers.extend(vec![both[0].clone(); 15]);
    let mut larger = at.manifest(&tag);
    larger.layers.push(both[0].clone());
    larger.layers[2].size += 1;
    for (wrong, code) in [(many, "MANIFEST_INVALID"), (larger, "SIZE_INVALID")] {
        let wrong = serde_json::to_vec(&wrong).unwrap();
        assert_eq!(at.says("PUT", &format!("manifests/{tag}"), wrong), (400, code.into()));
    }
    world.customer().ok(&["install", "acme:ocr-server"]);
}

#[test]
fn what_a_manifest_names_is_not_garbage_whatever_it_calls_it() {
    let world = World::start();
    let acme = world.publisher("acme");
    let at = At::new(&world, &acme, "acme/x");
    let config = at.blob("application/json", "{}");
    for (number, kind) in [
        "text/plain",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ]
    .into_iter()
    .enumerate()
    {
        let layer = at.blob(kind, &format!("layer {number}"));
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE, "config": config, "layers": [layer] });
        // A digest may be spelt with escapes.
        let manifest = manifest.to_string().replace("sha256:", "sha256\\u003a");
        assert_eq!(at.send("PUT", &format!("manifests/v{number}"), manifest).status, 201, "{kind}");
        let blob = format!("blobs/{}", layer["digest"].as_str().unwrap());
        assert_eq!(at.says("DELETE", &blob, ""), (403, "DENIED".into()), "{kind}");
        world.operator().ok(&["registry", "collect", "--older-than", "0"]);
        assert_eq!(at.send("GET", &blob, "").text(), format!("layer {number}"), "{kind}");
    }
}

#[test]
fn a_manifest_is_what_it_says_or_what_was_said_last() {
    let world = World::start();
    let at = At::new(&world, &world.publisher("acme"), "acme/x");
    let config = at.blob("application/json", "{}");
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let bare =
        json!({ "schemaVersion": 2, "config": config, "layers": null, "annotations": null }).to_string();
    let push = |kind: &str, content: &str| {
        let answer = at.send_as(kind, "PUT", "manifests/v1", content);
        match answer.status {
            201 => at.send("GET", "manifests/v1", "").header("content-type").to_owned(),
            _ => answer.code(),
        }
    };
    assert_eq!(push(docker, &bare), docker);
    assert_eq!(push("Application/VND.OCI.Image.Manifest.v1+JSON; charset=utf-8", &bare), MANIFEST_MEDIA_TYPE);
    let own = json!({ "schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE, "config": config }).to_string();
    assert_eq!(push(docker, &own), "MANIFEST_INVALID");
    assert_eq!(push("no type", &bare), "MANIFEST_INVALID");
    let many =
        json!({ "schemaVersion": 2, "config": config, "layers": vec![config.clone(); 24_000] }).to_string();
    assert_eq!(push(MANIFEST_MEDIA_TYPE, &many), "MANIFEST_INVALID");
    // No database keeps U+0000, whatever it is a part of.
    for (field, value) in [("artifactType", json!("a/\u{0}")), ("annotations", json!({ "note": "\u{0}" }))] {
        let mut nul = json!({ "schemaVersion": 2, "config": config });
        nul[field] = value;
        assert_eq!(push(MANIFEST_MEDIA_TYPE, &nul.to_string()), "MANIFEST_INVALID", "{field}");
    }
    let answer = world.send("GET", "/v2/acme/x/manifests/a%00", None, &[], "");
    assert_eq!((answer.status, answer.code()), (400, "UNSUPPORTED".into()));
    let basic = format!("Basic {}", BASE64_STANDARD.encode("ac\0me:correct horse battery"));
    let answer = world.send("GET", "/v2/", None, &[("authorization", &basic)], "");
    assert_eq!((answer.status, answer.code()), (401, "UNAUTHORIZED".into()), "a name that nobody has");
    // Once an index names it by its type, it keeps it.
    let index = "application/vnd.oci.image.index.v1+json";
    let part = json!({ "mediaType": MANIFEST_MEDIA_TYPE, "digest": Digest::of(&bare), "size": bare.len() });
    let text = json!({ "schemaVersion": 2, "mediaType": index, "manifests": [part] }).to_string();
    assert_eq!(push(MANIFEST_MEDIA_TYPE, &bare), MANIFEST_MEDIA_TYPE);
    assert_eq!(at.send_as(index, "PUT", "manifests/index", text).status, 201);
    assert_eq!(push(docker, &bare), "DENIED");
    assert_eq!(push(MANIFEST_MEDIA_TYPE, &bare), MANIFEST_MEDIA_TYPE);
}

#[test]
fn what_would_be_refused_for_its_key_is_not_pushed() {
    let world = World::start();
    let acme = world.publisher("acme");
    acme.ok(&["keys", "new", "stranger"]);
    let file = acme.file("plugin.wasm", &plugin("ocr-server"));
    let (problem, code) = acme.refused(&["publish", &file, "--key", "stranger"]);
    assert_eq!((problem.r#type.as_str(), code), ("untrusted-signature", 3), "{problem:?}");
    let at = At::new(&world, &acme, "acme/ocr-server");
    assert_eq!(at.send("GET", "tags/list", "").json()["tags"], json!([]));
}
