//! Publishing from CI without a stored secret: the token of the job's issuer is exchanged for one of the registry, and a key is made
//! that signs this release and is forgotten.

use std::env;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::wire::{Exchanged, NewTokenExchange};
use chandlery_package::{Identity, PluginId, PrivateKey};
use serde::Deserialize;

use crate::api::{Context, token_in};
use crate::failure::{Failure, Result};
use crate::words;

/// Where GitHub Actions issues tokens to a job that has the permission `id-token: write`, and what it wants to see for it.
const GITHUB: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
/// Where a job of GitLab, or of anybody else, puts its token: in GitLab by `id_tokens`.
const TOKEN: &str = "CHANDLERY_ID_TOKEN";

#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// What the issuer gives a job.
pub enum Issued {
    /// An address where it issues tokens, and a secret that is shown there.
    Address { url: String, secret: String },
    /// The token that says who the job is, as the issuer signed it.
    Token(String),
}

/// Lets the job speak for whoever trusts it with the plugin, and gives the key that was bound to it.
pub async fn log_in(context: &Context, plugin: &PluginId, issued: Issued) -> Result<(PrivateKey, Identity)> {
    let token = token(&context.settings.registry, issued).await?;
    let key = PrivateKey::generate();
    let proof = BASE64_STANDARD.encode(key.sign(NewTokenExchange::proof_text(plugin, &token).as_bytes()));
    let new = NewTokenExchange { plugin: plugin.clone(), token, key: key.public(), proof };
    let exchanged: Exchanged = context.post("/api/v1/tokens/exchange", new).await?;
    context.speak_as(exchanged.account, exchanged.token);
    Ok((key, exchanged.identity))
}

/// What the job's issuer has given it.
pub fn issued() -> Result<Issued> {
    if let [Ok(url), Ok(secret)] = GITHUB.map(env::var) {
        return Ok(Issued::Address { url, secret });
    }
    let missing = || no_token(format!("neither {} nor {TOKEN} is set", GITHUB[0]));
    token_in(TOKEN).map(Issued::Token).ok_or_else(missing)
}

/// A token of the job's issuer that is meant for this registry.
async fn token(registry: &str, issued: Issued) -> Result<String> {
    let (url, secret) = match issued {
        Issued::Token(token) => return Ok(token),
        Issued::Address { url, secret } => (url, secret),
    };
    let request = reqwest::Client::new().get(url).query(&[("audience", registry)]).bearer_auth(secret);
    let failed = |error: reqwest::Error| no_token(error.without_url().to_string());
    let answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let answer: Answer = answer.json().await.map_err(failed)?;
    Ok(answer.value)
}

fn no_token(why: String) -> Failure {
    Failure::new(&words::NO_ID_TOKEN, format!("no issuer gives this job a token: {why}")).remedy(
        "in GitHub Actions, give the job `permissions: id-token: write`; in GitLab, `id_tokens: CHANDLERY_ID_TOKEN: aud:` with the \
         registry's URL",
    )
}
