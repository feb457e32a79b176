//! The numbers of countries outside the European Union whose format is known here.

use super::digits::{digits, value, weigh};

/// Whether a number of such a country, by its letters and without them, has its format and fits its check digits;
/// none: nothing is known of that country's numbers.
pub(super) fn fits(letters: &str, number: &str) -> Option<bool> {
    match letters {
        "GB" | "XI" => Some(britain(number).unwrap_or(false)),
        "CH" => Some(switzerland(number).unwrap_or(false)),
        "NO" => Some(norway(number).unwrap_or(false)),
        // An employer identification number has no check digit.
        "US" => Some(number.len() == 9 && digits(number).is_some()),
        _ => None,
    }
}

fn britain(number: &str) -> Option<bool> {
    // Government departments have numbers below 500, health authorities those above.
    for (kind, low) in [("GD", true), ("HA", false)] {
        if let Some(rest) = number.strip_prefix(kind) {
            let (three, fits) = match (rest.len(), rest.strip_prefix("8888")) {
                (3, _) => (digits(rest)?, true),
                (9, Some(rest)) => {
                    let d = digits(rest)?;
                    let fits = value(&d[..3]) % 97 == value(&d[3..]);
                    (d[..3].to_vec(), fits)
                }
                _ => return None,
            };
            return Some(fits && (value(&three) < 500) == low);
        }
    }
    let d = digits(number).filter(|d| [9, 12].contains(&d.len()))?;
    let sum = weigh(&d, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
    Some(sum == 0 || value(&d[..3]) >= 100 && [42, 55].contains(&sum))
}

/// `E`, nine digits, and what the tax is called in one of the country's languages.
fn switzerland(number: &str) -> Option<bool> {
    let (number, tax) = number.strip_prefix('E')?.split_at_checked(9)?;
    let d = digits(number)?;
    let check = (11 - weigh(&d, &[5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11;
    Some(["MWST", "TVA", "IVA", "TPV"].contains(&tax) && check == d[8])
}

fn norway(number: &str) -> Option<bool> {
    let d = digits(number.strip_suffix("MVA")?).filter(|d| d.len() == 9)?;
    Some(weigh(&d, &[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0)
}
