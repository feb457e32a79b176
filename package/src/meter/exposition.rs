//! The text format of Prometheus, as far as counters need it. Only the series that meters name are read; what a server shows
//! beside them may be anything.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use std::collections::{BTreeMap, BTreeSet};

use super::{Meter, SERIES_MAX, is_label, series_text};
use crate::Unit;

/// From here on a float does not count by ones: 2⁵³.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// The longest series with its labels, in bytes.
const SERIES_BYTES_MAX: usize = 2000;

/// Why what a server shows cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionError {
    /// A line of a series that is metered, but is none.
    #[error("line {line} is no sample of {series}")]
    Sample {
        /// Which line, from 1.
        line: usize,
        /// The series that it begins with.
        series: String,
    },
    /// A value that no counter has.
    #[error("{series} is {value}: a counter is a number from 0 to 2^53")]
    Value {
        /// The series with its labels.
        series: String,
        /// Its value, as it is shown.
        value: String,
    },
    /// The same series with the same labels again.
    #[error("{0} is shown twice")]
    Twice(String),
    /// Something else than a counter.
    #[error("{series} is a {kind}, and no counter")]
    Kind {
        /// The name of the series.
        series: String,
        /// What it is instead, as it is shown.
        kind: String,
    },
    /// More than a host keeps.
    #[error("more than {SERIES_MAX} series are metered, or one has more than {SERIES_BYTES_MAX} bytes")]
    TooMany,
}

/// What a server shows of meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposed {
    /// At what the counters stand, in whole units, by unit and series.
    pub counts: BTreeMap<(Unit, String), u64>,
    /// A series that is metered and not shown.
    pub missing: Option<String>,
}

/// Reads what meters name. Counters that grow by parts of a unit are read as the whole units that those have become.
pub fn expose(text: &str, meters: &[&Meter]) -> Result<Exposed, ExpositionError> {
    let wanted: BTreeSet<&str> = meters.iter().map(|meter| meter.series.as_str()).collect();
    let (mut shown, mut read) = (BTreeSet::new(), BTreeSet::new());
    let mut counts = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t']);
        if let Some(comment) = line.strip_prefix('#') {
            if let Some((series, kind)) = typed(comment).filter(|(series, _)| wanted.contains(series)) {
                must_count(series, kind)?;
                shown.insert(series);
            }
            continue;
        }
        let end = line.find(['{', ' ', '\t']).unwrap_or(line.len());
        let (series, rest) = line.split_at(end);
        let Some(series) = wanted.get(series).copied() else { continue };
        let refused = || ExpositionError::Sample { line: index + 1, series: series.into() };
        let (labels, value) = sample(rest).ok_or_else(refused)?;
        let full = series_text(series, &labels);
        shown.insert(series);
        if full.len() > SERIES_BYTES_MAX || counts.len() >= SERIES_MAX {
            return Err(ExpositionError::TooMany);
        }
        let mut of_it =
            meters.iter().filter(|meter| meter.series == series && has(&labels, &meter.labels)).peekable();
        if of_it.peek().is_none() {
            continue;
        }
        if !read.insert(full.clone()) {
            return Err(ExpositionError::Twice(full));
        }
        let refused = || ExpositionError::Value { series: full.clone(), value: shortened(value) };
        let count = whole(value).ok_or_else(refused)?;
        for meter in of_it {
            counts.insert((meter.unit.clone(), full.clone()), count);
        }
    }
    let missing = wanted.into_iter().find(|series| !shown.contains(series)).map(str::to_owned);
    Ok(Exposed { counts, missing })
}

/// `# TYPE name kind`.
fn typed(comment: &str) -> Option<(&str, &str)> {
    let mut words = comment.split_ascii_whitespace();
    match (words.next()?, words.next()?, words.next()?) {
        ("TYPE", series, kind) => Some((series, kind)),
        _ => None,
    }
}

/// A gauge falls, which would be read as a counter that has begun anew.
fn must_count(series: &str, kind: &str) -> Result<(), ExpositionError> {
    match kind {
        "counter" | "untyped" | "unknown" => Ok(()),
        _ => Err(ExpositionError::Kind { series: series.into(), kind: shortened(kind) }),
    }
}

/// As much of a word as a message has room for.
fn shortened(word: &str) -> String {
    word.chars().take(40).collect()
}

/// What follows a sample's name: its labels and its value, and perhaps a time in milliseconds.
fn sample(rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?;
    let is_timed = words.next().is_none_or(|time| time.parse::<i64>().is_ok());
    (is_timed && words.next().is_none()).then_some((labels, value))
}

/// `name="value",…}` and what follows. Labels that are empty are as if they were not there.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            found.retain(|_, value| !value.is_empty());
            return Some((found, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t']);
        let (value, after) = quoted(after.trim_start_matches([' ', '\t']))?;
        if !is_label(name) || found.insert(name.to_owned(), value).is_some() {
            return None;
        }
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(',') {
            Some(after) => after,
            None if after.starts_with('}') => after,
            None => return None,
        };
    }
}

/// A text in quotes, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                _ => return None,
            }),
            _ => value.push(character),
        }
    }
    None
}

fn has(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(name, value)| labels.get(name).map_or("", String::as_str) == value)
}

/// The whole units of a counter's value; none, where no counter has such a value.
fn whole(value: &str) -> Option<u64> {
    let value: f64 = value.parse().ok()?;
    // What is not a number is in no range.
    (0.0..EXACT_MAX).contains(&value).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::meter;
    use super::*;

    fn of(series: &str) -> Meter {
        Meter { series: series.into(), ..meter() }
    }

    /// The sum of what a text shows of the series `a`, or why there is none.
    fn read(text: &str) -> Result<u64, String> {
        let exposed = expose(text, &[&of("a")]).map_err(|error| error.to_string())?;
        Ok(exposed.counts.values().sum())
    }

    #[test]
    fn counters_are_read_as_servers_show_them() {
        for (text, sum) in [
            ("", 0),
            ("a 1", 1),
            ("a 1\n", 1),
            ("a\t 1 \r\n", 1),
            ("  a 1", 1),
            ("a{} 7", 7),
            ("a{b=\"c\"} 1\na{b=\"d\"} 2\na 4", 7),
            ("a { b = \"c\" , d=\"e\", } 3", 3),
            ("a{b=\"}\\\" 9\\\\\\n\"} 5", 5),
            ("a{b=\"é\"} 5", 5),
            ("a 1.282888e+06", 1_282_888),
            ("a 337.0", 337),
            ("a 12.9", 12),
            ("a 0.9", 0),
            ("a -0", 0),
            ("a 9007199254740991", 9_007_199_254_740_991),
            ("a 5 1700000000000", 5),
            ("a 5 -1", 5),
            ("# HELP a Something\n# TYPE a counter\na 5", 5),
            ("# a comment\n#\n# TYPE\n# TYPE a untyped\na 5", 5),
            // What is not metered may be anything.
            ("b NaN\nb NaN\nab 4\na_total 4\nrubbish{\na 5\n{\"quoted\"} 1", 5),
            ("# TYPE b gauge\na 5", 5),
        ] {
            assert_eq!(read(text), Ok(sum), "{text:?}");
        }
    }

    #[test]
    fn what_no_counter_shows_is_refused_by_name() {
        for (text, why) in [
            ("a", "line 1 is no sample of a"),
            ("b 1\na{", "line 2 is no sample of a"),
            ("a{} ", "line 1"),
            ("a{b} 1", "line 1"),
            ("a{b=c} 1", "line 1"),
            ("a{b=\"c} 1", "line 1"),
            ("a{b=\"c\\x\"} 1", "line 1"),
            ("a{b=\"c\" d=\"e\"} 1", "line 1"),
            ("a{b=\"c\",b=\"c\"} 1", "line 1"),
            ("a{,} 1", "line 1"),
            ("a{1=\"c\"} 1", "line 1"),
            ("a 1 2 3", "line 1"),
            ("a 1 now", "line 1"),
            ("a NaN", "a is NaN: a counter is a number from 0 to 2^53"),
            ("a +Inf", "a is +Inf"),
            ("a -Inf", "a is -Inf"),
            ("a -1", "a is -1"),
            ("a 1e300", "a is 1e300"),
            ("a 1e999", "a is 1e999"),
            ("a 9007199254740992", "a is 9007199254740992"),
            ("a 18446744073709551616", "a is 18446744073709551616"),
            ("a one", "a is one"),
            ("a 1\na 1", "a is shown twice"),
            ("a{b=\"c\",d=\"e\"} 1\na{d=\"e\",b=\"c\"} 1", "a{b=\"c\",d=\"e\"} is shown twice"),
            ("a 1\na{b=\"\"} 1", "a is shown twice"),
            ("# TYPE a gauge\na 5", "a is a gauge, and no counter"),
            ("# TYPE a histogram", "a is a histogram"),
            ("# TYPE a summary", "a is a summary"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.starts_with(why), "{text:?}: {refused}");
        }
        let many: String = (0..=SERIES_MAX).map(|number| format!("a{{b=\"{number}\"}} 1\n")).collect();
        assert!(read(&many).unwrap_err().starts_with("more than 1000 series"));
        let long = format!("a{{b=\"{}\"}} 1", "c".repeat(SERIES_BYTES_MAX));
        assert!(read(&long).unwrap_err().starts_with("more than 1000 series"));
    }

    #[test]
    fn each_meter_counts_the_series_that_have_its_labels() {
        let labelled = |unit: &str, value: &str| Meter {
            unit: unit.parse().unwrap(),
            labels: [("model".to_owned(), value.to_owned())].into(),
            ..of("a")
        };
        let all = of("a");
        let (x, none) = (labelled("x-tokens", "x"), labelled("others", ""));
        let text = "a{model=\"x\",engine=\"0\"} 1\na{model=\"x\",engine=\"1\"} 2\na{model=\"y\"} 4\na 8";
        let counts = expose(text, &[&all, &x, &none]).unwrap().counts;
        let of_unit = |unit: &str| -> u64 {
            counts.iter().filter(|((found, _), _)| found.to_string() == unit).map(|(_, count)| count).sum()
        };
        assert_eq!([of_unit("tokens"), of_unit("x-tokens"), of_unit("others")], [15, 3, 8]);
        // Two meters of one unit that mean the same series count it once.
        let again = Meter { labels: x.labels.clone(), ..of("a") };
        assert_eq!(expose(text, &[&all, &again]).unwrap().counts.values().sum::<u64>(), 15);
    }

    #[test]
    fn what_is_not_shown_is_named() {
        let missing = |text: &str| expose(text, &[&of("a"), &of("b")]).unwrap().missing;
        assert_eq!(missing("b 1").as_deref(), Some("a"));
        assert_eq!(missing("a 1\n# TYPE b counter"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(a|[ \t{}=\",\\\\#0-9.eE+-]|TYPE|\n){0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn a_series_is_told_by_its_labels_whatever_they_hold(value in ".{0,20}", other in ".{0,20}") {
            let text = |value: &str| series_text("a", &[("b".to_owned(), value.to_owned())].into());
            prop_assert_eq!(text(&value) == text(&other), value == other);
            if !value.contains(['\n', '\r']) {
                prop_assert_eq!(read(&format!("{} 3", text(&value))), Ok(3));
            }
        }
    }
}
