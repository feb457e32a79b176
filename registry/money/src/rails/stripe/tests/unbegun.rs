//! Payments at Stripe that nobody has begun here are in the books when they are told, and wait with the bank's lines.

use chandlery_package::wire::{
    Allotment, BankLine, BankLineState, InvoiceState, NewAllotment, NewSettlement, SettlementWay,
    TransactionKind,
};

use super::super::refused::settle;
use super::*;
use crate::rails::outbox;

const SUSPENSE: &str = "liabilities:suspense";
const LINE: &str = "processor:stripe/pi_9";

/// A payment of so much, of a link that an operator has made at Stripe.
fn by_a_link(minor: i64) -> (&'static str, Value) {
    let (kind, mut object) = paid_so_much(9, minor);
    object["description"] = json!("a workshop");
    object["metadata"] = json!({ "subject": "INVOICE-77" });
    (kind, object)
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

async fn allot(finance: &Finance, to: Vec<Allotment>) -> Result<BankLine, crate::Error> {
    let rules = rails::BankRules { hold_days: 30, fees_max: Vec::new(), now: now() };
    let new = NewAllotment { line: LINE.into(), to };
    let mut write = finance.db.write().await?;
    let line = rails::allot_within(&mut write, &Actor::machine(), &rules, &new).await?;
    write.commit().await?;
    Ok(line)
}

/// What is held at Stripe, in suspense and as the customer's credit, where the books are right.
async fn money(finance: &Finance, customer: &str) -> [i64; 3] {
    let held = held(finance, customer).await;
    assert_eq!(faults(&finance.db).await, Vec::<String>::new(), "{held:?}");
    assert_eq!(held.get("expenses:bad debt").copied().unwrap_or(0), 0, "{held:?}");
    [PROCESSOR, SUSPENSE, CREDIT].map(|account| held.get(account).copied().unwrap_or(0))
}

#[tokio::test]
async fn what_nobody_has_begun_is_allotted_as_a_line_of_the_banks_is() {
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plan).await;
    let name: Namespace = customer.parse().unwrap();
    begin(&finance, 2, Bought::Plan).await;
    for id in ["evt_1", "evt_1_again"] {
        tell(&finance, id, &by_a_link(12_000)).await;
        assert_eq!(money(&finance, &customer).await, [11_680, -12_000, 0], "{id}");
    }
    let mut db = finance.db.read().acquire().await.unwrap();
    let open = rails::list_lines(&mut db, Some(BankLineState::Open), &Paging::first(9)).await.unwrap().items;
    assert_eq!((open.len(), open[0].id.as_str(), open[0].open), (1, LINE, Some(usd(12_000))));
    assert_eq!((open[0].account.as_str(), open[0].text.as_str()), ("processor:stripe", "a workshop"));
    assert_eq!(rails::count_open_lines(&mut db).await.unwrap(), 1);
    drop(db);
    // It is not recorded by hand beside that.
    let by_hand = NewPayment { bank_reference: "pi_9".into(), amount: usd(9900) };
    let recorded = billing::payments::record(&finance.db, &Actor::machine(), 30, 1, &by_hand, now()).await;
    assert!(recorded.unwrap_err().to_string().contains("books allot"));

    // What is no use of a payment is refused, and so is more than there is.
    for wrong in [
        Allotment::Own { amount: usd(12_000) },
        Allotment::Charges { amount: usd(5) },
        Allotment::Credit { customer: name.clone(), amount: usd(12_001) },
    ] {
        assert!(allot(&finance, vec![wrong]).await.is_err());
    }
    let invoice = Allotment::Invoice { number: 1, amount: usd(9900) };
    let line = allot(&finance, vec![invoice.clone()]).await.unwrap();
    assert_eq!((line.outcome.as_str(), line.open), ("paid INVOICE-1; 21.00 USD are open", Some(usd(2100))));
    assert_eq!(money(&finance, &customer).await, [11_680, -2100, 0]);
    // The same again does nothing twice, and what is left is nobody else's.
    for wrong in [
        Allotment::Invoice { number: 1, amount: usd(2100) },
        Allotment::Invoice { number: 2, amount: usd(2100) },
        Allotment::Credit { customer: "operator".parse().unwrap(), amount: usd(2100) },
    ] {
        let refused = allot(&finance, vec![wrong]).await.unwrap_err().to_string();
        assert!(refused.contains("what is left of it is"), "{refused}");
    }
    let credit = Allotment::Credit { customer: name, amount: usd(2100) };
    assert_eq!(allot(&finance, vec![credit]).await.unwrap().open, None);
    assert_eq!(money(&finance, &customer).await, [11_680, 0, -2100]);

    // From here on it is as any payment: it is surplus, and Stripe's refund of all of it takes that and the invoice back.
    let surplus = payments::list(&finance.db, &Paging::first(9)).await.unwrap().items;
    assert_eq!((surplus[0].id.as_str(), surplus[0].surplus), ("pi_9", usd(2100)));
    tell(&finance, "evt_2", &charge(9, 12_000)).await;
    assert_eq!(money(&finance, &customer).await, [-320, 0, 0]);
    let mut db = finance.db.read().acquire().await.unwrap();
    let paid = billing::find_invoice(&mut db, 1).await.unwrap();
    assert_eq!((paid.state, paid.refunded), (InvoiceState::Paid, usd(9900)));
}

#[tokio::test]
async fn what_nobody_has_begun_goes_back_the_way_it_came() {
    let (_folder, finance) = sharing_market().await;
    tell(&finance, "evt_1", &by_a_link(5000)).await;
    allot(&finance, vec![Allotment::SendBack { amount: usd(2000) }]).await.unwrap();
    assert_eq!(money(&finance, "").await, [2680, -3000, 0]);
    let owed = outbox::list(&finance.db, &Paging::first(9)).await.unwrap().items;
    assert_eq!((owed.len(), owed[0].about.as_str(), owed[0].amount), (1, "pi_9", usd(2000)));
    // Stripe tells of what it was asked for, and of more that somebody has given back there.
    tell(&finance, "evt_2", &refund(9, 1, 2000, "succeeded")).await;
    assert_eq!(money(&finance, "").await, [2680, -3000, 0]);
    tell(&finance, "evt_3", &charge(9, 3500)).await;
    assert_eq!(money(&finance, "").await, [1180, -1500, 0]);
    // What did not reach whoever has paid waits again, and is some customer's after all.
    for id in ["evt_4", "evt_4_again"] {
        tell(&finance, id, &refund(9, 1, 2000, "failed")).await;
        assert_eq!(money(&finance, "").await, [3180, -3500, 0], "{id}");
    }
    let customer = begin(&finance, 1, Bought::Plugin).await;
    let credit = Allotment::Credit { customer: customer.parse().unwrap(), amount: usd(3500) };
    assert_eq!(allot(&finance, vec![credit]).await.unwrap().open, None);
    assert_eq!(money(&finance, &customer).await, [3180, 0, -3500]);
    tell(&finance, "evt_5", &charge(9, 5000)).await;
    assert_eq!(money(&finance, &customer).await, [1680, 0, -2000]);
}

#[tokio::test]
async fn what_is_disputed_before_anybody_knows_what_it_is_for_is_taken_from_suspense() {
    for (decided, expected) in [("lost", [180, -1000, 0]), ("won", [3180, -4000, 0])] {
        let told = [
            by_a_link(5000),
            charge(9, 1000),
            dispute(9, 3000, "needs_response", &[500]),
            dispute(9, 3000, decided, &[500]),
        ];
        // Whatever is told first, the books are the same.
        for order in orders(told.len()) {
            let (_folder, finance) = sharing_market().await;
            for index in &order {
                tell(&finance, &format!("evt_{index}"), &told[*index]).await;
            }
            assert_eq!(money(&finance, "").await, expected, "{decided}: {order:?}");
        }
    }
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plugin).await;
    tell(&finance, "evt_1", &by_a_link(5000)).await;
    tell(&finance, "evt_2", &dispute(9, 3000, "needs_response", &[])).await;
    let credit = || Allotment::Credit { customer: customer.parse().unwrap(), amount: usd(5000) };
    let refused = allot(&finance, vec![credit()]).await.unwrap_err().to_string();
    assert!(refused.contains("payment 'pi_9' is disputed"), "{refused}");
    tell(&finance, "evt_3", &dispute(9, 3000, "won", &[])).await;
    allot(&finance, vec![credit()]).await.unwrap();
    assert_eq!(money(&finance, &customer).await, [4680, 0, -5000]);
}

#[tokio::test]
async fn what_the_bank_has_taken_is_no_credit_whether_a_refund_has_failed_before_or_after() {
    let fails = refund(9, 1, 2000, "failed");
    let lost = dispute(9, 5000, "lost", &[]);
    for (told, is_whose) in [
        // Its credit is all of the payment, of which a part had been sent back.
        ([&fails, &lost], Some(5000)),
        // Its credit is what was not sent back.
        ([&lost, &fails], Some(3000)),
        ([&fails, &lost], None),
        ([&lost, &fails], None),
    ] {
        let (_folder, finance) = sharing_market().await;
        let customer = begin(&finance, 1, Bought::Plugin).await;
        tell(&finance, "evt_paid", &by_a_link(5000)).await;
        allot(&finance, vec![Allotment::SendBack { amount: usd(2000) }]).await.unwrap();
        let [first, second] = told;
        if is_whose == Some(5000) {
            tell(&finance, "evt_1", first).await;
        }
        if let Some(minor) = is_whose {
            let credit = Allotment::Credit { customer: customer.parse().unwrap(), amount: usd(minor) };
            allot(&finance, vec![credit]).await.unwrap();
        }
        tell(&finance, "evt_1", first).await;
        tell(&finance, "evt_2", second).await;
        assert_eq!(money(&finance, &customer).await, [-320, 0, 0], "{is_whose:?}: {} first", first.0);
    }
}

#[tokio::test]
async fn what_was_recorded_by_hand_before_it_was_told_has_a_payer() {
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plan).await;
    let by_hand = NewPayment { bank_reference: "pi_9".into(), amount: usd(9900) };
    billing::payments::record(&finance.db, &Actor::machine(), 30, 1, &by_hand, now()).await.unwrap();
    tell(&finance, "evt_1", &by_a_link(12_000)).await;
    let (transaction,): (i64,) = sqlx::query_as("select id from ledger_transactions where key = $1")
        .bind(format!("{}:1", TransactionKind::InvoicePaid))
        .fetch_one(finance.db.read())
        .await
        .unwrap();
    let recorded = || vec![Allotment::Recorded { transaction }];
    tell(&finance, "evt_2", &dispute(9, 3000, "needs_response", &[])).await;
    let refused = allot(&finance, recorded()).await.unwrap_err().to_string();
    assert!(refused.contains("payment 'pi_9' is disputed"), "{refused}");
    tell(&finance, "evt_3", &dispute(9, 3000, "won", &[])).await;

    assert_eq!(allot(&finance, recorded()).await.unwrap().open, Some(usd(2100)));
    let credit = Allotment::Credit { customer: customer.parse().unwrap(), amount: usd(2100) };
    assert_eq!(allot(&finance, vec![credit]).await.unwrap().open, None);
    assert_eq!(money(&finance, &customer).await, [11_680, 0, -2100]);
    // Stripe gives all of it back: the invoice and the credit bear it, and the bank none.
    tell(&finance, "evt_4", &charge(9, 12_000)).await;
    assert_eq!(money(&finance, &customer).await, [-320, 0, 0]);
    assert_eq!(held(&finance, &customer).await.get("assets:bank").copied().unwrap_or(0), 0);
}

#[tokio::test]
async fn what_is_refused_of_nobodys_payment_is_allotted_from_suspense() {
    let (_folder, finance) = sharing_market().await;
    tell(&finance, "evt_1", &by_a_link(5000)).await;
    allot(&finance, vec![Allotment::SendBack { amount: usd(2000) }]).await.unwrap();
    sqlx::query("update processor_outbox set refused = 'charge_not_refundable'")
        .execute(finance.db.read())
        .await
        .unwrap();
    let owed = outbox::list(&finance.db, &Paging::first(9)).await.unwrap().items;
    let settles = async |way: SettlementWay| {
        let new = NewSettlement { request: owed[0].key.clone(), way };
        let mut write = finance.db.write().await.unwrap();
        settle(&mut write, &Actor::machine(), &new, finance.hold_days, now()).await?;
        Ok::<_, crate::Error>(write.commit().await?)
    };
    let refused = settles(SettlementWay::Bank).await.unwrap_err().to_string();
    assert!(refused.contains("`--as credit`") && refused.contains(&format!("allot {LINE}`")), "{refused}");
    assert_eq!(money(&finance, "").await, [2680, -3000, 0]);
    settles(SettlementWay::Credit).await.unwrap();
    assert_eq!(money(&finance, "").await, [4680, -5000, 0]);
    let customer = begin(&finance, 1, Bought::Plugin).await;
    let credit = Allotment::Credit { customer: customer.parse().unwrap(), amount: usd(5000) };
    assert_eq!(allot(&finance, vec![credit]).await.unwrap().open, None);
}
