//! ISO 20022 camt.053, as far as it tells what was booked: the entries of each account, the parts of an entry, and the balances before
//! and after.

mod document;

use chandlery_package::Money;
use quick_xml::de::from_str;

use self::document::{Agent, Amount, Charges, Day, Detail, Document, Entry, Holder, Party, StatedBalance};
use super::statement::{Balances, Counterparty, NewLine, Owner, Stated, Statement, stated};
use crate::Error;

/// What banks write where they have no reference.
const NO_REFERENCE: [&str; 3] = ["NONREF", "NOTPROVIDED", ""];

/// Reads a document, and adds what it says.
pub(super) fn read(text: &str, into: &mut Statement) -> Result<(), Error> {
    let document: Document = from_str(text)
        .map_err(|error| Error::Invalid(format!("this is not a camt.053 statement: {error}")))?;
    document.statements.all.into_iter().try_for_each(|part| read_part(part, into))
}

/// Whether money left, by the indicator that says so.
fn left(direction: &str) -> Result<bool, Error> {
    match direction.trim() {
        "CRDT" => Ok(false),
        "DBIT" => Ok(true),
        other => Err(Error::Invalid(format!("CdtDbtInd says '{other}': it is CRDT or DBIT"))),
    }
}

impl Amount {
    fn read(&self, direction: &str) -> Result<Stated, Error> {
        let left = left(direction)?;
        if self.value.trim_start().starts_with('-') {
            let why = "an amount is not below zero: CdtDbtInd says whether it arrived or left";
            return Err(Error::Invalid(format!("Amt says '{}': {why}", self.value)));
        }
        Ok(match stated(&self.value, &self.currency)? {
            Stated::Known(amount) if left => Stated::Known(amount.negated()),
            Stated::Foreign(text) if left => Stated::Foreign(format!("-{text}")),
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

impl Holder {
    /// The account's number, and whether it is an IBAN.
    fn number(self) -> Option<(String, bool)> {
        let id = self.id?;
        match id.iban {
            Some(iban) => Some((iban.replace(' ', ""), true)),
            None => id.other?.id.map(|id| (id, false)),
        }
    }
}

impl Party {
    fn name(self) -> Option<String> {
        self.name.or_else(|| self.party?.name)
    }
}

impl Agent {
    fn bic(self) -> Option<String> {
        let id = self.id?;
        id.bicfi.or(id.bic)
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

    /// Everything that may tell what it is for, its references first and who sent it last; and whom it is from or, where it left, to.
    fn tell(self, has_left: bool) -> (Vec<String>, Counterparty) {
        let mut texts: Vec<String> =
            self.references.and_then(|references| references.end_to_end).into_iter().collect();
        if let Some(remittance) = self.remittance {
            let references = remittance.structured.into_iter().filter_map(|part| part.creditor?.reference);
            texts.extend(references);
            texts.extend(remittance.texts);
        }
        let mut other = Counterparty::default();
        if let Some(parties) = self.parties {
            let debtor = parties.debtor.and_then(Party::name);
            texts.extend(debtor.clone());
            let (name, account) = match has_left {
                true => (parties.creditor.and_then(Party::name), parties.creditor_account),
                false => (debtor, parties.debtor_account),
            };
            other.holder = name.unwrap_or_default();
            let number = account.and_then(Holder::number).filter(|(_, is_iban)| *is_iban);
            other.iban = number.map(|(iban, _)| iban).unwrap_or_default();
        }
        let agent = self.agents.and_then(|agents| if has_left { agents.creditor } else { agents.debtor });
        other.bic = agent.and_then(Agent::bic).unwrap_or_default();
        (texts, other)
    }
}

fn is_reference(text: &str) -> bool {
    !NO_REFERENCE.contains(&text.trim())
}

/// What the bank has taken, above zero; none: nothing, or in another currency.
fn taken(charges: &[Charges], like: Money) -> Option<Money> {
    let mut sum = Money::zero(like.currency());
    for charge in charges {
        let records = charge.records.iter().map(|record| (&record.amount, &record.direction));
        let each: Vec<_> = match charge.records.is_empty() {
            true => vec![(&charge.amount, &charge.direction)],
            false => records.collect(),
        };
        for (amount, direction) in each {
            let Some(amount) = amount.as_ref().or(charge.total.as_ref()) else { continue };
            let left = amount.known(direction.as_deref().unwrap_or("DBIT"))?;
            sum = sum.minus(left).ok()?;
        }
    }
    sum.is_positive().then_some(sum)
}

impl Entry {
    /// Whether the bank has booked it: what is only announced comes again.
    fn is_booked(&self) -> bool {
        let status =
            self.status.as_ref().and_then(|status| status.code.as_deref().or(status.text.as_deref()));
        status.is_none_or(|status| status.trim() == "BOOK")
    }

    /// Whether it takes back what the bank had booked before.
    fn is_reversal(&self) -> bool {
        self.reversal.as_deref().is_some_and(|said| ["true", "1"].contains(&said.trim()))
    }

    /// Its lines: one, or each of those that the bank has booked as one, and what it took for them. `place` names it where the bank
    /// does not.
    fn lines(self, owner: &Owner, place: Option<String>) -> Result<Vec<NewLine>, Error> {
        let amount = self.amount.read(&self.direction)?;
        let has_left = left(&self.direction)?;
        // A debit of ours that the bank has reversed comes back.
        let is_back = self.is_reversal() && !has_left;
        let day = self.value.as_ref().or(self.booked.as_ref()).and_then(Day::date);
        let details: Vec<_> = self.details.into_iter().flat_map(|details| details.transactions).collect();
        let own = self.reference.filter(|text| is_reference(text));
        let first = details.first().and_then(Detail::reference).filter(|_| details.len() == 1);
        let is_placed = own.is_none() && first.is_none();
        let entry = own.or(first).or(place);
        let returned = |detail: &Detail| is_back || detail.returned.is_some();
        let new = |id: String, amount: Stated| NewLine {
            id,
            owner: owner.clone(),
            is_placed,
            amount,
            day,
            text: String::new(),
            returned: false,
            other: Counterparty::default(),
            part_of: None,
        };
        let Some((parts, charges)) = parts(&details, &self.direction, &amount, &self.charges) else {
            let missing = || Error::Invalid("an entry has no reference of the bank (AcctSvcrRef)".into());
            let returned = is_back || details.iter().any(returned);
            let (mut texts, mut others) = (Vec::new(), Vec::new());
            for detail in details {
                let (said, other) = detail.tell(has_left);
                texts.extend(said);
                others.push(other);
            }
            let other = if others.len() == 1 { others.remove(0) } else { Counterparty::default() };
            let line = new(entry.ok_or_else(missing)?, amount);
            return Ok(vec![NewLine { text: texts.join(" "), returned, other, ..line }]);
        };
        let is_one = details.len() == 1;
        let mut lines = Vec::with_capacity(parts.len() + 1);
        let part_of = || Some((entry.clone()?, charges.and(amount.known())?));
        for (index, (detail, part)) in details.into_iter().zip(parts).enumerate() {
            let within = entry.as_ref().map(|entry| match is_one {
                true => entry.clone(),
                false => format!("{entry}/{}", index + 1),
            });
            let missing = || Error::Invalid("a line of an entry has no reference of the bank".into());
            let line = new(
                detail.reference().filter(|_| !is_one).or(within).ok_or_else(missing)?,
                Stated::Known(part),
            );
            let returned = returned(&detail);
            let (texts, other) = detail.tell(part.minor() < 0);
            lines.push(NewLine { text: texts.join(" "), returned, other, part_of: part_of(), ..line });
        }
        if let (Some(charges), Some(entry)) = (charges, &entry) {
            let line = new(format!("{entry}/charges"), Stated::Known(charges.negated()));
            lines.push(NewLine { text: super::statement::CHARGES.into(), part_of: part_of(), ..line });
        }
        Ok(lines)
    }
}

/// What each of several details comes to, and what the bank took beside them. None: there is one and nothing was taken, or they do
/// not say it, or it is not what was booked: then what was booked is one line.
fn parts(
    details: &[Detail],
    direction: &str,
    whole: &Stated,
    charges: &[Charges],
) -> Option<(Vec<Money>, Option<Money>)> {
    let whole = whole.known()?;
    let of_details = details.iter().flat_map(|detail| &detail.charges);
    let charges = taken(charges, whole).or_else(|| {
        of_details
            .map(|charge| taken(std::slice::from_ref(charge), whole))
            .try_fold(Money::zero(whole.currency()), |sum, charge| sum.plus(charge?).ok())
    });
    let charges = charges.filter(|charges| charges.is_positive());
    let part = |detail: &Detail| detail.amount()?.known(detail.direction.as_deref().unwrap_or(direction));
    let parts: Vec<Money> = details.iter().map(part).collect::<Option<_>>()?;
    let sum = Money::sum(whole.currency(), parts.iter().copied()).ok()?;
    match charges {
        _ if sum == whole => (details.len() > 1).then_some((parts, None)),
        Some(charges) if !details.is_empty() && sum.minus(charges).ok()? == whole => {
            Some((parts, Some(charges)))
        }
        _ => None,
    }
}

/// The first balance that has one of these codes.
fn balance<'a>(all: &'a [StatedBalance], codes: &[&str]) -> Option<&'a StatedBalance> {
    all.iter().find(|balance| {
        let code = balance.kind.as_ref().and_then(|kind| kind.code.as_ref()?.code.as_deref());
        code.is_some_and(|code| codes.iter().any(|known| *known == code.trim()))
    })
}

fn read_part(part: document::Part, into: &mut Statement) -> Result<(), Error> {
    let (id, place) = (part.id, into.balances.len());
    let before = into.lines.len();
    let currency = part.account.as_ref().and_then(|account| account.currency.clone()).unwrap_or_default();
    let (number, is_iban) = part.account.and_then(Holder::number).unwrap_or_default();
    let owner = Owner { number, is_iban, currency, name: String::new() };
    let booked = part.entries.into_iter().filter(Entry::is_booked).enumerate();
    for (index, entry) in booked {
        into.lines.extend(entry.lines(&owner, id.as_ref().map(|id| format!("{id}/{}", index + 1)))?);
    }
    let balances = &part.balances;
    if let (Some(opening), Some(closing)) =
        (balance(balances, &["OPBD", "PRCD"]), balance(balances, &["CLBD"]))
        && let (Some(begins), Some(ends)) =
            (opening.day.as_ref().and_then(Day::date), closing.day.as_ref().and_then(Day::date))
        && let (Some(opening), Some(closing)) =
            (opening.amount.known(&opening.direction), closing.amount.known(&closing.direction))
        && opening.currency() == closing.currency()
    {
        let currency = closing.currency();
        let known = into.lines[before..].iter().filter_map(|line| line.amount.known());
        let lines = Money::sum(currency, known.filter(|amount| amount.currency() == currency))?;
        let id = id.unwrap_or_else(|| format!("{ends}/{place}"));
        let (owner, places) = (owner.clone(), before..into.lines.len());
        into.balances.push(Balances { id, owner, begins, ends, opening, closing, lines, places });
    }
    into.owners.push(owner);
    Ok(())
}
