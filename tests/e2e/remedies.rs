//! Remedies that are followed to their end: what is refused is tried again after the commands that its remedy prints, with the options
//! that it prints, and the error is lifted.

use std::io::Write as _;
use std::process::Stdio;

use chandlery_package::problem::Problem;
use serde_json::{Value, json};

use crate::process::{Server, free_address};
use crate::world::{Person, World, as_version, plugin};

/// Somebody who does what errors tell them.
struct Reader<'a> {
    person: &'a Person,
    /// What the words in capitals stand for.
    given: &'a [(&'a str, &'a str)],
}

/// Runs a command with the password on standard input, for those that read it.
fn attempt(person: &Person, words: &[&str]) -> Result<Value, Problem> {
    let mut command = person.command(&[words, &["--json"]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever reads nothing may have ended before.
    let _ = child.stdin.take().unwrap().write_all(person.password().as_bytes());
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let problem = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    Err(problem.unwrap_or_else(|| panic!("{words:?} told no problem: {text}")))
}

/// A command as a shell reads it, as far as remedies go: words, and what stands between single quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in text.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// What a remedy prints between backticks that begins so, with what its words in capitals stand for.
fn printed(problem: &Problem, begins: &str, given: &[(&str, &str)]) -> Vec<String> {
    let remedy = problem.remedy.as_deref().unwrap_or_else(|| panic!("no remedy: {problem:?}"));
    let found = remedy.split('`').skip(1).step_by(2).find(|text| text.starts_with(begins));
    let found = found.unwrap_or_else(|| panic!("no `{begins}` in {problem:?}"));
    let stands_for = |word: String| {
        let known = given.iter().find(|(name, _)| *name == word);
        known.map_or(word, |(_, value)| (*value).to_owned())
    };
    words(found).into_iter().map(stands_for).collect()
}

/// The words of a command that a remedy prints, after the program's name.
fn command(problem: &Problem, begins: &str, given: &[(&str, &str)]) -> Vec<String> {
    printed(problem, &format!("chandlery {begins}"), given).split_off(1)
}

fn refused(person: &Person, words: &[&str], word: &str) -> Problem {
    let problem = attempt(person, words).expect_err("it is refused");
    assert_eq!(problem.r#type, word, "{words:?}: {problem:?}");
    problem
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

impl Reader<'_> {
    /// Meets an error, follows those printed commands and options that begin so, one after the other, and tries again; what stands in
    /// the way next, if anything does.
    fn follow(&self, words: &[&str], word: &str, follows: &[&str], next: Option<&str>) {
        let problem = refused(self.person, words, word);
        let mut again: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for begins in follows {
            if begins.starts_with("--") {
                again.extend(printed(&problem, begins, self.given));
                continue;
            }
            let words = command(&problem, begins, self.given);
            attempt(self.person, &borrowed(&words)).unwrap_or_else(|why| panic!("{words:?}: {why:?}"));
        }
        let then = attempt(self.person, &borrowed(&again)).err();
        assert_eq!(then.as_ref().map(|problem| problem.r#type.as_str()), next, "{again:?}: {then:?}");
    }
}

fn deploy(name: &str) -> [&str; 7] {
    ["deploy", "errand", "--no-wait", "--name", name, "--set", "command=[\"sleep\", \"600\"]"]
}

#[test]
fn remedies_lift_what_they_are_said_of() {
    let world = World::with_limits();
    publishing(&world);
    a_host_by_its_address(&world);
    another_password(&world);
    consent_and_money(&world);
    a_host_of_nobody(&world);
    servers();
}

/// From nothing to a release, each time by what was printed last.
fn publishing(world: &World) {
    let acme = world.person("acme");
    let file = acme.file("plugin.wasm", &plugin("errand"));
    let reader = Reader { person: &acme, given: &[("NAME", "acme")] };
    reader.follow(&["whoami"], "unauthenticated", &["register"], None);
    acme.ok(&["logout"]);
    let publish = ["publish", &file];
    reader.follow(&publish, "unauthenticated", &["login"], Some("forbidden"));
    reader.follow(&publish, "forbidden", &["namespace take"], Some("no-key"));
    reader.follow(&publish, "no-key", &["keys new"], Some("untrusted-signature"));
    reader.follow(&publish, "untrusted-signature", &["keys add"], None);

    // A key of another name is named by what is printed.
    let next = acme.file("next.wasm", &as_version(&plugin("errand"), "1.1.0"));
    let publish = ["publish", &next, "--key", "spare"];
    reader.follow(&publish, "no-key", &["keys new"], Some("untrusted-signature"));
    reader.follow(&publish, "untrusted-signature", &["keys add"], None);
}

fn a_host_by_its_address(world: &World) {
    let address = Some((free_address(), world.host_data().join("host.token")));
    let lost = Person { host: address, ..world.customer() };
    let url = format!("http://{}", world.host.address);
    let reader = Reader { person: &lost, given: &[("URL", url.as_str())] };
    reader.follow(&["status"], "away", &["--host"], None);
}

/// The remedy is an operator's to follow, who hands on a token.
fn another_password(world: &World) {
    let eve = world.person("eve");
    eve.with_input(&["register", "eve"], "another battery of staples");
    let problem = refused(&eve, &["login", "eve"], "unauthenticated");
    let reset = command(&problem, "operator reset-password", &[("NAME", "eve")]);
    let reset = attempt(&world.operator(), &borrowed(&reset)).unwrap();
    attempt(&eve, &["account", "reset", "--token", reset["token"].as_str().unwrap()]).unwrap();
    attempt(&eve, &["login", "eve"]).unwrap();
}

fn consent_and_money(world: &World) {
    let (globex, operator) = (world.customer(), world.operator());
    world.person("acme").ok(&["orders", "price", "acme:errand", "10.00 USD"]);
    let reader = Reader { person: &globex, given: &[] };
    reader.follow(&["install", "acme:errand"], "order-needed", &["--accept-price"], None);
    globex.ok(&deploy("one"));
    reader.follow(&deploy("two"), "deployment-limit", &["subscription trial"], None);

    let order = globex.ok(&["orders", "list"])["items"][0].clone();
    let reference = order["reference"].as_str().unwrap();
    let paid = operator.ok(&["orders", "paid", reference, "10.00 USD", "--bank-reference", reference]);
    operator.ok(&["invoices", "refund", &paid["invoice"].to_string(), "10.00 USD", "--reason", "it is late"]);
    reader.follow(&deploy("three"), "order-needed", &["orders place"], None);
    assert_eq!(globex.ok(&["status"]).as_array().unwrap().len(), 3);

    world.vendor().publish(&plugin("webhook"));
    reader.follow(&["install", "chandlery:webhook"], "consent-needed", &["--allow"], None);
}

/// What costs something is installed on a host that somebody has.
fn a_host_of_nobody(world: &World) {
    let (bob, address) = (world.person("bob"), free_address());
    bob.register();
    let data = bob.path("host");
    let registry = format!("http://{}", world.registry.address);
    let words =
        ["host", "run", "--data", data.to_str().unwrap(), "--listen", &address, "--registry", &registry];
    let _host = Server::start(&bob.home, &words, "host at");
    let bob = Person { host: Some((address, data.join("host.token"))), ..bob };
    assert_eq!(bob.ok(&["host", "account"])["account"], Value::Null);
    let install = ["install", "acme:errand", "--accept-price", "10.00 USD"];
    Reader { person: &bob, given: &[] }.follow(&install, "order-needed", &["host claim"], None);
    assert_eq!(bob.ok(&["host", "account"])["account"], json!("bob"));
}

/// A server where none is, and beside one that has its addresses.
fn servers() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = (free_address(), free_address());
    let [registry, host] = [&addresses.0, &addresses.1].map(|address| format!("http://{address}"));
    let environment = [("CHANDLERY_REGISTRY".to_owned(), registry), ("CHANDLERY_HOST".to_owned(), host)];
    let ann = Person::at("ann", folder.path(), &addresses.0);
    let ann = Person { host: Some((addresses.1, folder.path().join("no token"))), ..ann };
    let start = |words: &[&str]| Server::start_with(&ann.home, words, "host at", &environment);
    let quietly = "--no-publish-first-party";

    let problem = refused(&ann, &["search"], "away");
    let up = command(&problem, "up", &[]);
    let _server = start(&[&borrowed(&up)[..], &[quietly]].concat());
    attempt(&ann, &["search"]).unwrap();
    attempt(&ann, &["status"]).unwrap();

    let data = folder.path().join("other");
    let mut other = ["up", quietly, "--data", data.to_str().unwrap()].map(str::to_owned).to_vec();
    for option in ["--registry-listen", "--host-listen"] {
        choose(&ann, &mut other, option);
    }
    let _other = start(&borrowed(&other));
}

/// Has a server listen elsewhere by the option that the refusal prints.
fn choose(person: &Person, words: &mut Vec<String>, option: &str) {
    let problem = refused(person, &borrowed(words), "no-port");
    words.extend(printed(&problem, option, &[("ADDR", free_address().as_str())]));
}
