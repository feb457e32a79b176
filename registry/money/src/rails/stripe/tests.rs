//! Every order, repetition and loss of what Stripe tells gives the same books.

use std::collections::BTreeMap;

use chandlery_accounts::Actor;
use chandlery_package::wire::{EventState, NewPayment, NewRefund, NewSubscription, Paging};
use chandlery_package::{Billed, Currency, Money, Namespace, Tier};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::Event;
use super::{events, payments, webhook};
use crate::rails::{self, Subject};
use crate::testing::{at, faults, market};
use crate::{Finance, Processor, billing, ledger};

mod parts;
mod refused;
mod sent;
mod settled;
mod unbegun;
mod unfollowed;

/// An amount whose shares are never whole.
const PRICE: i64 = 9_999;
const OFFER: &str =
    r#"{"price": {"kind": "once", "amount": {"minor": 9999, "currency": "USD"}}, "trial_days": 0}"#;
const POLICY: &str =
    r#"{"commission": [{"rate": "15%"}], "services": "15%", "reserve": {"rate": "10%", "days": 90}}"#;

/// What is told, by the kinds of events and their objects.
type Told = Vec<(&'static str, Value)>;
/// What accounts hold; the customer's own credit is called `customer`.
type Held = BTreeMap<String, i64>;

fn now() -> Timestamp {
    at("2026-01-01T00:00:00Z")
}

/// One that cannot be asked: the events' objects count.
fn processor() -> Processor {
    Processor { url: "http://127.0.0.1:9".into(), key: String::new(), webhook_secret: String::new() }
}

fn paid(run: usize) -> (&'static str, Value) {
    paid_so_much(run, PRICE)
}

fn paid_so_much(run: usize, minor: i64) -> (&'static str, Value) {
    let object = json!({ "id": format!("pi_{run}"), "amount_received": minor, "currency": "usd",
                         "latest_charge": { "balance_transaction": {
                             "id": format!("txn_{run}"), "amount": minor, "fee": 320, "currency": "usd" } } });
    ("payment_intent.succeeded", object)
}

fn charge(run: usize, so_far: i64) -> (&'static str, Value) {
    let object = json!({ "id": format!("ch_{run}"), "payment_intent": format!("pi_{run}"), "currency": "usd",
                         "amount_refunded": so_far });
    ("charge.refunded", object)
}

fn refund(run: usize, number: usize, minor: i64, status: &str) -> (&'static str, Value) {
    let object = json!({ "id": format!("re_{run}_{number}"), "payment_intent": format!("pi_{run}"),
                         "currency": "usd", "amount": minor, "status": status });
    ("refund.updated", object)
}

fn dispute(run: usize, minor: i64, status: &str, fees: &[i64]) -> (&'static str, Value) {
    let movement = |(index, fee): (usize, &i64)| {
        let amount = if index == 0 { -minor } else { minor };
        json!({ "id": format!("txn_dp_{run}_{index}"), "amount": amount, "fee": fee, "currency": "usd" })
    };
    let movements: Vec<_> = fees.iter().enumerate().map(movement).collect();
    let object = json!({ "id": format!("dp_{run}"), "payment_intent": format!("pi_{run}"), "currency": "usd",
                         "amount": minor, "status": status, "balance_transactions": movements });
    ("charge.dispute.updated", object)
}

/// What a payment is for.
#[derive(Clone, Copy, PartialEq)]
enum Bought {
    Plugin,
    /// Which another transfer had paid before.
    PluginPaidBefore,
    /// A month of a subscription, for 99.00.
    Plan,
}

/// What happened, and the balances that follow, as far as they are the same whatever the shares are.
struct Story {
    name: &'static str,
    tell: fn(usize) -> Told,
    of: Bought,
    holds: &'static [(&'static str, i64)],
}

const PROCESSOR: &str = "assets:processor clearing";
const DISPUTES: &str = "expenses:dispute fees";
const CREDIT: &str = "liabilities:credit:customer";
const HELD: &str = "assets:disputes held";

static STORIES: [Story; 13] = [
    Story {
        name: "paid",
        tell: |n| vec![paid(n)],
        of: Bought::Plugin,
        holds: &[(PROCESSOR, 9679), (CREDIT, 0)],
    },
    Story {
        name: "an inquiry moves nothing",
        tell: |n| {
            vec![
                paid(n),
                dispute(n, PRICE, "warning_needs_response", &[]),
                dispute(n, PRICE, "warning_closed", &[]),
            ]
        },
        of: Bought::Plugin,
        holds: &[(PROCESSOR, 9679), (DISPUTES, 0), (HELD, 0)],
    },
    Story {
        name: "refunded in two parts, each told by itself and in sum",
        tell: |n| {
            vec![
                paid(n),
                refund(n, 1, 3333, "succeeded"),
                charge(n, 3333),
                refund(n, 2, 6666, "pending"),
                charge(n, PRICE),
            ]
        },
        of: Bought::Plugin,
        holds: &[(PROCESSOR, -320), ("revenue:commission", 0), ("expenses:bad debt", 0)],
    },
    Story {
        name: "refunded in part",
        tell: |n| vec![paid(n), charge(n, 3333)],
        of: Bought::Plugin,
        holds: &[(PROCESSOR, 6346)],
    },
    Story {
        name: "refunded in part, then disputed",
        tell: |n| vec![paid(n), charge(n, 3333), dispute(n, 6666, "needs_response", &[1500])],
        of: Bought::Plugin,
        holds: &[(PROCESSOR, -1820), (HELD, 6666), (DISPUTES, 1500)],
    },
    Story {
        name: "refunded in part, disputed, won",
        tell: |n| {
            vec![
                paid(n),
                charge(n, 3333),
                dispute(n, 6666, "needs_response", &[1500]),
                dispute(n, 6666, "under_review", &[1500]),
                dispute(n, 6666, "won", &[1500, 0]),
            ]
        },
        of: Bought::Plugin,
        holds: &[(PROCESSOR, 4846), (HELD, 0), (DISPUTES, 1500)],
    },
    Story {
        name: "refunded in part, an inquiry, disputed, lost",
        tell: |n| {
            vec![
                paid(n),
                refund(n, 1, 3333, "succeeded"),
                dispute(n, 6666, "warning_needs_response", &[]),
                dispute(n, 6666, "needs_response", &[1500]),
                dispute(n, 6666, "lost", &[1500, 500]),
            ]
        },
        of: Bought::Plugin,
        holds: &[(PROCESSOR, -2320), (HELD, 0), (DISPUTES, 2000), ("revenue:commission", 0)],
    },
    Story {
        name: "disputed, won, refunded",
        tell: |n| {
            vec![
                paid(n),
                dispute(n, PRICE, "needs_response", &[1500]),
                dispute(n, PRICE, "won", &[1500, 0]),
                charge(n, 5001),
            ]
        },
        of: Bought::Plugin,
        holds: &[(PROCESSOR, 3178), (HELD, 0), (DISPUTES, 1500)],
    },
    Story {
        name: "a refund that fails is the customer's credit",
        tell: |n| vec![paid(n), refund(n, 1, 3333, "pending"), charge(n, 3333), refund(n, 1, 3333, "failed")],
        of: Bought::Plugin,
        holds: &[(PROCESSOR, 9679), (CREDIT, -3333)],
    },
    Story {
        name: "a refund that failed is given back once, with all the rest",
        tell: |n| {
            vec![
                paid(n),
                refund(n, 1, 3333, "pending"),
                refund(n, 1, 3333, "failed"),
                refund(n, 2, PRICE, "succeeded"),
                charge(n, PRICE),
            ]
        },
        of: Bought::Plugin,
        holds: &[(PROCESSOR, -320), (CREDIT, 0), ("revenue:commission", 0), ("expenses:bad debt", 0)],
    },
    Story {
        name: "paid twice: the second is the customer's credit",
        tell: |n| vec![paid(n)],
        of: Bought::PluginPaidBefore,
        holds: &[(PROCESSOR, 9679), ("assets:bank", PRICE), (CREDIT, -PRICE)],
    },
    Story {
        name: "paid twice, a part given back, the rest disputed and lost",
        tell: |n| {
            vec![
                paid(n),
                charge(n, 3333),
                dispute(n, 6666, "needs_response", &[1500]),
                dispute(n, 6666, "lost", &[1500]),
            ]
        },
        of: Bought::PluginPaidBefore,
        holds: &[(PROCESSOR, -1820), (CREDIT, 0), ("expenses:bad debt", 0), (HELD, 0)],
    },
    Story {
        name: "a subscription, refunded in part, disputed, lost",
        tell: |n| {
            vec![
                paid_so_much(n, 9900),
                refund(n, 1, 3300, "succeeded"),
                dispute(n, 6600, "needs_response", &[1500]),
                dispute(n, 6600, "lost", &[1500]),
            ]
        },
        of: Bought::Plan,
        holds: &[(PROCESSOR, -1820), ("liabilities:deferred:plans", 0), ("expenses:bad debt", 0), (HELD, 0)],
    },
];

/// Every order of so many.
fn orders(count: usize) -> Vec<Vec<usize>> {
    match count {
        0 => vec![Vec::new()],
        _ => {
            let shorter = orders(count - 1);
            let with_last = shorter.iter().flat_map(|order| {
                (0..count).map(move |place| {
                    let mut order = order.clone();
                    order.insert(place, count - 1);
                    order
                })
            });
            with_last.collect()
        }
    }
}

/// What every account holds, of customers' credits that of this one alone.
async fn held(finance: &Finance, customer: &str) -> Held {
    let mut db = finance.db.read().acquire().await.unwrap();
    let own = format!("liabilities:credit:{customer}");
    let mut all = Held::new();
    for held in ledger::balances(&mut db, None).await.unwrap() {
        match held.account.starts_with("liabilities:credit:") {
            true if held.account == own => all.insert(CREDIT.to_owned(), held.balance.minor()),
            true => None,
            false => all.insert(held.account, held.balance.minor()),
        };
    }
    all
}

/// A customer of its own, who has begun to pay; its name.
async fn begin(finance: &Finance, run: usize, bought: Bought) -> String {
    let (db, hold, name) = (&finance.db, finance.hold_days, format!("buyer{run}"));
    sqlx::query("insert into accounts (name, password_hash, role, created_at) values ($1, '', '', '')")
        .bind(&name)
        .execute(db.read())
        .await
        .unwrap();
    let customer: Namespace = name.parse().unwrap();
    let (subject, amount) = match bought {
        Bought::Plan => {
            let new = NewSubscription { tier: Tier::Developer, billed: Billed::Monthly };
            let changed = billing::change(db, &Actor::machine(), &customer, &new, now()).await.unwrap();
            (Subject::Invoice(changed.due[0].number), changed.due[0].total)
        }
        Bought::Plugin | Bought::PluginPaidBefore => {
            let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
            let order = billing::order(db, &Actor::machine(), &customer, &new, now()).await.unwrap();
            (Subject::Order(order.reference), Money::new(PRICE, Currency::Usd).unwrap())
        }
    };
    let mut write = db.write().await.unwrap();
    payments::begun(&mut write, &format!("pi_{run}"), &subject, amount).await.unwrap();
    write.commit().await.unwrap();
    if let (Bought::PluginPaidBefore, Subject::Order(reference)) = (bought, &subject) {
        let payment = NewPayment { bank_reference: format!("B-{run}"), amount };
        billing::record_payment(db, &Actor::machine(), hold, reference, &payment, now()).await.unwrap();
    }
    name
}

async fn tell(finance: &Finance, id: &str, (kind, object): &(&'static str, Value)) {
    let body = json!({ "id": id, "type": kind, "data": { "object": object } }).to_string();
    let event = Event::read(body.as_bytes()).unwrap();
    webhook::take(&finance.db, &processor(), finance.hold_days, event, now()).await.unwrap();
}

async fn sharing_market() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = market(&[], OFFER).await;
    sqlx::query("update share_policies set body = $1").bind(POLICY).execute(finance.db.read()).await.unwrap();
    (folder, finance)
}

/// What a story changes when it is told in an order. Told again, from the end, it changes nothing.
async fn play(finance: &Finance, story: &Story, order: &[usize], run: usize) -> Held {
    let before = held(finance, "").await;
    let customer = begin(finance, run, story.of).await;
    let told = (story.tell)(run);
    for index in order {
        tell(finance, &format!("evt_{run}_{index}"), &told[*index]).await;
    }
    let after = held(finance, &customer).await;
    // The first order, and some of the others, to save time.
    if run % 4 == 1 {
        for index in order.iter().rev() {
            tell(finance, &format!("evt_{run}_{index}"), &told[*index]).await;
            tell(finance, &format!("evt_{run}_{index}_again"), &told[*index]).await;
        }
        assert_eq!(held(finance, &customer).await, after, "{}: told twice, in {order:?}", story.name);
    }
    let change = |(account, minor): (String, i64)| {
        let was = before.get(&account).copied().unwrap_or(0);
        (account, minor - was)
    };
    after.into_iter().map(change).filter(|(_, minor)| *minor != 0).collect()
}

#[tokio::test]
async fn every_order_of_what_is_told_gives_the_same_books() {
    let (_folder, finance) = sharing_market().await;
    let mut run = 0;
    for story in &STORIES {
        let orders = orders((story.tell)(0).len());
        // Of a hundred and more, each seventh: whichever two come in either order then. A soak tries all.
        let step = if orders.len() > 100 && crate::testing::said().is_none() { 7 } else { 1 };
        let mut first: Option<Held> = None;
        for order in orders.into_iter().step_by(step) {
            run += 1;
            let found = play(&finance, story, &order, run).await;
            for (account, minor) in story.holds {
                let holds = found.get(*account).copied().unwrap_or(0);
                assert_eq!(holds, *minor, "{}: {account} in {order:?}: {found:?}", story.name);
            }
            assert_eq!(found, *first.get_or_insert_with(|| found.clone()), "{}: {order:?}", story.name);
        }
    }
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    let parked = events::list(&finance.db, Some(EventState::Parked), &Paging::first(10)).await.unwrap();
    assert_eq!(parked.items, []);
}

#[tokio::test]
async fn a_late_payment_revives_what_was_given_up() {
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plan).await;
    billing::advance_all(&finance.db, at("2026-03-02T00:00:00Z")).await.unwrap();
    assert_eq!(held(&finance, &customer).await.get("expenses:bad debt"), Some(&9900));
    tell(&finance, "evt_1", &paid_so_much(1, 9900)).await;
    let holds = held(&finance, &customer).await;
    let of = |account: &str| holds.get(account).copied().unwrap_or(0);
    assert_eq!((of("expenses:bad debt"), of(CREDIT), of(PROCESSOR)), (0, 0, 9580));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_transfer_has_paid_does_not_go_back_through_the_processor() {
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plan).await;
    let (actor, rules) =
        (Actor::machine(), rails::BankRules { hold_days: 30, fees_max: Vec::new(), now: now() });
    let statement = "id,date,amount,currency,text\nA,,1.00,USD,for INVOICE-1\n";
    let line = rails::reconcile(&finance.db, &actor, &rules, None, statement).await.unwrap().remove(0);
    assert_eq!(line.outcome, "paid INVOICE-1");
    // The payment had begun before: what is more than is left to be paid, is credit.
    tell(&finance, "evt_1", &paid_so_much(1, 9900)).await;
    let amount = Money::new(9900, Currency::Usd).unwrap();
    let new = NewRefund { key: "r".into(), amount, line: None, reason: String::new(), as_credit: false };
    let note = rails::refund(&finance, &actor, 1, &new, now()).await.unwrap();
    assert_eq!(note.cash.minor(), 9800);
    let holds = held(&finance, &customer).await;
    let of = |account: &str| holds.get(account).copied().unwrap_or(0);
    assert_eq!((of(PROCESSOR), of(CREDIT), of("assets:bank")), (-220, -200, 100));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_more_goes_back_of_a_payment_than_stripe_has_of_it() {
    let (_folder, finance) = sharing_market().await;
    let customer: Namespace = begin(&finance, 1, Bought::PluginPaidBefore).await.parse().unwrap();
    tell(&finance, "evt_1", &paid(1)).await;
    let give = async || {
        let (mut write, actor) = (finance.db.write().await.unwrap(), Actor::machine());
        ledger::by(&mut write, ledger::By::Actor(&actor));
        let (amount, _) = payments::give_back(&mut write, "pi_1", now()).await.ok()?;
        write.commit().await.unwrap();
        Some(amount.minor())
    };
    assert_eq!(give().await, Some(PRICE));
    tell(&finance, "evt_2", &refund(1, 1, PRICE, "failed")).await;
    // The customer uses most of it, somebody gives a part back at Stripe, and another payment makes new credit.
    let new = NewSubscription { tier: Tier::Developer, billed: Billed::Monthly };
    billing::change(&finance.db, &Actor::machine(), &customer, &new, now()).await.unwrap();
    tell(&finance, "evt_3", &refund(1, 2, 6_046, "succeeded")).await;
    let (subject,): (String,) = sqlx::query_as("select subject from processor_payments where id = 'pi_1'")
        .fetch_one(finance.db.read())
        .await
        .unwrap();
    let (kind, mut again) = paid(9);
    again["metadata"] = json!({ "subject": subject });
    tell(&finance, "evt_4", &(kind, again)).await;

    let listed = payments::list(&finance.db, &Paging::first(10)).await.unwrap().items;
    let listed: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.surplus.minor())).collect();
    assert_eq!(listed, [("pi_1", PRICE - 6_046), ("pi_9", PRICE)]);
    assert_eq!((give().await, give().await), (Some(PRICE - 6_046), None));
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_won_or_never_held_leaves_the_shares_where_they_were() {
    let (_folder, finance) = sharing_market().await;
    let of = async |name: &str, run: usize| {
        let story = STORIES.iter().find(|story| story.name == name).unwrap();
        let order: Vec<usize> = (0..(story.tell)(0).len()).collect();
        let mut held = play(&finance, story, &order, run).await;
        held.retain(|account, _| account != PROCESSOR && account != DISPUTES);
        held
    };
    assert_eq!(of("paid", 1).await, of("an inquiry moves nothing", 2).await);
    assert_eq!(of("refunded in part", 3).await, of("refunded in part, disputed, won", 4).await);
}

#[tokio::test]
async fn a_payout_to_the_bank_that_fails_is_at_the_processor_whichever_is_told_first() {
    let (_folder, finance) = sharing_market().await;
    let payout = |id: &str, status: &str| {
        ("payout.updated", json!({ "id": id, "amount": 5000, "currency": "usd", "status": status }))
    };
    for (run, statuses) in
        [["in_transit", "paid", "failed"], ["failed", "paid", "in_transit"]].iter().enumerate()
    {
        for (index, status) in statuses.iter().enumerate() {
            tell(&finance, &format!("evt_{run}_{index}"), &payout(&format!("po_{run}"), status)).await;
        }
        assert_eq!(held(&finance, "").await.get("assets:bank").copied().unwrap_or(0), 0, "{statuses:?}");
    }
    tell(&finance, "evt_paid", &payout("po_9", "paid")).await;
    assert_eq!(held(&finance, "").await.get("assets:bank"), Some(&5000));
}
