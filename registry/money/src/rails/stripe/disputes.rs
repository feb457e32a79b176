//! Disputes at Stripe: a customer's bank asks about a payment, takes it back, and decides. The money follows how far a dispute has
//! come, whichever of its events is told first: an inquiry moves none.
//!
//! What is disputed is borne by what the payment was for, in proportion and less the tax; what it was for beside that, by the
//! marketplace.

use chandlery_package::column::Text;
use chandlery_package::wire::{EventState, TransactionKind};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::event::Event;
use super::movements::{self, Movement, Of};
use super::object::Object;
use super::payments;
use crate::billing::payments::take_part_back;
use crate::billing::refunds;
use crate::ledger::{self, Account, Transaction};
use crate::rails::{Subject, bank};
use crate::{Error, sharing};
use chandlery_store::Write;

/// Told of a dispute whose fee was booked when it was opened, and is not known here.
const FEE_BOOKED: i64 = i64::MAX;

chandlery_package::words! {
    /// How far a dispute has come.
    enum Stage: "stage of a dispute" {
        /// The customer's bank asks, and has taken nothing.
        Inquiry = "inquiry",
        /// It has taken the payment back, and has not decided.
        Open = "open",
        /// It has decided for the marketplace.
        Won = "won",
        /// It has decided for the customer.
        Lost = "lost",
    }
}

impl Stage {
    /// The stage that a status of Stripe's means.
    fn of(status: &str) -> Result<Self, Error> {
        match status {
            "warning_needs_response" | "warning_under_review" | "warning_closed" | "prevented" => {
                Ok(Self::Inquiry)
            }
            "needs_response" | "under_review" => Ok(Self::Open),
            "won" => Ok(Self::Won),
            "lost" => Ok(Self::Lost),
            other => Err(Error::Processor(format!("'{other}' is no status of a dispute that is known here"))),
        }
    }

    /// A dispute never goes back.
    fn rank(self) -> u8 {
        match self {
            Self::Inquiry => 0,
            Self::Open => 1,
            Self::Won | Self::Lost => 2,
        }
    }
}

/// A dispute as far as the books have followed it.
#[derive(Debug, Clone)]
pub(super) struct Dispute {
    id: String,
    payment: String,
    amount: Money,
    fee: Money,
    stage: Stage,
    told: i64,
    round: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    payment: String,
    currency: Text<Currency>,
    minor: i64,
    fee_minor: i64,
    state: Text<Stage>,
    told: i64,
    round: i64,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select id, payment, currency, minor, fee_minor, state, told, round from processor_disputes ",
            $condition
        )
    };
}

fn read(row: Row) -> Result<Dispute, Error> {
    let Text(currency) = row.currency;
    Ok(Dispute {
        id: row.id,
        payment: row.payment,
        amount: Money::new(row.minor, currency)?,
        fee: Money::new(row.fee_minor, currency)?,
        stage: row.state.0,
        told: row.told,
        round: row.round,
    })
}

impl Dispute {
    /// What the ledger and the shares call it: of its own for each time that it is held.
    fn handle(&self) -> String {
        match self.round {
            0 => self.id.clone(),
            round => format!("{}.{round}", self.id),
        }
    }

    async fn save(&self, write: &mut Write) -> Result<(), Error> {
        sqlx::query(
            "insert into processor_disputes (id, payment, currency, minor, fee_minor, state, told, round)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (id) do update set fee_minor = excluded.fee_minor, state = excluded.state,
                 told = excluded.told, round = excluded.round",
        )
        .bind(&self.id)
        .bind(&self.payment)
        .bind(self.amount.currency().code())
        .bind(self.amount.minor())
        .bind(self.fee.minor())
        .bind(self.stage.as_str())
        .bind(self.told)
        .bind(self.round)
        .execute(&mut **write)
        .await?;
        Ok(())
    }
}

/// Lets the books follow a dispute to where it is.
pub(super) async fn follow(write: &mut Write, object: &Object, now: Timestamp) -> Result<EventState, Error> {
    let (id, amount) = (object.id()?, object.money("amount")?);
    let stage = Stage::of(object.text("status")?)?;
    let row: Option<Row> =
        sqlx::query_as(select!("where id = $1")).bind(&id).fetch_optional(&mut **write).await?;
    let known = row.map(read).transpose()?;
    if stage == Stage::Inquiry && known.is_none() {
        return Ok(EventState::Ignored);
    }
    let payment = payments::paid_one(write, object.reference("payment_intent")).await?.id;
    let mut dispute = match known {
        Some(known) if known.amount == amount => known,
        Some(known) => {
            let told = known.amount;
            return Err(Error::Conflict(format!("dispute '{id}' was of {told}, and now is of {amount}")));
        }
        None => before(write, id, payment, amount).await?,
    };
    if dispute.stage.rank() == 2 && stage.rank() == 2 && dispute.stage != stage {
        return Err(Error::Conflict(format!(
            "dispute '{}' was {}, and now is {stage}",
            dispute.id, dispute.stage
        )));
    }
    let movements = object.list("balance_transactions").iter().map(Movement::read);
    let movements: Vec<Movement> = movements.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let told = (stage.rank(), movements.len() as i64);
    let before = (dispute.stage.rank(), dispute.told);
    if dispute.stage == Stage::Inquiry && stage != Stage::Inquiry {
        hold(write, &dispute, now).await?;
        dispute.stage = Stage::Open;
        // From here on the processor has so much less of the payment.
        dispute.save(write).await?;
    }
    if dispute.stage == Stage::Open && stage.rank() == 2 {
        decide(write, &dispute, stage == Stage::Won, now).await?;
        dispute.stage = stage;
    }
    let fees = movements.iter().map(|movement| movement.fee_in(amount.currency()));
    let (fee, key) = (Money::sum(amount.currency(), fees)?, format!("{}.{}.{}", dispute.id, told.0, told.1));
    if told > before {
        charge(write, &mut dispute, fee, (told.1, key), now).await?;
    } else if told == before && fee != dispute.fee {
        // Before there were exchanges in the books, the fee was booked in the payment's currency.
        charge(write, &mut dispute, fee, (told.1, format!("{key}.exchanged")), now).await?;
    }
    for movement in &movements {
        let of = (Of::Dispute(&dispute.id, &dispute.payment), Account::DisputeFees);
        movements::exchange(write, movement, movement.moves(amount), of, now).await?;
    }
    dispute.save(write).await?;
    Ok(EventState::Applied)
}

/// A dispute that was not followed before. What the books have of it from when its events were taken at their word, counts.
async fn before(write: &mut Write, id: String, payment: String, amount: Money) -> Result<Dispute, Error> {
    let zero = Money::zero(amount.currency());
    let mut new = Dispute { id, payment, amount, fee: zero, stage: Stage::Inquiry, told: -1, round: 0 };
    let transaction = |kind| Transaction::new(kind, &new.id, Timestamp::UNIX_EPOCH);
    let kinds = [TransactionKind::DisputeWon, TransactionKind::DisputeLost, TransactionKind::DisputeOpened];
    let [won, lost, opened] = kinds.map(transaction);
    let parts = parts_of(write, &new.id).await?;
    let is = |state: &str| !parts.is_empty() && parts.iter().all(|(_, _, one)| one == state);
    if is("won") || ledger::is_posted(write, &won).await? {
        new.stage = Stage::Won;
    } else if is("lost") || ledger::is_posted(write, &lost).await? {
        new.stage = Stage::Lost;
    } else if !parts.is_empty() || ledger::is_posted(write, &opened).await? {
        new.stage = Stage::Open;
    }
    if new.stage != Stage::Inquiry {
        new.told = FEE_BOOKED;
    }
    Ok(new)
}

/// The parts of it that sales bear: the name of each, how much, and how it stands.
async fn parts_of(db: &mut AnyConnection, handle: &str) -> Result<Vec<(String, i64, String)>, Error> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "select id, minor, state from disputes where substr(id, 1, length($1)) = $1 order by id",
    )
    .bind(format!("{handle}/"))
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// What Stripe has last told of a dispute, as far as it says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldDispute {
    /// How it stands there, such as `needs_response` or `under_review`.
    pub status: Option<String>,
    /// Why the customer disputes the payment, such as `fraudulent`.
    pub reason: Option<String>,
    /// Until when evidence is taken.
    pub answer_by: Option<Timestamp>,
    /// How often evidence was submitted.
    pub submissions: u64,
}

/// What the processor has last told of a dispute, by its name or by that which the shares have for a part of it. None: nothing, or it is
/// no dispute of the processor's.
pub(crate) async fn told(db: &mut AnyConnection, part: &str) -> Result<Option<ToldDispute>, Error> {
    let handle = part.split('/').next().unwrap_or(part);
    let id = handle.split('.').next().unwrap_or(handle);
    let rows: Vec<(String,)> = sqlx::query_as(
        "select processor_events.body from processor_disputes
         join processor_events on processor_events.about = processor_disputes.payment
         where processor_disputes.id = $1 and processor_events.kind like 'charge.dispute.%' and processor_events.object = $1
         order by coalesce(processor_events.created_at, '') desc, processor_events.id desc limit 1",
    )
    .bind(id)
    .fetch_all(db)
    .await?;
    let told = rows.first().and_then(|(body,)| Event::read(body.as_bytes()).ok());
    Ok(told.map(|event| read_told(&event.object)))
}

/// Until when a dispute may be answered, where the processor has said so.
pub(crate) async fn answer_by(db: &mut AnyConnection, part: &str) -> Result<Option<Timestamp>, Error> {
    Ok(told(db, part).await?.and_then(|told| told.answer_by))
}

fn read_told(object: &Object) -> ToldDispute {
    let word = |name: &str| object.reference(name).map(ToOwned::to_owned);
    let evidence = &object.0["evidence_details"];
    // In seconds since 1970.
    let due = evidence["due_by"].as_i64().and_then(|second| Timestamp::from_second(second).ok());
    ToldDispute {
        status: word("status"),
        reason: word("reason"),
        answer_by: due,
        submissions: evidence["submission_count"].as_u64().unwrap_or(0),
    }
}

/// Whose payment it is, by its id; none: it is no payment of ours.
pub(crate) async fn payer(db: &mut AnyConnection, payment: &str) -> Result<Option<Namespace>, Error> {
    match payments::find(db, payment).await? {
        Some(payment) => payment.payer(db).await,
        None => Ok(None),
    }
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

/// Holds what is disputed.
async fn hold(write: &mut Write, dispute: &Dispute, now: Timestamp) -> Result<(), Error> {
    let (handle, amount) = (dispute.handle(), dispute.amount);
    let sales = sales_of(write, &dispute.payment).await?;
    let left: i128 = sales.iter().map(|(_, left)| i128::from(left.minor())).sum();
    let net = refunds::net_of(write, &dispute.payment, amount).await?;
    let shared = net.at_most(amount.with_minor(left)?)?;
    let weights: Vec<_> = sales.iter().map(|(_, left)| left.minor().max(0).unsigned_abs()).collect();
    if shared.minor() > 0 {
        let none = Money::zero(amount.currency());
        for ((sale, _), part) in sales.iter().zip(shared.split(&weights)?) {
            if part.minor() > 0 {
                sharing::open_dispute(write, &format!("{handle}/{sale}"), *sale, part, none, now).await?;
            }
        }
    }
    let rest = amount.minus(shared.or_zero())?;
    let own = Transaction::new(TransactionKind::DisputeOpened, &handle, now)
        .about(format!("dispute {handle}: {rest} that was not shared are held by the processor"))
        .link("dispute", &dispute.id)
        .debit(Account::DisputesHeld, rest)
        .credit(Account::Processor, rest);
    post(write, own).await?;
    refunds::tell_of_dispute(write, &dispute.payment, now).await
}

async fn post(write: &mut Write, transaction: Transaction) -> Result<(), Error> {
    match transaction.postings.is_empty() {
        true => Ok(()),
        false => ledger::post(write, transaction).await.map(drop),
    }
}

/// Ends what is held, as the customer's bank has decided.
async fn decide(write: &mut Write, dispute: &Dispute, won: bool, now: Timestamp) -> Result<(), Error> {
    let handle = dispute.handle();
    let mut rest = dispute.amount;
    for (part, minor, _) in parts_of(write, &handle).await? {
        sharing::close_dispute(write, &part, won, now).await?;
        rest = rest.minus(rest.with_minor(minor)?)?;
    }
    let decided = if won { TransactionKind::DisputeWon } else { TransactionKind::DisputeLost };
    let own = Transaction::new(decided, &handle, now)
        .about(format!("dispute {handle} is decided: {rest} that were not shared"))
        .link("dispute", &dispute.id)
        .credit(Account::DisputesHeld, rest);
    let own = match won {
        true => own.debit(Account::Processor, rest),
        false => {
            let payment = payments::paid_one(write, Some(&dispute.payment)).await?;
            let held = bank::take(write, &payment.id, rest, "was taken by the customer's bank", now).await?;
            let mut own = own.link("payment", &payment.id).debit(Account::Suspense, held);
            let mut rest = rest.minus(held)?;
            if let Some(customer) = payment.payer(write).await? {
                let credit = payments::take_lost(write, &payment, &customer, rest).await?;
                let part = take_part_back(write, &dispute.payment, rest.minus(credit)?).await?;
                rest = rest.minus(credit)?.minus(part)?;
                own = own.link("customer", &customer);
                own = own.debit(Account::Credit(customer), credit).debit(Account::Receivable, part);
            }
            if let Some(Subject::Invoice(number)) = payment.subject {
                own = own.link("invoice", number);
            }
            refunds::lose(write, &dispute.payment, rest, own, now).await?
        }
    };
    post(write, own).await
}

/// Books what the processor takes for a dispute by now, more or less than before.
async fn charge(
    write: &mut Write,
    dispute: &mut Dispute,
    fee: Money,
    (told, key): (i64, String),
    now: Timestamp,
) -> Result<(), Error> {
    let more = fee.minus(dispute.fee)?;
    let taken = Transaction::new(TransactionKind::DisputeFee, key, now)
        .about(format!("dispute {}: the processor takes {fee} for it", dispute.id))
        .link("dispute", &dispute.id)
        .debit(Account::DisputeFees, more)
        .credit(Account::Processor, more);
    if dispute.told != FEE_BOOKED {
        post(write, taken).await?;
    }
    (dispute.fee, dispute.told) = (fee, told);
    Ok(())
}

/// Lets go of what the open disputes of a payment hold, while something else is taken of it: what each bears follows from what was
/// given back, whichever was told first.
pub(super) async fn let_go(write: &mut Write, payment: &str, now: Timestamp) -> Result<Vec<Dispute>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!("where payment = $1 and state = 'open' order by id"))
        .bind(payment)
        .fetch_all(&mut **write)
        .await?;
    let mut open = Vec::new();
    for row in rows {
        let dispute = read(row)?;
        decide(write, &dispute, true, now).await?;
        open.push(dispute);
    }
    Ok(open)
}

/// Holds them again.
pub(super) async fn hold_again(write: &mut Write, open: Vec<Dispute>, now: Timestamp) -> Result<(), Error> {
    for mut dispute in open {
        dispute.round += 1;
        hold(write, &dispute, now).await?;
        dispute.save(write).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_stripes_is_a_stage_or_is_refused() {
        for (status, stage) in [
            ("warning_needs_response", Stage::Inquiry),
            ("warning_closed", Stage::Inquiry),
            ("needs_response", Stage::Open),
            ("under_review", Stage::Open),
            ("won", Stage::Won),
            ("lost", Stage::Lost),
        ] {
            assert_eq!(Stage::of(status).unwrap(), stage, "{status}");
        }
        assert!(Stage::of("charge_refunded").is_err());
    }

    #[test]
    fn evidence_is_due_when_stripe_says_so() {
        let due = |object: serde_json::Value| read_told(&Object(object)).answer_by;
        let told = serde_json::json!({ "evidence_details": { "due_by": 1_795_996_800 } });
        assert_eq!(due(told).map(|at| at.to_string()), Some("2026-11-30T00:00:00Z".into()));
        for none in [
            serde_json::json!({}),
            serde_json::json!({ "evidence_details": { "due_by": null } }),
            serde_json::json!({ "evidence_details": { "due_by": i64::MAX } }),
        ] {
            assert_eq!(due(none), None);
        }
        // What is no word is not repeated.
        let told = serde_json::json!({ "status": "under_review", "reason": "<b>", "evidence_details": { "submission_count": 2 } });
        let told = read_told(&Object(told));
        assert_eq!((told.status.as_deref(), told.reason, told.submissions), (Some("under_review"), None, 2));
    }
}
