//! What a missing exchange rate stops, and what it does not.

use chandlery_package::wire::{Figure, TransactionKind};
use chandlery_package::{Currency, Money};

use crate::figures;
use crate::ledger::{self, Account, Transaction};
use crate::testing::{at, finance, writing};

fn usd(amount: &str) -> String {
    format!("{amount} USD")
}

#[tokio::test]
async fn a_figure_that_needs_a_missing_rate_is_none_and_says_why() {
    let (_folder, finance) = finance().await;
    let mut write = writing(&finance.db).await;
    for (currency, minor) in [(Currency::Usd, 700_i64), (Currency::Eur, 500)] {
        let amount = Money::new(minor, currency).unwrap();
        let spent = Transaction::new(TransactionKind::Expense, currency, at("2026-01-10T00:00:00Z"))
            .debit(Account::Hosting, amount)
            .credit(Account::Bank, amount);
        ledger::post(&mut write, spent).await.unwrap();
    }
    write.commit().await.unwrap();
    let mut read = finance.db.snapshot().await.unwrap();
    let says = "there is no rate from EUR to USD for 2026-01-20, which expenses:hosting in the figures of 2026-01 needs";
    let months = figures::months(&mut read, at("2026-01-20T00:00:00Z")).await.unwrap();
    assert_eq!((months.len(), months[0].why_none(Figure::Cost)), (1, Some(says)));
    // Nothing else needs it.
    assert_eq!(
        (months[0].shown(Figure::Revenue), months[0].shown(Figure::BadDebt)),
        (usd("0.00"), usd("0.00"))
    );
    let rows =
        figures::rows(&mut read, "2026-01".parse().unwrap(), at("2026-01-20T00:00:00Z")).await.unwrap();
    let converted: Vec<_> =
        rows.postings.iter().map(|row| row.converted.map(|amount| amount.minor())).collect();
    assert_eq!(converted, [None, Some(700)]);
    drop(read);
    sqlx::query(
        "insert into fx_rates (base, quote, day, numerator, denominator) values ('USD', 'EUR', '2026-01-05', 1, 2)",
    )
    .execute(finance.db.read())
    .await
    .unwrap();
    let mut read = finance.db.snapshot().await.unwrap();
    let months = figures::months(&mut read, at("2026-01-20T00:00:00Z")).await.unwrap();
    // 7.00 USD, and 5.00 EUR at two dollars each.
    assert_eq!(months[0].shown(Figure::Cost), usd("17.00"));
}
