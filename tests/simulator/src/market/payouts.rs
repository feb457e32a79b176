//! Runs of payouts, and what the bank says of each payout.

use anyhow::Result;
use chandlery_package::Money;
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::lines::money;

impl Market {
    /// A run of payouts: proposed, approved by a second person, sent; confirmed, returned, or returned after it had arrived.
    pub(super) async fn pay_out(&mut self) -> Result<()> {
        let (operator, second) = (self.operator.clone(), self.second.clone());
        self.operate("payout runs", Method::POST, "/api/v1/payout-runs", json!({})).await?;
        let payouts = self.list(&operator, "/api/v1/payouts").await?;
        let mut runs = Vec::new();
        let mut leaving: Vec<(Value, Money)> = Vec::new();
        for payout in payouts {
            let path = format!("/api/v1/payouts/{}", payout["id"]);
            match payout["state"].as_str() {
                Some("proposed") if self.random.random_ratio(1, 12) => {
                    self.operate("cancelled payouts", Method::POST, &format!("{path}/cancel"), json!({}))
                        .await?;
                }
                Some("proposed") => {
                    let approve = format!("{path}/approve");
                    let approved =
                        self.attempt("approvals", &second, Method::POST, &approve, json!({})).await?;
                    if approved.is_some() {
                        runs.push(payout["run"].clone());
                    }
                }
                // Stripe tells what became of its own.
                _ if payout["rail"] == "stripe" => {}
                Some("sent") if self.bank.knows(&left(&payout)) => {}
                Some("sent") if self.random.random_ratio(1, 8) => {
                    self.operate("returned payouts", Method::POST, &format!("{path}/return"), json!({}))
                        .await?;
                }
                Some("sent") if self.random.random_ratio(1, 2) => {
                    leaving.push((payout["id"].clone(), money(&payout["sent"])?));
                }
                Some("sent") => {
                    let confirm = json!({ "bank_reference": format!("PAID-{}", payout["id"]) });
                    let path = format!("{path}/confirm");
                    if self.operate("confirmed payouts", Method::POST, &path, confirm).await?.is_some() {
                        let sent = money(&payout["sent"])?;
                        self.moves(&left(&payout), sent.negated(), &format!("PAYOUT-{}", payout["id"]));
                    }
                }
                Some("paid" | "partly-returned") => self.comes_back(&payout, &path).await?,
                _ => {}
            }
        }
        self.leave_by_the_bank(leaving)?;
        runs.dedup();
        for run in runs.iter().filter(|run| run.is_i64()) {
            let path = format!("/api/v1/payout-runs/{run}/send");
            self.operate("sent runs", Method::POST, &path, json!({})).await?;
        }
        Ok(())
    }

    /// What was sent leaves, with a fee now and then, which may be more than is one; and now and then two payouts as one.
    fn leave_by_the_bank(&mut self, mut leaving: Vec<(Value, Money)>) -> Result<()> {
        if let [(one, first), (other, second)] = leaving.as_slice()
            && first.currency() == second.currency()
        {
            let text = format!("PAYOUT-{one} PAYOUT-{other}");
            self.moves(&format!("P-{one}"), first.plus(*second)?.negated(), &text);
            leaving.clear();
        }
        for (id, sent) in leaving {
            let fee = match self.random.random_range(0..30) {
                0..3 => 350,
                3 => 50_000,
                _ => 0,
            };
            let moved = sent.plus(sent.with_minor(fee)?)?.negated();
            self.moves(&format!("P-{id}"), moved, &format!("PAYOUT-{id}"));
        }
        Ok(())
    }

    /// A part of a payout comes back or, as an operator records it, all that is out.
    async fn comes_back(&mut self, payout: &Value, path: &str) -> Result<()> {
        let sent = money(&payout["sent"])?;
        let out = sent.minor() - payout["returned"]["minor"].as_i64().unwrap_or(0);
        let text = format!("RETURN PAYOUT-{}", payout["id"]);
        if self.random.random_ratio(1, 100) {
            let id = format!("R-{}-{}", payout["id"], self.day);
            self.moves(&id, sent.with_minor(out / 2 + 1)?, &text);
        } else if self.random.random_ratio(1, 150) {
            let path = format!("{path}/return");
            let bounced = self.operate("bounced payouts", Method::POST, &path, json!({})).await?;
            if bounced.is_some() {
                self.moves(&format!("B-{}", payout["id"]), sent.with_minor(out)?, &text);
            }
        }
        Ok(())
    }
}

/// What the bank calls it when a payout has left.
fn left(payout: &Value) -> String {
    format!("P-{}", payout["id"])
}
