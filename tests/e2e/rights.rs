//! Who may do what.

use chandlery_package::Component;
use chandlery_package::artifact::Artifact;

use crate::world::{World, plugin};

#[test]
fn only_owners_publish_and_only_operators_operate() {
    let world = World::start();
    let acme = world.publisher("acme");
    let mallory = world.publisher("mallory");
    let bytes = plugin("ocr-server");
    acme.publish(&bytes);

    let artifact = Artifact::of_component(&Component::parse(&bytes).unwrap(), bytes.clone());
    let pushed = world.runtime.block_on(mallory.push("acme/ocr-server", "1.0.0", &artifact));
    assert!(pushed.unwrap_err().contains("may not push to 'acme'"));

    let (problem, _) = mallory.refused(&["namespace", "take", "acme"]);
    assert_eq!(problem.r#type, "conflict");
    for words in [
        &["keys", "add", "acme", "--key", "mallory"][..],
        &["orders", "price", "acme:ocr-server", "1.00 USD"],
        &["orders", "paid", "CH-X", "1.00 USD", "--bank-reference", "B"],
        &["payouts", "balance", "acme"],
        &["payouts", "transactions", "acme"],
        &["payouts", "propose", "acme"],
        &["books", "journal"],
        &["books", "check"],
        &["payouts", "list"],
        &["operator", "propose", "mallory"],
        &["operator", "reset-password", "acme"],
        &["audit", "list"],
    ] {
        let (problem, code) = mallory.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("forbidden", 5), "{words:?} {problem:?}");
    }
    let stranger = world.person("stranger");
    for words in [&["payouts", "balance", "acme"][..], &["orders", "list"], &["namespace", "take", "mine"]] {
        let (problem, code) = stranger.refused(words);
        assert_eq!((problem.r#type.as_str(), code), ("unauthenticated", 5), "{words:?}");
    }
    for path in [
        "/api/v1/partners/acme/balances",
        "/api/v1/ledger/journal",
        "/api/v1/usage",
        "/dashboard/acme/transactions.csv",
    ] {
        assert_eq!(world.get(path, &[]).0, 401, "{path}");
        let token = format!("Bearer {}", mallory.token());
        let expected = if path == "/api/v1/usage" { 200 } else { 403 };
        assert_eq!(world.get(path, &[("authorization", &token)]).0, expected, "{path}");
    }
    assert_eq!(world.get("/api/v1/usage", &[("authorization", "Bearer wrong")]).0, 401);
}

#[test]
fn what_cannot_be_read_is_refused_with_a_problem() {
    let world = World::start();
    let token = format!("Bearer {}", world.customer().token());
    for path in [
        "/api/v1/namespaces/Not_A_Name/keys",
        "/api/v1/plugins/acme/x/releases/one",
        "/api/v1/partners/A/balances",
    ] {
        let (status, text) = world.get(path, &[("authorization", &token)]);
        let problem: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
        assert_eq!((status, problem["type"].as_str()), (400, Some("invalid")), "{path}");
    }
    let missing =
        ["/api/v1/plugins/acme/none/releases", "/log/tile/0/000", "/log/tile/0/x", "/log/tile/9/000"];
    for path in missing {
        assert_eq!(world.get(path, &[]).0, 404, "{path}");
    }
}

#[test]
fn a_second_host_with_the_same_data_is_refused() {
    let world = World::start();
    let data = world.host_data();
    let words = ["host", "run", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let (problem, _) = world.customer().refused(&words);
    assert_eq!(problem.r#type, "in-use");
}
