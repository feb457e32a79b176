//! DATEV's batch of postings: `EXTF` 700, category 21, version 13. One line says what the batch is, one names the columns, and each
//! of the others moves an amount from one account to another.

use std::fmt::Write as _;

use chandlery_package::wire::LedgerExport;
use jiff::Timestamp;

use super::Entry;
use super::amount::plain;
use super::chart::Chart;
use super::pairs::{Pair, pairs};
use crate::Error;

/// The columns of version 13, where those that are numbered are written as the first of them and how many there are.
const COLUMNS: [&str; 58] = [
    "Umsatz (ohne Soll/Haben-Kz)",
    "Soll/Haben-Kennzeichen",
    "WKZ Umsatz",
    "Kurs",
    "Basis-Umsatz",
    "WKZ Basis-Umsatz",
    "Konto",
    "Gegenkonto (ohne BU-Schlüssel)",
    "BU-Schlüssel",
    "Belegdatum",
    "Belegfeld 1",
    "Belegfeld 2",
    "Skonto",
    "Buchungstext",
    "Postensperre",
    "Diverse Adressnummer",
    "Geschäftspartnerbank",
    "Sachverhalt",
    "Zinssperre",
    "Beleglink",
    "KOST1 - Kostenstelle",
    "KOST2 - Kostenstelle",
    "Kost-Menge",
    "EU-Land u. UStID (Bestimmung)",
    "EU-Steuersatz (Bestimmung)",
    "Abw. Versteuerungsart",
    "Sachverhalt L+L",
    "Funktionsergänzung L+L",
    "BU 49 Hauptfunktionstyp",
    "BU 49 Hauptfunktionsnummer",
    "BU 49 Funktionsergänzung",
    "Stück",
    "Gewicht",
    "Zahlweise",
    "Forderungsart",
    "Veranlagungsjahr",
    "Zugeordnete Fälligkeit",
    "Skontotyp",
    "Auftragsnummer",
    "Buchungstyp",
    "USt-Schlüssel (Anzahlungen)",
    "EU-Land (Anzahlungen)",
    "Sachverhalt L+L (Anzahlungen)",
    "EU-Steuersatz (Anzahlungen)",
    "Erlöskonto (Anzahlungen)",
    "Herkunft-Kz",
    "Buchungs GUID",
    "KOST-Datum",
    "SEPA-Mandatsreferenz",
    "Skontosperre",
    "Gesellschaftername",
    "Beteiligtennummer",
    "Identifikationsnummer",
    "Zeichnernummer",
    "Postensperre bis",
    "Bezeichnung SoBil-Sachverhalt",
    "Kennzeichen SoBil-Buchung",
    "Festschreibung",
];
/// Those after the lock.
const LATER_COLUMNS: [&str; 11] = [
    "Leistungsdatum",
    "Datum Zuord. Steuerperiode",
    "Fälligkeit",
    "Generalumkehr (GU)",
    "Steuersatz",
    "Land",
    "Abrechnungsreferenz",
    "BVV-Position",
    "EU-Land u. UStID (Ursprung)",
    "EU-Steuersatz (Ursprung)",
    "Abw. Skontokonto",
];
/// After which columns numbered pairs come, how these are called, and how many there are.
const NUMBERED: [(&str, &str, &str, usize); 2] = [
    ("Beleglink", "Beleginfo - Art", "Beleginfo - Inhalt", 8),
    ("BU 49 Funktionsergänzung", "Zusatzinformation - Art", "Zusatzinformation- Inhalt", 20),
];
/// How many columns there are, and which of them says that a posting may not be changed any more.
const COUNT: usize = 125;
const LOCK: usize = 113;
/// The largest amount of a line, in minor units: ten digits before the comma.
const LARGEST: i64 = 999_999_999_999;
const TEXT_MAX: usize = 60;

fn columns() -> Vec<String> {
    let mut columns = Vec::with_capacity(COUNT);
    for name in COLUMNS.into_iter().chain(LATER_COLUMNS) {
        columns.push(name.to_owned());
        if let Some((_, kind, content, count)) = NUMBERED.iter().find(|(after, ..)| *after == name) {
            for number in 1..=*count {
                columns.extend([format!("{kind} {number}"), format!("{content} {number}")]);
            }
        }
    }
    columns
}

/// What the batch is, and its columns.
pub(super) fn head(wanted: &LedgerExport, chart: &Chart, now: Timestamp) -> Result<String, Error> {
    let day = |at: Timestamp| at.strftime("%Y%m%d").to_string();
    let made = now.strftime("%Y%m%d%H%M%S");
    let (from, to) = (day(wanted.from.first_moment()), day(wanted.to.last_moment()));
    let year = day(chart.year_begins.first_moment());
    let Chart { digits, adviser, client, .. } = chart;
    let currency = wanted.currency;
    let what = format!(
        "\"EXTF\";700;21;\"Buchungsstapel\";13;{made}000;;\"CH\";\"\";\"\";{adviser};{client};{year};{digits};{from};{to};\
         \"Chandlery {currency}\";\"\";1;0;0;\"{currency}\";;\"\";;;\"03\";;;\"\";\"\""
    );
    Ok(format!("{what}\r\n{}\r\n", columns().join(";")))
}

/// The lines of some transactions.
pub(super) fn rows(entries: &[Entry], chart: &Chart) -> Result<String, Error> {
    let mut lines = String::new();
    for entry in entries {
        for pair in pairs(entry, chart) {
            let mut left = pair.minor;
            while left > 0 {
                let minor = left.min(LARGEST);
                left -= minor;
                let line = line(entry, &pair, minor)?;
                write!(lines, "{line}\r\n").map_err(|error| Error::Damaged(error.to_string()))?;
            }
        }
    }
    Ok(lines)
}

fn line(entry: &Entry, pair: &Pair, minor: i64) -> Result<String, Error> {
    let amount = plain(minor, pair.currency)?.replace('.', ",");
    let document = match &entry.invoice {
        Some(number) => format!("INVOICE-{number}"),
        None => entry.kind.to_string(),
    };
    let mut cells = vec![String::new(); COUNT];
    for (column, cell) in [
        (0, if amount.contains(',') { amount } else { format!("{amount},00") }),
        (1, "\"S\"".into()),
        (2, format!("\"{}\"", pair.currency)),
        (6, pair.debit.clone()),
        (7, pair.credit.clone()),
        (9, entry.at.strftime("%d%m").to_string()),
        (10, text(&document)),
        (11, text(&entry.id.to_string())),
        (13, text(&entry.description)),
        (LOCK, "0".into()),
    ] {
        cells[column] = cell;
    }
    Ok(cells.join(";"))
}

/// What somebody wrote, as a cell of one line: it gets a `'` in front where a spreadsheet would run it.
fn text(written: &str) -> String {
    let line: String = written.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let guard = if line.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    let short: String = guard.chars().chain(line.chars()).take(TEXT_MAX).collect();
    format!("\"{}\"", short.replace('"', "\"\""))
}

/// The text in Windows-1252, which is what DATEV calls ANSI; `?` for what that does not have.
pub(super) fn windows_1252(text: &str) -> Vec<u8> {
    let byte = |letter: char| match letter {
        '\0'..='\u{7f}' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).unwrap_or(b'?'),
        '€' => 0x80,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '–' => 0x96,
        '—' => 0x97,
        _ => b'?',
    };
    text.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_version_13() {
        let columns = columns();
        assert_eq!((columns.len(), columns[LOCK].as_str()), (COUNT, "Festschreibung"));
        for (number, name) in [
            (7, "Konto"),
            (10, "Belegdatum"),
            (14, "Buchungstext"),
            (21, "Beleginfo - Art 1"),
            (36, "Beleginfo - Inhalt 8"),
            (37, "KOST1 - Kostenstelle"),
            (48, "Zusatzinformation - Art 1"),
            (87, "Zusatzinformation- Inhalt 20"),
            (88, "Stück"),
            (120, "Land"),
            (125, "Abw. Skontokonto"),
        ] {
            assert_eq!(columns[number - 1], name, "{number}");
        }
    }

    #[test]
    fn what_people_wrote_is_one_cell_of_one_line() {
        for (written, cell) in [
            ("plain", "\"plain\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("-1", "\"'-1\""),
            ("a \"b\";\r\nc", "\"a \"\"b\"\";  c\""),
        ] {
            assert_eq!(text(written), cell);
        }
        assert_eq!(text(&"x".repeat(100)).len(), TEXT_MAX + 2);
        assert_eq!(windows_1252("Schlüssel für 5 € – 日"), b"Schl\xfcssel f\xfcr 5 \x80 \x96 ?");
    }
}
