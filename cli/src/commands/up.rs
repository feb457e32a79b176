//! `chandlery up`: a registry and a host for one machine, in one process.

use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chandlery_host::engines::Isolate;
use chandlery_host::users::SignIn;
use chandlery_host::{Settings, Trust};
use chandlery_package::wire::host::HostAccount;
use chandlery_sandbox::Limits;
use clap::Args;

use super::first_party::{FirstParty, publish};
use super::host::LOCALHOST;
use super::listening::{named, reached};
use super::registry::{self, bind, stopped};
use super::terms::Terms;
use super::work::worker;
use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::Result;
use crate::private::keep_private;
use crate::show;

/// Run a registry and a host together.
#[derive(Args)]
pub struct Up {
    /// Where they keep everything; the user's own folder, where none is named
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the registry listens; where --registry names it, unless given
    #[arg(long, value_name = "ADDR")]
    registry_listen: Option<SocketAddr>,
    /// Where the host listens; where --host names it, unless given
    #[arg(long, value_name = "ADDR")]
    host_listen: Option<SocketAddr>,
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
    first_party: FirstParty,
    #[command(flatten)]
    terms: Terms,
}

/// How often the registry's log is read.
const FOLLOW_EVERY: Duration = Duration::from_secs(30);
/// Where earlier versions kept the token of an account that had the host and that nobody could log in to.
const NOBODYS_TOKEN: &str = "registry.token";

impl Up {
    pub async fn run(self, context: &Context) -> Result {
        let registry_listen = named(self.registry_listen, &context.settings.registry, "--registry-listen")?;
        let host_listen = named(self.host_listen, &context.settings.host, "--host-listen")?;
        let (registry_data, host_data) = match &self.data {
            Some(data) => (data.join("registry"), data.join("host")),
            None => (context.home.path("registry"), context.host_data()),
        };
        keep_private(&registry_data)?;
        keep_private(&host_data)?;
        forget_nobody(&host_data);
        let (registry, listener, address) =
            registry::open_here(&registry_data, registry_listen, &self.terms).await?;
        let url = format!("http://{}", reached(address));
        let settings = self.host_settings(context, &registry_data, &host_data, url.clone())?;
        let host = chandlery_host::Host::open(&settings).await?;
        let (host_listener, host_address) = bind(host_listen, "--host-listen").await?;
        let asks = std::io::stdin().is_terminal();
        let offer = self.first_party.offer(&registry, &registry_data, &url, asks).await?;

        // Before anybody is told that they can log in, which is kept in the same file.
        let token = host_data.canonicalize()?.join("host.token");
        context.home.keep_own_host(&format!("http://{}", reached(host_address)), &token, &url)?;
        let owner = host.account().await?;
        let (stopped_registry, stopped_host) = (stopped()?, stopped()?);
        registry::announce(&registry_data, address);
        announce_host(host_address, &token, &owner);
        show::note(format!(
            "{url} has the shop, {url}/dashboard what partners earn; Ctrl-C stops both, deployments go on"
        ));
        let serve_registry = chandlery_registry::serve(registry, listener, stopped_registry);
        let serve_host = chandlery_host::serve(host, &settings, host_listener, stopped_host);
        let (registry, host, ()) = tokio::join!(serve_registry, serve_host, publish(offer));
        registry?;
        Ok(host?)
    }

    fn host_settings(
        &self,
        context: &Context,
        registry_data: &Path,
        data: &Path,
        registry: String,
    ) -> Result<Settings> {
        Ok(Settings {
            data: data.to_owned(),
            registry: Some(registry),
            // Whoever logs in first claims it.
            registry_token: None,
            trust: Trust::default(),
            meter_every: Duration::from_secs(self.meter_seconds.max(1)),
            follow_every: FOLLOW_EVERY,
            worker: worker()?,
            limits: Limits::default(),
            expose: self.expose,
            isolate: self.isolate,
            hidden: vec![registry_data.to_owned(), context.home.folder().to_owned()],
            sign_in: SignIn::default(),
        })
    }
}

fn announce_host(address: SocketAddr, token: &Path, owner: &HostAccount) {
    show::done(format!("host at http://{address}"));
    show::note(format!("the token of its first admin is in {}: commands find it there", token.display()));
    match &owner.account {
        Some(account) => show::note(format!("the host belongs to '{account}'")),
        None => show::note(
            "the host belongs to the first account that logs in here: `chandlery register NAME` opens one",
        ),
    }
}

/// Where it cannot be removed, it is a token that nobody uses.
fn forget_nobody(host_data: &Path) {
    let _ = std::fs::remove_file(host_data.join(NOBODYS_TOKEN));
}
