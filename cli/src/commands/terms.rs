//! What a registry's operator decides: options of whatever opens a registry, each of which has a variable, too.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;

use chandlery_accounts::Demand;
use chandlery_log::WitnessAt;
use chandlery_money::{Mail, Processor, Vies};
use chandlery_registry::audit::{Exports, Syslog, Webhook};
use chandlery_registry::security_txt::{ContactAddress, SecurityTxt};
use chandlery_registry::{Limits, Network, Proxies, Settings};
use clap::Args;

use super::work::worker;
use crate::arguments::one_of;
use crate::failure::Result;

/// What a registry's operator decides.
#[derive(Args, Clone)]
pub struct Terms {
    /// What the transparency log is called: a name under a domain of yours, which never changes
    #[arg(
        long,
        value_name = "NAME",
        default_value = "chandlery.localhost/log",
        env = "CHANDLERY_REGISTRY_ORIGIN"
    )]
    pub origin: String,
    /// Who is asked to cosign the log's checkpoints; may be given several times
    #[arg(
        long = "witness",
        value_name = "NAME+ID+KEY@URL",
        env = "CHANDLERY_REGISTRY_WITNESS",
        value_delimiter = ','
    )]
    pub witnesses: Vec<WitnessAt>,
    /// How many days an earning stays on hold
    #[arg(long, value_name = "DAYS", default_value_t = 30, env = "CHANDLERY_REGISTRY_HOLD_DAYS")]
    pub hold_days: u32,
    /// How many days ago use may have ended that hosts still report
    #[arg(long, value_name = "DAYS", default_value_t = 35, env = "CHANDLERY_REGISTRY_USAGE_DAYS")]
    pub usage_days: u32,
    /// How many hours whoever operates the registry alone waits for what others would approve
    #[arg(long, value_name = "HOURS", default_value_t = 24, env = "CHANDLERY_REGISTRY_APPROVAL_HOURS")]
    pub approval_hours: u32,
    /// Let operators set the time for the money, for a simulation
    #[arg(long, env = "CHANDLERY_REGISTRY_VIRTUAL_CLOCK")]
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
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "chandlery@localhost",
        env = "CHANDLERY_REGISTRY_MAIL_FROM"
    )]
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
    #[arg(
        long = "security-contact",
        value_name = "ADDRESS",
        env = "CHANDLERY_REGISTRY_SECURITY_CONTACT",
        value_delimiter = ','
    )]
    pub security_contacts: Vec<ContactAddress>,
    /// Where it stands what becomes of such reports
    #[arg(
        long,
        value_name = "URL",
        requires = "security_contacts",
        env = "CHANDLERY_REGISTRY_SECURITY_POLICY"
    )]
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
    #[arg(long, value_name = "MIB", default_value_t = 2048, env = "CHANDLERY_REGISTRY_BLOB_MIB_MAX")]
    pub blob_mib_max: u64,
    /// How much one namespace may keep, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 100, env = "CHANDLERY_REGISTRY_NAMESPACE_GIB_MAX")]
    pub namespace_gib_max: u64,
    /// How many requests per second each address, and each token, may make; an account may make a fifth as many changes
    #[arg(long, value_name = "N", default_value = "500", env = "CHANDLERY_REGISTRY_REQUESTS_PER_SECOND")]
    pub requests_per_second: NonZeroU32,
    /// How many accounts each address may open in an hour
    #[arg(long, value_name = "N", default_value = "20", env = "CHANDLERY_REGISTRY_REGISTRATIONS_PER_HOUR")]
    pub registrations_per_hour: NonZeroU32,
    /// Of whom a second factor is demanded: of operators, and owners of plugins that cost something or are used much, where
    /// --url begins with https; else of nobody, unless given
    #[arg(
        long,
        value_name = "WHO",
        value_parser = one_of::<Demand>(),
        env = "CHANDLERY_REGISTRY_SECOND_FACTOR"
    )]
    pub second_factor: Option<Demand>,
    /// The proxies in front, whose X-Forwarded-For is believed: addresses or networks, with commas between
    #[arg(long, value_name = "NETWORK", env = "CHANDLERY_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Serve /styleguide, a page with every part that pages are made of
    #[arg(long, env = "CHANDLERY_REGISTRY_STYLEGUIDE")]
    pub styleguide: bool,
    /// Accept manifests that name content which is not here, as mirrors need it that copy on demand
    #[arg(long, env = "CHANDLERY_REGISTRY_SPARSE_MANIFESTS")]
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

    /// As the registry takes it, with its data in this folder.
    pub fn settings(&self, data: &Path) -> Result<Settings> {
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
            worker: worker()?,
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
