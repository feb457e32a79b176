//! Whether the bank's statements lead from one to the next.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::{Balance, Currency};
use jiff::civil::Date;
use sqlx::AnyConnection;

use crate::Error;

#[derive(sqlx::FromRow)]
struct Row {
    account: String,
    name: String,
    id: String,
    currency: Text<Currency>,
    begins: Text<Date>,
    ends: Text<Date>,
    opening_minor: i64,
    closing_minor: i64,
    lines_minor: i64,
    new_minor: i64,
}

/// Statements of which each tells of days of the one before, too.
struct Run {
    begins: Date,
    ends: Date,
    count: usize,
    opening: i128,
    closing: i128,
    /// What they have brought, each line once.
    new: i128,
}

impl Run {
    fn of(row: &Row) -> Self {
        Self {
            begins: row.begins.0,
            ends: row.ends.0,
            count: 1,
            opening: row.opening_minor.into(),
            closing: row.closing_minor.into(),
            new: row.new_minor.into(),
        }
    }

    fn take(&mut self, row: &Row) {
        self.count += 1;
        self.new += i128::from(row.new_minor);
        if row.ends.0 >= self.ends {
            (self.ends, self.closing) = (row.ends.0, row.closing_minor.into());
        }
    }

    fn fault(&self, currency: Currency) -> Result<Option<String>, Error> {
        if self.count == 1 || self.opening + self.new == self.closing {
            return Ok(None);
        }
        let Self { begins, ends, .. } = self;
        let [opening, new, closing] =
            [self.opening, self.new, self.closing].map(|minor| Balance::new(minor, currency));
        let (opening, new, closing) = (opening?, new?, closing?);
        Ok(Some(format!(
            "the bank's statements from {begins} to {ends} tell of the same days: they begin with {opening} and end with {closing}, \
             but their lines are {new}"
        )))
    }
}

/// What is wrong with the bank's statements, in words: one whose lines do not lead from its opening to its closing balance, one that
/// does not begin where the one before it ended, and several of the same days that do not lead from one to the other.
pub async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select account, name, id, currency, begins, ends, opening_minor, closing_minor, lines_minor, new_minor
         from bank_statements order by name, account, currency, begins, ends, id",
    )
    .fetch_all(db)
    .await?;
    let mut faults = Vec::new();
    let mut runs: BTreeMap<(String, String, Currency), Run> = BTreeMap::new();
    for row in rows {
        let currency = row.currency.0;
        let money = |minor: i128| Balance::new(minor, currency);
        let what = format!("the bank's statement {} of {} in {currency}", row.id, row.ends.0);
        let (opening, lines, closing) =
            (i128::from(row.opening_minor), i128::from(row.lines_minor), i128::from(row.closing_minor));
        if opening + lines != closing {
            faults.push(format!(
                "{what} begins with {} and ends with {}, but its lines are {}",
                money(opening)?,
                money(closing)?,
                money(lines)?
            ));
        }
        let key = (row.name.clone(), row.account.clone(), currency);
        let Some(run) = runs.get_mut(&key) else {
            runs.insert(key, Run::of(&row));
            continue;
        };
        if row.begins.0 < run.ends {
            run.take(&row);
            continue;
        }
        faults.extend(run.fault(currency)?);
        if run.closing != opening {
            let (ended, opening) = (money(run.closing)?, money(opening)?);
            faults.push(format!(
                "{what} begins with {opening}, but the one before ended with {ended}: one is missing between them"
            ));
        }
        *run = Run::of(&row);
    }
    for ((_, _, currency), run) in &runs {
        faults.extend(run.fault(*currency)?);
    }
    Ok(faults)
}
