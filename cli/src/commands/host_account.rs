//! `chandlery host account` and `chandlery host claim`: which account of its registry a host belongs to.

use chandlery_package::Namespace;
use chandlery_package::wire::host::{HostAccount, NewHostAccount};
use chandlery_package::wire::{AccountProfile, NewToken, Scope, Token};
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

const PATH: &str = "/api/v1/registry-account";
/// How long a host speaks for its account before it is claimed anew, in days: as long as a token may last.
const DAYS_VALID: u32 = 366;

/// Let the host belong to an account.
#[derive(Args)]
pub struct Claim {
    /// The account that it belongs to so far, where that is another one
    #[arg(long, value_name = "ACCOUNT")]
    from: Option<Namespace>,
}

async fn ask(context: &Context) -> Result<HostAccount> {
    context.host(Method::GET, PATH, ()).await
}

/// Shows whose the host is.
pub async fn show(context: &Context) -> Result {
    let found = ask(context).await?;
    match (&found.account, &found.registry) {
        _ if context.settings.json => show::json(found),
        (Some(account), _) => show::done(says(account)),
        (None, None) => show::note("this host has no registry, and so belongs to no account"),
        (None, Some(registry)) if found.fixed => {
            show::note(format!(
                "{registry} was not asked yet whose the token is that this host was started with"
            ));
        }
        (None, Some(registry)) => show::note(format!(
            "this host belongs to no account: log in to {registry} with `chandlery login NAME`, and run `chandlery host claim`"
        )),
    }
    Ok(())
}

fn says(account: &Namespace) -> String {
    format!("this host belongs to '{account}': its limits, its orders and its use are that account's")
}

impl Claim {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result {
        let (found, asked) = (ask(context).await?, &context.settings.registry);
        if let Some(registry) = found.registry.as_ref().filter(|registry| *registry != asked) {
            let detail = format!("this host takes plugins from {registry}, and no account of {asked} has it");
            return Err(Failure::new(&words::FAILED, detail)
                .remedy(format!("name its registry: `chandlery --registry {registry} host claim`")));
        }
        let claimed = claim(context, &found, self.from).await?;
        match &claimed.account {
            _ if context.settings.json => show::json(claimed),
            Some(account) => {
                show::done(says(account));
                show::note(
                    "`chandlery subscription licence` shows how many deployments it may have, and `chandlery subscription tiers` how to \
                     have more",
                );
            }
            None => {}
        }
        Ok(())
    }
}

/// Gives the host a token of the account that is logged in, or of the organisation that it acts for.
async fn claim(context: &Context, found: &HostAccount, from: Option<Namespace>) -> Result<HostAccount> {
    let own = match &context.settings.acts_for {
        Some(organisation) => organisation.clone(),
        None => context.account().await?,
    };
    let instead_of = from.or_else(|| found.account.clone().filter(|account| *account == own));
    // Of a host that is not to be had, no token is made: it refuses in its own words.
    let token = match found.fixed || instead_of != found.account {
        true => String::new(),
        false => token(context).await?,
    };
    context.host(Method::PUT, PATH, NewHostAccount { token, instead_of }).await
}

async fn token(context: &Context) -> Result<String> {
    let note = format!("host at {}", context.settings.host);
    let new = NewToken { scope: Scope::Full, note, days_valid: DAYS_VALID };
    let made: Token = context.registry(Method::POST, "/api/v1/account/tokens", new).await?;
    Ok(made.token)
}

/// Lets an account that has just logged in have the host that `chandlery up` runs for this user, if that is nobody's. Whoever operates the
/// registry is there to operate it. Nothing that stands in the way is a reason for the log-in to fail.
pub async fn claim_own(context: &Context) -> Option<HostAccount> {
    // What `up` has written down says which registry is the host's: whoever listens at its address now is not believed.
    let own = context.home.registry_of_own_host(&context.settings.host).ok()??;
    if own != context.settings.registry {
        return None;
    }
    let found = ask(context).await.ok()?;
    if found.fixed || found.account.is_some() || found.registry != Some(own) {
        return None;
    }
    let profile: AccountProfile = context.registry(Method::GET, "/api/v1/account", ()).await.ok()?;
    match profile.operator {
        true => None,
        false => claim(context, &found, None).await.ok(),
    }
}
