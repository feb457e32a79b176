use chandlery_package::log::Entry;
use chandlery_package::{Digest, PrivateKey};
use jiff::SignedDuration;
use serde_json::json;

use super::*;

const LOG: &str = "log+1+k";

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

fn release(version: &str) -> Release {
    format!("acme:ocr@{version}").parse().unwrap()
}

/// A log whose entries, but for the first, release these versions, each said to be of so many days ago, or take one back.
fn history(entries: &[(&str, &str, i64)]) -> History {
    let (key, at) = (PrivateKey::generate().public(), days_ago(900));
    let mut history = History::default();
    history.apply(&Entry::KeyAdded { namespace: "acme".parse().unwrap(), key, at }).unwrap();
    for (what, version, days) in entries {
        let (release, at) = (release(version), days_ago(*days));
        let entry = match *what {
            "yanked" => Entry::Yanked { release, at },
            "withdrawn" => Entry::Withdrawn { release, reason: "it leaks".into(), at },
            _ => {
                let (component, artifact) = (Digest::of("c"), Digest::of("a"));
                Entry::Released { release, component, artifact, key: key.id(), at }
            }
        };
        history.apply(&entry).unwrap();
    }
    history
}

async fn opened(folder: &tempfile::TempDir, witnesses_decide: bool) -> Rules {
    let db = Db::open(&folder.path().join("host.db")).await.unwrap();
    Rules::new(db, witnesses_decide)
}

async fn witnessed_days(rules: &Rules, history: &History, version: &str) -> Option<i64> {
    let at = rules.witnessed(LOG, history.release(&release(version)).unwrap()).await.unwrap();
    at.map(|at| (Timestamp::now().duration_since(at).as_secs() + 60) / 86_400)
}

#[tokio::test]
async fn rules_are_changed_and_every_change_stays() {
    let folder = tempfile::tempdir().unwrap();
    let rules = opened(&folder, false).await;
    assert!(rules.read().await.unwrap().is_empty());
    let strict = InstallRules { certified_only: true, ..InstallRules::default() };
    for set in [&InstallRules::default(), &strict, &strict, &InstallRules::default()] {
        rules.set(set).await.unwrap();
        assert_eq!(rules.read().await.unwrap(), *set);
    }
    let paging = serde_json::from_value(json!({ "limit": "1" })).unwrap();
    let first = rules.changes(&paging).await.unwrap();
    assert!(first.items[0].rules.is_empty());
    let paging = serde_json::from_value(json!({ "limit": "1", "after": first.next.unwrap() })).unwrap();
    let second = rules.changes(&paging).await.unwrap();
    assert_eq!((&second.items[0].rules, second.next), (&strict, None));
}

#[tokio::test]
async fn an_entry_is_as_old_as_the_first_checkpoint_that_covers_it() {
    let folder = tempfile::tempdir().unwrap();
    let rules = opened(&folder, false).await;
    // What a log says of when it said something, of 300 days ago, counts for nothing where the host has seen it grow.
    let history =
        history(&[("released", "1.0.0", 300), ("released", "1.0.1", 300), ("released", "1.0.2", 300)]);
    assert_eq!(witnessed_days(&rules, &history, "1.0.0").await, None);
    rules.saw(LOG, 2, days_ago(9)).await.unwrap();
    rules.saw("log+2+k", 4, days_ago(99)).await.unwrap();
    assert_eq!(witnessed_days(&rules, &history, "1.0.0").await, Some(300), "it was there at first sight");
    assert_eq!(witnessed_days(&rules, &history, "1.0.1").await, None);
    rules.saw(LOG, 3, days_ago(4)).await.unwrap();
    for later in [3, 1] {
        rules.saw(LOG, 3, days_ago(later)).await.unwrap();
    }
    assert_eq!(witnessed_days(&rules, &history, "1.0.1").await, Some(4));
    // A checkpoint that is vouched for before the one that it follows is no older.
    rules.saw(LOG, 4, days_ago(200)).await.unwrap();
    assert_eq!(witnessed_days(&rules, &history, "1.0.2").await, Some(4));

    let strict = Rules { witnesses_decide: true, ..rules.clone() };
    assert_eq!(witnessed_days(&strict, &history, "1.0.0").await, Some(9), "nobody has witnessed it before");
    // What is older than any age is forgotten, but for what says how old the rest is.
    rules.saw(LOG, 5, days_ago(-500)).await.unwrap();
    let (kept,): (i64,) = sqlx::query_as("select count(*) from log_sightings where log_key = $1")
        .bind(LOG)
        .fetch_one(rules.db.pool())
        .await
        .unwrap();
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_fix_of_what_was_taken_back_waits_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rules = opened(&folder, false).await;
    let age: Age = "7 days".parse().unwrap();
    // The first two entries are old, all others were seen today.
    rules.saw(LOG, 3, days_ago(30)).await.unwrap();
    rules.saw(LOG, 99, days_ago(0)).await.unwrap();
    let old = [("released", "1.0.0", 60), ("released", "1.1.0", 50)];
    let case = |more: &[(&'static str, &'static str, i64)]| history(&[&old[..], more].concat());
    let (quiet, new) = (case(&[("released", "1.1.1", 0)]), ("released", "1.1.1", 0));
    let withdrawn = case(&[("withdrawn", "1.1.0", 0), new, ("released", "1.1.2", 0)]);
    let yanked = case(&[("yanked", "1.1.0", 0), new]);
    let earlier = case(&[("withdrawn", "1.0.0", 0), new]);
    let twice = case(&[("released", "9.9.8", 0), ("yanked", "9.9.8", 0), ("released", "9.9.9", 0)]);
    let hasty = case(&[("withdrawn", "1.1.0", 0), new, ("withdrawn", "1.1.1", 0), ("released", "1.1.2", 0)]);
    for (name, history, asked, installed, fixes) in [
        ("nothing was taken back", &quiet, "1.1.1", None, None),
        ("nothing was taken back here", &quiet, "1.1.1", Some("1.1.0"), None),
        ("the one before was withdrawn", &withdrawn, "1.1.1", None, Some("1.1.0")),
        ("the one before was yanked", &yanked, "1.1.1", None, Some("1.1.0")),
        ("there is a fix already", &withdrawn, "1.1.2", None, None),
        ("what is installed was withdrawn", &withdrawn, "1.1.2", Some("1.1.0"), Some("1.1.0")),
        ("another one was withdrawn", &earlier, "1.1.1", None, None),
        ("another one is installed, and was withdrawn", &earlier, "1.1.1", Some("1.0.0"), Some("1.0.0")),
        ("two at once pass no rule", &twice, "9.9.9", None, None),
        ("two at once pass no rule here", &twice, "9.9.9", Some("1.1.0"), None),
        ("the fix was taken back as well", &hasty, "1.1.2", None, Some("1.1.0")),
        ("nothing goes back", &withdrawn, "1.0.0", Some("1.1.0"), None),
    ] {
        let (asked, installed) = (release(asked), installed.map(release));
        let found = rules.fixed_by(&asked, (LOG, history), installed.as_ref(), age).await.unwrap();
        assert_eq!(found, fixes.map(release), "{name}");
    }
    // What was installed as a fix is deployed, too, whatever becomes of the rest.
    rules.note_fix(LOG, &release("1.1.2"), &release("1.1.0")).await.unwrap();
    let found = rules.fixed_by(&release("1.1.2"), (LOG, &quiet), None, age).await.unwrap();
    assert_eq!(found, Some(release("1.1.0")));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let rules = opened(&folder, false).await;
    rules.saw(LOG, 99, days_ago(1)).await.unwrap();
    let history = history(&[("released", "1.0.0", 60), ("released", "1.1.0", 2)]);
    let (old, new, unheard_of) = (release("1.0.0"), release("1.1.0"), release("7.0.0"));
    let set = InstallRules { minimum_age: Some("7 days".parse().unwrap()), ..InstallRules::default() };
    let asked = |release| Asked { release, log: (LOG, &history), installed: None, asks: None };
    assert!(rules.must_fit(asked(&unheard_of)).await.unwrap().is_none(), "there is no rule");
    rules.set(&set).await.unwrap();
    assert!(rules.must_fit(asked(&old)).await.unwrap().is_none());
    for release in [&new, &unheard_of] {
        let error = rules.must_fit(asked(release)).await.unwrap_err();
        assert!(error.to_string().contains("the rule `minimum-age = \"7 days\"`"), "{error}");
        assert_eq!(error.kind().word, "rule-refused");
    }
    let keyvalue = BTreeSet::from([Permission::KeyValue]);
    rules.must_allow(&new, &keyvalue).await.unwrap();
    rules.set(&InstallRules { permissions: Some(BTreeSet::new()), ..set }).await.unwrap();
    assert!(rules.must_allow(&new, &keyvalue).await.is_err());
    let broken = rules.broken(Asked { asks: Some(keyvalue), ..asked(&new) }).await.unwrap();
    assert_eq!(broken.len(), 2, "{broken:?}");
}
