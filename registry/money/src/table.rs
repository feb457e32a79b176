//! Tables as comma-separated values (RFC 4180): those that are exported, and those that an operator brings.

use std::fmt::Display;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord, Terminator, Trim, WriterBuilder};

use crate::Error;

/// What a table is served as.
pub const CONTENT_TYPE: &str = "text/csv; charset=utf-8; header=present";
/// How many rows a table that is brought may have: a bank's statement of a year has fewer.
const ROWS_MAX: usize = 100_000;
/// A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell of a row.
pub enum Cell<'a> {
    /// What somebody wrote: it gets a `'` in front where a spreadsheet would run it.
    Text(&'a str),
    /// What we write: numbers, amounts, times, words of ours.
    Own(String),
}

impl Cell<'_> {
    /// What we write.
    pub fn own(value: impl Display) -> Self {
        Self::Own(value.to_string())
    }

    /// What we write, where there is something to say.
    pub fn maybe(value: Option<impl Display>) -> Self {
        Self::Own(value.map_or_else(String::new, |value| value.to_string()))
    }

    fn write(self) -> String {
        match self {
            Self::Text(text) if text.starts_with(FORMULA) => format!("'{text}"),
            Self::Text(text) => text.to_owned(),
            Self::Own(text) => text,
        }
    }
}

/// The line of CSV that names the columns of a table.
pub fn head(columns: &[&str]) -> Result<String, Error> {
    rows([columns], |columns| columns.iter().map(Cell::own).collect())
}

/// A line of CSV for each row. Parts of a table that are written one after the other make the whole.
pub fn rows<T>(
    rows: impl IntoIterator<Item = T>,
    cells: impl for<'a> Fn(&'a T) -> Vec<Cell<'a>>,
) -> Result<String, Error> {
    let damaged = |error: String| Error::Damaged(format!("a table cannot be written: {error}"));
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).flexible(true).from_writer(Vec::new());
    for row in rows {
        let cells: Vec<_> = cells(&row).into_iter().map(Cell::write).collect();
        writer.write_record(cells).map_err(|error| damaged(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| damaged(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))
}

/// A row of a table that somebody brought.
pub struct Row<'a> {
    columns: &'a [&'a str],
    cells: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// What a column says; empty, where there is no such column.
    pub fn text(&self, column: &str) -> &'a str {
        let index = self.columns.iter().position(|name| *name == column);
        index.and_then(|index| self.cells.get(index)).unwrap_or_default()
    }

    /// What a column says, read as what it should be. An error names the column.
    pub fn read<T>(&self, column: &str) -> Result<T, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        let read = self.text(column).parse::<T>();
        read.map_err(|error| Error::Invalid(format!("column {column}: {error}")))
    }
}

/// Reads a table that has these columns in this order, without the spaces around its cells. An error names the line.
pub fn read<T>(
    text: &str,
    columns: &[&str],
    row: impl Fn(Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| Error::Invalid(format!("the table: {error}")))?;
    if names != columns {
        return Err(Error::Invalid(format!("the table does not begin with {}", columns.join(","))));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| Error::Invalid(format!("the table: {error}")))?;
        if rows.len() == ROWS_MAX {
            return Err(Error::Invalid(format!("a table has at most {ROWS_MAX} rows")));
        }
        let read = match record.len() == columns.len() {
            true => row(Row { columns, cells: &record }),
            false => Err(Error::Invalid(format!("it has {} columns, not {}", record.len(), columns.len()))),
        };
        let refused = |error: Error| Error::Invalid(format!("line {}: {error}", line_of(text, &record)));
        rows.push(read.map_err(refused)?);
    }
    Ok(rows)
}

/// The line that a row begins on, from 1. The reader's own count leaves out what is between a row and the one before it: the
/// second half of a line break of Windows, and empty lines.
fn line_of(text: &str, row: &StringRecord) -> usize {
    let start = row.position().map_or(0, |position| position.byte() as usize);
    let (before, rest) = text.as_bytes().split_at(start.min(text.len()));
    let between = rest.iter().take_while(|byte| b"\r\n".contains(*byte));
    1 + before.iter().chain(between).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        let written = |text: &'static str| {
            rows([text], |text| vec![Cell::Text(text), Cell::own(-5), Cell::maybe(None::<i64>)]).unwrap()
        };
        assert_eq!(written("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0,-5,\r\n");
        for start in FORMULA {
            assert!(written_starts(start), "{start:?}");
        }
        assert_eq!(written("plain"), "plain,-5,\r\n");
    }

    fn written_starts(start: char) -> bool {
        let text = format!("{start}1");
        rows([text], |text| vec![Cell::Text(text)]).unwrap().trim_start_matches('"').starts_with('\'')
    }

    #[test]
    fn what_is_written_is_read_back() {
        let hostile = ["a \"b\", c", "two\nlines;\r\nthree", "semi;colon", ""];
        let text =
            head(&["a", "b"]).unwrap() + &rows(hostile, |text| vec![Cell::Text(text), Cell::own(1)]).unwrap();
        let back = read(&text, &["a", "b"], |row| Ok(row.text("a").to_owned())).unwrap();
        assert_eq!(back, hostile);
    }

    #[test]
    fn a_table_is_what_it_says_it_is() {
        let any = |text: &str| read(text, &["a", "b"], |row| row.read::<u8>("b"));
        assert_eq!(any("\u{feff}a , b\n1,2\n").unwrap(), [2]);
        for (text, says) in [
            ("b,a\n1,2\n", "begin with a,b"),
            ("a,b\n1,2\n\"1\n1\",x\n", "line 3: column b: invalid digit"),
            ("a,b\r\n1,2\r\n\r\n3,x\r\n", "line 4: column b: invalid digit"),
            ("\u{feff}a,b\r\n\r\n1,\r\n", "line 3: column b: cannot parse"),
            ("a,b\n1,2,3\n", "line 2: it has 3 columns, not 2"),
            ("a,b\r\n1,2\r\n1\r\n", "line 3: it has 1 columns, not 2"),
            ("", "begin with a,b"),
        ] {
            let error = any(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(any(&("a,b\n".to_owned() + &"1,2\n".repeat(ROWS_MAX + 1))).is_err());
    }
}
