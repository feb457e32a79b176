//! What customers are told by e-mail, once, and on their page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::world::{World, until};

/// A mail server that keeps what it gets: nothing for whoever is refused for good, or for now.
pub struct MailServer {
    pub url: String,
    got: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let got = Arc::<Mutex<Vec<String>>>::default();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (keeper, recipients) = (Arc::clone(&got), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (keeper, recipients) = (Arc::clone(&keeper), Arc::clone(&recipients));
                std::thread::spawn(move || converse(stream.unwrap(), &keeper, &recipients));
            }
        });
        Self { url, got, asked }
    }

    /// How often it was asked to take mail for somebody.
    fn asked_for(&self, recipient: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.contains(recipient)).count()
    }

    pub fn with(&self, subject: &str) -> Vec<String> {
        let wanted = format!("Subject: {subject}");
        self.got.lock().unwrap().iter().filter(|mail| mail.contains(&wanted)).cloned().collect()
    }
}

/// SMTP, as far as a client needs it that has something to deliver (RFC 5321).
fn converse(mut stream: TcpStream, got: &Mutex<Vec<String>>, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    let mut alive = say("220 mail.example ready");
    while let (true, Some(Ok(line))) = (alive, lines.next()) {
        alive = match line.split(' ').next().unwrap_or_default() {
            "DATA" => {
                say("354 go on");
                let body: Vec<_> =
                    lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                got.lock().unwrap().push(body.join("\n"));
                say("250 taken")
            }
            "RCPT" => {
                asked.lock().unwrap().push(line.clone());
                let times = asked.lock().unwrap().iter().filter(|asked| **asked == line).count();
                match (line.contains("<gone@"), line.contains("<later@") && times == 1) {
                    (true, _) => say("550 no such user"),
                    (_, true) => say("451 try again later"),
                    _ => say("250 fine"),
                }
            }
            "QUIT" => {
                say("221 bye");
                false
            }
            _ => say("250 fine"),
        };
    }
}

#[test]
fn customers_are_reminded_and_warned_once_by_mail_and_on_their_page() {
    let mut world = World::with_limits();
    let server = MailServer::start();
    world.registry.arguments = vec!["--virtual-clock".into(), "--smtp".into(), server.url.clone()];
    world.restart_registry();
    let operator = world.operator();
    let clock = |now: &str| {
        let headers = [("content-type", "application/json")];
        let body = json!({ "now": now }).to_string();
        assert_eq!(world.send("PUT", "/api/v1/clock", Some(&operator.token()), &headers, body).status, 200);
    };
    clock("2026-01-01T00:00:00Z");
    let customer = world.person("initech");
    customer.register();
    customer.ok(&["invoices", "profile", "US", "--email", "books@initech.example"]);
    let silent = world.person("umbrella");
    silent.register();
    for person in [&customer, &silent] {
        person.ok(&["subscription", "change", "developer"]);
    }
    let number = customer.ok(&["invoices", "list"])[0]["number"].to_string();

    for now in ["2026-01-14T00:00:00Z", "2026-01-15T00:00:00Z", "2026-01-16T00:00:00Z"] {
        clock(now);
    }
    let subject = format!("Invoice {number} of 99.00 USD was due");
    let first = until("a reminder", || Some(server.with(&subject)).filter(|mails| !mails.is_empty()));
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(
        first[0].contains("To: books@initech.example") && first[0].contains(&format!("INVOICE-{number}"))
    );
    clock("2026-01-23T00:00:00Z");
    assert_eq!(server.with(&format!("{subject}, again")).len(), 1);

    // A host says how many deployments it has whenever it asks for a licence.
    let licence = |used: u32| {
        let path = format!("/api/v1/licence?deployments={used}");
        assert_eq!(world.send("GET", &path, Some(&customer.token()), &[], "").status, 200);
    };
    for used in [7, 8, 8, 9, 10, 10] {
        licence(used);
    }
    clock("2026-01-23T01:00:00Z");
    let warned = server.with("8 of 10 deployments are used");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0].contains("chandlery subscription change team") && warned[0].contains("499.00 USD a month")
    );
    assert_eq!(server.with("10 of 10 deployments are used").len(), 1);
    assert!(server.with("7 of 10").is_empty() && server.with("9 of 10").is_empty());

    // Who tries something out is told three days before the end of it, once.
    customer.ok(&["subscription", "trial", "enterprise"]);
    let trial = "Your trial of enterprise ends on 2026-02-22 01:00 UTC";
    for (now, told) in [("2026-02-19T00:00:00Z", 0), ("2026-02-19T02:00:00Z", 1), ("2026-02-20T00:00:00Z", 1)]
    {
        clock(now);
        assert_eq!(server.with(trial).len(), told, "{now}");
    }
    let [mail] = &server.with(trial)[..] else { unreachable!() };
    assert!(mail.contains("2999.00 USD a month") && mail.contains("free holds"), "{mail}");

    assert_eq!(customer.ok(&["subscription", "show"])["state"], "trial");
    clock("2026-02-22T02:00:00Z");
    let over = customer.ok(&["subscription", "show"]);
    assert_eq!((&over["state"], &over["tier"]), (&json!("free"), &json!("free")));

    // The page says the same, to those without an address, too.
    for (person, count) in [(&customer, 5), (&silent, 2)] {
        let told = person.list("/api/v1/notices").len();
        assert_eq!(told, count, "{}", person.name);
    }
    let page = world.send("GET", "/account", Some(&customer.token()), &[], "").text();
    assert!(page.contains("10 of 10 deployments are used") && page.contains("was due, again"), "{page}");
    assert!(server.got.lock().unwrap().iter().all(|mail| mail.contains("books@initech.example")));
}

#[test]
fn a_refused_address_keeps_nobody_waiting() {
    let mut world = World::with_limits();
    let server = MailServer::start();
    world.registry.arguments = vec!["--virtual-clock".into(), "--smtp".into(), server.url.clone()];
    world.restart_registry();
    let operator = world.operator();
    let clock = |now: &str| {
        let headers = [("content-type", "application/json")];
        let body = json!({ "now": now }).to_string();
        assert_eq!(world.send("PUT", "/api/v1/clock", Some(&operator.token()), &headers, body).status, 200);
    };
    clock("2026-01-01T00:00:00Z");
    // Reminders are sent in the order of invoices: whoever is refused comes first.
    for (name, email) in
        [("gone", "gone@a.example"), ("later", "later@b.example"), ("fine", "fine@c.example")]
    {
        let customer = world.person(name);
        customer.register();
        customer.ok(&["invoices", "profile", "US", "--email", email]);
        customer.ok(&["subscription", "change", "developer"]);
    }
    let taken = |name: &str| {
        let header = format!("To: {name}@");
        server.got.lock().unwrap().iter().filter(|mail| mail.contains(&header)).count()
    };
    clock("2026-01-15T00:00:00Z");
    until("the last one is told", || (taken("fine") == 1).then_some(()));
    assert_eq!((taken("gone"), taken("later")), (0, 0));
    // The clock of the money stands: nobody is tried again until it goes on.
    clock("2026-01-15T00:10:00Z");
    until("the second one is told", || (taken("later") == 1).then_some(()));
    assert_eq!((server.asked_for("<gone@"), server.asked_for("<later@"), taken("fine")), (1, 2, 1));
    let refused = world.stores.texts("select refused from notices where refused is not null");
    assert!(refused.len() == 1 && refused[0].contains("550"), "{refused:?}");
    assert_eq!(
        world.person("gone").list("/api/v1/notices").len(),
        1,
        "the page tells what the mail could not"
    );
}
