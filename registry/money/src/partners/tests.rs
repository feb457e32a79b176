//! Whatever is sold, given back, disputed and paid out: what a partner is shown is what the ledger says, to the cent.

use chandlery_accounts::Actor;
use chandlery_package::wire::{LotRole, NewPayment, NewRefund, Paging, TransactionKind};
use chandlery_package::{Currency, Money, Namespace};
use chandlery_store::Db;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::billing::{order, record_payment};
use crate::ledger::{self, Account};
use crate::payouts::{balance, by_month, by_plugin, confirm, explain_own, propose_run};
use crate::testing::{approve, at, faults, market, operator, writing};
use crate::{Finance, rails, sharing};

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;
const POLICY: &str = r#"{"commission": [{"rate": "15%"}], "services": "15%", "referral": "5%",
                         "reserve": {"rate": "10%", "days": 90}}"#;
const CUSTOMERS: [&str; 6] = ["globex", "initech", "umbrella", "hooli", "soylent", "tyrell"];

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

/// A market in which `friends` refer customers, and acme's payouts are taxed.
async fn opened() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&CUSTOMERS, OFFER).await;
    let db = &finance.db;
    sqlx::query("insert into namespaces (name, created_at) values ('friends', '')")
        .execute(db.read())
        .await
        .unwrap();
    sqlx::query("update share_policies set body = $1").bind(POLICY).execute(db.read()).await.unwrap();
    sqlx::query(
        "insert into payout_profiles (partner, version, body, changed_by, changed_at, approved_by)
         values ('acme', 1, '{\"rail\":{\"kind\":\"manual\"},\"withheld\":\"25%\"}', 'operator', '', 'operator')",
    )
    .execute(db.read())
    .await
    .unwrap();
    (folder, finance)
}

/// Sells the plugin once, and gives the number of the invoice, which is paid.
async fn sell(finance: &Finance, customer: &str, referrer: Option<&str>, now: Timestamp) -> i64 {
    let (db, actor) = (&finance.db, Actor::machine());
    let new = serde_json::json!({ "plugin": "acme:serving", "referrer": referrer });
    let new = serde_json::from_value(new).unwrap();
    let order = order(db, &actor, &name(customer), &new, now).await.unwrap();
    let payment = NewPayment { bank_reference: format!("B-{customer}"), amount: order.due.unwrap() };
    let hold = finance.hold_days;
    record_payment(db, &actor, hold, &order.reference, &payment, now).await.unwrap().invoice.unwrap()
}

async fn give_back(finance: &Finance, invoice: i64, minor: i64, now: Timestamp) -> bool {
    let key = format!("{invoice} on {now}");
    let new = NewRefund { key, amount: usd(minor), line: None, reason: "slow".into(), as_credit: false };
    rails::refund(finance, &Actor::machine(), invoice, &new, now).await.is_ok()
}

async fn dispute(db: &Db, id: &str, sale: i64, minor: i64, now: Timestamp) -> bool {
    let mut write = writing(db).await;
    let opened = sharing::open_dispute(&mut write, id, sale, usd(minor), usd(1500), now).await;
    match opened {
        Ok(()) => write.commit().await.is_ok(),
        Err(_) => false,
    }
}

async fn decide(db: &Db, id: &str, won: bool, now: Timestamp) {
    let mut write = writing(db).await;
    sharing::close_dispute(&mut write, id, won, now).await.unwrap();
    write.commit().await.unwrap();
}

async fn pay_out(db: &Db, now: Timestamp, is_confirmed: bool) {
    for payout in propose_run(db, &Actor::machine(), &operator(), now).await.unwrap().items {
        approve(db, &Actor::machine(), &name("globex"), payout.id, now).await.unwrap();
        if is_confirmed {
            let reference = format!("SEPA-{}", payout.id);
            confirm(db, &Actor::machine(), payout.id, &reference, None, now).await.unwrap();
        }
    }
}

async fn sales_made(db: &Db) -> Vec<i64> {
    let rows: Vec<(i64,)> =
        sqlx::query_as("select id from sales order by id").fetch_all(db.read()).await.unwrap();
    rows.into_iter().map(|(id,)| id).collect()
}

/// Compares what a partner is shown with its balances and with the lists of the API.
async fn all_agrees(db: &Db, partner: &str, now: Timestamp, what: &str) -> Earned {
    let (partner, range) = (name(partner), Range::all(now));
    let mut read = db.snapshot().await.unwrap();
    let earned = earned(&mut read, &partner, Currency::Usd, &range).await.unwrap();
    let lines = waterfall(&mut read, &partner, &earned, &range).await.unwrap();
    let line = |word: &str| lines.iter().find(|line| line.word == word).unwrap().now.minor();
    let mut by_then = 0;
    for line in &lines {
        match line.kind {
            LineKind::Total if line.word == "gross" => by_then = line.now.minor(),
            LineKind::Total => assert_eq!(line.now.minor(), by_then, "{what}: {}", line.word),
            LineKind::Change => by_then += line.now.minor(),
        }
    }
    let has = balance(&mut read, &partner, Currency::Usd, now).await.unwrap();
    let held_now = [has.accrued, has.on_hold, has.reserve, has.available, has.in_transit, has.paid];
    let all: i64 = held_now.iter().map(|part| part.minor()).sum();
    assert_eq!(line("net"), all - has.owed.minor(), "{what}");

    let months = by_month(&mut read, &partner).await.unwrap();
    let told: i64 = months.iter().map(|month| month.gross.minor()).sum();
    let net: i64 = months.iter().map(|month| month.net.minor()).sum();
    assert_eq!((earned.now.told(), earned.now.share()), (told, net), "{what}");
    assert_eq!(earned.now.sales, months.iter().map(|month| month.sales as i64).sum::<i64>(), "{what}");
    let plugins = by_plugin(&mut read, &partner, &Paging::first(10)).await.unwrap().items;
    let plugins: Vec<_> =
        plugins.iter().map(|one| (one.plugin.to_string(), one.gross.minor(), one.net.minor())).collect();
    let shown: Vec<_> =
        earned.plugins.iter().map(|one| (one.plugin.clone(), one.now.told(), one.now.share())).collect();
    assert_eq!(shown, plugins, "{what}");
    let steps: i64 = earned.steps.iter().map(|step| step.sold.share()).sum();
    assert_eq!(steps, net, "{what}");

    for (due, expected) in [
        (held(&mut read, &partner, Currency::Usd).await.unwrap(), has.on_hold),
        (reserved(&mut read, &partner, Currency::Usd).await.unwrap(), has.reserve),
    ] {
        assert_eq!(due.iter().map(|due| due.amount.minor()).sum::<i64>(), expected.minor(), "{what}");
    }
    let way = on_its_way(&mut read, &partner, Currency::Usd, now).await.unwrap();
    assert_eq!(way.iter().map(|way| way.sent.minor()).sum::<i64>(), has.in_transit.minor(), "{what}");
    earned
}

#[tokio::test]
async fn the_way_from_gross_to_net_is_the_ledgers() {
    for seed in crate::testing::seeds(3) {
        let (_folder, finance) = opened().await;
        let db = &finance.db;
        let mut random = StdRng::seed_from_u64(seed);
        let (mut today, mut invoices, mut open) = (0, Vec::new(), Vec::new());
        for customer in CUSTOMERS {
            today += random.random_range(1..30);
            let referrer = random.random_bool(0.5).then_some("friends");
            invoices.push(sell(&finance, customer, referrer, day(today)).await);
            for _ in 0..random.random_range(0..3) {
                today += random.random_range(1..15);
                let invoice = invoices[random.random_range(0..invoices.len())];
                give_back(&finance, invoice, random.random_range(1..6000), day(today)).await;
            }
            let sales = sales_made(db).await;
            let (id, sale) = (format!("D-{customer}"), sales[random.random_range(0..sales.len())]);
            if random.random_bool(0.5)
                && dispute(db, &id, sale, random.random_range(1..4000), day(today)).await
            {
                open.push(id);
            }
            if random.random_bool(0.5)
                && let Some(id) = open.pop()
            {
                decide(db, &id, random.random_bool(0.5), day(today)).await;
            }
            pay_out(db, day(today), random.random_bool(0.7)).await;
            let what = format!("seed {seed}, day {today}");
            let earned = all_agrees(db, "acme", day(today), &what).await;
            all_agrees(db, "friends", day(today), &what).await;
            // The commission of what is disputed stays in the books until the bank has decided.
            let mut read = db.snapshot().await.unwrap();
            let mut of = async |account: Account| {
                -ledger::balance(&mut read, &account, Currency::Usd).await.unwrap().minor()
            };
            let disputed =
                of(Account::Disputed(name("acme"))).await + of(Account::Disputed(name("friends"))).await;
            let commission = of(Account::Commission).await;
            assert_eq!(commission, earned.now.marketplace() + earned.now.disputed - disputed, "{what}");
        }
        assert_eq!(faults(db).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_sale_is_shown_to_those_who_share_it_with_its_entries_and_what_became_of_it() {
    let (_folder, finance) = opened().await;
    let db = &finance.db;
    let invoice = sell(&finance, "globex", Some("friends"), day(0)).await;
    assert!(give_back(&finance, invoice, 4000, day(2)).await);
    let number = sales_made(db).await[0];
    assert!(dispute(db, "D-1", number, 1000, day(3)).await);
    decide(db, "D-1", true, day(4)).await;
    pay_out(db, day(40), true).await;
    let mut read = db.snapshot().await.unwrap();
    let own = sale(&mut read, &name("acme"), number).await.unwrap();
    assert_eq!(own.lots[0].sale.gross, Some(usd(10_000)));
    assert_eq!((own.others.as_slice(), own.refunded), (&[(name("friends"), usd(500))][..], Some(usd(4000))));
    let [back] = own.taken_back.as_slice() else { panic!("{:?}", own.taken_back) };
    assert_eq!((back.reason.as_str(), back.share.minor()), ("slow", -3400));
    let [disputed] = own.disputes.as_slice() else { panic!("{:?}", own.disputes) };
    assert_eq!((disputed.held, disputed.state.as_str(), disputed.answer_by), (usd(850), "won", None));
    // Its entries come to what is left of the share: it was paid out, which is an entry of the payout and not of the sale.
    let entries: i64 = own.entries.iter().map(|entry| entry.amount.minor()).sum();
    assert_eq!(entries, 5100, "{:?}", own.entries);
    assert!(own.entries.iter().any(|entry| entry.kind == TransactionKind::Release));
    let [payout] = own.payouts.as_slice() else { panic!("{:?}", own.payouts) };
    assert!(explain_own(db, &name("acme"), *payout).await.is_ok());
    assert!(explain_own(db, &name("friends"), *payout).await.is_err());

    let referred = sale(&mut read, &name("friends"), number).await.unwrap();
    assert_eq!((referred.lots[0].sale.gross, referred.refunded, referred.others.len()), (None, None, 0));
    assert_eq!((referred.disputes[0].amount, referred.disputes[0].held), (None, usd(50)));
    let entries: i64 = referred.entries.iter().map(|entry| entry.amount.minor()).sum();
    assert_eq!(entries, 300, "{:?}", referred.entries);
    for (partner, number) in [("globex", number), ("acme", number + 1)] {
        assert!(matches!(sale(&mut read, &name(partner), number).await, Err(crate::Error::NotFound(_))));
    }
    let told = reasons(&mut read, &name("acme"), Currency::Usd, &Range::all(day(40))).await.unwrap();
    assert_eq!(
        told.iter()
            .map(|(reason, notes, share)| (reason.as_str(), *notes, share.minor()))
            .collect::<Vec<_>>(),
        [("slow", 1, -3400)]
    );
}

#[tokio::test]
async fn sales_are_listed_in_every_order_a_page_at_a_time() {
    let (_folder, finance) = opened().await;
    for (index, customer) in CUSTOMERS.into_iter().enumerate() {
        let invoice = sell(&finance, customer, Some("friends"), day(index as i64 / 2)).await;
        assert!(give_back(&finance, invoice, 100 * (index as i64 + 1), day(9)).await);
    }
    let mut read = finance.db.snapshot().await.unwrap();
    for (partner, role, order) in [
        ("acme", LotRole::Seller, Order::Newest),
        ("acme", LotRole::Seller, Order::Oldest),
        ("acme", LotRole::Seller, Order::Largest),
        ("friends", LotRole::Referrer, Order::Smallest),
        ("friends", LotRole::Referrer, Order::Newest),
    ] {
        let wanted = Wanted { currency: Currency::Usd, range: Range::all(day(9)), role, order };
        let partner = name(partner);
        let whole = sales(&mut read, &partner, &wanted, &Paging::first(100)).await.unwrap().items;
        assert_eq!(whole.len(), CUSTOMERS.len(), "{order}");
        assert!(whole.iter().all(|row| row.price.is_some() == (role == LotRole::Seller)));
        let (mut parts, mut after) = (Vec::new(), None);
        loop {
            let query = match &after {
                None => serde_json::json!({ "limit": "2" }),
                Some(after) => serde_json::json!({ "limit": "2", "after": after }),
            };
            let paging: Paging<SaleKey> = serde_json::from_value(query).unwrap();
            let page = sales(&mut read, &partner, &wanted, &paging).await.unwrap();
            parts.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(parts, whole, "{order}");
        let forward = whole.is_sorted_by(|one, other| (one.sold_at, one.sale) < (other.sold_at, other.sale));
        assert_eq!(forward, matches!(order, Order::Oldest | Order::Smallest), "{order}");
    }
    let found = audiences(&mut read, &name("acme"), Currency::Usd, &Range::all(day(9))).await.unwrap();
    let by_plan = found.by(By::Segment);
    let [free] = by_plan.as_slice() else { panic!("{by_plan:?}") };
    assert_eq!((free.name.as_str(), free.customers, free.sold.paid()), ("free", 6, 57_900));
    drop(read);
    // What is paid once is no contract that ends, also where a release before wrote the order without the kind of its price.
    for kind in ["once", ""] {
        sqlx::query("update orders set price_kind = $1").bind(kind).execute(finance.db.read()).await.unwrap();
        let mut read = finance.db.snapshot().await.unwrap();
        let found = contracts(&mut read, &name("acme"), &Range::all(day(9)), day(9)).await.unwrap();
        assert_eq!(found, Contracts::default(), "{kind}");
    }
}

#[tokio::test]
async fn trials_become_paid_or_end() {
    let offer = r#"{"price": {"kind": "monthly", "amount": {"minor": 10000, "currency": "USD"}, "per": "organisation"}, "trial_days": 10}"#;
    let (_folder, finance) = market(&["globex", "initech", "umbrella"], offer).await;
    let (db, actor) = (&finance.db, Actor::machine());
    let new: chandlery_package::wire::NewOrder =
        serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    let mut references = Vec::new();
    for customer in ["globex", "initech", "umbrella"] {
        references.push(order(db, &actor, &name(customer), &new, day(0)).await.unwrap().reference);
    }
    sqlx::query("update orders set ended_at = '2026-01-05T00:00:00.000000Z' where reference = $1")
        .bind(&references[2])
        .execute(db.read())
        .await
        .unwrap();
    let at_day = async |now: i64| {
        let mut read = db.snapshot().await.unwrap();
        let range = Range::read(RangeName::ThisMonth, "", "", day(now)).unwrap();
        contracts(&mut read, &name("acme"), &range, day(now)).await.unwrap()
    };
    let early = at_day(5).await;
    assert_eq!((early.made, early.ended, early.churned, early.at_end), (3, 1, 0, 2));
    assert_eq!((early.trials, early.trials_running, early.trials_ended, early.trials_open()), (3, 2, 1, 0));
    assert_eq!(at_day(20).await.trials_open(), 2);
    // The next month begins with those that are left, of which one is sold and one ends.
    let mut write = writing(db).await;
    let (customer, seller, plugin) = (name("globex"), name("acme"), "acme:serving".parse().unwrap());
    let sold = sharing::NewSale {
        source: format!("order {}, 2026-01", references[0]),
        customer: &customer,
        seller: &seller,
        plugin: Some(&plugin),
        gross: usd(10_000),
        referrer: None,
        at: day(31),
        shared_by: day(31),
    };
    sharing::accrue(&mut write, &sold).await.unwrap();
    write.commit().await.unwrap();
    sqlx::query("update orders set ended_at = '2026-02-05T00:00:00.000000Z' where reference = $1")
        .bind(&references[1])
        .execute(db.read())
        .await
        .unwrap();
    let next = at_day(40).await;
    assert_eq!((next.at_begin, next.made, next.ended, next.churned, next.at_end), (2, 0, 1, 1, 1));
    let mut read = db.snapshot().await.unwrap();
    let range = Range::read(RangeName::LastMonth, "", "", day(40)).unwrap();
    let trials = contracts(&mut read, &name("acme"), &range, day(40)).await.unwrap();
    assert_eq!((trials.trials, trials.trials_paid, trials.trials_ended), (3, 1, 2));
}
