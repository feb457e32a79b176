//! What an account may have follows from its orders, and from what became of the money for them.

mod anything;

use chandlery_accounts::{Account, Actor};
use chandlery_package::wire::{
    Acceptance, DisputeState, InvoiceLine, InvoiceLineKind, NewOrder, NewPayment, NewRefund, OrderDispute,
    OrderState, Paging, Quote,
};
use chandlery_package::{Currency, DisputedOrder, Money, Namespace, Offer, terms};
use jiff::{SignedDuration, Timestamp};

use crate::billing::{self, NewInvoice, entitlements::entitlements};
use crate::sharing::NewSale;
use crate::testing::{at, faults, market, operator};
use crate::{Finance, books, rails, sharing};

const ONCE: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 10000, "currency": "USD"}}, "trial_days": 0}"#;
const BY_MONTH: &str = r#"{"price": {"kind": "monthly", "amount": {"minor": 10000, "currency": "USD"}, "per": "organisation"},
                           "trial_days": 14}"#;

fn day(number: i64) -> Timestamp {
    at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * number)
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn globex() -> Namespace {
    "globex".parse().unwrap()
}

async fn quote(finance: &Finance, number: i64) -> Quote {
    let account = Account { name: globex(), operator: false, owes_factor: false, person: None };
    billing::quote(&finance.db, &account, &"acme:serving".parse().unwrap(), day(number)).await.unwrap()
}

/// How the order stands on a day; what it entitles to is in the licence, and nothing else.
async fn state(finance: &Finance, number: i64) -> Option<OrderState> {
    let quote = quote(finance, number).await;
    assert_eq!(quote.entitled, quote.order.is_some_and(OrderState::entitles));
    let account = Account { name: globex(), operator: false, owes_factor: false, person: None };
    let licensed = entitlements(&finance.db, &account, day(number)).await.unwrap();
    assert_eq!(licensed.plugins.len(), usize::from(quote.entitled));
    let withheld: Vec<OrderDispute> = licensed.disputed.iter().filter_map(DisputedOrder::dispute).collect();
    assert_eq!(withheld, Vec::from_iter(quote.dispute));
    quote.order
}

fn new_order(acceptance: Option<Acceptance>) -> NewOrder {
    NewOrder { plugin: "acme:serving".parse().unwrap(), referrer: None, coupon: None, acceptance }
}

async fn order(finance: &Finance, number: i64) -> String {
    let offer = quote(finance, number).await.offer.unwrap();
    let new = new_order(Some(Acceptance { offer, terms: terms::VERSION.into() }));
    let made = billing::order(&finance.db, &Actor::machine(), &globex(), &new, day(number)).await.unwrap();
    made.reference
}

async fn give_back(finance: &Finance, key: &str, minor: i64, number: i64) {
    let new = NewRefund {
        key: key.into(),
        amount: usd(minor),
        line: None,
        reason: String::new(),
        as_credit: false,
    };
    rails::refund(finance, &Actor::machine(), 1, &new, day(number)).await.unwrap();
}

#[tokio::test]
async fn what_is_paid_once_is_had_until_the_money_goes_back() {
    let (_folder, finance) = market(&["globex"], ONCE).await;
    assert_eq!(state(&finance, 0).await, None);
    let reference = order(&finance, 0).await;
    assert_eq!(state(&finance, 13).await, Some(OrderState::Ordered));
    assert_eq!(state(&finance, 14).await, Some(OrderState::Overdue));
    let payment = NewPayment { bank_reference: "B-1".into(), amount: usd(10_000) };
    billing::record_payment(&finance.db, &Actor::machine(), 30, &reference, &payment, day(20)).await.unwrap();
    assert_eq!(state(&finance, 20).await, Some(OrderState::Paid));

    let mut write = crate::testing::writing(&finance.db).await;
    sharing::open_dispute(&mut write, "dp", 1, usd(10_000), usd(1500), day(21)).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(state(&finance, 21).await, Some(OrderState::Disputed));
    let held = OrderDispute { since: day(21), state: DisputeState::Open };
    assert_eq!(quote(&finance, 21).await.dispute, Some(held));
    assert_eq!(order(&finance, 21).await, reference, "it stands until the bank has decided");
    let mut write = crate::testing::writing(&finance.db).await;
    sharing::close_dispute(&mut write, "dp", true, day(22)).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(state(&finance, 22).await, Some(OrderState::Paid));
    assert_eq!(quote(&finance, 22).await.dispute, None);

    give_back(&finance, "R-1", 4_000, 23).await;
    assert_eq!(state(&finance, 23).await, Some(OrderState::Paid));
    give_back(&finance, "R-2", 6_000, 24).await;
    assert_eq!(state(&finance, 24).await, Some(OrderState::Refunded));
}

#[tokio::test]
async fn what_was_given_back_is_had_again_once_it_is_bought_anew() {
    let (_folder, finance) = market(&["globex"], ONCE).await;
    for (number, state_now) in [(1, OrderState::Refunded), (2, OrderState::Paid)] {
        let today = 10 * number;
        let reference = order(&finance, today).await;
        let payment = NewPayment { bank_reference: format!("B-{number}"), amount: usd(10_000) };
        billing::record_payment(&finance.db, &Actor::machine(), 30, &reference, &payment, day(today))
            .await
            .unwrap();
        if number == 1 {
            give_back(&finance, "R-1", 10_000, today + 1).await;
        }
        assert_eq!(state(&finance, today + 2).await, Some(state_now));
    }
}

#[tokio::test]
async fn what_a_bank_has_taken_back_in_part_for_good_can_be_bought_anew() {
    let (_folder, finance) = market(&["globex"], ONCE).await;
    let reference = order(&finance, 0).await;
    let payment = NewPayment { bank_reference: "B-1".into(), amount: usd(10_000) };
    billing::record_payment(&finance.db, &Actor::machine(), 30, &reference, &payment, day(1)).await.unwrap();
    let mut write = crate::testing::writing(&finance.db).await;
    sharing::open_dispute(&mut write, "dp", 1, usd(4_000), usd(1500), day(2)).await.unwrap();
    sharing::close_dispute(&mut write, "dp", false, day(3)).await.unwrap();
    write.commit().await.unwrap();
    let lost = OrderDispute { since: day(2), state: DisputeState::Lost };
    let found = billing::orders(&finance.db, &globex(), &Paging::first(10)).await.unwrap().items;
    assert_eq!((found[0].dispute, found[0].refunded), (Some(lost), false));
    assert_ne!(order(&finance, 4).await, reference);
    assert_eq!(state(&finance, 4).await, Some(OrderState::Ordered));
}

#[tokio::test]
async fn what_is_invoiced_by_the_month_is_had_until_it_is_ended() {
    let (_folder, finance) = market(&["globex"], BY_MONTH).await;
    let reference = order(&finance, 0).await;
    assert_eq!(state(&finance, 13).await, Some(OrderState::Trial));
    assert_eq!(state(&finance, 14).await, Some(OrderState::Running));
    billing::end_order(&finance.db, &globex(), &reference, day(20)).await.unwrap();
    assert_eq!(state(&finance, 20).await, Some(OrderState::Ended));
}

#[tokio::test]
async fn what_is_paid_after_it_was_given_up_is_had_again() {
    let (_folder, finance) = market(&["globex"], BY_MONTH).await;
    let reference = order(&finance, 0).await;
    let (db, customer, seller) = (&finance.db, globex(), "acme".parse().unwrap());
    let mut write = crate::testing::writing(db).await;
    let sale = NewSale {
        source: format!("order {reference}, a month"),
        customer: &customer,
        seller: &seller,
        plugin: None,
        gross: usd(10_000),
        referrer: None,
        at: day(20),
        shared_by: day(20),
    };
    let line = InvoiceLine {
        kind: InvoiceLineKind::Service,
        description: "a month".into(),
        quantity: "1".into(),
        amount: usd(10_000),
        sale: Some(sharing::accrue(&mut write, &sale).await.unwrap()),
    };
    let new = NewInvoice {
        account: &customer,
        currency: Currency::Usd,
        lines: &[line],
        told: None,
        period: None,
        hold_days: 30,
    };
    billing::issue(&mut write, &new, |transaction| transaction, day(20)).await.unwrap();
    write.commit().await.unwrap();
    billing::advance_all(db, day(80)).await.unwrap();
    assert_eq!(state(&finance, 80).await, Some(OrderState::Overdue));
    let payment = NewPayment { bank_reference: "B-1".into(), amount: usd(10_000) };
    billing::record_invoice_payment(db, &Actor::machine(), 30, 1, &payment, day(81)).await.unwrap();
    assert_eq!(state(&finance, 81).await, Some(OrderState::Running));
}

#[tokio::test]
async fn what_an_organisation_sells_is_seen_by_its_people_and_theirs_without_an_order() {
    let (_folder, finance) = market(&["globex", "ann"], ONCE).await;
    let run = async |sql: &'static str| {
        sqlx::query(sql).execute(finance.db.read()).await.unwrap();
    };
    run("insert into organisations (name, title, created_at, created_by) values ('globex', 'Globex', '', 'ann')").await;
    run("insert into organisation_members (organisation, account, role, origin, since)
         values ('globex', 'ann', 'member', 'invited', '')")
    .await;
    run("insert into namespace_members (namespace, account, role) values ('acme', 'globex', 'owner')").await;
    run("update namespaces set visibility = 'private'").await;
    let ann = Account { name: "ann".parse().unwrap(), operator: false, owes_factor: false, person: None };
    let licensed = entitlements(&finance.db, &ann, day(0)).await.unwrap();
    assert_eq!(licensed.namespaces, ["acme".parse::<Namespace>().unwrap()]);
    billing::order(&finance.db, &Actor::machine(), &ann.name, &new_order(None), day(0)).await.unwrap();
    run("insert into suspensions (account, reason, since) values ('globex', 'looked into', '')").await;
    let licensed = entitlements(&finance.db, &ann, day(0)).await.unwrap();
    assert!(licensed.namespaces.is_empty(), "through one that is suspended");
}

#[tokio::test]
async fn nobody_orders_at_what_was_not_agreed_to() {
    let (_folder, finance) = market(&["globex"], ONCE).await;
    let offer: Offer = serde_json::from_str(ONCE).unwrap();
    let other: Offer = serde_json::from_str(BY_MONTH).unwrap();
    for (offer, terms) in [(other, terms::VERSION), (offer, "1999-01-01")] {
        let new = new_order(Some(Acceptance { offer, terms: terms.into() }));
        let refused = billing::order(&finance.db, &Actor::machine(), &globex(), &new, day(0)).await;
        assert!(refused.unwrap_err().to_string().contains("look at it again"));
    }
    assert_eq!(state(&finance, 0).await, None);
}

#[tokio::test]
async fn what_was_given_back_is_told_of_and_bought_again() {
    let (_folder, finance) = market(&["globex"], ONCE).await;
    let pay = async |reference: &str, number| {
        let payment = NewPayment { bank_reference: format!("B of {reference}"), amount: usd(10_000) };
        let (db, actor) = (&finance.db, Actor::machine());
        billing::record_payment(db, &actor, 30, reference, &payment, day(number)).await.unwrap();
    };
    let first = order(&finance, 0).await;
    pay(&first, 1).await;
    give_back(&finance, "R-1", 10_000, 2).await;
    assert_eq!(state(&finance, 2).await, Some(OrderState::Refunded));
    let told = billing::notices(&finance.db, &globex(), &Paging::first(9)).await.unwrap().items;
    let subjects: Vec<_> = told.iter().map(|notice| notice.subject.as_str()).collect();
    assert_eq!(subjects, [format!("Your order {first} of acme:serving is refunded")]);
    let second = order(&finance, 3).await;
    assert_ne!(first, second);
    assert_eq!(state(&finance, 3).await, Some(OrderState::Ordered));
    pay(&second, 4).await;
    assert_eq!(state(&finance, 400).await, Some(OrderState::Paid));
}

#[tokio::test]
async fn nobody_pays_by_the_month_for_what_was_given_up() {
    let (_folder, finance) = market(&["globex"], BY_MONTH).await;
    order(&finance, 0).await;
    let close = async |month: &str, number| {
        let (month, now) = (month.parse().unwrap(), day(number));
        books::close(&finance.db, &Actor::machine(), 30, month, &operator(), now).await.unwrap();
    };
    close("2026-01", 32).await;
    close("2026-02", 60).await;
    // The first invoice was due on the 16th of February, and is given up on the 4th of March.
    billing::advance_all(&finance.db, day(62)).await.unwrap();
    assert_eq!(state(&finance, 62).await, Some(OrderState::Overdue));
    close("2026-03", 92).await;
    close("2026-04", 122).await;
    let invoices = billing::invoices(&finance.db, &globex(), &Paging::first(9)).await.unwrap().items;
    let nets: Vec<_> = invoices.iter().rev().map(|invoice| invoice.net.minor()).collect();
    // 17 of 31 days after the trial, all of February, and 3 of 31 days of March.
    assert_eq!(nets, [5484, 10_000, 968]);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}
