//! The numbers for value added tax of the member states of the European Union: their formats and check digits, by
//! the letters that VIES knows a state by, and without these.

use super::digits::{digits, is_day, is_mod_11_10, letter, luhn, place, value, weigh};

/// The member states, by the letters of their numbers: Greece has `EL`.
pub(super) const STATES: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Whether a number of a member state has its format and fits its check digits.
pub(super) fn fits(state: &str, number: &str) -> bool {
    let fits = match state {
        "AT" => austria(number),
        "BE" => belgium(number),
        "BG" => bulgaria(number),
        "CY" => cyprus(number),
        "CZ" => czechia(number),
        "DE" => digits_of(number, 9).map(|d| d[0] != 0 && is_mod_11_10(&d)),
        "DK" => digits_of(number, 8).map(|d| d[0] != 0 && weigh(&d, &[2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0),
        "EE" => digits_of(number, 9).map(|d| weigh(&d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0),
        "EL" => digits_of(number, 9).map(|d| weigh(&d, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == d[8]),
        "ES" => spain(number),
        "FI" => digits_of(number, 8).map(|d| weigh(&d, &[7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0),
        "FR" => france(number),
        "HR" => digits_of(number, 11).map(|d| is_mod_11_10(&d)),
        "HU" => digits_of(number, 8).map(|d| weigh(&d, &[9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0),
        "IE" => ireland(number),
        "IT" => italy(number),
        "LT" => lithuania(number),
        "LU" => digits_of(number, 8).map(|d| value(&d[..6]) % 89 == value(&d[6..])),
        "LV" => latvia(number),
        "MT" => digits_of(number, 8).map(|d| d[0] != 0 && weigh(&d, &[3, 4, 6, 7, 8, 9, 10, 1]) % 37 == 0),
        "NL" => netherlands(number),
        "PL" => digits_of(number, 10).map(|d| weigh(&d, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == d[9]),
        "PT" => digits_of(number, 9)
            .map(|d| d[0] != 0 && (11 - weigh(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == d[8]),
        "RO" => romania(number),
        "SE" => digits_of(number, 12).map(|d| value(&d[10..]) == 1 && luhn(&d[..10]) == 0),
        "SI" => slovenia(number),
        "SK" => slovakia(number),
        _ => None,
    };
    fits == Some(true)
}

/// The digits of a number that has nothing else, and so many.
fn digits_of(number: &str, count: usize) -> Option<Vec<i64>> {
    digits(number).filter(|digits| digits.len() == count)
}

fn austria(number: &str) -> Option<bool> {
    let d = digits_of(number.strip_prefix('U')?, 8)?;
    Some((6 - luhn(&d[..7])).rem_euclid(10) == d[7])
}

fn belgium(number: &str) -> Option<bool> {
    let d = digits_of(number, 10)?;
    Some(d[0] <= 1 && value(&d) > 0 && (value(&d[..8]) + value(&d[8..])) % 97 == 0)
}

fn bulgaria(number: &str) -> Option<bool> {
    let d = digits(number)?;
    match d.len() {
        9 => {
            let check = weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
            let second = || weigh(&d, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11;
            Some(if check == 10 { second() } else { check } % 10 == d[8])
        }
        10 => {
            let foreigner = weigh(&d, &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == d[9];
            let other = (11 - weigh(&d, &[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 == d[9];
            Some(bulgarian(&d) || foreigner || other)
        }
        _ => None,
    }
}

/// A person's number: the month says the century.
fn bulgarian(d: &[i64]) -> bool {
    let (year, month) = (value(&d[..2]) + 1900, value(&d[2..4]));
    let (year, month) = match month {
        41.. => (year + 100, month - 40),
        21.. => (year - 100, month - 20),
        _ => (year, month),
    };
    is_day(year, month, value(&d[4..6])) && weigh(d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == d[9]
}

fn cyprus(number: &str) -> Option<bool> {
    const AT_EVEN_PLACES: [i64; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let d = digits_of(number.get(..8)?, 8)?;
    let of = |(index, digit): (usize, &i64)| match (index % 2, usize::try_from(*digit)) {
        (0, Ok(digit)) => AT_EVEN_PLACES[digit],
        _ => *digit,
    };
    let sum: i64 = d.iter().enumerate().map(of).sum();
    let check = letter("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26)?;
    Some(value(&d[..2]) != 12 && number[8..] == *check.to_string())
}

fn czechia(number: &str) -> Option<bool> {
    let d = digits(number)?;
    match (d.len(), d[0]) {
        (8, first) => {
            let check = (11 - weigh(&d, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            Some(first != 9 && if check == 0 { 1 } else { check } % 10 == d[7])
        }
        (9, 6) => {
            let check = weigh(&d[1..], &[8, 7, 6, 5, 4, 3, 2]) % 11;
            Some((8 - (10 - check) % 11).rem_euclid(10) == d[8])
        }
        (9 | 10, _) => Some(is_birth_number(&d)),
        _ => None,
    }
}

/// A person's number, which began in Czechoslovakia: nine digits until 1953, ten since.
fn is_birth_number(d: &[i64]) -> bool {
    let (year, month, day) = (1900 + value(&d[..2]), value(&d[2..4]) % 50 % 20, value(&d[4..6]));
    let year = match (d.len(), year) {
        (9, 1980..) => year - 100,
        (9, 1954..) => return false,
        (9, _) | (_, 1954..) => year,
        _ => year + 100,
    };
    is_day(year, month, day) && (d.len() == 9 || value(&d[..9]) % 11 % 10 == d[9])
}

fn spain(number: &str) -> Option<bool> {
    const CHECKS: &str = "TRWAGMYFPDXBNJZSQVHLCKE";
    let (first, last) = (number.chars().next()?, number.chars().next_back()?);
    let middle = digits_of(number.get(1..8)?, 7)?;
    if number.len() != 9 {
        return None;
    }
    if "KLM".contains(first) {
        return Some(letter(CHECKS, value(&middle) % 23)? == last);
    }
    if let Some(lead) = first.to_digit(10).map(i64::from).or_else(|| place("XYZ", Some(first))) {
        return Some(letter(CHECKS, (lead * 10_000_000 + value(&middle)) % 23)? == last);
    }
    if !"ABCDEFGHJNPQRSUVW".contains(first) {
        return None;
    }
    let with_zero: Vec<i64> = middle.iter().copied().chain([0]).collect();
    let check = (10 - luhn(&with_zero)) % 10;
    Some(letter("0123456789", check)? == last || letter("JABCDEFGHI", check)? == last)
}

fn france(number: &str) -> Option<bool> {
    const LETTERS: &str = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut letters = number.chars();
    let (first, second) = (place(LETTERS, letters.next())?, place(LETTERS, letters.next())?);
    let siren = digits_of(number.get(2..)?, 9)?;
    if value(&siren[..3]) != 0 && luhn(&siren) != 0 {
        return None;
    }
    let number = value(&siren);
    Some(match (first < 10, second < 10) {
        (true, true) => first * 10 + second == (number * 100 + 12) % 97,
        (is_digit, _) => {
            let check = if is_digit { first * 24 + second - 10 } else { first * 34 + second - 100 };
            (number + 1 + check.div_euclid(11)) % 11 == check.rem_euclid(11)
        }
    })
}

fn ireland(number: &str) -> Option<bool> {
    const CHECKS: &str = "WABCDEFGHIJKLMNOPQRSTUV";
    const WEIGHTS: [i64; 7] = [8, 7, 6, 5, 4, 3, 2];
    let (head, tail) = number.split_at_checked(7)?;
    let tail: Vec<i64> = tail.chars().map(|check| place(CHECKS, Some(check))).collect::<Option<_>>()?;
    let (check, more) = match tail.as_slice() {
        [check] => (*check, 0),
        [check, more] => (*check, *more),
        _ => return None,
    };
    if let Some(d) = digits(head) {
        return Some((weigh(&d, &WEIGHTS) + 9 * more) % 23 == check);
    }
    // Numbers from before 2013 have a letter or a sign in the second place.
    let (first, second, rest) = (digits(head.get(..1)?)?, head.get(1..2)?, digits(head.get(2..)?)?);
    let d: Vec<i64> = [0].into_iter().chain(rest).chain(first).collect();
    let marked = second.bytes().all(|byte| byte.is_ascii_uppercase() || b"+*".contains(&byte));
    Some(marked && weigh(&d, &WEIGHTS) % 23 == check)
}

fn italy(number: &str) -> Option<bool> {
    let d = digits_of(number, 11)?;
    let province = value(&d[7..10]);
    let known = matches!(province, 1..=100 | 120 | 121 | 888 | 999);
    Some(known && value(&d[..7]) != 0 && luhn(&d) == 0)
}

fn lithuania(number: &str) -> Option<bool> {
    const WEIGHTS: [i64; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4];
    let d = digits(number)?;
    let last = match d.len() {
        9 => 8,
        12 => 11,
        _ => return None,
    };
    let check = weigh(&d[..last], &WEIGHTS) % 11;
    let check = if check == 10 { weigh(&d[..last], &WEIGHTS[2..]) % 11 } else { check };
    Some(d[last - 1] == 1 && check % 10 == d[last])
}

fn latvia(number: &str) -> Option<bool> {
    let d = digits_of(number, 11)?;
    if d[0] > 3 {
        return Some(weigh(&d, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3);
    }
    let born = is_day(1800 + d[6] * 100 + value(&d[4..6]), value(&d[2..4]), value(&d[..2]));
    let check = (1 + weigh(&d, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10;
    Some((born || value(&d[..2]) == 32) && check == d[10])
}

fn netherlands(number: &str) -> Option<bool> {
    let (first, last) = number.split_once('B')?;
    let (first, last) = (digits_of(first, 9)?, digits_of(last, 2)?);
    if value(&first) == 0 || value(&last) == 0 {
        return None;
    }
    let of_citizens = (weigh(&first, &[9, 8, 7, 6, 5, 4, 3, 2]) - first[8]) % 11 == 0;
    // ISO/IEC 7064, MOD 97-10, of NL…B…: N is 23, L is 21 and B is 11.
    let append = |value: i64, digit: &i64| (value * 10 + digit) % 97;
    let begin = first.iter().fold(2321, append);
    let of_others = [1, 1].iter().chain(&last).fold(begin, append) == 1;
    Some(of_citizens || of_others)
}

fn romania(number: &str) -> Option<bool> {
    const WEIGHTS: [i64; 9] = [7, 5, 3, 2, 1, 7, 5, 3, 2];
    let d = digits(number)?;
    match (d.len(), d[0]) {
        (_, 0) => None,
        (13, first) => {
            let century = match first {
                3 | 4 => 1800,
                5 | 6 => 2000,
                _ => 1900,
            };
            let born = is_day(century + value(&d[1..3]), value(&d[3..5]), value(&d[5..7]));
            let county = matches!(value(&d[7..9]), 1..=48 | 51 | 52 | 70 | 80..=83);
            let check = weigh(&d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
            Some(born && county && if check == 10 { 1 } else { check } == d[12])
        }
        (2..=10, _) => {
            let body = d.len() - 1;
            Some(weigh(&d[..body], &WEIGHTS[9 - body..]) * 10 % 11 % 10 == d[body])
        }
        _ => None,
    }
}

fn slovenia(number: &str) -> Option<bool> {
    let d = digits_of(number, 8)?;
    let check = 11 - weigh(&d, &[8, 7, 6, 5, 4, 3, 2]) % 11;
    Some(d[0] != 0 && if check == 10 { 0 } else { check } == d[7])
}

fn slovakia(number: &str) -> Option<bool> {
    let d = digits_of(number, 10)?;
    let of_firms = d[0] != 0 && [2, 3, 4, 7, 8, 9].contains(&d[2]) && value(&d) % 11 == 0;
    Some(of_firms || is_birth_number(&d))
}
