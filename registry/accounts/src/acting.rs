//! Acting for an organisation: a request names it in a header, or comes with a token that was made for it, or in a session that acts for
//! it. What the person may do for it is looked up at each request, so a token is worth no more than the role that its owner has then.

use axum::extract::MatchedPath;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chandlery_package::Namespace;
use chandlery_store::Db;

use crate::powers::has;
use crate::principal::{Account, Principal};
use crate::rights::needed;
use crate::standing::role_of;
use crate::{Error, suspended};

/// The header that names the organisation for which a request is made.
pub const ACCOUNT_HEADER: &str = "chandlery-account";

/// What is no page of the registry: what programs ask.
const NO_PAGES: [&str; 4] = ["/api/", "/v2", "/scim/", "/token"];

/// Whoever asks, as the organisation that they act for; as themselves where they act for none, and on pages that are about people.
pub(crate) async fn resolve(db: &Db, principal: Principal, parts: &Parts) -> Result<Principal, Error> {
    let Some(organisation) = wanted(&principal, &parts.headers)? else { return Ok(principal) };
    let Some(person) = &principal.account else { return Err(Error::Unauthenticated) };
    let route = parts.extensions.get::<MatchedPath>().map_or("", |path| path.as_str());
    let power = needed(&parts.method, route);
    if power.is_none() && is_on_pages(&parts.headers, route) {
        return Ok(principal);
    }
    let mut read = db.read().acquire().await?;
    let Some(role) = role_of(&mut read, &organisation, &person.name).await? else {
        return Err(Error::forbidden(&person.name, format!("act for '{organisation}'")));
    };
    suspended::must_not_be(&mut read, &organisation).await?;
    match power {
        Some(power) if has(role, power) => {}
        Some(power) => {
            let action = format!("do this for '{organisation}' as its {role}: it takes the power '{power}'");
            return Err(Error::forbidden(&person.name, action));
        }
        None => {
            let action = format!("do this for '{organisation}': people do it for themselves");
            return Err(Error::forbidden(&person.name, action));
        }
    }
    let account = Account {
        name: organisation,
        operator: false,
        owes_factor: person.owes_factor,
        person: Some(person.name.clone()),
    };
    Ok(Principal { account: Some(account), ..principal })
}

/// Whether somebody looks at a page in a session, and names no organisation.
fn is_on_pages(headers: &HeaderMap, route: &str) -> bool {
    let is_page = !NO_PAGES.iter().any(|part| route.starts_with(part));
    is_page && !headers.contains_key(AUTHORIZATION) && !headers.contains_key(ACCOUNT_HEADER)
}

/// The organisation that a request names, or for which its token was made or its session acts; none: nothing is so.
fn wanted(principal: &Principal, headers: &HeaderMap) -> Result<Option<Namespace>, Error> {
    let named = match headers.get(ACCOUNT_HEADER) {
        None => None,
        Some(value) => {
            let text =
                value.to_str().map_err(|_| Error::Invalid(format!("{ACCOUNT_HEADER} names no account")))?;
            Some(text.parse::<Namespace>()?)
        }
    };
    match (named, &principal.acts_for, &principal.account) {
        (Some(named), Some(own), Some(person)) if named != *own => {
            let action = format!("act for '{named}' with a token that acts for '{own}'");
            Err(Error::forbidden(&person.name, action))
        }
        (named, own, _) => Ok(own.clone().or(named)),
    }
}
