//! A customer and a partner without a pointer: whatever they do is reached with Tab and done with Enter or the space bar, what has the focus
//! is seen to have it, and it never stays where it is.

use serde_json::Value;

use crate::chromium::Chromium;
use crate::world::{World, plugin};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";
const DOWN: &str = "\u{e015}";
/// After so many presses of Tab a page has been gone through.
const STOPS_MAX: usize = 150;
const PASSWORD: &str = "correct horse battery";
/// What has the focus: whether it is what is looked for, whether it is seen to have it, and what tells it from all else.
const FOCUSED: &str = "
    const done = arguments[arguments.length - 1];
    const it = document.activeElement;
    const style = getComputedStyle(it);
    done({
        found: it.matches(SELECTOR),
        inside: it !== document.body,
        seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
        // A date has a stop for each of its parts and one for its calendar, around which the browser draws its own ring.
        stops: it.type === 'date' ? 4 : 1,
        place: [...document.querySelectorAll('*')].indexOf(it),
        what: it.outerHTML.slice(0, 200),
    });
";

/// Somebody who has a keyboard alone.
struct Typist {
    browser: Chromium,
}

impl Typist {
    fn at(world: &World, path: &str) -> Self {
        let browser = Chromium::start(&world.origin());
        browser.open(path);
        Self { browser }
    }

    fn focused(&self, selector: &str) -> Value {
        let selector = serde_json::to_string(selector).unwrap();
        self.browser.run(&FOCUSED.replace("SELECTOR", &selector))
    }

    /// Goes on with Tab until what a selector of CSS finds has the focus.
    fn go_to(&self, selector: &str) {
        let (mut last, mut stops) = (Value::Null, 0);
        for _ in 0..STOPS_MAX {
            self.browser.press(TAB);
            let now = self.focused(selector);
            if now["inside"] == true {
                let is_part = now["place"] == last["place"];
                assert!(is_part || now["seen"] == true, "nobody sees that it has the focus: {now}");
                stops = if is_part { stops + 1 } else { 1 };
                assert!(stops <= now["stops"].as_u64().unwrap(), "Tab leads on to nothing else: {now}");
            }
            if now["found"] == true {
                return;
            }
            last = now;
        }
        panic!("Tab does not lead to '{selector}' on {}: {last}", self.browser.address());
    }

    fn enter(&self, selector: &str) {
        self.go_to(selector);
        self.browser.press(ENTER);
    }

    fn write(&self, selector: &str, text: &str) {
        self.go_to(selector);
        self.browser.press(text);
    }
}

/// A registry with a plugin that costs something.
fn world() -> World {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "9.00 USD"]);
    world
}

#[test]
fn a_customer_signs_up_and_orders_with_a_keyboard() {
    let world = world();
    let ann = Typist::at(&world, "/");

    // The first stop leads past the header.
    ann.browser.press(TAB);
    assert_eq!(ann.focused("a.skip")["found"], true);
    ann.browser.press(ENTER);
    ann.browser.press(TAB);
    assert_eq!(ann.focused("main *")["found"], true, "the header was not left out");

    ann.enter("a[href='/register']");
    ann.browser.until_at("/register");
    ann.write("#name", "ann");
    ann.write("#email", "ann@example.org");
    ann.write("#password", PASSWORD);
    ann.browser.press(ENTER);
    ann.browser.until_at("/welcome");

    ann.write("header .search input", "ocr");
    ann.browser.press(ENTER);
    ann.browser.until_at("/search?q=ocr");
    ann.enter("a[href='/plugins/acme/ocr-server']");
    ann.browser.until_at("/plugins/acme/ocr-server");
    ann.enter("form[action='/checkout/plugins/acme/ocr-server'] button");
    ann.browser.until_shows("h1", "Order acme:ocr-server");
    ann.go_to("input[name=accept]");
    ann.browser.press(SPACE);
    ann.enter("form[method=post][action='/checkout/plugins/acme/ocr-server'] button");
    ann.browser.until_shows("h1", "Order of acme:ocr-server");
    ann.enter("nav a[href='/subscription']");
    ann.browser.until_at("/subscription");
    ann.enter("a[href='/subscription/trial?tier=team']");
    ann.browser.until_at("/subscription/trial?tier=team");
    ann.enter("form[action='/subscription/trial'] button");
    ann.browser.until_at("/subscription");
    ann.browser.until_shows("[data-figure=tier]", "team");
    ann.enter("form[action='/logout'] button");
    ann.browser.until_at("/login");
}

#[test]
fn a_partner_follows_a_sale_with_a_keyboard() {
    let world = world();
    let globex = world.customer();
    let order = globex.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    world.operator().ok(&["orders", "paid", reference, "9.00 USD", "--bank-reference", "B"]);

    // The first field has the focus.
    let acme = Typist::at(&world, "/login?next=/dashboard/acme");
    assert_eq!(acme.focused("form[action='/login'] input[name=name]")["found"], true);
    acme.browser.press("acme");
    acme.write("form[action='/login'] input[name=password]", PASSWORD);
    acme.browser.press(ENTER);
    acme.browser.until_at("/dashboard/acme");

    // From this month by the last one to the year.
    acme.write("#range", &DOWN.repeat(2));
    acme.enter("form.filters button");
    acme.browser.until_shows("#range option:checked", "This year");
    assert!(acme.browser.address().contains("range=year"), "{}", acme.browser.address());
    acme.enter("nav.tabs a[href^='/dashboard/acme/sales']");
    acme.browser.until_shows("nav.tabs a[aria-current=page]", "Sales");
    acme.enter("td a[href^='/dashboard/acme/sales/']");
    acme.browser.until_shows("[data-line=gross]", "9.00 USD");
    acme.enter("nav.tabs a[href^='/dashboard/acme/payouts']");
    acme.browser.until_shows("nav.tabs a[aria-current=page]", "Payouts");
    acme.enter("nav.tabs a[href^='/dashboard/acme/statements']");
    acme.browser.until_shows("nav.tabs a[aria-current=page]", "Statements");
    acme.enter("form[action='/logout'] button");
    acme.browser.until_at("/login");
}
