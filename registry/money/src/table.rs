//! Tables as comma-separated values (RFC 4180): those that are exported, and those that an operator brings.

use std::fmt::Display;

use csv::{ReaderBuilder, StringRecord, Terminator, Trim, WriterBuilder};

use crate::Error;

/// What a table is served as.
pub(crate) const CONTENT_TYPE: &str = "text/csv; charset=utf-8; header=present";
/// How many rows a table that is brought may have: a bank's statement of a year has fewer.
const ROWS_MAX: usize = 100_000;
/// A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell of a row.
pub(crate) enum Cell<'a> {
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
pub(crate) fn head(columns: &[&str]) -> Result<String, Error> {
    rows([columns], |columns| columns.iter().map(Cell::own).collect())
}

/// A line of CSV for each row. Parts of a table that are written one after the other make the whole.
pub(crate) fn rows<T>(
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

/// Reads a table that has these columns in this order, without the spaces around its cells. An error names the line.
pub(crate) fn read<T>(
    text: &str,
    columns: &[&str],
    row: impl Fn(&StringRecord) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
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
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(row(&record).map_err(|error| Error::Invalid(format!("line {line}: {error}")))?);
    }
    Ok(rows)
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
        let back = read(&text, &["a", "b"], |row| Ok(row[0].to_owned())).unwrap();
        assert_eq!(back, hostile);
    }

    #[test]
    fn a_table_is_what_it_says_it_is() {
        let any = |text: &str| read(text, &["a", "b"], |row| row[1].parse::<u8>().map_err(not_a_number));
        fn not_a_number(error: std::num::ParseIntError) -> Error {
            Error::Invalid(error.to_string())
        }
        assert_eq!(any("\u{feff}a , b\n1,2\n").unwrap(), [2]);
        for (text, says) in [
            ("b,a\n1,2\n", "begin with a,b"),
            ("a,b\n1,2\n\"1\n1\",x\n", "line 3: invalid digit"),
            ("a,b\n1,2,3\n", "line: 2"),
            ("", "begin with a,b"),
        ] {
            let error = any(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(any(&("a,b\n".to_owned() + &"1,2\n".repeat(ROWS_MAX + 1))).is_err());
    }
}
