//! The marketplace server.
//!
//! Each room owns its types, its SQL and its routes: here, [`catalog`], [`oci`] and the pages in [`web`]; in crates of their own the
//! accounts, the log and the rooms of the money. State lives in the database and the blob store, nowhere else.
//!
//! The root puts the rooms together: it hands each what it works with, and no room knows it.

pub mod audit;
pub mod backup;
pub mod catalog;
mod chores;
mod console;
mod cross_site;
mod deletion;
pub mod docs;
mod error;
mod error_pages;
mod export;
mod guard;
mod idempotency;
#[cfg(test)]
mod lists;
pub mod machine;
mod markdown;
mod metrics;
pub mod moderation;
mod nul;
pub mod oci;
pub mod security_txt;
mod server;
mod settings;
mod shell;
mod team;
#[cfg(test)]
mod testing;
pub mod trusted;
pub mod web;
pub mod witness;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use chandlery_accounts::{Accounts, Dns, SessionCookie};
use chandlery_edge::Site;
use chandlery_money::Finance;
use chandlery_package::browser;
use chandlery_package::problem::Kind;
use chandlery_store::{Facts, files};
use chandlery_tasks::{Supervisor, connections};
use tokio::net::TcpListener;
use tower_http::trace::TraceLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use audit::Exports;
use catalog::{Catalog, Planner};
use chores::Chores;
use cross_site::OwnPages;
use guard::Guard;
use idempotency::Once;
use metrics::{Health, Metrics};
use oci::Oci;
use security_txt::SecurityTxt;
use trusted::Trusted;

pub use chandlery_edge::{Network, Proxies};
pub use chandlery_store::{Cell, Clock, Db, Storage, Write, insert_rows, time};
pub use error::Error;
pub use settings::{Limits, Settings};

/// The kinds of errors of the registry and of all the crates that it is built on.
pub fn error_kinds() -> Vec<&'static Kind> {
    let parts = [
        chandlery_store::KINDS,
        chandlery_edge::KINDS,
        chandlery_log::KINDS,
        chandlery_money::KINDS,
        catalog::KINDS,
        oci::KINDS,
        trusted::KINDS,
        error::KINDS,
    ];
    parts.into_iter().flatten().copied().collect()
}

/// What the interface is called in the document that describes it.
const TITLE: &str = "Chandlery registry";
/// What its readers should know first.
const DESCRIPTION: &str = "Everything that a registry does but the push and pull of artifacts, which the OCI distribution \
    specification describes (below `/v2/`), and the reading of the transparency log, which C2SP tlog-tiles describes (below `/log/`). \
    A problem (RFC 9457) says by a stable word what went wrong, and what to do next.";

/// The running registry: what each of its rooms works with.
#[derive(Clone)]
pub struct Registry {
    /// The database, which all rooms share.
    pub db: Db,
    /// What time it is for the money.
    pub clock: Clock,
    /// What the rooms of the money share.
    pub finance: Finance,
    oci: Oci,
    catalog: Catalog,
    trusted: Trusted,
    exports: Arc<Exports>,
    security: Arc<SecurityTxt>,
    tasks: Supervisor,
    guard: Arc<Guard>,
    metrics: Metrics,
    styleguide: bool,
}

impl Registry {
    /// Opens the registry in its data directory, making what is not there yet: the database, the log's key and the
    /// first operator, whose password and token are written to `operator.password` and `operator.token`.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let data = &settings.data;
        files::create_private_dir(data)?;
        let db = settings.open_database().await?;
        let storage = settings.open_storage()?;
        let log = Arc::new(settings.open_log(&db).await?);
        let clock = Clock::open(settings.virtual_clock, &Facts(&db)).await?;
        let site = Site::at(settings.url.as_deref())?;
        let cookie = if site.is_secure() { SessionCookie::Secure } else { SessionCookie::Plain };
        let accounts = Accounts::open(db.clone(), cookie).await?;
        let accounts = accounts
            .with_writes_per_minute(settings.limits.writes_per_minute())
            .with_registrations_per_hour(settings.limits.registrations_per_hour)
            .reached_at(settings.url.as_deref())
            .with_passkeys_at(settings.passkeys_at.as_deref())
            .asking(Dns::at(settings.dns))
            .demanding(settings.limits.second_factor);
        chandlery_accounts::make_first_operator(&db, data).await?;
        let finance = Finance {
            db: db.clone(),
            clock: clock.clone(),
            accounts: accounts.clone(),
            log,
            hold_days: settings.hold_days,
            usage_days: settings.usage_days,
            approval_hours: settings.approval_hours,
            processor: settings.processor.clone().map(Arc::new),
            mail: settings.mail.clone().map(Arc::new),
            vies: settings.vies.clone().map(Arc::new),
            private_webhooks: settings.private_webhooks,
            on_offer: catalog::offer_changed,
        };
        let oci = Oci {
            db: db.clone(),
            clock: clock.clone(),
            storage: storage.clone(),
            accounts: accounts.clone(),
            limits: Arc::new(settings.limits.clone()),
            cache: Arc::new(oci::Cache::new(db.is_ours_alone())),
            downloads: Arc::default(),
            site,
        };
        let trusted = Trusted {
            db: db.clone(),
            accounts: accounts.clone(),
            site: oci.site.clone(),
            keys: Arc::default(),
        };
        let worker = settings.worker.clone();
        let planner = Arc::new(Planner::new(data.join("compiled"), worker.clone()));
        let catalog = Catalog {
            db: db.clone(),
            accounts,
            oci: oci.clone(),
            search: Arc::default(),
            inspector: catalog::Inspector::new(worker),
            planner,
        };
        catalog::fill_in_order(&db).await?;
        catalog::fill_in_looks(&db).await?;
        let guard = Guard::new(settings.limits.requests_per_second, settings.limits.proxies.clone());
        let tasks = Supervisor::default();
        let metrics = Metrics::new(db.clone(), clock.clone(), storage, tasks.clone());
        let (exports, guard) = (Arc::new(settings.exports.clone()), Arc::new(guard));
        let (security, styleguide) = (Arc::new(settings.security.clone()), settings.styleguide);
        Ok(Self {
            db,
            clock,
            finance,
            oci,
            catalog,
            trusted,
            exports,
            security,
            tasks,
            guard,
            metrics,
            styleguide,
        })
    }

    /// The routes of `/api/v1` from all rooms, and the document that was collected from them.
    fn interface(&self) -> (Router, OpenApi) {
        let (routes, collected) = OpenApiRouter::new()
            .merge(chandlery_log::routes(self.db.clone(), Arc::clone(&self.finance.log)))
            .merge(chandlery_accounts::routes(self.finance.accounts.clone()))
            .merge(catalog::routes(self.catalog.clone()))
            .merge(moderation::routes(self.catalog.clone()))
            .merge(export::routes(self.finance.accounts.clone()))
            .merge(deletion::routes(self.finance.clone()))
            .merge(oci::api(self.oci.clone()))
            .merge(trusted::routes(self.trusted.clone()))
            .merge(chandlery_money::routes(self.finance.clone()))
            .split_for_parts();
        (routes, chandlery_openapi::describe(collected, TITLE, DESCRIPTION))
    }

    fn router(self) -> Router {
        let (api, document) = self.interface();
        let own = OwnPages { site: self.oci.site.clone(), cookie: self.oci.accounts.cookie };
        let accounts = self.oci.accounts.clone();
        let once = Once { accounts: accounts.clone(), db: self.db.clone() };
        let health = Health {
            metrics: self.metrics.clone(),
            finance: self.finance.clone(),
            exports: Arc::clone(&self.exports),
        };
        Router::new()
            .merge(metrics::routes(self.metrics.clone()))
            .merge(security_txt::routes(self.security))
            .merge(chandlery_accounts::scim::routes(self.oci.accounts.clone()))
            .merge(docs::routes(self.oci.accounts.clone(), self.oci.site.clone()))
            .merge(oci::routes(self.oci))
            .merge(api)
            .merge(chandlery_openapi::routes(&document))
            .merge(web::routes(self.finance, Arc::clone(&self.catalog.search), self.styleguide))
            .merge(metrics::pages(health))
            .merge(audit::pages(accounts.clone()))
            .merge(moderation::pages(self.catalog.clone()))
            .merge(catalog::pages(self.catalog))
            .layer(DefaultBodyLimit::max(chandlery_edge::BODY_BYTES_MAX))
            .layer(from_fn_with_state((self.clock, self.db), follow_clock))
            .layer(from_fn(nul::refuse))
            .layer(from_fn_with_state(once, idempotency::once))
            .layer(from_fn_with_state(own, cross_site::refuse))
            .layer(from_fn_with_state(self.guard, guard::pass))
            .layer(from_fn_with_state(self.metrics, metrics::count))
            .layer(from_fn_with_state(accounts, error_pages::show))
            .layer(map_response(browser::protected))
            .layer(TraceLayer::new_for_http())
    }

    fn chores(&self) -> Chores {
        Chores {
            guard: Arc::clone(&self.guard),
            oci: self.oci.clone(),
            finance: self.finance.clone(),
            exports: Arc::clone(&self.exports),
            catalog: self.catalog.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

/// Serves a registry on a listener until `stop` completes, then finishes the requests at hand.
pub async fn serve(
    registry: Registry,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    chores::start(&registry.tasks, &registry.chores());
    let door = server::Gate::new(registry.guard.proxies().clone());
    connections::serve(listener, registry.clone().router(), door, stop).await;
    registry.tasks.stop();
    registry.metrics.leave().await?;
    Ok(catalog::write_downloads(&registry.db, &registry.oci.downloads).await?)
}

/// Lets the clocks of all replicas be the same before a request is answered.
async fn follow_clock(
    State((clock, db)): State<(Clock, Db)>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    clock.follow(&db).await?;
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
