//! An auditor that knows only the journal and the exchange rates, and recomputes statements, balances and figures: `audit.py`.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::process::workspace;
use crate::world::{Person, World};

/// Lets the auditor compare what a registry says with what its journal reads as, and gives how much was compared.
pub fn audit(operator: &Person, partners: &[&str], folder: &Path) -> Value {
    let (mut statements, mut balances) = (Vec::new(), Map::new());
    for partner in partners {
        let all = operator.ok(&["payouts", "statements", partner]);
        statements.extend(all.as_array().unwrap().iter().map(|published| published["statement"].clone()));
        let balance = operator.ok(&["payouts", "balance", partner])["items"].clone();
        balances.insert((*partner).into(), balance);
    }
    let files = [
        ("books.journal", operator.text(&["books", "journal"])),
        ("statements.json", json!(statements).to_string()),
        ("balances.json", json!(balances).to_string()),
        ("accounts.json", operator.ok(&["books", "balances"]).to_string()),
        ("figures.json", operator.ok(&["figures"]).to_string()),
        ("cohorts.json", operator.ok(&["figures", "cohorts"]).to_string()),
        ("rates.json", json!(operator.list("/api/v1/exchange-rates")).to_string()),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let script = workspace().join("tests/e2e/audit.py");
    let python = workspace().join("target/tools/bin/python3");
    let output = Command::new(python).arg(script).arg(folder).output().unwrap();
    let differences = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{differences}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Each subscription of a market ends before its time, in a way of its own.
struct Subscribers {
    world: World,
    operator: Person,
}

impl Subscribers {
    fn on(day: &str) -> Self {
        let mut world = World::with_limits();
        world.lift_approvals();
        world.restart_registry_with(&["--virtual-clock".into()]);
        world.set_clock(&format!("{day}T00:00:00Z"));
        Self { operator: world.operator(), world }
    }

    fn day(&self, day: &str) {
        self.world.set_clock(&format!("{day}T00:00:00Z"));
    }

    fn newcomer(&self, name: &str) -> Person {
        let person = self.world.person(name);
        person.register();
        person
    }

    /// Changes a subscription, and pays what is due for it. Gives the number of its invoice.
    fn change(&self, person: &Person, to: &[&str], due: &str) -> String {
        person.ok(&[&["subscription", "change"][..], to].concat());
        let number = person.ok(&["invoices", "list"])[0]["number"].to_string();
        let reference = format!("BANK-{number}");
        self.operator.ok(&["invoices", "paid", &number, due, "--bank-reference", &reference]);
        number
    }

    fn give_back(&self, number: &str, amount: &str) {
        self.operator.ok(&["invoices", "refund", number, amount, "--reason", "it did not work"]);
    }

    /// How many accounts have MRR at the end of a month, and MRR, what is new and what has left, in minor units.
    fn figures(&self, month: &str) -> [i64; 4] {
        let all = self.operator.ok(&["figures"]);
        let of_month = all.as_array().unwrap().iter().find(|figures| figures["month"] == month).unwrap();
        let minor = |name: &str| of_month[name]["minor"].as_i64().unwrap();
        [of_month["accounts"].as_i64().unwrap(), minor("mrr"), minor("new"), minor("churn")]
    }
}

#[test]
fn the_auditor_agrees_on_whatever_ends_before_its_time() {
    let market = Subscribers::on("2026-01-01");
    let over = market.newcomer("over");
    market.change(&over, &["developer", "--yearly"], "990.00 USD");

    // 198.00 are left of the year, which would last until January.
    market.day("2026-10-20");
    let upgrade_of_over = market.change(&over, &["team"], "301.00 USD");
    over.ok(&["subscription", "cancel"]);

    market.day("2026-11-01");
    let [cancelled, twice, ended, exchanged, unpaid] =
        ["cancelled", "twice", "ended", "exchanged", "unpaid"].map(|name| market.newcomer(name));
    let year = market.change(&cancelled, &["developer", "--yearly"], "990.00 USD");
    market.change(&twice, &["developer"], "99.00 USD");
    market.change(&ended, &["team"], "499.00 USD");
    let year_of_exchanged = market.change(&exchanged, &["team", "--yearly"], "4990.00 USD");
    unpaid.ok(&["subscription", "change", "developer"]);

    market.day("2026-11-10");
    let upgrade = market.change(&twice, &["team"], "429.70 USD");
    unpaid.ok(&["subscription", "end", "--now"]);

    market.day("2026-11-15");
    let upgrade_of_that = market.change(&twice, &["enterprise"], "2583.16 USD");
    // The first one first: what that came instead of holds again once both have gone back.
    market.give_back(&upgrade, "429.70 USD");
    market.give_back(&upgrade_of_that, "2583.16 USD");

    market.day("2026-11-20");
    cancelled.ok(&["subscription", "cancel"]);
    // All of it is paid with what is left of the year, of which 1731.25 are credit.
    exchanged.ok(&["subscription", "change", "enterprise"]);

    market.day("2026-11-25");
    market.give_back(&upgrade_of_over, "301.00 USD");
    market.give_back(&year, "924.91 USD");
    market.give_back(&year_of_exchanged, "3258.75 USD");
    ended.ok(&["subscription", "end", "--now"]);

    // Nothing is left but what was had before both upgrades; what was not paid is given up long after its end.
    market.day("2026-12-05");
    assert_eq!(market.figures("2026-10"), [1, 49_900, 0, 0]);
    assert_eq!(market.figures("2026-11"), [1, 9900, 9900, 49_900]);
    assert_eq!(market.figures("2026-12"), [0, 0, 0, 9900]);
    let folder = tempfile::tempdir().unwrap();
    let compared = audit(&market.operator, &[], folder.path());
    assert!(compared["figures"].as_i64() > Some(500), "{compared}");
    market.operator.ok(&["books", "check"]);
}
