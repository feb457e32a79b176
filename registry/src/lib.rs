//! The marketplace server.
//!
//! Each room owns its types, its SQL and its routes: here, [`catalog`], [`oci`] and the pages in [`web`]; in crates of their own the
//! accounts, the log and the rooms of the money. State lives in the database and the blob store, nowhere else.

pub mod backup;
pub mod catalog;
mod chores;
mod error;
mod guard;
mod kinds;
mod metrics;
pub mod oci;
mod server;
#[cfg(test)]
mod testing;
pub mod web;
pub mod witness;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use chandlery_accounts::Accounts;
use chandlery_log::{Log, WitnessAt};
use chandlery_money::{Finance, Mail, Processor};
use chandlery_package::problem::Kind;
use chandlery_store::{Facts, files};
use chandlery_tasks::Supervisor;
use tokio::net::TcpListener;
use tower_http::trace::TraceLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use chandlery_store::{Cell, Clock, Db, Storage, Write, insert_rows, time};
pub use error::Error;

/// The kinds of errors of the registry and of all the crates that it is built on.
pub fn error_kinds() -> Vec<&'static Kind> {
    let parts = [
        chandlery_store::KINDS,
        chandlery_edge::KINDS,
        chandlery_accounts::KINDS,
        chandlery_log::KINDS,
        chandlery_money::KINDS,
        catalog::KINDS,
        oci::KINDS,
        error::KINDS,
    ];
    parts.into_iter().flatten().copied().collect()
}

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
    pub witnesses: Vec<WitnessAt>,
    /// How many days an earning stays on hold.
    pub hold_days: u32,
    /// Whether an operator sets the time for the money, as a simulation needs it.
    pub virtual_clock: bool,
    /// Where payments come in beside bank transfers.
    pub processor: Option<Processor>,
    /// How mail leaves; none: customers are told on their page alone.
    pub mail: Option<Mail>,
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

/// What the interface is called in the document that describes it.
const TITLE: &str = "Chandlery registry";
/// What its readers should know first.
const DESCRIPTION: &str = "Everything that a registry does but the push and pull of artifacts, which the OCI distribution \
    specification describes (below `/v2/`), and the reading of the transparency log, which C2SP tlog-tiles describes (below `/log/`). \
    A problem (RFC 9457) says by a stable word what went wrong, and what to do next.";

/// The running registry, shared by all requests.
#[derive(Clone)]
pub struct Registry {
    /// The database.
    pub db: Db,
    /// The blob store.
    pub storage: Storage,
    /// The log's signer.
    pub log: Arc<Log>,
    /// What time it is for the money.
    pub clock: Clock,
    /// Who asks.
    pub accounts: Accounts,
    /// What the rooms of the money share.
    pub finance: Finance,
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
        let log =
            Arc::new(Log::open(&data.join("log.key"), &settings.origin, &settings.witnesses, &facts).await?);
        let clock = Clock::open(settings.virtual_clock, &facts).await?;
        let cache = Arc::new(oci::Cache::new(db.is_ours_alone()));
        let accounts = Accounts::open(db.clone()).await?;
        chandlery_accounts::make_first_operator(&db, data).await?;
        let finance = Finance {
            db: db.clone(),
            clock: clock.clone(),
            accounts: accounts.clone(),
            log: Arc::clone(&log),
            hold_days: settings.hold_days,
            processor: settings.processor.clone().map(Arc::new),
            mail: settings.mail.clone().map(Arc::new),
            on_offer: catalog::offer_changed,
        };
        Ok(Self {
            db,
            storage,
            log,
            clock,
            accounts,
            finance,
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
            url: settings.url.as_deref().map(|url| url.trim_end_matches('/').into()),
        })
    }

    /// Where the client that sent these headers reaches the registry.
    pub fn url(&self, headers: &HeaderMap) -> String {
        let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        self.url.as_deref().map_or_else(|| format!("http://{}", host()), str::to_owned)
    }

    /// The routes of `/api/v1` from all rooms, and the document that was collected from them.
    fn interface(&self) -> (Router<Self>, OpenApi) {
        let (routes, collected) = OpenApiRouter::new()
            .merge(chandlery_log::routes(self.db.clone(), Arc::clone(&self.log)))
            .merge(chandlery_accounts::routes(self.accounts.clone()))
            .merge(catalog::routes())
            .merge(oci::api())
            .merge(chandlery_money::routes(self.finance.clone()))
            .split_for_parts();
        (routes, chandlery_openapi::describe(collected, TITLE, DESCRIPTION))
    }

    fn router(self) -> Router {
        let (api, document) = self.interface();
        Router::new()
            .merge(metrics::routes())
            .merge(oci::routes())
            .merge(api)
            .merge(chandlery_openapi::routes(&document))
            .merge(web::routes())
            .layer(axum::extract::DefaultBodyLimit::max(chandlery_edge::BODY_BYTES_MAX))
            .layer(axum::middleware::from_fn_with_state(self.clone(), follow_clock))
            .layer(axum::middleware::from_fn_with_state(self.clone(), guard::pass))
            .layer(TraceLayer::new_for_http())
            .with_state(self)
    }
}

impl FromRef<Registry> for Accounts {
    fn from_ref(registry: &Registry) -> Self {
        registry.accounts.clone()
    }
}

impl FromRef<Registry> for Finance {
    fn from_ref(registry: &Registry) -> Self {
        registry.finance.clone()
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
    Ok(registry.downloads.flush(&registry.db).await?)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chandlery_openapi::snapshot;

    #[tokio::test]
    async fn the_interface_is_as_its_copy_in_the_repository_has_it() {
        let (_folder, registry) = crate::testing::registry().await;
        let (_, document) = registry.interface();
        assert_eq!(snapshot::gaps(&document), Vec::<String>::new());
        let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi/registry.json");
        snapshot::compare(&document, &copy).unwrap_or_else(|complaint| panic!("{complaint}"));
    }
}
