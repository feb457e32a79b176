//! `chandlery whoami` and `chandlery logout`: whose the token is that is used, and its end.

use serde_json::json;

use super::sessions;
use crate::api::{Context, TOKEN, given_token};
use crate::failure::{Failure, Result};
use crate::show;

/// Shows who asks the registry, and by what.
pub async fn whoami(context: &Context) -> Result {
    let profile = context.profile().await?;
    let (name, registry) = (profile.name, &context.settings.registry);
    let by = if given_token().is_some() { "token" } else { "log-in" };
    if context.settings.json {
        let acts_for = &context.settings.acts_for;
        show::json(json!({
            "account": name, "registry": registry, "operator": profile.operator, "by": by, "acts_for": acts_for,
        }));
        return Ok(());
    }
    show::done(format!("'{name}' at {registry}"));
    if by == "token" {
        show::note(format!("by the token in {TOKEN}"));
    }
    if profile.operator {
        show::note("it operates the registry");
    }
    if let Some(organisation) = &context.settings.acts_for {
        show::note(format!("it acts for '{organisation}'"));
    }
    Ok(())
}

/// Ends the log-in at the registry, and forgets its token, which is forgotten even where the registry cannot be told.
pub async fn log_out(context: &Context) -> Result {
    if given_token().is_some() {
        return Err(Failure::of(format!("the token is in {TOKEN}, and of no log-in")).remedy(format!(
            "`unset {TOKEN}`; `chandlery tokens revoke ID` ends the token for everybody who has it"
        )));
    }
    let (account, _) = context.log_in()?;
    let ended = sessions::end_own(context).await;
    context.home.log_out(&context.settings.registry, &account)?;
    match ended {
        Err(failure) if !failure.is("unauthenticated") => {
            let remedy = "the token is forgotten here, and its log-in goes on at the registry until it is ended from another one: \
                          `chandlery account sessions end ID`";
            Err(failure.remedy(remedy))
        }
        _ => {
            match context.settings.json {
                true => show::json(json!({ "logged_out": account })),
                false => show::done(format!("'{account}' is logged out of {}", context.settings.registry)),
            }
            Ok(())
        }
    }
}
