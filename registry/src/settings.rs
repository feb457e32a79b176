//! How a registry is run, and where that puts its database, its blobs and its log.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use chandlery_accounts::Demand;
use chandlery_edge::Proxies;
use chandlery_log::{Log, WitnessAt};
use chandlery_money::{Mail, Processor, Vies};
use chandlery_sandbox::Worker;
use chandlery_store::{Db, Facts, Storage};

use crate::audit::Exports;
use crate::security_txt::SecurityTxt;

/// How a registry is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it keeps its secrets and, unless the next two say otherwise, everything else.
    pub data: PathBuf,
    /// The database's address, `postgres://…`; none: SQLite in the data directory.
    pub database: Option<String>,
    /// Where blobs are kept, `s3://BUCKET[/PREFIX]` or a folder; none: a folder in the data directory.
    pub storage: Option<String>,
    /// Where clients reach it; none: wherever their requests or a trusted proxy in front say.
    pub url: Option<String>,
    /// Where browsers reach it by a name, for which passkeys are made; none: there are no passkeys.
    pub passkeys_at: Option<String>,
    /// What its log is called: a schema-less URL, by C2SP's advice.
    pub origin: String,
    /// Who is asked to cosign the log's checkpoints.
    pub witnesses: Vec<WitnessAt>,
    /// How many days an earning stays on hold.
    pub hold_days: u32,
    /// How many days ago use may have ended that is still taken.
    pub usage_days: u32,
    /// How many hours whoever operates the registry alone waits for what others would approve.
    pub approval_hours: u32,
    /// Whether an operator sets the time for the money, as a simulation needs it.
    pub virtual_clock: bool,
    /// Where payments come in beside bank transfers.
    pub processor: Option<Processor>,
    /// How mail leaves; none: customers are told on their page alone.
    pub mail: Option<Mail>,
    /// Who is asked whether tax numbers are valid; none: nobody, and none is.
    pub vies: Option<Vies>,
    /// Whether webhooks of partners may lead into private networks and go unencrypted.
    pub private_webhooks: bool,
    /// The resolver that is asked for the domains of organisations; none: the machine's own.
    pub dns: Option<SocketAddr>,
    /// Where the audit trail is told beside its own table.
    pub exports: Exports,
    /// Where whoever has found a hole in it reports that.
    pub security: SecurityTxt,
    /// Who looks at components that strangers made.
    pub worker: Worker,
    /// Whether it serves `/styleguide`, which shows every part of its pages.
    pub styleguide: bool,
    /// What it accepts.
    pub limits: Limits,
}

impl Settings {
    /// Where it keeps the log's key, which is there as soon as there is a registry.
    pub(crate) fn log_key(&self) -> PathBuf {
        self.data.join("log.key")
    }

    /// Whether there is a registry: opening one would make it.
    pub(crate) fn is_there(&self) -> bool {
        self.log_key().exists()
    }

    /// Opens the database, and brings its tables up to date.
    pub(crate) async fn open_database(&self) -> Result<Db, chandlery_store::Error> {
        let own = || format!("sqlite://{}?mode=rwc", self.data.join("registry.db").display());
        Db::open(&self.database.clone().unwrap_or_else(own)).await
    }

    /// Opens the blob store.
    pub(crate) fn open_storage(&self) -> Result<Storage, chandlery_store::Error> {
        let own = || self.data.join("blobs").display().to_string();
        Storage::open(&self.storage.clone().unwrap_or_else(own))
    }

    /// Opens the log that this database keeps, making its key where there is none.
    pub(crate) async fn open_log(&self, db: &Db) -> Result<Log, chandlery_log::Error> {
        Log::open(&self.log_key(), &self.origin, &self.witnesses, &Facts(db)).await
    }
}

/// What a registry accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest blob.
    pub blob_bytes_max: u64,
    /// How much one namespace may keep.
    pub namespace_bytes_max: u64,
    /// How many requests per second each address, and each token, may make. An account may make a fifth as many that change something,
    /// by the minute.
    pub requests_per_second: NonZeroU32,
    /// How many accounts each address may open in an hour.
    pub registrations_per_hour: NonZeroU32,
    /// Of whom it demands a second factor.
    pub second_factor: Demand,
    /// The proxies in front, which say in `X-Forwarded-For` where a request comes from.
    pub proxies: Proxies,
    /// Whether a manifest may name content that is not here, as mirrors need it that copy on demand.
    pub sparse_manifests: bool,
}

impl Limits {
    /// How many requests that change something an account may make in a minute.
    pub(crate) fn writes_per_minute(&self) -> NonZeroU32 {
        self.requests_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(11))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob_bytes_max: 2 << 30,
            namespace_bytes_max: 100 << 30,
            requests_per_second: NonZeroU32::MIN.saturating_add(499),
            registrations_per_hour: NonZeroU32::MIN.saturating_add(19),
            second_factor: Demand::default(),
            proxies: Proxies::default(),
            sparse_manifests: false,
        }
    }
}
