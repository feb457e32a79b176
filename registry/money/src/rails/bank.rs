//! The bank's statement: every line is looked at once, and what it pays or returns is recorded. ISO 20022 camt.053, or CSV with
//! the columns `id,date,amount,currency,text`.

use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{Act, BankLine};
use chandlery_package::{Currency, Digest, Money};
use jiff::Timestamp;
use quick_xml::de::from_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Subject;
use crate::billing::invoices::Paid;
use crate::table::{self, Row};
use crate::{Error, payouts};
use chandlery_accounts::Actor;
use chandlery_accounts::audit::{record, record_once};
use chandlery_store::{Db, Write, time};

/// The columns of a statement as CSV.
const COLUMNS: [&str; 5] = ["id", "date", "amount", "currency", "text"];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "BkToCstmrStmt")]
    statements: Statements,
}

#[derive(Deserialize)]
struct Statements {
    #[serde(rename = "Stmt")]
    all: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "Ntry", default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Amt")]
    amount: Amount,
    #[serde(rename = "CdtDbtInd")]
    direction: String,
    #[serde(rename = "Sts")]
    status: Option<Status>,
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
}

#[derive(Deserialize)]
struct Amount {
    #[serde(rename = "@Ccy")]
    currency: String,
    #[serde(rename = "$text")]
    value: String,
}

impl Amount {
    fn money(&self, direction: &str) -> Result<Money, Error> {
        let currency: Currency = self.currency.parse()?;
        let amount: Money = format!("{} {currency}", decimals(&self.value, currency)).parse()?;
        Ok(if direction == "DBIT" { amount.negated() } else { amount })
    }
}

impl Detail {
    fn amount(&self) -> Option<&Amount> {
        let within = self.amounts.as_ref().and_then(|amounts| amounts.transaction.as_ref());
        self.amount.as_ref().or(within.map(|within| &within.amount))
    }

    fn line(self, id: String, amount: Money) -> BankLine {
        let end_to_end = self.references.and_then(|references| references.end_to_end);
        let texts = self.remittance.into_iter().flat_map(|remittance| remittance.texts);
        BankLine {
            id,
            amount,
            text: end_to_end.into_iter().chain(texts).collect::<Vec<_>>().join(" "),
            returned: self.returned.is_some(),
            outcome: String::new(),
        }
    }
}

impl Entry {
    /// Whether the bank has booked it: what is only announced comes again.
    fn is_booked(&self) -> bool {
        let status =
            self.status.as_ref().and_then(|status| status.code.as_deref().or(status.text.as_deref()));
        status.is_none_or(|status| status.trim() == "BOOK")
    }

    /// Its lines: one, or each of those that the bank has booked as one.
    fn lines(self) -> Result<Vec<BankLine>, Error> {
        let amount = self.amount.money(&self.direction)?;
        let mut details: Vec<_> = self.details.into_iter().flat_map(|details| details.transactions).collect();
        let own = |detail: &Detail| detail.references.as_ref().and_then(|refs| refs.reference.clone());
        let missing = || Error::Invalid("an entry has no reference of the bank (AcctSvcrRef)".into());
        if details.len() < 2 {
            let detail = details.pop().unwrap_or_default();
            let id = self.reference.or_else(|| own(&detail)).ok_or_else(missing)?;
            return Ok(vec![detail.line(id, amount)]);
        }
        let (mut lines, mut sum) = (Vec::new(), Money::zero(amount.currency()));
        for (index, detail) in details.into_iter().enumerate() {
            let within = self.reference.as_ref().map(|entry| format!("{entry}/{}", index + 1));
            let id = own(&detail).or(within).ok_or_else(missing)?;
            let direction = detail.direction.as_deref().unwrap_or(&self.direction);
            let part = detail.amount().map(|amount| amount.money(direction)).transpose()?;
            let part = part
                .ok_or_else(|| Error::Invalid(format!("line {id} of an entry of {amount} has no amount")))?;
            sum = sum.plus(part)?;
            lines.push(detail.line(id, part));
        }
        match sum == amount {
            true => Ok(lines),
            false => Err(Error::Invalid(format!("an entry of {amount} has lines that sum to {sum}"))),
        }
    }
}

/// As many decimals as the currency has: banks write `100.5` and `100.50` alike.
fn decimals(value: &str, currency: Currency) -> String {
    let digits = currency.digits();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let part = part.trim_end_matches('0');
    match digits {
        0 if part.is_empty() => whole.to_owned(),
        _ => format!("{whole}.{part:0<digits$}"),
    }
}

/// Reads a statement: XML is camt.053, everything else CSV.
pub fn read(text: &str) -> Result<Vec<BankLine>, Error> {
    if text.trim_start().starts_with('<') {
        let document: Document = from_str(text)
            .map_err(|error| Error::Invalid(format!("this is not a camt.053 statement: {error}")))?;
        let entries = document.statements.all.into_iter().flat_map(|statement| statement.entries);
        let lines: Vec<_> = entries.filter(Entry::is_booked).map(Entry::lines).collect::<Result<_, _>>()?;
        return Ok(lines.into_iter().flatten().collect());
    }
    table::read(text, &COLUMNS, read_row)
}

fn read_row(row: Row<'_>) -> Result<BankLine, Error> {
    let currency: Currency = row.read("currency")?;
    let text = row.text("text");
    Ok(BankLine {
        id: row.text("id").into(),
        amount: format!("{} {currency}", decimals(row.text("amount"), currency)).parse()?,
        text: text.into(),
        returned: text.contains("RETURN"),
        outcome: String::new(),
    })
}

/// Looks at every line of a statement that was not looked at before. One that cannot be matched changes nothing, and says why.
pub async fn reconcile(
    db: &Db,
    actor: &Actor,
    hold_days: u32,
    statement: &str,
    now: Timestamp,
) -> Result<Vec<BankLine>, Error> {
    let mut lines = read(statement)?;
    // Each line has a transaction of its own: the trail has the statement even where only some of them were looked at.
    let brought = json!({ "lines": lines.len(), "digest": Digest::of(statement) });
    let mut write = db.write().await?;
    record_once(&mut write, actor, Act::StatementReconciled, "bank statement", brought).await?;
    write.commit().await?;
    for line in &mut lines {
        let (actor, new) = (actor.clone(), line.clone());
        let found = db
            .group_commit(move |write| {
                Box::pin(async move { take(write, &actor, &new, hold_days, now).await })
            })
            .await;
        line.outcome = match found {
            Ok(outcome) => outcome,
            Err(error) if error.kind().status >= 500 => return Err(error),
            Err(error) => note(db, line, &format!("unmatched: {error}"), now).await?,
        };
    }
    Ok(lines)
}

async fn seen(write: &mut Write, line: &BankLine) -> Result<Option<String>, Error> {
    let known: Option<(String, String, i64)> =
        sqlx::query_as("select outcome, currency, minor from bank_lines where id = $1")
            .bind(&line.id)
            .fetch_optional(&mut **write)
            .await?;
    match known {
        Some((outcome, currency, minor))
            if currency == line.amount.currency().code() && minor == line.amount.minor() =>
        {
            // What was not matched may be by now.
            Ok((!outcome.starts_with("unmatched")).then_some(outcome))
        }
        Some(_) => Err(Error::KeyReused { key: format!("bank line {}", line.id) }),
        None => Ok(None),
    }
}

async fn take(
    write: &mut Write,
    actor: &Actor,
    line: &BankLine,
    hold_days: u32,
    now: Timestamp,
) -> Result<String, Error> {
    if let Some(outcome) = seen(write, line).await? {
        return Ok(outcome);
    }
    let payout = payouts::number_in(&line.text);
    let outcome = match (payout, line.amount.minor() > 0) {
        (Some(payout), false) => {
            payouts::settle(write, payout, &line.id, Some(line.amount.negated()), now).await?;
            format!("confirmed payout {payout}")
        }
        (Some(payout), true) if line.returned => {
            payouts::mark_returned(write, payout, now).await?;
            format!("returned payout {payout}")
        }
        (_, true) => {
            let subject = Subject::find(&line.text);
            let subject = subject.ok_or_else(|| Error::NotFound("invoice or order that it names".into()))?;
            subject.pay(write, &Paid::Bank(&line.id), line.amount, hold_days, now).await?;
            format!("paid {subject}")
        }
        (None, false) => return Err(Error::NotFound("payout that it names".into())),
    };
    keep(write, line, &outcome, now).await?;
    let after = json!({ "amount": line.amount, "outcome": outcome });
    record(write, actor, Act::StatementLineSettled, &line.id, Value::Null, after).await?;
    Ok(outcome)
}

async fn note(db: &Db, line: &BankLine, outcome: &str, now: Timestamp) -> Result<String, Error> {
    let mut write = db.write().await?;
    keep(&mut write, line, outcome, now).await?;
    write.commit().await?;
    Ok(outcome.to_owned())
}

async fn keep(write: &mut Write, line: &BankLine, outcome: &str, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "insert into bank_lines (id, at, currency, minor, text, outcome) values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do update set outcome = excluded.outcome",
    )
    .bind(&line.id)
    .bind(time(now))
    .bind(line.amount.currency().code())
    .bind(line.amount.minor())
    .bind(&line.text)
    .bind(outcome)
    .execute(&mut **write)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_as_xml_and_as_csv() {
        let xml = r#"<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
            <Stmt><Id>1</Id><Ntry><Amt Ccy="USD">100.5</Amt><CdtDbtInd>CRDT</CdtDbtInd><AcctSvcrRef>B1</AcctSvcrRef>
            <NtryDtls><TxDtls><RmtInf><Ustrd>thanks for INVOICE-7</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
            <Ntry><Amt Ccy="JPY">500</Amt><CdtDbtInd>DBIT</CdtDbtInd><NtryDtls><TxDtls><Refs><AcctSvcrRef>B2</AcctSvcrRef>
            <EndToEndId>PAYOUT-3</EndToEndId></Refs><RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
            </Stmt></BkToCstmrStmt></Document>"#;
        let lines = read(xml).unwrap();
        assert_eq!((lines[0].id.as_str(), lines[0].amount.to_string()), ("B1", "100.50 USD".into()));
        assert_eq!(Subject::find(&lines[0].text), Some(Subject::Invoice(7)));
        assert_eq!((lines[1].amount.to_string(), lines[1].returned), ("-500 JPY".into(), true));
        assert_eq!(payouts::number_in(&lines[1].text), Some(3));
        let batch = |last: &str| {
            format!(
                r#"<Document><BkToCstmrStmt><Stmt><Ntry><Amt Ccy="EUR">30.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>
                <Sts><Cd>BOOK</Cd></Sts><AcctSvcrRef>B3</AcctSvcrRef><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
                <TxDtls><Refs><EndToEndId>PAYOUT-4</EndToEndId></Refs><Amt Ccy="EUR">10</Amt></TxDtls>
                <TxDtls><Refs><EndToEndId>PAYOUT-5</EndToEndId></Refs>{last}</TxDtls></NtryDtls></Ntry>
                <Ntry><Amt Ccy="EUR">7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts></Ntry>
                </Stmt></BkToCstmrStmt></Document>"#
            )
        };
        let parts = read(&batch(r#"<AmtDtls><TxAmt><Amt Ccy="EUR">20.00</Amt></TxAmt></AmtDtls>"#)).unwrap();
        let parts: Vec<_> =
            parts.iter().map(|line| format!("{} {} {}", line.id, line.amount, line.text)).collect();
        assert_eq!(parts, ["B3/1 -10.00 EUR PAYOUT-4", "B3/2 -20.00 EUR PAYOUT-5"]);
        assert!(read(&batch(r#"<Amt Ccy="EUR">21.00</Amt>"#)).is_err() && read(&batch("")).is_err());
        let csv = "id,date,amount,currency,text\nB1,2026-11-01,100.50,USD,\"for CH-23456789AB, thanks\"\n";
        assert_eq!(Subject::find(&read(csv).unwrap()[0].text), Some(Subject::Order("CH-23456789AB".into())));
        let lines = "id,date,amount,currency,text\r\n\"B;2\",2026-11-01,-7,JPY,\"he said \"\"RETURN\"\",\nPAYOUT-3\"\r\n";
        let back = read(lines).unwrap().remove(0);
        assert_eq!(
            (back.id.as_str(), back.amount.to_string(), back.returned),
            ("B;2", "-7 JPY".into(), true)
        );
        assert_eq!(payouts::number_in(&back.text), Some(3));
        assert!(read("<Document/>").is_err() && read("amount\n1").is_err());
        let wrong = read("id,date,amount,currency,text\nB1,,1,USD,\nB2,,one,USD,\n").unwrap_err().to_string();
        assert!(wrong.starts_with("line 3: "), "{wrong}");
    }
}
