//! Bank accounts, and how a transfer names the payout that it is for.

use std::collections::BTreeSet;

use iban::{Iban, IbanLike as _};

use crate::Error;

/// Refuses an account that no bank can have: ISO 13616 by its country's form and check digits, ISO 9362 by its form.
pub fn check_account(holder: &str, iban: &str, bic: Option<&str>) -> Result<(), Error> {
    if holder.trim().is_empty() || holder.chars().count() > 70 {
        return Err(Error::Invalid("the holder of an account has a name of at most 70 letters".into()));
    }
    if !is_iban(iban) {
        return Err(Error::Invalid(format!("'{iban}' is not an IBAN: a letter or digit of it is wrong")));
    }
    match bic {
        Some(bic) if !is_bic(bic) => Err(Error::Invalid(format!("'{bic}' is not a BIC"))),
        _ => Ok(()),
    }
}

/// As it is sent to banks: without spaces.
fn is_iban(text: &str) -> bool {
    text.parse::<Iban>().is_ok_and(|iban| iban.electronic_str() == text)
}

fn is_bic(bic: &str) -> bool {
    let letters = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase());
    let either = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    matches!(bic.len(), 8 | 11)
        && bic.is_ascii()
        && either(&bic[..4])
        && letters(&bic[4..6])
        && either(&bic[6..])
}

/// How a transfer names the payout that it is for.
pub fn reference(payout: i64) -> String {
    format!("PAYOUT-{payout}")
}

/// The payouts that a transfer's text names, each once.
pub fn numbers_in(text: &str) -> BTreeSet<i64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter_map(|word| word.strip_prefix("PAYOUT-")?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_checked_by_their_digits() {
        for iban in ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"] {
            assert!(is_iban(iban), "{iban}");
        }
        for iban in [
            "DE89370400440532013001",
            "DE8937040044",
            // Its digits are right, but no German account is as long.
            "DE543704004405320130001",
            "de89370400440532013000",
            "",
            "DE89 3704 0044 0532 0130 00",
        ] {
            assert!(!is_iban(iban), "{iban}");
        }
        assert!(is_bic("DEUTDEFF") && is_bic("NWBKGB2LXXX"));
        assert!(!is_bic("DEUTDEF") && !is_bic("deutdeff") && !is_bic("DEUT12FF"));
    }
}
