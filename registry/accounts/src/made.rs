//! Tokens that people make for their machines, by the interface or on a page.

use chandlery_package::wire::{NewToken, Token};

use crate::caller::Caller;
use crate::{Accounts, Error, Scope, factors, tokens};

/// Issues a token that may do less than its account, or lasts for a while; for an organisation, one that acts for it. It is told this once.
pub async fn make_token(accounts: &Accounts, caller: &Caller, new: &NewToken) -> Result<Token, Error> {
    if new.scope == Scope::Scim {
        return Err(Error::Invalid("a directory's token is made for an organisation, by itself".into()));
    }
    let lifetime = Some(tokens::days(new.days_valid)?);
    let by = factors::must_have_shown(accounts, caller).await?;
    let owner = (caller.person(), caller.organisation());
    let (db, actor) = (&accounts.db, &caller.actor);
    let token = tokens::issue_token_for(db, actor, owner, &new.scope, &new.note, lifetime, by).await?;
    Ok(Token { account: caller.name.clone(), token })
}
