//! The bank file: ISO 20022 `pain.001.001.09`, a payment for each currency, a transfer for each payout.
//!
//! <https://www.iso20022.org/iso-20022-message-definitions>, message `CustomerCreditTransferInitiationV09`.

use std::collections::BTreeMap;

use chandlery_package::wire::{BankAccount, Payout, PayoutProfile, Rail};
use chandlery_package::{Currency, Money};
use jiff::Timestamp;
use serde::Serialize;

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

/// The bank file of a run: those of its payouts that leave by this rail. The same run makes the same file.
pub fn bank_file(
    run: i64,
    from: &BankAccount,
    payouts: &[(Payout, PayoutProfile)],
    at: Timestamp,
) -> Result<String, Error> {
    let mut by_currency: BTreeMap<Currency, Vec<Transfer>> = BTreeMap::new();
    let mut amounts: BTreeMap<Currency, Vec<Money>> = BTreeMap::new();
    for (payout, profile) in payouts {
        let Rail::Sepa { holder, iban, bic } = &profile.rail else { continue };
        let currency = payout.sent.currency();
        amounts.entry(currency).or_default().push(payout.sent);
        by_currency.entry(currency).or_default().push(Transfer {
            id: TransferId { end_to_end: reference(payout.id) },
            amount: TransferAmount {
                instructed: Instructed { currency: currency.code(), value: decimal(payout.sent) },
            },
            agent: bic.as_deref().map(Agent::of),
            creditor: Party { name: holder.clone() },
            account: AccountId::of(iban),
            remittance: Remittance { text: format!("{} to {}", reference(payout.id), payout.partner) },
        });
    }
    if by_currency.is_empty() {
        return Err(Error::NotFound(format!("payout of run {run} that leaves by a bank file")));
    }
    let all = amounts.values().flatten().copied();
    let header = Header {
        id: format!("CHANDLERY-RUN-{run}"),
        created: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        count: by_currency.values().map(Vec::len).sum(),
        sum: control_sum(all),
        party: Party { name: from.holder.clone() },
    };
    let payments = by_currency.into_iter().map(|(currency, transfers)| Payment {
        id: format!("CHANDLERY-RUN-{run}-{currency}"),
        method: "TRF",
        count: transfers.len(),
        sum: control_sum(amounts.remove(&currency).unwrap_or_default().into_iter()),
        on: ExecutionDate { date: at.strftime("%Y-%m-%d").to_string() },
        debtor: Party { name: from.holder.clone() },
        account: AccountId::of(&from.iban),
        agent: Agent::of(&from.bic),
        charges: "SLEV",
        transfers,
    });
    let initiation = Initiation { header, payments: payments.collect() };
    let body = quick_xml::se::to_string(&Document { namespace: NAMESPACE, initiation })
        .map_err(|error| Error::Damaged(format!("the bank file could not be written: {error}")))?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"))
}
