//! What of a camt.053 document is read, as its schema names it.

use jiff::civil::Date;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(rename = "BkToCstmrStmt")]
    pub statements: Statements,
}

#[derive(Deserialize)]
pub(super) struct Statements {
    #[serde(rename = "Stmt")]
    pub all: Vec<Part>,
}

/// A statement of one account.
#[derive(Deserialize)]
pub(super) struct Part {
    #[serde(rename = "Id")]
    pub id: Option<String>,
    #[serde(rename = "Acct")]
    pub account: Option<Holder>,
    #[serde(rename = "Bal", default)]
    pub balances: Vec<StatedBalance>,
    #[serde(rename = "Ntry", default)]
    pub entries: Vec<Entry>,
}

#[derive(Deserialize)]
pub(super) struct Holder {
    #[serde(rename = "Id")]
    pub id: Option<HolderId>,
    #[serde(rename = "Ccy")]
    pub currency: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct HolderId {
    #[serde(rename = "IBAN")]
    pub iban: Option<String>,
    #[serde(rename = "Othr")]
    pub other: Option<OtherId>,
}

#[derive(Deserialize)]
pub(super) struct OtherId {
    #[serde(rename = "Id")]
    pub id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct StatedBalance {
    #[serde(rename = "Tp")]
    pub kind: Option<BalanceKind>,
    #[serde(rename = "Amt")]
    pub amount: Amount,
    #[serde(rename = "CdtDbtInd")]
    pub direction: String,
    #[serde(rename = "Dt")]
    pub day: Option<Day>,
}

#[derive(Deserialize)]
pub(super) struct BalanceKind {
    #[serde(rename = "CdOrPrtry")]
    pub code: Option<BalanceCode>,
}

#[derive(Deserialize)]
pub(super) struct BalanceCode {
    #[serde(rename = "Cd")]
    pub code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Day {
    #[serde(rename = "Dt")]
    pub date: Option<String>,
    #[serde(rename = "DtTm")]
    pub moment: Option<String>,
}

impl Day {
    /// The day, where it can be read.
    pub fn date(&self) -> Option<Date> {
        self.date.as_ref().or(self.moment.as_ref())?.get(..10)?.parse().ok()
    }
}

#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "Amt")]
    pub amount: Amount,
    #[serde(rename = "CdtDbtInd")]
    pub direction: String,
    #[serde(rename = "RvslInd")]
    pub reversal: Option<String>,
    #[serde(rename = "Chrgs", default)]
    pub charges: Vec<Charges>,
    #[serde(rename = "Sts")]
    pub status: Option<Status>,
    #[serde(rename = "BookgDt")]
    pub booked: Option<Day>,
    #[serde(rename = "ValDt")]
    pub value: Option<Day>,
    #[serde(rename = "AcctSvcrRef")]
    pub reference: Option<String>,
    #[serde(rename = "NtryDtls", default)]
    pub details: Vec<Details>,
}

/// `<Sts>BOOK</Sts>` until version 6, `<Sts><Cd>BOOK</Cd></Sts>` from then on.
#[derive(Deserialize)]
pub(super) struct Status {
    #[serde(rename = "$text")]
    pub text: Option<String>,
    #[serde(rename = "Cd")]
    pub code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Details {
    #[serde(rename = "TxDtls", default)]
    pub transactions: Vec<Detail>,
}

#[derive(Deserialize, Default)]
pub(super) struct Detail {
    #[serde(rename = "Refs")]
    pub references: Option<References>,
    #[serde(rename = "Amt")]
    pub amount: Option<Amount>,
    /// Where the amount stands until version 2.
    #[serde(rename = "AmtDtls")]
    pub amounts: Option<Amounts>,
    #[serde(rename = "CdtDbtInd")]
    pub direction: Option<String>,
    #[serde(rename = "Chrgs", default)]
    pub charges: Vec<Charges>,
    #[serde(rename = "RltdPties")]
    pub parties: Option<Parties>,
    #[serde(rename = "RltdAgts")]
    pub agents: Option<Agents>,
    #[serde(rename = "RmtInf")]
    pub remittance: Option<Remittance>,
    #[serde(rename = "RtrInf")]
    pub returned: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
pub(super) struct References {
    #[serde(rename = "EndToEndId")]
    pub end_to_end: Option<String>,
    #[serde(rename = "AcctSvcrRef")]
    pub reference: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Amounts {
    #[serde(rename = "TxAmt")]
    pub transaction: Option<TransactionAmount>,
}

#[derive(Deserialize)]
pub(super) struct TransactionAmount {
    #[serde(rename = "Amt")]
    pub amount: Amount,
}

#[derive(Deserialize)]
pub(super) struct Remittance {
    #[serde(rename = "Ustrd", default)]
    pub texts: Vec<String>,
    #[serde(rename = "Strd", default)]
    pub structured: Vec<Structured>,
}

#[derive(Deserialize)]
pub(super) struct Structured {
    #[serde(rename = "CdtrRefInf")]
    pub creditor: Option<CreditorReference>,
}

#[derive(Deserialize)]
pub(super) struct CreditorReference {
    #[serde(rename = "Ref")]
    pub reference: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Parties {
    #[serde(rename = "Dbtr")]
    pub debtor: Option<Party>,
    #[serde(rename = "DbtrAcct")]
    pub debtor_account: Option<Holder>,
    #[serde(rename = "Cdtr")]
    pub creditor: Option<Party>,
    #[serde(rename = "CdtrAcct")]
    pub creditor_account: Option<Holder>,
}

#[derive(Deserialize)]
pub(super) struct Agents {
    #[serde(rename = "DbtrAgt")]
    pub debtor: Option<Agent>,
    #[serde(rename = "CdtrAgt")]
    pub creditor: Option<Agent>,
}

#[derive(Deserialize)]
pub(super) struct Agent {
    #[serde(rename = "FinInstnId")]
    pub id: Option<Institution>,
}

/// `<BIC>` until version 2, `<BICFI>` from then on.
#[derive(Deserialize)]
pub(super) struct Institution {
    #[serde(rename = "BICFI")]
    pub bicfi: Option<String>,
    #[serde(rename = "BIC")]
    pub bic: Option<String>,
}

/// What the bank has taken: `<Chrgs><Amt>` until version 2, a total and records from then on.
#[derive(Deserialize)]
pub(super) struct Charges {
    #[serde(rename = "TtlChrgsAndTaxAmt")]
    pub total: Option<Amount>,
    #[serde(rename = "Amt")]
    pub amount: Option<Amount>,
    #[serde(rename = "CdtDbtInd")]
    pub direction: Option<String>,
    #[serde(rename = "Rcrd", default)]
    pub records: Vec<ChargesRecord>,
}

#[derive(Deserialize)]
pub(super) struct ChargesRecord {
    #[serde(rename = "Amt")]
    pub amount: Option<Amount>,
    #[serde(rename = "CdtDbtInd")]
    pub direction: Option<String>,
}

/// `<Nm>` until version 7, `<Pty><Nm>` from then on.
#[derive(Deserialize)]
pub(super) struct Party {
    #[serde(rename = "Nm")]
    pub name: Option<String>,
    #[serde(rename = "Pty")]
    pub party: Option<Named>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(rename = "Nm")]
    pub name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Amount {
    #[serde(rename = "@Ccy")]
    pub currency: String,
    #[serde(rename = "$text")]
    pub value: String,
}
