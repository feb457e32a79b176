//! Bank files: ISO 20022 `pain.001.001.09`, a payment for each currency, a transfer for each payout or refund.
//!
//! <https://www.iso20022.org/iso-20022-message-definitions>, message `CustomerCreditTransferInitiationV09`.

use std::collections::BTreeMap;

use chandlery_package::wire::{BankAccount, Payout, PayoutProfile, Rail};
use chandlery_package::{Currency, Money};
use jiff::Timestamp;
use serde::Serialize;

use super::own_accounts;
use crate::Error;
use crate::payouts::reference;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";

#[derive(Serialize)]
#[serde(rename = "Document")]
struct Document {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    #[serde(rename = "CstmrCdtTrfInitn")]
    initiation: Initiation,
}

#[derive(Serialize)]
struct Initiation {
    #[serde(rename = "GrpHdr")]
    header: Header,
    #[serde(rename = "PmtInf")]
    payments: Vec<Payment>,
}

#[derive(Serialize)]
struct Header {
    #[serde(rename = "MsgId")]
    id: String,
    #[serde(rename = "CreDtTm")]
    created: String,
    #[serde(rename = "NbOfTxs")]
    count: usize,
    #[serde(rename = "CtrlSum")]
    sum: String,
    #[serde(rename = "InitgPty")]
    party: Party,
}

#[derive(Serialize, Clone)]
struct Party {
    #[serde(rename = "Nm")]
    name: String,
}

#[derive(Serialize)]
struct Payment {
    #[serde(rename = "PmtInfId")]
    id: String,
    #[serde(rename = "PmtMtd")]
    method: &'static str,
    #[serde(rename = "NbOfTxs")]
    count: usize,
    #[serde(rename = "CtrlSum")]
    sum: String,
    #[serde(rename = "ReqdExctnDt")]
    on: ExecutionDate,
    #[serde(rename = "Dbtr")]
    debtor: Party,
    #[serde(rename = "DbtrAcct")]
    account: AccountId,
    #[serde(rename = "DbtrAgt")]
    agent: Agent,
    #[serde(rename = "ChrgBr")]
    charges: &'static str,
    #[serde(rename = "CdtTrfTxInf")]
    transfers: Vec<Transfer>,
}

#[derive(Serialize)]
struct ExecutionDate {
    #[serde(rename = "Dt")]
    date: String,
}

#[derive(Serialize)]
struct AccountId {
    #[serde(rename = "Id")]
    id: Account,
}

#[derive(Serialize)]
struct Account {
    #[serde(rename = "IBAN")]
    iban: String,
}

impl AccountId {
    fn of(iban: &str) -> Self {
        Self { id: Account { iban: iban.into() } }
    }
}

#[derive(Serialize)]
struct Agent {
    #[serde(rename = "FinInstnId")]
    id: Institution,
}

#[derive(Serialize)]
struct Institution {
    #[serde(rename = "BICFI")]
    bic: String,
}

impl Agent {
    fn of(bic: &str) -> Self {
        Self { id: Institution { bic: bic.into() } }
    }
}

#[derive(Serialize)]
struct Transfer {
    #[serde(rename = "PmtId")]
    id: TransferId,
    #[serde(rename = "Amt")]
    amount: TransferAmount,
    #[serde(rename = "CdtrAgt", skip_serializing_if = "Option::is_none")]
    agent: Option<Agent>,
    #[serde(rename = "Cdtr")]
    creditor: Party,
    #[serde(rename = "CdtrAcct")]
    account: AccountId,
    #[serde(rename = "RmtInf")]
    remittance: Remittance,
}

#[derive(Serialize)]
struct TransferId {
    #[serde(rename = "EndToEndId")]
    end_to_end: String,
}

#[derive(Serialize)]
struct TransferAmount {
    #[serde(rename = "InstdAmt")]
    instructed: Instructed,
}

#[derive(Serialize)]
struct Instructed {
    #[serde(rename = "@Ccy")]
    currency: &'static str,
    #[serde(rename = "$text")]
    value: String,
}

#[derive(Serialize)]
struct Remittance {
    #[serde(rename = "Ustrd")]
    text: String,
}

/// `85.00`: the currency is said beside it.
fn decimal(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or(&text).to_owned()
}

/// The sum of amounts of several currencies, as the header wants it: of the numbers as they are written.
fn control_sum(amounts: impl Iterator<Item = Money>) -> String {
    let hundredths: i128 = amounts
        .map(|money| i128::from(money.minor()) * if money.currency().digits() == 0 { 100 } else { 1 })
        .sum();
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A transfer that a bank file asks for.
pub(super) struct Asked {
    /// What it is known by at both banks: at most 35 letters.
    pub reference: String,
    pub amount: Money,
    pub holder: String,
    pub iban: String,
    pub bic: Option<String>,
    /// What the payee reads.
    pub text: String,
}

/// The bank file of this name: a payment for each currency, from the account that is of it. The same transfers make the same file.
pub(super) fn bank_file(
    name: &str,
    own: &[BankAccount],
    asked: &[Asked],
    at: Timestamp,
) -> Result<String, Error> {
    let mut by_currency: BTreeMap<Currency, Vec<&Asked>> = BTreeMap::new();
    for transfer in asked {
        by_currency.entry(transfer.amount.currency()).or_default().push(transfer);
    }
    let mut payments = Vec::with_capacity(by_currency.len());
    let mut party = None;
    for (currency, transfers) in by_currency {
        let from = own_accounts::paying(own, currency)?;
        party.get_or_insert(Party { name: from.holder.clone() });
        payments.push(Payment {
            id: format!("{name}-{currency}"),
            method: "TRF",
            count: transfers.len(),
            sum: control_sum(transfers.iter().map(|transfer| transfer.amount)),
            on: ExecutionDate { date: at.strftime("%Y-%m-%d").to_string() },
            debtor: Party { name: from.holder.clone() },
            account: AccountId::of(&from.iban),
            agent: Agent::of(&from.bic),
            charges: "SLEV",
            transfers: transfers.into_iter().map(transfer).collect(),
        });
    }
    let none = || Error::NotFound(format!("transfer of {name} that leaves by a bank file"));
    let header = Header {
        id: name.to_owned(),
        created: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        count: asked.len(),
        sum: control_sum(asked.iter().map(|transfer| transfer.amount)),
        party: party.ok_or_else(none)?,
    };
    let document = Document { namespace: NAMESPACE, initiation: Initiation { header, payments } };
    let body = quick_xml::se::to_string(&document)
        .map_err(|error| Error::Damaged(format!("the bank file could not be written: {error}")))?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"))
}

fn transfer(asked: &Asked) -> Transfer {
    let currency = asked.amount.currency();
    Transfer {
        id: TransferId { end_to_end: asked.reference.clone() },
        amount: TransferAmount {
            instructed: Instructed { currency: currency.code(), value: decimal(asked.amount) },
        },
        agent: asked.bic.as_deref().map(Agent::of),
        creditor: Party { name: asked.holder.clone() },
        account: AccountId::of(&asked.iban),
        remittance: Remittance { text: asked.text.clone() },
    }
}

/// The payouts of a run that leave by a bank file.
pub(super) fn of_run(payouts: Vec<(Payout, PayoutProfile)>) -> Vec<Asked> {
    let asked = payouts.into_iter().filter_map(|(payout, profile)| {
        let Rail::Sepa { holder, iban, bic } = profile.rail else { return None };
        let name = reference(payout.id);
        let text = format!("{name} to {}", payout.partner);
        Some(Asked { reference: name, amount: payout.sent, holder, iban, bic, text })
    });
    asked.collect()
}
