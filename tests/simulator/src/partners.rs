//! Partners, what they sell, and how they publish it: by the command line, as anybody would.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use chandlery_package::Manifest;
use chandlery_package::component::embed;
use serde_json::{Value, json};

/// A partner, and how it is paid.
pub struct Partner {
    /// The name of its account and of its namespace.
    pub name: &'static str,
    /// Its payout profile, as the API takes it.
    pub profile: Value,
}

/// The partners: in dollars by hand and by Stripe, in euros and in yen by a bank file, one of them in another currency than it earns.
pub fn partners() -> Vec<Partner> {
    let sepa = |holder: &str, iban: &str, bic: &str| json!({ "kind": "sepa", "holder": holder, "iban": iban, "bic": bic });
    vec![
        Partner {
            name: "acme",
            profile: json!({ "rail": { "kind": "manual" }, "minimum": { "minor": 5000, "currency": "USD" }, "schedule": "monthly" }),
        },
        Partner {
            name: "berlin",
            profile: json!({ "rail": sepa("Berlin Vision GmbH", "DE89370400440532013000", "DEUTDEFF") }),
        },
        Partner {
            name: "kyoto",
            profile: json!({ "rail": sepa("Kyoto Pages KK", "GB29NWBK60161331926819", "NWBKGB2L"), "currency": "EUR", "withheld": "10%" }),
        },
        Partner {
            name: "denver",
            profile: json!({ "rail": { "kind": "stripe", "account": "acct_denver" } }),
        },
    ]
}

/// What they sell, and at what price.
pub fn offers() -> Vec<(&'static str, Value)> {
    let money = |minor: i64, currency: &str| json!({ "minor": minor, "currency": currency });
    let metered = |unit: &str, free: u64, steps: Value| json!({ "kind": "metered", "unit": unit, "free": free, "steps": steps });
    vec![
        (
            "acme:serving",
            json!({ "price": metered("gpu-hour", 5, json!([{ "up_to": 200, "price": "0.75 USD" }, { "price": "0.333333 USD" }])), "trial_days": 14 }),
        ),
        ("acme:toolbox", json!({ "price": { "kind": "once", "amount": money(9999, "USD") } })),
        (
            "berlin:vision",
            json!({ "price": { "kind": "monthly", "amount": money(4900, "EUR"), "per": "deployment" } }),
        ),
        ("berlin:labels", json!({ "price": { "kind": "once", "amount": money(19_900, "EUR") } })),
        (
            "kyoto:pages",
            json!({ "price": metered("pages", 100, json!([{ "up_to": 5000, "price": "1.5 JPY" }, { "price": "0.25 JPY" }])) }),
        ),
        (
            "denver:agents",
            json!({ "price": { "kind": "monthly", "amount": money(3900, "USD"), "per": "organisation" }, "trial_days": 14 }),
        ),
    ]
}

/// A component that has what a template must have by its name, and nothing in it: what is simulated is sold, never run.
fn component(plugin: &str) -> Result<Vec<u8>> {
    let text = format!(
        "name = \"{plugin}\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Simulated\"\n\
         description = \"Sold in a simulated market.\"\nlicense = \"Apache-2.0\"\n\
         [[meters]]\nunit = \"pages\"\nport = \"http\"\nseries = \"pages_total\"\n"
    );
    let manifest = Manifest::from_toml(&text)?;
    // The preamble of a component, an instance without exports, and its export as `plan`.
    let empty = b"\0asm\x0d\0\x01\0\x05\x03\x01\x01\0\x0b\x0a\x01\0\x04plan\x05\0\0";
    Ok(embed(empty, &manifest)?)
}

/// The password of everybody in the simulation.
pub const PASSWORD: &str = "a simulated password";

/// Somebody with a folder of their own, who uses the command line.
pub struct Publisher<'a> {
    /// The name of the account, and of the namespace in which it publishes.
    pub name: &'a str,
    /// The folder in which each publisher has one.
    pub folder: &'a Path,
    /// The `chandlery` that is called.
    pub binary: &'a Path,
    /// The registry's address, as a URL.
    pub registry: String,
}

impl Publisher<'_> {
    /// Opens the account, takes a namespace, and publishes what it sells.
    pub fn publish(&self) -> Result<()> {
        self.run(&["register", self.name])?;
        self.run(&["namespace", "take", self.name])?;
        self.run(&["keys", "new", self.name])?;
        self.run(&["keys", "add", self.name])?;
        for (plugin, _) in offers() {
            if plugin.split(':').next() == Some(self.name) {
                let path = self.folder.join(format!("{}.wasm", plugin.replace(':', "-")));
                std::fs::write(&path, component(plugin)?)?;
                self.run(&["publish", &path.display().to_string()])?;
            }
        }
        Ok(())
    }

    /// Runs a command that must succeed.
    fn run(&self, words: &[&str]) -> Result<()> {
        let mut command = Command::new(self.binary);
        command.args(words).args(["--registry", &self.registry, "--json"]);
        command.env("CHANDLERY_HOME", self.folder.join(self.name));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A command that asks for nothing may have ended by now.
            let _ = input.write_all(PASSWORD.as_bytes());
        }
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
