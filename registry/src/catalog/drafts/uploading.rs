//! Uploading a draft: its place is taken first, then its bytes go to the blob store as they arrive, and are read once, where they can harm
//! nobody. Of an archive the component goes there in its place.

use std::time::Duration;

use bytes::Bytes;
use chandlery_accounts::{Account, Role};
use chandlery_package::artifact::Artifact;
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::problem::Explain as _;
use chandlery_package::{Digest, Namespace};
use chandlery_sandbox::{Worker, inspect};
use chandlery_store::content::{Algorithm, ContentDigest, ContentHasher};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use super::archives::{ArchiveError, Folder, Format, HEAD_BYTES, Unpacked, unpack};
use super::kept::{Origin, Read, UPLOADED_WITHIN, Whole, fill, give_back, lapsed, reserve};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;

/// What a file without a name of its own is called, or with one that a command line would have to quote.
const FILE: &str = "component.wasm";
const FILE_BYTES_MAX: usize = 100;

/// How many bytes a file may have that is uploaded here, a component or an archive.
pub(in crate::catalog) fn bytes_max(catalog: &Catalog) -> u64 {
    catalog.oci.limits.blob_bytes_max.min(COMPONENT_BYTES_MAX as u64)
}

/// Keeps a file as it arrives, as a draft of an account that may publish in a namespace. A file that is no component is a draft, too: its
/// page says what is wrong with it. Of an archive the component in it becomes the draft; one that does not hold just one is refused.
pub(in crate::catalog) async fn upload(
    catalog: &Catalog,
    caller: &Account,
    namespace: &Namespace,
    file: &str,
    pieces: BoxStream<'_, Result<Bytes, Error>>,
) -> Result<Uuid, Error> {
    caller.must_be(&catalog.db, Role::Publisher, namespace, "push to").await?;
    let draft = reserve(&catalog.db, caller.person(), namespace, plain(file)).await?;
    let mut place = Place { catalog: catalog.clone(), draft: Some(draft) };
    let kept = receive_within(UPLOADED_WITHIN, catalog, (draft, caller.person()), pieces).await;
    let tidied = tidy_up(catalog, draft).await;
    place.draft = None;
    kept.and(tidied).map(|()| draft)
}

/// The place of a draft as long as its upload is under way: where whoever uploads it goes away, it is given back.
struct Place {
    catalog: Catalog,
    draft: Option<Uuid>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let (Some(draft), Ok(runtime)) = (self.draft, Handle::try_current()) else { return };
        let catalog = self.catalog.clone();
        runtime.spawn(async move {
            if let Err(error) = tidy_up(&catalog, draft).await {
                tracing::warn!(%error, "the place of a draft that was not uploaded is left until it lapses");
            }
        });
    }
}

/// Removes what an upload leaves behind: its pieces and, where it came to nothing, its place.
async fn tidy_up(catalog: &Catalog, draft: Uuid) -> Result<(), Error> {
    give_back(&catalog.db, draft).await?;
    Ok(catalog.oci.storage.delete_chunks(draft).await?)
}

/// Receives a draft, and keeps nothing of one that is still arriving when its place lapses.
async fn receive_within(
    time: Duration,
    catalog: &Catalog,
    of: (Uuid, &Namespace),
    pieces: BoxStream<'_, Result<Bytes, Error>>,
) -> Result<(), Error> {
    timeout(time, receive(catalog, of, pieces)).await.unwrap_or_else(|_| Err(lapsed()))
}

async fn receive(
    catalog: &Catalog,
    (draft, by): (Uuid, &Namespace),
    pieces: BoxStream<'_, Result<Bytes, Error>>,
) -> Result<(), Error> {
    let chunk = Uuid::new_v4();
    let (mut hasher, mut arrived, max) = (ContentHasher::new(Algorithm::Sha256), 0, bytes_max(catalog));
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let bounded = pieces.map(|piece| {
        let piece = piece?;
        arrived += piece.len() as u64;
        hasher.update(&piece);
        head.extend(piece.iter().take(HEAD_BYTES - head.len()));
        if arrived <= max { Ok(piece) } else { Err(too_large(max)) }
    });
    let bytes = catalog.oci.storage.put_chunk(draft, chunk, bounded).await?;
    let sent = Sent { draft, chunk, content: hasher.finish(), bytes };
    match Format::of(&head) {
        None => keep(catalog, by, sent, None).await,
        Some(format) => {
            let (sent, place) = open(catalog, by, &sent, format).await?;
            keep(catalog, by, sent, Some(place)).await
        }
    }
}

fn too_large(bytes_max: u64) -> Error {
    chandlery_edge::Error::TooLarge { what: "a file".into(), bytes_max }.into()
}

/// What has arrived of a draft, in one piece.
struct Sent {
    draft: Uuid,
    chunk: Uuid,
    content: ContentDigest,
    bytes: u64,
}

/// Where a component was in an archive, and what lay around it.
struct Around {
    path: String,
    folder: Folder,
}

/// Puts the component that is in an archive into the archive's place.
async fn open(
    catalog: &Catalog,
    by: &Namespace,
    sent: &Sent,
    format: Format,
) -> Result<(Sent, Around), Error> {
    let storage = &catalog.oci.storage;
    let look = move |bytes: Bytes| {
        let unpacked = unpack(format, &bytes)?;
        let mut hasher = ContentHasher::new(Algorithm::Sha256);
        hasher.update(&unpacked.component);
        Ok((unpacked, hasher.finish()))
    };
    let looked: Result<_, ArchiveError> =
        catalog.inspector.open(by, storage.chunk(sent.draft, sent.chunk), look).await?;
    let (unpacked, content) = looked.map_err(|error| Error::invalid(error.to_string()))?;
    let Unpacked { path, component, folder } = unpacked;
    let (chunk, component) = (Uuid::new_v4(), Bytes::from(component));
    let whole = futures::stream::iter([Ok::<_, Error>(component)]);
    let bytes = storage.put_chunk(sent.draft, chunk, whole).await?;
    Ok((Sent { draft: sent.draft, chunk, content, bytes }, Around { path, folder }))
}

async fn keep(catalog: &Catalog, by: &Namespace, sent: Sent, around: Option<Around>) -> Result<(), Error> {
    let Sent { draft, chunk, content, bytes } = sent;
    let storage = &catalog.oci.storage;
    storage.assemble(draft, &[chunk], &content).await?;
    let file =
        around.as_ref().map(|around| plain(around.path.rsplit('/').next().unwrap_or_default()).to_owned());
    let (digest, read, origin) = read(catalog, by, &content, around).await?;
    let whole = Whole { file, digest, bytes, read, origin };
    // The collection of garbage may have removed the content before the database knew that it is wanted; then it is stored again.
    loop {
        let mut write = catalog.db.write_shared().await?;
        if storage.holds(&content).await? {
            fill(&mut write, draft, &whole).await?;
            return Ok(write.commit().await?);
        }
        drop(write);
        storage.assemble(draft, &[chunk], &content).await?;
    }
}

/// What is in a file, its digest, and in what it differs from what lay around it.
async fn read(
    catalog: &Catalog,
    by: &Namespace,
    content: &ContentDigest,
    around: Option<Around>,
) -> Result<(Digest, Read, Option<Origin>), Error> {
    let look = |worker: &Worker, bytes: Bytes| {
        let digest = Digest::of(&bytes);
        let read = inspect(worker, &bytes);
        let origin = around.map(|Around { path, folder }| {
            let differences = read.as_ref().map(|built| folder.differences(&built.manifest));
            Origin { path, differences: differences.unwrap_or_default() }
        });
        let read = read.map(|component| {
            let artifact = Artifact::of_component(&component, bytes.into()).digest();
            Read::Component(Box::new(component), artifact)
        });
        (digest, read.map_err(Error::from), origin)
    };
    let bytes = catalog.oci.storage.get(content);
    let (digest, read, origin) = catalog.inspector.look(Some(by), bytes, look).await?;
    match read {
        Err(error) if error.explain().kind.status < 500 => {
            Ok((digest, Read::Refused(error.problem()), origin))
        }
        read => Ok((digest, read?, origin)),
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

    use futures::stream::FuturesUnordered;
    use jiff::SignedDuration;

    use super::*;
    use crate::catalog::drafts::{discard, find, list};
    use crate::oci::collect;
    use crate::testing;

    fn arriving(pieces: &[&'static str]) -> BoxStream<'static, Result<Bytes, Error>> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        futures::stream::iter(pieces).boxed()
    }

    /// A registry in which its operator publishes in 'acme'.
    async fn publishing() -> (tempfile::TempDir, crate::Registry, Account, Namespace) {
        let (folder, registry) = testing::registry().await;
        let rows = [
            "insert into namespaces (name, created_at) values ('acme', '')",
            "insert into namespace_members (namespace, account, role) values ('acme', 'operator', 'publisher')",
        ];
        testing::write(&registry, &rows.map(str::to_owned)).await;
        let caller = chandlery_accounts::find_account(&registry.db, &"operator".parse().unwrap()).await;
        (folder, registry, caller.unwrap().unwrap().0, "acme".parse().unwrap())
    }

    #[tokio::test]
    async fn uploads_at_the_same_time_are_no_more_drafts_than_an_account_may_have() {
        let (_folder, registry, caller, acme) = publishing().await;
        let catalog = &registry.catalog;
        let (sender, _) = tokio::sync::broadcast::channel::<()>(1);
        // Each has taken its place before the first one is whole, and those that got none are refused before they send a byte.
        let uploads = (0..8).map(|_| {
            let mut whole = sender.subscribe();
            let arriving = futures::stream::once(async move {
                whole.recv().await.unwrap();
                Ok(Bytes::from_static(b"no component"))
            });
            upload(catalog, &caller, &acme, "x.wasm", arriving.boxed())
        });
        let mut uploads: FuturesUnordered<_> = uploads.collect();
        for _ in 0..3 {
            let refused = uploads.next().await.unwrap().unwrap_err();
            assert_eq!(refused.explain().kind.status, 429, "{refused}");
        }
        let drafts = async || list(&registry.db, caller.person()).await.unwrap().len();
        assert_eq!(drafts().await, 0, "what is not whole is no draft yet");
        sender.send(()).unwrap();
        assert!(uploads.all(|kept| async move { kept.is_ok() }).await);
        assert_eq!(drafts().await, 5);
    }

    #[tokio::test]
    async fn an_upload_that_comes_to_nothing_gives_its_place_back() {
        let (_folder, registry, caller, acme) = publishing().await;
        let catalog = &registry.catalog;
        let rows = async || {
            let count = sqlx::query_as("select count(*) from drafts").fetch_one(registry.db.read()).await;
            let (count,): (i64,) = count.unwrap();
            count
        };
        let broken = futures::stream::iter([Err(Error::invalid("it broke off"))]).boxed();
        assert!(upload(catalog, &caller, &acme, "x.wasm", broken).await.is_err());
        assert_eq!(rows().await, 0);
        // So does one whose browser has gone away.
        let (begins, mut begun) = tokio::sync::mpsc::channel(1);
        let never = futures::stream::once(async move {
            begins.send(()).await.unwrap();
            std::future::pending().await
        });
        tokio::select! {
            ended = upload(catalog, &caller, &acme, "x.wasm", never.boxed()) => panic!("{ended:?}"),
            begun = begun.recv() => assert!(begun.is_some()),
        }
        let freed = async {
            while rows().await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), freed).await.unwrap();
    }

    #[tokio::test]
    async fn an_upload_that_drips_ends_with_its_place() {
        let (_folder, registry, caller, acme) = publishing().await;
        let catalog = &registry.catalog;
        let draft = reserve(&registry.db, caller.person(), &acme, "x.wasm").await.unwrap();
        let drips = arriving(&["no "]).chain(futures::stream::pending()).boxed();
        let of = (draft, caller.person());
        let received = receive_within(Duration::from_millis(100), catalog, of, drips);
        let refused = timeout(Duration::from_secs(60), received).await.expect("it ends").unwrap_err();
        assert_eq!(refused.explain().kind.status, 409, "{refused}");
        assert!(refused.to_string().contains("longer than 15 minutes"), "{refused}");
    }

    #[tokio::test]
    async fn what_a_draft_has_stored_is_garbage_when_it_is_discarded() {
        let (_folder, registry, caller, acme) = publishing().await;
        let (catalog, operator) = (&registry.catalog, caller.person().clone());
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
        assert_eq!(refused.to_string(), "a file has at most 3 bytes here");
        assert!(upload(&small, &caller, &acme, "x.wasm", arriving(&["ab", "c"])).await.is_ok());
        let other: Namespace = "other".parse().unwrap();
        assert!(upload(&small, &caller, &other, "x.wasm", arriving(&["a"])).await.is_err());
    }

    #[tokio::test]
    async fn an_archive_becomes_the_component_in_it_or_nothing() {
        use std::io::Write as _;

        let (_folder, registry, caller, acme) = publishing().await;
        let (catalog, operator) = (&registry.catalog, caller.person().clone());
        // It says that it has a manifest, and has none that can be read.
        let component = [&b"\0asm\x0d\0\x01\0\0\x15\x12"[..], b"chandlery:manifest", b"{}"].concat();
        let archive = |files: &[(&str, &[u8])]| {
            let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            for (name, bytes) in files {
                writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
                writer.write_all(bytes).unwrap();
            }
            let bytes = writer.finish().unwrap().into_inner();
            // A few bytes at a time: what it is shows when enough of it is there.
            let pieces: Vec<_> = bytes.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            futures::stream::iter(pieces).boxed()
        };
        let good = archive(&[("ocr/chandlery.toml", b"x"), ("ocr/target/ocr.wasm", &component)]);
        let kept = upload(catalog, &caller, &acme, "ocr.zip", good).await.unwrap();
        let draft = find(&registry.db, &operator, kept).await.unwrap();
        assert_eq!((draft.file.as_str(), draft.digest), ("ocr.wasm", Digest::of(&component)));
        assert_eq!(draft.bytes, component.len() as u64);
        assert!(matches!(draft.read, Read::Refused(_)));
        assert_eq!(draft.origin.unwrap().path, "ocr/target/ocr.wasm");
        assert_eq!(catalog.oci.storage.get(&draft.digest.into()).await.unwrap(), component);

        let none = upload(catalog, &caller, &acme, "a.zip", archive(&[("a.rs", b"fn")])).await.unwrap_err();
        assert_eq!(none.explain().kind.status, 400, "{none}");
        assert!(none.to_string().contains("`chandlery build`"), "{none}");
        assert_eq!(list(&registry.db, &operator).await.unwrap().len(), 1);
        assert_eq!(collect(&catalog.oci, SignedDuration::ZERO).await.unwrap().contents, 0);
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
