//! Domains that organisations prove to be their own, by a DNS server that the registry is told of.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::dns::{DnsServer, Says};
use crate::world::{Person, World, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Somebody who owns an organisation.
fn owner(world: &World, name: &str, organisation: &str) -> Person {
    let owner = world.person(name);
    owner.register();
    let body = json!({ "name": organisation, "title": organisation }).to_string();
    let made = world.send("POST", "/api/v1/organisations", Some(&owner.token()), &JSON, body);
    assert!(made.status < 300, "{}", made.text());
    owner
}

fn domain(person: &Person, verb: &str, organisation: &str, domain: &str) -> Value {
    person.ok(&["organisation", "domain", verb, organisation, domain])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn an_organisation_proves_its_domains_by_dns() {
    let dns = DnsServer::start();
    let mut world = World::start();
    world.restart_registry_with(&["--dns".to_owned(), dns.address.clone()]);
    let ann = owner(&world, "ann", "umbrella-inc");
    let bob = owner(&world, "bob", "hooli-inc");
    let (umbrella, hooli, example) = ("umbrella-inc", "hooli-inc", "example.org");

    // A record with a token of the organisation's own is all that counts.
    let added = domain(&ann, "add", umbrella, example);
    let (record, value) = (text(&added["record"]), text(&added["value"]));
    assert_eq!(record, "_chandlery-challenge.example.org");
    assert!(value.starts_with("chandlery-domain=") && added["proved_at"].is_null(), "{added}");
    let check = |person: &Person, organisation: &str, name: &str| {
        let found = domain(person, "check", organisation, name);
        (text(&found["answer"]), found["domain"]["proved_at"].is_string())
    };
    assert_eq!(check(&ann, umbrella, example), ("absent".into(), false));
    dns.set(&record, Says::Texts(vec!["v=spf1 -all".into(), value.to_uppercase()]));
    assert_eq!(check(&ann, umbrella, example), ("absent".into(), false));
    dns.set(&record, Says::Failure);
    assert_eq!(check(&ann, umbrella, example), ("failed".into(), false));
    dns.set(&record, Says::Texts(vec!["v=spf1 -all".into(), value.clone()]));
    assert_eq!(check(&ann, umbrella, example), ("found".into(), true));
    assert_eq!(domain(&ann, "add", umbrella, example)["value"], value, "it stays as it is");

    // An alias leads to a zone of somebody who keeps such records.
    let aliased = domain(&ann, "add", umbrella, "example.net");
    dns.set("_chandlery-challenge.example.net", Says::Alias("acme.records.example".into()));
    dns.set("acme.records.example", Says::Texts(vec![text(&aliased["value"])]));
    assert_eq!(check(&ann, umbrella, "example.net"), ("found".into(), true));
    domain(&ann, "add", umbrella, "example.com");
    for shown in
        [ann.ok(&["organisation", "show", umbrella]), ann.ok(&["organisation", "list"])["items"][0].clone()]
    {
        assert_eq!(shown["domains"], json!(["example.net", example]), "what is proved alone");
    }
    domain(&ann, "remove", umbrella, "example.com");

    // Of several the first has it, and what all share is nobody's.
    let theirs = text(&domain(&bob, "add", hooli, example)["value"]);
    assert_ne!(theirs, value);
    dns.set(&record, Says::Texts(vec![value.clone(), theirs.clone()]));
    let check_words = ["organisation", "domain", "check", hooli, example];
    assert_eq!(bob.refused(&check_words).0.r#type, "conflict");
    for shared in ["co.uk", "gmail.com"] {
        assert_eq!(bob.refused(&["organisation", "domain", "add", hooli, shared]).0.r#type, "invalid");
    }
    for verb in ["add", "check", "remove"] {
        let refused = bob.refused(&["organisation", "domain", verb, umbrella, example]).0;
        assert_eq!(refused.r#type, "forbidden", "{verb}");
    }
    assert_eq!(bob.refused(&["organisation", "domain", "list", umbrella]).0.r#type, "forbidden");

    // A DNS that fails takes nothing away, and a record that is missing does so after seven days.
    let listed = || ann.ok(&["organisation", "domain", "list", umbrella])["items"].clone();
    let ago = |days: i64| chandlery_registry::time(Timestamp::now() - SignedDuration::from_hours(24 * days));
    dns.set(&record, Says::Failure);
    assert_eq!(check(&ann, umbrella, example), ("failed".into(), true));
    dns.set(&record, Says::Texts(vec![theirs]));
    assert_eq!(check(&ann, umbrella, example), ("absent".into(), true));
    assert_eq!(bob.refused(&check_words).0.r#type, "conflict");
    let both = listed();
    assert_eq!(both.as_array().unwrap().len(), 2);
    assert!(both[0]["missing_since"].is_null() && both[1]["missing_since"].is_string(), "{both}");
    world.stores.sql(&format!("update organisation_domains set checked_at = '{}'", ago(2)));
    world.stores.sql(&format!(
        "update organisation_domains set missing_since = '{}' where missing_since is not null",
        ago(7)
    ));
    world.restart_registry();
    let lapsed =
        until("the domain has lapsed", || Some(listed()).filter(|both| both[1]["proved_at"].is_null()));
    assert!(lapsed[0]["proved_at"].is_string(), "{lapsed}");
    let told = json!(ann.list("/api/v1/notices")).to_string();
    assert!(
        told.contains("is missing") && told.contains("is not a domain of 'umbrella-inc' any more"),
        "{told}"
    );
    assert_eq!(check(&bob, hooli, example), ("found".into(), true));

    // What is taken back is free at once.
    domain(&bob, "remove", hooli, example);
    assert_eq!(bob.refused(&check_words).0.r#type, "not-found");
    let trail = world.operator().text(&["audit", "export"]);
    for act in ["domain-added", "domain-proved", "domain-lapsed", "domain-removed"] {
        assert!(trail.contains(&format!("\"{act}\"")), "{act}");
    }
}
