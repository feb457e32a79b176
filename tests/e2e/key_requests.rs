//! Keys that members of a namespace ask its owners to add: by the command and on its page, until an owner adds or refuses them.

use serde_json::json;

use crate::browser_publish::{FORM, Pages};
use crate::world::{Person, World, plugin};

const NAMESPACE: &str = "/publish/namespaces/acme";
const REQUESTS: &str = "/publish/namespaces/acme/key-requests";

/// Somebody who publishes in `acme`, and the id of their key, which does not sign there yet.
fn publisher(world: &World, owner: &Person, name: &str) -> (Person, String) {
    let person = world.person(name);
    person.register();
    owner.ok(&["namespace", "invite", "acme", name, "--role", "publisher"]);
    person.ok(&["namespace", "accept", "acme"]);
    let key = person.ok(&["keys", "new", "acme"])["key"].as_str().unwrap().to_owned();
    (person, key)
}

#[test]
fn a_publisher_asks_for_its_key_and_signs_once_an_owner_has_added_it() {
    let world = World::start();
    let acme = world.publisher("acme");
    let (bob, key) = publisher(&world, &acme, "bob");
    let file = bob.file("ocr.wasm", &plugin("ocr-server"));

    // Whatever bob tries says what to do next.
    for words in [&["publish", &file][..], &["keys", "add", "acme"]] {
        let remedy = bob.refused(words).0.remedy.unwrap();
        assert!(remedy.contains("chandlery keys request acme"), "{words:?}: {remedy}");
    }
    bob.ok(&["keys", "request", "acme"]);
    bob.ok(&["keys", "request", "acme"]);
    let told = acme.list("/api/v1/notices");
    let asked: Vec<_> =
        told.iter().filter(|notice| notice["subject"].to_string().contains("'bob'")).collect();
    assert_eq!(asked.len(), 1, "however often it is asked for: {told:?}");
    assert!(
        asked[0]["body"].to_string().contains(&format!("chandlery keys approve acme {key}")),
        "{asked:?}"
    );

    assert_eq!(bob.refused(&["keys", "approve", "acme", &key]).0.r#type, "forbidden");
    assert_eq!(bob.ok(&["keys", "waiting", "acme"])["items"][0]["asked_by"], "bob");
    acme.ok(&["keys", "approve", "acme", &key]);
    assert_eq!(acme.ok(&["keys", "waiting", "acme"])["items"], json!([]));
    let told = json!(bob.list("/api/v1/notices")).to_string();
    assert!(told.contains("your key signs releases of 'acme' from now on"), "{told}");
    bob.ok(&["publish", &file]);
    assert_eq!(bob.refused(&["keys", "request", "acme"]).0.r#type, "conflict", "it signs already");
    let trail = world.stores.texts("select became from audit where act = 'key-added' order by number desc");
    assert!(trail[0].contains("\"asked_by\":\"bob\""), "{trail:?}");
}

#[test]
fn a_request_is_refused_taken_back_and_ends_with_the_role_of_who_asks() {
    let world = World::start();
    let acme = world.publisher("acme");
    let [(bob, key), (eve, of_eve)] = ["bob", "eve"].map(|name| publisher(&world, &acme, name));
    let viewer = world.person("viewer");
    viewer.register();
    acme.ok(&["namespace", "invite", "acme", "viewer", "--role", "viewer"]);
    viewer.ok(&["namespace", "accept", "acme"]);
    viewer.ok(&["keys", "new", "acme"]);
    assert_eq!(viewer.refused(&["keys", "request", "acme"]).0.r#type, "forbidden");

    bob.ok(&["keys", "request", "acme"]);
    acme.ok(&["keys", "refuse", "acme", &key]);
    let told = json!(bob.list("/api/v1/notices")).to_string();
    assert!(told.contains("your key was not added to 'acme'"), "{told}");
    assert_eq!(acme.refused(&["keys", "approve", "acme", &key]).0.r#type, "not-found");
    bob.ok(&["keys", "request", "acme"]);
    bob.ok(&["keys", "refuse", "acme", &key]);
    assert_eq!(bob.ok(&["keys", "waiting", "acme"])["items"], json!([]));

    eve.ok(&["keys", "request", "acme"]);
    let (refused, _) = bob.refused(&["keys", "refuse", "acme", &of_eve]);
    assert!(
        refused.detail.contains("refuse what 'eve' asks for"),
        "one publisher stops no other: {refused:?}"
    );
    assert_eq!(acme.ok(&["keys", "waiting", "acme"])["items"][0]["asked_by"], "eve");
    acme.ok(&["namespace", "remove", "acme", "eve"]);
    assert_eq!(acme.ok(&["keys", "waiting", "acme"])["items"], json!([]), "eve publishes here no more");
    let refused = acme.refused(&["keys", "approve", "acme", &of_eve]).0.r#type;
    assert!(["conflict", "not-found"].contains(&refused.as_str()), "{refused}");
}

#[test]
fn an_owner_sees_what_is_asked_for_on_the_page_and_adds_it_there() {
    let world = World::start();
    let acme = world.publisher("acme");
    let (bob, key) = publisher(&world, &acme, "bob");
    let (owner, asking) = (Pages::of(&world, &acme), Pages::of(&world, &bob));
    assert!(!owner.show(NAMESPACE).contains("Requested keys"));
    let shown = asking.show(NAMESPACE);
    assert!(shown.contains(&format!("action=\"{REQUESTS}\"")) && shown.contains("data-sign"), "{shown}");

    bob.ok(&["keys", "request", "acme"]);
    let request = format!("{REQUESTS}/{key}");
    let shown = owner.show(NAMESPACE);
    assert!(shown.contains("Requested keys") && shown.contains(&format!("action=\"{request}\"")), "{shown}");
    assert!(!asking.show(NAMESPACE).contains("Add key SHA256"), "who asks does not add it");
    asking.refused(&request, &[("act", "approve")], 403, "may not add keys to 'acme'");
    owner.refused(&request, &[("act", "sell")], 400, "'sell'");
    owner.done(&request, &[("act", "approve")]);
    assert_eq!(acme.list("/api/v1/namespaces/acme/keys").len(), 2);
    owner.refused(&request, &[("act", "approve")], 404, "there is no request to add key");
    assert_eq!(asking.ask("POST", REQUESTS, FORM, "key=x&proof=x").status, 400);
}
