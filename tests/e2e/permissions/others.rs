//! What is somebody else's. Each id of each route is tried with what another account has and with what nobody has, and both are
//! answered alike: refused, and without a difference that would tell which of them there is.

mod artifacts;
mod market;
mod routes;

use serde_json::{Value, json};
use uuid::Uuid;

use super::customers;
use crate::world::{Answer, Person, World};

/// What nobody and nothing is called.
const UNKNOWN: &str = "unheard-of";
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
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
                      &domain=example.com&answer=accept&why=x";

/// An id in a route: what precedes it there, what is another's, and what is nobody's.
struct Id {
    part: &'static str,
    theirs: String,
    nobodys: &'static str,
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
