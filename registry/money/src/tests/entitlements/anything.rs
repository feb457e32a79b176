//! Whatever becomes of the money for an order, and whenever: it is had in the states that the terms name, and in no other.

use proptest::prelude::*;

use super::*;
use crate::testing::faults;

const PRICE: i64 = 10_000;

#[derive(Debug, Clone)]
enum Deed {
    Wait { days: i64 },
    Order,
    Pay,
    GiveBack { minor: i64 },
    Dispute { minor: i64 },
    Decide { won: bool },
}

fn deed() -> impl Strategy<Value = Deed> {
    let minor = || prop_oneof![3 => Just(PRICE), 1 => Just(4_000), 1 => Just(6_000), 2 => 1..=PRICE];
    prop_oneof![
        3 => (1..10_i64).prop_map(|days| Deed::Wait { days }),
        3 => Just(Deed::Order),
        3 => Just(Deed::Pay),
        3 => minor().prop_map(|minor| Deed::GiveBack { minor }),
        2 => minor().prop_map(|minor| Deed::Dispute { minor }),
        2 => any::<bool>().prop_map(|won| Deed::Decide { won }),
    ]
}

/// An order as its customer remembers it.
#[derive(Debug, Default)]
struct Bought {
    reference: String,
    day: i64,
    paid: bool,
    given_back: i64,
    lost: i64,
    /// What the customer's bank has taken, and not decided: the name of each dispute, and of how much it is.
    open: Vec<(String, i64)>,
}

impl Bought {
    fn left(&self) -> i64 {
        PRICE - self.given_back - self.lost - self.open.iter().map(|(_, minor)| minor).sum::<i64>()
    }

    /// Whether it is another order that is made next.
    fn is_over(&self) -> bool {
        self.paid && (self.given_back == PRICE || self.lost > 0)
    }

    fn state(&self, today: i64) -> OrderState {
        match self.paid {
            _ if self.lost > 0 || !self.open.is_empty() => OrderState::Disputed,
            true if self.given_back == PRICE => OrderState::Refunded,
            true => OrderState::Paid,
            false if today < self.day + 14 => OrderState::Ordered,
            false => OrderState::Overdue,
        }
    }
}

struct Life {
    finance: Finance,
    today: i64,
    bought: Option<Bought>,
    /// How many payments, refunds and disputes there were: each payment makes one invoice.
    payments: i64,
    events: i64,
}

impl Life {
    async fn does(&mut self, deed: Deed) {
        self.events += 1;
        match (deed, self.bought.take()) {
            (Deed::Wait { days }, bought) => {
                self.today += days;
                self.bought = bought;
            }
            (Deed::Order, bought) => {
                let reference = order(&self.finance, self.today).await;
                self.bought = Some(match bought {
                    Some(bought) if !bought.is_over() => {
                        assert_eq!(reference, bought.reference, "{bought:?}");
                        bought
                    }
                    before => {
                        assert_ne!(Some(&reference), before.as_ref().map(|before| &before.reference));
                        Bought { reference, day: self.today, ..Bought::default() }
                    }
                });
            }
            (deed, Some(mut bought)) => {
                self.moves(deed, &mut bought).await;
                self.bought = Some(bought);
            }
            (_, None) => {}
        }
    }

    /// Money moves for what was ordered.
    async fn moves(&mut self, deed: Deed, bought: &mut Bought) {
        let (db, now, event) = (self.finance.db.clone(), day(self.today), self.events);
        match deed {
            Deed::Pay => {
                let payment = NewPayment { bank_reference: format!("B-{event}"), amount: usd(PRICE) };
                let paid =
                    billing::record_payment(&db, &Actor::machine(), 30, &bought.reference, &payment, now)
                        .await;
                assert_eq!(paid.is_ok(), !bought.paid, "{bought:?}");
                self.payments += i64::from(!bought.paid);
                bought.paid = true;
            }
            Deed::GiveBack { minor } if bought.paid => {
                let new = NewRefund {
                    key: format!("R-{event}"),
                    amount: usd(minor),
                    line: None,
                    reason: String::new(),
                    as_credit: false,
                };
                let given = rails::refund(&self.finance, &Actor::machine(), self.payments, &new, now).await;
                assert_eq!(given.is_ok(), minor <= bought.left(), "{minor}: {bought:?}");
                bought.given_back += if given.is_ok() { minor } else { 0 };
            }
            Deed::Dispute { minor } if bought.paid => {
                let id = format!("dp-{event}");
                let mut write = crate::testing::writing(&db).await;
                let (sale,): (i64,) = sqlx::query_as("select id from sales where source = $1")
                    .bind(format!("order {}", bought.reference))
                    .fetch_one(&mut *write)
                    .await
                    .unwrap();
                let opened = sharing::open_dispute(&mut write, &id, sale, usd(minor), usd(1500), now).await;
                assert_eq!(opened.is_ok(), minor <= bought.left(), "{minor}: {bought:?}");
                if opened.is_ok() {
                    write.commit().await.unwrap();
                    bought.open.push((id, minor));
                }
            }
            Deed::Decide { won } if !bought.open.is_empty() => {
                let (id, minor) = bought.open.remove(0);
                let mut write = crate::testing::writing(&db).await;
                sharing::close_dispute(&mut write, &id, won, now).await.unwrap();
                write.commit().await.unwrap();
                bought.lost += if won { 0 } else { minor };
            }
            Deed::Wait { .. }
            | Deed::Order
            | Deed::GiveBack { .. }
            | Deed::Dispute { .. }
            | Deed::Decide { .. } => {}
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(8))]

    #[test]
    fn what_is_ordered_is_had_as_long_as_the_money_for_it_stays(deeds in prop::collection::vec(deed(), 1..40)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (_folder, finance) = market(&["globex"], ONCE).await;
            let mut life = Life { finance, today: 0, bought: None, payments: 0, events: 0 };
            for deed in deeds {
                let said = format!("{deed:?}");
                life.does(deed).await;
                let expected = life.bought.as_ref().map(|bought| bought.state(life.today));
                assert_eq!(state(&life.finance, life.today).await, expected, "{said}: {:?}", life.bought);
            }
            assert_eq!(faults(&life.finance.db).await, Vec::<String>::new());
        });
    }
}
