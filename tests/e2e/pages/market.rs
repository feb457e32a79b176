//! A market of simulated data: somebody for each kind of visitor, and something for each page to show.

use chandlery_package::Manifest;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::table::{Page, Site, Who};
use crate::forge;
use crate::host_sign_in::{invitation, signed_up};
use crate::images::png;
use crate::world::{Answer, Person, World, as_version, plugin};

/// What a browser says that it wants.
pub const BROWSER: (&str, &str) =
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const IBAN: &str = "DE89370400440532013000";

/// A registry and a host whose pages all have something to show.
pub struct Market {
    pub world: World,
    /// The cookie of each visitor's session; of those who have none, nothing.
    cookies: Vec<(Who, String)>,
    /// What stands for what is in braces: what ends at it in a route, and the value. The first that fits is taken.
    examples: Vec<(&'static str, String)>,
}

/// The story so far: two months ago plugins were sold, and last month a partner was paid.
struct Story {
    world: World,
    /// What people write where they may write anything.
    words: &'static str,
    /// The first day of the month in which plugins were sold.
    month: Date,
    examples: Vec<(&'static str, String)>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An amount as the command line reads it.
fn written(money: &Value) -> String {
    let minor = money["minor"].as_i64().unwrap();
    format!("{}.{:02} {}", minor / 100, minor % 100, text(&money["currency"]))
}

impl Market {
    /// A market in which people have written these words where they may write anything.
    pub fn open(words: &'static str) -> Self {
        let mut world = World::with_limits();
        world.restart_registry_with(&["--virtual-clock", "--styleguide"].map(str::to_owned));
        world.lift_approvals();
        let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let month = today.first_of_month().checked_sub(2.months()).unwrap();
        let mut story = Story { world, words, month, examples: Vec::new() };
        story.publishers_publish();
        story.plugins_are_sold();
        story.a_partner_is_paid();
        story.world.set_clock(&Timestamp::now().to_string());
        story.a_customer_buys();
        story.a_publisher_drafts();
        story.a_host_deploys();
        let Story { world, examples, .. } = story;
        let cookies = vec![
            (Who::Customer, world.session(&world.customer())),
            (Who::Partner, world.session(&world.person("acme"))),
            (Who::Operator, session_of_operator(&world)),
            (Who::Admin, signed_up(&world, "chief")),
        ];
        Self { world, cookies, examples }
    }

    /// The URL of a site, without a slash at its end.
    pub fn site(&self, site: Site) -> String {
        match site {
            Site::Registry => self.world.origin(),
            Site::Host => format!("http://{}", self.world.host.address),
        }
    }

    /// The cookie of somebody's session; nothing: they have none.
    pub fn cookie(&self, who: Who) -> &str {
        self.cookies.iter().find(|(other, _)| *other == who).map_or("", |(_, cookie)| cookie)
    }

    /// A route with what stands for each of its braces.
    pub fn fill(&self, route: &str) -> String {
        let mut path = String::new();
        let mut rest = route;
        while let Some(begin) = rest.find('{') {
            let end = begin + rest[begin..].find('}').unwrap() + 1;
            let before = &route[..route.len() - rest.len() + end];
            let example = self.examples.iter().find(|(part, _)| before.ends_with(part));
            let (_, example) = example.unwrap_or_else(|| panic!("the market has no example for {before}"));
            path += &rest[..begin];
            path += example;
            rest = &rest[end..];
        }
        path + rest
    }

    /// The path and query of a page.
    pub fn path(&self, page: &Page) -> String {
        format!("{}{}", self.fill(page.route), self.fill(page.query))
    }

    /// The URL of a page.
    pub fn url(&self, page: &Page) -> String {
        format!("{}{}", self.site(page.who.site()), self.path(page))
    }

    /// What a server answers to whoever looks at a path in a browser.
    pub fn look(&self, who: Who, path: &str) -> Answer {
        let url = format!("{}{path}", self.site(who.site()));
        self.world.send("GET", &url, None, &[BROWSER, ("cookie", self.cookie(who))], "")
    }
}

/// The password of the first operator is in a file.
fn session_of_operator(world: &World) -> String {
    let password = std::fs::read_to_string(world.registry_data().join("operator.password")).unwrap();
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("name", "operator"), ("password", password.trim())])
        .finish();
    let origin = world.origin();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let answer = world.send("POST", "/login", None, &[kind, ("origin", origin.as_str())], form);
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

impl Story {
    fn is(&mut self, part: &'static str, example: impl Into<String>) {
        self.examples.push((part, example.into()));
    }

    /// Lets a day begin, counted from the first of the month in which plugins are sold.
    fn day(&self, day: i64) {
        let date = self.month.checked_add((day - 1).days()).unwrap();
        self.world.set_clock(&format!("{date}T12:00:00Z"));
    }

    fn publishers_publish(&mut self) {
        self.day(20);
        let (world, words) = (&self.world, self.words);
        let since = self.month.to_string();
        let operator = world.operator();
        operator.ok(&["books", "tax", "DE", "VAT", "19%", "--since", &since]);
        let us = ["books", "seller", "--legal-name", "Chandlery GmbH", "--country", "DE", "--since", &since];
        operator.ok(&[&us[..], &["--tax-number", "DE136695976", "--iban", IBAN]].concat());
        let acme = world.publisher("acme");
        for version in ["1.0.0", "1.0.1"] {
            acme.publish(&as_version(&plugin("ocr-server"), version));
            acme.publish(&as_version(&plugin("errand"), version));
        }
        acme.publish(&forge::described(&written_by(words)));
        acme.ok(&["deprecate", "acme:ocr-server@1.0.0", &format!("Use 1.0.1. {words}")]);
        acme.ok(&["orders", "price", "acme:ocr-server", "1234.00 USD"]);
        let says =
            ["--category", "vision", "--homepage", "https://acme.example", "--support", "help@acme.example"];
        acme.ok(&[&["listing", "set", "acme:ocr-server"], &says[..]].concat());
        acme.ok(&["listing", "icon", "acme:ocr-server", &acme.file("icon.png", &png(64, 64))]);
        for (width, height) in [(320, 200), (200, 320)] {
            let (file, shows) =
                (acme.file("shot.png", &png(width, height)), format!("Text of a page. {words}"));
            acme.ok(&["listing", "screenshot", "add", "acme:ocr-server", &file, "--caption", &shows]);
        }
        operator.ok(&["certify", "acme:ocr-server"]);
        acme.ok(&["orders", "coupon", "acme:ocr-server", "SPRING-20", "20%"]);
        let holder = format!("Acme SA {}", words.chars().take(40).collect::<String>());
        acme.ok(&["payouts", "profile", "acme", "--iban", IBAN, "--holder", &holder]);
        world.vendor().publish(&plugin("vllm"));
        let about = format!("Ten years of them. {words}");
        acme.ok(&["consultants", "profile", "acme", &format!("GPU fleets {words}"), "--about", &about]);
        let title = format!("A cluster in a week {words}");
        acme.ok(&["consultants", "offer", "acme", "setup", "500.00 USD", "--title", &title]);
        operator.ok(&["consultants", "certify", "acme"]);
        for (part, example) in [
            ("/plugins/{namespace}", "acme"),
            ("/services/{namespace}", "acme"),
            ("/services/{namespace}/{name}", "setup"),
            ("/plugins/{namespace}/{name}", "ocr-server"),
            ("/profiles/{partner}/{version}", "1"),
            ("{version}", "1.0.1"),
            ("/publishers/{namespace}", "acme"),
            ("{partner}", "acme"),
        ] {
            self.is(part, example);
        }
    }

    /// Three customers buy; one is given something back, and one disputes.
    fn plugins_are_sold(&mut self) {
        let world = &self.world;
        let (acme, operator) = (world.person("acme"), world.operator());
        for (day, name) in [(21, "hooli"), (22, "initech"), (23, "massive")] {
            self.day(day);
            let buyer = world.person(name);
            buyer.register();
            let order = buyer.ok(&["orders", "place", "acme:ocr-server"]);
            let due = written(&order["due"]);
            operator.ok(&["orders", "paid", &text(&order["reference"]), &due, "--bank-reference", name]);
        }
        let reason = format!("It was slow. {}", self.words);
        let invoice = world.person("initech").list("/api/v1/invoices")[0]["number"].to_string();
        operator.ok(&["invoices", "refund", &invoice, "34.00 USD", "--reason", &reason, "--key", "R"]);
        let earned = acme.list("/api/v1/partners/acme/transactions");
        let sales: Vec<&Value> =
            earned.iter().filter(|one| one["kind"] == "sale").map(|one| &one["transaction"]).collect();
        let back = text(&operator.list("/api/v1/bank/send-backs")[0]["reference"]);
        let dispute = json!({
            "id": "D-1", "sale": sales[2], "amount": { "minor": 100_000, "currency": "USD" },
            "fee": { "minor": 1500, "currency": "USD" },
        });
        let sent =
            world.send("POST", "/api/v1/disputes", Some(&operator.token()), &JSON, dispute.to_string());
        assert_eq!(sent.status, 204, "{sent:?}");
        let sale = sales[1].to_string();
        self.is("/sales/{number}", sale);
        self.is("/send-backs/{reference}", back);
    }

    /// The month is closed, and what was held is paid out by two operators. The next one is over, and waits to be closed.
    fn a_partner_is_paid(&mut self) {
        let world = &self.world;
        let operator = world.operator();
        let second = world.person("second");
        second.register();
        world.promote("second");
        let next = self.month.checked_add(1.month()).unwrap();
        world.set_clock(&format!("{next}T00:00:00Z"));
        operator.ok(&["books", "close"]);
        self.day(60);
        let payout = operator.ok(&["payouts", "run"])["items"][0].clone();
        let (id, run) = (payout["id"].to_string(), payout["run"].to_string());
        second.ok(&["payouts", "approve", &id]);
        operator.ok(&["payouts", "confirm", &id, "--bank-reference", "SEPA-7"]);
        let now = self.month.checked_add(2.months()).unwrap();
        world.set_clock(&format!("{now}T00:00:00Z"));
        let over = next.strftime("%Y-%m").to_string();
        let month = self.month.strftime("%Y-%m").to_string();
        let rent = format!(
            "id,date,amount,currency,text\nRENT,,20.00,USD,\"rent {}\"\n",
            self.words.replace('"', "\"\"")
        );
        let table = operator.file("table.csv", rent.as_bytes());
        operator.ok(&["books", "reconcile", &table]);
        // Nobody changes a rule alone.
        let (waits, _) = operator.refused(&["approvals", "set", "payout", "0"]);
        let request = waits.detail.split_whitespace().nth(1).unwrap().to_owned();
        self.is("/approvals/{id}", request);
        self.is("/runs/{run}", run);
        self.is("/customers/{account}", "globex");
        self.is("/payouts/{id}", id);
        self.is("/close/{month}", over);
        self.is("{month}", month);
    }

    fn a_customer_buys(&mut self) {
        let world = &self.world;
        let (globex, operator) = (world.customer(), world.operator());
        let address = ["--street", "Am Sandtor 2", "--postcode", "20457", "--city", "Hamburg"];
        let name = format!("Globex GmbH {}", self.words);
        globex.ok(&[&["invoices", "profile", "DE", "--name", &name][..], &address].concat());
        let due = globex.ok(&["subscription", "change", "developer"])["due"][0].clone();
        let number = due["number"].to_string();
        operator.ok(&["invoices", "paid", &number, &written(&due["total"]), "--bank-reference", "S"]);
        let order = globex.ok(&["orders", "place", "acme:ocr-server"]);
        let reference = text(&order["reference"]);
        operator.ok(&["orders", "paid", &reference, &written(&order["due"]), "--bank-reference", "G"]);
        let invoices = globex.list("/api/v1/invoices");
        let paid = invoices.iter().map(|invoice| invoice["number"].as_i64().unwrap()).max().unwrap();
        let paid = paid.to_string();
        let refund = ["invoices", "refund", &paid, "1.00 USD", "--reason", "slow", "--key", "G"];
        let note = operator.ok(&refund)["number"].to_string();
        globex.ok(&["consultants", "order", "acme", "setup", "--reference", "a-cluster"]);
        let title = format!("Umbrella & Co {}", self.words);
        self.send_as_globex("/organisations", &[("name", "umbrella"), ("title", title.as_str())]);
        let member = [("account", "initech"), ("role", "billing")];
        self.send_as_globex("/organisations/umbrella/members", &member);
        let domain = [("act", "add"), ("domain", "example.org")];
        self.send_as_globex("/organisations/umbrella/domains", &domain);
        globex.get("/api/v1/licence?host=lab&deployments=3");
        let why = format!("It runs anything. {}", self.words);
        let report = globex.ok(&["report", "acme:errand", "--why", &why])["id"].to_string();
        let asked = world.send("POST", "/api/v1/device-log-ins", None, &JSON, "{}").json();
        for (part, example) in [
            ("/reports/{id}", report),
            ("/service-orders/{reference}", "a-cluster".to_owned()),
            ("{reference}", reference),
            ("/credit-notes/{number}", note),
            ("/invoices/{number}", paid),
            ("{organisation}", "umbrella".into()),
            ("{code}", text(&asked["user_code"])),
        ] {
            self.is(part, example);
        }
    }

    /// A release waits for a review, and another one to be signed in a browser.
    fn a_publisher_drafts(&mut self) {
        const BOUNDARY: &str = "what-parts-the-parts";
        let (world, words) = (&self.world, self.words);
        let acme = world.person("acme");
        acme.ok(&["review", "acme:errand@1.0.1", "--note", &format!("Nothing new. {words}")]);
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"namespace\"\r\n\r\nacme\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"component\"; filename=\"errand.wasm\"\r\ncontent-type: application/wasm\r\n\r\n"
        );
        let component = as_version(&plugin("errand"), "1.0.2");
        let body = [head.as_bytes(), &component, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let (cookie, origin) = (world.session(&acme), world.origin());
        let headers = [("content-type", kind.as_str()), ("cookie", &cookie), ("origin", &origin)];
        let answer = world.send("POST", "/publish", None, &headers, body);
        let draft = answer.header("location").rsplit('/').next().unwrap().to_owned();
        assert_eq!(answer.status, 303, "{}", answer.text());
        for (part, example) in [
            ("{draft}", draft.as_str()),
            ("/namespaces/{namespace}", "acme"),
            ("/namespaces/{namespace}/{name}", "ocr-server"),
            ("/reviews/{namespace}", "acme"),
            ("/reviews/{namespace}/{name}", "errand"),
            ("{*document}", "tutorials/publish"),
        ] {
            self.is(part, example);
        }
    }

    fn send_as_globex(&self, path: &str, fields: &[(&str, &str)]) {
        let cookie = self.world.session(&self.world.customer());
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = self.world.origin();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let headers = [kind, ("origin", origin.as_str()), ("cookie", cookie.as_str())];
        let answer = self.world.send("POST", path, None, &headers, body);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    }

    fn a_host_deploys(&mut self) {
        let world = &self.world;
        let first: Person = world.customer();
        first.ok(&["install", "acme:errand"]);
        let deploy = ["deploy", "errand", "--name", "web", "--set", "command=[\"sleep\", \"3600\"]"];
        first.ok(&[&deploy[..], &["--team", "ml"]].concat());
        first.ok(&["restart", "web"]);
        first.set_secret("api-key", "a value that nobody reads");
        for (name, role) in [("chief", "admin"), ("bea", "viewer")] {
            first.ok(&["host", "users", "add", name, role]);
        }
        let invited = invitation(world, "bea");
        self.is("/deployments/{name}", "web");
        self.is("{invitation}", invited);
    }
}

/// A plugin that says much of itself.
fn written_by(words: &str) -> Manifest {
    let text = "name = \"acme:trap\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Trap\"\n\
                description = \"Trap.\"\nlicense = \"Apache-2.0\"\n";
    let readme = format!(
        "# Trap\n\nWhat it *does*, with a [link](https://example.org/docs). {words}\n\n## Use\n\n```sh\nchandlery install acme:trap\n```\n\n\
         | option | meaning |\n| --- | --- |\n| a | what it is for |\n"
    );
    Manifest {
        title: format!("Trap {words}"),
        description: format!("It catches what it is set for. {words}"),
        authors: vec![format!("Ann {words}")],
        keywords: vec!["trap".into()],
        readme: Some(readme),
        changelog: Some(format!("# Changes\n\n## 1.0.0\n\n- It is there. {words}\n")),
        ..Manifest::from_toml(text).unwrap()
    }
}
