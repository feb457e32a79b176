//! The marketplace server.
//!
//! Each room owns its types, its SQL and its routes: [`accounts`], [`catalog`], [`oci`], [`log`], [`billing`],
//! [`ledger`], [`sharing`], [`payouts`], [`figures`] and the pages in [`web`]. State lives in the database and the blob store, nowhere else.

pub mod accounts;
pub mod backup;
pub mod billing;
pub mod catalog;
mod clock;
pub mod consultants;
mod content;
mod db;
mod error;
pub mod exchange;
mod extract;
mod facts;
pub mod figures;
mod guard;
mod laws;
pub mod ledger;
pub mod log;
mod metrics;
pub mod oci;
pub mod payouts;
mod server;
pub mod sharing;
mod storage;
#[cfg(test)]
mod testing;
pub mod web;
pub mod witness;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, header};
use tokio::net::TcpListener;
use tower_http::trace::TraceLayer;

pub use clock::Clock;
pub use db::{Cell, Db, Write, insert_rows, time};
pub use error::Error;
pub use storage::Storage;

/// The largest body of a request that is not a push, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How old what belongs to nothing must be to be garbage: longer than any push takes.
const GARBAGE_AGE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// How a registry is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it keeps its secrets and, unless the next two say otherwise, everything else.
    pub data: PathBuf,
    /// The database's address, `postgres://…`; none: SQLite in the data directory.
    pub database: Option<String>,
    /// Where blobs are kept, `s3://BUCKET[/PREFIX]` or a folder; none: a folder in the data directory.
    pub storage: Option<String>,
    /// Where clients reach it; none: wherever their `Host` header says, by plain HTTP.
    pub url: Option<String>,
    /// What its log is called: a schema-less URL, by C2SP's advice.
    pub origin: String,
    /// Who is asked to cosign the log's checkpoints.
    pub witnesses: Vec<log::WitnessAt>,
    /// How many days an earning stays on hold.
    pub hold_days: u32,
    /// Whether an operator sets the time for the money, as a simulation needs it.
    pub virtual_clock: bool,
    /// Where payments come in beside bank transfers.
    pub processor: Option<billing::Processor>,
    /// How mail leaves; none: customers are told on their page alone.
    pub mail: Option<billing::Mail>,
    /// What it accepts.
    pub limits: Limits,
}

impl Settings {
    async fn open_database(&self) -> Result<Db, Error> {
        let own = || format!("sqlite://{}?mode=rwc", self.data.join("registry.db").display());
        Ok(Db::open(&self.database.clone().unwrap_or_else(own)).await?)
    }

    fn open_storage(&self) -> Result<Storage, Error> {
        let own = || self.data.join("blobs").display().to_string();
        Storage::open(&self.storage.clone().unwrap_or_else(own))
    }
}

/// What a registry accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest blob.
    pub blob_bytes_max: u64,
    /// How much one namespace may keep.
    pub namespace_bytes_max: u64,
    /// How many requests per second each address, and each token, may make.
    pub requests_per_second: NonZeroU32,
    /// Whether requests come through a proxy, which says from where in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Whether a manifest may name content that is not here, as mirrors need it that copy on demand.
    pub sparse_manifests: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob_bytes_max: 2 << 30,
            namespace_bytes_max: 100 << 30,
            requests_per_second: NonZeroU32::MIN.saturating_add(499),
            behind_proxy: false,
            sparse_manifests: false,
        }
    }
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
    /// What time it is for the money.
    pub clock: Clock,
    /// Where payments come in beside bank transfers.
    pub processor: Option<Arc<billing::Processor>>,
    /// How mail leaves.
    pub mail: Option<Arc<billing::Mail>>,
    /// What it accepts.
    pub limits: Arc<Limits>,
    /// What was looked up before.
    pub cache: Arc<oci::Cache>,
    /// What can be searched.
    pub search: Arc<catalog::Search>,
    /// Pulls not yet written down.
    pub downloads: Arc<oci::Downloads>,
    guard: Arc<guard::Guard>,
    metrics: Arc<metrics::Metrics>,
    bearer_key: Arc<[u8]>,
    url: Option<Arc<str>>,
}

impl Registry {
    /// Opens the registry in its data directory, making what is not there yet: the database, the log's key and the
    /// first operator, whose password and token are written to `operator.password` and `operator.token`.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let data = &settings.data;
        create_private_dir(data)?;
        let db = settings.open_database().await?;
        let storage = settings.open_storage()?;
        let facts = facts::Facts(&db);
        let log = Arc::new(
            log::Log::open(&data.join("log.key"), &settings.origin, &settings.witnesses, &facts).await?,
        );
        let bearer_key = accounts::bearer::key(&facts).await?.into();
        let clock = Clock::open(settings.virtual_clock, &facts).await?;
        let cache = Arc::new(oci::Cache::new(db.is_ours_alone()));
        let registry = Self {
            db,
            storage,
            log,
            hold_days: settings.hold_days,
            clock,
            processor: settings.processor.clone().map(Arc::new),
            mail: settings.mail.clone().map(Arc::new),
            limits: Arc::new(settings.limits.clone()),
            cache,
            search: Arc::default(),
            downloads: Arc::default(),
            guard: Arc::new(guard::Guard::new(
                settings.limits.requests_per_second,
                settings.limits.behind_proxy,
            )),
            metrics: Arc::default(),
            bearer_key,
            url: settings.url.as_deref().map(|url| url.trim_end_matches('/').into()),
        };
        accounts::make_first_operator(&registry, data).await?;
        Ok(registry)
    }

    /// Where the client that sent these headers reaches the registry.
    pub fn url(&self, headers: &HeaderMap) -> String {
        let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        self.url.as_deref().map_or_else(|| format!("http://{}", host()), str::to_owned)
    }

    fn router(self) -> Router {
        Router::new()
            .merge(metrics::routes())
            .merge(oci::routes())
            .merge(log::routes())
            .merge(accounts::routes())
            .merge(catalog::routes())
            .merge(billing::routes())
            .merge(exchange::routes())
            .merge(ledger::routes())
            .merge(sharing::routes())
            .merge(payouts::routes())
            .merge(consultants::routes())
            .merge(figures::routes())
            .merge(web::routes())
            .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(axum::middleware::from_fn_with_state(self.clone(), clock::follow))
            .layer(axum::middleware::from_fn_with_state(self.clone(), guard::pass))
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
    let chores = tokio::spawn(do_chores(registry.clone()));
    server::serve(listener, registry.clone().router(), stop).await;
    chores.abort();
    registry.downloads.flush(&registry.db).await
}

/// What is done every minute: earnings whose hold is over become available, and pulls are written down. Every hour
/// subscriptions are renewed and garbage is collected. By a virtual clock, what is about money is done when it is moved.
async fn do_chores(registry: Registry) {
    let real = matches!(registry.clock, Clock::Real);
    let mut every_minute = tokio::time::interval(Duration::from_secs(60));
    for minute in 0_u64.. {
        every_minute.tick().await;
        registry.guard.tidy();
        if real && let Err(error) = sharing::release_matured(&registry.db, registry.clock.now()).await {
            tracing::error!(%error, "earnings could not be released from their hold");
        }
        if let Err(error) = registry.downloads.flush(&registry.db).await {
            tracing::error!(%error, "pulls could not be written down");
        }
        send_notices(&registry).await;
        if real
            && minute % 60 == 0
            && let Err(error) = do_what_is_due(&registry).await
        {
            tracing::error!(%error, "subscriptions could not be renewed");
        }
        if minute % 60 == 0
            && let Err(error) = oci::collect(&registry, GARBAGE_AGE).await
        {
            tracing::error!(%error, "garbage could not be collected");
        }
    }
}

async fn send_notices(registry: &Registry) {
    if let Err(error) = billing::send_notices(registry, registry.clock.now()).await {
        tracing::error!(%error, "customers could not be told by e-mail: it is tried again");
    }
}

/// Does all that is due about money by the registry's clock.
async fn do_what_is_due(registry: &Registry) -> Result<(), Error> {
    let now = registry.clock.now();
    sharing::release_matured(&registry.db, now).await?;
    billing::remind(registry, now).await?;
    billing::tell_of_trials(registry, now).await?;
    billing::advance_all(registry, now).await
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
