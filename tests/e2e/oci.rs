//! A client of somebody else's making pushes and pulls.

use chandlery_package::artifact::{Artifact, ImageManifest, MANIFEST_MEDIA_TYPE};
use chandlery_package::{Component, Digest};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};

use crate::world::{World, plugin};

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
