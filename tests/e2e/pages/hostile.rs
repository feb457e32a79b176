//! What cannot be done by any page or any field of one: run somebody's script, act for another site, be framed, lead elsewhere, take a
//! session over, or reach what is somebody else's. Pages and forms are those of the table, and none has a list of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::forms::{Form, forms, leads_to};
use super::market::{BROWSER, Market};
use super::table::{PAGES, Page, Site, Who, is_page};
use crate::permissions;
use crate::world::{Answer, Person, until};

/// What would end an attribute, an element or a script, were it written as it is.
const HOSTILE: &str = r#"</title></script>"'><script>alert(1)</script><img src=x onerror=alert(1)>"#;
/// What none of it may be on a page.
const ACTS: [&str; 4] = ["<script>alert", "<img src=x", "<style", "href=\"javascript:"];
/// Other sites, in the spellings that have led browsers to them.
const ELSEWHERE: [&str; 6] = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "javascript:alert(1)",
];
/// What parameters are called that lead somewhere, here or in other people's servers.
const LEADING: [&str; 10] =
    ["next", "return", "return_to", "back", "to", "url", "redirect", "redirect_uri", "continue", "goto"];
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PASSWORD: &str = "correct horse battery";
/// What is sent by these forms is about whoever sends it, or about what whoever knows a code may do.
const OF_WHOEVER_SENDS: [&str; 4] = ["/login", "/logout", "/register", "/device"];
/// What it counts is written down every now and then, whoever does something meanwhile.
const COUNTED: &str = "/dashboard/{partner}/use";

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A path with a query, and a pair more in it.
fn with(path: &str, name: &str, value: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{name}={}", encoded(value))
}

/// Whether following this leaves a site, as browsers read addresses: both slashes are one, and what cannot be seen is not there.
fn leaves(site: &str, target: &str) -> bool {
    let read: String =
        target.trim().chars().filter(|c| !c.is_control()).collect::<String>().replace('\\', "/");
    let is_path =
        !read.starts_with("//") && !read.split(['/', '?', '#']).next().unwrap_or_default().contains(':');
    !is_path && !read.starts_with(&format!("{site}/"))
}

struct Assault<'a> {
    market: &'a Market,
    wrong: Vec<String>,
}

impl Assault<'_> {
    fn must(&mut self, is_so: bool, fault: impl FnOnce() -> String) {
        if !is_so {
            self.wrong.push(fault());
        }
    }

    fn send(&self, who: Who, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("{}{path}", self.market.site(who.site()));
        self.market.world.send("POST", &url, None, &[&[FORM, BROWSER], headers].concat(), body)
    }

    /// Each page says that nobody may frame it, runs no script but files of its own site, and shows what people wrote as text.
    fn each_page_is_guarded(&mut self) {
        for page in PAGES {
            let (path, who) = (self.market.path(page), page.who);
            let answer = self.market.look(who, &path);
            self.must(answer.status == page.status, || format!("{who:?} {path}: {}", answer.status));
            let policy = answer.header("content-security-policy");
            for part in
                ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
            {
                self.must(policy.contains(part), || format!("{path}: its policy lacks {part}: {policy}"));
            }
            self.must(!policy.contains("unsafe"), || format!("{path}: {policy}"));
            for (header, value) in [
                ("x-frame-options", "DENY"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
            ] {
                self.must(answer.header(header) == value, || format!("{path}: {header} is not {value}"));
            }
            let text = answer.text();
            for part in ACTS.into_iter().chain([" style=\"", " onclick=", " onload="]) {
                self.must(!text.contains(part), || format!("{path} has {part}"));
            }
            let inline = text.split("<script").skip(1).filter(|rest| {
                let tag = rest.split('>').next().unwrap_or_default();
                !tag.contains(" src=\"/") && !tag.contains("application/ld+json")
            });
            let count = inline.count();
            self.must(count == 0, || format!("{path} has {count} scripts in itself"));
        }
    }

    /// The names of what each page is asked with, by any link or form of any page that leads there.
    fn asked_with(&self) -> BTreeMap<(Site, String), BTreeSet<String>> {
        let mut asked: BTreeMap<(Site, String), BTreeSet<String>> = BTreeMap::new();
        for page in PAGES {
            let text = self.market.look(page.who, &self.market.path(page)).text();
            for link in leads_to(&text) {
                let (path, query) = link.split_once('?').unwrap_or((link.as_str(), ""));
                let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned());
                asked.entry((page.who.site(), path.into())).or_default().extend(names);
            }
            for form in forms(&text).into_iter().filter(|form| !form.is_post) {
                let names = form.fields.into_iter().map(|(name, _)| name);
                asked.entry((page.who.site(), form.action)).or_default().extend(names);
            }
        }
        asked
    }

    /// What is in an address is shown as text, and leads nowhere else, whatever it is called.
    fn each_address_is_harmless(&mut self) {
        let asked = self.asked_with();
        for page in PAGES {
            let path = self.market.path(page);
            let plain = path.split('?').next().unwrap().to_owned();
            let own = asked.get(&(page.who.site(), plain)).into_iter().flatten().map(String::as_str);
            let names: BTreeSet<&str> = own.chain(["q", "after", "fragment"]).collect();
            for name in names {
                let answer = self.market.look(page.who, &with(&path, name, HOSTILE));
                self.nothing_acts(page, &format!("{path} with {name}"), &answer);
            }
            for elsewhere in ELSEWHERE {
                let led = LEADING.iter().fold(path.clone(), |path, name| with(&path, name, elsewhere));
                let answer = self.market.look(page.who, &led);
                self.nothing_leaves(page, &format!("{path} to {elsewhere:?}"), &answer, elsewhere);
            }
        }
    }

    fn nothing_acts(&mut self, page: &Page, what: &str, answer: &Answer) {
        let text = answer.text();
        self.must(answer.status < 500, || format!("{:?} {what}: {}", page.who, answer.status));
        // What is no page is text to a browser, which may not guess that it is another thing.
        let is_page = answer.header("content-type").starts_with("text/html");
        for part in ACTS {
            self.must(!is_page || !text.contains(part), || {
                format!("{:?} {what}: the page has {part}", page.who)
            });
        }
        self.nothing_leaves(page, what, answer, "evil.example");
    }

    fn nothing_leaves(&mut self, page: &Page, what: &str, answer: &Answer, elsewhere: &str) {
        let site = self.market.site(page.who.site());
        let location = answer.header("location");
        self.must(!leaves(&site, location), || format!("{what}: leads to {location}"));
        let refresh = answer.header("refresh");
        self.must(!refresh.contains("evil"), || format!("{what}: refreshes to {refresh}"));
        let away = leads_to(&answer.text())
            .into_iter()
            .find(|target| (target.contains("evil.example") || target == elsewhere) && leaves(&site, target));
        self.must(away.is_none(), || format!("{what}: has {away:?}"));
    }

    /// The forms of a visitor's pages that change something, each with the page that has it.
    fn forms_of(&self, who: Who) -> Vec<(String, Form)> {
        let pages = PAGES.iter().filter(|page| page.who == who);
        let found = pages.flat_map(|page| {
            let path = self.market.path(page);
            let forms = forms(&self.market.look(who, &path).text()).into_iter().filter(|form| form.is_post);
            forms.map(|form| (path.clone(), form)).collect::<Vec<_>>()
        });
        found.collect()
    }

    /// What a form would change is not changed for the page of another site, for none, or for one that is not known.
    fn no_other_site_acts(&mut self) {
        let sites =
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")];
        let routes = [
            (Who::Visitor, permissions::of_registry()),
            (Who::Customer, permissions::of_registry()),
            (Who::Operator, permissions::of_registry()),
            (Who::Guest, permissions::hosts::routes()),
            (Who::Admin, permissions::hosts::routes()),
        ];
        for (who, routes) in routes {
            let acting = routes.iter().filter(|(method, route)| *method == "POST" && is_page("GET", route));
            let cookie = self.market.cookie(who);
            for (_, route) in acting {
                let path = route.replace(['{', '}'], "");
                for from in sites.map(|site| vec![site]).into_iter().chain([Vec::new()]) {
                    let is_unsaid = from.is_empty();
                    let headers = [from.clone(), vec![("cookie", cookie)]].concat();
                    let status = self.send(who, &path, &headers, "").status;
                    // A program says nothing of where it is, and has no session.
                    let is_refused = status == 403 || is_unsaid && cookie.is_empty();
                    self.must(is_refused, || format!("POST {route} as {who:?} from {from:?}: {status}"));
                }
            }
            // Each form that there is goes to a route that was tried, of its own site.
            for (page, form) in self.forms_of(who) {
                let action = form.action.split('?').next().unwrap().to_owned();
                let is_known = routes.iter().any(|(method, route)| *method == "POST" && fits(route, &action));
                self.must(is_known, || {
                    format!("{page} has a form for '{action}', which is no route of pages")
                });
            }
        }
    }

    /// What is written into any field comes back as text, where it comes back.
    fn each_field_is_text(&mut self) {
        for who in [Who::Visitor, Who::Customer, Who::Partner, Who::Operator, Who::Guest, Who::Admin] {
            let site = self.market.site(who.site());
            let headers = [("origin", site.as_str()), ("cookie", self.market.cookie(who))];
            for (page, form) in self.forms_of(who) {
                if form.action == "/logout" || form.action.ends_with("/sessions") {
                    continue;
                }
                for (field, _) in &form.fields {
                    let body = form.body(|name| (name == field).then(|| HOSTILE.to_owned()));
                    let answer = self.send(who, &form.action, &headers, &body);
                    let what = format!("the form for {} on {page} with {field}", form.action);
                    let about = Page { who, route: "", query: "", status: 200 };
                    self.nothing_acts(&about, &what, &answer);
                }
            }
        }
    }

    /// The pages of somebody that read the same twice, with what they read.
    fn read(&self, who: Who) -> Vec<(String, String)> {
        let is_read = |page: &&Page| page.who == who && page.status == 200 && page.route != COUNTED;
        let pages = PAGES.iter().filter(is_read);
        let texts = pages.map(|page| {
            let path = self.market.path(page);
            let look = || self.market.look(who, &path).text();
            (path.clone(), look(), look())
        });
        texts.filter(|(_, once, twice)| once == twice).map(|(path, text, _)| (path, text)).collect()
    }

    /// Mallory sends the forms of others as they stand on the pages of others, with every id that is in them. Nothing of others changes.
    fn nobody_acts_for_another(&mut self, mallory: &Person) {
        let cookie = self.market.world.session(mallory);
        let site = self.market.site(Site::Registry);
        let headers = [("origin", site.as_str()), ("cookie", cookie.as_str())];
        let victims = [Who::Customer, Who::Partner, Who::Operator];
        // What runs is metered, and its customer's pages tell of it.
        let customer = self.market.world.customer();
        customer.ok(&["pause", "web"]);
        until("all that was used is reported", || (customer.ok(&["usage"])["waiting"] == 0).then_some(()));
        // Operators are told of whoever does something, too.
        let before = [Who::Customer, Who::Partner].map(|who| (who, self.read(who)));
        for who in victims {
            for (page, form) in self.forms_of(who) {
                if OF_WHOEVER_SENDS.iter().any(|start| form.action.starts_with(start)) {
                    continue;
                }
                let answer = self.send(Who::Customer, &form.action, &headers, &form.body(|_| None));
                let status = answer.status;
                self.must(status < 500, || format!("{page}: {} as mallory: {status}", form.action));
            }
        }
        for (who, pages) in before {
            assert!(!pages.is_empty(), "no page of {who:?} reads the same twice");
            for (path, text) in pages {
                let now = self.market.look(who, &path).text();
                self.must(now == text, || format!("{who:?} {path} was changed by mallory:\n{text}\n{now}"));
            }
        }
        customer.ok(&["resume", "web"]);
    }

    /// A log-in leads to a page of its own site, whatever it is asked for.
    fn no_log_in_leads_away(&mut self) {
        for (who, user) in [(Who::Customer, "globex"), (Who::Admin, "chief")] {
            let site = self.market.site(who.site());
            for elsewhere in ELSEWHERE {
                let body = format!("name={user}&password={}&next={}", encoded(PASSWORD), encoded(elsewhere));
                let answer = self.send(who, "/login", &[("origin", site.as_str())], &body);
                let location = answer.header("location");
                self.must(answer.status == 303 && !leaves(&site, location), || {
                    format!("{user} is led to {location} by {elsewhere:?}: {}", answer.status)
                });
            }
        }
    }

    /// Whoever signs in has a session that nobody knew before, and no page begins one by being looked at.
    fn no_session_is_known_before(&mut self) {
        for page in PAGES.iter().filter(|page| self.market.cookie(page.who).is_empty()) {
            let path = self.market.path(page);
            let set = self.market.look(page.who, &path).header("set-cookie").to_owned();
            self.must(!set.contains("_session="), || format!("{path} begins a session: {set}"));
        }
        for (who, user, name) in [
            (Who::Customer, "globex", "chandlery_session"),
            (Who::Partner, "acme", "chandlery_session"),
            (Who::Admin, "chief", "chandlery_host_session"),
        ] {
            let site = self.market.site(who.site());
            let planted = format!("{name}=planted-by-mallory");
            let body = format!("name={user}&password={}", encoded(PASSWORD));
            let headers = [("origin", site.as_str()), ("cookie", planted.as_str())];
            let answer = self.send(who, "/login", &headers, &body);
            let given = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
            self.must(answer.status == 303, || format!("{user} does not log in: {}", answer.status));
            let is_new = given.starts_with(name) && given != planted && given != self.market.cookie(who);
            self.must(is_new, || format!("the session of {user} was known before: {given}"));
            for (cookie, status) in [(planted.as_str(), 303), (given.as_str(), 200)] {
                let url = format!("{site}/account");
                let answer = self.market.world.send("GET", &url, None, &[("cookie", cookie)], "");
                self.must(answer.status == status, || format!("/account with {cookie}: {}", answer.status));
            }
        }
    }
}

/// Whether a path is one of a route.
fn fits(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[test]
fn no_page_does_what_somebody_else_wants() {
    let market = Market::open(HOSTILE);
    let mallory = market.world.person("mallory");
    mallory.register();
    let mut assault = Assault { market: &market, wrong: Vec::new() };
    assault.each_page_is_guarded();
    assault.each_address_is_harmless();
    assault.no_other_site_acts();
    assault.nobody_acts_for_another(&mallory);
    assault.no_session_is_known_before();
    assault.no_log_in_leads_away();
    // Last, since what a form does with a wrong value in one field may be done.
    assault.each_field_is_text();
    let wrong = assault.wrong;
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_address_leaves_a_site_as_browsers_read_it() {
    for elsewhere in ELSEWHERE {
        assert!(leaves("http://here:1", elsewhere), "{elsewhere:?}");
    }
    for here in ["/account", "", "?after=1", "/login?next=https://evil.example", "http://here:1/x", "a/b"] {
        assert!(!leaves("http://here:1", here), "{here}");
    }
}
