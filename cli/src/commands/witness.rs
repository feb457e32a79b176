//! `chandlery witness`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::registry::{bind, stopped};
use crate::api::Context;
use crate::failure::Result;
use crate::private::keep_private;
use crate::show;

/// Watch logs for others.
#[derive(Args)]
pub struct Witness {
    /// Where it keeps its key and what it has seen
    #[arg(long, value_name = "DIR", env = "CHANDLERY_WITNESS_DATA")]
    data: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7800", env = "CHANDLERY_WITNESS_LISTEN")]
    listen: SocketAddr,
    /// What it is called: a URL without its scheme, which never changes
    #[arg(long, value_name = "NAME", env = "CHANDLERY_WITNESS_NAME")]
    name: String,
    /// The verifier key of a log to follow, as /api/v1/log of its registry says; may be given several times
    #[arg(
        long = "log",
        value_name = "NAME+ID+KEY",
        required = true,
        env = "CHANDLERY_WITNESS_LOG",
        value_delimiter = ','
    )]
    logs: Vec<String>,
}

impl Witness {
    pub async fn run(self, context: &Context) -> Result {
        keep_private(&self.data)?;
        let witness = chandlery_registry::witness::Witness::open(&self.data, &self.name, &self.logs)?;
        let (listener, address) = bind(self.listen, "--listen").await?;
        let id = witness.id();
        let stopped = stopped()?;
        match context.settings.json {
            true => show::json(serde_json::json!({ "witness": id, "address": address.to_string() })),
            false => {
                show::done(format!("witness at http://{address}"));
                show::note(format!("registries ask it with  --witness {id}@http://{address}"));
                show::note(format!("hosts rely on it with   --witness {id}"));
            }
        }
        witness.serve(listener, stopped).await;
        Ok(())
    }
}
