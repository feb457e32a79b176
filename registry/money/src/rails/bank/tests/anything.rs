//! Whatever the bank says, in whatever order, and whatever operators make of it: every cent is in the books once, and nothing is
//! settled by more or less than what came.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What lines say; the last one is the reference of an order that is not paid.
const TEXTS: [&str; 15] = [
    "PAYOUT-1",
    "PAYOUT-2",
    "PAYOUT-1 PAYOUT-2",
    "RETURN PAYOUT-1",
    "RETURN PAYOUT-2",
    "RETURN PAYOUT-1 PAYOUT-2",
    "PAYOUT-77",
    "for INVOICE-3",
    "invoice 3",
    "INVOICE-1",
    "for INVOICE-2",
    "INVOICE-99",
    "BACK-2",
    "rent",
    "",
];
const DAYS: [&str; 5] = ["", "2026-02-01", "2026-02-31", "0001-01-01", "9999-12-31"];
/// How many things there are that an operator may say a line is for.
const TARGETS: usize = 9;
/// The payouts that were approved, and what each is of.
const PAYOUTS: [(i64, i64); 2] = [(1, 8_499), (2, 85_000)];
/// What was recorded by hand of the sales before them.
const BY_HAND: i64 = 109_999;

#[derive(Debug, Clone)]
enum Deed {
    /// A line of so much, with a text and on a day of those above.
    Line { minor: i64, text: usize, day: usize, foreign: bool },
    /// A line that came before comes again, with so much more.
    Again { line: usize, more: i64 },
    /// An operator says what a line is for: each part of so much or, where that is not said, of what is open.
    Allot { line: usize, parts: Vec<(usize, Option<i64>)> },
}

fn amount() -> impl Strategy<Value = i64> {
    let likely =
        vec![1, 500, 8_499, 8_999, 9_000, 9_900, 9_999, 85_000, 85_500, 93_499, 93_999, 94_000, 100_000_i64];
    prop_oneof![4 => prop::sample::select(likely), 1 => 0..200_000_i64]
}

fn deed() -> impl Strategy<Value = Deed> {
    let signed = (amount(), any::<bool>()).prop_map(|(minor, left)| if left { -minor } else { minor });
    let so_much = prop_oneof![3 => Just(None::<i64>), 1 => Just(Some(-1_i64)), 2 => amount().prop_map(Some)];
    let line = (signed, 0..=TEXTS.len(), 0..DAYS.len(), prop::bool::weighted(0.05));
    let again = (0..20_usize, -100..100_i64);
    let allot = (0..20_usize, prop::collection::vec((0..TARGETS, so_much), 1..3));
    prop_oneof![
        5 => line.prop_map(|(minor, text, day, foreign)| Deed::Line { minor, text, day, foreign }),
        1 => again.prop_map(|(line, more)| Deed::Again { line, more }),
        3 => allot.prop_map(|(line, parts)| Deed::Allot { line, parts }),
    ]
}

/// The bank as it counts by itself.
struct Bank {
    finance: Finance,
    /// An order that is not paid.
    reference: String,
    told: Vec<Deed>,
    /// The number of each line in dollars, and what it moved: with another amount it is another line.
    moved: BTreeSet<(usize, i64)>,
    sent_back: i64,
}

impl Bank {
    async fn open() -> (tempfile::TempDir, Self) {
        let (folder, finance) = two_payouts().await;
        let db = &finance.db;
        sqlx::query(
            "insert into accounts (name, password_hash, role, created_at) values ('umbrella', '', '', '')",
        )
        .execute(db.read())
        .await
        .unwrap();
        let reference = order(&finance, "umbrella", day(32)).await;
        let new = NewSubscription { tier: Tier::Developer, billed: Billed::Monthly };
        billing::change(db, &Actor::machine(), &name("globex"), &new, day(32)).await.unwrap();
        let bank = Self { finance, reference, told: Vec::new(), moved: BTreeSet::new(), sent_back: 0 };
        (folder, bank)
    }

    async fn does(&mut self, deed: Deed, now: Timestamp) {
        match deed {
            Deed::Line { .. } => {
                self.told.push(deed);
                self.tell(self.told.len() - 1, 0, now).await;
            }
            Deed::Again { line, more } if !self.told.is_empty() => {
                self.tell(line % self.told.len(), more, now).await;
            }
            Deed::Again { .. } => {}
            Deed::Allot { line, parts } => self.allot(line, &parts, now).await,
        }
    }

    /// Tells of a line, with so much more than before.
    async fn tell(&mut self, number: usize, more: i64, now: Timestamp) {
        let Deed::Line { minor, text, day, foreign } = self.told[number].clone() else { return };
        let minor = minor + more;
        let amount = Money::new(minor, Currency::Usd).unwrap().to_string().replace(" USD", "");
        let (text, currency) = (TEXTS.get(text).copied(), if foreign { "CHF" } else { "USD" });
        let text = text.unwrap_or(self.reference.as_str());
        let row = format!("L{number},{},{amount},{currency},{text}", DAYS[day]);
        bring(&self.finance.db, now, &[&row]).await;
        if !foreign {
            self.moved.insert((number, minor));
        }
    }

    async fn lines(&self) -> Vec<lines::Line> {
        let mut read = self.finance.db.read().acquire().await.unwrap();
        lines::list(&mut read, None, &Paging::first(1000)).await.unwrap().items
    }

    async fn allot(&mut self, line: usize, parts: &[(usize, Option<i64>)], now: Timestamp) {
        let lines = self.lines().await;
        let Some(line) = lines.get(line % lines.len().max(1)) else { return };
        let of =
            |minor: &Option<i64>| Money::new(minor.unwrap_or(line.open_minor.abs()), Currency::Usd).unwrap();
        let to: Vec<Allotment> =
            parts.iter().map(|(target, minor)| self.target(*target, of(minor))).collect();
        let back = to.iter().map(|part| match part {
            Allotment::SendBack { amount } => amount.minor(),
            _ => 0,
        });
        let back: i64 = back.sum();
        let new = NewAllotment { line: line.id.clone(), to };
        let db = &self.finance.db;
        // More than any amount is refused, as it is where it is sent back.
        let seen =
            allotting::sent_back(&mut db.read().acquire().await.unwrap(), &new).await.unwrap_or_default();
        match allotting::allot(db, &Actor::machine(), &rules(now), &new, compared(seen)).await {
            Ok(_) => self.sent_back += back,
            Err(error) => {
                let is_fault =
                    matches!(error, Error::Store(_) | Error::Damaged(_) | Error::Unbalanced { .. });
                assert!(!is_fault, "{new:?}: {error}");
            }
        }
    }

    fn target(&self, target: usize, amount: Money) -> Allotment {
        match target {
            0 => Allotment::Invoice { number: 3, amount },
            1 => Allotment::Order { reference: self.reference.clone(), amount },
            2 => Allotment::Payout { id: 1, amount },
            3 => Allotment::Payout { id: 2, amount },
            4 => Allotment::Credit { customer: name("globex"), amount },
            5 => Allotment::SendBack { amount },
            6 => Allotment::Recorded { transaction: amount.minor() % 20 },
            7 => Allotment::Credit { customer: name("nobody"), amount },
            _ => Allotment::Invoice { number: 99, amount },
        }
    }

    /// What was allotted to whatever is called like this.
    async fn allotted(&self, target: &str) -> i64 {
        let (minor,): (i64,) = sqlx::query_as(
            "select cast(coalesce(sum(minor), 0) as bigint) from bank_allotments where target like $1",
        )
        .bind(target)
        .fetch_one(self.finance.db.read())
        .await
        .unwrap();
        minor
    }

    async fn holds(&self) {
        let db = &self.finance.db;
        assert_eq!(faults(db).await, Vec::<String>::new());
        let moved: i64 = self.moved.iter().map(|(_, minor)| minor).sum();
        let seen = self.allotted("is transaction %").await;
        let bank = BY_HAND + moved - seen - self.sent_back;
        assert_eq!(held(db, Account::Bank).await, bank, "{:?}", self.told);
        let lines = self.lines().await;
        let open: i64 = lines.iter().map(|line| line.open_minor).sum();
        assert_eq!(held(db, Account::Suspense).await, -open, "{:?}", self.told);
        for line in &lines {
            let whole = line.amount.map_or(0, |amount| amount.minor());
            let range = whole.min(0)..=whole.max(0);
            assert!(range.contains(&line.open_minor), "{line:?}");
        }
        let (mut fees, mut back) = (0, 0);
        for (id, sent) in PAYOUTS {
            let left = -self.allotted(&format!("confirmed payout {id}")).await;
            let returned = self.allotted(&format!("returned%payout {id}")).await;
            let is_right = match payout(db, id).await.0 {
                PayoutState::Approved => (left, returned) == (0, 0),
                PayoutState::Paid => returned == 0,
                PayoutState::PartlyReturned => (1..sent).contains(&returned),
                PayoutState::Returned => returned == sent,
                PayoutState::Proposed | PayoutState::Sent | PayoutState::Cancelled => false,
            };
            assert!(is_right, "payout {id}: {left} left, and {returned} came back: {:?}", self.told);
            if left != 0 {
                assert!((sent..=sent + 500).contains(&left), "payout {id}: {left} left: {:?}", self.told);
                fees += left - sent;
            }
            back += returned;
        }
        assert_eq!(held(db, Account::PayoutFees).await, fees);
        assert_eq!(held(db, Account::Available(name("acme"))).await, -back);
        let paid = self.allotted("paid INVOICE-3").await;
        let invoice = find_invoice(&mut db.read().acquire().await.unwrap(), 3).await.unwrap();
        let total = invoice.total.minor();
        assert!((0..=total).contains(&paid), "{paid} of {total} were paid: {:?}", self.told);
        assert_eq!(invoice.state == InvoiceState::Paid, paid == total);
        assert_eq!(invoice.part_paid.map_or(0, |part| part.minor()), paid % total);
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(10))]

    #[test]
    fn every_cent_is_in_the_books_once_and_settles_what_it_is(deeds in prop::collection::vec(deed(), 1..25)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (_folder, mut bank) = Bank::open().await;
            for (index, deed) in deeds.into_iter().enumerate() {
                bank.does(deed, day(40 + index as i64)).await;
                bank.holds().await;
            }
        });
    }
}
