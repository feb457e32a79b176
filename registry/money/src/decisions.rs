//! What others approve is decided here, and done by the room that it is about in the transaction of the last approval: what does not
//! apply any more has failed, and changes nothing.

mod routes;

use chandlery_accounts::Actor;
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{ApprovalRequest, ApprovalState, Page, Paging};
use chandlery_store::Write;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::approvals::{self, Verdict, Wanted};
use crate::billing::{orders, payments, subscriptions, taxes};
use crate::payouts::{profiles, run, write_offs};
use crate::{Error, Finance, documents, ledger, rails, sharing};

pub use routes::routes;

/// What was asked for and others approve, in one state or in any, the newest first.
pub async fn list(
    db: &mut AnyConnection,
    state: Option<ApprovalState>,
    paging: &Paging<i64>,
) -> Result<Page<ApprovalRequest>, Error> {
    approvals::list(db, state, paging, Timestamp::now()).await
}

/// A request, or that there is none of this number.
pub async fn find(db: &mut AnyConnection, id: i64) -> Result<ApprovalRequest, Error> {
    approvals::find(db, id, Timestamp::now()).await
}

/// How many requests wait for others.
pub async fn count_waiting(db: &mut AnyConnection) -> Result<i64, Error> {
    approvals::count_waiting(db, Timestamp::now()).await
}

/// Refuses what another operator has asked for, or takes one's own back.
pub async fn refuse(
    finance: &Finance,
    actor: &Actor,
    by: &Namespace,
    id: i64,
    why: &str,
) -> Result<ApprovalRequest, Error> {
    let mut write = finance.db.write().await?;
    let refused = approvals::refuse(&mut write, actor, by, id, why, Timestamp::now()).await?;
    write.commit().await?;
    Ok(refused)
}

/// Approves a request and, where enough have, does what was asked for.
pub async fn approve(
    finance: &Finance,
    actor: &Actor,
    by: &Namespace,
    id: i64,
) -> Result<ApprovalRequest, Error> {
    let now = Timestamp::now();
    let mut write = finance.db.write().await?;
    let verdict = approvals::approve(&mut write, finance.approval_hours, actor, by, id, now).await?;
    let request = match verdict {
        Verdict::Waits(request) => {
            write.commit().await?;
            return Ok(request);
        }
        Verdict::Ready(request) => request,
    };
    let wanted: Wanted = serde_json::from_value(request.wanted.clone())
        .map_err(|_| Error::Damaged(format!("request {id} for approval cannot be read")))?;
    write.savepoint().await?;
    let done = match execute(&mut write, finance, actor, by, &wanted).await {
        // What is posted is written only with the commit, unless it is asked for.
        Ok(owed) => write.flush().await.map(|()| owed).map_err(Error::from),
        Err(error) => Err(error),
    };
    let owed = match done {
        Ok(owed) => {
            write.keep().await?;
            approvals::settle(&mut write, actor, &request, ApprovalState::Done, "").await?;
            owed
        }
        Err(error) if error.kind().status < 500 => {
            write.undo().await?;
            let reason = error.to_string();
            approvals::settle(&mut write, actor, &request, ApprovalState::Failed, &reason).await?;
            None
        }
        Err(error) => return Err(error),
    };
    let decided = approvals::find(&mut write, id, now).await?;
    write.commit().await?;
    if let Some(key) = owed {
        rails::tell_of_refund(finance, actor, &key, finance.clock.now()).await;
    }
    Ok(decided)
}

/// Does what was asked for, as it is then. Gives the key of what may be owed to the processor of payments by that.
async fn execute(
    write: &mut Write,
    finance: &Finance,
    actor: &Actor,
    by: &Namespace,
    wanted: &Wanted,
) -> Result<Option<String>, Error> {
    let (now, hold) = (finance.clock.now(), finance.hold_days);
    let mut owed = None;
    match wanted {
        Wanted::Payout { id } => run::approve(write, actor, by, *id, now).await.map(drop)?,
        Wanted::Refund { invoice, refund } => {
            rails::refund_within(write, actor, *invoice, refund, hold, now).await?;
            owed = Some(refund.key.clone());
        }
        Wanted::Surplus { payment, amount } => {
            owed = Some(rails::give_surplus_back(write, actor, payment, *amount, now).await?);
        }
        Wanted::Allotment { allotment } => {
            let rules = rails::BankRules::of(write, finance).await?;
            rails::allot_within(write, actor, &rules, allotment).await.map(drop)?;
        }
        Wanted::Payee { reference, to } => {
            rails::send_to_within(write, actor, reference, to).await.map(drop)?;
        }
        Wanted::Expense { expense } => ledger::spend_within(write, actor, expense, now).await?,
        Wanted::Exchange { exchange } => ledger::exchange_within(write, actor, exchange, now).await?,
        Wanted::WriteOff { id } => write_offs::approve(write, actor, by, *id, now).await.map(drop)?,
        Wanted::InvoicePayment { invoice, payment } => {
            payments::record_within(write, actor, hold, *invoice, payment, now).await.map(drop)?;
        }
        Wanted::OrderPayment { order, payment } => {
            orders::record_payment_within(write, actor, hold, order, payment, now).await.map(drop)?;
        }
        Wanted::Agreement { account, agreement } => {
            subscriptions::agree_within(write, actor, account, agreement, now).await.map(drop)?;
        }
        Wanted::PartnerBank { partner, version } => {
            profiles::approve(write, actor, by, partner, *version, now).await.map(drop)?;
        }
        Wanted::HouseBank { account } => rails::set_own_account(write, actor, account).await?,
        Wanted::Seller { version } => documents::set_seller(write, actor, version, now).await?,
        Wanted::Policy { policy } => sharing::set_policy(write, actor, policy, now).await.map(drop)?,
        Wanted::TaxRule { rule } => taxes::add_rule_within(write, actor, rule).await?,
        Wanted::Rule { rule } => approvals::set_rule(write, actor, rule).await?,
    }
    Ok(owed)
}

#[cfg(test)]
mod tests {
    use chandlery_accounts::{Address, Credential, operators};
    use chandlery_package::wire::{
        Allotment, ApprovalKind, ApprovalRule, Expense, NewAllotment, NewDebtWriteOff, NewExpense, Payee,
        PrintedAccount, Seller, SellerVersion, TaxRule, TransactionKind,
    };
    use chandlery_package::{Currency, Money};

    use super::*;
    use crate::approvals::Ask;
    use crate::billing;
    use crate::ledger::{Account, Transaction};
    use crate::testing::{at, writing};

    fn actor(name: &Namespace) -> Actor {
        Actor::new(name, &Credential::Password(String::new()), Address(None))
    }

    /// A market of two operators.
    async fn two() -> (tempfile::TempDir, Finance, Namespace, Namespace) {
        let (folder, finance) = crate::testing::market(&["second", "globex"], "").await;
        let (first, second) = (crate::testing::operator(), "second".parse::<Namespace>().unwrap());
        sqlx::query("update accounts set role = 'member' where name = 'second'")
            .execute(finance.db.read())
            .await
            .unwrap();
        operators::promote(&finance.db, &second).await.unwrap();
        (folder, finance, first, second)
    }

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::Usd).unwrap()
    }

    async fn holds(finance: &Finance, account: &Account) -> i64 {
        let mut read = finance.db.read().acquire().await.unwrap();
        ledger::balance(&mut read, account, Currency::Usd).await.unwrap().minor()
    }

    #[tokio::test]
    async fn whatever_moves_money_or_where_it_goes_is_done_by_another_operator() {
        let (_folder, finance, first, second) = two().await;
        let db = &finance.db;
        let owes = Account::OwedBy("acme".parse().unwrap());
        let mut write = writing(db).await;
        let owed = Transaction::new(TransactionKind::Refund, "owed", at("2026-01-01T00:00:00Z"))
            .debit(owes.clone(), usd(5000))
            .credit(Account::Commission, usd(5000));
        ledger::post(&mut write, owed).await.unwrap();
        let rule = ApprovalRule { kind: ApprovalKind::Expense, above: None, approvals: 1 };
        approvals::set_rule(&mut write, &actor(&first), &rule).await.unwrap();
        write.commit().await.unwrap();
        let new =
            NewDebtWriteOff { partner: "acme".parse().unwrap(), amount: usd(5000), reason: "gone".into() };
        let now = finance.clock.now();
        let id = write_offs::propose(db, &actor(&first), &first, &new, now).await.unwrap().id;
        let rules = rails::BankRules::of(&mut db.read().acquire().await.unwrap(), &finance).await.unwrap();
        let statement = "id,date,amount,currency,text\nA,,3000.00,USD,rent\n";
        rails::reconcile(db, &actor(&first), &rules, None, statement).await.unwrap();
        let back = |minor: i64| Wanted::Allotment {
            allotment: NewAllotment {
                line: "A".into(),
                to: vec![Allotment::SendBack { amount: usd(minor) }],
            },
        };
        let iban = "DE89370400440532013000".to_owned();
        let to = Payee { holder: "Globex".into(), iban: iban.clone(), bic: None };
        let bank = Some(PrintedAccount { holder: "Us".into(), iban, bic: None });
        let party = documents::sample::party("Us", "DE", Some("DE136695976"));
        let version = SellerVersion { since: "2026-01-01".parse().unwrap(), seller: Seller { party, bank } };
        let (key, description) = ("x".to_owned(), "racks".to_owned());
        let expense = NewExpense { key, description, amount: usd(700), on: Expense::Hosting, day: None };
        let payee = Wanted::Payee { reference: "BACK-1".into(), to };
        for (wanted, amount, state) in [
            (Wanted::WriteOff { id }, Some(usd(5000)), ApprovalState::Done),
            (Wanted::Expense { expense }, Some(usd(700)), ApprovalState::Done),
            (back(200_000), Some(usd(200_000)), ApprovalState::Done),
            (payee, Some(usd(200_000)), ApprovalState::Done),
            (Wanted::Seller { version: Box::new(version) }, None, ApprovalState::Done),
            // There is less by now.
            (back(200_000), Some(usd(400_000)), ApprovalState::Failed),
            (
                Wanted::Surplus { payment: "pi_1".into(), amount: usd(200_000) },
                Some(usd(200_000)),
                ApprovalState::Failed,
            ),
        ] {
            let asked = Ask { by: &first, wanted: &wanted, amount };
            let id = approvals::ask(&finance, &actor(&first), &asked).await.unwrap().unwrap().id;
            assert!(approve(&finance, &actor(&first), &first, id).await.is_err(), "{wanted}: by itself");
            let decided = approve(&finance, &actor(&second), &second, id).await.unwrap();
            assert_eq!(decided.state, state, "{wanted}: {:?}", decided.reason);
        }
        assert_eq!((holds(&finance, &owes).await, holds(&finance, &Account::BadDebt).await), (0, 5000));
        assert_eq!(holds(&finance, &Account::Suspense).await, -100_000);
        assert_eq!(holds(&finance, &Account::Hosting).await, 700);
        let sent: (String, String) =
            sqlx::query_as("select reference, iban from send_backs").fetch_one(db.read()).await.unwrap();
        assert_eq!((sent.0.as_str(), sent.1.as_str()), ("BACK-1", "DE89370400440532013000"));
        let sellers: (i64,) =
            sqlx::query_as("select count(*) from sellers").fetch_one(db.read()).await.unwrap();
        assert_eq!(sellers.0, 1);
    }

    #[tokio::test]
    async fn what_is_approved_is_done_once_or_fails_whole() {
        let (_folder, finance, first, second) = two().await;
        let db = &finance.db;
        let rule = |country: &str, rate: &str| TaxRule {
            country: country.into(),
            since: "2026-01-01".parse().unwrap(),
            name: "VAT".into(),
            rate: rate.parse().unwrap(),
        };
        let mut requests = Vec::new();
        for country in ["DE", "FR"] {
            let wanted = Wanted::TaxRule { rule: rule(country, "19%") };
            let asked = Ask { by: &first, wanted: &wanted, amount: None };
            requests.push(approvals::ask(&finance, &actor(&first), &asked).await.unwrap().unwrap().id);
        }
        // Meanwhile something else has become true of the second.
        billing::add_rule(db, &Actor::machine(), &rule("FR", "20%")).await.unwrap();
        let decide = async |id| approve(&finance, &actor(&second), &second, id).await;
        let done = decide(requests[0]).await.unwrap();
        assert_eq!((done.state, done.approved_by), (ApprovalState::Done, vec![second.clone()]));
        let failed = decide(requests[1]).await.unwrap();
        assert_eq!(failed.state, ApprovalState::Failed);
        assert!(failed.reason.unwrap().contains("FR has VAT 20%"));
        for id in requests {
            assert!(matches!(decide(id).await, Err(Error::Conflict(_))), "{id} is decided once");
        }
        let rates: Vec<(String, String)> =
            sqlx::query_as("select country, rate from tax_rules order by country")
                .fetch_all(db.read())
                .await
                .unwrap();
        let expected = [("DE", "19%"), ("FR", "20%")];
        assert_eq!(rates, expected.map(|(country, rate)| (country.to_owned(), rate.to_owned())));
    }
}
