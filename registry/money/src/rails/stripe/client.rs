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
        false => Err(refusal(&body["error"])),
    }
}

/// What a refusal means: whether the same may be done later.
fn refusal(error: &Value) -> Error {
    let reason = error["message"].as_str().unwrap_or("it gave no reason").to_owned();
    let code = error["code"].as_str().unwrap_or_default();
    match FINAL.contains(&code) {
        true => Error::RefusedForGood { code: code.to_owned(), reason },
        false => Error::Processor(reason),
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
    pub(super) fn can_be_asked(&self) -> bool {
        !self.key.is_empty()
    }

    pub(super) async fn post(&self, path: &str, key: &str, form: &[(&str, String)]) -> Result<Object, Error> {
        let request = HTTP.post(self.at(path));
        read(self.send(request.header("Idempotency-Key", key).form(form)).await?).await
    }

    /// An object as it is now; none: there is no such thing.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Object>, Error> {
        let response = self.send(HTTP.get(self.at(path))).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => read(response).await.map(Some),
        }
    }

    /// Sends money to a connected account, and gives the transfer's id.
    pub(crate) async fn transfer(&self, payout: &str, account: &str, amount: Money) -> Result<String, Error> {
        let form = [
            ("amount", amount.minor().to_string()),
            ("currency", amount.currency().code().to_lowercase()),
            ("destination", account.to_owned()),
            ("transfer_group", format!("PAYOUT-{payout}")),
            ("metadata[payout]", payout.to_owned()),
        ];
        self.post("transfers", &format!("chandlery-payout-{payout}"), &form).await?.id()
    }

    /// Gives back so much of what was paid by one of its payments, and gives the refund's id.
    pub(crate) async fn refund(&self, payment: &str, amount: Money, key: &str) -> Result<String, Error> {
        let token = token(key);
        let form = [
            ("payment_intent", payment.to_owned()),
            ("amount", amount.minor().to_string()),
            ("metadata[refund]", token.clone()),
        ];
        self.post("refunds", &format!("chandlery-refund-{token}"), &form).await?.id()
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
        let Some(found) = self.get(path).await? else { return Ok(None) };
        let ours = found.list("data").iter().find(|one| one["metadata"][name] == value);
        ours.map(|one| Object(one.clone()).id()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_for_good_or_for_now() {
        for (error, is_final) in [
            (
                json!({ "code": "charge_already_refunded", "message": "Charge ch_1 has already been refunded." }),
                true,
            ),
            (json!({ "code": "charge_disputed", "message": "x" }), true),
            (json!({ "code": "refund_disputed_payment" }), true),
            (json!({ "code": "charge_not_refundable" }), true),
            (json!({ "code": "rate_limit", "message": "x" }), false),
            (json!({ "code": "lock_timeout" }), false),
            (json!({ "code": "balance_insufficient" }), false),
            (json!({ "type": "api_error", "message": "x" }), false),
            (json!({ "code": 7 }), false),
            (Value::Null, false),
        ] {
            let found = matches!(refusal(&error), Error::RefusedForGood { .. });
            assert_eq!(found, is_final, "{error}");
        }
    }
}
