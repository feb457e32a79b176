//! What a partner is told: a sale, a refund and a payout, by mail and by a webhook whose signature verifies; what a receiver does not
//! take is sent again, by the same id; and nothing is sent to where nothing may be.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::mail::MailServer;
use crate::receiver::{Received, Receiver};
use crate::world::{Answer, Person, World, plugin, until};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const FORM: &str = "application/x-www-form-urlencoded";
const WEBHOOKS: &str = "/api/v1/partners/acme/webhooks";
const ALL: [&str; 5] = ["sale", "refund", "dispute", "payout", "payout-failed"];

/// A partner that sells something for 100.00 USD, and what it is told with.
struct Market {
    world: World,
    acme: Person,
    mails: MailServer,
}

impl Market {
    fn open(more: &[&str]) -> Self {
        let mails = MailServer::start();
        let mut world = World::with_hold(0);
        let arguments = ["--virtual-clock", "--smtp", mails.url.as_str()];
        world.registry.arguments = arguments.iter().chain(more).map(ToString::to_string).collect();
        world.restart_registry();
        world.set_clock("2026-01-05T00:00:00Z");
        world.lift_approvals();
        let acme = world.publisher("acme");
        acme.publish(&plugin("ocr-server"));
        acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
        let market = Self { world, acme, mails };
        let profile = json!({ "country": "DE", "email": "acme@example.org" });
        assert_eq!(market.ask("PUT", "/api/v1/billing-profile", &profile).status, 200);
        market
    }

    /// Sends something as acme.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.world.send(method, path, Some(&self.acme.token()), &JSON, body.to_string())
    }

    /// A webhook that is told of everything: its id and its secret.
    fn hook(&self, url: &str) -> (String, String) {
        let made = self.ask("POST", WEBHOOKS, &json!({ "url": url, "kinds": ALL }));
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["webhook"]["id"]), text(&made["secret"]))
    }

    /// Sells once, paid by a transfer, and gives the number of the invoice.
    fn sell(&self) -> i64 {
        let (customer, operator) = (self.world.customer(), self.world.operator());
        let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
        let reference = order["reference"].as_str().unwrap();
        let paid = operator.ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", "B-1"]);
        paid["invoice"].as_i64().unwrap_or_else(|| panic!("{paid}"))
    }

    fn deliveries(&self) -> Vec<Value> {
        self.acme.list("/api/v1/partners/acme/webhook-deliveries")
    }
}

/// Once so many messages have come.
fn messages(receiver: &Receiver, count: usize) -> Vec<Received> {
    until(&format!("{count} messages have come"), || {
        Some(receiver.received()).filter(|received| received.len() >= count)
    })
}

/// Whether a message is signed by this secret, as the specification has it.
fn verifies(message: &Received, secret: &str) -> bool {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, at) = (message.header("webhook-id"), message.header("webhook-timestamp"));
    let body = std::str::from_utf8(&message.body).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let seconds: i64 = at.parse().unwrap();
    let is_recent = (jiff::Timestamp::now().as_second() - seconds).abs() < 300;
    is_recent && message.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[test]
fn a_sale_and_a_refund_give_a_mail_and_a_webhook_that_verifies() {
    let market = Market::open(&["--private-webhooks"]);
    let receiver = Receiver::start();
    let chosen = json!({ "kinds": ["sale", "refund"] });
    assert_eq!(market.ask("PUT", "/api/v1/partners/acme/notices", &chosen).json(), chosen);
    let (id, secret) = market.hook(&receiver.url("/hook"));

    let invoice = market.sell();
    let sold = messages(&receiver, 1).remove(0);
    assert!(verifies(&sold, &secret) && !verifies(&sold, "whsec_AAAA"), "{sold:?}");
    assert_eq!((sold.method.as_str(), sold.header("content-type")), ("POST", "application/json"));
    let body = sold.json();
    assert_eq!((&body["type"], &body["data"]["gross"]["minor"]), (&json!("sale"), &json!(10_000)), "{body}");
    assert_eq!(body["data"]["plugin"], "acme:ocr-server");

    let operator = market.world.operator();
    let number = invoice.to_string();
    operator.ok(&["invoices", "refund", &number, "40.00 USD", "--key", "R-1", "--reason", "as agreed"]);
    let refunded = messages(&receiver, 2).remove(1);
    assert!(verifies(&refunded, &secret), "{refunded:?}");
    let body = refunded.json();
    assert_eq!(
        (&body["type"], &body["data"]["amount"]["minor"]),
        (&json!("refund"), &json!(4_000)),
        "{body}"
    );
    // Of a share it takes what the share was of the whole.
    let share = |message: &Received| message.json()["data"]["share"]["minor"].as_i64().unwrap();
    assert_eq!(share(&refunded) * 10, share(&sold) * 4);
    assert_ne!(sold.header("webhook-id"), refunded.header("webhook-id"));

    // Moving the clock sends the mail: of both at once, to whoever owns the partner.
    market.world.set_clock("2026-01-06T00:00:00Z");
    let mail = until("the mail is there", || market.mails.with("What 'acme' earns").pop());
    assert!(mail.contains("To: acme@example.org") && mail.contains("refund (1), sale (1)"), "{mail}");
    market.world.set_clock("2026-01-07T00:00:00Z");
    assert_eq!(market.mails.with("What 'acme' earns").len(), 1, "once");

    // What was taken is listed, and sent again where that is asked for, by the same id.
    let taken = |count: usize| {
        until("it is written down", || {
            let all = market.deliveries();
            (all.len() == count && all.iter().all(|delivery| delivery["state"] == "taken")).then_some(all)
        })
    };
    let listed = taken(2);
    assert_eq!((&listed[0]["kind"], &listed[1]["kind"]), (&json!("refund"), &json!("sale")));
    let notice = sold.header("webhook-id");
    let again = market.ask("POST", &format!("{WEBHOOKS}/{id}/deliveries/{notice}"), &json!(null));
    assert_eq!((again.status, &again.json()["state"]), (200, &json!("waiting")));
    assert_eq!(messages(&receiver, 3)[2].header("webhook-id"), notice);
    taken(2);

    // Another secret signs from then on, and neither is in the database.
    let rotated = market.ask("POST", &format!("{WEBHOOKS}/{id}/secret"), &json!(null)).json();
    let other = rotated["secret"].as_str().unwrap();
    assert_eq!(market.ask("POST", &format!("{WEBHOOKS}/{id}/test"), &json!(null)).status, 201);
    let test = messages(&receiver, 4).remove(3);
    assert!(verifies(&test, other) && !verifies(&test, &secret) && test.json()["type"] == "test", "{test:?}");
    let kept = market.world.stores.texts("select salt from webhooks").concat();
    for secret in [&secret, other] {
        let bytes = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert!(!kept.contains(&hex::encode(&bytes)) && !kept.contains(secret), "{kept}");
    }
    assert!(!market.ask("GET", WEBHOOKS, &json!(null)).text().contains("whsec_"));

    assert_eq!(market.ask("DELETE", &format!("{WEBHOOKS}/{id}"), &json!(null)).status, 204);
    assert!(market.deliveries().is_empty());
    let trail = operator.text(&["audit", "export"]);
    for act in ["notices-chosen", "webhook-made", "webhook-rotated", "webhook-removed"] {
        assert!(trail.contains(act), "{act}");
    }
    assert!(!trail.contains("/hook") && !trail.contains("whsec_"), "the trail goes to others");
}

#[test]
fn what_is_not_taken_is_sent_again_and_what_is_gone_is_told_no_more() {
    let market = Market::open(&["--private-webhooks"]);
    let count = Arc::new(AtomicUsize::new(0));
    let answers = Arc::new(Mutex::new(StatusCode::INTERNAL_SERVER_ERROR));
    let (counted, answered) = (Arc::clone(&count), Arc::clone(&answers));
    let receiver = Receiver::answering(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        answered.lock().unwrap().into_response()
    });
    let (id, secret) = market.hook(&receiver.url("/flaky"));
    market.sell();
    let first = messages(&receiver, 1).remove(0);
    let waiting = until("it is to be sent again", || {
        market.deliveries().into_iter().find(|delivery| delivery["attempts"] == 1)
    });
    assert_eq!(
        (&waiting["state"], &waiting["answer"]),
        (&json!("waiting"), &json!("it answers 500 Internal Server Error"))
    );
    *answers.lock().unwrap() = StatusCode::OK;
    let second = messages(&receiver, 2).remove(1);
    assert_eq!(second.header("webhook-id"), first.header("webhook-id"));
    assert!(second.body == first.body && verifies(&second, &secret), "{second:?}");
    until("it is taken", || {
        let all = market.deliveries();
        (all[0]["state"] == "taken" && all[0]["attempts"] == 2).then_some(())
    });

    // A redirect is not followed.
    *answers.lock().unwrap() = StatusCode::TEMPORARY_REDIRECT;
    market.ask("POST", &format!("{WEBHOOKS}/{id}/test"), &json!(null));
    until("it is no answer", || {
        market
            .deliveries()
            .into_iter()
            .find(|delivery| delivery["answer"] == "it answers 307 Temporary Redirect")
    });
    // Whoever says that it is gone is told nothing more, and its partner why.
    *answers.lock().unwrap() = StatusCode::GONE;
    let disabled = until("it is disabled", || {
        let all = market.acme.list(WEBHOOKS);
        all[0]["disabled"].as_str().map(ToOwned::to_owned)
    });
    assert_eq!(disabled, "it answers that it is gone");
    let before = count.load(Ordering::Relaxed);
    let refused = market.ask("POST", &format!("{WEBHOOKS}/{id}/test"), &json!(null));
    assert_eq!(refused.status, 409, "{refused:?}");
    market.world.set_clock("2026-01-06T00:00:00Z");
    let mail =
        until("the mail is there", || market.mails.with("The webhook of 'acme' at 127.0.0.1 is").pop());
    // Lines of a letter are broken where they are long.
    let mail = mail.replace("=\r\n", "").replace("=\n", "");
    assert!(mail.contains("it answers that it is gone"), "{mail}");
    assert_eq!(count.load(Ordering::Relaxed), before);
    // It is enabled again, and what it is sent is taken.
    *answers.lock().unwrap() = StatusCode::NO_CONTENT;
    assert_eq!(
        market.ask("POST", &format!("{WEBHOOKS}/{id}/enable"), &json!(null)).json()["disabled"],
        Value::Null
    );
    assert_eq!(market.ask("POST", &format!("{WEBHOOKS}/{id}/test"), &json!(null)).status, 201);
    until("it is taken", || market.deliveries().into_iter().find(|all| all["answer"] == "204 No Content"));
}

#[test]
fn whoever_owns_a_partner_no_more_is_told_nothing_until_an_owner_answers_for_the_webhook() {
    let market = Market::open(&["--private-webhooks"]);
    let receiver = Receiver::start();
    let bob = market.world.person("bob");
    bob.register();
    market.acme.ok(&["namespace", "invite", "acme", "bob", "--role", "owner"]);
    bob.ok(&["namespace", "accept", "acme"]);
    let new = json!({ "url": receiver.url("/bob"), "kinds": ALL }).to_string();
    let made = market.world.send("POST", WEBHOOKS, Some(&bob.token()), &JSON, new);
    assert_eq!(made.status, 201, "{made:?}");
    market.sell();
    messages(&receiver, 1);

    market.acme.ok(&["namespace", "remove", "acme", "bob"]);
    let id = made.json()["webhook"]["id"].as_str().unwrap().to_owned();
    assert_eq!(market.ask("POST", &format!("{WEBHOOKS}/{id}/test"), &json!(null)).status, 201);
    let hook = until("it is disabled", || {
        market.acme.list(WEBHOOKS).into_iter().find(|hook| hook["disabled"].is_string())
    });
    assert_eq!(hook["disabled"], "'bob', who answers for it, speaks for 'acme' no more");
    assert_eq!(receiver.received().len(), 1, "what is earned is told nobody who owns it no more");
    // An owner who enables it answers for it, and is told what has waited, once its time has come.
    let enabled = market.ask("POST", &format!("{WEBHOOKS}/{id}/enable"), &json!(null)).json();
    assert_eq!((&enabled["made_by"], &enabled["disabled"]), (&json!("acme"), &Value::Null));
    assert_eq!(market.ask("POST", &format!("{WEBHOOKS}/{id}/test"), &json!(null)).status, 201);
    assert_eq!(messages(&receiver, 2)[1].json()["type"], "test");
}

#[test]
fn nothing_is_sent_to_an_address_that_is_private() {
    let mut market = Market::open(&["--private-webhooks"]);
    let receiver = Receiver::start();
    let (id, _) = market.hook(&receiver.url("/inside"));
    // As others run a registry: what was let in before is looked at again.
    market.world.registry.arguments.retain(|argument| argument != "--private-webhooks");
    market.world.restart_registry();
    market.sell();
    let refused = until("it is not sent", || {
        market.deliveries().into_iter().find(|delivery| delivery["attempts"].as_u64() > Some(0))
    });
    assert!(refused["answer"].as_str().unwrap().contains("begins with https://"), "{refused}");
    assert!(receiver.received().is_empty());
    assert_eq!(market.ask("DELETE", &format!("{WEBHOOKS}/{id}"), &json!(null)).status, 204);

    let make = |url: &str| {
        let answer = market.ask("POST", WEBHOOKS, &json!({ "url": url, "kinds": ["sale"] }));
        (answer.status, answer.json()["type"].as_str().unwrap_or_default().to_owned())
    };
    let by_name = (400, "private-address".to_owned());
    for url in [
        "https://localhost:8443/hook",
        "https://127.0.0.1/hook",
        "https://10.1.2.3/",
        "https://192.168.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://169.254.169.254/latest/meta-data/",
    ] {
        assert_eq!(make(url), by_name, "{url}");
    }
    for url in
        ["http://hooks.example.com/", "ftp://hooks.example.com/", "https://a:b@hooks.example.com/", "x"]
    {
        assert_eq!(make(url), (400, "invalid".to_owned()), "{url}");
    }
    assert!(market.acme.list(WEBHOOKS).is_empty());
}

#[test]
fn the_page_shows_a_secret_once_and_does_what_the_interface_does() {
    let market = Market::open(&["--private-webhooks"]);
    let receiver = Receiver::start();
    let cookie = market.world.session(&market.acme);
    let origin = market.world.origin();
    let headers = [("content-type", FORM), ("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let page = "/dashboard/acme/notices";
    let send = |fields: &[(&str, &str)]| {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        market.world.send("POST", page, None, &headers, body)
    };
    let shown = || market.world.get(page, &[("cookie", &cookie)]).1;
    assert!(shown().contains("There is no webhook."));
    assert_eq!(send(&[("act", "mail"), ("sale", "true")]).status, 303);
    assert_eq!(
        market.ask("GET", "/api/v1/partners/acme/notices", &json!(null)).json()["kinds"],
        json!(["sale"])
    );

    let url = receiver.url("/<script>alert(1)</script>");
    let made = send(&[("act", "add"), ("url", &url), ("sale", "true")]);
    assert!(made.status == 200 && made.text().contains("whsec_"), "{made:?}");
    assert!(!made.text().contains("<script>alert"), "{made:?}");
    assert!(!shown().contains("whsec_"), "once");
    let id = market.acme.list(WEBHOOKS)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(send(&[("act", "test"), ("id", &id)]).status, 303);
    let notice = messages(&receiver, 1)[0].header("webhook-id").to_owned();
    until("the page says so", || shown().contains("200 OK").then_some(()));
    assert_eq!(send(&[("act", "again"), ("id", &id), ("notice", &notice)]).status, 303);
    assert_eq!(messages(&receiver, 2)[1].header("webhook-id"), notice);

    for (fields, status) in [
        (&[("act", "add"), ("url", "https://169.254.169.254/"), ("sale", "true")][..], 400),
        (&[("act", "add"), ("url", "https://hooks.example.com/")], 400),
        (&[("act", "rotate"), ("id", "none")], 404),
        (&[("act", "again"), ("id", &id), ("notice", "msg_0")], 404),
        (&[("act", "dance")], 400),
        (&[], 400),
    ] {
        let answer = send(fields);
        assert!(
            answer.status == status && answer.text().contains("role=\"alert\""),
            "{fields:?}: {answer:?}"
        );
    }
    assert_eq!(send(&[("act", "remove"), ("id", &id)]).status, 303);
    assert!(shown().contains("There is no webhook."));
    // Nobody decides for a partner what it is told.
    let operator = market.world.session(&market.world.another_operator("olga"));
    assert_eq!(market.world.get(page, &[("cookie", &operator)]).0, 403);
}

#[test]
fn the_command_does_what_the_interface_does() {
    let market = Market::open(&["--private-webhooks"]);
    let (acme, receiver) = (&market.acme, Receiver::start());
    let told = acme.ok(&["notices", "show", "acme"]);
    assert_eq!(told["kinds"], json!(["dispute", "payout", "payout-failed"]));
    assert_eq!(acme.ok(&["notices", "choose", "acme", "sale", "refund"])["kinds"], json!(["sale", "refund"]));
    assert_eq!(acme.ok(&["notices", "choose", "acme", "--none"])["kinds"], json!([]));
    assert!(acme.text(&["notices", "show", "acme"]).contains("is told nothing by mail"));

    let hooks = |words: &[&str]| acme.ok(&[&["notices", "webhooks"], words].concat());
    let made = hooks(&["add", "acme", &receiver.url("/hook"), "sale", "payout"]);
    let [id, secret] = [&made["webhook"]["id"], &made["secret"]].map(|text| text.as_str().unwrap());
    assert_eq!(made["webhook"]["kinds"], json!(["payout", "sale"]));
    assert_eq!(hooks(&["list", "acme"])[0]["id"], id);
    let shown = acme.text(&["notices", "webhooks", "list", "acme"]);
    assert!(shown.contains("payout, sale") && !shown.contains("whsec_"), "once: {shown}");

    let sent = hooks(&["test", "acme", id]);
    let test = messages(&receiver, 1).remove(0);
    assert!(verifies(&test, secret) && sent["notice"] == test.header("webhook-id"), "{test:?}");
    until("it is taken", || {
        let all = hooks(&["deliveries", "acme"]);
        (all.as_array().unwrap().len() == 1 && all[0]["state"] == "taken").then_some(())
    });
    let rotated = hooks(&["rotate", "acme", id]);
    hooks(&["resend", "acme", id, test.header("webhook-id")]);
    let again = messages(&receiver, 2).remove(1);
    assert_eq!(again.header("webhook-id"), test.header("webhook-id"));
    assert!(verifies(&again, rotated["secret"].as_str().unwrap()) && !verifies(&again, secret), "{again:?}");
    assert_eq!(hooks(&["enable", "acme", id])["made_by"], "acme");

    let globex = market.world.customer();
    assert_eq!(globex.refused(&["notices", "webhooks", "list", "acme"]).0.r#type, "forbidden");
    hooks(&["remove", "acme", id]);
    assert_eq!(hooks(&["list", "acme"]), json!([]));
    assert_eq!(acme.refused(&["notices", "webhooks", "test", "acme", id]).0.r#type, "not-found");
}
