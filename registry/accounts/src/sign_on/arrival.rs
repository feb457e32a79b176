//! Whoever comes back from a provider: which account they are, or are from now on, and the session that is opened for it.

use chandlery_oidc::Person;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, EmailAddress, LogInBy, OrganisationRole};
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::identities::{self, Known};
use super::provider::{Provider, find};
use super::unlinking::{has_unlinked, is_made_by};
use crate::actor::{Actor, Address};
use crate::audit::record;
use crate::deletions::nobodys_password;
use crate::enforced::must_be_free_for;
use crate::log_ins::{PAGES, log_in_within};
use crate::managed::open_managed;
use crate::organisations::{Origin, admit, domains, role_of};
use crate::people::find_within;
use crate::principal::AccountRole;
use crate::{Accounts, Error};

/// The longest reason of a provider that is repeated, in characters.
const REASON_CHARS_MAX: usize = 200;

/// What a browser comes back with (RFC 6749, 4.1.2, and RFC 9207).
#[derive(Debug)]
pub struct Returned {
    /// To whose path it comes back: the one of the organisation whose provider was asked.
    pub organisation: Namespace,
    /// What it was sent with.
    pub state: String,
    /// What the provider exchanges for who that is.
    pub code: Option<String>,
    /// The provider's issuer, where it says so.
    pub issuer: Option<String>,
    /// Why the provider has let nobody in.
    pub error: Option<String>,
}

/// Who has come, and where they go on.
#[derive(Debug)]
pub struct Arrived {
    /// The token of the session; none: an account was linked, in whose session that was asked for.
    pub token: Option<String>,
    /// The path of the registry that was asked for when the sign-in began.
    pub next: String,
}

struct Begun {
    organisation: Namespace,
    nonce: String,
    verifier: String,
    next: String,
    /// The account to be linked; none: somebody signs in.
    account: Option<Namespace>,
}

/// Somebody for whom a provider vouches, and where they come from.
struct Vouched<'a> {
    provider: &'a Provider,
    person: &'a Person,
    address: Address,
    /// The hash of nobody's password, for an account that is made; none: the person was known a moment ago.
    nobodys: Option<String>,
}

/// Lets somebody in who comes back from a provider: a state counts once. The caller has compared it with the browser's own.
pub async fn arrive(
    accounts: &Accounts,
    address: Address,
    back: &Returned,
    lifetime: SignedDuration,
) -> Result<Arrived, Error> {
    let begun = take(&accounts.db, &back.state).await?;
    if back.organisation != begun.organisation {
        return Err(another());
    }
    let found = find(&mut *accounts.db.read().acquire().await?, &begun.organisation).await?;
    let provider = found.ok_or_else(changed)?;
    let code = code_of(back, &provider)?;
    let person = chandlery_oidc::complete(&provider.client(accounts)?, code, &begun.nonce, &begun.verifier)
        .await
        .map_err(|error| refused(format!("'{}' did not sign you in: {error}", begun.organisation)))?;
    let nobodys = match is_known(&accounts.db, &person).await? {
        true => None,
        false => Some(nobodys_password().await?),
    };
    let vouched = Vouched { provider: &provider, person: &person, address, nobodys };
    let mut write = accounts.db.write().await?;
    let now = find(&mut write, &begun.organisation).await?.ok_or_else(changed)?;
    if !provider.is_still(&now) {
        return Err(changed());
    }
    let token = match &begun.account {
        Some(account) => {
            link_own(&mut write, &vouched, account).await?;
            None
        }
        None => {
            let account = whose(&mut write, &vouched).await?;
            must_be_free_for(&mut write, &account, &begun.organisation).await?;
            identities::note(&mut write, &person).await?;
            let actor = Actor::of_provider(&account, &provider.issuer, address);
            let by = LogInBy::Provider;
            Some(log_in_within(&mut write, &actor, (&account, None), PAGES, lifetime, by).await?)
        }
    };
    write.commit().await?;
    Ok(Arrived { token, next: begun.next })
}

fn refused(why: impl Into<String>) -> Error {
    Error::SignOnFailed(why.into())
}

fn another() -> Error {
    refused("another provider has answered than the one that was asked")
}

fn changed() -> Error {
    refused("the organisation's provider was changed meanwhile: sign in again")
}

/// Uses up what was kept of a sign-in.
async fn take(db: &Db, state: &str) -> Result<Begun, Error> {
    type Row = (Text<Namespace>, String, String, String, Option<Text<Namespace>>);
    let mut write = db.write().await?;
    let taken: Option<Row> = sqlx::query_as(
        "delete from sign_ins where state = $1 and expires_at > $2
         returning organisation, nonce, verifier, next, account",
    )
    .bind(Digest::of(state).hex())
    .bind(time(Timestamp::now()))
    .fetch_optional(&mut *write)
    .await?;
    write.commit().await?;
    let (Text(organisation), nonce, verifier, next, account) = taken.ok_or_else(|| {
        refused("this sign-in was finished, or took longer than ten minutes: sign in again")
    })?;
    Ok(Begun { organisation, nonce, verifier, next, account: account.map(|Text(account)| account) })
}

/// The code of an answer that is the provider's, and lets somebody in.
fn code_of<'a>(back: &'a Returned, provider: &Provider) -> Result<&'a str, Error> {
    if back.issuer.as_ref().is_some_and(|issuer| issuer != provider.issuer.as_str()) {
        return Err(another());
    }
    match (&back.error, &back.code) {
        (Some(error), _) => {
            let error: String =
                error.chars().filter(|letter| !letter.is_control()).take(REASON_CHARS_MAX).collect();
            Err(refused(format!("'{}' did not sign you in: {error}", provider.organisation)))
        }
        (None, Some(code)) => Ok(code),
        (None, None) => Err(refused(format!("'{}' has sent no code", provider.organisation))),
    }
}

async fn is_known(db: &Db, person: &Person) -> Result<bool, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select account from identities where issuer = $1 and subject = $2")
            .bind(&person.issuer)
            .bind(&person.subject)
            .fetch_optional(db.read())
            .await?;
    Ok(found.is_some())
}

/// Links the account in whose session that was asked for.
async fn link_own(write: &mut Write, vouched: &Vouched<'_>, account: &Namespace) -> Result<(), Error> {
    let Vouched { provider, person, address, .. } = vouched;
    let organisation = &provider.organisation;
    must_be_member(write, organisation, account).await?;
    match identities::find(write, person).await? {
        Some(known) if known.account == *account && known.organisation == *organisation => Ok(()),
        Some(_) => Err(refused("this person of the provider signs in as another account already")),
        None => {
            let actor = Actor::of_provider(account, &provider.issuer, *address);
            identities::link(write, &actor, organisation, account, person).await
        }
    }
}

/// Which account somebody is: the one that they were before, the one that has their address, or a new one.
async fn whose(write: &mut Write, vouched: &Vouched<'_>) -> Result<Namespace, Error> {
    let Vouched { provider, person, address, .. } = vouched;
    let organisation = &provider.organisation;
    if let Some(Known { account, organisation: own }) = identities::find(write, person).await? {
        if own != *organisation {
            return Err(refused(format!("this person of the provider signs in with '{own}'")));
        }
        must_be_member(write, organisation, &account).await?;
        must_be_vouched_for(write, organisation, &account).await?;
        return Ok(account);
    }
    let email = own_address(write, vouched).await?;
    let account = match with_address(write, &email).await?.as_slice() {
        [] => make(write, vouched, &email).await?,
        [account] => {
            must_be_linked_by_address(write, organisation, account).await?;
            must_not_be_unlinked(write, provider, account).await?;
            account.clone()
        }
        _ => return Err(link_yourself(&email)),
    };
    let actor = Actor::of_provider(&account, &provider.issuer, *address);
    identities::link(write, &actor, organisation, &account, person).await?;
    Ok(account)
}

/// The person's verified address, which is in a domain that the organisation has proved.
async fn own_address(write: &mut Write, vouched: &Vouched<'_>) -> Result<EmailAddress, Error> {
    let organisation = &vouched.provider.organisation;
    let email = vouched.person.email.as_deref().ok_or_else(|| {
        refused(format!(
            "the provider of '{organisation}' says no e-mail address of you that it has verified"
        ))
    })?;
    let email = email.parse::<EmailAddress>().map_err(|_| {
        refused(format!("the provider of '{organisation}' says an address of you that cannot be read"))
    })?;
    must_be_own(write, organisation, &email).await?;
    Ok(email)
}

async fn must_be_own(write: &mut Write, organisation: &Namespace, email: &EmailAddress) -> Result<(), Error> {
    let owner = match email.domain() {
        Some(domain) => domains::owner_of(write, &domain).await?,
        None => None,
    };
    match owner.as_ref() == Some(organisation) {
        true => Ok(()),
        false => Err(refused(format!("'{organisation}' has not proved the domain of {email}"))),
    }
}

async fn must_be_member(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<OrganisationRole, Error> {
    role_of(write, organisation, account).await?.ok_or_else(|| {
        refused(format!("'{account}' is no member of '{organisation}': ask one of its admins"))
    })
}

/// Refuses an account that the organisation has made, where its address is in none of its domains any more.
async fn must_be_vouched_for(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    let found: Option<(Option<Text<Namespace>>, Option<Text<EmailAddress>>)> =
        sqlx::query_as("select managed_by, email from accounts where name = $1")
            .bind(account.as_str())
            .fetch_optional(&mut **write)
            .await?;
    match found {
        Some((Some(Text(managed_by)), Some(Text(email)))) if managed_by == *organisation => {
            must_be_own(write, organisation, &email).await
        }
        _ => Ok(()),
    }
}

/// The accounts with a verified address, two of them at most.
async fn with_address(write: &mut Write, email: &EmailAddress) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select name from accounts where lower(email) = $1 order by name limit 2")
            .bind(email.as_str().to_ascii_lowercase())
            .fetch_all(&mut **write)
            .await?;
    Ok(rows.into_iter().map(|(Text(name),)| name).collect())
}

fn link_yourself(email: &EmailAddress) -> Error {
    refused(format!(
        "there is an account with the address {email} already: log in to it as before, and link it on the page /account/sign-on"
    ))
}

/// Refuses to be an account by its address alone that is no member, or that may more than who sets a provider: whoever does that says what
/// the provider says.
async fn must_be_linked_by_address(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
) -> Result<(), Error> {
    let (role, _) = find_within(write, account).await?;
    let is_more = role == AccountRole::Operator;
    match role_of(write, organisation, account).await? {
        Some(role) if role < OrganisationRole::Owner && !is_more => Ok(()),
        _ => Err(refused(format!(
            "the account '{account}' has your address: log in to it as before, and link it on the page /account/sign-on as a \
             member of '{organisation}'"
        ))),
    }
}

/// Refuses to be an account by its address alone whose owner has ended that. The organisation's own accounts are its people's as before,
/// and so are those that have no other way to log in, since it demands its provider.
async fn must_not_be_unlinked(
    write: &mut Write,
    provider: &Provider,
    account: &Namespace,
) -> Result<(), Error> {
    let organisation = &provider.organisation;
    if provider.enforced || is_made_by(write, organisation, account).await? {
        return Ok(());
    }
    match has_unlinked(write, organisation, account).await? {
        false => Ok(()),
        true => Err(refused(format!(
            "the account '{account}' has your address, and was unlinked from '{organisation}': log in to it as before, and link it on \
             the page /account/sign-on"
        ))),
    }
}

/// Makes an account for somebody, who is a member from now on.
async fn make(write: &mut Write, vouched: &Vouched<'_>, email: &EmailAddress) -> Result<Namespace, Error> {
    let Vouched { provider, person, address, nobodys } = vouched;
    let nobodys = nobodys.as_deref().ok_or_else(changed)?;
    let organisation = &provider.organisation;
    let called = person.preferred_username.as_deref().unwrap_or(email.as_str());
    let name = open_managed(write, organisation, (called, email), nobodys).await?;
    let actor = Actor::of_provider(&name, &provider.issuer, *address);
    let after = json!({ "managed_by": organisation });
    record(write, &actor, Act::AccountOpened, name.as_str(), Value::Null, after).await?;
    admit(write, &actor, organisation, &name, provider.role, Origin::Sso).await?;
    Ok(name)
}
