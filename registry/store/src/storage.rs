//! Where content lives: by digest, written once, complete or not there. A folder, or anything that speaks S3.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::content::{ContentDigest, ContentHasher};
use crate::{Error, files};

const BLOBS: [&str; 2] = ["sha256", "sha512"];
const CHUNKS: &str = "uploads";
/// Content up to this size is sent to S3 at once, and beyond it in parts of this size, in bytes: it takes none below 5 MiB.
const S3_PART_BYTES: usize = 8 << 20;
/// The same for a folder, where a part need not be large, and what waits for the disk is in memory.
const FILE_PART_BYTES: usize = 512 << 10;
/// How many parts of an upload are on their way at once.
const PARTS_AT_ONCE: usize = 2;

/// The blob store.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    part_bytes: usize,
}

/// Some bytes as they arrive.
pub type Pieces = BoxStream<'static, Result<Bytes, Error>>;

impl Storage {
    /// Opens the store at `s3://BUCKET[/PREFIX]` or in a folder. S3's endpoint, region and credentials come from the
    /// usual `AWS_…` variables.
    pub fn open(place: &str) -> Result<Self, Error> {
        match place.strip_prefix("s3://") {
            Some(bucket) => Self::s3(bucket),
            None => Self::folder(FilePath::new(place)),
        }
    }

    /// Keeps blobs in a folder. What was written survives a loss of power.
    pub fn folder(path: &FilePath) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(files::failed(path))?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true));
        Ok(Self { store, part_bytes: FILE_PART_BYTES })
    }

    fn s3(place: &str) -> Result<Self, Error> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint).unwrap_or_default();
        let store = builder.with_allow_http(endpoint.starts_with("http://")).build()?;
        Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)), part_bytes: S3_PART_BYTES })
    }

    /// Whether the store answers.
    pub async fn check(&self) -> Result<(), Error> {
        match self.store.head(&Path::from("ready")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a blob under its own digest.
    pub async fn put(&self, digest: &ContentDigest, bytes: Bytes) -> Result<(), Error> {
        self.store.put(&blob_path(digest), bytes.into()).await?;
        Ok(())
    }

    /// The whole of a blob.
    pub async fn get(&self, digest: &ContentDigest) -> Result<Bytes, Error> {
        Ok(self.store.get(&blob_path(digest)).await?.bytes().await?)
    }

    /// A blob, or a part of one, piece by piece.
    pub async fn stream(&self, digest: &ContentDigest, range: Option<GetRange>) -> Result<Pieces, Error> {
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.store.get_opts(&blob_path(digest), options).await?;
        Ok(found.into_stream().map_err(Error::from).boxed())
    }

    /// Whether a blob is there.
    pub async fn holds(&self, digest: &ContentDigest) -> Result<bool, Error> {
        match self.store.head(&blob_path(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets a blob, if it is there.
    pub async fn delete(&self, digest: &ContentDigest) -> Result<(), Error> {
        absent_is_fine(self.store.delete(&blob_path(digest)).await)
    }

    /// Every blob with the moment when it was last written.
    pub fn blobs(&self) -> BoxStream<'_, Result<(ContentDigest, Timestamp), Error>> {
        let lists = BLOBS.map(|algorithm| self.store.list(Some(&Path::from(algorithm))));
        futures::stream::iter(lists)
            .flatten()
            .map_err(Error::from)
            .try_filter_map(|object| async move {
                let digest = ContentDigest::from_path(object.location.as_ref());
                Ok(digest.map(|digest| (digest, written_at(&object))))
            })
            .boxed()
    }

    /// Stores one piece of an upload, and gives its size in bytes.
    pub async fn put_chunk<E: From<Error>>(
        &self,
        upload: Uuid,
        chunk: Uuid,
        mut pieces: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<u64, E> {
        let mut writer = self.writer(chunk_path(upload, chunk));
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => {
                    bytes += piece.len() as u64;
                    writer.put(piece).await.map_err(Error::from)?;
                }
                Err(error) => {
                    // What was written so far belongs to nothing; the client's own error is what matters.
                    let _ = writer.abort().await;
                    return Err(error);
                }
            }
        }
        writer.shutdown().await.map_err(broken_off)?;
        Ok(bytes)
    }

    /// The whole of one piece of an upload.
    pub async fn chunk(&self, upload: Uuid, chunk: Uuid) -> Result<Bytes, Error> {
        Ok(self.store.get(&chunk_path(upload, chunk)).await?.bytes().await?)
    }

    /// Refuses the pieces of an upload that together are not what their name says.
    pub async fn check_chunks(
        &self,
        upload: Uuid,
        chunks: &[Uuid],
        digest: &ContentDigest,
    ) -> Result<(), Error> {
        let mut hasher = ContentHasher::new(digest.algorithm());
        let mut pieces = self.chunks(upload, chunks);
        while let Some(piece) = pieces.try_next().await? {
            hasher.update(&piece);
        }
        match hasher.finish() {
            found if found == *digest => Ok(()),
            found => Err(Error::ContentMismatch { expected: digest.clone(), found }),
        }
    }

    /// Makes the pieces of an upload, which were checked, one blob.
    pub async fn assemble(&self, upload: Uuid, chunks: &[Uuid], digest: &ContentDigest) -> Result<(), Error> {
        if let [only] = chunks {
            self.store.copy(&chunk_path(upload, *only), &blob_path(digest)).await?;
            return Ok(());
        }
        let mut pieces = self.chunks(upload, chunks);
        let mut writer = self.writer(blob_path(digest));
        while let Some(piece) = pieces.try_next().await? {
            writer.put(piece).await?;
        }
        writer.shutdown().await.map_err(broken_off)
    }

    fn writer(&self, path: Path) -> BufWriter {
        BufWriter::with_capacity(Arc::clone(&self.store), path, self.part_bytes)
            .with_max_concurrency(PARTS_AT_ONCE)
    }

    fn chunks(&self, upload: Uuid, chunks: &[Uuid]) -> Pieces {
        let store = Arc::clone(&self.store);
        let paths: Vec<_> = chunks.iter().map(|chunk| chunk_path(upload, *chunk)).collect();
        futures::stream::iter(paths)
            .then(move |path| {
                let store = Arc::clone(&store);
                async move { store.get(&path).await.map(|found| found.into_stream()) }
            })
            .try_flatten()
            .map_err(Error::from)
            .boxed()
    }

    /// Forgets one piece of an upload, which is no part of it yet.
    pub async fn delete_chunk(&self, upload: Uuid, chunk: Uuid) -> Result<(), Error> {
        absent_is_fine(self.store.delete(&chunk_path(upload, chunk)).await)
    }

    /// Forgets the pieces of an upload. What is left by a crash in between is only space, until the next collection.
    pub async fn delete_chunks(&self, upload: Uuid) -> Result<(), Error> {
        let mut found = self.store.list(Some(&Path::from(format!("{CHUNKS}/{upload}"))));
        while let Some(object) = found.try_next().await? {
            absent_is_fine(self.store.delete(&object.location).await)?;
        }
        Ok(())
    }

    /// Every upload that has pieces here, with the moment when the piece was written.
    pub fn uploads(&self) -> BoxStream<'_, Result<(Uuid, Timestamp), Error>> {
        self.store
            .list(Some(&Path::from(CHUNKS)))
            .map_err(Error::from)
            .try_filter_map(|object| async move {
                let name = object.location.parts().nth(1).map(|part| part.as_ref().to_owned());
                let upload = name.and_then(|name| name.parse().ok());
                Ok(upload.map(|upload| (upload, written_at(&object))))
            })
            .boxed()
    }
}

fn absent_is_fine(outcome: object_store::Result<()>) -> Result<(), Error> {
    match outcome {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn broken_off(error: std::io::Error) -> Error {
    Error::Storage(object_store::Error::Generic { store: "blobs", source: Box::new(error) })
}

fn written_at(object: &ObjectMeta) -> Timestamp {
    Timestamp::from_second(object.last_modified.timestamp()).unwrap_or(Timestamp::MAX)
}

fn blob_path(digest: &ContentDigest) -> Path {
    Path::from(digest.path())
}

fn chunk_path(upload: Uuid, chunk: Uuid) -> Path {
    Path::from(format!("{CHUNKS}/{upload}/{chunk}"))
}
