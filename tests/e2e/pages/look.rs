//! Each page in a browser, on a phone, a tablet, a desk and a wide one, by day and by night. It fits, weighs little, stands still, asks nobody else,
//! has nothing to complain of, and axe-core finds no way in which somebody could not use it.

use serde_json::Value;

use super::market::Market;
use super::table::{PAGES, Page};
use crate::chromium::{Chromium, Look};
use crate::process::workspace;

/// A page is seen in one of the first half, and in the one that stands as far into the other half.
pub const LOOKS: [Look; 8] = [
    Look { width: 360, is_dark: false },
    Look { width: 360, is_dark: true },
    Look { width: 768, is_dark: false },
    Look { width: 768, is_dark: true },
    Look { width: 1440, is_dark: true },
    Look { width: 1440, is_dark: false },
    Look { width: 1920, is_dark: true },
    Look { width: 1920, is_dark: false },
];
/// The most that a first visit of a page may load, in bytes.
const BYTES_MAX: i64 = 150_000;
/// What is as long as all that it describes.
const REFERENCE: &str = "/api/v1/docs";
/// Where `make system` puts what finds out who cannot use a page. No server serves it.
const AXE: &str = "target/tools/node_modules/axe-core/axe.min.js";
/// Notes what moves after it was shown, and what the page's policy forbids.
const WATCH: &str = "
    (() => {
    window.watched = { shift: 0, forbidden: [] };
    const note = (entries) => entries.forEach((entry) => { watched.shift += entry.hadRecentInput ? 0 : entry.value; });
    const observer = new PerformanceObserver((list) => note(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    watched.shifted = () => { note(observer.takeRecords()); return watched.shift; };
    addEventListener('securitypolicyviolation', (event) => {
        watched.forbidden.push(`${event.effectiveDirective} forbids ${event.blockedURI}`);
    });
    })();
";
const MEASURE: &str = "
    const done = arguments[arguments.length - 1];
    const measure = () => {
        // What the page itself asks for is there before it is judged.
        if (document.querySelector('[aria-busy=true]')) return requestAnimationFrame(measure);
        const [page] = performance.getEntriesByType('navigation');
        const loaded = [page, ...performance.getEntriesByType('resource')];
        const root = document.documentElement;
        done({
            status: page.responseStatus,
            bytes: loaded.reduce((sum, entry) => sum + entry.transferSize, 0),
            elsewhere: loaded.map((entry) => entry.name)
                .filter((url) => !url.startsWith('data:') && new URL(url).origin !== location.origin),
            styles: document.styleSheets.length,
            overflow: root.scrollWidth - root.clientWidth,
            shift: watched.shifted(),
            forbidden: watched.forbidden,
        });
    };
    requestAnimationFrame(() => requestAnimationFrame(measure));
";
const JUDGE: &str = "
    const done = arguments[arguments.length - 1];
    const where = (nodes) => nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ');
    axe.run(document, { resultTypes: ['violations'], preload: false })
        .then((found) => found.violations.map((fault) => `${fault.id}: ${fault.help}: ${where(fault.nodes)}`))
        .then(done, (error) => done([String(error)]));
";

/// A browser that looks at the pages of a market.
pub struct Viewer<'a> {
    market: &'a Market,
    pub browser: Chromium,
}

impl<'a> Viewer<'a> {
    pub fn of(market: &'a Market) -> Self {
        let browser = Chromium::start(&market.world.origin());
        browser.keep_nothing_loaded();
        Self { market, browser }
    }

    /// Shows each page in each way in which it is wanted, by the numbers of both, one way after the other. Pages that lead elsewhere have
    /// nothing to show.
    pub fn each(
        &self,
        is_wanted: impl Fn(usize, usize) -> bool,
        mut seen: impl FnMut((usize, &Page), (usize, Look)),
    ) {
        let shown = PAGES.iter().filter(|page| !(300..400).contains(&page.status));
        for (number, look) in LOOKS.iter().enumerate() {
            self.browser.look(*look);
            let mut who = None;
            for (index, page) in shown.clone().enumerate().filter(|(index, _)| is_wanted(*index, number)) {
                if who.replace(page.who) != Some(page.who) {
                    self.browser.be(&self.market.site(page.who.site()), self.market.cookie(page.who));
                }
                self.browser.open_at(&self.market.url(page));
                seen((index, page), (number, *look));
            }
        }
    }

    /// What is wrong with the page that is shown.
    fn faults(&self, page: &Page) -> Vec<String> {
        let measured = self.browser.run(MEASURE);
        let mut faults = Vec::new();
        let mut must = |is_so: bool, fault: &str| {
            if !is_so {
                faults.push(format!("{fault}: {measured}"));
            }
        };
        must(measured["status"] == page.status, "another status");
        let is_light = measured["bytes"].as_i64().unwrap() < BYTES_MAX;
        must(is_light || page.route == REFERENCE, "too heavy");
        must(measured["elsewhere"] == Value::Array(Vec::new()), "another host is asked");
        must(measured["styles"] == 1, "not one style sheet");
        must(measured["overflow"].as_i64().unwrap() <= 0, "wider than its window");
        must(measured["shift"].as_f64() == Some(0.0), "it moves");
        must(measured["forbidden"] == Value::Array(Vec::new()), "its policy forbids something");
        // That an answer is an error is told, too.
        let is_told = |line: &String| page.status < 400 || !line.contains("Failed to load resource");
        faults.extend(self.browser.complaints().into_iter().filter(is_told));
        faults
    }

    /// What axe-core finds on the page that is shown.
    fn judged(&self, axe: &str) -> Vec<String> {
        let found = self.browser.run(&format!("{axe};{JUDGE}"));
        found.as_array().unwrap().iter().map(|fault| format!("axe: {}", fault.as_str().unwrap())).collect()
    }
}

/// Every page is measured at two widths, by day at one and by night at the other, and axe-core, which takes longer than all else, judges
/// it in one of these ways; pages that follow each other in different ones. With `CHANDLERY_TEST_LOOKS=all`, it is all of it in all ways.
#[test]
fn each_page_is_light_and_still_and_usable_by_everybody() {
    let axe = std::fs::read_to_string(workspace().join(AXE));
    let axe = axe.unwrap_or_else(|error| panic!("{AXE}: {error}: run `make system`"));
    let in_all = std::env::var("CHANDLERY_TEST_LOOKS").is_ok_and(|looks| looks == "all");
    let market = Market::open("");
    let viewer = Viewer::of(&market);
    viewer.browser.begin_with(WATCH);
    let mut found = Vec::new();
    let judged = |index: usize| index % LOOKS.len();
    let half = LOOKS.len() / 2;
    let is_wanted = |index, number| in_all || judged(index) % half == number % half;
    viewer.each(is_wanted, |(index, page), (number, look)| {
        let mut faults = viewer.faults(page);
        if in_all || judged(index) == number {
            faults.extend(viewer.judged(&axe));
        }
        let told = |fault| format!("{:?} at {} ({look}): {fault}", page.who, market.path(page));
        found.extend(faults.into_iter().map(told));
    });
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}
