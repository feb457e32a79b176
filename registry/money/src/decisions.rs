//! What others approve is decided here, and done by the room that it is about in the transaction of the last approval: what does not
//! apply any more has failed, and changes nothing.

mod routes;

use chandlery_accounts::Actor;
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{ApprovalRequest, ApprovalState};
use chandlery_store::Write;
use jiff::Timestamp;

use crate::approvals::{self, Verdict, Wanted};
use crate::billing::{orders, payments, subscriptions, taxes};
use crate::payouts::{profiles, run};
use crate::{Error, Finance, rails, sharing};

pub use routes::routes;

/// Approves a request and, where enough have, does what was asked for.
async fn approve(
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
        Ok(()) => write.flush().await.map_err(Error::from),
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => {
            write.keep().await?;
            approvals::settle(&mut write, actor, &request, ApprovalState::Done, "").await?;
        }
        Err(error) if error.kind().status < 500 => {
            write.undo().await?;
            let reason = error.to_string();
            approvals::settle(&mut write, actor, &request, ApprovalState::Failed, &reason).await?;
        }
        Err(error) => return Err(error),
    }
    let decided = approvals::find(&mut write, id, now).await?;
    write.commit().await?;
    if let (Wanted::Refund { refund, .. }, ApprovalState::Done) = (&wanted, decided.state) {
        rails::tell_of_refund(finance, actor, &refund.key, finance.clock.now()).await;
    }
    Ok(decided)
}

/// Does what was asked for, as it is then.
async fn execute(
    write: &mut Write,
    finance: &Finance,
    actor: &Actor,
    by: &Namespace,
    wanted: &Wanted,
) -> Result<(), Error> {
    let (now, hold) = (finance.clock.now(), finance.hold_days);
    match wanted {
        Wanted::Payout { id } => run::approve(write, actor, by, *id, now).await.map(drop),
        Wanted::Refund { invoice, refund } => {
            rails::refund_within(write, actor, *invoice, refund, hold, now).await.map(drop)
        }
        Wanted::InvoicePayment { invoice, payment } => {
            payments::record_within(write, actor, hold, *invoice, payment, now).await.map(drop)
        }
        Wanted::OrderPayment { order, payment } => {
            orders::record_payment_within(write, actor, hold, order, payment, now).await.map(drop)
        }
        Wanted::Agreement { account, agreement } => {
            subscriptions::agree_within(write, actor, account, agreement, now).await.map(drop)
        }
        Wanted::PartnerBank { partner, version } => {
            profiles::approve(write, actor, by, partner, *version).await.map(drop)
        }
        Wanted::HouseBank { account } => rails::set_own_account(write, actor, account).await,
        Wanted::Policy { policy } => sharing::set_policy(write, actor, policy, now).await.map(drop),
        Wanted::TaxRule { rule } => taxes::add_rule_within(write, actor, rule).await,
        Wanted::Rule { rule } => approvals::set_rule(write, actor, rule).await,
    }
}

#[cfg(test)]
mod tests {
    use chandlery_accounts::{Address, Credential, operators};
    use chandlery_package::wire::TaxRule;

    use super::*;
    use crate::approvals::Ask;
    use crate::billing;

    #[tokio::test]
    async fn what_is_approved_is_done_once_or_fails_whole() {
        let (_folder, finance) = crate::testing::market(&["second"], "").await;
        let db = &finance.db;
        let (first, second) = (crate::testing::operator(), "second".parse::<Namespace>().unwrap());
        sqlx::query("update accounts set role = 'member' where name = 'second'")
            .execute(db.read())
            .await
            .unwrap();
        operators::promote(db, &second).await.unwrap();
        let actor = |name: &Namespace| Actor::new(name, &Credential::Password(String::new()), Address(None));
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
