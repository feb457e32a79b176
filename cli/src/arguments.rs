//! Arguments of more than one command.

use chandlery_package::words;
use chandlery_package::words::Word;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::Url;

words! {
    /// How a log is written.
    pub enum LogFormat: "log format" {
        /// A line for people, with colours at a terminal.
        Text = "text",
        /// A JSON object a line, for programs.
        Json = "json",
    }
}

/// Takes one word of an enumeration, and shows all of them in the help.
pub fn one_of<T: Word>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::ALL.iter().map(|word| word.as_str())).try_map(|text| text.parse())
}

/// Takes a moment: a time, or a day, which is meant from its beginning by UTC.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let begins = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    // Read as a date only, a time without its offset would be taken for its day.
    let of_day = |_| Date::strptime("%Y-%m-%d", text).and_then(begins);
    text.parse().or_else(of_day).map_err(|_: jiff::Error| {
        "write a day, such as 2026-11-01, or a time with its offset, such as 2026-11-01T09:00:00Z".into()
    })
}

/// Takes the address of a registry or a host, and gives it without a slash at its end.
pub fn server(text: &str) -> Result<String, String> {
    const LIKE: &str = "write it like http://127.0.0.1:7600 or https://plugins.example.com, in the option, CHANDLERY_REGISTRY or \
        CHANDLERY_HOST";
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err(match text.contains("://") {
            true => format!("it is no address of a server: {LIKE}"),
            false => format!("it does not begin with http:// or https://: {LIKE}"),
        });
    };
    let is_more = url.query().is_some() || url.fragment().is_some();
    if is_more || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("it is more than where a server is: {LIKE}"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_the_beginning_of_a_day() {
        for (text, at) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z"),
            ("2026-11-01T09:00:00.5+02:00", "2026-11-01T07:00:00.5Z"),
        ] {
            assert_eq!(moment(text).map(|at| at.to_string()).as_deref(), Ok(at));
        }
        for text in ["", "yesterday", "2026-02-30", "2026-11", "2026-11-01T09:00:00"] {
            assert!(moment(text).unwrap_err().contains("such as"), "{text}");
        }
    }

    #[test]
    fn an_address_says_how_it_is_written() {
        for (text, taken) in [
            ("http://127.0.0.1:7600", "http://127.0.0.1:7600"),
            ("https://plugins.example.com/", "https://plugins.example.com"),
            ("http://[::1]:7700", "http://[::1]:7700"),
            ("https://example.com/registry/", "https://example.com/registry"),
        ] {
            assert_eq!(server(text).as_deref(), Ok(taken));
        }
        for (text, why) in [
            ("foo", "does not begin with http://"),
            ("127.0.0.1:7600", "does not begin with http://"),
            ("localhost:7600", "does not begin with http://"),
            ("", "does not begin with http://"),
            ("ftp://example.com", "no address of a server"),
            ("http://", "no address of a server"),
            ("http://ann:secret@example.com", "more than where"),
            ("http://example.com?q=1", "more than where"),
        ] {
            assert!(server(text).unwrap_err().contains(why), "{text}");
        }
    }
}
