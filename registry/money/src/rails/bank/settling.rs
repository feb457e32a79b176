//! Where a part of a bank line goes, by hand or by what it names. Whatever it is for is compared with what it claims: a payment with
//! what is due, what left with what was sent, what came back with what is out.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | it pays an invoice or an order | suspense | receivable |
//! | it is what a payout left by | in transit, payout fees up to a bound | suspense |
//! | it is what came back of a payout | suspense | in transit, and from there available |
//! | it is kept as a customer's credit | suspense | credit |
//! | and is to be sent back after all | credit | suspense |
//! | it is sent back | suspense | bank |
//! | it arrives from another own account, or leaves to one | suspense; transfers | transfers; suspense |
//! | it is what the bank takes | bank fees | suspense |

use chandlery_package::column::Text;
use chandlery_package::wire::{Allotment, RailKind, TransactionKind};
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::super::own_accounts::in_ledger;
use super::super::send_backs;
use super::lines::{self, Line, Tie};
use super::recorded;
use crate::billing::invoices::Paid;
use crate::billing::{find_invoice, orders, payments};
use crate::ledger::{self, Account, Transaction};
use crate::payouts::{self, fees, run};
use crate::{Error, Finance};

/// What bank lines are settled by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many days what is sold is on hold once it is paid.
    pub hold_days: u32,
    /// The most that the bank takes for a transfer, by currency.
    pub fees_max: Vec<Money>,
    /// The moment by the registry's clock.
    pub now: Timestamp,
}

impl Rules {
    /// Those of now.
    pub(crate) async fn of(db: &mut AnyConnection, finance: &Finance) -> Result<Self, Error> {
        let fees_max = fees::most(db).await?;
        Ok(Self { hold_days: finance.hold_days, fees_max, now: finance.clock.now() })
    }

    /// Refuses what is more than a fee, or less than none.
    pub(super) fn must_be_fee(&self, fee: Money, of: &str) -> Result<(), Error> {
        fees::must_be_fee(&self.fees_max, fee, of)
    }
}

/// Lets a part of a line be what it is said to be.
pub(super) async fn settle(
    write: &mut Write,
    rules: &Rules,
    line: &mut Line,
    to: &Allotment,
) -> Result<(), Error> {
    let mut whose = None;
    if let Allotment::SendBack { amount } = to
        && line.open()?.is_none()
    {
        whose = Some(take_back(write, line, *amount, rules.now).await?);
    }
    let none = || Error::Conflict(format!("nothing of bank line {} is open", line.id));
    let open = line.open()?.ok_or_else(none)?;
    let now = rules.now;
    let at = lines::moment(write, line.day, now).await?;
    match to {
        Allotment::Invoice { number, amount } => {
            must_fit(open, *amount, true)?;
            let issued = find_invoice(write, *number).await?.issued_at;
            let (paid, at) = (Paid::Line(&line.id), at.max(issued));
            payments::pay(write, *number, &paid, *amount, rules.hold_days, at).await?;
            lines::allot(write, line, *amount, &format!("paid INVOICE-{number}"), Tie::Nothing, now).await
        }
        Allotment::Order { reference, amount } => {
            must_fit(open, *amount, true)?;
            orders::pay(write, reference, &Paid::Line(&line.id), *amount, rules.hold_days, now).await?;
            lines::allot(write, line, *amount, &format!("paid {reference}"), Tie::Nothing, now).await
        }
        Allotment::Payout { id, amount } if open.is_positive() => {
            must_fit(open, *amount, true)?;
            must_be_by_bank(write, *id).await?;
            let at = at.max(last_of(write, *id).await?);
            payouts::come_back(write, *id, *amount, (Account::Suspense, line.id.as_str()), at).await?;
            let whole = run::find(write, *id).await?.returned.is_none();
            let target = if whole {
                format!("returned payout {id}")
            } else {
                format!("returned {amount} of payout {id}")
            };
            lines::allot(write, line, *amount, &target, Tie::Nothing, now).await
        }
        Allotment::Payout { id, amount } => {
            must_fit(open, *amount, false)?;
            must_be_by_bank(write, *id).await?;
            let payout = run::find(write, *id).await?;
            let fee = amount.minus(payout.sent)?;
            rules.must_be_fee(fee, &format!("payout {id} of {}", payout.sent))?;
            let at = at.max(last_of(write, *id).await?);
            run::arrive(write, &payout, &line.id, fee, Account::Suspense, at).await?;
            let target = format!("confirmed payout {id}");
            lines::allot(write, line, amount.negated(), &target, Tie::Nothing, now).await
        }
        Allotment::Recorded { transaction } => recorded::see(write, line, open, *transaction, at, now).await,
        Allotment::Own { amount } => {
            must_fit(open, *amount, open.is_positive())?;
            let moved = if open.is_positive() { *amount } else { amount.negated() };
            let about = format!("{amount} of bank line {} move between own accounts", line.id);
            leave(write, TransactionKind::BankMoved, line, moved, Account::Transfers, &about, at).await?;
            lines::allot(write, line, moved, "moves between own accounts", Tie::Own, now).await
        }
        Allotment::Charges { amount } => {
            must_fit(open, *amount, false)?;
            rules.must_be_fee(*amount, "nothing")?;
            let about = format!("{amount} of bank line {} are what the bank takes", line.id);
            let taken = amount.negated();
            leave(write, TransactionKind::BankCharges, line, taken, Account::BankFees, &about, at).await?;
            lines::allot(write, line, taken, "is what the bank takes", Tie::Nothing, now).await
        }
        Allotment::CameBack { reference, amount } => {
            must_fit(open, *amount, true)?;
            let customer = send_backs::take_back(write, reference, *amount).await?;
            let target = format!("came back of {reference}, and is credit of {customer}");
            credit(write, line, *amount, &customer, &target, (at, now)).await
        }
        Allotment::Credit { customer, amount } => {
            must_fit(open, *amount, true)?;
            must_be_known(write, customer).await?;
            let target = format!("is credit of {customer}");
            credit(write, line, *amount, customer, &target, (at, now)).await
        }
        Allotment::SendBack { amount } => {
            must_fit(open, *amount, true)?;
            let about = format!("{amount} of bank line {} are sent back", line.id);
            let bank = in_ledger(&line.account);
            let number =
                leave(write, TransactionKind::BankSentBack, line, *amount, bank, &about, now).await?;
            let other = &line.other;
            let to = [other.holder.as_str(), other.iban.as_str(), other.bic.as_str()];
            send_backs::owe_line(write, number, whose.as_ref(), to).await?;
            lines::allot(write, line, *amount, &format!("is sent back as BACK-{number}"), Tie::Nothing, now)
                .await
        }
    }
}

/// Keeps a part of a line as a customer's credit.
async fn credit(
    write: &mut Write,
    line: &mut Line,
    amount: Money,
    customer: &Namespace,
    target: &str,
    (at, now): (Timestamp, Timestamp),
) -> Result<(), Error> {
    let about = format!("{amount} of bank line {} are credit of {customer}", line.id);
    let to = Account::Credit(customer.clone());
    leave(write, TransactionKind::BankCredit, line, amount, to, &about, at).await?;
    lines::allot(write, line, amount, target, Tie::Credit(customer), now).await
}

/// Takes what of a line is a customer's credit back, as far as the customer has not used it: it is open again. Gives whose it was.
async fn take_back(
    write: &mut Write,
    line: &mut Line,
    amount: Money,
    now: Timestamp,
) -> Result<Namespace, Error> {
    let none = || Error::Conflict(format!("{amount} of bank line {} are neither open nor credit", line.id));
    let kept: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select customer from bank_allotments where line = $1 and currency = $2 and customer is not null
         group by customer having sum(minor) >= $3 order by customer limit 1",
    )
    .bind(&line.id)
    .bind(amount.currency().code())
    .bind(amount.minor())
    .fetch_optional(&mut **write)
    .await?;
    let (Text(customer),) = kept.ok_or_else(none)?;
    let credit = Account::Credit(customer.clone());
    let left = ledger::owed(write, &credit, amount.currency()).await?.up_to(amount)?;
    if !amount.is_positive() || left != amount {
        return Err(none());
    }
    let back = amount.negated();
    let about = format!("{amount} of bank line {} are no credit of {customer} any more", line.id);
    leave(write, TransactionKind::BankCredit, line, back, credit, &about, now).await?;
    let target = format!("is no credit of {customer} any more");
    lines::allot(write, line, back, &target, Tie::Credit(&customer), now).await?;
    Ok(customer)
}

/// Refuses a part that is not above zero, or more than what is open of a line that arrived or, else, left.
pub(super) fn must_fit(open: Money, amount: Money, arrived: bool) -> Result<(), Error> {
    let open = if arrived { open } else { open.negated() };
    let rest = open.minus(amount)?;
    match amount.is_positive() && rest.minor() >= 0 {
        true => Ok(()),
        false => Err(Error::Conflict(format!("{amount} are not a part of the {open} that are open"))),
    }
}

async fn must_be_by_bank(write: &mut Write, payout: i64) -> Result<(), Error> {
    match run::find(write, payout).await?.rail {
        RailKind::Manual | RailKind::Sepa => Ok(()),
        RailKind::Stripe => Err(Error::Conflict(format!("payout {payout} does not leave by the bank"))),
    }
}

/// When something became of a payout last: what the bank did follows it.
async fn last_of(write: &mut Write, payout: i64) -> Result<Timestamp, Error> {
    let (at,): (Text<Timestamp>,) =
        sqlx::query_as("select coalesce(settled_at, approved_at, proposed_at) from payouts where id = $1")
            .bind(payout)
            .fetch_one(&mut **write)
            .await?;
    Ok(at.0)
}

/// Refuses a customer that there is not.
pub(super) async fn must_be_known(write: &mut Write, customer: &Namespace) -> Result<(), Error> {
    let known: Option<(String,)> = sqlx::query_as("select name from accounts where name = $1")
        .bind(customer.as_str())
        .fetch_optional(&mut **write)
        .await?;
    known.map(drop).ok_or_else(|| Error::NotFound(format!("account '{customer}'")))
}

/// Posts that a part of a line leaves suspense, and gives the number that it is known by.
pub(super) async fn leave(
    write: &mut Write,
    kind: TransactionKind,
    line: &Line,
    amount: Money,
    to: Account,
    about: &str,
    at: Timestamp,
) -> Result<i64, Error> {
    let (number,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from bank_allotments")
            .fetch_one(&mut **write)
            .await?;
    let transaction = Transaction::new(kind, number, at)
        .about(about)
        .link("payment", line.told_as())
        .debit(Account::Suspense, amount)
        .credit(to, amount);
    ledger::post(write, transaction).await?;
    Ok(number)
}
