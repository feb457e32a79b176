use chandlery_package::wire::Category;
use chandlery_package::{Digest, Kind, Offer, Price, PrivateKey};
use jiff::SignedDuration;

use super::*;

fn record(release: &str, title: &str, downloads: u64) -> ReleaseRecord {
    ReleaseRecord {
        release: release.parse().unwrap(),
        kind: Kind::Template,
        title: title.into(),
        description: "Reads text from pictures.".into(),
        component: Digest::of("c"),
        component_bytes: 1,
        artifact: Digest::of("a"),
        key: PrivateKey::generate().public(),
        key_log_index: 0,
        identity: None,
        log_index: 1,
        published_at: Timestamp::UNIX_EPOCH,
        price: None,
        certified: false,
        category: None,
        icon: None,
        yanked: false,
        withdrawn: None,
        quarantined: None,
        deprecated: None,
        downloads,
        running: 0,
        advisories: Vec::new(),
        manifest: None,
    }
}

/// A plugin of so many downloads.
fn insert(index: &mut Index, number: u64, downloads: u64) {
    let record = record(&format!("acme:plugin-{number}@1.0.0"), "", downloads);
    index.insert(record, Beside { manifest: None, visibility: Visibility::Public });
}

#[test]
fn every_plugin_comes_once_however_many_there_are_and_whatever_is_published_meanwhile() {
    let mut index = Index::default();
    for number in 0..2500 {
        insert(&mut index, number, number % 7);
    }
    for (words, limit) in [("", 1000), ("", 333), ("plugin", 1000), ("acme plug", 333)] {
        let query = Query { q: words.into(), ..Query::default() };
        let (mut seen, mut paging) = (Vec::<PluginId>::new(), Paging::first(limit));
        loop {
            let page = index.find(&query, None, &paging, |_| true);
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items.into_iter().map(|record| record.release.plugin));
            let Some(next) = page.next else { break };
            let next = serde_json::json!({ "after": next, "limit": limit.to_string() });
            paging = serde_json::from_value(next).unwrap();
            // A release of a plugin that was shown makes every word a little rarer.
            index.remove(&seen[0]);
            let number = seen[0].name.as_str().trim_start_matches("plugin-").parse().unwrap();
            insert(&mut index, number, 6);
        }
        let all: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), all.len()), (2500, 2500), "'{words}' by {limit}");
    }
}

#[test]
fn however_often_plugins_change_the_index_stays_as_small_as_they_are_many() {
    let mut index = Index::default();
    let put = |index: &mut Index, number: u64, title: &str| {
        let record = record(&format!("acme:plugin-{number}@1.0.0"), title, number);
        index.remove(&record.release.plugin);
        index.insert(record, Beside { manifest: None, visibility: Visibility::Public });
    };
    let named = |index: &Index, q: &str| -> Vec<String> {
        let query = Query { q: q.into(), ..Query::default() };
        let found = index.find(&query, None, &Paging::first(10), |_| true).items;
        found.iter().map(|record| record.release.plugin.name.to_string()).collect()
    };
    for number in 0..3 {
        put(&mut index, number, "Old");
    }
    for _ in 0..GAPS_MAX + 10 {
        put(&mut index, 1, "New");
        assert!(index.documents.len() <= 2 * 3 + GAPS_MAX, "{}", index.documents.len());
    }
    assert_eq!((index.documents.len(), index.ranks.len(), index.gaps), (10, 10, 7));
    // Everything is found as before.
    assert_eq!(named(&index, ""), ["plugin-2", "plugin-1", "plugin-0"]);
    assert_eq!(named(&index, "old"), ["plugin-2", "plugin-0"]);
    for q in ["new", "acme:plugin-1"] {
        assert_eq!(named(&index, q), ["plugin-1"], "{q}");
    }
}

#[test]
fn what_is_private_is_not_told_by_what_is_found_instead() {
    let mut index = Index::default();
    for (release, visibility) in
        [("acme:gluon@1.0.0", Visibility::Public), ("globex:gluox@1.0.0", Visibility::Private)]
    {
        index.insert(record(release, "", 0), Beside { manifest: None, visibility });
    }
    for (words, sees, plugins) in [
        // As any other slip of the fingers.
        ("gluoy", false, vec!["acme:gluon"]),
        ("gluox", false, vec!["acme:gluon"]),
        ("globex", false, vec![]),
        ("gluo", false, vec!["acme:gluon"]),
        ("gluox", true, vec!["globex:gluox"]),
        ("gluo", true, vec!["acme:gluon", "globex:gluox"]),
    ] {
        let query = Query { q: words.into(), ..Query::default() };
        let found = index.find(&query, None, &Paging::first(10), |_| sees).items;
        let found: Vec<_> = found.iter().map(|record| record.release.plugin.to_string()).collect();
        assert_eq!(found, plugins, "{words}, {sees}");
    }
}

#[test]
fn what_is_called_exactly_so_comes_first() {
    let mut index = Index::default();
    let others = (0..20).map(|number| (format!("other:thing-{number}@1.0.0"), "OCR too", 50));
    let plugins = [
        ("mallory:ocrserver@1.0.0".to_owned(), "ocr ocrs ocrserver", 1_000_000),
        ("acme:ocr@1.0.0".to_owned(), "Text", 0),
        ("acme:ocr-server@1.0.0".to_owned(), "Text", 0),
        ("mallory:acme-ocr@1.0.0".to_owned(), "acme ocr", 1_000_000),
    ];
    for (release, title, downloads) in plugins.into_iter().chain(others) {
        index.insert(
            record(&release, title, downloads),
            Beside { manifest: None, visibility: Visibility::Public },
        );
    }
    let first = |q: &str| {
        let query = Query { q: q.into(), ..Query::default() };
        index.find(&query, None, &Paging::first(10), |_| true).items[0].release.plugin.to_string()
    };
    for (q, plugin) in [
        ("ocr", "acme:ocr"),
        ("OCR", "acme:ocr"),
        ("acme:ocr", "acme:ocr"),
        ("ocr-server", "acme:ocr-server"),
        ("ocr server", "acme:ocr-server"),
        ("ocrserver", "mallory:ocrserver"),
    ] {
        assert_eq!(first(q), plugin, "{q}");
    }
}

#[test]
fn facets_narrow_and_orders_sort() {
    let mut index = Index::default();
    let once = Offer::of(Price::Once { amount: "9.00 USD".parse().unwrap() });
    let made = [
        ("acme:b@1.0.0", 1, 30, None, true),
        ("acme:a@1.0.0", 2, 10, Some(once), false),
        ("globex:c@1.0.0", 3, 20, None, false),
    ];
    for (release, hours, downloads, price, certified) in made {
        let published_at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let category = release.starts_with("globex").then_some(Category::Vision);
        let record =
            ReleaseRecord { price, certified, category, published_at, ..record(release, "Text", downloads) };
        let record = ReleaseRecord { running: 40 - downloads, ..record };
        index.insert(record, Beside { manifest: None, visibility: Visibility::Public });
    }
    let found = |query: &Query| -> Vec<String> {
        // One at a time, so that every place is read back from its text, too.
        let (mut names, mut paging) = (Vec::new(), Paging::first(1));
        loop {
            let page = index.find(query, None, &paging, |_| true);
            names.extend(page.items.iter().map(|record| record.release.plugin.name.to_string()));
            let Some(next) = page.next else { return names };
            paging = serde_json::from_value(serde_json::json!({ "after": next, "limit": "1" })).unwrap();
        }
    };
    for (order, names) in [
        (SearchOrder::New, ["c", "a", "b"]),
        (SearchOrder::Pulls, ["b", "c", "a"]),
        (SearchOrder::Deployed, ["a", "c", "b"]),
        (SearchOrder::Name, ["a", "b", "c"]),
        (SearchOrder::Best, ["b", "c", "a"]),
    ] {
        assert_eq!(found(&Query { order: Some(order), ..Query::default() }), names, "{order}");
    }
    let by = |publisher: &str| Query { publisher: Some(publisher.parse().unwrap()), ..Query::default() };
    assert_eq!(found(&by("globex")), ["c"]);
    assert_eq!(found(&by("nobody-there")), Vec::<String>::new());
    let paid = |price| Query { price: Some(price), ..Query::default() };
    assert_eq!(found(&paid(Payment::Once)), ["a"]);
    assert_eq!(found(&paid(Payment::Free)), ["b", "c"]);
    assert_eq!(found(&paid(Payment::Metered)), Vec::<String>::new());
    assert_eq!(found(&Query { certified: true, ..Query::default() }), ["b"]);
    let of = |category| Query { category: Some(category), ..Query::default() };
    assert_eq!(found(&of(Category::Vision)), ["c"]);
    assert_eq!(found(&of(Category::Speech)), Vec::<String>::new());
}

#[test]
fn slips_are_found_and_other_words_are_not() {
    let mut index = Index::default();
    for word in ["whisper", "whispers", "kubernetes", "llama", "ocr", "embeddings"] {
        index.words.insert(word.into(), vec![(0, 1.0)]);
        for pair in pairs(word) {
            index.pairs.entry(pair).or_default().insert(word.into());
        }
    }
    let slips = |word| {
        let found = index.slips(word, |known| known != "whispers");
        found.into_iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>()
    };
    for (typed, meant) in [
        ("wisper", "whisper"),
        ("whsiper", "whisper"),
        ("kubernets", "kubernetes"),
        ("kuberentes", "kubernetes"),
        ("lama", "llama"),
        ("orc", "ocr"),
        ("embedings", "embeddings"),
    ] {
        assert_eq!(slips(typed), [meant], "{typed}");
    }
    assert!(slips("whiskey").is_empty() || slips("whiskey") == ["whisper"]);
    assert!(slips("xy").is_empty() && slips("database").is_empty());
}

#[test]
fn a_name_nearly_so_is_suggested_and_a_private_one_only_to_those_who_see_it() {
    let mut index = Index::default();
    for (release, visibility) in [
        ("acme:ocr-server@1.0.0", Visibility::Public),
        ("umbrella:whisper@1.0.0", Visibility::Public),
        ("acme:secret@1.0.0", Visibility::Private),
    ] {
        index.insert(record(release, "", 0), Beside { manifest: None, visibility });
    }
    for (asked, all, closest) in [
        ("acme:ocr-servr", false, Some("acme:ocr-server")),
        ("acme:orc-server", false, Some("acme:ocr-server")),
        ("acmee:ocr-server", false, Some("acme:ocr-server")),
        ("acme:whisper", false, Some("umbrella:whisper")),
        ("acme:secrets", true, Some("acme:secret")),
        ("acme:secrets", false, None),
        ("acme:something", false, None),
    ] {
        let found = index.closest(&asked.parse().unwrap(), |_| all).map(ToString::to_string);
        assert_eq!(found.as_deref(), closest, "{asked}");
    }
}

#[test]
fn what_a_manifest_says_narrows_and_licences_are_counted() {
    let mut index = Index::default();
    let insert = |index: &mut Index, name: &str, licence: &str, permissions: &str, visibility| {
        let text = format!(
            "name = \"acme:{name}\"\nversion = \"1.0.0\"\nkind = \"integration\"\ncontract = \"0.1.0\"\ntitle = \"X\"\n\
             description = \"X.\"\nlicense = \"{licence}\"\npermissions = [{permissions}]\n"
        );
        let manifest = Manifest::from_toml(&text).unwrap();
        let manifest = Some(Json(manifest));
        index.insert(record(&format!("acme:{name}@1.0.0"), "", 0), Beside { manifest, visibility });
    };
    for (name, licence, permissions) in [
        ("calls", "MIT", "\"http:example.com\""),
        ("keeps", "MIT", "\"keyvalue\", \"secret:token\""),
        ("acts", "Apache-2.0", "\"deployments:act\""),
        ("pure", "Apache-2.0", ""),
    ] {
        insert(&mut index, name, licence, permissions, Visibility::Public);
    }
    insert(&mut index, "hidden", "MIT", "", Visibility::Private);
    let found = |index: &Index, query: Query| -> Vec<String> {
        let query = Query { order: Some(SearchOrder::Name), ..query };
        let page = index.find(&query, None, &Paging::first(10), |_| false);
        page.items.iter().map(|record| record.release.plugin.name.to_string()).collect()
    };
    for (bound, names) in [
        (Harmless::Nothing, vec!["pure"]),
        (Harmless::NoRequests, vec!["acts", "keeps", "pure"]),
        (Harmless::NoSecrets, vec!["acts", "calls", "pure"]),
        (Harmless::NoActs, vec!["calls", "keeps", "pure"]),
    ] {
        assert_eq!(found(&index, Query { asks: Some(bound), ..Query::default() }), names, "{bound}");
    }
    let under = |licence: &str| Query { licence: Some(licence.into()), ..Query::default() };
    assert_eq!(found(&index, under("MIT")), ["calls", "keeps"]);
    assert_eq!(found(&index, under("mit")), Vec::<String>::new());
    let counts =
        |index: &Index| index.licences.iter().map(|(of, count)| (of.clone(), *count)).collect::<Vec<_>>();
    assert_eq!(counts(&index), [("Apache-2.0".to_owned(), 2), ("MIT".to_owned(), 2)], "what all may see");
    for name in ["calls", "keeps", "hidden"] {
        index.remove(&format!("acme:{name}").parse().unwrap());
    }
    assert_eq!(counts(&index), [("Apache-2.0".to_owned(), 2)]);
}
