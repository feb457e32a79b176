//! The operator's console: two people who work by its pages alone, from a line of the bank to the partner's bank file. What its pages
//! show is what the API says, and a form that is sent twice is done once.

use serde_json::{Value, json};

use crate::customer::{Browser, hidden, written};
use crate::world::{Answer, Person, World, plugin};

const IBAN: &str = "DE89370400440532013000";
const PARTNERS_IBAN: &str = "FR1420041010050500013M02606";
pub const ALLOTMENT: &str = "/operator/bank/allotment";
const BOUNDARY: &str = "a-boundary-that-no-statement-has";

/// A registry in March 2026, at which a plugin costs 100.00 USD once, with two operators beside the first one.
pub fn world() -> World {
    let mut world = World::with_limits();
    world.restart_registry_with(&["--virtual-clock"].map(str::to_owned));
    world.set_clock("2026-03-05T12:00:00Z");
    world.lift_approvals();
    let (operator, acme) = (world.operator(), world.publisher("acme"));
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    operator.ok(&["payouts", "from", "Chandlery GmbH", IBAN, "COBADEFFXXX"]);
    let profile = acme.ok(&["payouts", "profile", "acme", "--iban", PARTNERS_IBAN, "--holder", "Acme SA"]);
    operator.ok(&["payouts", "approve-profile", "acme", &profile["version"].to_string()]);
    for name in ["olga", "pete"] {
        world.another_operator(name);
    }
    world
}

/// A figure of a page, as it is written there.
pub fn figure<'a>(page: &'a str, name: &str) -> &'a str {
    let text = page.split(&format!("data-figure=\"{name}\">")).nth(1);
    text.unwrap_or_else(|| panic!("no {name} in {page}")).split('<').next().unwrap()
}

/// The first link of a page that begins so, as it was before it was escaped.
pub fn link(page: &str, begin: &str) -> String {
    let found = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let found = found.map(|link| link.replace("&amp;", "&")).find(|link| link.starts_with(begin));
    found.unwrap_or_else(|| panic!("nothing leads to {begin} on {page}"))
}

/// Sends the form that a page has for what a bank line is for, as it stands there.
pub fn confirm(browser: &Browser<'_>, page: &str) -> Answer {
    let form = page.split("<form").find(|form| form.contains(&format!("action=\"{ALLOTMENT}\""))).unwrap();
    let form = form.split("</form>").next().unwrap();
    let names = form.split("type=\"hidden\" name=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let fields: Vec<(&str, String)> = names.map(|name| (name, hidden(form, name))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.send(ALLOTMENT, &fields)
}

/// Sends a statement's file by the form of the bank's page, and gives the page that says what became of it.
pub fn bring(world: &World, cookie: &str, statement: &str) -> String {
    let part = |name: &str, more: &str, body: &str| {
        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{more}\r\n\r\n{body}\r\n")
    };
    let body = [part("statement", "; filename=\"march.csv\"", statement), part("account", "", "")].concat();
    let (kind, origin) = (format!("multipart/form-data; boundary={BOUNDARY}"), world.origin());
    let headers = [("content-type", kind.as_str()), ("origin", origin.as_str()), ("cookie", cookie)];
    let answer =
        world.send("POST", "/operator/bank/statements", None, &headers, format!("{body}--{BOUNDARY}--\r\n"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// A reference with one letter wrong.
fn mistyped(reference: &str) -> String {
    let (rest, last) = reference.split_at(reference.len() - 1);
    format!("{rest}{}", if last == "2" { '3' } else { '2' })
}

fn line(operator: &Person, id: &str) -> Value {
    let lines = operator.list("/api/v1/bank/lines");
    lines.into_iter().find(|line| line["id"] == id).unwrap()
}

#[test]
fn two_operators_bring_a_payment_to_the_partners_bank() {
    let world = world();
    let [olga, pete] = ["olga", "pete"].map(|name| world.person(name));
    let (her, his) = (Browser::of(&world, &olga), Browser::of(&world, &pete));

    // Nothing waits, and nobody else may look.
    let calm = her.page("/operator");
    assert!(calm.contains("Nothing waits for you."), "{calm}");
    assert_eq!(Browser::of(&world, &world.person("acme")).get("/operator").0, 403);
    let nobody = world.send("GET", "/operator/bank?state=open", None, &[], "");
    assert_eq!(nobody.header("location"), "/login?next=/operator/bank%3Fstate%3Dopen");

    // The bank tells of a transfer whose reference is mistyped.
    let order = world.customer().ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    let statement =
        format!("id,date,amount,currency,text\nB-1,2026-03-05,130.00,USD,for {}\n", mistyped(reference));
    let brought = bring(&world, &world.session(&olga), &statement);
    assert!(brought.contains("Lines that are open: 1 of 1"), "{brought}");
    bring(&world, &world.session(&olga), &statement);
    assert_eq!(olga.list("/api/v1/bank/lines").len(), 1, "brought again, it is the same line");
    assert_eq!(figure(&her.page("/operator"), "bank-lines"), "1");

    // What speaks for the order is shown, and done once it is confirmed.
    let page = her.page(&link(&her.page("/operator/bank"), "/operator/bank/line"));
    assert!(page.contains(&format!("the text nearly names {reference}")), "{page}");
    assert_eq!(figure(&page, "open"), written(&line(&olga, "B-1")["open"]));
    let shown = her.page(&link(&page, ALLOTMENT));
    assert_eq!(figure(&her.page("/operator"), "bank-lines"), "1", "looking books nothing");
    let done = confirm(&her, &shown);
    assert_eq!(done.status, 303, "{}", done.text());
    let again = confirm(&her, &shown);
    assert!(again.status == 409 && again.text().contains("was allotted since it was looked at"), "{again:?}");
    assert_eq!(figure(&her.page(done.header("location")), "open"), "30.00 USD");
    assert_eq!(written(&line(&olga, "B-1")["open"]), "30.00 USD");

    // Of the rest a part, by hand: all that is said is done, or nothing.
    let credit = format!("{ALLOTMENT}?line=B-1&kind-1=credit&about-1=globex&amount-1=25.00%20USD");
    assert_eq!(her.get(&credit.replace("25.00%20USD", "much")).0, 400);
    let with_fee = her.page(&format!("{credit}&kind-2=charges&amount-2=5.00%20USD"));
    assert_eq!(confirm(&her, &with_fee).status, 409, "what arrived is no fee");
    assert_eq!(written(&line(&olga, "B-1")["open"]), "30.00 USD");
    assert_eq!(confirm(&her, &her.page(&credit)).status, 303);
    assert_eq!(written(&line(&olga, "B-1")["open"]), "5.00 USD");
    let customer = her.page(&link(&her.page("/operator/customers?q=LOB"), "/operator/customers/globex"));
    assert_eq!(figure(&customer, "credit"), "25.00 USD");
    assert!(!customer.contains("subscription change"), "it would buy for the operator: {customer}");
    assert!(her.page("/operator/customers?q=%25").contains("No customer has this name."));

    // The month is closed once it is over, and once.
    assert_eq!(her.refused("/operator/close/2026-02", &[], "before the first month"), 409);
    assert_eq!(her.refused("/operator/close/2026-03", &[], "is not over"), 409);
    world.set_clock("2026-04-10T12:00:00Z");
    assert_eq!(figure(&her.page("/operator"), "months"), "1");
    let list = her.page(&link(&her.page("/operator/close"), "/operator/close/"));
    assert!(list.contains("The books balance") && list.contains("Lines of the bank that are open"), "{list}");
    assert_eq!(her.go("/operator/close/2026-03", &[]), "/operator/close");
    assert_eq!(her.refused("/operator/close/2026-03", &[], "is closed already"), 409);
    assert_eq!(her.refused("/operator/close/2026-02", &[], "is closed already"), 409);
    assert_eq!(olga.get("/api/v1/ledger/months")["closed"][0]["closed_by"], "olga");

    the_partner_is_paid(&world, (&olga, &her), (&pete, &his));
}

/// One proposes, the other one approves, and what leaves is in the bank's file.
fn the_partner_is_paid(
    world: &World,
    (olga, her): (&Person, &Browser<'_>),
    (pete, his): (&Person, &Browser<'_>),
) {
    let run = her.go("/operator/payouts/runs", &[]);
    assert_eq!(run, "/operator/payouts/runs/1");
    let again = her.send("/operator/payouts/runs", &[]);
    assert!(again.status == 200 && again.text().contains("No partner is due a payout now"), "{again:?}");
    let payout = olga.list("/api/v1/payouts")[0].clone();
    let page = her.page(&run);
    assert_eq!(figure(&page, "amount"), written(&payout["amount"]));
    assert_eq!(figure(&her.page("/operator"), "payouts"), "1");
    assert!(page.contains("another operator approves it") && !page.contains("step=approve"), "{page}");

    let (step, approve, send) = (format!("{run}/step"), [("step", "approve")], [("step", "send")]);
    let own = her.send(&step, &approve);
    assert!(own.status == 403 && own.text().contains("which it asked for itself"), "{own:?}");
    assert!(own.text().contains("another operator approves it with"), "{own:?}");
    assert_eq!(her.send("/operator/payouts/1/step", &approve).status, 403);
    assert_eq!(olga.list("/api/v1/payouts")[0]["state"], "proposed");
    let shown = his.page(&format!("{step}?step=approve"));
    assert!(shown.contains(&written(&payout["amount"])), "{shown}");
    assert_eq!(pete.list("/api/v1/payouts")[0]["state"], "proposed", "looking approves nothing");
    for _ in 0..2 {
        assert_eq!(his.go(&step, &approve), run);
    }
    let approved = pete.ok(&["audit", "list", "--act", "payout-approved"]);
    let approved: Vec<_> = approved.as_array().unwrap().iter().map(|entry| &entry["actor"]).collect();
    assert_eq!(approved, [&json!("pete")]);

    let (status, file) = his.get(&link(&his.page(&run), &format!("{run}/bank-file.xml")));
    let api = world.send("GET", "/api/v1/payout-runs/1/pain.001", Some(&pete.token()), &[], "");
    assert_eq!((status, file.as_str()), (200, api.text().as_str()));
    assert!(file.contains(PARTNERS_IBAN) && file.contains("PAYOUT-1") && file.contains(">85.00<"), "{file}");
    for _ in 0..2 {
        assert_eq!(his.go(&step, &send), run);
    }
    assert_eq!(pete.list("/api/v1/payouts")[0]["state"], "sent");

    // What the bank says of it by hand, once.
    let confirm = [("step", "confirm"), ("bank_reference", "SEPA-7")];
    for _ in 0..2 {
        assert_eq!(her.go("/operator/payouts/1/step", &confirm), "/operator/payouts/1");
    }
    let page = her.page("/operator/payouts/1");
    assert_eq!(figure(&page, "amount"), written(&pete.list("/api/v1/payouts")[0]["amount"]));
    assert!(page.contains("SEPA-7") && page.contains("pete") && !page.contains("step=cancel"), "{page}");
    assert_eq!(figure(&her.page("/operator"), "payouts"), "0");
    olga.ok(&["books", "check"]);
}

#[test]
fn a_policy_is_tried_before_another_operator_lets_it_follow() {
    let world = world();
    let [olga, pete] = ["olga", "pete"].map(|name| world.person(name));
    let (her, his) = (Browser::of(&world, &olga), Browser::of(&world, &pete));
    let order = world.customer().ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    world.operator().ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", "B-1"]);

    let next = "/operator/policies/next";
    assert!(her.page(next).contains("value=\"15%\""), "the form has the policy in force");
    assert_eq!(her.get(&format!("{next}?try=true&since=2026-04-01&rate-1=a%20fifth")).0, 400);
    let tried = her.page(&format!("{next}?try=true&since=2026-04-01&rate-1=20%25&services=15%25"));
    let policy = hidden(&tried, "policy");
    let kind = [("content-type", "application/json")];
    let replayed =
        world.send("POST", "/api/v1/policies/replay", Some(&olga.token()), &kind, policy.clone()).json();
    let rows = replayed["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{replayed}");
    for row in rows {
        for amount in [&row["was"], &row["would_be"]] {
            assert!(tried.contains(&written(amount)), "{amount} in {tried}");
        }
    }

    // Others approve it, and it is set once.
    let sent = [("policy", policy.as_str()), ("since", "2026-04-01T00:00:00Z")];
    let request = her.go(next, &sent);
    assert_eq!(her.go(next, &sent), request, "asked again, it is the same");
    assert_eq!(olga.list("/api/v1/policies").len(), 1);
    assert!(her.page(&request).contains("another operator approves it"));
    assert_eq!(her.send(&request, &[("act", "approve")]).status, 403);
    assert_eq!(figure(&his.page("/operator"), "approvals"), "1");
    his.go(&request, &[("act", "approve")]);
    assert_eq!(his.refused(&request, &[("act", "approve")], "is done already"), 409);
    let policies = pete.list("/api/v1/policies");
    assert_eq!((policies.len(), &policies[1]["policy"]["commission"][0]["rate"]), (2, &json!("20%")));
    assert!(his.page("/operator/policies").contains("20%"));
    assert_eq!(figure(&his.page("/operator"), "approvals"), "0");
}
