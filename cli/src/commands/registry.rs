//! `chandlery registry`: serve one, and what is done on its own machine.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use chandlery_accounts::Demand;
use chandlery_log::WitnessAt;
use chandlery_money::{Mail, Processor, Vies};
use chandlery_package::Namespace;
use chandlery_package::wire::Garbage;
use chandlery_registry::audit::{Exports, Syslog, Webhook};
use chandlery_registry::security_txt::{ContactAddress, SecurityTxt};
use chandlery_registry::{Limits, Network, Proxies, Settings, backup, machine};
use clap::{Args, Subcommand};
use reqwest::Method;
use tokio::net::TcpListener;

use super::operator::show_reset;
use crate::api::{Context, REGISTRY_LISTEN};
use crate::arguments::one_of;
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
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = REGISTRY_LISTEN)]
    listen: SocketAddr,
    #[command(flatten)]
    terms: Terms,
}

/// Back up or restore.
#[derive(Args)]
pub struct Backup {
    /// Where the registry keeps its secrets and, unless told otherwise, everything else
    #[arg(long, value_name = "DIR")]
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
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

/// What a registry's operator decides.
#[derive(Args, Clone)]
pub struct Terms {
    /// What the transparency log is called: a name under a domain of yours, which never changes
    #[arg(long, value_name = "NAME", default_value = "chandlery.localhost/log")]
    pub origin: String,
    /// Who is asked to cosign the log's checkpoints; may be given several times
    #[arg(long = "witness", value_name = "NAME+ID+KEY@URL")]
    pub witnesses: Vec<WitnessAt>,
    /// How many days an earning stays on hold
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub hold_days: u32,
    /// How many days ago use may have ended that hosts still report
    #[arg(long, value_name = "DAYS", default_value_t = 35)]
    pub usage_days: u32,
    /// How many hours whoever operates the registry alone waits for what others would approve
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub approval_hours: u32,
    /// Let operators set the time for the money, for a simulation
    #[arg(long)]
    pub virtual_clock: bool,
    /// The secret key of a Stripe account, for payments that are not bank transfers
    #[arg(long, value_name = "KEY", env = "CHANDLERY_STRIPE_KEY", hide_env_values = true)]
    pub stripe_key: Option<String>,
    /// The secret that Stripe signs webhooks with; several, with commas between, while it is being changed
    #[arg(
        long,
        value_name = "SECRET",
        env = "CHANDLERY_STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        default_value = ""
    )]
    pub stripe_webhook_secret: String,
    /// Where Stripe is
    #[arg(long, value_name = "URL", env = "CHANDLERY_STRIPE_URL", default_value = "https://api.stripe.com")]
    pub stripe_url: String,
    /// The mail server, smtp://HOST:PORT or smtps://USER:PASSWORD@HOST; customers are told on their page alone, unless given
    #[arg(long, value_name = "URL", env = "CHANDLERY_SMTP", hide_env_values = true)]
    pub smtp: Option<String>,
    /// Where the European Union's VIES is asked whether customers' tax numbers are valid, such as
    /// https://ec.europa.eu/taxation_customs/vies/rest-api; nobody is asked, and none is, unless given
    #[arg(long, value_name = "URL", env = "CHANDLERY_VIES")]
    pub vies: Option<String>,
    /// Let webhooks of partners lead into private networks and to this machine, and go by http://, as intranets need it
    #[arg(long, env = "CHANDLERY_PRIVATE_WEBHOOKS")]
    pub private_webhooks: bool,
    /// The resolver that is asked for the domains of organisations, ADDRESS:PORT; the machine's own, unless given
    #[arg(long, value_name = "ADDRESS", env = "CHANDLERY_DNS")]
    pub dns: Option<SocketAddr>,
    /// Who mail is from
    #[arg(long, value_name = "ADDRESS", default_value = "chandlery@localhost")]
    pub mail_from: String,
    /// Send each entry of the audit trail to this URL, signed as Standard Webhooks has it
    #[arg(
        long,
        value_name = "URL",
        env = "CHANDLERY_AUDIT_WEBHOOK",
        hide_env_values = true,
        requires = "audit_webhook_secret"
    )]
    pub audit_webhook: Option<String>,
    /// What these are signed with: any text, or whsec_ and bytes in Base64
    #[arg(long, value_name = "SECRET", env = "CHANDLERY_AUDIT_WEBHOOK_SECRET", hide_env_values = true)]
    pub audit_webhook_secret: Option<String>,
    /// Send each entry of the audit trail to a collector of logs: udp://HOST:PORT, tcp://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "ADDRESS", env = "CHANDLERY_AUDIT_SYSLOG")]
    pub audit_syslog: Option<Syslog>,
    /// Where holes in the registry are reported, for /.well-known/security.txt: mailto:, tel: or https:; may be given several times
    #[arg(long = "security-contact", value_name = "ADDRESS")]
    pub security_contacts: Vec<ContactAddress>,
    /// Where it stands what becomes of such reports
    #[arg(long, value_name = "URL", requires = "security_contacts")]
    pub security_policy: Option<ContactAddress>,
    /// Where clients reach the registry, if not at the address that they name themselves
    #[arg(long, value_name = "URL", env = "CHANDLERY_REGISTRY_URL")]
    pub url: Option<String>,
    /// The database, postgres://…; SQLite in the data folder, unless given
    #[arg(long, value_name = "URL", env = "CHANDLERY_REGISTRY_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Where content is kept, s3://BUCKET[/PREFIX] or a folder; in the data folder, unless given
    #[arg(long, value_name = "PLACE", env = "CHANDLERY_REGISTRY_STORAGE")]
    pub storage: Option<String>,
    /// The largest blob, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub blob_mib_max: u64,
    /// How much one namespace may keep, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 100)]
    pub namespace_gib_max: u64,
    /// How many requests per second each address, and each token, may make; an account may make a fifth as many changes
    #[arg(long, value_name = "N", default_value = "500")]
    pub requests_per_second: NonZeroU32,
    /// How many accounts each address may open in an hour
    #[arg(long, value_name = "N", default_value = "20")]
    pub registrations_per_hour: NonZeroU32,
    /// Of whom a second factor is demanded: of operators, and owners of plugins that cost something or are used much, where
    /// --url begins with https; else of nobody, unless given
    #[arg(long, value_name = "WHO", value_parser = one_of::<Demand>())]
    pub second_factor: Option<Demand>,
    /// The proxies in front, whose X-Forwarded-For is believed: addresses or networks, with commas between
    #[arg(long, value_name = "NETWORK", env = "CHANDLERY_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Serve /styleguide, a page with every part that pages are made of
    #[arg(long)]
    pub styleguide: bool,
    /// Accept manifests that name content which is not here, as mirrors need it that copy on demand
    #[arg(long)]
    pub sparse_manifests: bool,
}

impl Terms {
    /// Whoever serves the world by TLS has something to lose.
    fn usual_demand(&self) -> Demand {
        match self.url.as_deref().is_some_and(|url| url.starts_with("https:")) {
            true => Demand::Owners,
            false => Demand::Off,
        }
    }

    fn exports(&self) -> Exports {
        let webhook = self.audit_webhook.clone().zip(self.audit_webhook_secret.clone());
        Exports {
            webhook: webhook.map(|(url, secret)| Webhook { url, secret }),
            syslog: self.audit_syslog.clone(),
        }
    }

    fn settings(&self, data: &Path) -> Result<Settings> {
        Ok(Settings {
            data: data.to_owned(),
            database: self.database.clone(),
            storage: self.storage.clone(),
            mail: self.smtp.clone().map(|url| Mail { url, from: self.mail_from.clone() }),
            vies: self.vies.clone().map(|url| Vies { url }),
            private_webhooks: self.private_webhooks,
            dns: self.dns,
            url: self.url.clone(),
            passkeys_at: self.url.clone(),
            origin: self.origin.clone(),
            witnesses: self.witnesses.clone(),
            hold_days: self.hold_days,
            usage_days: self.usage_days,
            approval_hours: self.approval_hours,
            virtual_clock: self.virtual_clock,
            exports: self.exports(),
            security: SecurityTxt {
                contacts: self.security_contacts.clone(),
                policy: self.security_policy.clone(),
                url: self.url.clone(),
            },
            styleguide: self.styleguide,
            worker: super::work::worker()?,
            processor: self.stripe_key.clone().map(|key| Processor {
                url: self.stripe_url.clone(),
                key,
                webhook_secret: self.stripe_webhook_secret.clone(),
            }),
            limits: Limits {
                blob_bytes_max: self.blob_mib_max << 20,
                namespace_bytes_max: self.namespace_gib_max << 30,
                requests_per_second: self.requests_per_second,
                registrations_per_hour: self.registrations_per_hour,
                second_factor: self.second_factor.unwrap_or_else(|| self.usual_demand()),
                proxies: Proxies::new(self.trusted_proxies.clone()),
                sparse_manifests: self.sparse_manifests,
            },
        })
    }
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
        Ok(chandlery_registry::serve(registry, listener, stopped).await?)
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
