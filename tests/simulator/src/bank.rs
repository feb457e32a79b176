//! The marketplace's bank: it knows what moved, and tells of it in statements (camt.053), whatever the books say.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::Money;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

/// The account, as its statements name it.
pub const IBAN: &str = "FR1420041010050500013M02606";
/// What it holds before the first day, in minor units of each currency.
const OPENING: i64 = 1_000_000;
const CURRENCIES: [&str; 3] = ["EUR", "JPY", "USD"];

/// What moved at the bank: above zero, where it arrived.
#[derive(Debug, Clone)]
struct Movement {
    id: String,
    amount: Money,
    text: String,
    day: String,
}

/// The bank, and how far it has told.
pub struct Bank {
    /// What its last statements ended with, by currency.
    told: BTreeMap<&'static str, i64>,
    untold: Vec<Movement>,
    /// The ids of what moved.
    known: BTreeSet<String>,
    /// The ids of what was told.
    seen: Vec<String>,
    statements: u32,
}

impl Bank {
    /// A bank that has told nothing yet.
    pub fn open() -> Self {
        Self {
            told: CURRENCIES.into_iter().map(|currency| (currency, OPENING)).collect(),
            untold: Vec::new(),
            known: BTreeSet::new(),
            seen: Vec::new(),
            statements: 0,
        }
    }

    /// Something moves, unless something of this id did before. A text that says RETURN is of a transfer that came back.
    pub fn moved(&mut self, id: &str, amount: Money, text: &str, now: Timestamp) {
        if self.known.insert(id.to_owned()) {
            let day = now.strftime("%F").to_string();
            self.untold.push(Movement { id: id.into(), amount, text: text.into(), day });
        }
    }

    /// The bank gives an id that it had given before to something else.
    pub fn moved_by_a_known_id(&mut self, amount: Money, now: Timestamp, random: &mut StdRng) {
        if let Some(id) = self.seen.choose(random).cloned() {
            let day = now.strftime("%F").to_string();
            self.untold.push(Movement { id, amount, text: "rent".into(), day });
        }
    }

    /// Whether something of this id moved.
    pub fn knows(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    /// Whether there is nothing to tell.
    pub fn is_quiet(&self) -> bool {
        self.untold.is_empty()
    }

    /// What it holds by its last statements, in minor units, by currency.
    pub fn told(&self) -> &BTreeMap<&'static str, i64> {
        &self.told
    }

    /// Tells all that moved and was not told, in any order. The first statement says what every account held.
    pub fn statement(&mut self, now: Timestamp, random: &mut StdRng) -> String {
        let mut untold = std::mem::take(&mut self.untold);
        untold.shuffle(random);
        self.seen.extend(untold.iter().map(|movement| movement.id.clone()));
        self.statements += 1;
        let day = now.strftime("%F").to_string();
        let mut parts = String::new();
        for currency in CURRENCIES {
            let lines: Vec<&Movement> =
                untold.iter().filter(|movement| movement.amount.currency().code() == currency).collect();
            if lines.is_empty() && self.statements > 1 {
                continue;
            }
            let held = self.told.entry(currency).or_default();
            let opening = *held;
            *held += lines.iter().map(|line| line.amount.minor()).sum::<i64>();
            let balances = [("OPBD", opening), ("CLBD", *held)].map(|(code, minor)| {
                format!(
                    "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}<Dt><Dt>{day}</Dt></Dt></Bal>",
                    amount_of(minor, currency)
                )
            });
            let entries: String = lines.into_iter().map(Movement::entry).collect();
            parts.push_str(&format!(
                "<Stmt><Id>S{:06}-{currency}</Id><Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>{}{entries}</Stmt>",
                self.statements,
                balances.concat()
            ));
        }
        document(&parts)
    }
}

/// A statement that tells of a currency that the books do not have.
pub fn foreign(id: &str) -> String {
    document(&format!(
        "<Stmt><Id>{id}</Id><Ntry><Amt Ccy=\"CHF\">12.5</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>{id}</AcctSvcrRef></Ntry></Stmt>"
    ))
}

fn document(parts: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>{parts}</BkToCstmrStmt></Document>"
    )
}

/// An amount, and whether it is a credit or a debit of the account.
fn amount_of(minor: i64, currency: &str) -> String {
    let digits = if currency == "JPY" { 0 } else { 2 };
    let units = 10_i64.pow(digits);
    let whole = minor.abs() / units;
    let written = match digits {
        0 => whole.to_string(),
        _ => format!("{whole}.{:02}", minor.abs() % units),
    };
    let direction = if minor < 0 { "DBIT" } else { "CRDT" };
    format!("<Amt Ccy=\"{currency}\">{written}</Amt><CdtDbtInd>{direction}</CdtDbtInd>")
}

impl Movement {
    /// An entry of a statement. Structured references stand where they belong, and what came back says so by `RtrInf`.
    fn entry(&self) -> String {
        let Self { id, amount, text, day } = self;
        let information = match text.starts_with("RF") {
            true => format!("<Strd><CdtrRefInf><Ref>{text}</Ref></CdtrRefInf></Strd>"),
            false => format!("<Ustrd>{text}</Ustrd>"),
        };
        let returned = if text.contains("RETURN") { "<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>" } else { "" };
        format!(
            "<Ntry>{}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>\
             <AcctSvcrRef>{id}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>{information}</RmtInf>{returned}</TxDtls></NtryDtls></Ntry>",
            amount_of(amount.minor(), amount.currency().code())
        )
    }
}
