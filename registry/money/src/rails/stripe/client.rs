//! What Stripe is asked. Every request that changes something carries an idempotency key that follows from what it is for, so that a
//! repeated one does nothing twice.

use std::sync::LazyLock;
use std::time::Duration;

use chandlery_package::Money;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::object::Object;
use crate::{Error, Processor};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What Stripe calls refusals of refunds that stay: <https://docs.stripe.com/error-codes>.
const FINAL: [&str; 4] =
    ["charge_already_refunded", "charge_disputed", "charge_not_refundable", "refund_disputed_payment"];
/// By which statuses a request is refused that may be done all the same, or was done before: it is not signed in, is sent twice at the
/// same time, took too long, or comes too often.
const UNCERTAIN: [StatusCode; 5] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::TOO_MANY_REQUESTS,
];
/// How long a key of ours may be: with what stands before it, Stripe takes 255.
const KEY_BYTES_MAX: usize = 200;

/// Connections are kept: each would begin with reading the machine's certificates.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

fn failed(error: reqwest::Error) -> Error {
    Error::Processor(error.without_url().to_string())
}

async fn read(response: Response) -> Result<Object, Error> {
    let status = response.status();
    let body: Value = response.json().await.map_err(failed)?;
    match status.is_success() {
        true => Ok(Object(body)),
        false => Err(refusal(status, &body["error"])),
    }
}

/// What a refusal means: whether it is certain that nothing was done, and whether the same may be done later.
fn refusal(status: StatusCode, error: &Value) -> Error {
    let reason = error["message"].as_str().unwrap_or("it gave no reason").to_owned();
    let code = error["code"].as_str().unwrap_or_default();
    // A key that was used for something else says nothing of what was done by it.
    let is_certain = status.is_client_error()
        && !UNCERTAIN.contains(&status)
        && error.is_object()
        && error["type"] != "idempotency_error";
    match is_certain {
        true if FINAL.contains(&code) => Error::RefusedForGood { code: code.to_owned(), reason },
        true => Error::Refused(reason),
        false => Error::Processor(reason),
    }
}

/// By which key Stripe is asked for something: it keeps what it has answered to one, refusals included, for a day.
fn idempotency_key(what: &str, token: &str, generation: i64) -> String {
    match generation {
        ..=1 => format!("chandlery-{what}-{token}"),
        // Where others have a hyphen there is a stroke, so that no two requests share a key.
        _ => format!("chandlery-{what}/{generation}-{token}"),
    }
}

/// A key as a header can carry it.
fn token(key: &str) -> String {
    match key.len() <= KEY_BYTES_MAX && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => key.to_owned(),
        false => hex::encode(Sha256::digest(key)),
    }
}

impl Processor {
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.timeout(PATIENCE).bearer_auth(&self.key).send().await.map_err(failed)
    }

    fn at(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.url.trim_end_matches('/'))
    }

    /// Whether there is a key to ask with.
    pub(crate) fn can_be_asked(&self) -> bool {
        !self.key.is_empty()
    }

    pub(super) async fn post(&self, path: &str, key: &str, form: &[(&str, String)]) -> Result<Object, Error> {
        let request = HTTP.post(self.at(path));
        read(self.send(request.header("Idempotency-Key", key).form(form)).await?).await
    }

    /// An object as it is now; none: there is no such thing. Where that is not answered, nothing was refused.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Object>, Error> {
        let response = self.send(HTTP.get(self.at(path))).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => read(response).await.map(Some).map_err(|error| match error {
                Error::Refused(reason) | Error::RefusedForGood { reason, .. } => Error::Processor(reason),
                other => other,
            }),
        }
    }

    /// Sends money to a connected account, and gives the transfer's id. `generation` counts its keys from 1.
    pub(crate) async fn transfer(
        &self,
        payout: &str,
        account: &str,
        amount: Money,
        generation: i64,
    ) -> Result<String, Error> {
        let form = [
            ("amount", amount.minor().to_string()),
            ("currency", amount.currency().code().to_lowercase()),
            ("destination", account.to_owned()),
            ("transfer_group", format!("PAYOUT-{payout}")),
            ("metadata[payout]", payout.to_owned()),
        ];
        self.post("transfers", &idempotency_key("payout", payout, generation), &form).await?.id()
    }

    /// Gives back so much of what was paid by one of its payments, and gives the refund's id. `generation` counts its keys from 1.
    pub(crate) async fn refund(
        &self,
        payment: &str,
        amount: Money,
        key: &str,
        generation: i64,
    ) -> Result<String, Error> {
        let token = token(key);
        let form = [
            ("payment_intent", payment.to_owned()),
            ("amount", amount.minor().to_string()),
            ("metadata[refund]", token.clone()),
        ];
        self.post("refunds", &idempotency_key("refund", &token, generation), &form).await?.id()
    }

    /// The charge that a payment was made by, as it is now; none: there is no such payment, or it was not made.
    pub(super) async fn charge(&self, payment: &str) -> Result<Option<Object>, Error> {
        let found = self.get(&format!("payment_intents/{payment}?expand%5B%5D=latest_charge")).await?;
        let charge = found.map(|payment| Object(payment.0["latest_charge"].clone()));
        Ok(charge.filter(|charge| charge.0["amount_refunded"].is_i64()))
    }

    /// Refuses for good, by Stripe's own words, where less than an amount is left of a payment: Stripe names no code for a part too many.
    pub(crate) async fn must_have(&self, payment: &str, amount: Money) -> Result<(), Error> {
        let Some(charge) = self.charge(payment).await? else { return Ok(()) };
        let left = charge.money("amount")?.minus(charge.money("amount_refunded")?)?;
        if amount.minus(left)?.or_zero().minor() == 0 {
            return Ok(());
        }
        let code = if left.is_positive() { "amount_too_large" } else { "charge_already_refunded" };
        let reason = format!("{left} is left of payment {payment}, and {amount} is to be given back");
        Err(Error::RefusedForGood { code: code.into(), reason })
    }

    /// The transfer that was made for a payout before, if one was: keys are forgotten after a day.
    pub(crate) async fn transfer_made(&self, payout: &str) -> Result<Option<String>, Error> {
        self.made(&format!("transfers?transfer_group=PAYOUT-{payout}&limit=100"), "payout", payout).await
    }

    /// The refund that was made by a request before, if one was.
    pub(crate) async fn refund_made(&self, payment: &str, key: &str) -> Result<Option<String>, Error> {
        self.made(&format!("refunds?payment_intent={payment}&limit=100"), "refund", &token(key)).await
    }

    async fn made(&self, path: &str, name: &str, value: &str) -> Result<Option<String>, Error> {
        let found = self.get(path).await?.filter(|found| found.0["data"].is_array());
        let found = found.ok_or_else(|| Error::Processor(format!("it does not list '{path}'")))?;
        match found.list("data").iter().find(|one| one["metadata"][name] == value) {
            Some(ours) => Object(ours.clone()).id().map(Some),
            None if found.0["has_more"] == true => {
                Err(Error::Processor(format!("there is more of '{path}' than it lists at once")))
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_for_good_or_for_now_or_is_none() {
        let (none, now, good) = ("none", "now", "good");
        for (status, error, meaning) in [
            (
                400,
                json!({ "code": "charge_already_refunded", "message": "Charge ch_1 has been refunded." }),
                good,
            ),
            (400, json!({ "code": "charge_disputed", "message": "x" }), good),
            (400, json!({ "code": "refund_disputed_payment" }), good),
            (402, json!({ "code": "charge_not_refundable" }), good),
            (500, json!({ "code": "charge_not_refundable" }), none),
            (400, json!({ "code": "balance_insufficient" }), now),
            (404, json!({ "code": "resource_missing" }), now),
            (400, json!({ "code": 7 }), now),
            (400, json!({ "type": "idempotency_error" }), none),
            (400, Value::Null, none),
            (401, json!({ "message": "Invalid API Key provided" }), none),
            (403, json!({ "message": "x" }), none),
            (408, json!({ "message": "x" }), none),
            (409, json!({ "code": "lock_timeout" }), none),
            (429, json!({ "code": "rate_limit", "message": "x" }), none),
            (503, json!({ "type": "api_error", "message": "x" }), none),
        ] {
            let found = match refusal(StatusCode::from_u16(status).unwrap(), &error) {
                Error::RefusedForGood { .. } => good,
                Error::Refused(_) => now,
                _ => none,
            };
            assert_eq!(found, meaning, "{status}: {error}");
        }
    }

    #[test]
    fn no_two_requests_share_a_key() {
        let keys = [("r", 1), ("r", 2), ("r/2", 1), ("2-r", 1), ("/2-r", 1)]
            .map(|(token, generation)| idempotency_key("refund", token, generation));
        let others: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(others.len(), keys.len(), "{keys:?}");
    }
}
