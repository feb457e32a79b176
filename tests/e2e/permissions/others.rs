//! What is somebody else's. Each id of each route is tried with what another account has and with what nobody has, and both are
//! answered alike: refused, and without a difference that would tell which of them there is.

use serde_json::{Value, json};
use uuid::Uuid;

use super::customers;
use super::table::{Case, cases};
use super::webhooks;
use crate::world::{Answer, Person, World, plugin};

/// What nobody and nothing is called.
const UNKNOWN: &str = "unheard-of";
/// A passkey of acme's, which nobody can use.
const PASSKEY: &str = "0123456789abcdef0123456789abcdef";
/// A draft of acme's, which is no component.
const DRAFT: &str = "01234567-89ab-4def-8123-456789abcdef";
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// What is in these routes is no account's: months, the log, what directories keep, codes of programs that wait for whoever knows them,
/// documents, scripts of pages, and where people come back to from a provider; and hosts are what each account calls its own.
const NOBODYS: [&str; 8] = [
    "{month}",
    "/log/",
    "/scim/",
    "/hosts/{host}/key",
    "/device/{code}",
    "/login/sso/callback/",
    "/docs/",
    "/proof/",
];
/// What is in these routes is operators' alone.
const OPERATORS: [&str; 5] =
    ["/payout-runs/", "/processor/events/", "/send-back-files/", "/operator/", "/review"];
/// What is written at the end of a month, which has not come.
const NOT_YET: &str = "/self-billed/";
/// The keys that may sign for a namespace are in the log, where everybody reads them; what a certified consultant offers is in the
/// directory, from which everybody orders.
const PUBLIC: [(&str, &str); 3] = [
    ("GET", "/api/v1/namespaces/{namespace}/keys"),
    ("GET", "/checkout/services/{namespace}/{name}"),
    ("POST", "/checkout/services/{namespace}/{name}"),
];
/// Lists of what an account has, of which a new one has nothing.
const LISTS: [&str; 11] = [
    "/api/v1/account/invitations",
    "/api/v1/account/organisation-invitations",
    "/api/v1/organisations",
    "/api/v1/usage",
    "/api/v1/invoices",
    "/api/v1/credit-notes",
    "/api/v1/hosts",
    "/api/v1/usage-hosts",
    "/api/v1/notices",
    "/api/v1/orders",
    "/api/v1/service-orders",
];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
/// What the forms of all pages say together.
const FIELDS: &str = "reference=x&price=1.00+USD&offer=x&terms=x&total=x&due=x&milestone=1&account=carol&role=viewer&act=add\
                      &domain=example.com&answer=accept";

/// An id in a route: what precedes it there, what is another's, and what is nobody's.
struct Id {
    part: &'static str,
    theirs: String,
    nobodys: &'static str,
}

fn id(part: &'static str, theirs: impl Into<String>, nobodys: &'static str) -> Id {
    Id { part, theirs: theirs.into(), nobodys }
}

/// A partner, its customers, whoever is invited, and a stranger to all of them.
struct Market {
    world: World,
    acme: Person,
    globex: Person,
    initech: Person,
    carol: Person,
    bob: Person,
    ids: Vec<Id>,
    event: Uuid,
    artifact: String,
    layer: String,
    upload: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Market {
    /// Something of everything, none of it bob's.
    fn open() -> Self {
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
        acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
        // Documents are written where it is known who sells and who buys.
        let us = json!({ "name": "Us", "country": "DE", "tax_number": "DE136695976" });
        let seller = json!({ "since": "2020-01-01", "seller": { "party": us } });
        let sent = world.send("PUT", "/api/v1/sellers", Some(&operator.token()), &JSON, seller.to_string());
        assert!(sent.status < 300, "{}", sent.text());
        globex.ok(&[
            "invoices",
            "profile",
            "DE",
            "--name",
            "Globex GmbH",
            "--street",
            "Am Sandtor 2",
            "--postcode",
            "20457",
            "--city",
            "Hamburg",
        ]);
        let paid = text(&globex.ok(&["orders", "place", "acme:ocr-server"])["reference"]);
        operator.ok(&["orders", "paid", &paid, "100.00 USD", "--bank-reference", "B"]);
        let paid = globex.list("/api/v1/invoices")[0]["number"].to_string();
        let refund = ["invoices", "refund", &paid, "1.00 USD", "--reason", "slow", "--key", "K"];
        let note = operator.ok(&refund)["number"].to_string();
        let order = text(&initech.ok(&["orders", "place", "acme:ocr-server"])["reference"]);
        let payout = operator.ok(&["payouts", "propose", "acme"])["id"].to_string();
        let profile = ["payouts", "profile", "acme", "--schedule", "monthly", "--minimum", "50.00 USD"];
        let profile = acme.ok(&profile)["version"].to_string();
        acme.ok(&["consultants", "profile", "acme", "GPU fleets", "--about", "Ten years of them"]);
        acme.ok(&["consultants", "offer", "acme", "setup", "1000.00 USD", "--title", "A cluster in a week"]);
        operator.ok(&["consultants", "certify", "acme"]);
        globex.ok(&["consultants", "order", "acme", "setup", "--reference", "a-cluster"]);
        acme.ok(&["namespace", "invite", "acme", "carol", "--role", "viewer"]);
        acme.ok(&["organisation", "create", "umbrella"]);
        world.stores.sql(
            "insert into identity_providers (organisation, issuer, client_id, role, enforced, set_at)
             values ('umbrella', 'https://id.example', 'chandlery', 'member', 0, '2026-01-01T00:00:00.000000Z')",
        );
        acme.ok(&["organisation", "invite", "umbrella", "carol"]);
        world.stores.sql("update accounts set created_at = '2020-01-01T00:00:00.000000Z'");
        operator.ok(&["operator", "propose", "carol"]);
        acme.ok(&["tokens", "new", "read"]);
        let tokens = acme.list("/api/v1/account/tokens");
        let token = tokens.iter().find(|token| token["scope"] == "read").unwrap();
        let advisory = json!({
            "id": "ACME-2026-7", "summary": "It leaks", "database_specific": { "severity": "LOW" },
            "affected": [{
                "package": { "ecosystem": "Chandlery", "name": "acme:ocr-server" }, "versions": ["9.9.9"],
            }],
        });
        let file = acme.file("advisory.json", advisory.to_string().as_bytes());
        acme.ok(&["advisories", "add", "acme:ocr-server", &file]);
        let session = text(&acme.list("/api/v1/account/sessions")[0]["id"]);
        world.stores.sql(&format!(
            "insert into passkeys (id, account, name, passkey, created_at)
             values ('{PASSKEY}', 'acme', 'phone', '', '2026-01-01T00:00:00.000000Z')"
        ));
        world.stores.sql(&format!(
            "insert into drafts (id, account, namespace, file, digest, bytes, refusal, uploaded_at, lapses_at)
             values ('{DRAFT}', 'acme', 'acme', 'x.wasm', '{NO_DIGEST}', 1,
                     '{{\"type\":\"x\",\"title\":\"X\",\"status\":422,\"detail\":\"it is none\"}}',
                     '2026-01-01T00:00:00.000000Z', '2100-01-01T00:00:00.000000Z')"
        ));
        let report = "/api/v1/licence?host=theirs&deployments=0";
        assert_eq!(world.send("GET", report, Some(&globex.token()), &[], "").status, 200);
        let invoice = globex.list("/api/v1/invoices")[0]["number"].to_string();
        let earned = acme.list("/api/v1/partners/acme/transactions");
        let sale = earned.iter().find(|one| one["kind"] == "sale").unwrap()["transaction"].to_string();
        let (webhook, delivery) = webhooks::make(&world, &acme);
        let correction = Uuid::new_v4();
        let ids = vec![
            id("/usage-corrections/{event}", correction.to_string(), "00000000-0000-0000-0000-000000000000"),
            id("/surplus/{id}", "pi_1", "pi_2"),
            id("/processor/events/{id}", "evt_1", "evt_2"),
            id("/send-backs/{reference}", "REFUND-1", "REFUND-2"),
            id("/send-back-files/{number}", "1", "999999"),
            id("/account/sessions/{id}", session, "000000000000"),
            id("/account/passkeys/{id}", PASSKEY, "00000000000000000000000000000000"),
            id("/account/tokens/{id}", text(&token["id"]), "000000000000"),
            id("/{organisation}/tokens/{id}", text(&token["id"]), "000000000000"),
            id("/account/identities/{organisation}", "umbrella", UNKNOWN),
            id("/accounts/{account}", "globex", UNKNOWN),
            id("/customers/{account}", "globex", UNKNOWN),
            id("/accounts/{name}", "globex", UNKNOWN),
            id("/operators/{name}", "carol", UNKNOWN),
            id("/operator-proposals/{account}", "carol", UNKNOWN),
            id("/namespaces/{namespace}", "acme", UNKNOWN),
            id("/organisations/{organisation}", "umbrella", UNKNOWN),
            id("/plugins/{namespace}", "acme", UNKNOWN),
            id("/publish/{draft}", DRAFT, "00000000-0000-0000-0000-000000000000"),
            id("/namespaces/{namespace}/{name}", "ocr-server", UNKNOWN),
            id("/reviews/{namespace}", "acme", UNKNOWN),
            id("/reviews/{namespace}/{name}", "ocr-server", UNKNOWN),
            id("/reviews/{namespace}/{name}/{version}", "1.0.0", "9.9.9"),
            id("/consultants/{namespace}", "acme", UNKNOWN),
            id("/publishers/{namespace}", "acme", UNKNOWN),
            id("/members/{account}", "carol", UNKNOWN),
            id("/keys/{key}", acme.key().public().id().to_string(), "SHA256:0000000000000000"),
            id("/plugins/{namespace}/{name}", "ocr-server", UNKNOWN),
            id("/releases/{version}", "1.0.0", "9.9.9"),
            id("/advisories/{advisory}", "ACME-2026-7", "ACME-2026-999"),
            id("/staged-releases/{version}", "1.0.0", "9.9.9"),
            id("/trusted-publishers/{id}", "1", "999999"),
            id("/services/{name}", "setup", UNKNOWN),
            id("/checkout/return/{reference}", order.clone(), "CH-0000000000"),
            id("/service-orders/{reference}", "a-cluster", UNKNOWN),
            id("/milestones/{number}", "1", "999999"),
            id("/orders/{reference}", order, "CH-NONE"),
            id("/invoices/{number}", invoice, "999999"),
            id("/credit-notes/{number}", note, "999999"),
            id("/self-billed/{number}", "1", "999999"),
            id("/hosts/{host}", "theirs", UNKNOWN),
            id("/disputes/{id}", "D", UNKNOWN),
            id("/domains/{domain}", "example.org", "example.com"),
            id("/approvals/{id}", "1", "999999"),
            id("/reports/{id}", "1", "999999"),
            id("/partners/{partner}", "acme", UNKNOWN),
            id("/dashboard/{partner}", "acme", UNKNOWN),
            id("/webhooks/{id}", webhook, UNKNOWN),
            id("/deliveries/{notice}", delivery, "msg_0"),
            id("/payout-profile/{version}", profile, "999999"),
            id("/payout-runs/{run}", "1", "999999"),
            id("/payouts/runs/{run}", "1", "999999"),
            id("/payouts/{id}", payout, "999999"),
            id("/sales/{number}", sale, "999999"),
            id("/debt-write-offs/{id}", "1", "999999"),
            id("/directory-tokens/{id}", text(&token["id"]), "000000000000"),
            id("/directory-groups/{id}", "1", "999999"),
        ];
        let manifest = world.send("GET", "/v2/acme/ocr-server/manifests/1.0.0", None, &[], "");
        let artifact = manifest.header("docker-content-digest").to_owned();
        let layer = text(&manifest.json()["layers"][0]["digest"]);
        let begun = world.send("POST", "/v2/acme/ocr-server/blobs/uploads/", Some(&acme.token()), &[], "");
        let upload = begun.header("docker-upload-uuid").to_owned();
        let market = Self {
            world,
            acme,
            globex,
            initech,
            carol,
            bob,
            ids,
            event: Uuid::new_v4(),
            artifact,
            layer,
            upload,
        };
        assert_eq!(market.report_use(&market.globex, market.event, None)["accepted"], 1);
        assert_eq!(market.report_use(&market.globex, correction, Some(market.event))["held"], 1);
        market
    }

    fn ask(&self, person: &Person, method: &str, path: &str, body: &str) -> Answer {
        let (kind, body) = match customers::is_form(path) && method == "POST" {
            true => (FORM, FIELDS),
            false => (JSON, body),
        };
        self.world.send(method, path, Some(&person.token()), &kind, body)
    }

    fn report_use(&self, person: &Person, id: Uuid, corrects: Option<Uuid>) -> Value {
        let from = jiff::Timestamp::now();
        let to = from + jiff::SignedDuration::from_mins(1);
        let mut event = json!({
            "id": id, "deployment": "ocr", "release": "acme:ocr-server@1.0.0", "from": from, "to": to,
            "replica_millis": 60_000, "gpu_millis": 0,
        });
        if let Some(corrects) = corrects {
            event["corrects"] = json!(corrects);
        }
        let answer = self.ask(person, "POST", "/api/v1/usage", &json!([event]).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Says what differs between bob's answers for another's id and for nobody's, or what was not refused.
    fn compare(
        &self,
        method: &str,
        theirs: (&str, &str),
        nobodys: (&str, &str),
        body: [&str; 2],
    ) -> Option<String> {
        let ask = |(path, id): (&str, &str), body: &str| said(&self.ask(&self.bob, method, path, body), id);
        let (found, missing) = (ask(theirs, body[0]), ask(nobodys, body[1]));
        let refused = [403, 404].contains(&found.0);
        let differs = format!("{method} {}: {found:?}; {}: {missing:?}", theirs.0, nobodys.0);
        (!refused || found != missing).then_some(differs)
    }

    /// The parameters of a route, each with the id that it stands for.
    fn parameters(&self, route: &str) -> Vec<(String, &Id)> {
        let found = route.match_indices('}').map(|(end, _)| {
            let before = &route[..=end];
            let name = before[before.rfind('{').unwrap()..].to_owned();
            let id = self.ids.iter().find(|id| before.ends_with(id.part));
            (name, id.unwrap_or_else(|| panic!("{route}: say in the table whose {before} is")))
        });
        found.collect()
    }

    fn each_id_of_a_route(&self) {
        let pem = json!(self.acme.key().public().to_string()).to_string();
        let is_of_accounts = |case: &Case| {
            case.route.contains('{')
                && !NOBODYS.iter().any(|part| case.route.contains(part))
                && !PUBLIC.contains(&(case.method, case.route))
        };
        let (mut wrong, mut tried) = (Vec::new(), 0);
        for case in cases().iter().filter(|case| is_of_accounts(case)) {
            let body = match &case.body {
                Value::Null => String::new(),
                body => body.to_string().replace("\"KEY\"", &pem),
            };
            let parameters = self.parameters(case.route);
            let path = |other: &str| {
                parameters.iter().fold(case.route.to_owned(), |path, (name, id)| {
                    path.replace(name.as_str(), if *name == other { id.nobodys } else { &id.theirs })
                })
            };
            let theirs = path("");
            for (name, id) in &parameters {
                let nobodys = (path(name), id.nobodys);
                let bodies = [body.as_str(), body.as_str()];
                let compared =
                    self.compare(case.method, (&theirs, &id.theirs), (&nobodys.0, nobodys.1), bodies);
                wrong.extend(compared);
                tried += 1;
            }
            // What is tried is there: whoever has it reads it. Only operators read runs, files, and what a processor told.
            let holders = [&self.acme, &self.globex, &self.initech];
            let is_read = |person: &&Person| self.ask(person, "GET", &theirs, "").status < 400;
            let of_operators = OPERATORS.iter().any(|part| theirs.contains(part));
            let is_expected = !of_operators && !theirs.contains(NOT_YET);
            if case.method == "GET" && is_expected && !holders.iter().any(is_read) {
                wrong.push(format!("GET {theirs}: is not there"));
            }
        }
        assert!(wrong.is_empty() && tried > 80, "of {tried}: {wrong:#?}");
    }

    fn each_digest_tag_and_upload(&self) {
        let no_upload = Uuid::nil().to_string();
        let [artifact, layer, upload] = [&self.artifact, &self.layer, &self.upload].map(String::as_str);
        let finish = format!("ID?digest={NO_DIGEST}");
        let use_of = |what: &str| format!("/api/v1/usage-{what}?account=ID&month=2026-01");
        let mut table = vec![
            ("GET", use_of("records"), "globex", UNKNOWN),
            ("GET", use_of("segments"), "globex", UNKNOWN),
            ("GET", use_of("roots"), "globex", UNKNOWN),
            ("GET", use_of("charges"), "globex", UNKNOWN),
            ("GET", "/api/v1/usage-hosts?account=ID".into(), "globex", UNKNOWN),
            ("GET", "/v2/acme/ID/tags/list".to_owned(), "ocr-server", UNKNOWN),
            ("GET", "/v2/bob/own/blobs/ID".into(), layer, NO_DIGEST),
            ("GET", "/v2/bob/own/manifests/ID".into(), artifact, NO_DIGEST),
            ("GET", "/api/v1/audit?actor=ID".into(), "acme", UNKNOWN),
        ];
        for (method, part, theirs, nobodys) in [
            ("GET", "manifests", "1.0.0", "9.9.9"),
            ("GET", "manifests", artifact, NO_DIGEST),
            ("GET", "blobs", layer, NO_DIGEST),
            ("GET", "referrers", artifact, NO_DIGEST),
            ("PUT", "manifests", "1.0.0", "9.9.9"),
            ("DELETE", "manifests", artifact, NO_DIGEST),
            ("DELETE", "blobs", layer, NO_DIGEST),
        ] {
            table.push((method, format!("/v2/acme/ocr-server/{part}/ID"), theirs, nobodys));
        }
        for repository in ["acme/ocr-server", "bob/own"] {
            for (method, id) in [("GET", "ID"), ("PATCH", "ID"), ("PUT", finish.as_str()), ("DELETE", "ID")] {
                table.push((
                    method,
                    format!("/v2/{repository}/blobs/uploads/{id}"),
                    upload,
                    no_upload.as_str(),
                ));
            }
        }
        let wrong: Vec<_> = table
            .iter()
            .filter_map(|(method, path, theirs, nobodys)| {
                let at = |id: &str| path.replace("ID", id);
                self.compare(method, (&at(theirs), theirs), (&at(nobodys), nobodys), ["{}"; 2])
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");

        // What bob cannot read he cannot take over into a repository of his own.
        for from in ["", "&from=acme/ocr-server"] {
            let path = format!("/v2/bob/own/blobs/uploads/?mount={layer}{from}");
            assert_eq!(self.ask(&self.bob, "POST", &path, "").status, 202, "{from}");
        }
        let scope = "/token?scope=repository:acme/ocr-server:pull";
        let token = text(&self.ask(&self.bob, "GET", scope, "").json()["token"]);
        let path = "/v2/acme/ocr-server/tags/list";
        assert_eq!(self.world.send("GET", path, Some(&token), &[], "").status, 403);
    }

    fn what_a_body_names(&self) {
        let order = |name: &str| json!({ "plugin": format!("acme:{name}") }).to_string();
        let (theirs, nobodys) = (("/api/v1/orders", "ocr-server"), ("/api/v1/orders", UNKNOWN));
        let differs = self.compare("POST", theirs, nobodys, [&order("ocr-server"), &order(UNKNOWN)]);
        assert_eq!(differs, None);

        let report = |name: &str| json!({ "subject": format!("acme:{name}"), "why": "It leaks" }).to_string();
        let (theirs, nobodys) = (("/api/v1/reports", "ocr-server"), ("/api/v1/reports", UNKNOWN));
        let differs = self.compare("POST", theirs, nobodys, [&report("ocr-server"), &report(UNKNOWN)]);
        assert_eq!(differs, None);

        let manifest = |digest: &str| {
            let config =
                json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": 2 });
            let body = json!({ "schemaVersion": 2, "config": config, "layers": [] }).to_string();
            let kind = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
            let path = "/v2/bob/own/manifests/v1";
            let answer = self.world.send("PUT", path, Some(&self.bob.token()), &kind, body);
            assert!(answer.status >= 400, "{answer:?}");
            said(&answer, digest)
        };
        assert_eq!(manifest(&self.layer), manifest(NO_DIGEST));

        // References of services are every customer's own choice, and unique: a taken one says so, and no more.
        let taken = json!({ "reference": "a-cluster", "consultant": "acme", "service": "setup" }).to_string();
        let answer = self.ask(&self.bob, "POST", "/api/v1/service-orders", &taken);
        assert_eq!((answer.status, answer.text().contains("globex")), (422, false), "{answer:?}");

        // Nobody's use is changed by somebody else's event.
        let before = self.globex.get("/api/v1/usage");
        let same = self.report_use(&self.bob, self.event, None);
        assert_eq!((&same["accepted"], same["refused"].as_array().unwrap().len()), (&json!(0), 1));
        self.report_use(&self.bob, Uuid::new_v4(), Some(self.event));
        assert_eq!(self.globex.get("/api/v1/usage"), before);
    }

    fn each_list(&self) {
        for path in LISTS {
            assert_eq!(self.bob.list(path), Vec::<Value>::new(), "{path}");
        }
        let tokens = "/api/v1/account/tokens";
        let own = self.bob.list(tokens);
        let mut cursors = 0;
        for path in LISTS.into_iter().chain([tokens]) {
            for person in [&self.acme, &self.globex, &self.initech, &self.carol] {
                let page = person.get(&format!("{path}?limit=1"));
                let Some(next) = page["next"].as_str() else { continue };
                let seen = self.bob.get(&format!("{path}?after={next}"))["items"].clone();
                assert!(seen.as_array().unwrap().iter().all(|item| own.contains(item)), "{path}: {seen}");
                cursors += 1;
            }
        }
        assert!(cursors > 0, "no list of theirs has two pages");
        for path in ["/api/v1/plugins?q=ocr", "/account", "/dashboard"] {
            let answer = self.ask(&self.bob, "GET", path, "");
            let shows = ["acme", "globex", "initech"].into_iter().find(|name| answer.text().contains(*name));
            assert_eq!(shows, None, "{path}: {}", answer.text());
        }
    }

    /// A blob that somebody is about to name in a manifest is kept for that: where it is somebody who may.
    fn strangers_keep_no_blob(&self) {
        const LONG_AGO: &str = "2020-01-01T00:00:00.000000Z";
        let stores = &self.world.stores;
        stores.sql(&format!("update repository_blobs set pushed_at = '{LONG_AGO}'"));
        let pushed_after = |person: &Person| {
            let path = format!("/v2/acme/ocr-server/blobs/{}", self.layer);
            assert_eq!(self.ask(person, "HEAD", &path, "").status, 200);
            stores.texts(&format!("select pushed_at from repository_blobs where digest = '{}'", self.layer))
        };
        assert_eq!(pushed_after(&self.bob), [LONG_AGO]);
        assert_ne!(pushed_after(&self.acme), [LONG_AGO]);
    }

    fn nothing_has_changed(&self) {
        let tokens = self.acme.list("/api/v1/account/tokens");
        assert!(tokens.iter().any(|token| token["scope"] == "read"));
        let progress = format!("/v2/acme/ocr-server/blobs/uploads/{}", self.upload);
        assert_eq!(self.ask(&self.acme, "GET", &progress, "").status, 204);
        assert!(self.globex.list("/api/v1/hosts").iter().any(|host| host["host"] == "theirs"));
        assert_eq!(self.acme.get("/api/v1/partners/acme/payouts")["items"][0]["state"], "proposed");
        self.carol.ok(&["namespace", "accept", "acme"]);
    }
}

/// The status, the word and the text of a refusal, whichever id it is about.
fn said(answer: &Answer, id: &str) -> (u16, Value, String) {
    let text = answer.text();
    let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let detail = json["detail"].as_str().or(json["errors"][0]["message"].as_str()).unwrap_or(&text);
    (answer.status, json["type"].clone(), detail.replace(id, "ID"))
}

#[test]
fn what_is_somebody_elses_is_answered_as_what_is_not_there() {
    let market = Market::open();
    market.strangers_keep_no_blob();
    // From here on only acme's members see what is there.
    market.acme.ok(&["namespace", "visibility", "acme", "private"]);
    market.each_list();
    market.each_id_of_a_route();
    market.each_digest_tag_and_upload();
    market.what_a_body_names();
    market.nothing_has_changed();
}
