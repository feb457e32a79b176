//! `chandlery host`: running one, and who may do what there.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chandlery_host::Settings;
use chandlery_host::engines::Isolate;
use chandlery_package::log::{Quorum, WitnessId};
use chandlery_package::wire::host::HostAccount;
use chandlery_sandbox::Limits;
use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::host_account::{self, Claim};
use super::host_log_in::{self, HostSessions, HostToken};
use super::host_provider::SignInOptions;
use super::host_tokens::HostTokens;
use super::registry::{bind, stopped};
use super::rules::Rules;
use super::teams::Teams;
use super::users::{self, Sought, Users};
use super::work::worker;
use crate::api::{Context, HOST_LISTEN};
use crate::arguments::one_of;
use crate::failure::Result;
use crate::home::read_token;
use crate::private::keep_private;
use crate::show;

/// Run a host, and say who may do what there and what may be installed.
#[derive(Subcommand)]
pub enum Host {
    /// Run a host until it is told to stop; what it has deployed goes on
    Run(Box<Run>),
    /// Say what may be installed: by whom, certified or not, how old, asking for what
    #[command(subcommand)]
    Rules(Rules),
    /// Say who uses it, each with a role
    #[command(subcommand)]
    Users(Users),
    /// Say which users may do what on which targets
    #[command(subcommand)]
    Teams(Teams),
    /// Make and end the tokens of users
    #[command(subcommand)]
    Tokens(HostTokens),
    /// Sign in at a host, by confirming a code on its page
    Login,
    /// Sign out at a host
    Logout,
    /// See and end what users are signed in with
    #[command(subcommand)]
    Sessions(HostSessions),
    /// Replace the token of the first admin
    #[command(subcommand)]
    Token(HostToken),
    /// Show who is signed in, or whose the token is that is used, and what it may do
    Whoami,
    /// Show what users have done, the last first
    Acts(Sought),
    /// Show which account of the registry the host belongs to
    Account,
    /// Let the host belong to the account that is logged in at its registry, or with --for to an organisation
    Claim(Claim),
}

/// Run a host.
#[derive(Args)]
pub struct Run {
    /// Where it keeps everything
    #[arg(long, value_name = "DIR", env = "CHANDLERY_HOST_DATA")]
    data: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = HOST_LISTEN, env = "CHANDLERY_HOST_LISTEN")]
    listen: SocketAddr,
    /// The file that holds a token of the account that the host belongs to; whoever claims it, unless given
    #[arg(long, value_name = "FILE", env = "CHANDLERY_HOST_REGISTRY_TOKEN_FILE")]
    registry_token_file: Option<PathBuf>,
    /// How often usage is metered and sent
    #[arg(long, value_name = "SECONDS", default_value_t = 10, env = "CHANDLERY_HOST_METER_SECONDS")]
    meter_seconds: u64,
    /// How often the registry's log is read for withdrawals, quarantines and revocations
    #[arg(long, value_name = "SECONDS", default_value_t = 30, env = "CHANDLERY_HOST_FOLLOW_SECONDS")]
    follow_seconds: u64,
    /// How long a plugin may take for a plan; a machine that is slow or busy needs more
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=3600),
        env = "CHANDLERY_HOST_PLAN_SECONDS"
    )]
    plan_seconds: u64,
    /// How much processor time compiling a plugin may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "CHANDLERY_HOST_COMPILE_SECONDS")]
    compile_seconds: u64,
    /// How much memory compiling a plugin may take
    #[arg(long, value_name = "MIB", default_value_t = 4096, env = "CHANDLERY_HOST_COMPILE_MIB")]
    compile_mib: u64,
    /// Where the ports of deployments are reached
    #[arg(long, value_name = "IP", default_value_t = LOCALHOST, env = "CHANDLERY_HOST_EXPOSE")]
    expose: IpAddr,
    /// Whether bubblewrap keeps replicas on this machine from the host's own files: where it can, always or else do not start, or never
    #[arg(
        long,
        value_name = "HOW",
        default_value = "auto",
        value_parser = one_of::<Isolate>(),
        env = "CHANDLERY_HOST_ISOLATE"
    )]
    isolate: Isolate,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    sign_in: SignInOptions,
}

/// Where ports are reached by this machine alone.
pub const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Whom to believe.
#[derive(Args, Clone)]
pub struct Trust {
    /// A witness whose cosignature of the log counts; may be given several times
    #[arg(
        long = "witness",
        value_name = "NAME+ID+KEY",
        env = "CHANDLERY_HOST_WITNESS",
        value_delimiter = ','
    )]
    witnesses: Vec<WitnessId>,
    /// How many of the witnesses must have cosigned; all of them, unless given
    #[arg(long, value_name = "K", env = "CHANDLERY_HOST_WITNESSES_NEEDED")]
    witnesses_needed: Option<usize>,
    /// How long ago the log's checkpoint may have been signed, by the witnesses or, without any, by the log
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, env = "CHANDLERY_HOST_CHECKPOINT_SECONDS")]
    checkpoint_seconds: u32,
}

impl Trust {
    /// As the host takes it.
    pub fn to_host(&self) -> chandlery_host::Trust {
        let threshold = self.witnesses_needed.unwrap_or(self.witnesses.len());
        let quorum = Quorum { witnesses: self.witnesses.clone(), threshold };
        let age_max = SignedDuration::from_secs(i64::from(self.checkpoint_seconds));
        chandlery_host::Trust { quorum, age_max }
    }
}

impl Host {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Run(run) => serve(*run, context).await,
            Self::Rules(rules) => rules.run(context).await,
            Self::Users(users) => users.run(context).await,
            Self::Teams(teams) => teams.run(context).await,
            Self::Tokens(tokens) => tokens.run(context).await,
            Self::Login => host_log_in::log_in(context).await,
            Self::Logout => host_log_in::log_out(context).await,
            Self::Sessions(sessions) => sessions.run(context).await,
            Self::Token(token) => token.run(context).await,
            Self::Whoami => users::whoami(context).await,
            Self::Acts(sought) => users::acts(context, sought).await,
            Self::Account => host_account::show(context).await,
            Self::Claim(claim) => claim.run(context).await,
        }
    }
}

async fn serve(run: Run, context: &Context) -> Result {
    keep_private(&run.data)?;
    let registry_token = run.registry_token_file.as_deref().map(read_token).transpose()?;
    let settings = Settings {
        data: run.data.clone(),
        registry: Some(context.settings.registry.clone()),
        registry_token,
        trust: run.trust.to_host(),
        meter_every: Duration::from_secs(run.meter_seconds.max(1)),
        follow_every: Duration::from_secs(run.follow_seconds.max(1)),
        worker: worker()?,
        limits: Limits {
            time: Duration::from_secs(run.plan_seconds),
            compile_time: Duration::from_secs(run.compile_seconds.max(1)),
            compile_bytes: run.compile_mib << 20,
            ..Limits::default()
        },
        expose: run.expose,
        isolate: run.isolate,
        hidden: run
            .registry_token_file
            .into_iter()
            .chain(run.sign_in.secret_file().map(Path::to_owned))
            .chain([context.home.folder().to_owned()])
            .collect(),
        sign_in: run.sign_in.to_host()?,
    };
    let host = chandlery_host::Host::open(&settings).await?;
    let (listener, address) = bind(run.listen, "--listen").await?;
    let stopped = stopped()?;
    show::done(format!("host at http://{address}, for the registry at {}", context.settings.registry));
    show::note(format!("the token of its first admin is in {}", run.data.join("host.token").display()));
    host.announce_owner().await;
    show_owner(&host.account().await?, address, &run.data, &context.settings.registry);
    Ok(chandlery_host::serve(host, &settings, listener, stopped).await?)
}

/// Says whose the host is or, while it is nobody's, how an account has it: by an admin of the host who is logged in to the registry.
fn show_owner(owner: &HostAccount, address: SocketAddr, data: &Path, registry: &str) {
    match &owner.account {
        Some(account) => show::note(format!("the host belongs to '{account}'")),
        None if owner.fixed => {
            show::note("the host belongs to the account of the token that it was started with")
        }
        None => {
            show::note(
                "the host belongs to no account yet: one deployment is free, nothing that costs is installed, and usage waits. In another \
                 terminal, give it to yours:",
            );
            let token = data.join("host.token");
            show::text(&format!(
                "    export CHANDLERY_REGISTRY={registry} CHANDLERY_HOST=http://{address}\n    \
                 export CHANDLERY_HOST_TOKEN=\"$(cat {})\"\n    \
                 chandlery login NAME     # or `chandlery register NAME`\n    \
                 chandlery host claim",
                token.display()
            ));
        }
    }
}
