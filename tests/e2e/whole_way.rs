//! The whole way of an amount, by a browser on the real servers: from a sign-up to a payout that has arrived. Each figure that somebody is
//! shown on it is the one of the books.

use chandlery_package::Month;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::world::{Person, World, plugin, until};

const PASSWORD: &str = "correct horse battery";
const PLUGIN: &str = "/plugins/acme/errand";
const CHECKOUT: &str = "/checkout/plugins/acme/errand";
const NAMESPACES: &str = "/publish/namespaces";
const RUN: &str = "/operator/payouts/runs/1";
const COMMAND: &str = r#"["sleep", "600"]"#;
const IBAN: &str = "DE89370400440532013000";
const PARTNERS_IBAN: &str = "FR1420041010050500013M02606";
/// How much the replicas of the deployment run at least, in milliseconds: as much as a page shows.
const USED_MIN: u64 = 40_000;

fn minor(money: &Value) -> i64 {
    money["minor"].as_i64().unwrap_or_else(|| panic!("{money}"))
}

/// An amount on a page, such as `1,234.00 USD`, in minor units.
fn read(amount: &str) -> i64 {
    let number = amount.split(' ').next().unwrap();
    number.replace(['.', ','], "").parse().unwrap_or_else(|_| panic!("'{amount}' is no amount"))
}

/// An amount as a transfer names it.
fn written(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The bank's statement with one transfer.
fn statement(minor: i64, text: &str) -> String {
    let amount = written(minor);
    format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt><Ntry>\
         <Amt Ccy=\"USD\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>B-1</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>\
         <Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
    )
}

/// A month after the close: what was told of a partner's bank account counts by then.
const LATER: SignedDuration = SignedDuration::from_hours(20 * 24);

/// Two servers and one browser, in which one person after the other is signed in.
struct Way {
    world: World,
    browser: Chromium,
    /// Whether its pages run scripts.
    scripted: bool,
}

impl Way {
    /// The registry's clock can be set, so that a month is over soon; what is paid is on no hold.
    fn begin(browser: impl FnOnce(&str) -> Chromium, scripted: bool) -> Self {
        crate::process::within_a_day();
        let mut world = World::with_hold(0);
        world.restart_registry_with(&["--virtual-clock".to_owned()]);
        world.set_clock(&Timestamp::now().to_string());
        world.lift_approvals();
        // While there is no other operator, nobody else has to approve it.
        world.operator().ok(&["payouts", "from", "Chandlery GmbH", IBAN, "COBADEFFXXX"]);
        for name in ["olga", "pete"] {
            world.another_operator(name);
        }
        let browser = browser(&world.origin());
        Self { world, browser, scripted }
    }

    /// What the books have on an account, in minor units.
    fn booked(&self, account: &str) -> i64 {
        let rows = self.world.operator().list("/api/v1/ledger/balances");
        rows.iter().find(|row| row["account"] == account).map_or(0, |row| minor(&row["balance"]))
    }

    /// Waits until a page says this, which one without scripts has to be asked for again.
    fn until_told(&self, path: &str, selector: &str, says: &str) {
        until(says, || {
            if !self.scripted {
                self.browser.open(path);
            }
            self.browser.text(selector).contains(says).then_some(())
        });
    }

    fn fill_log_in(&self, name: &str, password: &str) {
        self.browser.write("form[action='/login'] input[name=name]", name);
        self.browser.write("form[action='/login'] input[name=password]", password);
        self.browser.click("form[action='/login'] button");
    }

    fn log_in(&self, name: &str, password: &str, path: &str) {
        self.browser.open(&format!("/login?next={path}"));
        self.fill_log_in(name, password);
        self.browser.until_at(path);
    }

    fn log_out(&self) {
        self.browser.click("form[action='/logout'] button");
        self.browser.until_at("/login");
    }

    /// Somebody signs up, takes a namespace, uploads a component, and signs it there or by the command; it costs this.
    fn publish(&self, price: &[&str]) -> Person {
        let browser = &self.browser;
        browser.open("/register");
        browser.write("input[name=name]", "acme");
        browser.write("input[name=email]", "acme@example.org");
        browser.write("input[name=password]", PASSWORD);
        browser.click("form[action='/register'] button");
        browser.until_at("/welcome");
        browser.open("/publish");
        browser.write(&format!("form[action='{NAMESPACES}'] input[name=name]"), "acme");
        browser.click(&format!("form[action='{NAMESPACES}'] button"));
        browser.until_at(&format!("{NAMESPACES}/acme"));
        let (acme, bytes) = (self.world.person("acme"), plugin("errand"));
        acme.login(PASSWORD);
        browser.open("/publish");
        browser.write("input[type=file]", &acme.file("errand.wasm", &bytes));
        browser.click("form[enctype] button");
        browser.until_shows("main", "Ready to publish.");
        if self.scripted {
            browser.click("[data-make]");
            browser.until_shows("[data-own]", "It is added to the namespace");
            browser.click("form[data-sign] button:not([type])");
            browser.until_at(&format!("{PLUGIN}/releases/1.0.0"));
        } else {
            browser.until_shows("main", "chandlery publish errand.wasm");
            acme.ok(&["keys", "new", "acme"]);
            acme.ok(&["keys", "add", "acme"]);
            acme.publish(&bytes);
        }
        acme.ok(&[&["orders", "price", "acme:errand"], price].concat());
        browser.open("/dashboard/acme/bank");
        browser.write("input[name=holder]", "Acme SA");
        browser.write("input[name=iban]", PARTNERS_IBAN);
        browser.click("form[action='/dashboard/acme/bank'] select[name=by] option[value=sepa]");
        browser.click("form[action='/dashboard/acme/bank'] button");
        browser.until_shows("main", "waits for an operator");
        self.log_out();
        self.log_in("olga", PASSWORD, "/operator/payouts/profiles");
        browser.click("main a[href='/operator/payouts/profiles/acme/1']");
        browser.until_shows("main", PARTNERS_IBAN);
        browser.click("form[action='/operator/payouts/profiles/acme/1'] button");
        browser.until_shows("main", "Approved by olga.");
        self.log_out();
        acme
    }

    /// A visitor finds it in the shop, and sees what it would deploy.
    fn plan(&self, price: &str) {
        let browser = &self.browser;
        // The first plan of a component waits until it is compiled, and a visitor no longer than a moment.
        let chosen: String = form_urlencoded::byte_serialize(COMMAND.as_bytes()).collect();
        until("the plugin is compiled", || {
            let (_, page) =
                self.world.get(&format!("{PLUGIN}?engine=local&set.command={chosen}&fragment=plan"), &[]);
            page.contains("It fits").then_some(())
        });
        browser.open("/");
        browser.write("header form[role=search] input[name=q]", "errand\u{e007}");
        browser.until_at("/search?q=errand");
        browser.click(&format!("main a[href='{PLUGIN}']"));
        browser.until_at(PLUGIN);
        browser.until_shows("main", price);
        browser.click("select[name=engine] option[value=local]");
        browser.write("textarea[name='set.command']", COMMAND);
        if !self.scripted {
            browser.click("form[data-plan] button");
        }
        browser.until_shows("#plan", "It fits: 1 workload on no GPU");
        browser.until_shows("#plan", "sleep 600");
        assert!(browser.address().contains("engine=local"), "{}", browser.address());
    }

    /// Whoever orders it is asked to log in on the way. Gives the order.
    fn order(&self) -> Value {
        let browser = &self.browser;
        browser.click(&format!("form[action='{CHECKOUT}'] button"));
        self.fill_log_in("globex", PASSWORD);
        browser.until_shows("h1", "Order acme:errand");
        browser.click("input[name=accept]");
        browser.click(&format!("form[action='{CHECKOUT}'][method=post] button"));
        browser.until_shows("h1", "Order of acme:errand");
        let order = self.world.customer().list("/api/v1/orders")[0].clone();
        let reference = order["reference"].as_str().unwrap();
        browser.until_at(&format!("/orders/{reference}"));
        order
    }

    /// What is due by a page is transferred with the text that it names, and an operator brings the bank's statement that tells of it.
    fn pay(&self, path: &str, text: &str, due: i64) {
        let (browser, operator) = (&self.browser, self.world.operator());
        browser.open(path);
        assert_eq!(read(&browser.text("[data-figure=due]")), due);
        browser.until_shows("main", text);
        self.log_out();
        let before = self.booked("assets:bank");
        self.log_in("olga", PASSWORD, "/operator/bank");
        browser.write("input[type=file]", &operator.file("statement.xml", statement(due, text).as_bytes()));
        browser.click("form[enctype] button");
        browser.until_shows("main", &format!("paid {text}"));
        self.log_out();
        assert_eq!(self.booked("assets:bank") - before, due);
        self.log_in("globex", PASSWORD, path);
        let state = browser.text("[data-figure=state]");
        assert!(state.starts_with("paid"), "{path}: {state}");
        operator.ok(&["books", "check"]);
    }

    /// Runs the command that the order's page shows.
    fn install(&self, order: &Value) {
        self.browser.open(&format!("/orders/{}", order["reference"].as_str().unwrap()));
        let command = self.browser.text("pre.command");
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words, ["chandlery", "install", "acme:errand"]);
        let installed = self.world.customer().ok(&words[1..]);
        assert!(installed.to_string().contains("acme:errand@1.0.0"), "{installed}");
        self.log_out();
    }

    /// Deploys it on the host's console, lets it run for a while, and removes it. Gives how long its replicas ran, in milliseconds.
    fn deploy(&mut self) -> u64 {
        let token = std::fs::read_to_string(self.world.host_data().join("host.token")).unwrap();
        self.browser.turn_to(&format!("http://{}", self.world.host.address));
        let browser = &self.browser;
        browser.open("/login");
        self.fill_log_in("admin", token.trim());
        browser.until_at("/deployments");
        browser.open("/deploy?plugin=acme:errand");
        browser.write("textarea[name='set.command']", COMMAND);
        browser.write("input[name='set.replicas']", "5");
        browser.click("form[action='/deploy'] button");
        browser.until_shows("main", "everything is new");
        browser.click("form[action='/deploy'][method=post] button");
        browser.until_at("/deployments/errand/rollout");
        self.until_told("/deployments/errand/rollout", "main", "Revision 1 is ready.");

        let customer = self.world.customer();
        let ran = || customer.ok(&["usage"])["replica_millis"].as_u64().unwrap();
        until("it is metered", || (ran() >= USED_MIN).then_some(()));
        browser.open("/deployments/errand/remove");
        browser.write("input[name=typed]", "errand");
        browser.click("form[action='/deployments/errand/remove'] button");
        self.until_told("/deployments/errand/rollout", "main", "There is no deployment errand");
        // What is of the future waits to be taken, and the registry's clock has stood since the beginning.
        self.world.set_clock(&Timestamp::now().to_string());
        until("all of it is reported", || {
            let usage = customer.ok(&["usage"]);
            assert_eq!(usage["refused"], 0, "{usage}");
            (usage["waiting"] == 0).then_some(())
        });
        self.log_out();
        self.browser.turn_to(&self.world.origin());
        ran()
    }

    /// What was used is what the host has metered: by the registry's API, on the customer's page, and for the partner.
    fn used(&self, millis: u64) {
        let total = self.world.customer().list("/api/v1/usage")[0].clone();
        assert_eq!((&total["plugin"], &total["replica_millis"]), (&json!("acme:errand"), &json!(millis)));
        self.log_in("globex", PASSWORD, "/spend");
        let hundredths = millis * 100 / 3_600_000;
        let hours = format!("errand acme:errand {}.{:02} 0.00", hundredths / 100, hundredths % 100);
        self.browser.until_shows("main", &hours);
        self.log_out();
    }

    /// The month is over, and an operator closes it. Gives its name.
    fn close(&self) -> String {
        let month = Month::of(Timestamp::now());
        self.world.set_clock(&month.next().first_moment().to_string());
        let (browser, path) = (&self.browser, format!("/operator/close/{month}"));
        self.log_in("olga", PASSWORD, "/operator/close");
        browser.click(&format!("main a[href='{path}']"));
        browser.until_shows("main", "The books balance");
        browser.click(&format!("form[action='{path}'] button"));
        browser.until_at("/operator/close");
        browser.until_shows("main", &format!("{month} "));
        self.log_out();
        let operator = self.world.operator();
        let closed = operator.get("/api/v1/ledger/months")["closed"][0].clone();
        assert_eq!((&closed["month"], &closed["closed_by"]), (&json!(month), &json!("olga")));
        operator.ok(&["books", "check"]);
        month.to_string()
    }

    /// The cards of the partner's dashboard say what the API and the books say. Gives what can be paid out or waits to be.
    fn cards_agree(&self, acme: &Person) -> i64 {
        self.browser.open("/dashboard/acme");
        self.browser.until_shows("h1", "Payouts of acme");
        let balance = acme.get("/api/v1/partners/acme/balances")["items"][0].clone();
        let mut owed = 0;
        for (figure, field, account) in [
            ("on-hold", "on_hold", "pending"),
            ("available", "available", "available"),
            ("in-transit", "in_transit", "in transit"),
        ] {
            let card = format!("[data-figure={figure}]");
            let says = if self.browser.has(&card) { read(&self.browser.text(&card)) } else { 0 };
            let booked = -self.booked(&format!("liabilities:partner:acme:{account}"));
            assert_eq!([says, booked], [minor(&balance[field]); 2], "{figure}");
            owed += booked;
        }
        assert_eq!(read(&self.browser.text("[data-figure=paid]")), minor(&balance["paid"]));
        owed
    }

    /// One operator proposes what the partner is owed, another approves and sends it, and the bank says that it has arrived.
    fn pay_out(&self, acme: &Person, share: i64) {
        let browser = &self.browser;
        self.world.set_clock(&(Month::of(Timestamp::now()).next().first_moment() + LATER).to_string());
        self.log_in("olga", PASSWORD, "/operator/payouts");
        browser.click("form[action='/operator/payouts/runs'] button");
        browser.until_at(RUN);
        assert_eq!(read(&browser.text("[data-figure=amount]")), share);
        assert!(!browser.has("a[href*='step=approve']"), "nobody approves what they have proposed");
        self.log_out();

        self.log_in("pete", PASSWORD, RUN);
        for step in ["approve", "send"] {
            browser.click(&format!("a[href='{RUN}/step?step={step}']"));
            browser.click(&format!("form[action='{RUN}/step'] button"));
            browser.until_at(RUN);
        }
        self.log_out();
        self.log_in("acme", PASSWORD, "/dashboard/acme");
        assert_eq!(self.cards_agree(acme), share);
        self.log_out();

        let before = self.booked("assets:bank");
        self.log_in("olga", PASSWORD, "/operator/payouts/1");
        browser.click("a[href='/operator/payouts/1/step?step=confirm']");
        browser.write("input[name=bank_reference]", "SEPA-7");
        browser.click("form[action='/operator/payouts/1/step'] button");
        browser.until_at("/operator/payouts/1");
        browser.until_shows("main", "SEPA-7");
        self.log_out();
        assert_eq!(before - self.booked("assets:bank"), share);

        self.log_in("acme", PASSWORD, "/dashboard/acme");
        assert_eq!(self.cards_agree(acme), 0);
        assert_eq!(read(&browser.text("[data-figure=paid]")), share);
        browser.open("/dashboard/acme/payouts/1");
        browser.until_shows("main", "SEPA-7");
        assert_eq!(read(&browser.text("[data-line=sent]")), share);
        self.world.operator().ok(&["books", "check"]);
    }

    /// The partner sees the sale in the statement of the month, and on the dashboard.
    fn partner_sees(&self, acme: &Person, month: &str, share: i64) {
        self.log_in("acme", PASSWORD, "/dashboard/acme");
        assert_eq!(self.cards_agree(acme), share);
        let published = acme.list("/api/v1/partners/acme/statements");
        let statement = published.iter().find(|one| one["statement"]["month"] == month).unwrap();
        self.browser.open(&format!("/dashboard/acme/statements/{month}?currency=USD"));
        self.browser.until_shows("main", statement["digest"].as_str().unwrap());
        self.log_out();
    }
}

#[test]
fn what_is_bought_once_on_pages_reaches_the_partners_bank() {
    let mut way = Way::begin(Chromium::start, true);
    let acme = way.publish(&["100.00 USD"]);
    way.plan("100.00 USD once");
    let order = way.order();
    let reference = order["reference"].as_str().unwrap();
    assert_eq!(minor(&order["due"]), 10_000);
    way.pay(&format!("/orders/{reference}"), reference, 10_000);
    way.install(&order);
    let millis = way.deploy();
    way.used(millis);
    let month = way.close();
    way.partner_sees(&acme, &month, 8500);
    way.pay_out(&acme, 8500);
    assert_eq!(way.booked("assets:bank"), 1500, "what is left is the marketplace's share");
}

#[test]
fn what_is_charged_by_use_reaches_the_partners_bank_without_a_script() {
    let mut way = Way::begin(Chromium::without_scripts, false);
    let acme = way.publish(&["36000.00 USD", "--per", "deployment-hour"]);
    way.plan("36,000.00 USD");
    let order = way.order();
    assert!(order["due"].is_null(), "{order}");
    way.install(&order);
    let millis = way.deploy();
    way.used(millis);
    let month = way.close();

    // At a cent for each thousandth of a second, it is invoiced when the month is over.
    let invoice = way.world.customer().ok(&["invoices", "list"])[0].clone();
    let (number, total) = (invoice["number"].to_string(), minor(&invoice["total"]));
    assert_eq!(u64::try_from(total), Ok(millis));
    way.log_in("globex", PASSWORD, "/invoices");
    way.pay(&format!("/invoices/{number}"), &format!("INVOICE-{number}"), total);
    way.log_out();
    let share = minor(&acme.get("/api/v1/partners/acme/balances")["items"][0]["on_hold"]);
    assert!(0 < share && share < total, "{share} of {total}");
    way.partner_sees(&acme, &month, share);
    way.pay_out(&acme, share);
    assert_eq!(way.booked("assets:bank"), total - share, "what is left is the marketplace's share");
}
