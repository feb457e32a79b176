//! What was earned and spent by month, and what is owned and owed at each month's end, from the ledger's postings.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{AccountBalance, BalanceSheet, MonthResult};
use chandlery_package::{Balance, Currency, Month};
use sqlx::AnyConnection;

use crate::{Error, ledger};
use chandlery_store::time;

/// What was ever earned less what was ever spent, as a balance sheet has it.
const RESULTS: &str = "equity:results";

/// What was earned and spent in each month of a range, by currency.
pub async fn results(db: &mut AnyConnection, from: Month, to: Month) -> Result<Vec<MonthResult>, Error> {
    let rows: Vec<(Text<Month>, Text<Currency>, String, i64)> = sqlx::query_as(
        "select substr(at, 1, 7), currency, account, cast(sum(minor) as bigint)
         from ledger_postings join ledger_transactions on id = transaction_id
         where at >= $1 and at < $2 and (account like 'revenue:%' or account like 'expenses:%')
         group by 1, 2, 3 order by 1, 2, 3",
    )
    .bind(time(from.first_moment()))
    .bind(time(to.next().first_moment()))
    .fetch_all(db)
    .await?;
    let mut months: BTreeMap<(Month, Currency), MonthResult> = BTreeMap::new();
    for (Text(month), Text(currency), account, minor) in rows {
        let result = months.entry((month, currency)).or_insert_with(|| MonthResult {
            month,
            revenue: Vec::new(),
            expenses: Vec::new(),
            result: Balance::zero(currency),
        });
        let balance = Balance::new(minor, currency)?;
        result.result = result.result.minus(balance)?;
        match account.starts_with("revenue:") {
            true => result.revenue.push(AccountBalance { account, balance: balance.negated() }),
            false => result.expenses.push(AccountBalance { account, balance }),
        }
    }
    Ok(months.into_values().collect())
}

/// What is owned and owed at the end of each month of a range, by currency.
pub async fn balance_sheets(
    db: &mut AnyConnection,
    from: Month,
    to: Month,
) -> Result<Vec<BalanceSheet>, Error> {
    let mut sheets = Vec::new();
    let mut month = from;
    while month <= to {
        let held = ledger::balances(&mut *db, Some(month.last_moment())).await?;
        sheets.extend(sheets_of(month, held)?);
        month = month.next();
    }
    Ok(sheets)
}

fn sheets_of(month: Month, held: Vec<AccountBalance>) -> Result<Vec<BalanceSheet>, Error> {
    let mut currencies: BTreeMap<Currency, BTreeMap<String, i128>> = BTreeMap::new();
    for AccountBalance { account, balance } in held {
        let sums = currencies.entry(balance.currency()).or_default();
        *sums.entry(by_kind(&account)).or_default() += i128::from(balance.minor());
    }
    currencies.into_iter().map(|(currency, sums)| sheet(month, currency, &sums)).collect()
}

fn sheet(month: Month, currency: Currency, sums: &BTreeMap<String, i128>) -> Result<BalanceSheet, Error> {
    let side = |root: &str, sign: i128| -> Result<Vec<AccountBalance>, Error> {
        let of_it = sums.iter().filter(|(account, minor)| account.starts_with(root) && **minor != 0);
        of_it
            .map(|(account, minor)| {
                Ok(AccountBalance {
                    account: account.clone(),
                    balance: Balance::new(sign * minor, currency)?,
                })
            })
            .collect()
    };
    let assets = side("assets:", 1)?;
    let total: i128 = assets.iter().map(|held| i128::from(held.balance.minor())).sum();
    Ok(BalanceSheet {
        month,
        liabilities: side("liabilities:", -1)?,
        equity: side("equity:", -1)?,
        total: Balance::new(total, currency)?,
        assets,
    })
}

/// An account as a balance sheet has it: those of all partners together, and those of all customers.
fn by_kind(account: &str) -> String {
    if let Some(partner) = account.strip_prefix("liabilities:partner:") {
        let kind = partner.split_once(':').map_or("", |(_, kind)| kind);
        return format!("liabilities:partners:{kind}");
    }
    let together = [
        ("assets:receivable:partner:", "assets:receivable:partners"),
        ("liabilities:credit:", "liabilities:credit"),
        ("revenue:", RESULTS),
        ("expenses:", RESULTS),
    ];
    let found = together.iter().find(|(prefix, _)| account.starts_with(prefix));
    found.map_or(account, |(_, kind)| *kind).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Account;

    #[test]
    fn each_account_is_in_one_place_of_a_balance_sheet() {
        let month = "2026-01".parse().unwrap();
        for account in Account::one_of_each() {
            let account = account.to_string();
            let balance = Balance::new(700, Currency::Eur).unwrap();
            let held = vec![AccountBalance { account: account.clone(), balance }];
            let sheets = sheets_of(month, held).unwrap();
            let BalanceSheet { assets, liabilities, equity, .. } = &sheets[0];
            let places: Vec<_> = [assets, liabilities, equity].into_iter().flatten().collect();
            assert_eq!(places.len(), 1, "{account}: {places:?}");
            let is_result = account.starts_with("revenue:") || account.starts_with("expenses:");
            assert_eq!(places[0].account == RESULTS, is_result, "{account}: {places:?}");
        }
    }
}
