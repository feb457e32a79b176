//! The laws of the ledger itself.

use proptest::prelude::*;

use super::*;
use chandlery_store::{Db, Write};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd).unwrap()
}

fn transaction(id: &str, debit: i64, credit: i64) -> Transaction {
    Transaction::new(TransactionKind::Sale, id, Timestamp::UNIX_EPOCH)
        .about("a sale")
        .debit(Account::Bank, usd(debit))
        .credit(Account::Commission, usd(credit))
}

async fn database() -> (Db, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("books.db").display());
    (Db::open(&url).await.unwrap(), folder)
}

/// What a job posts.
async fn posted(write: &mut Write, transaction: Transaction) -> Result<i64, Error> {
    by(write, By::System(Chore::Holds));
    post(write, transaction).await
}

async fn faults(db: &Db) -> Vec<String> {
    check(&mut db.read().acquire().await.unwrap()).await.unwrap().faults
}

/// What together no balance can hold fails in words; before, it ended the one task that writes.
#[tokio::test]
async fn largest_amounts_at_the_same_time_do_not_end_the_writer() {
    let (db, _folder) = database().await;
    let turn = db.write().await.unwrap();
    let spend = |id: usize| {
        let transaction = transaction(&format!("expense {id}"), Money::LARGEST, Money::LARGEST);
        db.group_commit(move |write| Box::pin(async move { posted(write, transaction).await }))
    };
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        drop(turn);
    };
    let (_, ()) = tokio::join!(futures::future::join_all((0..6).map(spend)), release);
    let one = transaction("small", 1, 1);
    db.group_commit(|write| Box::pin(async move { posted(write, one).await })).await.unwrap();
    assert_eq!(db.tasks().states(), [(chandlery_store::db::WRITER, Default::default())]);
}

#[tokio::test]
async fn the_same_key_posts_once_and_never_something_else() {
    let (db, _folder) = database().await;
    let mut write = crate::testing::writing(&db).await;
    let first = post(&mut write, transaction("k", 100, 100)).await.unwrap();
    assert_eq!(post(&mut write, transaction("k", 100, 100)).await.unwrap(), first);
    assert_eq!(owed(&mut write, &Account::Commission, Currency::Usd).await.unwrap(), usd(100).into());
    write.flush().await.unwrap();
    assert_eq!(post(&mut write, transaction("k", 100, 100)).await.unwrap(), first);
    assert!(matches!(post(&mut write, transaction("k", 200, 200)).await, Err(Error::KeyReused { .. })));
    assert!(matches!(post(&mut write, transaction("o", 100, 99)).await, Err(Error::Unbalanced { .. })));
    // All of several, or none.
    let two = vec![transaction("x", 1, 1), transaction("y", 1, 2)];
    assert!(post_all(&mut write, two).await.is_err());
    write.commit().await.unwrap();

    let mut read = db.read().acquire().await.unwrap();
    let checked = check(&mut read).await.unwrap();
    assert_eq!((checked.transactions, checked.postings, checked.faults.len()), (1, 2, 0));
    sqlx::query("update ledger_balances set minor = 1 where account = 'assets:bank'")
        .execute(db.read())
        .await
        .unwrap();
    assert_eq!(check(&mut read).await.unwrap().faults.len(), 1);
}

#[tokio::test]
async fn a_job_that_fails_leaves_the_others_of_its_commit_alone() {
    let (db, _folder) = database().await;
    let jobs = (0..40).map(|number: i64| {
        let db = db.clone();
        async move {
            db.group_commit(move |write| {
                Box::pin(async move {
                    posted(write, transaction(&format!("n{number}"), 100, 100)).await?;
                    post(write, transaction(&format!("m{number}"), 1, 1 + (number % 4 == 0) as i64)).await
                })
            })
            .await
        }
    });
    let done = futures::future::join_all(jobs).await;
    assert_eq!(done.iter().filter(|outcome| outcome.is_ok()).count(), 30);
    let mut read = db.read().acquire().await.unwrap();
    let checked = check(&mut read).await.unwrap();
    assert_eq!((checked.transactions, checked.faults.len()), (60, 0));
    assert_eq!(balance(&mut read, &Account::Bank, Currency::Usd).await.unwrap(), usd(30 * 101).into());
}

#[tokio::test]
async fn a_closed_month_stays_as_it_was() {
    let (db, _folder) = database().await;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let on = |id: &str, day: &str| Transaction { at: at(day), ..transaction(id, 100, 100) };
    let operator: chandlery_package::Namespace = "operator".parse().unwrap();
    sqlx::query(
        "insert into accounts (name, password_hash, role, created_at) values ('operator', '', '', '')",
    )
    .execute(db.read())
    .await
    .unwrap();
    let mut write = crate::testing::writing(&db).await;
    post(&mut write, on("a", "2026-01-31T23:59:59Z")).await.unwrap();
    post(&mut write, on("b", "2026-02-01T00:00:00Z")).await.unwrap();
    close(&mut write, "2026-01".parse().unwrap(), &operator, at("2026-02-02T00:00:00Z")).await.unwrap();
    let late = post(&mut write, on("c", "2026-01-31T23:59:59Z")).await;
    assert!(matches!(late, Err(Error::Closed { .. })), "{late:?}");
    post(&mut write, on("d", "2026-02-01T00:00:00Z")).await.unwrap();
    write.commit().await.unwrap();
    let mut read = db.read().acquire().await.unwrap();
    let then = balances(&mut read, Some(at("2026-01-31T23:59:59Z"))).await.unwrap();
    assert_eq!(then.iter().map(|held| held.balance.minor()).collect::<Vec<_>>(), [100, -100]);
    drop(read);
    assert_eq!(faults(&db).await, Vec::<String>::new());
    sqlx::query("update ledger_transactions set at = '2026-01-15T00:00:00.000000Z' where key = 'sale:b'")
        .execute(db.read())
        .await
        .unwrap();
    assert!(faults(&db).await[0].contains("the end of 2026-01 are no longer"));
}

/// The books of someone who has posted nearly as much as an account can hold.
async fn nearly_full(less: i64) -> (Db, tempfile::TempDir) {
    let (db, folder) = database().await;
    for (account, minor) in
        [("assets:bank", Balance::LARGEST - less), ("revenue:commission", less - Balance::LARGEST)]
    {
        sqlx::query("insert into ledger_balances (account, currency, minor) values ($1, 'USD', $2)")
            .bind(account)
            .bind(minor)
            .execute(db.read())
            .await
            .unwrap();
    }
    (db, folder)
}

#[tokio::test]
async fn a_posting_that_would_pass_the_largest_balance_is_refused_by_name() {
    let (db, _folder) = nearly_full(2 * Money::LARGEST).await;
    let jobs = (0..6).map(|number| {
        let largest = transaction(&format!("n{number}"), Money::LARGEST, Money::LARGEST);
        db.group_commit(move |write| Box::pin(async move { posted(write, largest).await }))
    });
    let mut refused = Vec::new();
    for outcome in futures::future::join_all(jobs).await {
        refused.extend(outcome.err().map(|error| error.to_string()));
    }
    assert_eq!(refused.len(), 4);
    let why = "would bring the balance of assets:bank past its bound: 90010000000000000.00 USD is too much: \
               the largest balance is 90000000000000000.00 USD, above or below zero";
    assert!(refused.iter().all(|error| error.ends_with(why)), "{refused:?}");
    // What is taken off makes room again.
    let back = transaction("back", -5, -5);
    db.group_commit(|write| Box::pin(async move { posted(write, back).await })).await.unwrap();
    let again = transaction("again", 5, 5);
    db.group_commit(|write| Box::pin(async move { posted(write, again).await })).await.unwrap();
    let mut read = db.read().acquire().await.unwrap();
    let held = balance(&mut read, &Account::Bank, Currency::Usd).await.unwrap();
    assert_eq!(held.minor(), Balance::LARGEST);
}

#[tokio::test]
async fn nothing_is_posted_by_nobody_nor_by_whoever_posted_before() {
    let (db, _folder) = database().await;
    let turn = db.write().await.unwrap();
    let named = db.group_commit(|write| Box::pin(async move { posted(write, transaction("a", 1, 1)).await }));
    let nameless =
        db.group_commit(|write| Box::pin(async move { post(write, transaction("b", 1, 1)).await }));
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        drop(turn);
    };
    // Both are jobs of one commit.
    let (named, nameless, ()) = tokio::join!(named, nameless, release);
    assert!(named.is_ok(), "{named:?}");
    assert!(matches!(nameless, Err(Error::Nameless { .. })), "{nameless:?}");
    let mut write = db.write().await.unwrap();
    assert!(matches!(post(&mut write, transaction("c", 1, 1)).await, Err(Error::Nameless { .. })));
    let actor = chandlery_accounts::Actor::machine();
    for (who, expected) in [
        (By::Actor(&actor), "machine"),
        (By::System(Chore::Renewals), "system:renewals"),
        (By::Processor("evt_1"), "processor:stripe:evt_1"),
        (By::Line("B-17"), "bank:B-17"),
    ] {
        by(&mut write, who);
        let id = post(&mut write, transaction(expected, 1, 1)).await.unwrap();
        write.flush().await.unwrap();
        let (made_by,): (String,) = sqlx::query_as("select made_by from ledger_transactions where id = $1")
            .bind(id)
            .fetch_one(&mut *write)
            .await
            .unwrap();
        assert_eq!(made_by, expected);
    }
}

fn any_transactions() -> impl Strategy<Value = Vec<(u8, i64, bool)>> {
    proptest::collection::vec((0u8..12, 1i64..1_000_000_000, any::<bool>()), 1..40)
}

proptest! {
    #![proptest_config(crate::testing::cases(12))]

    #[test]
    fn near_the_bounds_a_posting_is_exact_or_refused(
        less in 0..4 * Money::LARGEST, rollback in proptest::collection::vec(any::<bool>(), 20),
        all in proptest::collection::vec(-Money::LARGEST..=Money::LARGEST, 20),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (db, _folder) = nearly_full(less).await;
            let mut expected = i128::from(Balance::LARGEST - less);
            for (key, (minor, failing)) in all.into_iter().zip(rollback).enumerate() {
                let made = transaction(&key.to_string(), minor, minor);
                let outcome = db.group_commit(move |write| Box::pin(async move {
                    posted(write, made).await?;
                    match failing {
                        true => Err(Error::Invalid("the job fails".into())),
                        false => Ok(()),
                    }
                })).await;
                let fits = expected + i128::from(minor) <= i128::from(Balance::LARGEST);
                match outcome {
                    Ok(()) => expected += i128::from(minor),
                    Err(Error::BalanceTooLarge { .. }) => assert!(!fits),
                    Err(error) => assert!(failing && fits, "{error}"),
                }
                let mut read = db.read().acquire().await.unwrap();
                let held = balance(&mut read, &Account::Bank, Currency::Usd).await.unwrap();
                assert_eq!(i128::from(held.minor()), expected);
            }
        });
    }

    #[test]
    fn whatever_is_posted_in_whatever_batches_the_books_balance(all in any_transactions(), batch in 1usize..9) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (db, _folder) = database().await;
            let mut expected: BTreeMap<u8, i64> = BTreeMap::new();
            for some in all.chunks(batch) {
                let mut write = crate::testing::writing(&db).await;
                for (key, minor, twice) in some {
                    let made = transaction(&key.to_string(), *minor, *minor);
                    match post(&mut write, made.clone()).await {
                        Ok(_) => drop(expected.entry(*key).or_insert(*minor)),
                        Err(Error::KeyReused { .. }) => assert_ne!(expected[key], *minor),
                        Err(error) => panic!("{error}"),
                    }
                    if *twice && expected[key] == *minor {
                        post(&mut write, made).await.unwrap();
                    }
                }
                write.commit().await.unwrap();
            }
            assert_eq!(faults(&db).await, Vec::<String>::new());
            let mut read = db.read().acquire().await.unwrap();
            let held = balance(&mut read, &Account::Bank, Currency::Usd).await.unwrap();
            assert_eq!(held.minor(), expected.values().sum::<i64>());
        });
    }
}
