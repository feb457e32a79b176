//! An account that settles in euros has euros of payments in dollars: the books have what Stripe has, and what the exchange has cost.

use chandlery_stripe::{Account, Stripe};

use super::*;

/// What accounts hold, by account and currency.
type ByCurrency = BTreeMap<(String, String), i64>;

async fn by_currency(finance: &Finance) -> ByCurrency {
    let all = ledger::balances(&mut finance.db.read().acquire().await.unwrap(), None).await.unwrap();
    let one = |held: chandlery_package::wire::AccountBalance| {
        ((held.account, held.balance.currency().code().to_owned()), held.balance.minor())
    };
    all.into_iter().map(one).collect()
}

/// Tells all that has happened at Stripe, the last of it first.
async fn tell_all(finance: &Finance, processor: &Processor, stripe: &Stripe) {
    for event in stripe.with(Account::take_events).into_iter().rev() {
        let event = Event::read(event.to_string().as_bytes()).unwrap();
        webhook::take(&finance.db, processor, finance.hold_days, event, now()).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_settled_in_another_currency_is_exchanged_in_the_books() {
    let (_folder, finance) = sharing_market().await;
    let stripe = Stripe::serve("sk_1").await.unwrap();
    let processor = Processor { url: stripe.url().into(), key: "sk_1".into(), ..processor() };
    stripe.with(|account| account.settle_in("eur", 92, 100));
    let form = [("amount", PRICE.to_string()), ("currency", "usd".into())];
    processor.post("payment_intents", "k", &form).await.unwrap();
    begin(&finance, 1, Bought::Plugin).await;

    // What happens, and then: at the processor in both currencies, between them in both, lost by exchange.
    type Step = fn(&mut Account) -> bool;
    let steps: [(&str, Step, [i64; 5]); 5] = [
        // 99.99 USD are 91.99 EUR, of which Stripe keeps 2.96.
        ("paid", |account| account.pay("pi_1"), [0, 8903, 9999, -9199, 0]),
        // 33.33 USD are 30.66 EUR.
        ("refunded", |account| account.refund("pi_1", 3333, json!({})).is_some(), [0, 5837, 6666, -6133, 0]),
        // The rest, 66.66 USD, has brought 61.33 EUR and costs 61.99, with a fee of 15.00.
        (
            "disputed",
            |account| {
                account.settle_in("eur", 93, 100);
                account.dispute("pi_1", 6666).is_some()
            },
            [0, -1862, 0, 0, 66],
        ),
        ("won", |account| account.decide("dp_1", true), [0, 4337, 6666, -6199, 66]),
        // 33.33 USD come back as 30.99 EUR.
        ("the refund fails", |account| account.fail_refund("re_1"), [0, 7436, 9999, -9298, 66]),
    ];
    for (what, step, expected) in steps {
        assert!(stripe.with(step), "{what}");
        tell_all(&finance, &processor, &stripe).await;
        let held = by_currency(&finance).await;
        let of = |account: &str, currency: &str| {
            held.get(&(account.to_owned(), currency.to_owned())).copied().unwrap_or(0)
        };
        let (fx, lost) = ("equity:fx:EUR-USD", "expenses:fx loss");
        let found =
            [of(PROCESSOR, "USD"), of(PROCESSOR, "EUR"), of(fx, "USD"), of(fx, "EUR"), of(lost, "EUR")];
        assert_eq!(found, expected, "{what}: {held:?}");
        assert_eq!(of("expenses:processor fees", "EUR"), 296, "{what}");
        assert_eq!(of("expenses:processor fees", "USD"), 0, "{what}");
        let at_stripe = stripe.with(|account| account.held["eur"]);
        assert_eq!(of(PROCESSOR, "EUR"), at_stripe, "{what}: Stripe has as much");
        assert_eq!(faults(&finance.db).await, Vec::<String>::new(), "{what}");
    }
    let held = by_currency(&finance).await;
    assert_eq!(held[&(DISPUTES.to_owned(), "EUR".to_owned())], 1500);
}

#[tokio::test]
async fn what_leaves_in_another_currency_than_its_balance_is_parked_with_what_to_do() {
    let (_folder, finance) = sharing_market().await;
    let taken = json!({ "id": "txn_1", "amount": -4600, "fee": 0, "currency": "eur" });
    for (kind, object) in [
        (
            "payout.paid",
            json!({ "id": "po_1", "amount": 5000, "currency": "usd", "status": "paid", "balance_transaction": taken }),
        ),
        (
            "transfer.created",
            json!({ "id": "tr_1", "amount": 5000, "currency": "usd", "metadata": { "payout": "1" },
                    "balance_transaction": taken }),
        ),
    ] {
        tell(&finance, kind.split('.').next().unwrap(), &(kind, object)).await;
        let parked = events::list(&finance.db, Some(EventState::Parked), &Paging::first(10)).await.unwrap();
        let reason = &parked.items.iter().find(|event| event.kind == kind).unwrap().reason;
        assert!(reason.contains("were taken in EUR, and it is in USD: send it in the currency"), "{reason}");
    }
    assert!(by_currency(&finance).await.is_empty(), "nothing was booked");
}

#[tokio::test]
async fn what_leaves_of_a_payment_that_was_not_exchanged_is_not_either() {
    let (_folder, finance) = sharing_market().await;
    begin(&finance, 1, Bought::Plugin).await;
    // As it was booked before there were exchanges: in dollars, and so was the fee of a dispute.
    tell(&finance, "evt_1", &paid(1)).await;
    tell(&finance, "evt_2", &dispute(1, 6666, "needs_response", &[1500])).await;
    let (kind, mut disputed) = dispute(1, 6666, "needs_response", &[1500]);
    disputed["balance_transactions"] =
        json!([{ "id": "txn_dp_1_0", "amount": -6199, "fee": 1500, "currency": "eur" }]);
    let (refunded, mut given) = refund(1, 1, 3333, "succeeded");
    given["balance_transaction"] = json!({ "id": "txn_re_1", "amount": -3099, "fee": 0, "currency": "eur" });
    for (id, told, at_processor) in [
        ("evt_3", (kind, disputed.clone()), 3013),
        ("evt_4", (kind, disputed), 3013),
        ("evt_5", (refunded, given), -320),
    ] {
        tell(&finance, id, &told).await;
        let held = by_currency(&finance).await;
        let of = |account: &str, currency: &str| {
            held.get(&(account.to_owned(), currency.to_owned())).copied().unwrap_or(0)
        };
        let found = [of(PROCESSOR, "USD"), of(PROCESSOR, "EUR"), of(DISPUTES, "USD"), of(DISPUTES, "EUR")];
        assert_eq!(found, [at_processor, -1500, 0, 1500], "{id}: {held:?}");
        assert_eq!(of("equity:fx:EUR-USD", "USD"), 0, "{id}: {held:?}");
        assert_eq!(faults(&finance.db).await, Vec::<String>::new(), "{id}");
    }
}
