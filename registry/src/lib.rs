//! The marketplace server.
//!
//! Each room owns its types, its SQL and its routes: [`accounts`], [`catalog`], [`oci`], [`log`], [`billing`],
//! [`ledger`], [`sharing`], [`payouts`], [`figures`] and the pages in [`web`]. State lives in the database and the blob store, nowhere else.

pub mod accounts;
pub mod backup;
pub mod billing;
pub mod catalog;
mod chores;
pub mod consultants;
mod error;
pub mod exchange;
mod extract;
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
#[cfg(test)]
mod testing;
pub mod web;
pub mod witness;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use chandlery_store::{Facts, files};
use chandlery_tasks::Supervisor;
use tokio::net::TcpListener;
use tower_http::trace::TraceLayer;

pub use chandlery_store::{Cell, Clock, Db, Storage, Write, insert_rows, time};
pub use error::Error;

/// The largest body of a request that is not a push, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

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
        Ok(Storage::open(&self.storage.clone().unwrap_or_else(own))?)
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
    tasks: Supervisor,
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
        files::create_private_dir(data)?;
        let db = settings.open_database().await?;
        let storage = settings.open_storage()?;
        let facts = Facts(&db);
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
            tasks: Supervisor::default(),
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
            .layer(axum::middleware::from_fn_with_state(self.clone(), follow_clock))
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
    chores::start(&registry);
    server::serve(listener, registry.clone().router(), stop).await;
    registry.tasks.stop();
    registry.downloads.flush(&registry.db).await
}

/// Lets the clocks of all replicas be the same before a request is answered.
async fn follow_clock(
    State(registry): State<Registry>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    registry.clock.follow(&registry.db).await?;
    Ok(next.run(request).await)
}
