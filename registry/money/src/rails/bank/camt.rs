//! ISO 20022 camt.053, as far as it tells what was booked: the entries of each account, the parts of an entry, and the balances before
//! and after.

use chandlery_package::Money;
use jiff::civil::Date;
use quick_xml::de::from_str;
use serde::Deserialize;

use super::statement::{Balances, NewLine, Stated, Statement, stated};
use crate::Error;

/// What banks write where they have no reference.
const NO_REFERENCE: [&str; 3] = ["NONREF", "NOTPROVIDED", ""];

/// Reads a document, and adds what it says.
pub(super) fn read(text: &str, into: &mut Statement) -> Result<(), Error> {
    let document: Document = from_str(text)
        .map_err(|error| Error::Invalid(format!("this is not a camt.053 statement: {error}")))?;
    document.statements.all.into_iter().try_for_each(|part| part.read(into))
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "BkToCstmrStmt")]
    statements: Statements,
}

#[derive(Deserialize)]
struct Statements {
    #[serde(rename = "Stmt")]
    all: Vec<Part>,
}

/// A statement of one account.
#[derive(Deserialize)]
struct Part {
    #[serde(rename = "Id")]
    id: Option<String>,
    #[serde(rename = "Acct")]
    account: Option<Holder>,
    #[serde(rename = "Bal", default)]
    balances: Vec<StatedBalance>,
    #[serde(rename = "Ntry", default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Holder {
    #[serde(rename = "Id")]
    id: Option<HolderId>,
}

#[derive(Deserialize)]
struct HolderId {
    #[serde(rename = "IBAN")]
    iban: Option<String>,
    #[serde(rename = "Othr")]
    other: Option<OtherId>,
}

#[derive(Deserialize)]
struct OtherId {
    #[serde(rename = "Id")]
    id: Option<String>,
}

#[derive(Deserialize)]
struct StatedBalance {
    #[serde(rename = "Tp")]
    kind: Option<BalanceKind>,
    #[serde(rename = "Amt")]
    amount: Amount,
    #[serde(rename = "CdtDbtInd")]
    direction: String,
    #[serde(rename = "Dt")]
    day: Option<Day>,
}

#[derive(Deserialize)]
struct BalanceKind {
    #[serde(rename = "CdOrPrtry")]
    code: Option<BalanceCode>,
}

#[derive(Deserialize)]
struct BalanceCode {
    #[serde(rename = "Cd")]
    code: Option<String>,
}

#[derive(Deserialize)]
struct Day {
    #[serde(rename = "Dt")]
    date: Option<String>,
    #[serde(rename = "DtTm")]
    moment: Option<String>,
}

impl Day {
    fn date(&self) -> Option<Date> {
        self.date.as_ref().or(self.moment.as_ref())?.get(..10)?.parse().ok()
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Amt")]
    amount: Amount,
    #[serde(rename = "CdtDbtInd")]
    direction: String,
    #[serde(rename = "Sts")]
    status: Option<Status>,
    #[serde(rename = "BookgDt")]
    booked: Option<Day>,
    #[serde(rename = "ValDt")]
    value: Option<Day>,
    #[serde(rename = "AcctSvcrRef")]
    reference: Option<String>,
    #[serde(rename = "NtryDtls", default)]
    details: Vec<Details>,
}

/// `<Sts>BOOK</Sts>` until version 6, `<Sts><Cd>BOOK</Cd></Sts>` from then on.
#[derive(Deserialize)]
struct Status {
    #[serde(rename = "$text")]
    text: Option<String>,
    #[serde(rename = "Cd")]
    code: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(rename = "TxDtls", default)]
    transactions: Vec<Detail>,
}

#[derive(Deserialize, Default)]
struct Detail {
    #[serde(rename = "Refs")]
    references: Option<References>,
    #[serde(rename = "Amt")]
    amount: Option<Amount>,
    /// Where the amount stands until version 2.
    #[serde(rename = "AmtDtls")]
    amounts: Option<Amounts>,
    #[serde(rename = "CdtDbtInd")]
    direction: Option<String>,
    #[serde(rename = "RltdPties")]
    parties: Option<Parties>,
    #[serde(rename = "RmtInf")]
    remittance: Option<Remittance>,
    #[serde(rename = "RtrInf")]
    returned: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
struct References {
    #[serde(rename = "EndToEndId")]
    end_to_end: Option<String>,
    #[serde(rename = "AcctSvcrRef")]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Amounts {
    #[serde(rename = "TxAmt")]
    transaction: Option<TransactionAmount>,
}

#[derive(Deserialize)]
struct TransactionAmount {
    #[serde(rename = "Amt")]
    amount: Amount,
}

#[derive(Deserialize)]
struct Remittance {
    #[serde(rename = "Ustrd", default)]
    texts: Vec<String>,
    #[serde(rename = "Strd", default)]
    structured: Vec<Structured>,
}

#[derive(Deserialize)]
struct Structured {
    #[serde(rename = "CdtrRefInf")]
    creditor: Option<CreditorReference>,
}

#[derive(Deserialize)]
struct CreditorReference {
    #[serde(rename = "Ref")]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Parties {
    #[serde(rename = "Dbtr")]
    debtor: Option<Party>,
}

/// `<Nm>` until version 7, `<Pty><Nm>` from then on.
#[derive(Deserialize)]
struct Party {
    #[serde(rename = "Nm")]
    name: Option<String>,
    #[serde(rename = "Pty")]
    party: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "Nm")]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    #[serde(rename = "@Ccy")]
    currency: String,
    #[serde(rename = "$text")]
    value: String,
}

impl Amount {
    fn read(&self, direction: &str) -> Result<Stated, Error> {
        Ok(match stated(&self.value, &self.currency)? {
            Stated::Known(amount) if direction == "DBIT" => Stated::Known(amount.negated()),
            Stated::Foreign(text) if direction == "DBIT" => Stated::Foreign(format!("-{text}")),
            stated => stated,
        })
    }

    /// The amount, where it is one of the books'.
    fn known(&self, direction: &str) -> Option<Money> {
        match self.read(direction).ok()? {
            Stated::Known(amount) => Some(amount),
            Stated::Foreign(_) => None,
        }
    }
}

impl Detail {
    fn amount(&self) -> Option<&Amount> {
        let within = self.amounts.as_ref().and_then(|amounts| amounts.transaction.as_ref());
        self.amount.as_ref().or(within.map(|within| &within.amount))
    }

    fn reference(&self) -> Option<String> {
        self.references
            .as_ref()
            .and_then(|references| references.reference.clone())
            .filter(|text| is_reference(text))
    }

    /// Everything that may tell what it is for: its references first, who sent it last.
    fn text(self) -> Vec<String> {
        let mut texts: Vec<String> =
            self.references.and_then(|references| references.end_to_end).into_iter().collect();
        if let Some(remittance) = self.remittance {
            let references = remittance.structured.into_iter().filter_map(|part| part.creditor?.reference);
            texts.extend(references);
            texts.extend(remittance.texts);
        }
        let debtor = self.parties.and_then(|parties| parties.debtor);
        texts.extend(debtor.and_then(|debtor| debtor.name.or_else(|| debtor.party?.name)));
        texts
    }
}

fn is_reference(text: &str) -> bool {
    !NO_REFERENCE.contains(&text.trim())
}

impl Entry {
    /// Whether the bank has booked it: what is only announced comes again.
    fn is_booked(&self) -> bool {
        let status =
            self.status.as_ref().and_then(|status| status.code.as_deref().or(status.text.as_deref()));
        status.is_none_or(|status| status.trim() == "BOOK")
    }

    /// Its lines: one, or each of those that the bank has booked as one. `place` names it where the bank does not.
    fn lines(self, place: Option<String>) -> Result<Vec<NewLine>, Error> {
        let amount = self.amount.read(&self.direction)?;
        let day = self.value.as_ref().or(self.booked.as_ref()).and_then(Day::date);
        let details: Vec<_> = self.details.into_iter().flat_map(|details| details.transactions).collect();
        let own = self.reference.filter(|text| is_reference(text));
        let first = details.first().and_then(Detail::reference).filter(|_| details.len() == 1);
        let entry = own.or(first).or(place);
        let returned = |detail: &Detail| detail.returned.is_some();
        let Some(parts) = parts(&details, &self.direction, &amount) else {
            let missing = || Error::Invalid("an entry has no reference of the bank (AcctSvcrRef)".into());
            let returned = details.iter().any(returned);
            let text = details.into_iter().flat_map(Detail::text).collect::<Vec<_>>().join(" ");
            return Ok(vec![NewLine { id: entry.ok_or_else(missing)?, amount, day, text, returned }]);
        };
        let mut lines = Vec::with_capacity(parts.len());
        for (index, (detail, part)) in details.into_iter().zip(parts).enumerate() {
            let within = entry.as_ref().map(|entry| format!("{entry}/{}", index + 1));
            let missing = || Error::Invalid("a line of an entry has no reference of the bank".into());
            lines.push(NewLine {
                id: detail.reference().or(within).ok_or_else(missing)?,
                amount: Stated::Known(part),
                day,
                returned: returned(&detail),
                text: detail.text().join(" "),
            });
        }
        Ok(lines)
    }
}

/// What each of several details comes to. None: there is one, or they do not say it, or it is not what was booked: then what was booked
/// is one line.
fn parts(details: &[Detail], direction: &str, whole: &Stated) -> Option<Vec<Money>> {
    let Stated::Known(whole) = whole else { return None };
    if details.len() < 2 {
        return None;
    }
    let part = |detail: &Detail| detail.amount()?.known(detail.direction.as_deref().unwrap_or(direction));
    let parts: Vec<Money> = details.iter().map(part).collect::<Option<_>>()?;
    let sum = Money::sum(whole.currency(), parts.iter().copied()).ok()?;
    (sum == *whole).then_some(parts)
}

/// The first balance that has one of these codes.
fn balance<'a>(all: &'a [StatedBalance], codes: &[&str]) -> Option<&'a StatedBalance> {
    all.iter().find(|balance| {
        let code = balance.kind.as_ref().and_then(|kind| kind.code.as_ref()?.code.as_deref());
        code.is_some_and(|code| codes.iter().any(|known| *known == code.trim()))
    })
}

impl Part {
    fn read(self, into: &mut Statement) -> Result<(), Error> {
        let (id, place) = (self.id, into.balances.len());
        let before = into.lines.len();
        let booked = self.entries.into_iter().filter(Entry::is_booked).enumerate();
        for (index, entry) in booked {
            into.lines.extend(entry.lines(id.as_ref().map(|id| format!("{id}/{}", index + 1)))?);
        }
        let number = self.account.and_then(|account| account.id);
        let account = number.and_then(|number| number.iban.or_else(|| number.other?.id)).unwrap_or_default();
        let balances = &self.balances;
        if let (Some(opening), Some(closing)) =
            (balance(balances, &["OPBD", "PRCD"]), balance(balances, &["CLBD"]))
            && let (Some(begins), Some(ends)) =
                (opening.day.as_ref().and_then(Day::date), closing.day.as_ref().and_then(Day::date))
            && let (Some(opening), Some(closing)) =
                (opening.amount.known(&opening.direction), closing.amount.known(&closing.direction))
            && opening.currency() == closing.currency()
        {
            let currency = closing.currency();
            let known = into.lines[before..].iter().filter_map(|line| match &line.amount {
                Stated::Known(amount) if amount.currency() == currency => Some(*amount),
                _ => None,
            });
            let lines = Money::sum(currency, known)?;
            let id = id.unwrap_or_else(|| format!("{ends}/{place}"));
            into.balances.push(Balances { id, account, begins, ends, opening, closing, lines });
        }
        Ok(())
    }
}
