//! Figures of books: a month that is not over, sales, refunds, chargebacks and currencies.

use chandlery_accounts::Actor;
use chandlery_package::money::divide_half_even;
use chandlery_package::wire::{Figure, FigureTarget, MonthFigures, NewPayment, NewRefund, NewSubscription};
use chandlery_package::{Billed, Currency, Money, Tier};
use chandlery_store::time;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::billing::{change, order, record_invoice_payment, record_payment};
use crate::figures::{cohorts, figures, rows, targets};
use crate::testing::{at, finance, market, operator, writing};
use crate::{Finance, rails, sharing};

const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

/// The figures of the month that is not over.
async fn now(finance: &Finance, now: Timestamp) -> MonthFigures {
    let mut db = finance.db.snapshot().await.unwrap();
    let found = super::super::months(&mut db, now).await.unwrap();
    found.last().unwrap().clone()
}

async fn subscribe(finance: &Finance, tier: Tier, at: Timestamp) {
    let new = NewSubscription { tier, billed: Billed::Monthly };
    change(&finance.db, &Actor::machine(), &operator(), &new, at).await.unwrap();
}

#[tokio::test]
async fn the_month_that_is_not_over_is_of_now() {
    let (_folder, finance) = finance().await;
    subscribe(&finance, Tier::Team, at("2026-10-20T12:00:00Z")).await;
    let payment = NewPayment { bank_reference: "B-1".into(), amount: usd(49_900) };
    let paid_at = at("2026-10-21T12:00:00Z");
    record_invoice_payment(&finance.db, &Actor::machine(), 30, 1, &payment, paid_at).await.unwrap();
    // It is over on the 20th of November, long before the month's end; nothing has ended yet.
    let early = at("2026-11-10T00:00:00Z");
    let found = now(&finance, early).await;
    assert_eq!((found.month.to_string().as_str(), found.to_date), ("2026-11", Some(early)));
    let stays = [(Figure::Mrr, "499.00 USD"), (Figure::Churn, "0.00 USD"), (Figure::New, "0.00 USD")];
    check(&found, &stays);
    // Nor when its renewal is due, and not invoiced yet.
    check(&now(&finance, at("2026-11-20T12:30:00Z")).await, &stays);
    let mut db = finance.db.snapshot().await.unwrap();
    let all = figures(&mut db, early).await.unwrap();
    assert_eq!(all.months[0].to_date, None, "October is over");
    check(&all.months[0], &[(Figure::Mrr, "499.00 USD"), (Figure::New, "499.00 USD")]);
    assert_eq!(rows(&mut db, all.months[0].month, early).await.unwrap().to_date, None);
    drop(db);
    // What is cancelled has it until its period is over.
    subscribe(&finance, Tier::Free, at("2026-11-12T00:00:00Z")).await;
    check(&now(&finance, at("2026-11-19T00:00:00Z")).await, &stays);
    let over = now(&finance, at("2026-11-21T00:00:00Z")).await;
    check(&over, &[(Figure::Mrr, "0.00 USD"), (Figure::Churn, "499.00 USD")]);
    // Its customer is a cohort of one, of which nobody is left.
    let mut db = finance.db.snapshot().await.unwrap();
    let found = cohorts(&mut db, at("2026-11-21T00:00:00Z")).await.unwrap().cohorts;
    let [cohort] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((cohort.month.to_string().as_str(), cohort.customers), ("2026-10", 1));
    assert_eq!(cohort.months.iter().map(|cell| cell.active).collect::<Vec<_>>(), [1, 0]);
}

/// Sells a plugin of 100.00 USD, of which 15.00 are kept; in January.
async fn sold() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&["globex"], OFFER).await;
    sqlx::query("update share_policies set body = $1")
        .bind(r#"{"commission": [{"rate": "15%"}], "services": "15%"}"#)
        .execute(finance.db.read())
        .await
        .unwrap();
    let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
    let (actor, day) = (Actor::machine(), at("2026-01-05T00:00:00Z"));
    let order = order(&finance.db, &actor, &name("globex"), &new, day).await.unwrap();
    let payment = NewPayment { bank_reference: "B-1".into(), amount: usd(10_000) };
    record_payment(&finance.db, &actor, finance.hold_days, &order.reference, &payment, day).await.unwrap();
    (folder, finance)
}

#[tokio::test]
async fn refunds_lower_revenue_and_not_what_was_sold() {
    let (_folder, finance) = sold().await;
    let later = at("2026-01-20T00:00:00Z");
    let sold = [(Figure::Gmv, "100.00 USD"), (Figure::TakeRate, "15.0 %")];
    let before = now(&finance, later).await;
    check(&before, &sold);
    check(&before, &[(Figure::Revenue, "15.00 USD"), (Figure::RevenueShare, "100.0 %")]);
    let new = NewRefund {
        key: "R".into(),
        amount: usd(2_000),
        line: None,
        reason: String::new(),
        as_credit: false,
    };
    rails::refund(&finance, &Actor::machine(), 1, &new, later).await.unwrap();
    let after = now(&finance, later).await;
    check(&after, &sold);
    // A fifth of the 15.00 goes back with it.
    check(&after, &[(Figure::Refunds, "20.00 USD"), (Figure::Revenue, "12.00 USD")]);
    let mut db = finance.db.snapshot().await.unwrap();
    let rows = rows(&mut db, after.month, later).await.unwrap();
    let gross: i64 = rows.sales.iter().map(|row| row.converted.unwrap().minor()).sum();
    assert_eq!(Some(gross), after.gmv.map(|gmv| gmv.minor()));
    assert_eq!((rows.sales[0].seller.as_str(), rows.sales[0].sales), ("acme", 1));
    assert_eq!((rows.refunds[0].credit_note, rows.refunds[0].invoice), (1, Some(1)));
    // Who bought a plugin and no subscription has no MRR of which a part could be left.
    let cell = cohorts(&mut db, later).await.unwrap().cohorts[0].months[0].clone();
    assert_eq!((cell.active, cell.by_mrr), (1, None));
}

#[tokio::test]
async fn a_chargeback_is_counted_when_the_bank_has_decided() {
    let (_folder, finance) = sold().await;
    let later = at("2026-02-03T00:00:00Z");
    let mut write = writing(&finance.db).await;
    let (sale,): (i64,) = sqlx::query_as("select id from sales").fetch_one(&mut *write).await.unwrap();
    sharing::open_dispute(&mut write, "D", sale, usd(10_000), usd(1_500), later).await.unwrap();
    write.commit().await.unwrap();
    check(&now(&finance, later).await, &[(Figure::Chargebacks, "0.00 USD")]);
    let mut write = writing(&finance.db).await;
    sharing::close_dispute(&mut write, "D", false, later).await.unwrap();
    write.commit().await.unwrap();
    let found = now(&finance, later).await;
    check(
        &found,
        &[
            (Figure::Chargebacks, "100.00 USD"),
            (Figure::Revenue, "-15.00 USD"),
            (Figure::Cost, "15.00 USD"),
            (Figure::Gmv, "0.00 USD"),
            (Figure::GrossMargin, "none: there is no revenue"),
        ],
    );
}

#[tokio::test]
async fn sales_of_several_currencies_are_one_figure_once_there_is_a_rate() {
    let (_folder, finance) = sold().await;
    for (id, source, currency) in [(901_i64, "a", "EUR"), (902, "b", "JPY"), (903, "a, again", "EUR")] {
        sqlx::query(
            "insert into sales (id, source, customer, seller, currency, gross_minor, commission_minor, policy, before_minor,
                                volume_minor, volume_currency, referred, sold_at, refunded_minor, commission_returned_minor,
                                disputed_minor)
             select $1, $2, customer, seller, $3, 5000, 500, policy, 0, 5000, $3, 0, sold_at, 0, 0, 0 from sales where source like 'order %'",
        )
        .bind(id)
        .bind(source)
        .bind(currency)
        .execute(finance.db.read())
        .await
        .unwrap();
    }
    let later = at("2026-01-20T00:00:00Z");
    let rate = "insert into fx_rates (base, quote, day, numerator, denominator) values ($1, 'USD', '2026-01-02', $2, 100)";
    let set = async |base: &str, numerator: i64| {
        sqlx::query(rate).bind(base.to_owned()).bind(numerator).execute(finance.db.read()).await.unwrap();
    };
    set("EUR", 110).await;
    let found = now(&finance, later).await;
    let says = "there is no rate from JPY to USD for 2026-01-20, which the sales of acme in the figures of 2026-01 needs";
    assert_eq!((found.why_none(Figure::Gmv), found.why_none(Figure::Services)), (Some(says), Some(says)));
    check(&found, &[(Figure::Revenue, "15.00 USD"), (Figure::Subscriptions, "0.0 %")]);
    set("JPY", 1).await;
    // 100.00 USD, 50.00 EUR at 1.10 and 5,000 JPY at 0.01; what is sold again counts once.
    let found = now(&finance, later).await;
    check(&found, &[(Figure::Gmv, "205.00 USD"), (Figure::TakeRate, "12.4 %")]);
}

/// Minor units of a currency in cents of a dollar.
fn in_usd(minor: i64, currency: &str) -> i128 {
    match currency {
        "EUR" => divide_half_even(i128::from(minor) * 110, 100).unwrap(),
        // A yen is a cent.
        _ => minor.into(),
    }
}

#[tokio::test]
async fn gmv_is_the_sum_of_the_sales_of_its_month() {
    let (_folder, finance) = sold().await;
    for sql in [
        "insert into namespaces (name, created_at) values ('beta', '')",
        "insert into fx_rates (base, quote, day, numerator, denominator)
         values ('EUR', 'USD', '2026-01-01', 110, 100), ('JPY', 'USD', '2026-01-01', 1, 100)",
    ] {
        sqlx::query(sql).execute(finance.db.read()).await.unwrap();
    }
    let mut random = StdRng::seed_from_u64(20);
    let january = "2026-01".parse::<Month>().unwrap();
    let mut expected: BTreeMap<_, (i64, i64)> =
        [((january, "acme", "acme:serving", "USD"), (10_000, 1_500))].into();
    for id in 1000_i64..1200 {
        let seller = ["acme", "beta"][random.random_range(0..2)];
        let plugin = ["acme:serving", ""][random.random_range(0..2)];
        let currency = ["USD", "EUR", "JPY"][random.random_range(0..3)];
        let (gross, kept) = (random.random_range(0_i64..100_000), random.random_range(0_i64..1_000));
        let sold_at =
            at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(random.random_range(0_i64..90 * 1440));
        let again = random.random_range(0..8) == 0;
        sqlx::query(
            "insert into sales (id, source, customer, seller, plugin, currency, gross_minor, commission_minor, policy, before_minor,
                                volume_minor, volume_currency, referred, sold_at, refunded_minor, commission_returned_minor,
                                disputed_minor)
             values ($1, $2, 'globex', $3, nullif($4, ''), $5, $6, $7, 1, 0, 0, 'USD', 0, $8, 0, 0, 0)",
        )
        .bind(id)
        .bind(format!("{id}{}", if again { ", again" } else { "" }))
        .bind(seller)
        .bind(plugin)
        .bind(currency)
        .bind(gross)
        .bind(kept)
        .bind(time(sold_at))
        .execute(finance.db.read())
        .await
        .unwrap();
        if !again {
            let sum = expected.entry((Month::of(sold_at), seller, plugin, currency)).or_default();
            *sum = (sum.0 + gross, sum.1 + kept);
        }
    }
    let later = at("2026-04-01T00:00:00Z");
    let mut db = finance.db.snapshot().await.unwrap();
    let all = figures(&mut db, later).await.unwrap().months;
    for found in &all[..3] {
        let of_month = expected.iter().filter(|((month, ..), _)| *month == found.month);
        let (gross, kept) = of_month.fold((0, 0), |(gross, kept), ((.., currency), sum)| {
            (gross + in_usd(sum.0, currency), kept + in_usd(sum.1, currency))
        });
        let rows = rows(&mut db, found.month, later).await.unwrap().sales;
        let listed: i64 = rows.iter().map(|row| row.converted.unwrap().minor()).sum();
        assert_eq!((found.gmv.map(|gmv| i128::from(gmv.minor())), i128::from(listed)), (Some(gross), gross));
        assert_eq!(found.take_rate, Ratio::of(kept, gross));
        let services: i64 =
            rows.iter().filter(|row| row.services).map(|row| row.kept_converted.unwrap().minor()).sum();
        assert_eq!(
            found.mix.services.map(|part| part.numerator),
            found.revenue.filter(|all| all.minor() > 0).map(|_| services)
        );
    }
}

#[tokio::test]
async fn a_target_is_compared_and_taken_back() {
    let (_folder, finance) = sold().await;
    let later = at("2026-01-20T00:00:00Z");
    let set = async |figure: Figure, target: Option<&str>| {
        let new =
            FigureTarget { figure, month: month(0), target: target.map(|target| target.parse().unwrap()) };
        targets::set(&finance.db, &Actor::machine(), &new).await
    };
    let found = async || {
        let mut db = finance.db.snapshot().await.unwrap();
        let found = figures(&mut db, later).await.unwrap();
        let of = |figure: Figure| {
            let row = found.compared(&found.months[0], figure)?;
            Some(format!("{} {}", row.target, row.difference?))
        };
        (found.targets.len(), of(Figure::Gmv), of(Figure::RevenueShare))
    };
    // What nobody has set is what the plan has.
    assert_eq!(found().await, (0, None, Some("20.0 % 80.0 %".into())));
    for _ in 0..2 {
        set(Figure::Gmv, Some("120.00 USD")).await.unwrap();
        set(Figure::RevenueShare, Some("90 %")).await.unwrap();
        let expected = (2, Some("120.00 USD -20.00 USD".into()), Some("90.0 % 10.0 %".into()));
        assert_eq!(found().await, expected);
    }
    let refused = set(Figure::Gmv, Some("90 %")).await.unwrap_err().to_string();
    assert_eq!(refused, "90.0 % is no GMV: write it as 50000.00 USD");
    set(Figure::Gmv, None).await.unwrap();
    assert_eq!(found().await.0, 1);
}
