use jiff::SignedDuration;

use super::*;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn rules(text: &str) -> InstallRules {
    toml::from_str(text).unwrap()
}

/// A release that no rule is broken by, witnessed so many minutes ago.
fn facts(minutes: i64, asks: &[&str]) -> Facts {
    Facts {
        release: "acme:ocr@1.0.1".parse().unwrap(),
        is_logged: true,
        is_certified: true,
        witnessed: Some(now() - SignedDuration::from_mins(minutes)),
        is_fix: false,
        asks: Some(asks.iter().map(|text| text.parse().unwrap()).collect()),
    }
}

#[test]
fn rules_are_written_as_they_are_read() {
    let text = "publishers = [\"*\", \"acme\"]\ncertified-only = true\nminimum-age = \"7 days\"\n\
                permissions = [\"http:*\", \"secret:*\", \"keyvalue\"]\n";
    assert_eq!(toml::to_string(&rules(text)).unwrap(), text);
    assert_eq!(serde_json::from_str::<InstallRules>("{}").unwrap(), InstallRules::default());
    assert!(rules("").is_empty() && rules("certified-only = false").is_empty());
    // A list with nothing in it lets nothing pass.
    assert!(!rules("publishers = []").is_empty());
    for (written, read) in [
        ("1 minute", "1 minute"),
        ("90 minutes", "90 minutes"),
        ("60 minutes", "1 hour"),
        ("24 hours", "1 day"),
    ] {
        assert_eq!(written.parse::<Age>().unwrap().to_string(), read);
    }
}

#[test]
fn what_could_be_mistaken_is_refused() {
    for text in [
        "publishers = [\"acme*\"]",
        "publishers = [\"*:ocr\"]",
        "publishers = [\"\"]",
        "publishers = \"acme\"",
        "certified = true",
        "certified-only = \"yes\"",
        "minimum-age = 7",
        "minimum-age = \"7\"",
        "minimum-age = \"0 days\"",
        "minimum-age = \"+7 days\"",
        "minimum-age = \"-7 days\"",
        "minimum-age = \"366 days\"",
        "minimum-age = \"4294967295 days\"",
        "minimum-age = \"1 fortnight\"",
        "permissions = [\"*\"]",
        "permissions = [\"http:*.slack.com\"]",
        "permissions = [\"keyvalue:*\"]",
    ] {
        assert!(toml::from_str::<InstallRules>(text).is_err(), "{text}");
    }
}

#[test]
fn each_rule_lets_pass_and_refuses_what_it_says() {
    const DAYS: i64 = 24 * 60;
    let fix = |minutes| Facts { is_fix: true, ..facts(minutes, &[]) };
    let uncertified = || Facts { is_certified: false, ..facts(0, &[]) };
    let unseen = || Facts { witnessed: None, ..facts(0, &[]) };
    let unlogged = || Facts { is_logged: false, is_fix: true, ..facts(9 * DAYS, &[]) };
    let unknown = || Facts { asks: None, ..facts(0, &[]) };
    for (text, facts, breaks) in [
        ("", facts(0, &["keyvalue", "private-network"]), vec![]),
        ("publishers = [\"acme\", \"chandlery\"]", facts(0, &[]), vec![]),
        ("publishers = [\"*\"]", facts(0, &[]), vec![]),
        ("publishers = [\"acm\", \"acmee\"]", facts(0, &[]), vec![Rule::Publishers]),
        ("publishers = []", facts(0, &[]), vec![Rule::Publishers]),
        ("publishers = [\"*\"]", unlogged(), vec![Rule::Publishers]),
        ("certified-only = true", facts(0, &[]), vec![]),
        ("certified-only = true", uncertified(), vec![Rule::CertifiedOnly]),
        ("certified-only = true", unlogged(), vec![Rule::CertifiedOnly]),
        ("certified-only = false", uncertified(), vec![]),
        ("minimum-age = \"7 days\"", facts(7 * DAYS, &[]), vec![]),
        ("minimum-age = \"7 days\"", facts(7 * DAYS - 1, &[]), vec![Rule::MinimumAge]),
        ("minimum-age = \"1 minute\"", facts(-1, &[]), vec![Rule::MinimumAge]),
        ("minimum-age = \"7 days\"", fix(0), vec![]),
        ("minimum-age = \"7 days\"", unseen(), vec![Rule::MinimumAge]),
        ("minimum-age = \"7 days\"", unlogged(), vec![Rule::MinimumAge]),
        ("permissions = []", facts(0, &[]), vec![]),
        ("permissions = []", facts(0, &["keyvalue"]), vec![Rule::Permissions]),
        ("permissions = []", unknown(), vec![]),
        ("permissions = [\"keyvalue\", \"secret:a\"]", facts(0, &["keyvalue", "secret:a"]), vec![]),
        ("permissions = [\"secret:a\"]", facts(0, &["secret:b"]), vec![Rule::Permissions]),
        ("permissions = [\"secret:*\"]", facts(0, &["secret:a", "secret:b"]), vec![]),
        ("permissions = [\"http:*\"]", facts(0, &["http:a.example:1", "http:setting:url"]), vec![]),
        ("permissions = [\"http:*\"]", facts(0, &["private-network"]), vec![Rule::Permissions]),
        ("permissions = [\"http:a.example\"]", facts(0, &["http:a.example:8080"]), vec![Rule::Permissions]),
        ("permissions = [\"deployments:read\"]", facts(0, &["deployments:act"]), vec![Rule::Permissions]),
        (
            "publishers = []\ncertified-only = true\nminimum-age = \"1 day\"\npermissions = []",
            Facts { is_certified: false, ..facts(0, &["keyvalue"]) },
            Rule::ALL.to_vec(),
        ),
    ] {
        let broken = rules(text).broken(&facts, now());
        assert_eq!(broken.iter().map(|broken| broken.rule).collect::<Vec<_>>(), breaks, "{text}: {broken:?}");
    }
}

#[test]
fn a_refusal_names_the_rule_its_value_and_what_the_release_has() {
    let text = "publishers = [\"chandlery\"]\nminimum-age = \"7 days\"\npermissions = [\"keyvalue\"]";
    let broken = rules(text).broken(&facts(60, &["keyvalue", "private-network"]), now());
    let said: Vec<_> = broken.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "acme:ocr@1.0.1 breaks the rule `publishers = [\"chandlery\"]` of this host: its publisher is 'acme'",
            "acme:ocr@1.0.1 breaks the rule `minimum-age = \"7 days\"` of this host: its log is known to tell of it since \
             2027-01-15 07:00 UTC",
            "acme:ocr@1.0.1 breaks the rule `permissions = [\"keyvalue\"]` of this host: it asks for 'private-network'",
        ]
    );
    assert!(broken[1].remedy.starts_with("wait until 2027-01-22 07:00 UTC; "), "{}", broken[1].remedy);
}
