//! The marketplace server.
//!
//! Each room owns its types, its SQL and its routes: [`accounts`], [`catalog`], [`oci`], [`log`], [`billing`],
//! [`ledger`], [`payouts`] and the pages in [`web`]. State lives in the database and the blob store, nowhere else.

pub mod accounts;
pub mod billing;
pub mod catalog;
mod db;
mod error;
mod extract;
pub mod ledger;
pub mod log;
pub mod oci;
pub mod payouts;
mod storage;
pub mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use tokio::net::TcpListener;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

pub use db::{Db, Write, time};
pub use error::Error;
pub use storage::Storage;

/// The largest request body: a component of the greatest size, pushed at once.
const BODY_BYTES_MAX: usize = chandlery_package::component::COMPONENT_BYTES_MAX + (1 << 20);

/// How a registry is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it keeps everything.
    pub data: PathBuf,
    /// What its log is called: a schema-less URL, by C2SP's advice.
    pub origin: String,
    /// How many days an earning stays on hold.
    pub hold_days: u32,
}

/// The running registry, shared by all requests.
#[derive(Clone)]
pub struct Registry {
    /// The database.
    pub db: Db,
    /// The blob store.
    pub storage: Storage,
    /// The log's signer.
    pub log: Arc<log::Log>,
    /// How long earnings stay on hold.
    pub hold_days: u32,
}

impl Registry {
    /// Opens the registry in its data directory, making what is not there yet: the database, the log's key and the
    /// first operator, whose password and token are written to `operator.password` and `operator.token`.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let data = &settings.data;
        create_private_dir(data)?;
        let db = Db::open(&format!("sqlite://{}?mode=rwc", data.join("registry.db").display())).await?;
        let storage = Storage::folder(&data.join("blobs"))?;
        let log = Arc::new(log::Log::open(&data.join("log.key"), &settings.origin)?);
        let registry = Self { db, storage, log, hold_days: settings.hold_days };
        accounts::make_first_operator(&registry, data).await?;
        Ok(registry)
    }

    fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .merge(oci::routes())
            .merge(log::routes())
            .merge(accounts::routes())
            .merge(catalog::routes())
            .merge(billing::routes())
            .merge(ledger::routes())
            .merge(payouts::routes())
            .merge(web::routes())
            .layer(axum::extract::DefaultBodyLimit::disable())
            .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
            .layer(SetResponseHeaderLayer::overriding(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .layer(TraceLayer::new_for_http())
            .with_state(self)
    }
}

/// Serves a registry on a listener until `stop` completes, then finishes the requests at hand.
pub async fn serve(
    registry: Registry,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let matured = tokio::spawn(release_matured_earnings(registry.clone()));
    let served = axum::serve(listener, registry.router()).with_graceful_shutdown(stop).await;
    matured.abort();
    served.map_err(|error| Error::File { path: "the listening socket".into(), error })
}

/// Earnings whose hold is over become available within a minute.
async fn release_matured_earnings(registry: Registry) {
    let mut every_minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        every_minute.tick().await;
        if let Err(error) = payouts::release_matured(&registry.db, jiff::Timestamp::now()).await {
            tracing::error!(%error, "earnings could not be released from their hold");
        }
    }
}

fn create_private_dir(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::File { path: path.display().to_string(), error })
}

/// Writes a secret so that only its owner can read it, whole or not at all.
fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = path.with_extension("draft");
    let write = || {
        let mut file =
            std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().map_err(|error| Error::File { path: path.display().to_string(), error })
}
