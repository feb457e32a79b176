//! A write that is sent again with the same `Idempotency-Key` is done once, and answered as it was.

use serde_json::{Value, json};

use crate::world::{Answer, Person, World, plugin};

/// Sends a write with a key, as an account.
fn send(world: &World, person: &Person, key: &str, path: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    world.send("POST", path, Some(&person.token()), &headers, body.to_string())
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// The same answer twice, of which only the second says so.
fn twice(world: &World, person: &Person, key: &str, path: &str, body: &Value) -> Value {
    let [first, second] = [(), ()].map(|()| send(world, person, key, path, body));
    assert!((200..300).contains(&first.status), "{path}: {}", first.text());
    assert_eq!((is_replayed(&first), is_replayed(&second)), (false, true), "{path}");
    assert_eq!((first.status, &first.body), (second.status, &second.body), "{path}");
    assert_eq!(first.header("content-type"), second.header("content-type"), "{path}");
    first.json()
}

#[test]
fn orders_payouts_and_tokens_are_made_once() {
    let world = World::with_hold(0);
    let (acme, customer, operator) = (world.publisher("acme"), world.customer(), world.operator());
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);

    let body = json!({ "plugin": "acme:ocr-server" });
    let order = twice(&world, &customer, "\"order-1\"", "/api/v1/orders", &body);
    assert_eq!(customer.list("/api/v1/orders").len(), 1);
    let reference = order["reference"].as_str().unwrap();
    operator.ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", "B-1"]);
    let body = json!({ "partner": "acme", "currency": "USD" });
    let payout = twice(&world, &operator, "payout-1", "/api/v1/payouts", &body);
    assert_eq!(payout["amount"]["minor"], 8500);
    assert_eq!(operator.list("/api/v1/payouts").len(), 1);

    // A token is shown again to whoever was shown it, and is nowhere in the database.
    let count = || customer.list("/api/v1/account/tokens").len();
    let before = count();
    let body = json!({ "note": "ci", "scope": "full", "days_valid": 1 });
    let made = twice(&world, &customer, "token-1", "/api/v1/account/tokens", &body);
    assert_eq!(count(), before + 1);
    let token = made["token"].as_str().unwrap();
    let kept = world.stores.texts("select answer from idempotent_answers where answer is not null");
    assert!(kept.len() >= 3 && kept.iter().all(|answer| !answer.contains(token)), "{kept:?}");
    let by_another = [("content-type", "application/json"), ("idempotency-key", "token-1")];
    let asked = world.send("POST", "/api/v1/account/tokens", Some(token), &by_another, body.to_string());
    assert!(asked.status == 409 && asked.text().contains("another token"), "{}", asked.text());
    assert_eq!(count(), before + 1);

    // A key is of one request and of one account.
    let other = json!({ "note": "another", "scope": "full", "days_valid": 1 });
    let reused = send(&world, &customer, "token-1", "/api/v1/account/tokens", &other);
    assert_eq!((reused.status, &reused.json()["type"]), (422, &json!("key-reused")));
    assert_eq!(send(&world, &customer, "a key", "/api/v1/account/tokens", &other).status, 400);
    let of_acme = send(&world, &acme, "token-1", "/api/v1/account/tokens", &body);
    assert!(of_acme.status < 300 && !is_replayed(&of_acme), "{}", of_acme.text());

    // What was refused has done nothing, and may be sent again.
    let unknown = json!({ "plugin": "acme:none" });
    for _ in 0..2 {
        let refused = send(&world, &customer, "order-2", "/api/v1/orders", &unknown);
        assert!((400..500).contains(&refused.status) && !is_replayed(&refused), "{}", refused.text());
    }

    // One that is not answered is not done again: at first since it may be under way, and then since nobody knows.
    world.stores.sql("update idempotent_answers set answer = null");
    let body = json!({ "plugin": "acme:ocr-server" });
    let ask = || send(&world, &customer, "order-1", "/api/v1/orders", &body);
    assert!(ask().status == 409 && ask().text().contains("still being answered"), "{}", ask().text());
    let now = chandlery_registry::time(jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5));
    world.stores.sql(&format!("update idempotent_answers set at = '{now}'"));
    assert!(ask().status == 409 && ask().text().contains("is not known"), "{}", ask().text());
    let now = chandlery_registry::time(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(25));
    world.stores.sql(&format!("update idempotent_answers set at = '{now}'"));
    assert!(!is_replayed(&ask()), "a day later it is forgotten");
    operator.ok(&["books", "check"]);
}
