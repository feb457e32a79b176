//! `chandlery host run`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chandlery_host::Settings;
use clap::{Args, Subcommand};

use super::registry::{bind, stopped};
use crate::api::{Context, HOST_LISTEN};
use crate::failure::{Failure, Result};
use crate::show;

/// Run a host.
#[derive(Subcommand)]
pub enum Host {
    /// Run a host until it is told to stop; what it has deployed goes on
    Run(Run),
}

/// Run a host.
#[derive(Args)]
pub struct Run {
    /// Where it keeps everything
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = HOST_LISTEN)]
    listen: SocketAddr,
    /// The file that holds the token of the registry's account that usage is counted for
    #[arg(long, value_name = "FILE")]
    registry_token_file: Option<PathBuf>,
    /// How often usage is metered and sent
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    meter_seconds: u64,
}

impl Host {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let Self::Run(run) = self;
        let registry_token = run.registry_token_file.as_deref().map(read_token).transpose()?;
        let settings = Settings {
            data: run.data.clone(),
            registry: Some(context.settings.registry.clone()),
            registry_token,
            meter_every: Duration::from_secs(run.meter_seconds.max(1)),
        };
        let host = chandlery_host::Host::open(&settings).await?;
        let (listener, address) = bind(run.listen).await?;
        show::done(format!("host at http://{address}, for the registry at {}", context.settings.registry));
        show::note(format!("its token is in {}", run.data.join("host.token").display()));
        if settings.registry_token.is_none() {
            show::note("usage is metered, and waits: no account was named with --registry-token-file");
        }
        Ok(chandlery_host::serve(host, &settings, listener, stopped()).await?)
    }
}

/// A token from its file.
pub fn read_token(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path);
    text.map(|text| text.trim().to_owned())
        .map_err(|error| Failure::of(format!("{}: {error}", path.display())))
}
