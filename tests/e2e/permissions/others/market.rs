//! What there is of everything.

use chandlery_package::{Digest, PublicKey};
use serde_json::json;
use uuid::Uuid;

use super::super::webhooks;
use super::{Id, JSON, Market, NO_DIGEST, UNKNOWN, text};
use crate::images::png;
use crate::world::{Person, World, plugin};

/// A passkey of acme's, which nobody can use.
const PASSKEY: &str = "0123456789abcdef0123456789abcdef";
/// A draft of acme's, which is no component.
const DRAFT: &str = "01234567-89ab-4def-8123-456789abcdef";

/// A key that nobody has.
const NO_KEY: &str = "SHA256:0000000000000000";

fn id(part: &'static str, theirs: impl Into<String>, nobodys: &'static str) -> Id {
    Id { part, theirs: theirs.into(), nobodys }
}

impl Market {
    /// Something of everything, none of it bob's.
    pub(super) fn open() -> Self {
        let mut world = World::with_hold(0);
        // Nobody who may not pay comes as far as to the processor, which is not there.
        let processor = "--stripe-key sk_test --stripe-webhook-secret whsec --stripe-url http://127.0.0.1:9 --private-webhooks";
        world.restart_registry_with(&processor.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let (operator, globex, acme, bob) =
            (world.operator(), world.customer(), world.publisher("acme"), world.publisher("bob"));
        let [initech, carol] = ["initech", "carol"].map(|name| world.person(name));
        initech.register();
        carol.register();
        acme.publish(&plugin("ocr-server"));
        let mut ids = money(&world, &operator, [&globex, &initech, &acme]);
        ids.extend(services(&operator, &globex, &acme));
        ids.extend(teams(&world, &operator, &acme));
        ids.extend(publishing(&world, &acme));
        ids.extend(own(&world, &acme));
        let report = "/api/v1/licence?host=theirs&deployments=0";
        assert_eq!(world.send("GET", report, Some(&globex.token()), &[], "").status, 200);
        ids.push(id("/hosts/{host}", "theirs", UNKNOWN));
        let correction = Uuid::new_v4();
        let nobodys = "00000000-0000-0000-0000-000000000000";
        ids.push(id("/usage-corrections/{event}", correction.to_string(), nobodys));
        let manifest = world.send("GET", "/v2/acme/ocr-server/manifests/1.0.0", None, &[], "");
        let artifact = manifest.header("docker-content-digest").to_owned();
        let layer = text(&manifest.json()["layers"][0]["digest"]);
        let begun = world.send("POST", "/v2/acme/ocr-server/blobs/uploads/", Some(&acme.token()), &[], "");
        let upload = begun.header("docker-upload-uuid").to_owned();
        let event = Uuid::new_v4();
        let market = Self { world, acme, globex, initech, carol, bob, ids, event, artifact, layer, upload };
        assert_eq!(market.report_use(&market.globex, market.event, None)["accepted"], 1);
        assert_eq!(market.report_use(&market.globex, correction, Some(market.event))["held"], 1);
        market
    }
}

/// Sales of acme's: one that globex has paid for, with its documents, a refund and a payout, and one that initech owes.
fn money(world: &World, operator: &Person, [globex, initech, acme]: [&Person; 3]) -> Vec<Id> {
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    known_parties(world, operator, globex);
    let paid = text(&globex.ok(&["orders", "place", "acme:ocr-server"])["reference"]);
    operator.ok(&["orders", "paid", &paid, "100.00 USD", "--bank-reference", "B"]);
    let invoice = globex.list("/api/v1/invoices")[0]["number"].to_string();
    let refund = ["invoices", "refund", &invoice, "1.00 USD", "--reason", "slow", "--key", "K"];
    let note = operator.ok(&refund)["number"].to_string();
    let order = text(&initech.ok(&["orders", "place", "acme:ocr-server"])["reference"]);
    let payout = operator.ok(&["payouts", "propose", "acme"])["id"].to_string();
    let profile = ["payouts", "profile", "acme", "--schedule", "monthly", "--minimum", "50.00 USD"];
    let profile = acme.ok(&profile)["version"].to_string();
    let earned = acme.list("/api/v1/partners/acme/transactions");
    let sale = earned.iter().find(|one| one["kind"] == "sale").unwrap()["transaction"].to_string();
    let invoice = globex.list("/api/v1/invoices")[0]["number"].to_string();
    let (webhook, delivery) = webhooks::make(world, acme);
    vec![
        id("/surplus/{id}", "pi_1", "pi_2"),
        id("/processor/events/{id}", "evt_1", "evt_2"),
        id("/send-backs/{reference}", "REFUND-1", "REFUND-2"),
        id("/send-back-files/{number}", "1", "999999"),
        id("/send-backs/files/{number}", "1", "999999"),
        id("/accounts/{account}", "globex", UNKNOWN),
        id("/customers/{account}", "globex", UNKNOWN),
        id("/accounts/{name}", "globex", UNKNOWN),
        id("/checkout/return/{reference}", order.clone(), "CH-0000000000"),
        id("/orders/{reference}", order, "CH-NONE"),
        id("/invoices/{number}", invoice, "999999"),
        id("/credit-notes/{number}", note, "999999"),
        id("/self-billed/{number}", "1", "999999"),
        id("/disputes/{id}", "D", UNKNOWN),
        id("/partners/{partner}", "acme", UNKNOWN),
        id("/dashboard/{partner}", "acme", UNKNOWN),
        id("/webhooks/{id}", webhook, UNKNOWN),
        id("/deliveries/{notice}", delivery, "msg_0"),
        id("/payout-profile/{version}", profile, "999999"),
        id("/payout-runs/{run}", "1", "999999"),
        id("/payouts/runs/{run}", "1", "999999"),
        id("/payouts/profiles/{partner}", "acme", UNKNOWN),
        id("/payouts/profiles/{partner}/{version}", "1", "999999"),
        id("/payouts/{id}", payout, "999999"),
        id("/sales/{number}", sale, "999999"),
        id("/debt-write-offs/{id}", "1", "999999"),
    ]
}

/// Who sells and who buys: documents are written where both are known.
fn known_parties(world: &World, operator: &Person, buyer: &Person) {
    let us = json!({ "name": "Us", "country": "DE", "tax_number": "DE136695976" });
    let seller = json!({ "since": "2020-01-01", "seller": { "party": us } });
    let sent = world.send("PUT", "/api/v1/sellers", Some(&operator.token()), &JSON, seller.to_string());
    assert!(sent.status < 300, "{}", sent.text());
    let named = ["invoices", "profile", "DE", "--name", "Globex GmbH"];
    let address = ["--street", "Am Sandtor 2", "--postcode", "20457", "--city", "Hamburg"];
    buyer.ok(&[&named[..], &address[..]].concat());
}

/// What acme does for money, and globex has ordered.
fn services(operator: &Person, globex: &Person, acme: &Person) -> Vec<Id> {
    acme.ok(&["consultants", "profile", "acme", "GPU fleets", "--about", "Ten years of them"]);
    acme.ok(&["consultants", "offer", "acme", "setup", "1000.00 USD", "--title", "A cluster in a week"]);
    operator.ok(&["consultants", "certify", "acme"]);
    globex.ok(&["consultants", "order", "acme", "setup", "--reference", "a-cluster"]);
    vec![
        id("/consultants/{namespace}", "acme", UNKNOWN),
        id("/services/{name}", "setup", UNKNOWN),
        id("/service-orders/{reference}", "a-cluster", UNKNOWN),
        id("/milestones/{number}", "1", "999999"),
    ]
}

/// To what carol is invited, and an organisation with a provider.
fn teams(world: &World, operator: &Person, acme: &Person) -> Vec<Id> {
    acme.ok(&["namespace", "invite", "acme", "carol", "--role", "viewer"]);
    acme.ok(&["organisation", "create", "umbrella"]);
    world.stores.sql(
        "insert into identity_providers (organisation, issuer, client_id, role, enforced, set_at)
         values ('umbrella', 'https://id.example', 'chandlery', 'member', 0, '2026-01-01T00:00:00.000000Z')",
    );
    acme.ok(&["organisation", "invite", "umbrella", "carol"]);
    world.stores.sql("update accounts set created_at = '2020-01-01T00:00:00.000000Z'");
    operator.ok(&["operator", "propose", "carol"]);
    vec![
        id("/account/identities/{organisation}", "umbrella", UNKNOWN),
        id("/operators/{name}", "carol", UNKNOWN),
        id("/operator-proposals/{account}", "carol", UNKNOWN),
        id("/organisations/{organisation}", "umbrella", UNKNOWN),
        id("/teams/{namespace}", "acme", UNKNOWN),
        id("/members/{account}", "carol", UNKNOWN),
        id("/domains/{domain}", "example.org", "example.com"),
        id("/approvals/{id}", "1", "999999"),
        id("/directory-groups/{id}", "1", "999999"),
    ]
}

/// What acme publishes, with all that is about it, and a key that it asks for.
fn publishing(world: &World, acme: &Person) -> Vec<Id> {
    let advisory = json!({
        "id": "ACME-2026-7", "summary": "It leaks", "database_specific": { "severity": "LOW" },
        "affected": [{
            "package": { "ecosystem": "Chandlery", "name": "acme:ocr-server" }, "versions": ["9.9.9"],
        }],
    });
    let file = acme.file("advisory.json", advisory.to_string().as_bytes());
    acme.ok(&["advisories", "add", "acme:ocr-server", &file]);
    let picture = png(640, 400);
    let shown = Digest::of(&picture).to_string();
    let file = acme.file("picture.png", &picture);
    acme.ok(&["listing", "screenshot", "add", "acme:ocr-server", &file, "--caption", "A page"]);
    world.stores.sql(&format!(
        "insert into drafts (id, account, namespace, file, digest, bytes, refusal, uploaded_at, lapses_at)
         values ('{DRAFT}', 'acme', 'acme', 'x.wasm', '{NO_DIGEST}', 1,
                 '{{\"type\":\"x\",\"title\":\"X\",\"status\":422,\"detail\":\"it is none\"}}',
                 '2026-01-01T00:00:00.000000Z', '2100-01-01T00:00:00.000000Z')"
    ));
    acme.ok(&["keys", "new", "another"]);
    let asked_for = text(&acme.ok(&["keys", "request", "acme", "--key", "another"])["key"]);
    let asked_for = asked_for.parse::<PublicKey>().unwrap().id().to_string();
    vec![
        id("/namespaces/{namespace}", "acme", UNKNOWN),
        id("/publishers/{namespace}", "acme", UNKNOWN),
        id("/plugins/{namespace}", "acme", UNKNOWN),
        id("/plugins/{namespace}/{name}", "ocr-server", UNKNOWN),
        id("/publish/{draft}", DRAFT, "00000000-0000-0000-0000-000000000000"),
        id("/reviews/{namespace}", "acme", UNKNOWN),
        id("/reviews/{namespace}/{name}", "ocr-server", UNKNOWN),
        id("/reviews/{namespace}/{name}/{version}", "1.0.0", "9.9.9"),
        id("/keys/{key}", acme.key().public().id().to_string(), NO_KEY),
        id("/key-requests/{key}", asked_for, NO_KEY),
        id("/screenshots/{digest}", shown.clone(), NO_DIGEST),
        id("/images/{namespace}", "acme", UNKNOWN),
        id("/images/{namespace}/{name}", "ocr-server", UNKNOWN),
        id("/images/{namespace}/{name}/{digest}", shown, NO_DIGEST),
        id("/releases/{version}", "1.0.0", "9.9.9"),
        id("/advisories/{advisory}", "ACME-2026-7", "ACME-2026-999"),
        id("/staged-releases/{version}", "1.0.0", "9.9.9"),
        id("/trusted-publishers/{id}", "1", "999999"),
        id("/reports/{id}", "1", "999999"),
    ]
}

/// What opens acme's account.
fn own(world: &World, acme: &Person) -> Vec<Id> {
    acme.ok(&["tokens", "new", "read"]);
    let tokens = acme.list("/api/v1/account/tokens");
    let token = text(&tokens.iter().find(|token| token["scope"] == "read").unwrap()["id"]);
    let session = text(&acme.list("/api/v1/account/sessions")[0]["id"]);
    world.stores.sql(&format!(
        "insert into passkeys (id, account, name, passkey, created_at)
         values ('{PASSKEY}', 'acme', 'phone', '', '2026-01-01T00:00:00.000000Z')"
    ));
    vec![
        id("/account/sessions/{id}", session, "000000000000"),
        id("/account/passkeys/{id}", PASSKEY, "00000000000000000000000000000000"),
        id("/account/tokens/{id}", token.clone(), "000000000000"),
        id("/{organisation}/tokens/{id}", token.clone(), "000000000000"),
        id("/directory-tokens/{id}", token, "000000000000"),
    ]
}
