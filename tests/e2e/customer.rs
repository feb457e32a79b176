//! A newcomer who buys on the pages alone: an organisation, a trial, a subscription, a plugin and a service, paid by transfer and by
//! card. Each amount that a page shows is the API's, and nothing is done by looking at what it would cost.

use chandlery_stripe::{Stripe, sign};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{Answer, Person, World, plugin};

const FORM: &str = "application/x-www-form-urlencoded";
const PASSWORD: &str = "correct horse battery";
const IBAN: &str = "DE89370400440532013000";
const PLUGIN: &str = "/checkout/plugins/acme/ocr-server";

/// Somebody in a browser.
pub struct Browser<'a> {
    world: &'a World,
    cookie: String,
    /// The organisation that they act for.
    acts_for: Option<&'static str>,
}

impl<'a> Browser<'a> {
    /// Somebody who has signed up on the page.
    fn of_newcomer(world: &'a World, name: &str) -> Self {
        let nobody = Browser { world, cookie: String::new(), acts_for: None };
        let email = format!("{name}@example.org");
        let answer =
            nobody.send("/register", &[("name", name), ("email", email.as_str()), ("password", PASSWORD)]);
        assert_eq!((answer.status, answer.header("location")), (303, "/welcome"), "{}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Browser { cookie, ..nobody }
    }

    /// Somebody who has an account, and logs in.
    pub fn of(world: &'a World, person: &Person) -> Self {
        Browser { world, cookie: world.session(person), acts_for: None }
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let acts_for = self.acts_for.map(|organisation| ("chandlery-account", organisation));
        [("cookie", self.cookie.as_str())].into_iter().chain(acts_for).collect()
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        self.world.get(path, &self.headers())
    }

    /// A page that is shown.
    pub fn page(&self, path: &str) -> String {
        let (status, text) = self.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    pub fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = self.world.origin();
        let headers = [self.headers(), vec![("content-type", FORM), ("origin", origin.as_str())]].concat();
        self.world.send("POST", path, None, &headers, body)
    }

    /// Sends a form that is accepted, and gives where it leads.
    pub fn go(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.send(path, fields);
        assert_eq!(answer.status, 303, "{path} {fields:?}: {}", answer.text());
        answer.header("location").to_owned()
    }

    /// The status of a form that is refused, which must say why.
    pub fn refused(&self, path: &str, fields: &[(&str, &str)], why: &str) -> u16 {
        let answer = self.send(path, fields);
        assert!(answer.text().contains(why), "{path} {fields:?}: {}", answer.text());
        answer.status
    }
}

/// An amount of the API as pages write one below a thousand.
pub fn written(money: &Value) -> String {
    let minor = money["minor"].as_i64().unwrap();
    format!("{}.{:02} {}", minor / 100, minor % 100, money["currency"].as_str().unwrap())
}

/// What the hidden field of a form holds.
pub fn hidden(page: &str, name: &str) -> String {
    let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    field.split('"').next().unwrap().replace("&quot;", "\"").replace("&amp;", "&")
}

/// A registry in Germany, whose clock stands at the beginning of 2026, with a plugin that costs 100.00 USD once.
fn world() -> World {
    let mut world = World::with_limits();
    world.registry.arguments = vec!["--virtual-clock".into()];
    world.restart_registry();
    let operator = world.operator();
    let headers = [("content-type", "application/json")];
    let now = json!({ "now": "2026-01-05T00:00:00Z" }).to_string();
    assert_eq!(world.send("PUT", "/api/v1/clock", Some(&operator.token()), &headers, now).status, 200);
    world.lift_approvals();
    operator.ok(&["books", "tax", "DE", "VAT", "19%", "--since", "2026-01-01"]);
    let us =
        ["books", "seller", "--legal-name", "Chandlery GmbH", "--country", "DE", "--since", "2026-01-01"];
    operator.ok(&[&us[..], &["--tax-number", "DE136695976", "--iban", IBAN]].concat());
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    world
}

/// Brings the bank's statement, with transfers of these amounts and texts.
fn reconcile(operator: &Person, transfers: &[(&str, &str)]) {
    let entry = |(index, (amount, text)): (usize, &(&str, &str))| {
        format!(
            "<Ntry><Amt Ccy=\"USD\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>B-{index}</AcctSvcrRef><NtryDtls><TxDtls>\
             <RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    };
    let entries: String = transfers.iter().enumerate().map(entry).collect();
    let statement = format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt>{entries}</Stmt>\
         </BkToCstmrStmt></Document>"
    );
    let file = operator.file("statement.xml", statement.as_bytes());
    let lines = operator.ok(&["books", "reconcile", &file]);
    for (line, (_, text)) in lines.as_array().unwrap().iter().zip(transfers) {
        assert_eq!(line["outcome"], format!("paid {text}"));
    }
}

#[test]
fn a_newcomer_buys_on_pages_and_pays_by_transfer() {
    let world = world();
    let operator = world.operator();
    let ann = Browser::of_newcomer(&world, "ann");
    let api = Person { host: None, ..world.person("ann") };
    api.login(PASSWORD);
    let bob_api = world.person("bob");
    bob_api.register();
    let mut bob = Browser::of(&world, &bob_api);
    belong_together(&ann, &api, &bob);

    // A trial says what it is before it is one, and comes once.
    assert!(ann.page("/subscription").contains("/subscription/trial?tier=team"));
    assert!(ann.page("/subscription/trial?tier=team").contains("For 30 days"));
    assert_eq!(api.get("/api/v1/subscription")["trial"], false, "looking begins nothing");
    assert_eq!(ann.go("/subscription/trial", &[("tier", "team")]), "/subscription");
    assert_eq!(api.get("/api/v1/subscription")["tier"], "team");
    assert!(ann.page("/subscription").contains("data-figure=\"tier\">team<"));
    assert_eq!(ann.refused("/subscription/trial", &[("tier", "enterprise")], "has had its trial"), 409);

    // Where it is decides the tax.
    assert_eq!(ann.refused("/billing", &[("country", "Germany")], "is not a country"), 400);
    let address = [("country", "de"), ("name", "Ann GmbH"), ("city", "Hamburg")];
    assert_eq!(ann.go("/billing", &address), "/billing");
    let standing = api.get("/api/v1/billing-profile");
    assert_eq!(
        (&standing["profile"]["country"], &standing["terms"]["name"]),
        (&json!("DE"), &json!("VAT 19%"))
    );
    assert!(ann.page("/billing").contains("value=\"Ann GmbH\"") && ann.page("/billing").contains("VAT 19%"));

    // A subscription: what is shown before is what is invoiced.
    let tier = [("tier", "developer"), ("billed", "monthly")];
    let shown = ann.page("/checkout/subscription?tier=developer&billed=monthly");
    assert_eq!(api.ok(&["invoices", "list"]), json!([]), "looking buys nothing");
    let terms = hidden(&shown, "terms");
    assert_eq!(ann.refused("/checkout/subscription", &tier, "look at them again"), 409);
    let agreed = [&tier[..], &[("terms", terms.as_str())]].concat();
    assert_eq!(ann.refused("/checkout/subscription", &agreed, "look at it again"), 409, "at another total");
    let total = hidden(&shown, "total");
    let to_invoice = ann.go("/checkout/subscription", &[&agreed[..], &[("total", total.as_str())]].concat());
    let invoice = api.ok(&["invoices", "list"])[0].clone();
    let number = invoice["number"].to_string();
    assert_eq!(
        (to_invoice.clone(), written(&invoice["total"])),
        (format!("/invoices/{number}"), "117.81 USD".into())
    );
    let of_invoice = ann.page(&to_invoice);
    for part in [written(&invoice["net"]), written(&invoice["tax"]), written(&invoice["total"])] {
        assert!(shown.contains(&part) && of_invoice.contains(&part), "{part}: {of_invoice}");
    }
    let text = format!("INVOICE-{number}");
    assert!(of_invoice.contains(&text) && of_invoice.contains(IBAN) && of_invoice.contains("to be paid"));
    assert!(!of_invoice.contains("by card"), "there is no processor here");

    // A plugin, from its page: on terms, at the offer that was shown.
    assert!(ann.page("/plugins/acme/ocr-server").contains(&format!("action=\"{PLUGIN}\"")));
    let shown = ann.page(PLUGIN);
    assert_eq!(api.list("/api/v1/orders"), Vec::<Value>::new());
    let (offer, terms, due) = (hidden(&shown, "offer"), hidden(&shown, "terms"), hidden(&shown, "due"));
    assert!(
        shown.contains("100.00 USD") && shown.contains("19.00 USD") && ann.page("/terms").contains(&terms)
    );
    let agreed =
        [("offer", offer.as_str()), ("terms", terms.as_str()), ("accept", "true"), ("due", due.as_str())];
    assert_eq!(ann.refused(PLUGIN, &agreed[..2], "accept the terms"), 400);
    assert_eq!(ann.refused(PLUGIN, &agreed[..3], "look at it again"), 409, "at another sum");
    let other = offer.replace("10000", "1");
    assert_eq!(
        ann.refused(PLUGIN, &[("offer", other.as_str()), agreed[1], agreed[2]], "look at it again"),
        409
    );
    assert_eq!(ann.refused(PLUGIN, &[&agreed[..], &[("coupon", "NONE")]].concat(), "coupon"), 409);
    let to_order = ann.go(PLUGIN, &agreed);
    let order = api.list("/api/v1/orders")[0].clone();
    let reference = order["reference"].as_str().unwrap().to_owned();
    assert_eq!(
        (to_order.clone(), written(&order["due"])),
        (format!("/orders/{reference}"), "119.00 USD".into())
    );
    let of_order = ann.page(&to_order);
    for part in ["119.00 USD", reference.as_str(), IBAN, "ordered"] {
        assert!(of_order.contains(part), "{part}: {of_order}");
    }
    assert!(shown.contains("119.00 USD") && ann.page(PLUGIN).contains("has it already"));
    let back = format!("/checkout/return/{reference}");
    assert!(ann.page(&back).contains("Not confirmed yet"));
    // Nobody else sees or pays any of it, and no other site does.
    for path in [&to_order, &to_invoice, &back] {
        assert_eq!(bob.get(path).0, 404, "{path}");
    }
    let foreign =
        [("cookie", ann.cookie.as_str()), ("content-type", FORM), ("origin", "https://elsewhere.example")];
    assert_eq!(world.send("POST", "/subscription/cancel", None, &foreign, "when=now").status, 403);

    // The bank tells of both.
    reconcile(&operator, &[("117.81", &text), ("119.00", &reference)]);
    assert!(ann.page(&to_invoice).contains(">paid<") && ann.page(&back).contains("is paid"));
    assert!(ann.page("/orders").contains("no end") && ann.page(&to_order).contains(">paid<"));
    let quote = api.get("/api/v1/plugins/acme/ocr-server/quote");
    assert_eq!((&quote["order"], &quote["entitled"]), (&json!("paid"), &json!(true)));
    let sold = api.list("/api/v1/orders")[0]["invoice"].to_string();
    let of_sale = ann.page(&format!("/invoices/{sold}"));
    assert!(of_sale.contains("119.00 USD") && of_sale.contains(&format!("/api/v1/invoices/{sold}/page")));
    let spend = ann.page("/spend");
    for part in ["2026-01", "199.00 USD", "acme:ocr-server", "100.00 USD", "99.00 USD"] {
        assert!(spend.contains(part), "{part}: {spend}");
    }

    order_a_service(&world, &ann, &api);

    // A host that reports is shown, and forgotten.
    api.get("/api/v1/licence?host=h1&deployments=3");
    let hosts = ann.page("/hosts");
    assert!(hosts.contains("<code>h1</code>") && hosts.contains("2026-01-05 00:00 UTC"), "{hosts}");
    assert!(ann.page("/subscription").contains("3 of "));
    assert_eq!(ann.go("/hosts", &[("host", "h1")]), "/hosts");
    assert!(!ann.page("/hosts").contains("<code>h1</code>"));

    // It ends when it is over, goes on after all, and ends now, with what was shown given back.
    let state = || api.get("/api/v1/subscription")["state"].clone();
    let ends = ann.page("/subscription/cancel");
    assert_eq!((state(), api.list("/api/v1/credit-notes").len()), (json!("active"), 0));
    assert_eq!(ann.go("/subscription/cancel", &[("when", "then")]), "/subscription");
    assert_eq!(state(), "ending");
    assert!(ann.page("/subscription/keep").contains("goes on"));
    assert_eq!(ann.go("/subscription/keep", &[]), "/subscription");
    assert_eq!(state(), "active");
    ann.go("/subscription/cancel", &[("when", "now")]);
    let note = api.list("/api/v1/credit-notes")[0].clone();
    for part in [written(&note["net"]), written(&note["tax"])] {
        assert!(ends.contains(&part) && ann.page("/credit-notes").contains(&part), "{part}: {ends}");
    }
    assert_eq!(state(), "free");
    operator.ok(&["books", "check"]);

    // For an organisation, each does what their role may.
    bob.acts_for = Some("umbrella");
    let choice = "/checkout/subscription?tier=team&billed=yearly";
    let of_umbrella = bob.page("/subscription");
    assert!(of_umbrella.contains("acts for") && of_umbrella.contains("billed=yearly"), "{of_umbrella}");
    assert!(!of_umbrella.contains("/subscription/trial"), "who pays runs nothing");
    assert_eq!((bob.get(choice).0, bob.get("/organisations").0), (200, 403));
    ann.go("/organisations/umbrella/members", &[("account", "bob"), ("role", "viewer")]);
    assert!(!bob.page("/subscription").contains("/checkout/subscription"));
    assert_eq!((bob.get(choice).0, bob.send("/subscription/cancel", &[("when", "now")]).status), (403, 403));
    bob.acts_for = None;
    assert_eq!(bob.go("/organisations/umbrella/members/bob/removal", &[]), "/organisations");
    assert_eq!(bob.get("/organisations/umbrella").0, 403);
}

/// Ann makes an organisation, and bob pays for it.
fn belong_together(ann: &Browser<'_>, api: &Person, bob: &Browser<'_>) {
    assert_eq!(ann.refused("/organisations", &[("name", "umbrella")], "id=\"title-fault\""), 400);
    assert_eq!(ann.refused("/organisations", &[("name", "ann"), ("title", "Ann")], "id=\"name-fault\""), 409);
    let made = ann.go("/organisations", &[("name", "umbrella"), ("title", "Umbrella & Co")]);
    assert_eq!(made, "/organisations/umbrella");
    let members = "/organisations/umbrella/members";
    assert_eq!(ann.go(members, &[("account", "bob"), ("role", "billing")]), made);
    assert!(ann.page(&made).contains("Umbrella &amp; Co") && ann.page(&made).contains(">invited<"));
    assert_eq!(bob.get(&made).0, 403, "not yet");
    assert!(bob.page("/organisations").contains("You are invited to"));
    assert_eq!(bob.go("/organisations/umbrella/invitation", &[("answer", "accept")]), made);
    let listed = api.ok(&["organisation", "members", "umbrella"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    let seen = bob.page(&made);
    assert!(seen.contains("you are its billing") && !seen.contains("Invite a member"), "{seen}");
    assert_eq!(bob.send(members, &[("account", "ann"), ("role", "viewer")]).status, 403);
    ann.go("/organisations/umbrella/domains", &[("act", "add"), ("domain", "example.org")]);
    assert!(bob.page(&made).contains("_chandlery-challenge.example.org"));
}

/// A consultant's offer, ordered at the price that was shown, and invoiced when it is accepted.
fn order_a_service(world: &World, ann: &Browser<'_>, api: &Person) {
    let anna = world.publisher("anna");
    anna.ok(&["consultants", "profile", "anna", "GPU fleets", "--about", "Ten years of them"]);
    anna.ok(&["consultants", "offer", "anna", "setup", "500.00 USD", "--title", "A cluster in a week"]);
    world.operator().ok(&["consultants", "certify", "anna"]);
    let path = "/checkout/services/anna/setup";
    assert!(ann.page("/consultants").contains(&format!("action=\"{path}\"")));
    let shown = ann.page(path);
    assert!(shown.contains("595.00 USD") && shown.contains("95.00 USD"), "{shown}");
    let price = hidden(&shown, "price");
    assert_eq!(
        ann.refused(path, &[("reference", "SV 1/a"), ("price", "1.00 USD")], "but the service costs"),
        400
    );
    let to_order = ann.go(path, &[("reference", "SV 1/a"), ("price", price.as_str())]);
    assert_eq!(to_order, "/service-orders/SV%201%2Fa");
    assert!(ann.page(&to_order).contains("595.00 USD"));
    let to_invoice = ann.go(&to_order, &[("milestone", "1")]);
    let invoice = api.get(&format!("/api/v1{to_invoice}"));
    assert_eq!(written(&invoice["total"]), "595.00 USD");
    assert!(ann.page(&to_invoice).contains("595.00 USD") && ann.page("/orders").contains("SV 1/a"));
}

#[test]
fn a_card_is_shown_to_the_processor_alone_and_only_its_word_pays() {
    let mut world = World::with_hold(0);
    let stripe = world.runtime.block_on(Stripe::serve("sk_test_of_ours")).unwrap();
    let (url, secret) = (world.origin(), "whsec_of_ours");
    let arguments = ["--stripe-key", "sk_test_of_ours", "--stripe-webhook-secret", secret];
    let places = ["--stripe-url", stripe.url(), "--url", url.as_str()];
    let arguments: Vec<String> = arguments.into_iter().chain(places).map(String::from).collect();
    world.restart_registry_with(&arguments);
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let api = world.customer();
    let browser = Browser::of(&world, &api);
    let order = api.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    let (of_order, back) = (format!("/orders/{reference}"), format!("/checkout/return/{reference}"));
    assert!(browser.page(&of_order).contains("Pay 100.00 USD by card"));

    // A link leads to the processor, the same one however often it is asked for.
    let pay = format!("{of_order}/payment");
    for _ in 0..2 {
        let answer = browser.send(&pay, &[]);
        assert!(
            answer.text().contains("href=\"https://checkout.stripe.com/c/pay/cs_1\""),
            "{}",
            answer.text()
        );
    }
    let pages = stripe.with(|account| account.all("checkout/sessions"));
    assert_eq!((pages.len(), &pages[0]["amount_total"]), (1, &order["due"]["minor"]));
    assert_eq!(Browser::of(&world, &acme).send(&pay, &[]).status, 404, "nobody pays for another");

    // The way back is from another site, with which a browser sends no cookie: it is asked for once more, from here.
    let (status, once_more) = world.get(&back, &[("sec-fetch-site", "cross-site")]);
    assert!(status == 200 && once_more.contains(&format!("href=\"{back}\"")), "{status}: {once_more}");
    assert_eq!(world.get(&back, &[("sec-fetch-site", "same-origin")]).0, 303, "to the log-in");

    // To come back says nothing: the processor's word does.
    assert!(browser.page(&format!("{back}?paid=true")).contains("Not confirmed yet"));
    assert!(stripe.with(|account| account.pay_page("cs_1")));
    assert!(browser.page(&back).contains("Not confirmed yet"));
    for event in stripe.with(|account| account.take_events()) {
        let body = event.to_string();
        let signature = sign(secret, &body, Timestamp::now().as_second()).unwrap();
        let headers = [("stripe-signature", signature.as_str())];
        let answer = world.send("POST", "/api/v1/stripe/webhook", None, &headers, body);
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    assert!(browser.page(&back).contains("is paid"));
    let paid = browser.page(&of_order);
    assert!(paid.contains(">paid<") && !paid.contains("by card"), "{paid}");
    assert_eq!(browser.send(&pay, &[]).status, 409, "nothing is due any more");
    world.operator().ok(&["books", "check"]);
}
