//! Runs of payouts, and what the bank says of each payout.

use anyhow::Result;
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use super::customers::line_of;

impl Market {
    /// A run of payouts: proposed, approved by a second person, sent; confirmed, returned, or returned after it had arrived.
    pub(super) async fn pay_out(&mut self) -> Result<()> {
        let (operator, second) = (self.operator.clone(), self.second.clone());
        self.operate("payout runs", Method::POST, "/api/v1/payout-runs", json!({})).await?;
        let payouts = self.list(&operator, "/api/v1/payouts").await?;
        let mut runs = Vec::new();
        for payout in payouts {
            let path = format!("/api/v1/payouts/{}", payout["id"]);
            let minor = |field: &str| payout[field]["minor"].as_i64().unwrap_or(0);
            let (sent, returned) = (minor("sent"), minor("returned"));
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
                Some("sent") if self.random.random_ratio(1, 8) => {
                    self.operate("returned payouts", Method::POST, &format!("{path}/return"), json!({}))
                        .await?;
                }
                Some("sent") if self.random.random_ratio(1, 3) => {
                    let text = format!("PAYOUT-{}", payout["id"]);
                    self.tell_of(&text, &payout, -sent).await?;
                }
                Some("paid" | "partly-returned") if self.random.random_ratio(1, 100) => {
                    let text = format!("RETURN PAYOUT-{}", payout["id"]);
                    self.tell_of(&text, &payout, (sent - returned) / 2 + 1).await?;
                }
                Some("sent") => {
                    let confirm = json!({ "bank_reference": format!("PAID-{}", payout["id"]) });
                    self.operate("confirmed payouts", Method::POST, &format!("{path}/confirm"), confirm)
                        .await?;
                }
                Some("paid") if self.random.random_ratio(1, 150) => {
                    self.operate("bounced payouts", Method::POST, &format!("{path}/return"), json!({}))
                        .await?;
                }
                _ => {}
            }
        }
        runs.dedup();
        for run in runs.iter().filter(|run| run.is_i64()) {
            let path = format!("/api/v1/payout-runs/{run}/send");
            self.operate("sent runs", Method::POST, &path, json!({})).await?;
        }
        Ok(())
    }

    /// The bank's statement tells of a payout: so much left or came back.
    async fn tell_of(&mut self, text: &str, payout: &Value, minor: i64) -> Result<()> {
        let amount = json!({ "minor": minor, "currency": payout["sent"]["currency"] });
        let line = line_of(&format!("{text} {}", self.day), self.now, amount, text)?;
        let statement = json!(format!("id,date,amount,currency,text\n{line}"));
        self.operate("bank lines of payouts", Method::POST, "/api/v1/bank-statements", statement).await?;
        Ok(())
    }
}
