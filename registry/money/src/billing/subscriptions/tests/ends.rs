//! A subscription lives as long as what was paid for it: each way in which money goes back, by its value.

use super::*;
use crate::billing::{self, credit_notes};
use crate::figures;
use crate::ledger::Transaction;
use chandlery_package::Month;
use chandlery_package::wire::TransactionKind;

async fn begin(finance: &Finance, tier: Tier, billed: Billed, number: i64, now: Timestamp) {
    let new = NewSubscription { tier, billed };
    change(&finance.db, &Actor::machine(), &operator(), &new, now).await.unwrap();
    pay(&finance.db, finance.hold_days, number, now).await;
}

/// What is deferred and what is earned, in cents.
async fn held(finance: &Finance) -> (i64, i64) {
    laws(&finance.db, &operator()).await;
    (-balance(&finance.db, Account::Deferred).await, -balance(&finance.db, Account::Plans).await)
}

async fn stands(finance: &Finance, now: Timestamp) -> (SubscriptionState, Tier) {
    let has = subscription(&finance.db, &operator(), now).await.unwrap();
    (has.state, has.tier)
}

/// MRR at the end of the month of a moment, in cents.
async fn mrr(finance: &Finance, now: Timestamp) -> i64 {
    let mut db = finance.db.read().acquire().await.unwrap();
    let month = Month::of(now);
    let rows = figures::rows(&mut db, month, month.last_moment()).await.unwrap();
    rows.accounts.iter().map(|row| row.now.unwrap().minor()).sum()
}

async fn invoiced(finance: &Finance) -> usize {
    invoices(&finance.db, &operator(), &Paging::first(1000)).await.unwrap().items.len()
}

const GONE: (SubscriptionState, Tier) = (SubscriptionState::Free, Tier::Free);

#[tokio::test]
async fn what_is_given_back_whole_is_over_at_once_and_a_part_keeps_it() {
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Team, Billed::Yearly, 1, day(0)).await;
    assert_eq!(mrr(&finance, day(10)).await, 41_583);
    give_back(&finance, 1, usd("4000.00"), day(5)).await.unwrap();
    assert_eq!(stands(&finance, day(5)).await, (SubscriptionState::Active, Tier::Team));
    give_back(&finance, 1, usd("990.00"), day(10)).await.unwrap();
    assert_eq!((stands(&finance, day(10)).await, held(&finance).await), (GONE, (0, 0)));
    assert_eq!(mrr(&finance, day(10)).await, 0);
    let told = billing::notices(&finance.db, &operator(), &Paging::first(9)).await.unwrap().items;
    assert!(told.iter().any(|notice| notice.subject == "Your subscription of team has ended"), "{told:?}");
    advance_all(&finance.db, day(800)).await.unwrap();
    assert_eq!((invoiced(&finance).await, stands(&finance, day(800)).await), (1, GONE), "it is not renewed");
}

#[tokio::test]
async fn of_an_upgrade_that_is_given_back_nothing_stays_in_whichever_order() {
    // 10 of 31 days of 499.00 are 160.96: 338.04 are brought to what comes instead.
    for (second_first, later) in [(true, 0), (false, 0), (true, 5), (false, 5)] {
        let (_folder, finance) = finance().await;
        begin(&finance, Tier::Team, Billed::Monthly, 1, day(40)).await;
        begin(&finance, Tier::Enterprise, Billed::Monthly, 2, day(50)).await;
        assert_eq!(held(&finance).await, (299_900, 16_096));
        let back = [(1, usd("499.00")), (2, usd("2660.96"))];
        let [first, second] = if second_first { [back[1], back[0]] } else { back };
        give_back(&finance, first.0, first.1, day(50 + later)).await.unwrap();
        let then = match second_first {
            // What was paid before holds for as long as it was paid.
            true => (SubscriptionState::Ending, Tier::Team),
            false => (SubscriptionState::Active, Tier::Enterprise),
        };
        assert_eq!(stands(&finance, day(50 + later)).await, then);
        if (second_first, later) == (true, 0) {
            assert_eq!(held(&finance).await, (33_804, 16_096));
            assert_eq!(mrr(&finance, day(50)).await, 49_900);
        }
        give_back(&finance, second.0, second.1, day(50 + 2 * later)).await.unwrap();
        assert_eq!((stands(&finance, day(60)).await, held(&finance).await), (GONE, (0, 0)));
        assert_eq!(mrr(&finance, day(60)).await, 0);
        advance_all(&finance.db, day(400)).await.unwrap();
        assert_eq!((held(&finance).await, invoiced(&finance).await), ((0, 0), 2));
    }
}

#[tokio::test]
async fn of_two_upgrades_that_are_given_back_the_first_period_holds_in_whichever_order() {
    // 5 of 31 days of 99.00 and of 499.00 are 15.96 and 80.48: 83.04 and 418.52 are brought to what comes instead.
    for order in [[2, 3], [3, 2]] {
        let (_folder, finance) = finance().await;
        begin(&finance, Tier::Developer, Billed::Monthly, 1, day(45)).await;
        begin(&finance, Tier::Team, Billed::Monthly, 2, day(50)).await;
        begin(&finance, Tier::Enterprise, Billed::Monthly, 3, day(55)).await;
        assert_eq!((held(&finance).await, mrr(&finance, day(55)).await), ((299_900, 9644), 299_900));
        for number in order {
            let amount = if number == 2 { "415.96" } else { "2580.48" };
            give_back(&finance, number, usd(amount), day(55)).await.unwrap();
        }
        assert_eq!(
            stands(&finance, day(55)).await,
            (SubscriptionState::Ending, Tier::Developer),
            "{order:?}"
        );
        // As if it had never been left: 10 of 31 days of 99.00.
        assert_eq!((held(&finance).await, mrr(&finance, day(55)).await), ((6707, 3193), 9900));
        give_back(&finance, 1, usd("99.00"), day(56)).await.unwrap();
        assert_eq!((stands(&finance, day(56)).await, held(&finance).await), (GONE, (0, 0)));
        assert_eq!(mrr(&finance, day(56)).await, 0);
    }
}

#[tokio::test]
async fn an_upgrade_that_is_given_back_after_its_end_brings_nothing_back() {
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Developer, Billed::Yearly, 1, day(0)).await;
    // 300 of 365 days of 990.00 are 813.69: 176.31 are brought. It is over on the 27th of December, the year on the 31st of January.
    begin(&finance, Tier::Team, Billed::Monthly, 2, day(300)).await;
    assert_eq!(mrr(&finance, day(300)).await, 49_900);
    change(&finance.db, &Actor::machine(), &operator(), &to(Tier::Free), day(301)).await.unwrap();
    advance_all(&finance.db, day(331)).await.unwrap();
    give_back(&finance, 2, usd("322.69"), day(334)).await.unwrap();
    assert_eq!((stands(&finance, day(334)).await, held(&finance).await), (GONE, (0, 99_000)));
    assert_eq!(mrr(&finance, day(334)).await, 0);
    assert_eq!(mrr(&finance, day(300)).await, 49_900, "what a month had is not changed by what comes later");
}

#[tokio::test]
async fn what_was_paid_with_a_period_before_ends_with_the_money_for_that() {
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Team, Billed::Yearly, 1, day(0)).await;
    // 275 of 365 days of 4990.00 are left: all of 2999.00, and 760.59 as credit.
    change(&finance.db, &Actor::machine(), &operator(), &to(Tier::Enterprise), day(90)).await.unwrap();
    assert_eq!(mrr(&finance, day(90)).await, 299_900);
    give_back(&finance, 1, usd("4229.41"), day(95)).await.unwrap();
    assert_eq!((stands(&finance, day(95)).await, held(&finance).await), (GONE, (0, 0)));
    assert_eq!(mrr(&finance, day(95)).await, 0);
}

#[tokio::test]
async fn what_is_given_back_of_a_year_that_was_cancelled_is_what_was_not_earned() {
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Developer, Billed::Yearly, 1, day(0)).await;
    change(&finance.db, &Actor::machine(), &operator(), &to(Tier::Free), day(182)).await.unwrap();
    // 182 of 365 days of 990.00.
    advance_all(&finance.db, day(182)).await.unwrap();
    assert_eq!(held(&finance).await, (49_636, 49_364));
    give_back(&finance, 1, usd("200.00"), day(182)).await.unwrap();
    assert_eq!(held(&finance).await, (29_636, 49_364), "nothing that was earned is un-earned");
    assert_eq!(stands(&finance, day(182)).await, (SubscriptionState::Ending, Tier::Developer));
    assert_eq!(mrr(&finance, day(182)).await, 8250);
    give_back(&finance, 1, usd("296.36"), day(182)).await.unwrap();
    assert_eq!((stands(&finance, day(182)).await, held(&finance).await), (GONE, (0, 49_364)));
    assert_eq!(mrr(&finance, day(182)).await, 0);
    for number in [183, 250, 364, 366, 500] {
        advance_all(&finance.db, day(number)).await.unwrap();
        assert_eq!(held(&finance).await, (0, 49_364), "nor earned again");
    }
}

#[tokio::test]
async fn what_ends_now_gives_back_what_is_left_of_it_by_the_day() {
    let me = operator();
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Developer, Billed::Monthly, 1, day(40)).await;
    begin(&finance, Tier::Team, Billed::Monthly, 2, day(50)).await;
    // 10 of 31 days of 499.00 have passed: 338.04 are left, which is less than the second invoice was.
    let ended = rails::end_subscription(&finance, &Actor::machine(), &me, day(60)).await.unwrap();
    assert_eq!((ended.subscription.state, ended.subscription.tier), GONE);
    let notes: Vec<_> = ended.credit_notes.iter().map(|note| (note.invoice, note.net)).collect();
    assert_eq!(notes, [(2, usd("338.04"))]);
    assert_eq!(held(&finance).await, (0, 3193 + 16_096));
    // By bank: it is credit, which the next invoice is paid with.
    assert_eq!(balance(&finance.db, Account::Credit(me.clone())).await, -33_804);
    assert!(rails::end_subscription(&finance, &Actor::machine(), &me, day(60)).await.is_err());
    advance_all(&finance.db, day(500)).await.unwrap();
    assert_eq!((held(&finance).await, invoiced(&finance).await), ((0, 19_289), 2));
}

#[tokio::test]
async fn what_ends_on_its_first_day_gives_back_what_it_was_brought_too() {
    let me = operator();
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Developer, Billed::Monthly, 1, day(40)).await;
    begin(&finance, Tier::Team, Billed::Monthly, 2, day(50)).await;
    let ended = rails::end_subscription(&finance, &Actor::machine(), &me, day(50)).await.unwrap();
    let notes: Vec<_> = ended.credit_notes.iter().map(|note| (note.invoice, note.net)).collect();
    assert_eq!(notes, [(2, usd("431.93")), (1, usd("67.07"))]);
    assert_eq!((held(&finance).await, mrr(&finance, day(50)).await), ((0, 3193), 0));
}

#[tokio::test]
async fn what_ends_before_it_is_paid_is_owed_for_its_days() {
    let me = operator();
    let (_folder, finance) = finance().await;
    change(&finance.db, &Actor::machine(), &me, &to(Tier::Developer), day(40)).await.unwrap();
    let ended = rails::end_subscription(&finance, &Actor::machine(), &me, day(50)).await.unwrap();
    assert_eq!(ended.subscription.due[0].due().unwrap(), usd("31.93"));
    assert_eq!(held(&finance).await, (0, 3193));
    // A trial ends at once, and does not begin again.
    try_out(&finance.db, &Actor::machine(), &me, &NewTrial { tier: Tier::Team }, day(51)).await.unwrap();
    rails::end_subscription(&finance, &Actor::machine(), &me, day(52)).await.unwrap();
    assert_eq!(stands(&finance, day(52)).await, GONE);
    let again = try_out(&finance.db, &Actor::machine(), &me, &NewTrial { tier: Tier::Team }, day(53)).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn from_a_year_to_more_by_the_month_is_at_once_and_what_is_left_pays_for_months() {
    let me = operator();
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Team, Billed::Yearly, 1, day(0)).await;
    let more = change(&finance.db, &Actor::machine(), &me, &to(Tier::Enterprise), day(90)).await.unwrap();
    // 275 of 365 days of 4990.00 are left: 3759.59, of which 2999.00 are for the first month.
    assert_eq!((more.tier, more.state), (Tier::Enterprise, SubscriptionState::Active));
    assert_eq!((held(&finance).await, more.due.len()), ((299_900, 123_041), 0));
    assert_eq!(balance(&finance.db, Account::Credit(me.clone())).await, -76_059);
    let next = subscription(&finance.db, &me, day(121)).await.unwrap();
    assert_eq!((next.due[0].credit, next.due[0].total), (usd("760.59"), usd("2238.41")));
    // Less, and a shorter period, wait.
    pay(&finance.db, finance.hold_days, 3, day(121)).await;
    let less = change(&finance.db, &Actor::machine(), &me, &to(Tier::Team), day(122)).await.unwrap();
    assert_eq!(
        (less.tier, less.state, less.then),
        (Tier::Enterprise, SubscriptionState::Changing, Some(Tier::Team))
    );
}

#[tokio::test]
async fn what_a_bank_takes_back_is_not_had_until_it_has_decided_and_then_for_good() {
    for lost in [true, false] {
        let me = operator();
        let (_folder, finance) = finance().await;
        begin(&finance, Tier::Team, Billed::Monthly, 1, day(40)).await;
        let dispute =
            "insert into processor_disputes (id, payment, currency, minor, fee_minor, state, told, round)
                       values ('dp', 'bank-1', 'USD', 49900, 0, 'open', 0, 0)";
        sqlx::query(dispute).execute(finance.db.read()).await.unwrap();
        assert_eq!(stands(&finance, day(45)).await, (SubscriptionState::Disputed, Tier::Free));
        let more = change(&finance.db, &Actor::machine(), &me, &to(Tier::Enterprise), day(45)).await;
        assert!(more.unwrap_err().to_string().contains("has not decided"));
        let ended = rails::end_subscription(&finance, &Actor::machine(), &me, day(45)).await;
        assert!(ended.unwrap_err().to_string().contains("has not decided"));
        let mut write = crate::testing::writing(&finance.db).await;
        if lost {
            let back = Transaction::new(TransactionKind::DisputeLost, "dp", day(50))
                .credit(Account::Processor, usd("499.00"));
            let back = refunds::lose(&mut write, "bank-1", usd("499.00"), back, day(50)).await.unwrap();
            ledger::post(&mut write, back).await.unwrap();
        }
        let decided = "update processor_disputes set state = $1 where id = 'dp'";
        sqlx::query(decided).bind(if lost { "lost" } else { "won" }).execute(&mut *write).await.unwrap();
        write.commit().await.unwrap();
        let expected = if lost { GONE } else { (SubscriptionState::Active, Tier::Team) };
        assert_eq!(stands(&finance, day(50)).await, expected);
        if lost {
            assert_eq!((held(&finance).await, mrr(&finance, day(50)).await), ((0, 0), 0));
        }
        advance_all(&finance.db, day(60)).await.unwrap();
        laws(&finance.db, &me).await;
    }
}

#[tokio::test]
async fn people_are_told_three_days_before_they_pay_for_a_year_or_have_less() {
    let (_folder, finance) = finance().await;
    begin(&finance, Tier::Developer, Billed::Yearly, 1, day(0)).await;
    let told = async |number| {
        billing::tell_of_ends(&finance.db, day(number)).await.unwrap();
        let page = billing::notices(&finance.db, &operator(), &Paging::first(9)).await.unwrap();
        let mut subjects: Vec<_> = page.items.into_iter().map(|notice| notice.subject).collect();
        subjects.sort();
        subjects
    };
    assert!(told(361).await.is_empty());
    let renewed = "Your subscription of developer is renewed on 2027-01-31";
    assert_eq!(told(362).await, [renewed]);
    assert_eq!(told(363).await, [renewed], "once");
    change(&finance.db, &Actor::machine(), &operator(), &to(Tier::Free), day(363)).await.unwrap();
    let ends = "Your subscription of developer ends on 2027-01-31";
    assert_eq!(told(364).await, [ends, renewed]);
    assert_eq!(told(365).await.len(), 2);
}

/// Whatever happens, in any order: what is had is paid for, on trial, or within the time to pay it; and no more goes back than came.
#[tokio::test]
async fn nothing_is_had_without_its_reason_and_no_more_goes_back_than_was_paid() {
    for seed in crate::testing::seeds(3) {
        let (_folder, finance) = finance().await;
        let (me, mut random, mut today) = (operator(), StdRng::seed_from_u64(seed), 0);
        for _ in 0..40 {
            today += random.random_range(0..20);
            let now = day(today);
            let all = invoices(&finance.db, &me, &Paging::first(1000)).await.unwrap().items;
            match random.random_range(0..8) {
                0..=2 => {
                    let tier = Tier::ALL[random.random_range(0..4)];
                    let billed = Billed::ALL[random.random_range(0..2)];
                    let new = NewSubscription { tier, billed };
                    let _ = change(&finance.db, &Actor::machine(), &me, &new, now).await;
                }
                3 => {
                    let _ = rails::end_subscription(&finance, &Actor::machine(), &me, now).await;
                }
                4 => {
                    let new = NewTrial { tier: Tier::Enterprise };
                    let _ = try_out(&finance.db, &Actor::machine(), &me, &new, now).await;
                }
                5 if !all.is_empty() => {
                    let invoice = &all[random.random_range(0..all.len())];
                    let whole = invoice.net.minor().max(1);
                    let minor = if random.random_bool(0.5) { whole } else { random.random_range(1..=whole) };
                    let _ = give_back(&finance, invoice.number, invoice.net.with_minor(minor).unwrap(), now)
                        .await;
                }
                _ => {
                    for invoice in subscription(&finance.db, &me, now).await.unwrap().due {
                        pay(&finance.db, finance.hold_days, invoice.number, now).await;
                    }
                }
            }
            advance_all(&finance.db, now).await.unwrap();
            laws(&finance.db, &me).await;
            let has = subscription(&finance.db, &me, now).await.unwrap();
            assert!(has.trial || has.state.holds() || has.tier == Tier::Free, "{has:?}");
            assert_eq!(has.billed.is_some(), has.state.holds(), "{has:?}");
            let all = invoices(&finance.db, &me, &Paging::first(1000)).await.unwrap().items;
            let notes = credit_notes(&finance.db, &me, &Paging::first(1000)).await.unwrap().items;
            for invoice in &all {
                let back = notes.iter().filter(|note| note.invoice == invoice.number);
                let back: i64 = back.map(|note| note.net.minor() + note.tax.minor()).sum();
                assert!(back <= invoice.net.minor() + invoice.tax.minor(), "invoice {}", invoice.number);
            }
        }
    }
}
