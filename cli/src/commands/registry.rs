//! `chandlery registry`: serve one, and what is done on its own machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chandlery_package::Namespace;
use chandlery_package::wire::Garbage;
use chandlery_registry::{backup, machine};
use clap::{Args, Subcommand};
use reqwest::Method;
use tokio::net::TcpListener;

use super::first_party::{FirstParty, publish};
use super::listening::reached;
use super::operator::show_reset;
use super::terms::Terms;
use crate::api::{Context, REGISTRY_LISTEN};
use crate::failure::{Failure, Result};
use crate::private::{keep_private, make_private};
use crate::show;
use crate::words;

/// The marketplace's server.
#[derive(Subcommand)]
pub enum Registry {
    /// Serve a registry until it is told to stop
    Serve(Serve),
    /// Remove what nothing needs any more from a running registry (for operators)
    Collect {
        /// Leave alone what was pushed less than this many hours ago
        #[arg(long, value_name = "HOURS", default_value_t = 24.0)]
        older_than: f64,
    },
    /// Write a backup; the registry may go on serving
    Backup(Backup),
    /// Fill an empty registry from a backup, on whichever database and store
    Restore(Backup),
    /// Make an account an operator at once: on the registry's own machine, whose holder has its database anyway
    Promote(OnMachine),
    /// Issue a token by which a password is set within an hour, an operator's too: on the registry's own machine
    ResetPassword(OnMachine),
    /// Remove the second factor and the passkeys of an account that has lost them: on the registry's own machine
    RemoveSecondFactor(OnMachine),
}

/// Serve a registry.
#[derive(Args)]
pub struct Serve {
    /// Where it keeps everything
    #[arg(long, value_name = "DIR", env = "CHANDLERY_REGISTRY_DATA")]
    data: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = REGISTRY_LISTEN, env = "CHANDLERY_REGISTRY_LISTEN")]
    listen: SocketAddr,
    #[command(flatten)]
    first_party: FirstParty,
    #[command(flatten)]
    terms: Terms,
}

/// Back up or restore.
#[derive(Args)]
pub struct Backup {
    /// Where the registry keeps its secrets and, unless told otherwise, everything else
    #[arg(long, value_name = "DIR", env = "CHANDLERY_REGISTRY_DATA")]
    data: PathBuf,
    /// The backup's folder
    folder: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

/// Act on an account from the registry's own machine.
#[derive(Args)]
pub struct OnMachine {
    /// The account's name
    name: Namespace,
    /// Where the registry keeps its secrets and, unless told otherwise, everything else; it may go on serving
    #[arg(long, value_name = "DIR", env = "CHANDLERY_REGISTRY_DATA")]
    data: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

impl Registry {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Serve(serve) => serve.run().await,
            Self::Collect { older_than } => collect(context, older_than).await,
            Self::Backup(Backup { data, folder, terms }) => {
                make_private();
                let contents = backup::back_up(&terms.settings(&data)?, &folder).await?;
                say_backup(context, &contents, &format!("backed up to {}", folder.display()));
                Ok(())
            }
            Self::Restore(Backup { data, folder, terms }) => {
                // What is there is closed; what is not is made only once there is a backup.
                match data.exists() {
                    true => keep_private(&data)?,
                    false => make_private(),
                }
                let contents = backup::restore(&terms.settings(&data)?, &folder).await?;
                say_backup(context, &contents, &format!("restored from {}", folder.display()));
                Ok(())
            }
            Self::Promote(OnMachine { name, data, terms }) => {
                machine::promote(&terms.settings(&data)?, &name).await?;
                match context.settings.json {
                    true => show::json(serde_json::json!({ "operator": name })),
                    false => show::done(format!("'{name}' operates the registry")),
                }
                Ok(())
            }
            Self::RemoveSecondFactor(OnMachine { name, data, terms }) => {
                machine::remove_second_factor(&terms.settings(&data)?, &name).await?;
                match context.settings.json {
                    true => show::json(serde_json::json!({ "removed_from": name })),
                    false => show::done(format!("'{name}' logs in by its password alone")),
                }
                Ok(())
            }
            Self::ResetPassword(OnMachine { name, data, terms }) => {
                show_reset(context, machine::reset_password(&terms.settings(&data)?, &name).await?);
                Ok(())
            }
        }
    }
}

impl Serve {
    async fn run(self) -> Result {
        keep_private(&self.data)?;
        let (registry, listener, address) = open(&self.data, self.listen, &self.terms).await?;
        let stopped = stopped()?;
        announce(&self.data, address);
        if let Some(doubt) = doubt(&self.terms, address) {
            show::warning(doubt);
        }
        let url = format!("http://{}", reached(address));
        let offer = self.first_party.offer(&registry, &self.data, &url, false).await;
        // A service starts after an upgrade, too, whatever has become of the token by which it would publish what is new.
        let offer = offer.unwrap_or_else(|failure| {
            failure.tell(false);
            None
        });
        let serve = chandlery_registry::serve(registry, listener, stopped);
        let (served, ()) = tokio::join!(serve, publish(offer));
        Ok(served?)
    }
}

async fn collect(context: &Context, older_than: f64) -> Result {
    let seconds = (older_than.max(0.0) * 3600.0) as u32;
    let path = format!("/api/v1/garbage?older_than_seconds={seconds}");
    let found: Garbage = context.registry(Method::POST, &path, serde_json::json!({})).await?;
    let Garbage { uploads, blobs, contents } = found;
    match context.settings.json {
        true => show::json(found),
        false => show::done(format!(
            "{uploads} abandoned uploads, {blobs} blobs that no manifest names and {contents} contents deleted"
        )),
    }
    Ok(())
}

fn say_backup(context: &Context, contents: &backup::Contents, what: &str) {
    match context.settings.json {
        true => show::json(contents),
        false => {
            show::done(format!("{what}: {} rows, {} blobs", contents.rows, contents.blobs));
            show::note("it holds the log's private key: keep it as safe as the registry itself");
        }
    }
}

/// Opens a registry and its listener.
pub async fn open(
    data: &Path,
    listen: SocketAddr,
    terms: &Terms,
) -> Result<(chandlery_registry::Registry, TcpListener, SocketAddr)> {
    let registry = chandlery_registry::Registry::open(&terms.settings(data)?).await?;
    let (listener, address) = bind(listen, "--listen").await?;
    Ok((registry, listener, address))
}

/// Opens a registry that, unless it is told where it is reached, is on its users' own machine: passkeys are for `localhost` there.
pub async fn open_here(
    data: &Path,
    listen: SocketAddr,
    terms: &Terms,
) -> Result<(chandlery_registry::Registry, TcpListener, SocketAddr)> {
    let (listener, address) = bind(listen, "--registry-listen").await?;
    let mut settings = terms.settings(data)?;
    settings.passkeys_at = settings.passkeys_at.or(Some(format!("http://localhost:{}", address.port())));
    let registry = chandlery_registry::Registry::open(&settings).await?;
    Ok((registry, listener, address))
}

/// Says where the registry is and who may operate it.
pub fn announce(data: &Path, address: SocketAddr) {
    show::done(format!("registry at http://{address}"));
    show::note(format!(
        "log in as 'operator' with the password in {}",
        data.join("operator.password").display()
    ));
}

/// What to say of a registry that is not told how clients reach it, and not on this machine alone.
fn doubt(terms: &Terms, listen: SocketAddr) -> Option<&'static str> {
    let is_told = terms.url.is_some() || !terms.trusted_proxies.is_empty();
    (!is_told && !listen.ip().to_canonical().is_loopback()).then_some(
        "others can reach it, and it is told neither --url nor --trusted-proxies: behind a proxy that ends TLS, OCI clients are sent \
         to http://, sessions are not kept to TLS, and limits count the proxy instead of its clients",
    )
}

/// A listener, or what stands in its way; the option by which another address is chosen.
pub async fn bind(listen: SocketAddr, option: &str) -> Result<(TcpListener, SocketAddr)> {
    let taken = |error: std::io::Error| {
        Failure::new(&words::NO_PORT, format!("{listen}: {error}"))
            .remedy(format!("choose another address with `{option} ADDR`"))
    };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok((listener, address))
}

/// Completes at SIGTERM or Ctrl-C. The signals are caught from the call on: ask before the server says that it is there, or a
/// signal at that moment ends the process at once.
pub fn stopped() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        terms: Terms,
    }

    #[test]
    fn a_registry_that_others_reach_is_told_how() {
        let table: [(&[&str], &str, bool); 8] = [
            (&[], "127.0.0.1:7600", false),
            (&[], "[::1]:7600", false),
            (&[], "[::ffff:127.0.0.1]:7600", false),
            (&[], "0.0.0.0:7600", true),
            (&[], "[::]:7600", true),
            (&[], "10.0.0.1:7600", true),
            (&["--url", "https://plugins.example.com"], "0.0.0.0:7600", false),
            (&["--trusted-proxies", "10.0.0.0/8"], "0.0.0.0:7600", false),
        ];
        for (words, listen, is_in_doubt) in table {
            let line = Line::parse_from(std::iter::once(&"registry").chain(words));
            let found = doubt(&line.terms, listen.parse().unwrap());
            assert_eq!(found.is_some(), is_in_doubt, "{words:?} {listen}");
        }
    }
}
