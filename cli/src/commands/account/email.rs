//! The account itself: where it is written to, what is sent there, and its end.

use chandlery_package::Namespace;
use chandlery_package::wire::{
    AccountDeletion, AccountProfile, DeletionRequest, EmailAddress, EmailChange, EmailToken, EmailVerified,
    PendingEmail, ResetRequest,
};
use reqwest::Method;
use serde_json::json;

use super::passwords::password;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

const DELETION: &str = "/api/v1/account/deletion";

pub(super) async fn show(context: &Context) -> Result {
    let profile: AccountProfile = context.registry(Method::GET, "/api/v1/account", ()).await?;
    if context.settings.json {
        show::json(&profile);
        return Ok(());
    }
    let role = if profile.operator { "operates the registry" } else { "an account" };
    show::item(profile.name.as_str(), role);
    let email = profile.email.as_ref().map_or("no verified e-mail address", EmailAddress::as_str);
    show::note(email);
    if let Some(at) = profile.deleted_at {
        show::warning(format!("it is deleted on {}", at.strftime("%Y-%m-%d %H:%M UTC")));
    }
    if let Some(pending) = &profile.pending_email {
        let until = pending.expires_at.strftime("%Y-%m-%d %H:%M UTC");
        show::note(format!("{} waits to be verified until {until}", pending.email));
    }
    Ok(())
}

pub(super) async fn delete(context: &Context, code: String) -> Result {
    let shown = DeletionRequest { password: password("Password: ")?, code };
    let asked: AccountDeletion = context.registry(Method::POST, DELETION, shown).await?;
    match context.settings.json {
        true => show::json(&asked),
        false => show::done(format!(
            "the account is deleted on {}; until then, `chandlery account delete --take-back` lets it stay",
            asked.due_at.strftime("%Y-%m-%d %H:%M UTC")
        )),
    }
    Ok(())
}

pub(super) async fn stay(context: &Context) -> Result {
    context.tell_registry(Method::DELETE, DELETION, ()).await?;
    match context.settings.json {
        true => show::json(json!({ "stays": true })),
        false => show::done("the account stays"),
    }
    Ok(())
}

pub(super) async fn change(context: &Context, email: EmailAddress) -> Result {
    let change = EmailChange { email, password: password("Password: ")? };
    let pending: PendingEmail = context.registry(Method::PUT, "/api/v1/account/email", change).await?;
    match context.settings.json {
        true => show::json(&pending),
        false => show::done(format!(
            "a token was sent to {}: show it with `chandlery account verify --token TOKEN` within 24 h",
            pending.email
        )),
    }
    Ok(())
}

pub(super) async fn verify(context: &Context, token: String) -> Result {
    let verified: EmailVerified = context.post("/api/v1/email-verifications", EmailToken { token }).await?;
    match context.settings.json {
        true => show::json(&verified),
        false => show::done(format!("'{}' is written to at {}", verified.account, verified.email)),
    }
    Ok(())
}

pub(super) async fn forgot(context: &Context, name: Namespace) -> Result {
    context.post_only("/api/v1/password-reset-requests", ResetRequest { name: name.clone() }).await?;
    match context.settings.json {
        true => show::json(json!({ "asked_for": name })),
        false => show::done(format!(
            "if '{name}' has a verified address, a token was sent there; without one, ask an operator of the registry"
        )),
    }
    Ok(())
}
