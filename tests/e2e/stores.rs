//! Where a world's registry keeps its data: SQLite and a folder or, where the environment names them, PostgreSQL and S3,
//! which two replicas of the registry share (`tests/stores.sh` starts both servers).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chandlery_package::Digest;
use chandlery_store::Db;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tokio::runtime::Runtime;

/// The bucket, which `tests/stores.sh` makes.
const BUCKET: &str = "chandlery";

/// A database of PostgreSQL as the migrations leave an empty one, which others are copied from: to run them takes seconds.
static TABLES: OnceLock<String> = OnceLock::new();

/// One registry's data.
pub struct Stores {
    /// The folder of the first replica.
    pub data: PathBuf,
    shared: Option<Shared>,
    runtime: Runtime,
}

struct Shared {
    /// A server's address, without a database.
    postgres: String,
    /// The name of this world's database, and of its part of the bucket.
    name: String,
}

impl Stores {
    /// Empty stores in a folder, or on the servers that the environment names.
    pub fn new(folder: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let shared = std::env::var("CHANDLERY_TEST_POSTGRES").ok().map(|postgres| Shared {
            postgres,
            name: format!("chandlery_{}", uuid::Uuid::new_v4().simple()),
        });
        let stores = Self { data: folder.join("registry"), shared, runtime };
        if let Some(shared) = &stores.shared {
            let tables = TABLES.get_or_init(|| stores.make_tables(shared));
            stores.administer(&format!("create database {} template {tables}", shared.name));
        }
        stores
    }

    /// Makes the database that others are copied from, and says what it is called. Nobody may be connected to it by then.
    fn make_tables(&self, shared: &Shared) -> String {
        let name = format!("{}_tables", shared.name);
        self.administer(&format!("create database {name}"));
        let runtime = Runtime::new().unwrap();
        runtime.block_on(Db::open(&format!("{}/{name}", shared.postgres))).unwrap();
        name
    }

    /// How many replicas share them.
    pub fn replicas(&self) -> usize {
        if self.shared.is_some() { 2 } else { 1 }
    }

    /// What a registry is told of them.
    pub fn arguments(&self) -> Vec<String> {
        let Some(shared) = &self.shared else { return Vec::new() };
        let storage = format!("s3://{BUCKET}/{}", shared.name);
        vec!["--database".into(), self.database(), "--storage".into(), storage]
    }

    /// The address of the database, where it is PostgreSQL.
    pub fn postgres(&self) -> Option<String> {
        self.shared.as_ref().map(|_| self.database())
    }

    fn database(&self) -> String {
        match &self.shared {
            Some(shared) => format!("{}/{}", shared.postgres, shared.name),
            None => format!("sqlite://{}", self.data.join("registry.db").display()),
        }
    }

    fn administer(&self, sql: &str) {
        if let Some(shared) = &self.shared {
            self.execute(&format!("{}/postgres", shared.postgres), sql);
        }
    }

    fn execute(&self, url: &str, sql: &str) {
        install_default_drivers();
        self.runtime.block_on(async {
            let mut connection = AnyConnection::connect(url).await.unwrap();
            sqlx::query(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        });
    }

    /// Changes the registry's database behind its back.
    pub fn sql(&self, sql: &str) {
        self.execute(&self.database(), sql);
    }

    /// Rows of one text column of the registry's database.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        install_default_drivers();
        self.runtime.block_on(async {
            let mut connection = AnyConnection::connect(&self.database()).await.unwrap();
            let rows: Vec<(String,)> =
                sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            rows.into_iter().map(|(text,)| text).collect()
        })
    }

    /// Changes a blob's bytes behind the registry's back.
    pub fn change_blob(&self, digest: Digest, change: impl FnOnce(&mut Vec<u8>)) {
        let path = format!("sha256/{}/{}", &digest.hex()[..2], digest.hex());
        let store: Box<dyn ObjectStore> = match &self.shared {
            None => Box::new(LocalFileSystem::new_with_prefix(self.data.join("blobs")).unwrap()),
            Some(shared) => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(BUCKET).with_allow_http(true);
                Box::new(PrefixStore::new(builder.build().unwrap(), shared.name.as_str()))
            }
        };
        self.runtime.block_on(async {
            let path = path.as_str().into();
            let mut bytes = store.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
            change(&mut bytes);
            store.put(&path, bytes.into()).await.unwrap();
        });
    }

    /// Keeps a copy of the database. No registry may be running.
    pub fn keep_copy(&self) {
        match &self.shared {
            Some(shared) => {
                self.administer(&format!("create database {0}_older template {0}", shared.name));
            }
            None => copy(&self.data, &self.data.with_extension("older")),
        }
    }

    /// Goes back to the copy. No registry may be running.
    pub fn go_back_to_copy(&self) {
        match &self.shared {
            Some(shared) => {
                self.administer(&format!("drop database {}", shared.name));
                self.administer(&format!("create database {0} template {0}_older", shared.name));
            }
            None => {
                fs::remove_dir_all(&self.data).unwrap();
                copy(&self.data.with_extension("older"), &self.data);
            }
        }
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            for name in [shared.name.clone(), format!("{}_older", shared.name)] {
                self.administer(&format!("drop database if exists {name} with (force)"));
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
