//! The OCI Distribution API, area by area, as its specification and its conformance suite have it.

use chandlery_package::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use crate::world::{Answer, World};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Somebody at a repository of their own.
struct At {
    world: World,
    token: String,
}

impl At {
    fn new() -> Self {
        let world = World::start();
        let token = world.publisher("acme").token();
        Self { world, token }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let path = if path.starts_with('/') { path.into() } else { format!("/v2/acme/x/{path}") };
        self.world.send(method, &path, Some(&self.token), headers, body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Pushes a blob at once, and gives its descriptor.
    fn blob(&self, content: &str) -> Value {
        let digest = Digest::of(content);
        let answer = self.send("POST", &format!("blobs/uploads/?digest={digest}"), &[], content);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert_eq!(self.get(answer.header("location")).text(), content);
        json!({ "mediaType": "text/plain", "digest": digest, "size": content.len() })
    }

    /// Pushes a manifest, and gives its descriptor.
    fn manifest(&self, reference: Option<&str>, manifest: &Value) -> Value {
        let text = manifest.to_string();
        let digest = Digest::of(&text).to_string();
        let kind = manifest["mediaType"].as_str().unwrap();
        let path = format!("manifests/{}", reference.unwrap_or(&digest));
        let answer = self.send("PUT", &path, &[("content-type", kind)], text.clone());
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(self.get(answer.header("location")).text(), text, "kept byte for byte");
        json!({ "mediaType": kind, "digest": digest, "size": text.len() })
    }

    fn image(&self, layer: &str) -> Value {
        let (config, layer) = (self.blob("{}"), self.blob(layer));
        json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer], "unknown": "kept" })
    }
}

fn digest(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap()
}

#[test]
fn blobs_are_pushed_whole_in_a_stream_and_in_order() {
    let at = At::new();
    for content in ["", "{}", "some content"] {
        at.blob(content);
    }
    let content = "0123456789";
    let name = Digest::of(content);
    let begin = || at.send("POST", "blobs/uploads/", &[], "").header("location").to_owned();
    let chunk =
        |place: &str, range: &str, body: &str| at.send("PATCH", place, &[("content-range", range)], body);

    // In order, resumed by asking how far it is.
    let place = begin();
    assert_eq!(chunk(&place, "0-3", "0123").status, 202);
    let refused = chunk(&place, "8-9", "89");
    assert_eq!((refused.status, refused.code().as_str()), (416, "BLOB_UPLOAD_INVALID"));
    assert_eq!((chunk(&place, "0-3", "0123").status, chunk(&place, "4-9", "45").status), (416, 416));
    let asked = at.get(&place);
    assert_eq!((asked.status, asked.header("range"), asked.header("location")), (204, "0-3", place.as_str()));
    assert_eq!(at.send("HEAD", &place, &[], "").header("range"), "0-3");
    assert_eq!(chunk(&place, "4-7", "4567").header("range"), "0-7");
    let last = at.send("PUT", &format!("{place}?digest={name}"), &[("content-range", "8-9")], "89");
    assert_eq!((last.status, last.header("docker-content-digest")), (201, name.to_string().as_str()));
    assert_eq!(at.get(&format!("blobs/{name}")).text(), content);
    assert_eq!(at.get(&place).code(), "BLOB_UPLOAD_UNKNOWN", "it is finished");

    // In one stream, without a range.
    let place = begin();
    assert_eq!(at.send("PATCH", &place, &[], "streamed").status, 202);
    let streamed = Digest::of("streamed");
    assert_eq!(at.send("PUT", &format!("{place}?digest={streamed}"), &[], "").status, 201);
    assert_eq!(at.send("HEAD", &format!("blobs/{streamed}"), &[], "").header("content-length"), "8");

    // Cancelled; or not what its name says.
    let place = begin();
    assert_eq!((at.send("DELETE", &place, &[], "").status, at.get(&place).status), (204, 404));
    for wrong in [
        at.send("POST", &format!("blobs/uploads/?digest={name}"), &[], "else"),
        at.send("PUT", &format!("{}?digest={name}", begin()), &[], "else"),
        at.send("PUT", &format!("{}?digest=sha256:bad", begin()), &[], "else"),
        at.send("PUT", &format!("{}?digest=md5:d41d8cd98f00b204e9800998ecf8427e", begin()), &[], ""),
    ] {
        assert_eq!((wrong.status, wrong.code().is_empty()), (400, false), "{}", wrong.text());
    }
    let place = begin();
    at.send("PATCH", &place, &[], "else");
    assert_eq!(at.send("PUT", &format!("{place}?digest={name}"), &[], "").code(), "DIGEST_INVALID");
}

#[test]
fn blobs_are_pulled_in_parts_and_mounted() {
    let at = At::new();
    let blob = at.blob("0123456789");
    let path = format!("blobs/{}", digest(&blob));
    let part = |range: &str| at.send("GET", &path, &[("range", range)], "");
    for (range, content, described) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let answer = part(range);
        assert_eq!((answer.status, answer.text().as_str()), (206, content), "{range}");
        assert_eq!(answer.header("content-range"), described);
    }
    for range in ["bytes=10-12", "bytes=5-2"] {
        assert_eq!((part(range).status, part(range).header("content-range")), (416, "bytes */10"), "{range}");
    }
    let mount =
        |query: &str| at.send("POST", &format!("/v2/acme/other/deep/er/blobs/uploads/?{query}"), &[], "");
    let mounted = mount(&format!("mount={}&from=acme/x", digest(&blob)));
    assert_eq!(mounted.status, 201, "{}", mounted.text());
    assert_eq!(at.get(mounted.header("location")).text(), "0123456789");
    let anonymous =
        at.send("POST", &format!("/v2/acme/third/blobs/uploads/?mount={}", digest(&blob)), &[], "");
    assert_eq!(anonymous.status, 201);
    let missing = mount(&format!("mount={}&from=acme/x", Digest::of("nothing")));
    assert_eq!(missing.status, 202, "an upload begins instead");
    assert!(missing.header("location").contains("/blobs/uploads/"));

    // Deleted in one repository, it stays in the other.
    assert_eq!(at.send("DELETE", &path, &[], "").status, 202);
    assert_eq!(
        (at.get(&path).code().as_str(), at.get(mounted.header("location")).status),
        ("BLOB_UNKNOWN", 200)
    );
    // What is private is mounted by nobody else.
    let mallory = at.world.publisher("mallory").token();
    at.world.person("acme").ok(&["namespace", "visibility", "acme", "private"]);
    for query in [format!("mount={}&from=acme/third", digest(&blob)), format!("mount={}", digest(&blob))] {
        let path = format!("/v2/mallory/x/blobs/uploads/?{query}");
        assert_eq!(at.world.send("POST", &path, Some(&mallory), &[], "").status, 202, "{query}");
    }
}

#[test]
fn manifests_and_indexes_are_kept_as_they_are() {
    let at = At::new();
    let image = at.image("one");
    let first = at.manifest(Some("v1"), &image);
    let by_digest = at.manifest(None, &image);
    assert_eq!(digest(&first), digest(&by_digest));
    let answer = at.get("manifests/v1");
    assert_eq!(
        (answer.header("content-type"), answer.header("docker-content-digest")),
        (IMAGE, digest(&first))
    );
    let head = at.send("HEAD", "manifests/v1", &[], "");
    assert_eq!((head.header("content-length"), head.body.len()), (first["size"].to_string().as_str(), 0));

    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [first] });
    let inner = at.manifest(Some("index"), &index);
    let nested =
        at.manifest(Some("nested"), &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [inner] }));
    at.manifest(Some("empty"), &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }));

    // By digest with tags beside it, by SHA-512 too.
    let text = at.image("two").to_string();
    let sha512 = format!("sha512:{}", hex(&Sha512::digest(&text)));
    let path = format!("manifests/{sha512}?tag=a&tag=b");
    let answer = at.send("PUT", &path, &[("content-type", IMAGE)], text.clone());
    assert_eq!((answer.status, answer.header("docker-content-digest")), (201, sha512.as_str()));
    assert_eq!(answer.headers.get_all("oci-tag").iter().count(), 2);
    assert_eq!(
        (at.get("manifests/b").text(), at.get("manifests/a").header("docker-content-digest")),
        (text, &*sha512)
    );

    // What cannot be stored.
    let put = |reference: &str, kind: &str, body: String| {
        let answer = at.send("PUT", &format!("manifests/{reference}"), &[("content-type", kind)], body);
        (answer.status, answer.code())
    };
    let missing = json!({ "mediaType": "text/plain", "digest": Digest::of("nowhere"), "size": 1 });
    let with = |key: &str, value: Value| {
        let mut changed = image.clone();
        changed[key] = value;
        changed.to_string()
    };
    let unknown = (404, "MANIFEST_BLOB_UNKNOWN".to_owned());
    let invalid = (400, "MANIFEST_INVALID".to_owned());
    assert_eq!(put("x", IMAGE, with("layers", json!([missing]))), unknown);
    let index_of = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [missing] });
    assert_eq!(put("x", INDEX, index_of.to_string()), unknown);
    assert_eq!(put("x", INDEX, image.to_string()), invalid);
    assert_eq!(put("x", IMAGE, "no json".into()), invalid);
    assert_eq!(put(".x", IMAGE, image.to_string()), invalid);
    assert_eq!(
        put(&Digest::of("else").to_string(), IMAGE, image.to_string()),
        (400, "DIGEST_INVALID".into())
    );
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let elsewhere = json!({ "mediaType": foreign, "digest": Digest::of("nowhere"), "size": 1 });
    let elsewhere = with("layers", json!([elsewhere]));
    assert_eq!(at.send("PUT", "manifests/foreign", &[("content-type", IMAGE)], elsewhere).status, 201);

    // Deleted from the outside in.
    let delete = |path: &str| at.send("DELETE", path, &[], "");
    assert_eq!(delete(&format!("manifests/{}", digest(&inner))).code(), "DENIED");
    assert_eq!(delete("manifests/nested").status, 202);
    assert_eq!(at.get("manifests/nested").code(), "MANIFEST_UNKNOWN");
    assert_eq!(at.get(&format!("manifests/{}", digest(&nested))).status, 200, "the manifest itself stays");
    for manifest in [&nested, &inner, &first] {
        assert_eq!(delete(&format!("manifests/{}", digest(manifest))).status, 202);
        assert_eq!(delete(&format!("manifests/{}", digest(manifest))).status, 404);
    }
    assert_eq!(at.get("manifests/v1").status, 404, "its tags are gone with it");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn referrers_are_listed_and_filtered() {
    let at = At::new();
    let subject = at.manifest(Some("v1"), &at.image("subject"));
    let path = format!("referrers/{}", digest(&subject));
    assert_eq!(at.get(&path).json(), json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }));
    let referrer = |artifact_type: Option<&str>, note: &str| {
        let mut manifest = at.image("statement");
        manifest["subject"] = subject.clone();
        manifest["annotations"] = json!({ "note": note });
        if let Some(artifact_type) = artifact_type {
            manifest["artifactType"] = artifact_type.into();
        }
        let text = manifest.to_string();
        let answer =
            at.send("PUT", &format!("manifests/{}", Digest::of(&text)), &[("content-type", IMAGE)], text);
        assert_eq!(answer.header("oci-subject"), digest(&subject));
    };
    referrer(Some("application/vnd.example.sbom"), "one");
    referrer(Some("application/vnd.example.signature"), "two");
    referrer(None, "three");
    let all = at.get(&path);
    assert_eq!(all.header("content-type"), INDEX);
    let all = all.json();
    assert_eq!(all["manifests"].as_array().unwrap().len(), 3);
    assert_eq!(all["manifests"][0]["annotations"]["note"], "one");
    assert_eq!(all["manifests"][2]["artifactType"], "text/plain", "its config's type");
    let some = at.get(&format!("{path}?artifactType=application/vnd.example.sbom"));
    assert_eq!(some.header("oci-filters-applied"), "artifactType");
    assert_eq!(some.json()["manifests"].as_array().unwrap().len(), 1);
    // A subject may be missing, and may be deleted while others speak of it.
    assert_eq!(at.send("DELETE", &format!("manifests/{}", digest(&subject)), &[], "").status, 202);
    assert_eq!(at.get(&path).json()["manifests"].as_array().unwrap().len(), 3);
}

#[test]
fn tags_are_listed_in_order_and_in_pages() {
    let at = At::new();
    let image = at.image("x");
    for tag in ["b", "Z", "a", "_", "10", "9"] {
        at.manifest(Some(tag), &image);
    }
    let sorted = json!(["10", "9", "Z", "_", "a", "b"]);
    assert_eq!(at.get("tags/list").json(), json!({ "name": "acme/x", "tags": sorted }));
    let (mut path, mut read) = ("tags/list?n=4".to_owned(), Vec::new());
    loop {
        let page = at.get(&path);
        read.extend(page.json()["tags"].as_array().unwrap().clone());
        match page.header("link").split(['<', '>']).nth(1) {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(json!(read), sorted);
    assert_eq!(at.get("tags/list?last=a").json()["tags"], json!(["b"]));
    assert_eq!(at.get("tags/list?n=0").json()["tags"], json!([]));
}

#[test]
fn errors_and_challenges_are_in_ocis_own_form() {
    let at = At::new();
    let anonymous = at.world.send("POST", "/v2/acme/x/blobs/uploads/", None, &[], "");
    assert_eq!((anonymous.status, anonymous.code().as_str()), (401, "UNAUTHORIZED"));
    let realm = format!("http://{}/token", at.world.registry.address);
    let challenge =
        format!("Bearer realm=\"{realm}\",service=\"chandlery\",scope=\"repository:acme/x:pull,push\"");
    assert_eq!(anonymous.header("www-authenticate"), challenge);
    for (path, status, code) in [
        ("/v2/acme", 404, "NAME_UNKNOWN"),
        ("/v2/Acme/x/tags/list", 400, "NAME_INVALID"),
        ("/v2/acme/x..y/tags/list", 400, "NAME_INVALID"),
        ("/v2/nobody/x/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/acme/x/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("/v2/acme/x/manifests/sha256:bad", 400, "DIGEST_INVALID"),
        ("/v2/acme/x/blobs/uploads/none", 404, "BLOB_UPLOAD_UNKNOWN"),
    ] {
        let answer = at.get(path);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    assert_eq!(at.send("POST", "tags/list", &[], "").status, 405);
    // An anonymous token opens `/v2/`, and nothing that needs an account.
    let token = at.world.send("GET", "/token?service=chandlery", None, &[], "").json()["token"].clone();
    let token = token.as_str().unwrap();
    assert_eq!(at.world.send("GET", "/v2/", Some(token), &[], "").status, 200);
    assert_eq!(at.world.send("POST", "/v2/acme/x/blobs/uploads/", Some(token), &[], "").status, 401);
    let wrong = at.world.send("GET", "/token", None, &[("authorization", "Basic YWNtZTp3cm9uZw==")], "");
    assert_eq!(wrong.status, 401);
}

#[test]
fn a_release_is_neither_moved_nor_deleted() {
    let at = At::new();
    let acme = at.world.person("acme");
    let published = acme.publish(&crate::world::plugin("ocr-server"));
    let artifact = published["artifact"].as_str().unwrap();
    let tag = artifact.replace(':', "-") + ".sig";
    let signature = at.get(&format!("/v2/acme/ocr-server/manifests/{tag}"));
    let signature = signature.header("docker-content-digest");
    for reference in ["1.0.0", artifact, signature] {
        let answer = at.send("DELETE", &format!("/v2/acme/ocr-server/manifests/{reference}"), &[], "");
        assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"), "{reference}");
    }
    let component = published["component"].as_str().unwrap();
    assert_eq!(
        at.send("DELETE", &format!("/v2/acme/ocr-server/blobs/{component}"), &[], "").code(),
        "DENIED"
    );
    at.world.customer().ok(&["install", "acme:ocr-server"]);
}
