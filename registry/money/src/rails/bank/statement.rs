//! What a statement of the bank says, and how a table says it: CSV with the columns `id,date,amount,currency,text`.

use std::ops::Range;

use chandlery_package::{Currency, Money};
use jiff::civil::Date;

use crate::Error;
use crate::table::{self, Row};

/// The columns of a statement as CSV.
const COLUMNS: [&str; 5] = ["id", "date", "amount", "currency", "text"];

/// What the text of a line says that the bank took for others, where it says so.
pub(super) const CHARGES: &str = "charges of the bank";

/// What a statement says.
#[derive(Debug, Default)]
pub(super) struct Statement {
    pub lines: Vec<NewLine>,
    pub balances: Vec<Balances>,
    /// Of which accounts it is.
    pub owners: Vec<Owner>,
}

/// The account that a statement is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// As the bank says it; empty, where it does not.
    pub number: String,
    /// Whether that is an IBAN.
    pub is_iban: bool,
    /// As the bank says it; empty, where it does not.
    pub currency: String,
    /// What the account is called here, once that is known.
    pub name: String,
}

/// Whom a line is from or, where it left, to; empty, as far as the bank does not say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counterparty {
    pub holder: String,
    pub iban: String,
    pub bic: String,
}

/// A line that the bank has booked.
#[derive(Debug, Clone)]
pub(super) struct NewLine {
    /// The bank's own reference.
    pub id: String,
    /// Of which account.
    pub owner: Owner,
    /// Whether the bank has no reference of it, and it is known by its place in the statement.
    pub is_placed: bool,
    pub amount: Stated,
    /// The value date.
    pub day: Option<Date>,
    pub text: String,
    /// Whether it is a transfer of ours that came back.
    pub returned: bool,
    pub other: Counterparty,
    /// The id and the amount of what the bank has booked as one with its charges, where this is a part of that.
    pub part_of: Option<(String, Money)>,
}

/// An amount as the bank states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stated {
    Known(Money),
    /// In a currency that the books do not have, such as `12.00 CHF`.
    Foreign(String),
}

impl Stated {
    /// The amount, where it is one of the books'.
    pub fn known(&self) -> Option<Money> {
        match self {
            Self::Known(amount) => Some(*amount),
            Self::Foreign(_) => None,
        }
    }
}

/// What an account held before and after a statement.
#[derive(Debug, Clone)]
pub(super) struct Balances {
    /// The statement's own name.
    pub id: String,
    pub owner: Owner,
    pub begins: Date,
    pub ends: Date,
    pub opening: Money,
    pub closing: Money,
    /// What its lines come to.
    pub lines: Money,
    /// Which of the lines are its own.
    pub places: Range<usize>,
}

/// Reads an amount and its currency, whether or not the books have it.
pub(super) fn stated(value: &str, currency: &str) -> Result<Stated, Error> {
    match currency.parse::<Currency>() {
        Ok(known) => Ok(Stated::Known(format!("{} {known}", decimals(value, known)).parse()?)),
        Err(_) if currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()) => {
            Ok(Stated::Foreign(format!("{value} {currency}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// As many decimals as the currency has: banks write `100.5` and `100.50` alike.
fn decimals(value: &str, currency: Currency) -> String {
    let digits = currency.digits();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let part = part.trim_end_matches('0');
    match digits {
        0 if part.is_empty() => whole.to_owned(),
        _ => format!("{whole}.{part:0<digits$}"),
    }
}

/// Reads a table, and adds its lines.
pub(super) fn read_table(text: &str, into: &mut Statement) -> Result<(), Error> {
    into.lines.extend(table::read(text, &COLUMNS, read_row)?);
    into.owners.push(Owner::default());
    Ok(())
}

fn read_row(row: Row<'_>) -> Result<NewLine, Error> {
    let (id, text) = (row.text("id"), row.text("text"));
    if id.is_empty() {
        return Err(Error::Invalid("it has no id".into()));
    }
    Ok(NewLine {
        id: id.into(),
        owner: Owner::default(),
        is_placed: false,
        amount: stated(row.text("amount"), row.text("currency"))?,
        day: row.text("date").parse().ok(),
        text: text.into(),
        returned: text.contains("RETURN"),
        other: Counterparty::default(),
        part_of: None,
    })
}
