//! In whatever order what happens at Stripe is told, over HTTP and signed by Stripe's own library, the books are the same, and have as
//! much at Stripe as Stripe has.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, ChildStdout};

use super::*;

/// What happens at Stripe: to the payment of this id, or to the last payout or transfer.
type Step = fn(&mut Account, &str);

/// What happens one after the other, how many events tell of it, and the balances that follow.
struct Story {
    name: &'static str,
    of: Of,
    steps: &'static [Step],
    events: usize,
    holds: &'static [(&'static str, i64)],
}

#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// A payment of 100.00, of which Stripe keeps 3.20.
    Payment,
    /// A transfer to a partner.
    Transfer,
    /// What Stripe sends to the marketplace's bank.
    Payout,
}

const CLEARING: &str = "assets:processor clearing";
const FEES: &str = "expenses:dispute fees";
const HELD: &str = "assets:disputes held";

static STORIES: [Story; 10] = [
    Story {
        name: "paid",
        of: Of::Payment,
        steps: &[pay],
        events: 1,
        holds: &[(CLEARING, 9680), ("partner", -8500), ("revenue:commission", -1500)],
    },
    Story {
        name: "refunded in part at Stripe",
        of: Of::Payment,
        steps: &[pay, |account, payment| refund(account, payment, 3333)],
        events: 3,
        holds: &[(CLEARING, 6347), ("credit", 0)],
    },
    Story {
        name: "refunded in two parts at Stripe",
        of: Of::Payment,
        steps: &[
            pay,
            |account, payment| refund(account, payment, 3333),
            |account, payment| refund(account, payment, 6667),
        ],
        events: 5,
        holds: &[(CLEARING, -320), ("partner", 0), ("revenue:commission", 0), ("expenses:bad debt", 0)],
    },
    Story {
        name: "refunded in part, which fails",
        of: Of::Payment,
        steps: &[
            pay,
            |account, payment| refund(account, payment, 3333),
            |account, payment| {
                let refunds = account.all("refunds");
                let refund = refunds.iter().find(|refund| refund["payment_intent"] == payment).unwrap();
                assert!(account.fail_refund(refund["id"].as_str().unwrap()));
            },
        ],
        events: 4,
        holds: &[(CLEARING, 9680), ("credit", -3333)],
    },
    Story {
        name: "asked about",
        of: Of::Payment,
        steps: &[
            pay,
            |account, payment| assert!(account.inquire(payment, 10_000).is_some()),
            |account, payment| assert!(account.let_go(&dispute_of(account, payment))),
        ],
        events: 3,
        holds: &[(CLEARING, 9680), (FEES, 0), (HELD, 0), ("partner", -8500)],
    },
    Story {
        name: "disputed and lost",
        of: Of::Payment,
        steps: &[
            pay,
            |account, payment| assert!(account.dispute(payment, 10_000).is_some()),
            |account, payment| assert!(account.decide(&dispute_of(account, payment), false)),
        ],
        events: 4,
        holds: &[(CLEARING, -1820), (FEES, 1500), (HELD, 0), ("partner", 0), ("revenue:commission", 0)],
    },
    Story {
        name: "disputed and won",
        of: Of::Payment,
        steps: &[
            pay,
            |account, payment| assert!(account.dispute(payment, 10_000).is_some()),
            |account, payment| assert!(account.decide(&dispute_of(account, payment), true)),
        ],
        events: 5,
        holds: &[(CLEARING, 8180), (FEES, 1500), (HELD, 0), ("partner", -8500)],
    },
    Story {
        name: "a transfer reversed in two parts",
        of: Of::Transfer,
        steps: &[
            |_, _| {},
            |account, _| reverse(account, |_| 100),
            |account, _| reverse(account, |left| left),
        ],
        events: 3,
        holds: &[(CLEARING, 0), ("partner", 0), ("liabilities:partner:acme:in transit", 0)],
    },
    Story {
        name: "arrived at the bank",
        of: Of::Payout,
        steps: &[
            |account, _| drop(account.pay_out(500, "usd")),
            |account, _| assert!(account.arrive(&last(account, "payouts"))),
        ],
        events: 2,
        holds: &[(CLEARING, -500), ("assets:bank", 500)],
    },
    Story {
        name: "arrived at the bank, and failed",
        of: Of::Payout,
        steps: &[
            |account, _| drop(account.pay_out(500, "usd")),
            |account, _| assert!(account.arrive(&last(account, "payouts"))),
            |account, _| assert!(account.fail_payout(&last(account, "payouts"))),
        ],
        events: 3,
        holds: &[(CLEARING, 0), ("assets:bank", 0)],
    },
];

fn pay(account: &mut Account, payment: &str) {
    assert!(account.pay(payment));
}

fn refund(account: &mut Account, payment: &str, minor: i64) {
    assert!(account.refund(payment, minor, json!({})).is_some());
}

fn dispute_of(account: &Account, payment: &str) -> String {
    let disputes = account.all("disputes");
    let of_it = disputes.iter().find(|dispute| dispute["payment_intent"] == payment).unwrap();
    of_it["id"].as_str().unwrap().to_owned()
}

/// The id of what was made last of a kind.
fn last(account: &Account, kind: &str) -> String {
    let all = account.all(kind);
    let ids = all.iter().map(|object| object["id"].as_str().unwrap());
    let number = |id: &str| id.split('_').nth(1).unwrap().parse::<u32>().unwrap();
    ids.max_by_key(|id| number(id)).unwrap().to_owned()
}

/// So much of what is out of the last transfer comes back.
fn reverse(account: &mut Account, part: fn(i64) -> i64) {
    let id = last(account, "transfers");
    let transfer = account.find("transfers", &id).unwrap();
    let left = transfer["amount"].as_i64().unwrap() - transfer["amount_reversed"].as_i64().unwrap();
    assert!(account.reverse(&id, part(left)));
}

/// Stripe's own library, which signs what it is given and sends it.
struct Teller {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Teller {
    fn start(world: &World) -> Self {
        let url = format!("{}/api/v1/stripe/webhook", world.origin());
        let mut command = Command::new(workspace().join("target/tools/bin/python3"));
        command.arg(workspace().join("tests/e2e/stripe_client.py")).args(["tell", &url, SECRET]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    fn tell(&mut self, event: &Value) {
        writeln!(self.to, "{event}").unwrap();
        let mut status = String::new();
        self.from.read_line(&mut status).unwrap();
        assert_eq!(status.trim(), "204", "{event}");
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everybody who takes part.
struct Cast {
    world: World,
    stripe: Stripe,
    teller: Teller,
    operator: Person,
    second: Person,
    runs: usize,
}

impl Cast {
    fn new() -> Self {
        let (world, stripe) = world();
        let acme = world.publisher("acme");
        acme.publish(&plugin("ocr-server"));
        acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
        acme.ok(&["payouts", "profile", "acme", "--stripe", "acct_7"]);
        let (operator, second) = (world.operator(), world.person("second"));
        second.register();
        world.promote("second");
        operator.ok(&["payouts", "approve-profile", "acme", "1"]);
        let teller = Teller::start(&world);
        Self { world, stripe, teller, operator, second, runs: 0 }
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let headers = [("content-type", "application/json")];
        let answer = self.world.send("POST", path, token, &headers, body.to_string());
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    /// Begins what a story is of; the id of the payment, where it is one.
    fn begin(&self, of: Of) -> String {
        match of {
            Of::Payout => String::new(),
            Of::Payment => {
                let new =
                    json!({ "name": format!("buyer-{}", self.runs), "password": "correct horse battery" });
                let opened = self.post("/api/v1/accounts", None, &new);
                let token = opened["token"].as_str();
                let order = self.post("/api/v1/orders", token, &json!({ "plugin": "acme:ocr-server" }));
                let path = format!("/api/v1/orders/{}/payment-intent", order["reference"].as_str().unwrap());
                self.post(&path, token, &json!({}))["id"].as_str().unwrap().to_owned()
            }
            Of::Transfer => {
                let run = self.operator.ok(&["payouts", "run"]);
                let (id, run) = (run["items"][0]["id"].to_string(), run["items"][0]["run"].to_string());
                self.second.ok(&["payouts", "approve", &id]);
                self.operator.ok(&["payouts", "send", &run]);
                String::new()
            }
        }
    }

    /// What accounts hold: all customers' credit, and all that is a partner's and on no way and in no dispute, as one each.
    fn held(&self) -> BTreeMap<String, i64> {
        let mut held = BTreeMap::new();
        for (account, minor) in balances(&self.operator) {
            let account = match account.strip_prefix("liabilities:partner:acme:") {
                Some("pending" | "reserve" | "available") => "partner".into(),
                _ if account == "assets:receivable:partner:acme" => "partner".into(),
                _ if account.starts_with("liabilities:credit:") => "credit".into(),
                _ => account,
            };
            *held.entry(account).or_insert(0) += minor;
        }
        held
    }

    /// Plays a story and tells of it in an order: an event is told once it has happened, and sometimes twice. Gives what changed.
    fn play(&mut self, story: &Story, order: &[usize]) -> BTreeMap<String, i64> {
        self.runs += 1;
        let before = self.held();
        let at_stripe = self.stripe.with(|account| account.held.get("usd").copied().unwrap_or(0));
        self.stripe.with(|account| drop(account.take_events()));
        let payment = self.begin(story.of);
        let (mut events, mut steps) = (Vec::new(), story.steps.iter());
        for index in order {
            while events.len() <= *index {
                let step = steps.next().unwrap_or_else(|| panic!("{}: it has fewer events", story.name));
                events.extend(self.stripe.with(|account| {
                    step(account, &payment);
                    account.take_events()
                }));
            }
            self.teller.tell(&events[*index]);
        }
        assert_eq!((events.len(), steps.next().is_none()), (story.events, true), "{}", story.name);
        if self.runs.is_multiple_of(3) {
            order.iter().rev().for_each(|index| self.teller.tell(&events[*index]));
        }
        let mut held = self.held();
        for (account, minor) in before {
            *held.entry(account).or_insert(0) -= minor;
        }
        held.retain(|_, minor| *minor != 0);
        let moved = self.stripe.with(|account| account.held.get("usd").copied().unwrap_or(0)) - at_stripe;
        // The transfer had left before the first event.
        assert_eq!(held.get(CLEARING).copied().unwrap_or(0), moved, "{}: {order:?}", story.name);
        held
    }
}

/// Every order of so many.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..count {
        let with_next = all.iter().flat_map(|order: &Vec<usize>| {
            (0..=next).map(move |place| {
                let mut order = order.clone();
                order.insert(next - place, next);
                order
            })
        });
        all = with_next.collect();
    }
    all
}

/// As many orders of each story as there are rounds.
#[test]
fn every_order_in_which_stripe_tells_gives_the_same_books() {
    let rounds: usize =
        std::env::var("CHANDLERY_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let mut cast = Cast::new();
    for story in &STORIES {
        let all = orders(story.events);
        let mut first: Option<BTreeMap<String, i64>> = None;
        for order in all.iter().step_by(all.len().div_ceil(rounds.max(1))) {
            let found = cast.play(story, order);
            for (account, minor) in story.holds {
                let holds = found.get(*account).copied().unwrap_or(0);
                assert_eq!(holds, *minor, "{}: {account} in {order:?}: {found:?}", story.name);
            }
            assert_eq!(found, *first.get_or_insert_with(|| found.clone()), "{}: {order:?}", story.name);
        }
    }
    cast.operator.ok(&["books", "check"]);
    let parked = ask(&cast.world, &cast.operator, "GET", "/api/v1/processor/events?state=parked");
    assert_eq!(parked["items"], json!([]));
}
