//! The marketplace's account: what is in it, what happened, and what was not told yet.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// When the first event happened, in seconds since 1970.
const BEGAN: i64 = 1_700_000_000;

/// What is a balance transaction of an object, which Stripe writes out where that is asked for.
const MOVEMENTS: [&str; 2] = ["balance_transaction", "failure_balance_transaction"];

/// The currency that an account settles in, and the rate that it has for any other one.
#[derive(Debug, Clone)]
struct Settlement {
    currency: String,
    numerator: i64,
    denominator: i64,
}

/// An account, in which everything that moves is counted and told.
#[derive(Debug, Default)]
pub struct Account {
    /// Every object, by the path that it is asked for at, such as `payment_intents/pi_1`.
    pub objects: BTreeMap<String, Value>,
    /// What it holds, in minor units, by currency in small letters.
    pub held: BTreeMap<String, i64>,
    /// What happened and was not taken by [`Account::take_events`], in its order.
    events: Vec<Value>,
    happened: i64,
    moved: i64,
    settles: Option<Settlement>,
}

/// An object as Stripe shows it where nothing is asked to be written out: balance transactions by their ids.
pub(crate) fn folded(object: &Value) -> Value {
    let mut object = object.clone();
    for name in MOVEMENTS {
        if let Some(id) = object[name].get("id").cloned() {
            object[name] = id;
        }
    }
    object
}

/// A number of an object; zero, where it has none.
pub(crate) fn minor(object: &Value, name: &str) -> i64 {
    object[name].as_i64().unwrap_or(0)
}

impl Account {
    /// The events that happened since they were taken last, as they are sent: signed by nobody yet.
    pub fn take_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    /// Whether nothing happened since then.
    pub fn is_quiet(&self) -> bool {
        self.events.is_empty()
    }

    /// The objects of a kind, such as `refunds`, in the order of their paths.
    pub fn each(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let prefix = format!("{kind}/");
        let from = self.objects.range(prefix.clone()..);
        from.take_while(move |(path, _)| path.starts_with(&prefix)).map(|(_, object)| object)
    }

    /// The same, as they are now.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.each(kind).cloned().collect()
    }

    /// An object as it is now.
    pub fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        self.objects.get(&format!("{kind}/{id}"))
    }

    /// The id of the next object of a kind.
    pub(crate) fn next_id(&self, kind: &str, prefix: &str) -> String {
        format!("{prefix}_{}", self.each(kind).count() + 1)
    }

    pub(crate) fn keep(&mut self, kind: &str, object: Value) -> Value {
        let id = object["id"].as_str().unwrap_or_default();
        self.objects.insert(format!("{kind}/{id}"), object.clone());
        object
    }

    /// From now on what is paid, given back or disputed in any other currency is settled in this one (in small letters), so many
    /// minor units of it for so many of the other one's.
    pub fn settle_in(&mut self, currency: &str, numerator: i64, denominator: i64) {
        self.settles = Some(Settlement { currency: currency.to_owned(), numerator, denominator });
    }

    /// The balance transaction by which so many minor units of a currency move, in the currency that they are settled in, less a fee.
    pub(crate) fn movement(&mut self, minor: i64, currency: &str, fee: impl Fn(i64) -> i64) -> Value {
        self.moved += 1;
        let settles = self.settles.as_ref().filter(|settles| settles.currency != currency);
        let (currency, gross, rate) = match settles {
            Some(Settlement { currency, numerator, denominator }) => {
                let rate = json!(*numerator as f64 / *denominator as f64);
                (currency.as_str(), minor * numerator / denominator, rate)
            }
            None => (currency, minor, Value::Null),
        };
        let fee = fee(gross);
        json!({
            "id": format!("txn_{}", self.moved), "object": "balance_transaction", "amount": gross, "fee": fee,
            "net": gross - fee, "currency": currency, "exchange_rate": rate,
        })
    }

    /// What a balance transaction says is in the account from now on.
    pub(crate) fn settle(&mut self, movement: &Value) {
        let currency = movement["currency"].as_str().unwrap_or_default().to_owned();
        *self.held.entry(currency).or_default() += minor(movement, "net");
    }

    /// So many minor units of an object's currency move without a fee, by this balance transaction of it.
    fn moves(&mut self, object: &mut Value, name: &str, minor: i64) {
        let currency = object["currency"].as_str().unwrap_or_default().to_owned();
        let movement = self.movement(minor, &currency, |_| 0);
        self.settle(&movement);
        object[name] = movement;
    }

    /// The same of what leaves for elsewhere, which is always taken from the balance of its own currency.
    fn leaves(&mut self, object: &mut Value, name: &str, minor: i64) {
        let settles = self.settles.take();
        self.moves(object, name, minor);
        self.settles = settles;
    }

    pub(crate) fn tell(&mut self, kind: &str, object: &Value) {
        self.happened += 1;
        self.events.push(json!({
            "id": format!("evt_own_{}", self.happened), "object": "event", "type": kind, "created": BEGAN + self.happened,
            "data": { "object": folded(object) },
        }));
    }

    /// A payment that a customer may complete, for so many minor units of a currency in small letters.
    pub(crate) fn begin(&mut self, amount: i64, currency: &str, metadata: Value) -> Value {
        let id = self.next_id("payment_intents", "pi");
        let charge = id.replace("pi_", "ch_");
        let movement = self.movement(amount, currency, |gross| (gross * 29 / 1000 + 30).min(gross));
        self.keep(
            "charges",
            json!({
                "id": charge, "object": "charge", "payment_intent": id, "amount": amount, "currency": currency,
                "amount_refunded": 0, "balance_transaction": movement,
            }),
        );
        self.keep(
            "payment_intents",
            json!({
                "id": id, "object": "payment_intent", "amount": amount, "amount_received": 0, "currency": currency,
                "client_secret": format!("{id}_secret"), "status": "requires_payment_method", "latest_charge": charge,
                "metadata": metadata,
            }),
        )
    }

    /// A page on which a customer may pay so many minor units of a currency in small letters. There is no payment before it does.
    pub(crate) fn open_page(&mut self, amount: i64, currency: &str, metadata: Value) -> Value {
        let id = self.next_id("checkout/sessions", "cs");
        self.keep(
            "checkout/sessions",
            json!({
                "id": id, "object": "checkout.session", "amount_total": amount, "currency": currency, "status": "open",
                "payment_intent": Value::Null, "metadata": metadata, "url": format!("https://checkout.stripe.com/c/pay/{id}"),
            }),
        )
    }

    /// A customer pays on a page, once; whether it did.
    pub fn pay_page(&mut self, id: &str) -> bool {
        let Some(mut page) = self.find("checkout/sessions", id).cloned() else { return false };
        if page["status"] != "open" {
            return false;
        }
        let currency = page["currency"].as_str().unwrap_or_default().to_owned();
        let payment = self.begin(minor(&page, "amount_total"), &currency, page["metadata"].clone());
        page["status"] = json!("complete");
        page["payment_intent"] = payment["id"].clone();
        self.keep("checkout/sessions", page.clone());
        self.tell("checkout.session.completed", &page);
        self.pay(payment["id"].as_str().unwrap_or_default())
    }

    /// Somebody pays by a link that was made for it on Stripe's dashboard: the id of the payment, of which nobody has said what it is for.
    pub fn pay_by_link(&mut self, amount: i64, currency: &str, description: &str) -> String {
        let mut payment = self.begin(amount, currency, json!({}));
        payment["description"] = json!(description);
        self.keep("payment_intents", payment.clone());
        let id = payment["id"].as_str().unwrap_or_default().to_owned();
        self.pay(&id);
        id
    }

    /// A payment with its charge written out.
    pub(crate) fn expanded(&self, payment: &Value) -> Value {
        let charge = payment["latest_charge"].as_str().and_then(|id| self.find("charges", id));
        let mut payment = payment.clone();
        if let Some(charge) = charge {
            payment["latest_charge"] = charge.clone();
        }
        payment
    }

    /// A customer completes a payment, once; whether it did.
    pub fn pay(&mut self, id: &str) -> bool {
        let Some(mut payment) = self.find("payment_intents", id).cloned() else { return false };
        if payment["status"] != "requires_payment_method" {
            return false;
        }
        let amount = minor(&payment, "amount");
        payment["status"] = json!("succeeded");
        payment["amount_received"] = json!(amount);
        let movement = self.expanded(&payment)["latest_charge"]["balance_transaction"].clone();
        self.settle(&movement);
        self.keep("payment_intents", payment.clone());
        self.tell("payment_intent.succeeded", &payment);
        true
    }

    /// The charge of a payment, and what of it can still be given back or disputed.
    pub(crate) fn left_of(&self, payment: &str) -> Option<(Value, i64)> {
        let charge = self.find("charges", &payment.replace("pi_", "ch_"))?.clone();
        let disputed: i64 = self
            .each("disputes")
            .filter(|dispute| dispute["payment_intent"] == payment)
            .filter(|dispute| dispute["status"] == "needs_response" || dispute["status"] == "lost")
            .map(|dispute| minor(dispute, "amount"))
            .sum();
        let left = minor(&charge, "amount") - minor(&charge, "amount_refunded") - disputed;
        Some((charge, left))
    }

    /// Gives back so much of a payment; none: not so much is left of it.
    pub fn refund(&mut self, payment: &str, amount: i64, metadata: Value) -> Option<Value> {
        let (mut charge, left) = self.left_of(payment)?;
        if !(1..=left).contains(&amount) {
            return None;
        }
        let mut refund = json!({
            "id": self.next_id("refunds", "re"), "object": "refund", "amount": amount, "currency": charge["currency"],
            "payment_intent": payment, "charge": charge["id"], "status": "succeeded", "metadata": metadata,
        });
        charge["amount_refunded"] = json!(minor(&charge, "amount_refunded") + amount);
        self.moves(&mut refund, "balance_transaction", -amount);
        self.keep("charges", charge.clone());
        self.keep("refunds", refund.clone());
        self.tell("refund.created", &refund);
        self.tell("charge.refunded", &charge);
        Some(refund)
    }

    /// A refund does not reach the customer, once; whether that was new.
    pub fn fail_refund(&mut self, id: &str) -> bool {
        let Some(mut refund) = self.find("refunds", id).filter(|one| one["status"] == "succeeded").cloned()
        else {
            return false;
        };
        let (charge, amount) = (refund["charge"].as_str().unwrap_or_default(), minor(&refund, "amount"));
        if let Some(mut charge) = self.find("charges", charge).cloned() {
            charge["amount_refunded"] = json!(minor(&charge, "amount_refunded") - amount);
            self.keep("charges", charge);
        }
        refund["status"] = json!("failed");
        self.moves(&mut refund, "failure_balance_transaction", amount);
        self.keep("refunds", refund.clone());
        self.tell("refund.failed", &refund);
        true
    }

    /// Money leaves for a connected account.
    pub fn transfer(&mut self, mut transfer: Value) -> Value {
        transfer["id"] = json!(self.next_id("transfers", "tr"));
        transfer["object"] = json!("transfer");
        transfer["amount_reversed"] = json!(0);
        transfer["reversed"] = json!(false);
        let amount = minor(&transfer, "amount");
        self.leaves(&mut transfer, "balance_transaction", -amount);
        self.keep("transfers", transfer.clone());
        self.tell("transfer.created", &transfer);
        transfer
    }

    /// So much of a transfer comes back; whether so much of it was out.
    pub fn reverse(&mut self, id: &str, amount: i64) -> bool {
        let Some(mut transfer) = self.find("transfers", id).cloned() else { return false };
        let reversed = minor(&transfer, "amount_reversed") + amount;
        if amount < 1 || reversed > minor(&transfer, "amount") {
            return false;
        }
        transfer["amount_reversed"] = json!(reversed);
        transfer["reversed"] = json!(reversed == minor(&transfer, "amount"));
        // Stripe has the balance transaction of what comes back with the reversal.
        self.leaves(&mut transfer.clone(), "balance_transaction", amount);
        self.keep("transfers", transfer.clone());
        self.tell("transfer.reversed", &transfer);
        true
    }

    /// Money leaves for the marketplace's bank, where it arrives by [`Account::arrive`]; the id of the payout.
    pub fn pay_out(&mut self, amount: i64, currency: &str) -> String {
        let id = self.next_id("payouts", "po");
        let mut payout = json!({
            "id": id, "object": "payout", "amount": amount, "currency": currency, "status": "in_transit",
        });
        self.leaves(&mut payout, "balance_transaction", -amount);
        self.keep("payouts", payout.clone());
        self.tell("payout.created", &payout);
        id
    }

    /// A payout is at the bank; whether it was on its way.
    pub fn arrive(&mut self, id: &str) -> bool {
        self.advance_payout(id, "in_transit", "paid").is_some()
    }

    /// A payout that had arrived has not, and is in the account again; whether it had.
    pub fn fail_payout(&mut self, id: &str) -> bool {
        let Some(mut payout) = self.advance_payout(id, "paid", "failed") else { return false };
        let amount = minor(&payout, "amount");
        self.leaves(&mut payout, "failure_balance_transaction", amount);
        self.keep("payouts", payout);
        true
    }

    fn advance_payout(&mut self, id: &str, from: &str, to: &str) -> Option<Value> {
        let mut payout = self.find("payouts", id).filter(|payout| payout["status"] == from)?.clone();
        payout["status"] = json!(to);
        self.keep("payouts", payout.clone());
        self.tell(&format!("payout.{to}"), &payout);
        Some(payout)
    }
}
