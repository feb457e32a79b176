//! Which accounts another program has for the ledger's.

use std::collections::BTreeMap;

use chandlery_package::Month;
use chandlery_package::wire::{ExportFormat, LedgerExport};

use crate::Error;

/// A chart like DATEV's SKR03, by the beginning of the ledger's accounts: the longest one holds. None of them is one that DATEV books
/// taxes of by itself, and those that money moves between differ.
const LIKE_SKR03: [(&str, &str); 29] = [
    ("assets", "1500"),
    ("assets:bank", "1200"),
    ("assets:transfers", "1362"),
    ("assets:processor clearing", "1360"),
    ("assets:receivable:customers", "1410"),
    ("assets:receivable:unbilled", "1415"),
    ("assets:receivable:partner", "1501"),
    ("assets:disputes held", "1502"),
    ("liabilities", "1700"),
    ("liabilities:suspense", "1590"),
    ("liabilities:partner", "1610"),
    ("liabilities:credit", "1710"),
    ("liabilities:deferred", "0990"),
    ("liabilities:tax:sales", "1770"),
    ("liabilities:tax:withheld", "1736"),
    ("revenue", "8200"),
    ("revenue:commission", "8510"),
    ("revenue:fx gain", "2660"),
    ("expenses", "4900"),
    ("expenses:processor fees", "4970"),
    ("expenses:dispute fees", "4971"),
    ("expenses:payout fees", "4972"),
    ("expenses:bank fees", "4973"),
    ("expenses:fx loss", "2150"),
    ("expenses:bad debt", "2400"),
    ("expenses:hosting", "4806"),
    ("expenses:acquisition", "4600"),
    ("equity", "9000"),
    ("equity:fx", "1361"),
];
/// How many digits the numbers of that chart have, and how many DATEV takes at most.
const DIGITS: usize = 4;
const DIGITS_MAX: usize = 8;
/// How long the name of an account may be, which is more than any of the programs allows.
const NAME_MAX: usize = 100;

/// The accounts of another program, as an export needs them.
pub(super) struct Chart {
    accounts: BTreeMap<String, String>,
    /// How many digits numbers of accounts have, for DATEV.
    pub digits: usize,
    /// The number of the tax adviser, and the adviser's of the client, for DATEV.
    pub adviser: u32,
    pub client: u32,
    /// The first month of the financial year that the export begins in.
    pub year_begins: Month,
}

impl Chart {
    /// What an operator has given, and what holds where it gave nothing. An error says what the program would not take.
    pub fn new(wanted: &LedgerExport) -> Result<Self, Error> {
        let given = &wanted.chart.accounts;
        if let Some(name) = given.values().find(|name| name.is_empty() || name.chars().count() > NAME_MAX) {
            return Err(Error::Invalid(format!(
                "an account has 1 to {NAME_MAX} characters, unlike '{name}'"
            )));
        }
        let digits = match wanted.format {
            ExportFormat::Datev => digits(given)?,
            ExportFormat::Quickbooks | ExportFormat::Xero => DIGITS,
        };
        let mut accounts = BTreeMap::new();
        if wanted.format != ExportFormat::Quickbooks {
            let padded = |(begin, number): (&str, &str)| (begin.to_owned(), format!("{number:0<digits$}"));
            accounts.extend(LIKE_SKR03.map(padded));
        }
        accounts.extend(given.iter().map(|(begin, name)| (begin.clone(), name.clone())));
        let (adviser, client) = (wanted.chart.adviser.unwrap_or(1001), wanted.chart.client.unwrap_or(1));
        if !(1001..=9_999_999).contains(&adviser) || !(1..=99_999).contains(&client) {
            return Err(Error::Invalid(
                "an adviser's number is from 1001 to 9999999, and a client's from 1 to 99999".into(),
            ));
        }
        Ok(Self { accounts, digits, adviser, client, year_begins: year_begins(wanted)? })
    }

    /// What the program calls an account of the ledger.
    pub fn name<'a>(&'a self, account: &'a str) -> &'a str {
        let mut begin = account;
        loop {
            if let Some(name) = self.accounts.get(begin) {
                return name;
            }
            match begin.rsplit_once(':') {
                Some((shorter, _)) => begin = shorter,
                None => return account,
            }
        }
    }
}

/// How many digits the numbers have that were given: all as many.
fn digits(given: &BTreeMap<String, String>) -> Result<usize, Error> {
    let digits = given.values().next().map_or(DIGITS, String::len);
    let is_number =
        |number: &String| number.len() == digits && number.bytes().all(|byte| byte.is_ascii_digit());
    match (DIGITS..=DIGITS_MAX).contains(&digits) && given.values().all(is_number) {
        true => Ok(digits),
        false => Err(Error::Invalid(format!(
            "DATEV's accounts are numbers of {DIGITS} to {DIGITS_MAX} digits, all of as many"
        ))),
    }
}

/// The first month of the financial year that an export begins in. For DATEV it must end in it.
fn year_begins(wanted: &LedgerExport) -> Result<Month, Error> {
    let number = wanted.chart.year_begins.unwrap_or(1);
    if !(1..=12).contains(&number) {
        return Err(Error::Invalid(format!("a year begins with a month from 1 to 12, not {number}")));
    }
    let is_first = |month: &Month| month.to_string().ends_with(&format!("-{number:02}"));
    let back = std::iter::successors(Some(wanted.from), |month| Some(month.previous())).take(12);
    let first = back.into_iter().find(is_first).unwrap_or(wanted.from);
    let mut year = std::iter::successors(Some(first), |month| Some(month.next())).take(12);
    match wanted.format != ExportFormat::Datev || year.any(|month| month == wanted.to) {
        true => Ok(first),
        false => Err(Error::Invalid(format!(
            "a batch for DATEV is of one financial year, which begins with {first}: make one for each"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Account;

    #[test]
    fn what_is_owned_owed_or_spent_has_a_number_of_its_own_kind() {
        let wanted = LedgerExport {
            format: ExportFormat::Datev,
            from: "2026-01".parse().unwrap(),
            to: "2026-01".parse().unwrap(),
            currency: chandlery_package::Currency::Eur,
            chart: Default::default(),
        };
        let chart = Chart::new(&wanted).unwrap();
        for account in Account::one_of_each() {
            let account = account.to_string();
            let (root, _) = account.split_once(':').unwrap();
            let is_named = ["assets", "liabilities", "expenses"].contains(&root);
            assert!(!is_named || chart.name(&account) != chart.name(root), "{account}");
        }
    }
}
