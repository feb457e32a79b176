//! What it takes to know who asks.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chandlery_edge::{Allowance, Client};
use chandlery_package::Namespace;
use chandlery_package::wire::EmailAddress;
use chandlery_store::{Db, Facts};

use crate::attempts::Attempts;
use crate::demands::{Demand, tell_those};
use crate::dns::Dns;
use crate::grant::Grant;
use crate::passwords::random_text;
use crate::principal::Account;
use crate::relying_party::RelyingParty;
use crate::session::SessionCookie;
use crate::uses::Uses;
use crate::{Error, Scope, looks, tokens};

/// How many requests that change something an account may make in a minute, unless the registry says otherwise.
const WRITES_PER_MINUTE: u32 = 6000;
/// How many accounts a client may open in an hour, unless the registry says otherwise.
const REGISTRATIONS_PER_HOUR: u32 = 20;
/// How many sign-ins by a passkey a client may begin in a minute: each is kept until it is answered or has ended.
const SIGN_INS_PER_MINUTE: u32 = 30;
/// How many sign-ins by a provider a client may begin in a minute.
const SIGN_ONS_PER_MINUTE: u32 = 60;
/// How many programs a client may have wait in an hour.
const DEVICES_PER_HOUR: u32 = 60;
/// How often a program that waits may ask in a minute.
const POLLS_PER_MINUTE: u32 = 30;
/// How many letters with a token one address is sent in an hour, whoever asks for them.
const LETTERS_PER_HOUR: u32 = 5;
/// How often the DNS is asked for the domains of an organisation in an hour, whoever of it asks.
const DOMAIN_CHECKS_PER_HOUR: u32 = 120;

/// What it takes to know who asks.
#[derive(Clone)]
pub struct Accounts {
    /// Where accounts, tokens and members are kept.
    pub db: Db,
    /// What brings the session of a page.
    pub cookie: SessionCookie,
    /// What authenticates short-lived tokens, the same for all replicas.
    pub(crate) bearer_key: Arc<[u8]>,
    /// Who was wrong how often.
    pub(crate) attempts: Arc<Attempts>,
    /// When and where from tokens were used.
    pub(crate) uses: Arc<Uses>,
    /// By account, and whether by what may do all that it may.
    writes: Arc<Allowance<(Namespace, bool)>>,
    registrations: Arc<Allowance<Client>>,
    /// By address, in lower case.
    letters: Arc<Allowance<String>>,
    sign_ins: Arc<Allowance<Client>>,
    domain_checks: Arc<Allowance<Namespace>>,
    /// Who says what is in the DNS.
    pub(crate) dns: Dns,
    sign_ons: Arc<Allowance<Client>>,
    devices: Arc<Allowance<Client>>,
    /// By the digest of what each asks with.
    polls: Arc<Allowance<String>>,
    /// Of whom a second factor is demanded.
    pub(crate) demand: Demand,
    /// Where people reach the registry, without a slash at the end, if its operator says so.
    url: Option<Arc<str>>,
    /// The site that passkeys are made for, if there can be any.
    passkeys: Option<Arc<RelyingParty>>,
}

impl Accounts {
    /// Opens the accounts of a registry, whose pages have this cookie.
    pub async fn open(db: Db, cookie: SessionCookie) -> Result<Self, Error> {
        tokens::end_in_time(&db).await?;
        looks::fill_in(&db).await?;
        let bearer_key = Facts(&db).get_or("bearer-key", random_text).await?.into_bytes().into();
        let registrations = registrations(REGISTRATIONS_PER_HOUR);
        let (attempts, writes) = (Arc::default(), writes(WRITES_PER_MINUTE));
        let letters = Arc::new(Allowance::new(LETTERS_PER_HOUR, Duration::from_secs(3600)));
        let sign_ins = Arc::new(Allowance::new(SIGN_INS_PER_MINUTE, Duration::from_secs(60)));
        let domain_checks = Arc::new(Allowance::new(DOMAIN_CHECKS_PER_HOUR, Duration::from_secs(3600)));
        let sign_ons = Arc::new(Allowance::new(SIGN_ONS_PER_MINUTE, Duration::from_secs(60)));
        let devices = Arc::new(Allowance::new(DEVICES_PER_HOUR, Duration::from_secs(3600)));
        let polls = Arc::new(Allowance::new(POLLS_PER_MINUTE, Duration::from_secs(60)));
        let uses = Arc::default();
        Ok(Self {
            db,
            cookie,
            bearer_key,
            attempts,
            uses,
            writes,
            registrations,
            letters,
            sign_ins,
            domain_checks,
            dns: Dns::default(),
            sign_ons,
            devices,
            polls,
            demand: Demand::Off,
            url: None,
            passkeys: None,
        })
    }

    /// The same, where letters name this URL of the registry.
    #[must_use]
    pub fn reached_at(self, url: Option<&str>) -> Self {
        Self { url: url.map(|url| url.trim_end_matches('/').into()), ..self }
    }

    /// The same, with passkeys where browsers reach the registry at this URL by a name, and by TLS or on their own machine.
    #[must_use]
    pub fn with_passkeys_at(self, url: Option<&str>) -> Self {
        Self { passkeys: url.and_then(RelyingParty::at).map(Arc::new), ..self }
    }

    /// The same, where an account may make so many requests in a minute that change something.
    #[must_use]
    pub fn with_writes_per_minute(self, max: NonZeroU32) -> Self {
        Self { writes: writes(max.get()), ..self }
    }

    /// The same, where a client may open so many accounts in an hour.
    #[must_use]
    pub fn with_registrations_per_hour(self, max: NonZeroU32) -> Self {
        Self { registrations: registrations(max.get()), ..self }
    }

    /// The same, where this resolver says what is in the DNS.
    #[must_use]
    pub fn asking(self, dns: Dns) -> Self {
        Self { dns, ..self }
    }

    /// The same, where a second factor is demanded of these.
    #[must_use]
    pub fn demanding(self, demand: Demand) -> Self {
        Self { demand, ..self }
    }

    /// Tells those of whom a second factor is demanded, once.
    pub async fn demand_factors(&self) -> Result<(), Error> {
        tell_those(&self.db, self.demand).await
    }

    /// Forgets who asked or was wrong too long ago to count.
    pub fn tidy(&self) {
        self.attempts.tidy();
        self.writes.tidy();
        self.registrations.tidy();
        self.letters.tidy();
        self.sign_ins.tidy();
        self.domain_checks.tidy();
        self.sign_ons.tidy();
        self.devices.tidy();
        self.polls.tidy();
    }

    /// The site that passkeys are made for; none: there can be none.
    pub fn passkey_site(&self) -> Option<&RelyingParty> {
        self.passkeys.as_deref()
    }

    /// The site that passkeys are made for, where there must be one.
    pub(crate) fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.passkey_site().ok_or(Error::NoPasskeys)
    }

    /// Counts a sign-in by a passkey that a client begins.
    pub(crate) fn count_sign_in(&self, client: Client) -> Result<(), Error> {
        let refused = |seconds| Error::too_many("too many sign-ins begun at one address", seconds);
        self.sign_ins.take(client).map_err(refused)
    }

    /// Counts an account that a client opens, before its password is hashed.
    pub(crate) fn count_registration(&self, client: Client) -> Result<(), Error> {
        let refused = |seconds| Error::too_many("too many new accounts from one address", seconds);
        self.registrations.take(client).map_err(refused)
    }

    /// Counts a letter with a token that is sent to an address.
    pub(crate) fn count_letter(&self, email: &EmailAddress) -> Result<(), Error> {
        let refused = |seconds| Error::too_many("too many mails to one address", seconds);
        self.letters.take(email.as_str().to_ascii_lowercase()).map_err(refused)
    }

    /// Counts a question to the DNS that is asked for an organisation.
    pub(crate) fn count_domain_check(&self, organisation: &Namespace) -> Result<(), Error> {
        let refused =
            |seconds| Error::too_many(format!("too many questions for domains of '{organisation}'"), seconds);
        self.domain_checks.take(organisation.clone()).map_err(refused)
    }

    /// Counts a sign-in by a provider that a client begins.
    pub(crate) fn count_sign_on(&self, client: Client) -> Result<(), Error> {
        let refused = |seconds| Error::too_many("too many sign-ins from one address", seconds);
        self.sign_ons.take(client).map_err(refused)
    }

    /// Counts a program of a client that begins to wait.
    pub(crate) fn count_device(&self, client: Client) -> Result<(), Error> {
        let refused = |seconds| Error::too_many("too many programs that wait, from one address", seconds);
        self.devices.take(client).map_err(refused)
    }

    /// Counts that a program asks whether somebody has signed it in, by the digest of what it asks with.
    pub(crate) fn count_poll(&self, hash: &str) -> Result<(), Error> {
        let refused = |seconds| Error::too_many("too many questions of one program", seconds);
        self.polls.take(hash.to_owned()).map_err(refused)
    }

    /// Where people reach a path of the registry; refused where its operator has not said so.
    pub fn page(&self, path: &str) -> Result<String, Error> {
        match &self.url {
            Some(url) => Ok(format!("{url}{path}")),
            None => Err(Error::Conflict(
                "this registry was started without `--url`, and nobody can be sent back to it: ask its operator".into(),
            )),
        }
    }

    /// How a letter names a path of the registry, before the command that does the same: nothing where the URL is not known.
    pub fn link(&self, path: &str) -> String {
        self.url.as_ref().map(|url| format!("at {url}{path} or ")).unwrap_or_default()
    }

    /// How a letter names a page that no command shows: by its URL, or by its path where that is not known.
    pub fn on_page(&self, path: &str) -> String {
        match &self.url {
            Some(url) => format!("at {url}{path}"),
            None => format!("on the registry's page {path}"),
        }
    }

    /// Where a path of the registry is: with its URL, where that is known.
    pub(crate) fn location(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_deref().unwrap_or_default())
    }

    /// It was not opened.
    pub(crate) fn take_registration_back(&self, client: Client) {
        self.registrations.give_back(&client);
    }

    /// Counts a request of an account that may change something. Whoever operates the registry may make any number. What comes with
    /// a narrower token is counted apart: whoever has found one does not keep its owner from revoking it.
    pub(crate) fn count_write(&self, account: &Account, grant: &Grant) -> Result<(), Error> {
        if account.operator {
            return Ok(());
        }
        let refused =
            |seconds| Error::too_many(format!("too many changes by account '{}'", account.name), seconds);
        let is_whole = matches!(grant, Grant::Token(Scope::Full));
        self.writes.take((account.name.clone(), is_whole)).map_err(refused)
    }
}

fn writes(per_minute: u32) -> Arc<Allowance<(Namespace, bool)>> {
    Arc::new(Allowance::new(per_minute, Duration::from_secs(60)))
}

fn registrations(per_hour: u32) -> Arc<Allowance<Client>> {
    Arc::new(Allowance::new(per_hour, Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Credential;
    use crate::tokens::TokenKind;

    async fn database() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        (folder, db)
    }

    #[tokio::test]
    async fn a_log_in_without_an_end_is_given_one() {
        let (_folder, db) = database().await;
        let name: Namespace = "acme".parse().unwrap();
        let mut write = db.write().await.unwrap();
        sqlx::query(
            "insert into accounts (name, password_hash, role, created_at) values ($1, 'none', 'member', $2)",
        )
        .bind(name.as_str())
        .bind(chandlery_store::time(jiff::Timestamp::UNIX_EPOCH))
        .execute(&mut *write)
        .await
        .unwrap();
        for (token, kind) in [("one", TokenKind::LogIn), ("two", TokenKind::Made)] {
            tokens::insert(&mut write, &name, token, kind, &Scope::Full, "", None).await.unwrap();
        }
        write.commit().await.unwrap();
        Accounts::open(db.clone(), SessionCookie::Plain).await.unwrap();
        let has_end = async |token: &str| {
            let found = tokens::check_token(&db, token).await.unwrap().unwrap();
            matches!(found.credential, Credential::Token { expires_at: Some(_), .. })
        };
        assert!(has_end("one").await && !has_end("two").await);
    }

    #[tokio::test]
    async fn a_narrow_token_uses_up_nothing_of_its_owners() {
        let (_folder, db) = database().await;
        let accounts = Accounts::open(db, SessionCookie::Plain).await.unwrap();
        let accounts = accounts.with_writes_per_minute(NonZeroU32::new(3).unwrap());
        let account =
            Account { name: "acme".parse().unwrap(), operator: false, owes_factor: false, person: None };
        let may = |grant: Grant| (0..10).filter(|_| accounts.count_write(&account, &grant).is_ok()).count();
        assert_eq!(may(Grant::Token(Scope::Publish(None))), 3);
        assert_eq!(may(Grant::Oci(Vec::new())), 0, "the narrower ones share what they may");
        assert_eq!(may(Grant::Token(Scope::Full)), 3);
    }
}
