//! Stripe: payment intents, refunds, transfers to connected accounts, and signed webhooks. Every request carries an idempotency
//! key that follows from what it is for, so that a repeated one does nothing twice.
//!
//! <https://docs.stripe.com/api>, <https://docs.stripe.com/webhooks#verify-manually>

use chandlery_package::wire::{PaymentIntent, TransactionKind};
use chandlery_package::{Currency, Money, Namespace};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;

use super::Subject;
use crate::billing::invoices::Paid;
use crate::billing::{self, refunds};
use crate::ledger::{self, Account, Transaction};
use crate::{Error, Processor, payouts, sharing};
use chandlery_store::{Db, Write, time};

/// How old a signature may be, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

impl Processor {
    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let failed = |error: reqwest::Error| Error::Processor(error.without_url().to_string());
        let response = request.bearer_auth(&self.key).send().await.map_err(failed)?;
        let status = response.status();
        let body: Value = response.json().await.map_err(failed)?;
        match status.is_success() {
            true => Ok(body),
            false => Err(Error::Processor(
                body["error"]["message"].as_str().unwrap_or("it gave no reason").to_owned(),
            )),
        }
    }

    async fn post(&self, path: &str, key: &str, form: &[(&str, String)]) -> Result<Value, Error> {
        let url = format!("{}/v1/{path}", self.url.trim_end_matches('/'));
        self.ask(reqwest::Client::new().post(url).header("Idempotency-Key", key).form(form)).await
    }

    async fn get(&self, path: &str) -> Result<Value, Error> {
        let url = format!("{}/v1/{path}", self.url.trim_end_matches('/'));
        self.ask(reqwest::Client::new().get(url)).await
    }

    /// Sends money to a connected account, and gives the transfer's id.
    pub async fn transfer(&self, payout: i64, account: &str, amount: Money) -> Result<String, Error> {
        let form = [
            ("amount", amount.minor().to_string()),
            ("currency", amount.currency().code().to_lowercase()),
            ("destination", account.to_owned()),
            ("transfer_group", format!("PAYOUT-{payout}")),
            ("metadata[payout]", payout.to_string()),
        ];
        let sent = self.post("transfers", &format!("chandlery-payout-{payout}"), &form).await?;
        text(&sent, "id")
    }

    /// Gives back so much of what was paid by one of its payments.
    pub async fn refund(&self, payment: &str, amount: Money, key: &str) -> Result<(), Error> {
        let form = [("payment_intent", payment.to_owned()), ("amount", amount.minor().to_string())];
        self.post("refunds", &format!("chandlery-refund-{key}"), &form).await.map(drop)
    }
}

fn text(value: &Value, name: &str) -> Result<String, Error> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| Error::Processor(format!("its answer has no {name}")))
}

/// Begins a payment of what is due.
pub async fn begin(
    db: &Db,
    processor: &Processor,
    customer: &Namespace,
    subject: &Subject,
) -> Result<PaymentIntent, Error> {
    let mut read = db.read().acquire().await?;
    let owner = match subject {
        Subject::Invoice(number) => billing::find_invoice(&mut read, *number).await?.account,
        Subject::Order(reference) => billing::orders::find(&mut read, reference).await?.customer,
    };
    if owner != *customer {
        return Err(subject.missing());
    }
    let amount = subject.due(&mut read).await?;
    drop(read);
    if amount.minor() <= 0 {
        return Err(Error::Conflict(format!("nothing is due for '{subject}'")));
    }
    let form = [
        ("amount", amount.minor().to_string()),
        ("currency", amount.currency().code().to_lowercase()),
        ("description", subject.to_string()),
        ("metadata[subject]", subject.to_string()),
        ("automatic_payment_methods[enabled]", "true".into()),
    ];
    let key = format!("chandlery-{subject}-{}", amount.minor());
    let made = processor.post("payment_intents", &key, &form).await?;
    let intent =
        PaymentIntent { id: text(&made, "id")?, client_secret: text(&made, "client_secret")?, amount };
    let mut write = db.write().await?;
    sqlx::query(
        "insert into processor_payments (id, subject, currency, minor) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(&intent.id)
    .bind(subject.to_string())
    .bind(amount.currency().code())
    .bind(amount.minor())
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(intent)
}

/// Checks a webhook's signature: HMAC-SHA256 over `timestamp.body`, by one of the secrets, not too long ago.
fn check(processor: &Processor, signature: &str, body: &[u8], now: Timestamp) -> Result<(), Error> {
    let refused = |why: &str| Error::Invalid(format!("the webhook is refused: {why}"));
    let fields = || signature.split(',').filter_map(|field| field.trim().split_once('='));
    let at = fields().find_map(|(name, value)| (name == "t").then(|| value.parse::<i64>().ok())?);
    let at = at.ok_or_else(|| refused("its signature has no time"))?;
    if now.as_second().abs_diff(at) > TOLERANCE_SECONDS {
        return Err(refused("its signature is too old"));
    }
    // Strangers may send a header full of signatures: the body is hashed once for a secret, not once for each of them.
    let hashed = |secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        Some(mac)
    };
    let given: Vec<_> =
        fields().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| hex::decode(hex).ok()).collect();
    let mut ours = processor.webhook_secret.split(',').map(str::trim).filter_map(hashed);
    match ours.any(|mac| given.iter().any(|given| mac.clone().verify_slice(given).is_ok())) {
        true => Ok(()),
        false => Err(refused("none of its signatures is by a secret of ours")),
    }
}

/// Takes an event in, once.
pub async fn receive(
    db: &Db,
    processor: &Processor,
    hold_days: u32,
    signature: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    check(processor, signature, body, Timestamp::now())?;
    let event: Value = serde_json::from_slice(body)
        .map_err(|error| Error::Invalid(format!("the event cannot be read: {error}")))?;
    let id = text(&event, "id")?;
    let object = event["data"]["object"].clone();
    let kind = text(&event, "type")?;
    // What has to be asked is asked before anything is written.
    let fee = match kind.as_str() {
        "payment_intent.succeeded" => fee(processor, &object).await?,
        _ => 0,
    };
    db.group_commit(move |write| {
        Box::pin(async move {
            let new = sqlx::query(
                "insert into processor_events (id, received_at) values ($1, $2) on conflict do nothing",
            )
            .bind(&id)
            .bind(time(now))
            .execute(&mut **write)
            .await?;
            if new.rows_affected() == 0 {
                return Ok(());
            }
            match kind.as_str() {
                "payment_intent.succeeded" => paid(write, &object, fee, hold_days, now).await,
                "charge.dispute.created" => disputed(write, &object, now).await,
                "charge.dispute.closed" => decided(write, &object, now).await,
                "transfer.created" => transferred(write, &object, now).await,
                "transfer.reversed" => reversed(write, &object, now).await,
                "payout.paid" => arrived(write, &object, now).await,
                // Others are not about our books.
                _ => Ok(()),
            }
        })
    })
    .await
}

/// What the processor keeps of a payment, in minor units of its currency.
async fn fee(processor: &Processor, object: &Value) -> Result<i64, Error> {
    let id = text(object, "id")?;
    let path = format!("payment_intents/{id}?expand%5B%5D=latest_charge.balance_transaction");
    let payment = processor.get(&path).await?;
    let fee = payment["latest_charge"]["balance_transaction"]["fee"].as_i64();
    fee.ok_or_else(|| Error::Processor(format!("what it keeps of {id} is not known yet")))
}

fn money(object: &Value, name: &str) -> Result<Money, Error> {
    let currency: Currency = text(object, "currency")?.to_uppercase().parse()?;
    let minor = object[name].as_i64();
    let minor = minor.ok_or_else(|| Error::Processor(format!("its event has no {name}")))?;
    Ok(Money::new(minor, currency)?)
}

async fn paid(
    write: &mut Write,
    object: &Value,
    fee: i64,
    hold_days: u32,
    now: Timestamp,
) -> Result<(), Error> {
    let id = text(object, "id")?;
    let amount = money(object, "amount_received")?;
    let subject: Option<(String,)> = sqlx::query_as("select subject from processor_payments where id = $1")
        .bind(&id)
        .fetch_optional(&mut **write)
        .await?;
    let (subject,) = subject.ok_or_else(|| Error::NotFound(format!("payment '{id}' that we began")))?;
    let unknown = || Error::Damaged(format!("what payment {id} is for cannot be read"));
    let subject = Subject::find(&subject).ok_or_else(unknown)?;
    let fee = amount.with_minor(fee)?;
    subject.pay(write, &Paid::Processor(&id, fee), amount, hold_days, now).await?;
    sqlx::query("update processor_payments set paid_at = $1 where id = $2")
        .bind(time(now))
        .bind(&id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// The sales that a payment has paid, and what is left of each.
async fn sales_of(write: &mut Write, payment: &str) -> Result<Vec<(i64, Money)>, Error> {
    let lines: Vec<(i64,)> = sqlx::query_as(
        "select sale from invoice_lines join invoices on number = invoice
         where payment = $1 and sale is not null order by line",
    )
    .bind(payment)
    .fetch_all(&mut **write)
    .await?;
    let mut sales = Vec::new();
    for (id,) in lines {
        let sale = sharing::find_sale(write, id).await?;
        sales.push((id, sale.left()?));
    }
    Ok(sales)
}

/// A dispute is borne by what the payment was for, in proportion; what it was for beside that, by the marketplace.
async fn disputed(write: &mut Write, object: &Value, now: Timestamp) -> Result<(), Error> {
    let id = text(object, "id")?;
    let amount = money(object, "amount")?;
    let fee = object["balance_transactions"][0]["fee"].as_i64().unwrap_or(0);
    let sales = sales_of(write, &text(object, "payment_intent")?).await?;
    let left: i128 = sales.iter().map(|(_, left)| i128::from(left.minor())).sum();
    let shared = amount.at_most(amount.with_minor(left)?)?;
    let weights: Vec<_> = sales.iter().map(|(_, left)| left.minor().max(0).unsigned_abs()).collect();
    let mut fee_left = amount.with_minor(fee)?;
    if shared.minor() > 0 {
        for ((sale, _), part) in sales.iter().zip(shared.split(&weights)?) {
            if part.minor() > 0 {
                sharing::open_dispute(write, &format!("{id}/{sale}"), *sale, part, fee_left, now).await?;
                fee_left = Money::zero(amount.currency());
            }
        }
    }
    let rest = amount.minus(shared)?;
    let own = Transaction::new(TransactionKind::DisputeOpened, &id, now)
        .about(format!("dispute {id}: {rest} that was not shared are held by the processor"))
        .link("dispute", &id)
        .debit(Account::DisputesHeld, rest)
        .debit(Account::DisputeFees, fee_left)
        .credit(Account::Processor, rest.plus(fee_left)?);
    match own.postings.is_empty() {
        true => Ok(()),
        false => ledger::post(write, own).await.map(drop),
    }
}

async fn decided(write: &mut Write, object: &Value, now: Timestamp) -> Result<(), Error> {
    let id = text(object, "id")?;
    let won = match text(object, "status")?.as_str() {
        "won" | "warning_closed" => true,
        "lost" => false,
        _ => return Ok(()),
    };
    let parts: Vec<(String, i64)> =
        sqlx::query_as("select id, minor from disputes where id like $1 || '/%' order by id")
            .bind(&id)
            .fetch_all(&mut **write)
            .await?;
    let mut rest = money(object, "amount")?;
    for (part, minor) in parts {
        sharing::close_dispute(write, &part, won, now).await?;
        rest = rest.minus(rest.with_minor(minor)?)?;
    }
    let decided = if won { TransactionKind::DisputeWon } else { TransactionKind::DisputeLost };
    let own = Transaction::new(decided, &id, now)
        .about(format!("dispute {id} is decided: {rest} that were not shared"))
        .link("dispute", &id)
        .credit(Account::DisputesHeld, rest);
    if ledger::is_posted(write, &own).await? {
        return Ok(());
    }
    let own = match won {
        true => own.debit(Account::Processor, rest),
        false => refunds::lose(write, &text(object, "payment_intent")?, rest, own, now).await?,
    };
    match own.postings.is_empty() {
        true => Ok(()),
        false => ledger::post(write, own).await.map(drop),
    }
}

fn payout_of(object: &Value) -> Option<i64> {
    object["metadata"]["payout"].as_str()?.parse().ok()
}

async fn transferred(write: &mut Write, object: &Value, now: Timestamp) -> Result<(), Error> {
    match payout_of(object) {
        Some(payout) => payouts::settle(write, payout, &text(object, "id")?, None, now).await,
        None => Ok(()),
    }
}

async fn reversed(write: &mut Write, object: &Value, now: Timestamp) -> Result<(), Error> {
    match payout_of(object) {
        Some(payout) => payouts::mark_returned(write, payout, now).await,
        None => Ok(()),
    }
}

/// The processor has sent what it held to the marketplace's bank.
async fn arrived(write: &mut Write, object: &Value, now: Timestamp) -> Result<(), Error> {
    let (id, amount) = (text(object, "id")?, money(object, "amount")?);
    let transaction = Transaction::new(TransactionKind::ProcessorPayout, &id, now)
        .about(format!("the processor has sent {amount}: {id}"))
        .link("payment", &id)
        .debit(Account::Bank, amount)
        .credit(Account::Processor, amount);
    ledger::post(write, transaction).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const SECRET: &str = "whsec_test";

    fn processor() -> Processor {
        Processor { url: String::new(), key: String::new(), webhook_secret: format!("whsec_old, {SECRET}") }
    }

    fn signature(at: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    #[test]
    fn whatever_a_stranger_signs_is_refused() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let valid = signature(now.as_second(), b"{}");
        let checked = |header: &str| check(&processor(), header, b"{}", now);
        assert!(checked(&format!("t={},v1={valid}", now.as_second())).is_ok());
        assert!(checked(&format!("t={}, v1=00, v0=x, v1={valid}", now.as_second())).is_ok());
        for at in [i64::MIN, i64::MIN + now.as_second(), -1, 0, i64::MAX] {
            assert!(checked(&format!("t={at},v1={}", signature(at, b"{}"))).is_err(), "{at}");
        }
        for header in
            ["", "t", "t=", "t=1e9", "v1=", "t=1800000000", "t=1800000000,v1=0", "t=1800000000,v1=zz"]
        {
            assert!(checked(header).is_err(), "{header}");
        }
    }

    #[test]
    fn many_signatures_cost_hardly_more_than_one() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let header = format!("t={}{}", now.as_second(), ",v1=00".repeat(50_000));
        // As large as a request may be.
        let body = vec![b'x'; 1 << 20];
        let started = Instant::now();
        assert!(check(&processor(), &header, &body, now).is_err());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
