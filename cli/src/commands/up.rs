//! `chandlery up`: a registry and a host for one machine, in one process.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chandlery_accounts::{self as accounts, Scope};
use chandlery_host::engines::Isolate;
use chandlery_host::users::SignIn;
use chandlery_host::{Settings, Trust};
use chandlery_package::Namespace;
use chandlery_package::wire::LogInBy;
use chandlery_sandbox::Limits;
use clap::Args;

use super::host::LOCALHOST;
use super::registry::{self, Terms, bind, stopped};
use super::work::worker;
use crate::api::{Context, HOST_LISTEN, REGISTRY_LISTEN};
use crate::arguments::one_of;
use crate::failure::{Failure, Result};
use crate::home::{read_token, write_private};
use crate::private::keep_private;
use crate::show;

/// The registry's account that this machine's usage is counted for.
const HOST_ACCOUNT: &str = "this-machine";

/// Run a registry and a host together.
#[derive(Args)]
pub struct Up {
    /// Where they keep everything; the user's own folder, where none is named
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the registry listens
    #[arg(long, value_name = "ADDR", default_value = REGISTRY_LISTEN)]
    registry_listen: SocketAddr,
    /// Where the host listens
    #[arg(long, value_name = "ADDR", default_value = HOST_LISTEN)]
    host_listen: SocketAddr,
    /// How often usage is metered and sent
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    meter_seconds: u64,
    /// Where the ports of deployments are reached
    #[arg(long, value_name = "IP", default_value_t = LOCALHOST)]
    expose: IpAddr,
    /// Whether bubblewrap keeps replicas on this machine from their own files: where it can, always or else do not start, or never
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = one_of::<Isolate>())]
    isolate: Isolate,
    #[command(flatten)]
    terms: Terms,
}

/// How often the registry's log is read.
const FOLLOW_EVERY: Duration = Duration::from_secs(30);

impl Up {
    pub async fn run(self, context: &Context) -> Result {
        let (registry_data, host_data) = match &self.data {
            Some(data) => (data.join("registry"), data.join("host")),
            None => (context.home.path("registry"), context.host_data()),
        };
        keep_private(&registry_data)?;
        keep_private(&host_data)?;
        let (registry, listener, address) =
            registry::open_here(&registry_data, self.registry_listen, &self.terms).await?;
        let token = host_account(&registry, &host_data.join("registry.token")).await?;
        let settings = Settings {
            data: host_data.clone(),
            registry: Some(format!("http://{address}")),
            registry_token: Some(token),
            trust: Trust::default(),
            meter_every: Duration::from_secs(self.meter_seconds.max(1)),
            follow_every: FOLLOW_EVERY,
            worker: worker()?,
            limits: Limits::default(),
            expose: self.expose,
            isolate: self.isolate,
            hidden: vec![registry_data.clone(), context.home.folder().to_owned()],
            sign_in: SignIn::default(),
        };
        let host = chandlery_host::Host::open(&settings).await?;
        let (host_listener, host_address) = bind(self.host_listen).await?;

        // Before anybody is told that they can log in, which is kept in the same file.
        let token = host_data.canonicalize()?.join("host.token");
        context.home.keep_host_token_file(&format!("http://{host_address}"), &token)?;
        let (stopped_registry, stopped_host) = (stopped()?, stopped()?);
        registry::announce(&registry_data, address);
        show::done(format!("host at http://{host_address}"));
        show::note(format!("the token of its first admin is in {}: commands find it there", token.display()));
        show::note(format!(
            "payout dashboard at http://{address}/dashboard; Ctrl-C stops both, deployments go on"
        ));
        let serve_registry = chandlery_registry::serve(registry, listener, stopped_registry);
        let serve_host = chandlery_host::serve(host, &settings, host_listener, stopped_host);
        let (registry, host) = tokio::join!(serve_registry, serve_host);
        registry?;
        Ok(host?)
    }
}

/// The token of this machine's account, made the first time. It is written down before it is used.
async fn host_account(registry: &chandlery_registry::Registry, path: &std::path::Path) -> Result<String> {
    if path.exists() {
        return read_token(path);
    }
    let name: Namespace = HOST_ACCOUNT.parse().map_err(|error| Failure::of(format!("{error}")))?;
    let password = uuid::Uuid::new_v4().to_string();
    match accounts::register(&registry.db, &name, &password).await {
        Ok(()) | Err(chandlery_accounts::Error::Conflict(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let machine = accounts::Actor::machine();
    let (db, by) = (&registry.db, LogInBy::Password);
    let token = accounts::issue_token(db, &machine, &name, &Scope::Full, "this host", None, by).await?;
    write_private(path, &token)?;
    Ok(token)
}
