//! Numbers that a tax office has given: by country, with the formats and check digits that are known.

use std::fmt;

mod digits;
mod others;
mod states;

/// How long a number may be whose format is not known.
const BYTES_MAX: usize = 40;

/// A tax number of a country. Where the country's format is known, it has it and fits its check digits: that it was ever given to
/// anybody is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxNumber {
    /// What stands before it: `DE`, `EL`, `CH`; nothing, where numbers have none.
    letters: &'static str,
    number: String,
}

/// Why a tax number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{number}' is not a tax number of {country}: {wanted}")]
pub struct TaxNumberError {
    number: String,
    country: String,
    wanted: &'static str,
}

/// Whether a country, by its ISO 3166 code, is a member state of the European Union.
pub fn is_member_state(country: &str) -> bool {
    states::STATES.contains(&prefix(country))
}

/// The letters that a country's numbers begin with, by its ISO 3166 code.
fn prefix(country: &str) -> &str {
    if country == "GR" { "EL" } else { country }
}

impl TaxNumber {
    /// Reads a number of a country (ISO 3166), with or without the letters before it and whatever separates its digits.
    /// Northern Ireland is `GB`, with or without `XI` before it.
    pub fn read(country: &str, text: &str) -> Result<Self, TaxNumberError> {
        let refuse = |wanted| TaxNumberError { number: text.into(), country: country.into(), wanted };
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.len() > BYTES_MAX || trimmed.chars().any(char::is_control) {
            return Err(refuse("it has from 1 to 40 bytes"));
        }
        let compact: String = trimmed.chars().filter(|c| !" -./:,".contains(*c)).collect();
        let compact = compact.to_ascii_uppercase();
        let letters = if country == "GB" && compact.starts_with("XI") { "XI" } else { prefix(country) };
        let number =
            compact.strip_prefix(letters).or_else(|| compact.strip_prefix(country)).unwrap_or(&compact);
        if let Some(state) = states::STATES.into_iter().find(|state| *state == letters) {
            // Old ones are written without their first digit.
            let padded = match (state, number.len()) {
                ("BE", 9) | ("EL", 8) => format!("0{number}"),
                _ => number.to_owned(),
            };
            return match states::fits(state, &padded) {
                true => Ok(Self { letters: state, number: padded }),
                false => Err(refuse("its format or its check digits are wrong")),
            };
        }
        match others::fits(letters, number) {
            None => Ok(Self { letters: "", number: trimmed.into() }),
            Some(false) => Err(refuse("its format or its check digits are wrong")),
            Some(true) => {
                let known = ["GB", "XI", "CH", "NO"].into_iter().find(|known| *known == letters);
                Ok(Self { letters: known.unwrap_or(""), number: number.into() })
            }
        }
    }

    /// Whether it is a number for value added tax, by whose letters other countries know it.
    pub fn is_for_value_added_tax(&self) -> bool {
        !self.letters.is_empty()
    }

    /// What VIES is asked by, the state's letters and the number, where it is one of a member state.
    pub fn in_vies(&self) -> Option<(&str, &str)> {
        states::STATES.contains(&self.letters).then_some((self.letters, self.number.as_str()))
    }
}

/// As it is written on invoices: the letters and the number, without separators.
impl fmt::Display for TaxNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.letters, self.number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One of each format, from the public documentation of the numbers.
    const GOOD: [(&str, &str, &str); 37] = [
        ("AT", "ATU39099603", "ATU39099603"),
        ("BE", "BE0695722008", "BE0695722008"),
        ("BG", "BG261995822", "BG261995822"),
        ("CY", "CY88914865I", "CY88914865I"),
        ("CZ", "CZ14078066", "CZ14078066"),
        ("DE", "DE400571727", "DE400571727"),
        ("DK", "DK23598523", "DK23598523"),
        ("EE", "EE506710483", "EE506710483"),
        ("ES", "ESK7974756N", "ESK7974756N"),
        ("FI", "FI42910686", "FI42910686"),
        ("FR", "FR68973714181", "FR68973714181"),
        ("GR", "EL461570109", "EL461570109"),
        ("HR", "HR74365633084", "HR74365633084"),
        ("HU", "HU37585941", "HU37585941"),
        ("IE", "IE3309920Q", "IE3309920Q"),
        ("IT", "IT97822980666", "IT97822980666"),
        ("LT", "LT031386614", "LT031386614"),
        ("LU", "LU50502640", "LU50502640"),
        ("LV", "LV87459810815", "LV87459810815"),
        ("MT", "MT10401477", "MT10401477"),
        ("NL", "NL015007996B88", "NL015007996B88"),
        ("PL", "PL8501679389", "PL8501679389"),
        ("PT", "PT671590847", "PT671590847"),
        ("RO", "RO43", "RO43"),
        ("SE", "SE352101698401", "SE352101698401"),
        ("SI", "SI27659372", "SI27659372"),
        ("SK", "SK4570835819", "SK4570835819"),
        ("DE", "136 695 976", "DE136695976"),
        ("GR", "GR094259216", "EL094259216"),
        ("BE", "403.019.261", "BE0403019261"),
        ("GB", "GB 980 7806 84", "GB980780684"),
        ("GB", "XI980780684", "XI980780684"),
        ("GB", "GBGD001", "GBGD001"),
        ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("NO", "NO 995 525 828 MVA", "NO995525828MVA"),
        ("US", "12-3456789", "123456789"),
        ("IE", "IE8D79739I", "IE8D79739I"),
    ];

    #[test]
    fn numbers_are_read_however_they_are_written_and_with_one_digit_changed_they_are_refused() {
        for (country, text, written) in GOOD {
            let read = TaxNumber::read(country, text).map(|number| number.to_string());
            assert_eq!(read.as_deref(), Ok(written), "{country} {text}");
        }
        for (country, text) in [
            ("DE", "x"),
            ("DE", "DE136695977"),
            ("DE", "FR40303265045"),
            ("FR", "FR41303265045"),
            ("GB", "GB980780685"),
            ("CH", "CHE107787578MWST"),
            ("NO", "995525829MVA"),
            ("US", "12-345678"),
            ("AT", "13585627"),
            ("NL", "4495445B01"),
            ("RO", "1"),
            ("XX", ""),
            ("XX", "a\nb"),
        ] {
            assert!(TaxNumber::read(country, text).is_err(), "{country} {text}");
        }
    }

    #[test]
    fn only_numbers_of_member_states_are_asked_for() {
        let number = |country, text| TaxNumber::read(country, text).unwrap();
        assert_eq!(number("GR", "094259216").in_vies(), Some(("EL", "094259216")));
        assert_eq!(number("GB", "XI 980 7806 84").in_vies(), None);
        let free = number("JP", "T 1234-5678");
        assert_eq!((free.to_string().as_str(), free.in_vies()), ("T 1234-5678", None));
        assert!(!free.is_for_value_added_tax() && is_member_state("GR") && !is_member_state("GB"));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_was_read_reads_back(country in "[A-Z]{2}", text in ".{0,20}", number in "[A-Z0-9+*]{0,16}") {
            for state in states::STATES.into_iter().chain(["GR", "GB", "CH", "NO", "US", country.as_str()]) {
                for text in [&text, &number] {
                    if let Ok(read) = TaxNumber::read(state, text) {
                        let again = TaxNumber::read(state, &read.to_string());
                        prop_assert_eq!(again.as_ref(), Ok(&read));
                    }
                }
            }
        }
    }
}
