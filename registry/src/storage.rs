//! Where content lives: by digest, written once, complete or not there.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use chandlery_package::Digest;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::Error;

/// The blob store.
#[derive(Clone)]
pub struct Storage(Arc<dyn ObjectStore>);

impl Storage {
    /// Keeps blobs in a folder.
    pub fn folder(path: &FilePath) -> Result<Self, Error> {
        std::fs::create_dir_all(path)
            .map_err(|error| Error::File { path: path.display().to_string(), error })?;
        Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(path)?)))
    }

    /// Stores a blob under its own digest.
    pub async fn put(&self, digest: Digest, bytes: Bytes) -> Result<(), Error> {
        self.0.put(&blob_path(digest), bytes.into()).await?;
        Ok(())
    }

    /// The whole of a blob.
    pub async fn get(&self, digest: Digest) -> Result<Bytes, Error> {
        Ok(self.0.get(&blob_path(digest)).await?.bytes().await?)
    }

    /// A blob piece by piece.
    pub async fn stream(
        &self,
        digest: Digest,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Error> {
        Ok(self.0.get(&blob_path(digest)).await?.into_stream())
    }

    /// Stores one piece of an upload.
    pub async fn put_chunk(&self, upload: &str, index: i64, bytes: Bytes) -> Result<(), Error> {
        self.0.put(&chunk_path(upload, index), bytes.into()).await?;
        Ok(())
    }

    /// One piece of an upload.
    pub async fn get_chunk(&self, upload: &str, index: i64) -> Result<Bytes, Error> {
        Ok(self.0.get(&chunk_path(upload, index)).await?.bytes().await?)
    }

    /// Forgets an upload. What is left by a crash in between is only space.
    pub async fn delete_chunks(&self, upload: &str) -> Result<(), Error> {
        let mut found = self.0.list(Some(&Path::from(format!("uploads/{upload}"))));
        while let Some(object) = found.next().await {
            self.0.delete(&object?.location).await?;
        }
        Ok(())
    }
}

fn blob_path(digest: Digest) -> Path {
    let hex = digest.hex();
    Path::from(format!("sha256/{}/{hex}", &hex[..2]))
}

fn chunk_path(upload: &str, index: i64) -> Path {
    Path::from(format!("uploads/{upload}/{index:08}"))
}
