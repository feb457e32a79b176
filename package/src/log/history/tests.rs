//! What entries lead to, one after the other, and which are refused.

use super::*;
use crate::PrivateKey;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn what_happens_to_releases_and_keys_is_known() {
    let (key, namespace): (_, Namespace) = (PrivateKey::generate().public(), "acme".parse().unwrap());
    let release: Release = "acme:ocr@1.0.0".parse().unwrap();
    let released = |second| Entry::Released {
        release: release.clone(),
        component: Digest::of("c"),
        artifact: Digest::of("a"),
        key: key.id(),
        at: at(second),
    };
    let mut history = History::default();
    assert!(history.apply(&released(1)).unwrap_err().what.contains("no key of 'acme'"));
    history.apply(&Entry::KeyAdded { namespace: namespace.clone(), key, at: at(2) }).unwrap();
    history.apply(&released(3)).unwrap();
    assert!(history.apply(&released(4)).unwrap_err().to_string().starts_with("entry 3: "));
    history.apply(&Entry::Yanked { release: release.clone(), at: at(5) }).unwrap();
    assert!(history.release(&release).unwrap().yanked && history.objection(&release).is_none());
    history.apply(&Entry::Unyanked { release: release.clone(), at: at(6) }).unwrap();
    assert!(!history.release(&release).unwrap().yanked);

    let revoked = |from| Entry::KeyRevoked { namespace: namespace.clone(), key: key.id(), from, at: at(9) };
    history.apply(&revoked(at(7))).unwrap();
    assert_eq!(history.objection(&release), None, "it was released before");
    history.apply(&revoked(at(3))).unwrap();
    assert!(history.objection(&release).unwrap().to_string().contains("was revoked"));
    let reason = "it mines coins".to_owned();
    history.apply(&Entry::Withdrawn { release: release.clone(), reason, at: at(10) }).unwrap();
    assert!(history.objection(&release).unwrap().to_string().contains("mines coins"));
    assert_eq!(history.size, 9);
    history.apply(&Entry::Unknown).unwrap();
    assert_eq!((history.size, history.unknown), (10, 1));
}

#[test]
fn what_came_before_and_what_was_certified_is_known() {
    let (key, namespace): (_, Namespace) = (PrivateKey::generate().public(), "acme".parse().unwrap());
    let mut history = History::default();
    history.apply(&Entry::KeyAdded { namespace, key, at: at(1) }).unwrap();
    let release = |text: &str| -> Release { text.parse().unwrap() };
    for text in ["acme:nlp@3.0.0", "acme:ocr@1.0.10", "acme:ocr@1.0.0", "acme:ocr@1.0.2", "acme:ocrs@1.0.0"] {
        let (component, artifact) = (Digest::of("c"), Digest::of("a"));
        let (release, key) = (release(text), key.id());
        history.apply(&Entry::Released { release, component, artifact, key, at: at(2) }).unwrap();
    }
    let before = |text: &str| -> Vec<String> {
        history.before(&release(text)).map(|(release, _)| release.version.to_string()).collect()
    };
    assert_eq!(before("acme:ocr@1.0.10"), ["1.0.2", "1.0.0"]);
    assert_eq!(before("acme:ocr@1.0.0"), Vec::<String>::new());
    assert_eq!(before("acme:nlp@1.0.0"), Vec::<String>::new());

    let plugin: PluginId = "acme:ocr".parse().unwrap();
    assert!(!history.is_certified(&plugin) && !history.is_recalled(&release("acme:ocr@1.0.0")));
    history.apply(&Entry::Certified { plugin: plugin.clone(), at: at(3) }).unwrap();
    assert!(history.is_certified(&plugin) && !history.is_certified(&"acme:ocrs".parse().unwrap()));
    history.apply(&Entry::Decertified { plugin: plugin.clone(), at: at(4) }).unwrap();
    assert!(!history.is_certified(&plugin));
    history.apply(&Entry::Yanked { release: release("acme:ocr@1.0.0"), at: at(5) }).unwrap();
    assert!(history.is_recalled(&release("acme:ocr@1.0.0")));
    assert!(!history.is_recalled(&release("acme:ocr@9.0.0")));
}

#[test]
fn a_quarantine_holds_for_a_release_or_a_plugin_until_it_is_lifted() {
    let (key, namespace): (_, Namespace) = (PrivateKey::generate().public(), "acme".parse().unwrap());
    let mut history = History::default();
    history.apply(&Entry::KeyAdded { namespace, key, at: at(1) }).unwrap();
    let releases = ["acme:ocr@1.0.0", "acme:ocr@1.0.1", "acme:reader@1.0.0"];
    let released = |release: &str| Entry::Released {
        release: release.parse().unwrap(),
        component: Digest::of("c"),
        artifact: Digest::of("a"),
        key: key.id(),
        at: at(2),
    };
    for release in releases {
        history.apply(&released(release)).unwrap();
    }
    let said = |subject: &str, reason: &str, on: bool| {
        let (subject, reason, at) = (subject.parse().unwrap(), reason.to_owned(), at(3));
        match on {
            true => Entry::Quarantined { subject, reason, at },
            false => Entry::QuarantineLifted { subject, reason, at },
        }
    };
    // What is said, whether it may be, and why each release is not to be run then.
    for (subject, reason, on, good, objections) in [
        ("acme:ocr@1.0.1", "one", true, true, ["", "one", ""]),
        ("acme:ocr", "all", true, true, ["all", "one", ""]),
        ("acme:ocr@1.0.1", "fine", false, true, ["all", "all", ""]),
        ("acme:ocr@1.0.1", "fine", false, false, ["all", "all", ""]),
        ("acme:ocr", "still", true, true, ["still", "still", ""]),
        ("acme:other", "nobody's", true, false, ["still", "still", ""]),
        ("acme:ocr@9.0.0", "none", true, false, ["still", "still", ""]),
        ("acme:ocr", "fine", false, true, ["", "", ""]),
    ] {
        assert_eq!(history.apply(&said(subject, reason, on)).is_ok(), good, "{subject} {reason}");
        let found = releases.map(|release| history.objection(&release.parse().unwrap()));
        let expected = objections
            .map(|reason| Some(Objection::Quarantined(reason.into())).filter(|_| !reason.is_empty()));
        assert_eq!(found, expected, "{subject} {reason}");
    }
    // What is released later is quarantined with its plugin; what was withdrawn stays so.
    history.apply(&said("acme:reader", "all", true)).unwrap();
    history.apply(&released("acme:reader@2.0.0")).unwrap();
    let later: Release = "acme:reader@2.0.0".parse().unwrap();
    assert_eq!(history.quarantine(&later), Some("all"));
    let reason = "it mines coins".to_owned();
    history.apply(&Entry::Withdrawn { release: later.clone(), reason, at: at(4) }).unwrap();
    assert!(matches!(history.objection(&later), Some(Objection::Withdrawn(_))));
}

#[test]
fn an_advisory_stands_until_it_is_changed_or_withdrawn() {
    let plugin: PluginId = "acme:ocr".parse().unwrap();
    let mut history = History::default();
    let advised = |id: &str, text: &str| Entry::Advised {
        plugin: plugin.clone(),
        id: id.parse().unwrap(),
        advisory: Digest::of(text),
        at: at(1),
    };
    let withdrawn =
        |id: &str| Entry::AdvisoryWithdrawn { plugin: plugin.clone(), id: id.parse().unwrap(), at: at(2) };
    let cases: [(Entry, bool, &[&str]); 5] = [
        (advised("A-1", "one"), true, &["A-1"]),
        (advised("A-2", "two"), true, &["A-1", "A-2"]),
        (advised("A-1", "other"), true, &["A-1", "A-2"]),
        (withdrawn("A-2"), true, &["A-1"]),
        (withdrawn("A-2"), false, &["A-1"]),
    ];
    for (entry, good, stand) in cases {
        assert_eq!(history.apply(&entry).is_ok(), good, "{entry:?}");
        let found: Vec<_> = history.advisories(&plugin).map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, stand, "{entry:?}");
    }
    assert_eq!(history.advisories(&plugin).next().unwrap().1, &Digest::of("other"));
    assert_eq!(history.advisories(&"acme:other".parse().unwrap()).count(), 0);
}

#[test]
fn a_bound_key_signs_one_artifact_as_one_release_of_whoever_is_trusted() {
    let [key, other] = [PrivateKey::generate().public(), PrivateKey::generate().public()];
    let release = |text: &str| text.parse::<Release>().unwrap();
    let claims = |repository: &str| BTreeMap::from([("sub".to_owned(), repository.to_owned())]);
    let issuer = || "https://ci.example".parse::<crate::Issuer>().unwrap();
    let publisher = TrustedPublisher::new(issuer(), claims("acme")).unwrap();
    let plugin: PluginId = "acme:ocr".parse().unwrap();
    let bound = |name: &str, of: &str| Entry::KeyBound {
        release: release(name),
        artifact: Digest::of("a"),
        key,
        identity: Identity { issuer: issuer(), claims: claims(of) },
        at: at(1),
    };
    let released = |name: &str, artifact: &str, key: PublicKey| Entry::Released {
        release: release(name),
        component: Digest::of("c"),
        artifact: Digest::of(artifact),
        key: key.id(),
        at: at(2),
    };
    let trusted = Entry::PublisherTrusted { plugin: plugin.clone(), publisher: publisher.clone(), at: at(0) };
    let removed = Entry::PublisherRemoved { plugin, publisher, at: at(3) };
    let mut history = History::default();
    for (entry, refused) in [
        (bound("acme:ocr@1.0.0", "acme"), Some("is not trusted to publish acme:ocr")),
        (released("acme:ocr@1.0.0", "a", key), Some("no key of 'acme'")),
        (removed.clone(), Some("was not trusted")),
        (trusted.clone(), None),
        (trusted, Some("was trusted to publish acme:ocr before")),
        (bound("acme:ocr@1.0.0", "evil"), Some("is not trusted")),
        (bound("acme:other@1.0.0", "acme"), Some("is not trusted")),
        (bound("acme:ocr@1.0.0", "acme"), None),
        (bound("acme:ocr@1.0.0", "acme"), Some("bound to acme:ocr@1.0.0 before")),
        (released("acme:ocr@1.0.0", "b", key), Some("no key of 'acme'")),
        (released("acme:ocr@1.0.0", "a", other), Some("no key of 'acme'")),
        (released("acme:ocr@1.1.0", "a", key), Some("no key of 'acme'")),
        (released("acme:ocr@1.0.0", "a", key), None),
        (removed, None),
        (bound("acme:ocr@1.1.0", "acme"), Some("is not trusted")),
    ] {
        let found = history.apply(&entry).map_err(|fault| fault.what);
        match refused {
            None => assert_eq!(found, Ok(()), "{}", entry.describe()),
            Some(why) => assert!(found.clone().unwrap_err().contains(why), "{found:?}"),
        }
        assert_eq!(Entry::parse(0, &entry.to_bytes()), Ok(entry));
    }
    assert_eq!(history.signer(&release("acme:ocr@1.0.0")), Some(&key));
    assert_eq!(history.objection(&release("acme:ocr@1.0.0")), None);
    assert_eq!(history.signer(&release("acme:ocr@1.1.0")), None);
    assert_eq!(history.identity(&release("acme:ocr@1.0.0")).unwrap().claim("sub"), "acme");
}

#[test]
fn an_audit_trail_only_grows() {
    let head = |month: &str, number| Entry::AuditHead {
        month: month.parse().unwrap(),
        number,
        head: Digest::of(month),
        at: at(1),
    };
    let mut history = History::default();
    history.apply(&head("2026-10", 4)).unwrap();
    history.apply(&head("2026-11", 4)).unwrap();
    for (month, number) in [("2026-12", 3), ("2026-11", 9), ("2026-09", 9)] {
        let fault = history.apply(&head(month, number)).unwrap_err();
        assert!(fault.what.contains("had 4 entries at the end of 2026-11"), "{fault}");
    }
    history.apply(&head("2027-01", 9)).unwrap();
    let numbers: Vec<_> = history.audit_heads().iter().map(|head| head.number).collect();
    assert_eq!((numbers, history.size), (vec![4, 4, 9], 6));
}
