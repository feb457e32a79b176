//! Publishing in a browser: a component is uploaded, looked at and signed by a key that never leaves the browser; and what publishers do
//! on the pages of their namespaces.

use chandlery_package::Manifest;
use serde_json::json;

use crate::chromium::Chromium;
use crate::forge;
use crate::world::{Answer, Person, World, as_version, plugin, until, with_other_content};

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const BROWSER: (&str, &str) = ("accept", "text/html");
const NAMESPACE: &str = "/publish/namespaces/acme";
const OCR: &str = "/publish/plugins/acme/ocr-server";
const SIGN: &str = "form[data-sign] button:not([type])";
const FAULT: &str = "form[data-sign] [role=alert]";
const HOSTILE: &str = r#"</title></script>"'><script>alert(1)</script><img src=x onerror=alert(1)>"#;
const DRAFTS_MAX: usize = 5;

/// Somebody on the registry's pages, without scripts.
pub struct Pages<'a> {
    world: &'a World,
    cookie: String,
}

impl<'a> Pages<'a> {
    pub fn of(world: &'a World, person: &Person) -> Self {
        Self { world, cookie: world.session(person) }
    }

    pub fn ask(&self, method: &str, path: &str, kind: (&str, &str), body: impl Into<Vec<u8>>) -> Answer {
        let origin = self.world.origin();
        let headers = [("cookie", self.cookie.as_str()), ("origin", origin.as_str()), BROWSER, kind];
        self.world.send(method, path, None, &headers, body)
    }

    pub fn show(&self, path: &str) -> String {
        let answer = self.ask("GET", path, FORM, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            form.append_pair(name, value);
        }
        self.ask("POST", path, FORM, form.finish())
    }

    pub fn done(&self, path: &str, fields: &[(&str, &str)]) {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path} {fields:?}: {}", answer.text());
    }

    pub fn refused(&self, path: &str, fields: &[(&str, &str)], status: u16, says: &str) {
        let answer = self.post(path, fields);
        let text = answer.text();
        assert!(
            answer.status == status && text.contains(says),
            "{path} {fields:?}: {}: {text}",
            answer.status
        );
    }

    /// Sends the form of the upload, as browsers do.
    pub fn upload(&self, namespace: &str, file: &str, bytes: &[u8]) -> Answer {
        const BOUNDARY: &str = "what-parts-the-parts";
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"namespace\"\r\n\r\n{namespace}\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"component\"; filename=\"{file}\"\r\ncontent-type: application/wasm\r\n\r\n"
        );
        let body = [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.ask("POST", "/publish", ("content-type", &kind), body)
    }

    /// The page of the draft that this file becomes.
    pub fn draft(&self, file: &str, bytes: &[u8]) -> String {
        let uploaded = self.upload("acme", file, bytes);
        assert_eq!(uploaded.status, 303, "{}", uploaded.text());
        uploaded.header("location").to_owned()
    }
}

/// Somebody who owns `acme`, and has no key.
fn acme(world: &World) -> Person {
    let acme = world.person("acme");
    acme.register();
    acme.ok(&["namespace", "take", "acme"]);
    acme
}

fn begin(world: &World, person: &Person) -> Chromium {
    let browser = Chromium::start(&world.origin());
    browser.open("/login");
    browser.keep(&world.session(person));
    browser
}

/// Uploads a file in the browser, and waits for its draft.
fn upload(browser: &Chromium, person: &Person, name: &str, bytes: &[u8]) {
    browser.open("/publish");
    browser.write("input[type=file]", &person.file(name, bytes));
    browser.click("form[enctype] button");
    browser.until_shows("h1", "Draft of ");
}

#[test]
fn a_component_is_uploaded_and_signed_in_the_browser() {
    let world = World::start();
    let acme = acme(&world);
    let browser = begin(&world, &acme);

    upload(&browser, &acme, "notes.wasm", b"no component");
    browser.until_shows("main", "not a valid Wasm component");
    browser.until_shows("main", "What publishing would refuse");
    upload(&browser, &acme, "foreign.wasm", &forge::template("foreign", "", "unreachable"));
    browser.until_shows("main", "the manifest inside says 'mallory:foreign'");
    browser.until_shows("main", "may not push to 'mallory'");

    upload(&browser, &acme, "ocr.wasm", &plugin("ocr-server"));
    browser.until_shows("main", "Ready to publish.");
    browser.until_shows("[data-none]", "has no key of 'acme' yet");
    browser.click("[data-make]");
    browser.until_shows("[data-own]", "It is added to the namespace");
    // It signs, and is not told to anybody, not even to this page.
    let told = browser.run(
        "const done = arguments[0];
         const opening = indexedDB.open('chandlery', 1);
         opening.onsuccess = () => {
             const asked = opening.result.transaction('keys').objectStore('keys').get('acme');
             asked.onsuccess = () => crypto.subtle.exportKey('pkcs8', asked.result.key)
                 .then(() => done('told'), (error) => done(error.name));
         };",
    );
    assert_eq!(told, "InvalidAccessError");
    browser.click(SIGN);
    browser.until_at("/plugins/acme/ocr-server/releases/1.0.0");
    let keys = acme.list("/api/v1/namespaces/acme/keys");
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(
        world.stores.texts("select id from drafts where file = 'ocr.wasm'").is_empty(),
        "it is a draft no more"
    );

    // What hosts prove of any release they prove of this one.
    let customer = world.customer();
    customer.ok(&["install", "acme:ocr-server"]);
    customer.ok(&["verify"]);
    // cosign's newer form is among its referrers, as after the command.
    let record = acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.0");
    let referrers = format!("/v2/acme/ocr-server/referrers/{}", record["artifact"].as_str().unwrap());
    let referrers = world.send("GET", &referrers, None, &[], "").json();
    assert_eq!(referrers["manifests"].as_array().unwrap().len(), 1, "{referrers}");

    // The next one is signed by the same key, and its page says what changes.
    upload(&browser, &acme, "ocr.wasm", &as_version(&plugin("ocr-server"), "1.0.1"));
    browser.until_shows("main", "What changes since 1.0.0");
    browser.until_shows("[data-own]", "It signs for the namespace.");
    browser.click(SIGN);
    browser.until_at("/plugins/acme/ocr-server/releases/1.0.1");
    assert_eq!(acme.list("/api/v1/namespaces/acme/keys").len(), 1);
}

#[test]
fn a_key_of_the_command_signs_in_the_browser_and_no_other_does() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bob = world.person("bob");
    bob.register();
    acme.ok(&["namespace", "invite", "acme", "bob", "--role", "publisher"]);
    bob.ok(&["namespace", "accept", "acme"]);
    let browser = begin(&world, &bob);
    upload(&browser, &bob, "ocr.wasm", &plugin("ocr-server"));
    let draft = browser.address().replacen(&world.origin(), "", 1);
    browser.click("summary");
    browser.write("[data-pem]", "-----BEGIN PRIVATE KEY-----\nMC4CAQA=\n-----END PRIVATE KEY-----\n");
    browser.click("[data-take]");
    browser.until_shows(FAULT, "not an Ed25519 key in PKCS#8");
    // Who owns nothing adds no key.
    browser.click("[data-make]");
    browser.until_shows("[data-own]", "an owner of it adds keys");
    let refused = browser.run(
        "const form = document.querySelector('form[data-sign]');
         form.querySelector('button:not([type])').disabled = false;
         arguments[0](true);",
    );
    assert_eq!(refused, true);
    browser.click(SIGN);
    browser.until_shows("main", "may not add keys to 'acme'");

    browser.open(&draft);
    browser.click("summary");
    browser.run("document.querySelector('[data-pem]').value = ''; arguments[0](0);");
    browser.write("[data-pem]", &acme.key().to_pem().unwrap());
    browser.click("[data-take]");
    browser.until_shows("[data-own]", "It signs for the namespace.");
    browser.until_shows("[data-own] code", acme.key().public().id().to_string().as_str());
    browser.click(SIGN);
    browser.until_at("/plugins/acme/ocr-server/releases/1.0.0");
    let record = acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.0");
    assert_eq!(record["key"], json!(acme.key().public().to_string()));
}

#[test]
fn a_draft_says_all_that_publishing_would_refuse_and_how_to_finish_without_a_script() {
    let world = World::start();
    let acme = world.publisher("acme");
    let (pages, ocr) = (Pages::of(&world, &acme), plugin("ocr-server"));
    acme.publish(&ocr);
    // As where a later release would no longer report what everybody pays by.
    let offer = r#"{"price":{"kind":"metered","unit":"tokens","steps":[{"price":"0.50 USD"}]}}"#;
    world.stores.sql(&format!("update plugins set offer = '{offer}' where id = 'acme:ocr-server'"));

    let draft = pages.draft("ocr-1.wasm", &as_version(&ocr, "1.0.1"));
    let shown = pages.show(&draft);
    for part in
        ["What publishing would refuse", "does not meter that", "What changes since 1.0.0", "Discard draft"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("data-sign"), "what would be refused is not signed");
    let draft = pages.draft("other.wasm", &with_other_content(&ocr));
    let shown = pages.show(&draft);
    assert!(shown.contains("does not meter that") && shown.contains("The version is taken"), "{shown}");

    // Another plugin's name that looks like this one's.
    let text = "name = \"acme:ocrserver\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Trap\"\n\
                description = \"Trap.\"\nlicense = \"Apache-2.0\"\n";
    let alike = Manifest::from_toml(text).unwrap();
    let draft = pages.draft("alike.wasm", &forge::described(&alike));
    assert!(pages.show(&draft).contains("would be mistaken for"), "{}", pages.show(&draft));

    // One that nothing is wrong with names the command.
    let good =
        Manifest { name: "acme:other".parse().unwrap(), readme: Some("# Read me".into()), ..alike.clone() };
    let draft = pages.draft("my-plugin.wasm", &forge::described(&good));
    let shown = pages.show(&draft);
    for part in ["chandlery publish my-plugin.wasm", "<noscript>", "<h3>Read me</h3>", "Ready to publish."] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Nobody signs by sending anything.
    let pem = acme.key().public().to_string();
    let forged = [("key", pem.as_str()), ("payload", "AAAA"), ("bundle", "AAAA")];
    pages.refused(&draft, &forged, 400, "the signature");
    assert_eq!(world.get("/api/v1/plugins/acme/other/releases/1.0.0", &[]).0, 404);

    // There are so many, each its uploader's alone, until it is discarded or has lapsed.
    let last = pages.draft("last.wasm", b"x");
    assert_eq!(pages.show("/publish").matches("href=\"/publish/").count(), DRAFTS_MAX + 1);
    let refused = pages.upload("acme", "more.wasm", b"x");
    assert!(refused.status == 429 && refused.text().contains("can publish or discard some"), "{refused:?}");
    let bob = world.person("bob");
    bob.register();
    let of_bob = Pages::of(&world, &bob);
    for (method, path) in [("GET", last.clone()), ("POST", last.clone()), ("POST", format!("{last}/discard"))]
    {
        assert_eq!(of_bob.ask(method, &path, FORM, "").status, 404, "{method} {path}");
    }
    let refused = of_bob.upload("acme", "x.wasm", b"x");
    assert!(refused.status == 403 && refused.text().contains("may not push to"), "{refused:?}");
    pages.done(&format!("{last}/discard"), &[]);
    assert_eq!(pages.ask("GET", &last, FORM, "").status, 404);
    world.stores.sql("update drafts set lapses_at = '2020-01-01T00:00:00.000000Z'");
    assert_eq!(pages.ask("GET", &draft, FORM, "").status, 404);
    pages.draft("again.wasm", b"x");
    let refused = pages.upload(&"a".repeat(2_000), "x.wasm", b"x");
    assert!(refused.status == 400 && refused.text().contains("more than 1024 bytes"), "{refused:?}");
}

#[test]
fn what_a_draft_says_stays_text() {
    let world = World::start();
    let acme = world.publisher("acme");
    let pages = Pages::of(&world, &acme);
    let text = "name = \"acme:trap\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Trap\"\n\
                description = \"Trap.\"\nlicense = \"Apache-2.0\"\n";
    let manifest = Manifest {
        title: HOSTILE.into(),
        description: HOSTILE.into(),
        authors: vec![HOSTILE.into()],
        keywords: vec![HOSTILE.into()],
        gpus: vec![HOSTILE.into()],
        source: Some("javascript:alert(1)".into()),
        readme: Some(HOSTILE.into()),
        changelog: Some(HOSTILE.into()),
        parameters: [(HOSTILE.to_owned(), json!({ "type": "string", "description": HOSTILE }))]
            .into_iter()
            .collect(),
        ..Manifest::from_toml(text).unwrap()
    };
    let draft = pages.draft("<script>alert(1)</script>.wasm", &forge::described(&manifest));
    let of_name = pages.draft("<script>alert(1)<\\/script>", b"x");
    acme.publish(&plugin("ocr-server"));
    pages.done(&format!("{OCR}/releases/1.0.0"), &[("act", "deprecate"), ("note", HOSTILE)]);
    pages.done(&format!("{OCR}/releases/1.0.0/withdrawal"), &[("reason", HOSTILE)]);
    let refused = pages.post(&format!("{OCR}/releases/1.0.0"), &[("act", HOSTILE)]);
    let claims = [("issuer", "https://ci.example"), ("claims", HOSTILE)];
    let untrusted = pages.post(&format!("{OCR}/trusted-publishers"), &claims);
    let tokens = [("act", "make"), ("scope", "read"), ("days", "1"), ("note", HOSTILE)];
    let made = pages.post("/account/tokens", &tokens);
    assert_eq!((refused.status, untrusted.status, made.status), (400, 400, 200));
    let shown =
        [&draft, &of_name, "/publish", NAMESPACE, OCR, "/account/tokens"].map(|path| pages.show(path));
    for text in shown.into_iter().chain([refused, untrusted, made].map(|answer| answer.text())) {
        for part in ["<script>", "<img", "href=\"javascript"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
fn publishers_manage_their_namespace_on_its_pages() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bob = world.person("bob");
    bob.register();
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["namespace", "invite", "acme", "bob", "--role", "publisher"]);
    bob.ok(&["namespace", "accept", "acme"]);
    let (owner, publisher) = (Pages::of(&world, &acme), Pages::of(&world, &bob));
    let release = format!("{OCR}/releases/1.0.0");
    let record = || acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.0");

    publisher.done(&release, &[("act", "yank")]);
    assert_eq!(record()["yanked"], true);
    publisher.done(&release, &[("act", "unyank")]);
    publisher.done(&release, &[("act", "deprecate"), ("note", "use another"), ("successor", "acme:other")]);
    assert_eq!(record()["deprecated"], json!({ "note": "use another", "successor": "acme:other" }));
    publisher.done(&release, &[("act", "undeprecate")]);
    assert!(!record()["yanked"].as_bool().unwrap() && record()["deprecated"].is_null());

    // What it takes an owner for, a publisher is refused, and not offered.
    let key = acme.key().public().id().to_string();
    let revocation = format!("{NAMESPACE}/keys/{key}/revocation");
    let claims = "repository=acme/plugins\nref=refs/tags/v1";
    let trust = [("issuer", "https://token.actions.githubusercontent.com"), ("claims", claims)];
    for (path, fields) in [
        (format!("{release}/withdrawal"), &[("reason", "it mines coins")][..]),
        (format!("{NAMESPACE}/two-people"), &[("act", "require")]),
        (revocation.clone(), &[]),
        (format!("{NAMESPACE}/keys"), &[("key", acme.key().public().to_string().as_str()), ("proof", "")]),
        (format!("{OCR}/trusted-publishers"), &trust),
    ] {
        publisher.refused(&path, fields, 403, "may not");
    }
    let shown = publisher.show(NAMESPACE);
    assert!(shown.contains("Ask the owners to add it") && !shown.contains("/revocation"), "{shown}");
    assert!(!publisher.show(OCR).contains("withdrawal"));

    // Two people, the second of whom approves on the page.
    owner.done(&format!("{NAMESPACE}/two-people"), &[("act", "require")]);
    assert!(owner.show(NAMESPACE).contains("Two people are required"));
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    let staged = format!("{OCR}/staged-releases/1.0.1");
    let artifact = acme.list("/api/v1/plugins/acme/ocr-server/staged-releases")[0]["artifact"].clone();
    let approve = [("act", "approve"), ("artifact", artifact.as_str().unwrap())];
    assert!(publisher.show(OCR).contains("Waiting for approval"));
    owner.refused(&staged, &approve, 403, "may not");
    publisher.done(&staged, &approve);
    assert_eq!(
        acme.get("/api/v1/plugins/acme/ocr-server/releases/1.0.1")["release"],
        "acme:ocr-server@1.0.1"
    );

    owner.done(&format!("{OCR}/trusted-publishers"), &trust);
    let trusted = acme.list("/api/v1/plugins/acme/ocr-server/trusted-publishers");
    assert!(owner.show(OCR).contains("repository=acme/plugins"), "{trusted:?}");
    owner.done(&format!("{OCR}/trusted-publishers/{}/removal", trusted[0]["id"]), &[]);
    assert!(acme.list("/api/v1/plugins/acme/ocr-server/trusted-publishers").is_empty());

    owner.refused(&revocation, &[("from", "yesterday")], 400, "is not a time");
    owner.done(&revocation, &[("from", "2026-01-01T00:00:00Z")]);
    assert!(owner.show(NAMESPACE).contains("revoked"));
    owner.refused(&format!("{release}/withdrawal"), &[("reason", "")], 400, "a reason");
    owner.done(&format!("{release}/withdrawal"), &[("reason", "it mines coins")]);
    assert_eq!(record()["withdrawn"], "it mines coins");

    owner.done("/publish/namespaces", &[("name", "umbrella")]);
    owner.refused("/publish/namespaces", &[("name", "umbrella")], 409, "is taken");
    assert!(owner.show("/publish").contains("/publish/namespaces/umbrella"));
}

#[test]
fn a_token_is_made_and_shown_once_on_its_page() {
    let world = World::start();
    let acme = world.publisher("acme");
    let pages = Pages::of(&world, &acme);
    let wanted =
        [("act", "make"), ("scope", "publish"), ("plugin", "acme:ocr-server"), ("days", "7"), ("note", "ci")];
    let made = pages.post("/account/tokens", &wanted);
    assert_eq!((made.status, made.header("cache-control")), (200, "no-store"));
    let text = made.text();
    let token = text.split("shown this once").nth(1).and_then(|rest| rest.split("<code>").nth(1)).unwrap();
    let token = token.split('<').next().unwrap();
    let push = |path: &str| world.send("POST", path, Some(token), &[], "").status;
    assert_eq!(push("/v2/acme/ocr-server/blobs/uploads/"), 202, "{token}");
    assert_eq!(push("/v2/acme/other/blobs/uploads/"), 403);
    let shown = pages.show("/account/tokens");
    assert!(shown.contains("publish acme:ocr-server") && !shown.contains(token), "{shown}");
    let refused = [("act", "make"), ("scope", "scim"), ("days", "7"), ("note", "x")];
    pages.refused("/account/tokens", &refused, 400, "a directory");
    let listed = acme.list("/api/v1/account/tokens");
    let id = listed.iter().find(|one| one["note"] == "ci").unwrap()["id"].as_str().unwrap().to_owned();
    pages.done("/account/tokens", &[("act", "end"), ("id", &id)]);
    until("the token has ended", || (push("/v2/acme/ocr-server/blobs/uploads/") == 401).then_some(()));
}
