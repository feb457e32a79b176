//! Each id of each route.

use serde_json::{Value, json};

use super::super::table::{Case, cases};
use super::{Id, Market};
use crate::world::Person;

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

impl Market {
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

    pub(super) fn each_id_of_a_route(&self) {
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
}
