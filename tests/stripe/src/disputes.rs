//! Disputes: a customer's bank asks about a payment, takes it back, and decides.
//!
//! <https://docs.stripe.com/disputes/how-disputes-work>

use serde_json::{Value, json};

use crate::account::{Account, minor};

/// What a dispute costs, in minor units.
const FEE: i64 = 1500;

impl Account {
    /// A customer's bank asks about so much of a payment, and takes nothing; the id of the dispute. None: so much is not left of it, or
    /// there is a dispute of it.
    pub fn inquire(&mut self, payment: &str, amount: i64) -> Option<String> {
        let dispute = self.new_dispute(payment, amount, "warning_needs_response")?;
        self.tell("charge.dispute.created", &dispute);
        id_of(&dispute)
    }

    /// A customer's bank takes so much of a payment back; the id of the dispute. None: as with an inquiry.
    pub fn dispute(&mut self, payment: &str, amount: i64) -> Option<String> {
        let dispute = self.new_dispute(payment, amount, "needs_response")?;
        let dispute = self.withdraw(dispute);
        self.tell("charge.dispute.created", &dispute);
        self.tell("charge.dispute.funds_withdrawn", &dispute);
        id_of(&dispute)
    }

    /// The bank takes back what it had asked about; whether it had, and so much is left.
    pub fn escalate(&mut self, id: &str) -> bool {
        let Some(mut dispute) = self.in_status(id, "warning_needs_response") else { return false };
        let left = self.left_of(dispute["payment_intent"].as_str().unwrap_or_default());
        if left.is_none_or(|(_, left)| left < minor(&dispute, "amount")) {
            return false;
        }
        dispute["status"] = json!("needs_response");
        let dispute = self.withdraw(dispute);
        self.tell("charge.dispute.updated", &dispute);
        self.tell("charge.dispute.funds_withdrawn", &dispute);
        true
    }

    /// The bank asks no more; whether it had asked.
    pub fn let_go(&mut self, id: &str) -> bool {
        let Some(mut dispute) = self.in_status(id, "warning_needs_response") else { return false };
        dispute["status"] = json!("warning_closed");
        self.keep("disputes", dispute.clone());
        self.tell("charge.dispute.closed", &dispute);
        true
    }

    /// The bank decides, for the marketplace where it is won; whether there was something to decide.
    pub fn decide(&mut self, id: &str, won: bool) -> bool {
        let Some(mut dispute) = self.in_status(id, "needs_response") else { return false };
        dispute["status"] = json!(if won { "won" } else { "lost" });
        if won {
            let amount = minor(&dispute, "amount");
            self.adds(&mut dispute, amount, 0);
        }
        self.keep("disputes", dispute.clone());
        if won {
            self.tell("charge.dispute.funds_reinstated", &dispute);
        }
        self.tell("charge.dispute.closed", &dispute);
        true
    }

    fn new_dispute(&mut self, payment: &str, amount: i64, status: &str) -> Option<Value> {
        let (charge, left) = self.left_of(payment)?;
        let is_known = self.each("disputes").any(|dispute| dispute["payment_intent"] == payment);
        if is_known || !(1..=left).contains(&amount) {
            return None;
        }
        let dispute = json!({
            "id": self.next_id("disputes", "dp"), "object": "dispute", "payment_intent": payment, "charge": charge["id"],
            "amount": amount, "currency": charge["currency"], "status": status, "balance_transactions": [],
        });
        Some(self.keep("disputes", dispute))
    }

    fn withdraw(&mut self, mut dispute: Value) -> Value {
        let amount = minor(&dispute, "amount");
        self.adds(&mut dispute, -amount, FEE);
        self.keep("disputes", dispute)
    }

    /// So much moves for a dispute, less a fee.
    fn adds(&mut self, dispute: &mut Value, amount: i64, fee: i64) {
        let currency = dispute["currency"].as_str().unwrap_or_default().to_owned();
        let movement = self.movement(amount, &currency, |_| fee);
        self.settle(&movement);
        if let Some(movements) = dispute["balance_transactions"].as_array_mut() {
            movements.push(movement);
        }
    }

    fn in_status(&self, id: &str, status: &str) -> Option<Value> {
        self.find("disputes", id).filter(|dispute| dispute["status"] == status).cloned()
    }
}

fn id_of(dispute: &Value) -> Option<String> {
    dispute["id"].as_str().map(str::to_owned)
}
