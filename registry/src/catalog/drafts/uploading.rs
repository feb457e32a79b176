//! Uploading a draft: its bytes go to the blob store as they arrive, and are read once, where they can harm nobody.

use bytes::Bytes;
use chandlery_accounts::{Account, Role};
use chandlery_package::artifact::Artifact;
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::problem::Explain as _;
use chandlery_package::{Digest, Namespace};
use chandlery_sandbox::inspect;
use chandlery_store::content::{Algorithm, ContentDigest, ContentHasher};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::kept::{Draft, Read, insert, lapses_at, must_have_room};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;

/// What a file without a name of its own is called, or with one that a command line would have to quote.
const FILE: &str = "component.wasm";
const FILE_BYTES_MAX: usize = 100;

/// How many bytes a component may have that is uploaded here.
pub(in crate::catalog) fn bytes_max(catalog: &Catalog) -> u64 {
    catalog.oci.limits.blob_bytes_max.min(COMPONENT_BYTES_MAX as u64)
}

/// Keeps a file as it arrives, as a draft of an account that may publish in a namespace. A file that is no component is a draft, too: its
/// page says what is wrong with it.
pub(in crate::catalog) async fn upload(
    catalog: &Catalog,
    caller: &Account,
    namespace: &Namespace,
    file: &str,
    pieces: BoxStream<'_, Result<Bytes, Error>>,
) -> Result<Uuid, Error> {
    caller.must_be(&catalog.db, Role::Publisher, namespace, "push to").await?;
    must_have_room(&catalog.db, caller.person()).await?;
    let (upload, chunk) = (Uuid::new_v4(), Uuid::new_v4());
    let storage = &catalog.oci.storage;
    let (mut hasher, mut arrived, max) = (ContentHasher::new(Algorithm::Sha256), 0, bytes_max(catalog));
    let bounded = pieces.map(|piece| {
        let piece = piece?;
        arrived += piece.len() as u64;
        hasher.update(&piece);
        if arrived <= max { Ok(piece) } else { Err(too_large(max)) }
    });
    let bytes = storage.put_chunk(upload, chunk, bounded).await?;
    let digest = hasher.finish();
    let kept = keep(catalog, caller.person(), (namespace, file), (upload, chunk), &digest, bytes).await;
    storage.delete_chunks(upload).await?;
    kept
}

fn too_large(bytes_max: u64) -> Error {
    chandlery_edge::Error::TooLarge { what: "a component".into(), bytes_max }.into()
}

async fn keep(
    catalog: &Catalog,
    account: &Namespace,
    (namespace, file): (&Namespace, &str),
    (upload, chunk): (Uuid, Uuid),
    content: &ContentDigest,
    bytes: u64,
) -> Result<Uuid, Error> {
    let storage = &catalog.oci.storage;
    storage.assemble(upload, &[chunk], content).await?;
    let stored = storage.get(content).await?;
    let digest = Digest::of(&stored);
    let draft = Draft {
        id: Uuid::new_v4(),
        namespace: namespace.clone(),
        file: plain(file).to_owned(),
        digest,
        bytes,
        read: read(catalog, stored).await?,
        lapses_at: lapses_at(),
    };
    // The collection of garbage may have removed the content before the database knew that it is wanted; then it is stored again.
    loop {
        let mut write = catalog.db.write_shared().await?;
        if storage.holds(content).await? {
            insert(&mut write, account, &draft).await?;
            write.commit().await?;
            return Ok(draft.id);
        }
        drop(write);
        storage.assemble(upload, &[chunk], content).await?;
    }
}

/// What is in a file.
async fn read(catalog: &Catalog, bytes: Bytes) -> Result<Read, Error> {
    let worker = catalog.worker.clone();
    let read = tokio::task::spawn_blocking(move || {
        let component = inspect(&worker, &bytes)?;
        let artifact = Artifact::of_component(&component, bytes.into()).digest();
        Ok(Read::Component(Box::new(component), artifact))
    });
    let read: Result<Read, Error> = read.await.map_err(|error| Error::damaged(error.to_string()))?;
    match read {
        Err(error) if error.explain().kind.status < 500 => Ok(Read::Refused(error.problem())),
        read => read,
    }
}

/// The name of a file, if a command line takes it as it is.
fn plain(file: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match file.len() <= FILE_BYTES_MAX && !file.starts_with('-') && file.bytes().all(is_plain) {
        true if !file.is_empty() => file,
        _ => FILE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;

    use super::*;
    use crate::catalog::drafts::{discard, find};
    use crate::oci::collect;
    use crate::testing;

    fn arriving(pieces: &[&'static str]) -> BoxStream<'static, Result<Bytes, Error>> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        futures::stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn what_a_draft_has_stored_is_garbage_when_it_is_discarded() {
        let (_folder, registry) = testing::registry().await;
        let rows = [
            "insert into namespaces (name, created_at) values ('acme', '')",
            "insert into namespace_members (namespace, account, role) values ('acme', 'operator', 'publisher')",
        ];
        testing::write(&registry, &rows.map(str::to_owned)).await;
        let (catalog, acme) = (&registry.catalog, "acme".parse::<Namespace>().unwrap());
        let operator = "operator".parse::<Namespace>().unwrap();
        let caller = chandlery_accounts::find_account(&registry.db, &operator).await.unwrap().unwrap().0;
        let contents = async || collect(&catalog.oci, SignedDuration::ZERO).await.unwrap().contents;

        let kept = upload(catalog, &caller, &acme, "x.wasm", arriving(&["no ", "component"])).await.unwrap();
        let draft = find(&registry.db, &operator, kept).await.unwrap();
        assert_eq!((draft.digest, draft.bytes), (Digest::of("no component"), 12));
        assert!(matches!(draft.read, Read::Refused(_)));
        assert_eq!(contents().await, 0);
        discard(&registry.db, &operator, kept).await.unwrap();
        assert_eq!(contents().await, 1);

        // What is larger than it may be leaves nothing behind.
        let mut small = catalog.clone();
        let limits = crate::Limits { blob_bytes_max: 3, ..crate::Limits::default() };
        small.oci.limits = Arc::new(limits);
        let refused = upload(&small, &caller, &acme, "x.wasm", arriving(&["ab", "cd"])).await.unwrap_err();
        assert_eq!(refused.to_string(), "a component has at most 3 bytes here");
        assert!(upload(&small, &caller, &acme, "x.wasm", arriving(&["ab", "c"])).await.is_ok());
        let other: Namespace = "other".parse().unwrap();
        assert!(upload(&small, &caller, &other, "x.wasm", arriving(&["a"])).await.is_err());
    }

    #[test]
    fn a_name_that_would_have_to_be_quoted_is_replaced() {
        for good in ["ocr.wasm", "ocr-server_1.2.wasm"] {
            assert_eq!(plain(good), good);
        }
        for bad in ["", "-rf", "a b.wasm", "$(id).wasm", "a;b", "../x.wasm", "é.wasm", &"x".repeat(101)] {
            assert_eq!(plain(bad), FILE, "{bad}");
        }
    }
}
