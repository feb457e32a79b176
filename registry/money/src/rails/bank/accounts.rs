//! Which of the marketplace's own accounts a statement is of.

use std::collections::BTreeMap;

use chandlery_package::wire::BankAccount;

use super::super::own_accounts::MAIN;
use super::statement::{Owner, Statement};
use crate::Error;

/// Says of each line and balance of which account it is: by the IBAN that the bank says, else by the name that is given, else of the
/// first one, which also has the numbers of which statements were brought `before` accounts had names. Where others have names and no
/// account is the first one, nothing is taken for it: its lines would be taken once more under their account's name. Lines of any but
/// the first are known behind the account's name, since banks number each account by itself.
pub(super) fn assign(
    all: &[BankAccount],
    before: &[String],
    given: Option<&str>,
    statement: &mut Statement,
) -> Result<(), Error> {
    let mut names = BTreeMap::new();
    for owner in &statement.owners {
        names.insert(owner.number.clone(), name_of(all, before, given, owner)?);
    }
    let name = |owner: &Owner| names.get(&owner.number).cloned().unwrap_or_else(|| MAIN.to_owned());
    for line in &mut statement.lines {
        line.owner.name = name(&line.owner);
        if line.owner.name != MAIN {
            line.id = format!("{}/{}", line.owner.name, line.id);
            line.part_of =
                line.part_of.take().map(|(id, whole)| (format!("{}/{id}", line.owner.name), whole));
        }
    }
    for balances in &mut statement.balances {
        balances.owner.name = name(&balances.owner);
        if balances.owner.number.is_empty() && balances.owner.name != MAIN {
            balances.owner.number = balances.owner.name.clone();
        }
    }
    Ok(())
}

fn name_of(
    all: &[BankAccount],
    before: &[String],
    given: Option<&str>,
    owner: &Owner,
) -> Result<String, Error> {
    let Owner { number, is_iban, currency, .. } = owner;
    let by_number = all.iter().find(|account| *is_iban && account.iban == *number);
    if by_number.is_none() && *is_iban && !all.is_empty() && !before.contains(number) {
        return Err(Error::NotFound(format!(
            "bank account {number}, which the statement is of: `chandlery books bank add` names it"
        )));
    }
    let by_name = given.and_then(|given| all.iter().find(|account| account.name == given));
    if let (Some(given), None) = (given.filter(|given| *given != MAIN), by_name) {
        return Err(Error::NotFound(format!("bank account '{given}'")));
    }
    if let (Some(of), Some(given)) = (by_number, given)
        && of.name != given
    {
        return Err(Error::Conflict(format!(
            "the statement is of {number}, bank account '{}', and not of '{given}'",
            of.name
        )));
    }
    let Some(account) = by_number.or(by_name) else {
        return match all.is_empty() || before.contains(number) || all.iter().any(|one| one.name == MAIN) {
            true => Ok(MAIN.to_owned()),
            false => Err(Error::Invalid(format!(
                "the statement does not say which bank account it is of: bring it as one of {}",
                all.iter().map(|one| format!("'{}'", one.name)).collect::<Vec<_>>().join(", ")
            ))),
        };
    };
    match account.currency {
        Some(known) if !currency.is_empty() && currency != known.code() => Err(Error::Conflict(format!(
            "bank account '{}' is of {known}, and the statement of {currency}",
            account.name
        ))),
        _ => Ok(account.name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::statement::{Counterparty, NewLine, Stated};
    use super::*;
    use chandlery_package::{Currency, Money};

    fn account(name: &str, currency: Option<Currency>, iban: &str) -> BankAccount {
        let (holder, bic, fees_max) = ("Us".into(), "DEUTDEFF".into(), Vec::new());
        BankAccount { name: name.into(), currency, holder, iban: iban.into(), bic, fees_max }
    }

    #[test]
    fn a_statement_is_of_the_account_that_it_names_or_is_refused_by_name() {
        let all = [
            account("main", None, "DE89370400440532013000"),
            account("main-eur", Some(Currency::Eur), "FR1420041010050500013M02606"),
        ];
        for (known, number, is_iban, currency, given, says) in [
            (&all[..], "DE89370400440532013000", true, "", None, "main: B1"),
            (&all[..], "FR1420041010050500013M02606", true, "EUR", None, "main-eur: main-eur/B1"),
            (&all[..], "FR1420041010050500013M02606", true, "EUR", Some("main-eur"), "main-eur: main-eur/B1"),
            (
                &all[..],
                "FR1420041010050500013M02606",
                true,
                "USD",
                None,
                "is of EUR, and the statement of USD",
            ),
            (&all[..], "FR1420041010050500013M02606", true, "", Some("main"), "and not of 'main'"),
            (&all[..], "GB29NWBK60161331926819", true, "", None, "no bank account GB29NWBK60161331926819"),
            (
                &all[..],
                "GB29NWBK60161331926819",
                true,
                "",
                Some("main-eur"),
                "no bank account GB29NWBK60161331926819",
            ),
            // Brought before accounts had names.
            (&all[..], "CH9300762011623852957", true, "", None, "main: B1"),
            (&all[..], "", false, "", None, "main: B1"),
            (&all[..], "", false, "", Some("main-eur"), "main-eur: main-eur/B1"),
            (&all[..], "12345", false, "", Some("main-eur"), "main-eur: main-eur/B1"),
            (&all[..], "", false, "", Some("other"), "no bank account 'other'"),
            // Where others have names, nothing is of a first one that there is not.
            (&all[1..], "CH9300762011623852957", true, "", None, "main: B1"),
            (&all[1..], "", false, "", None, "bring it as one of 'main-eur'"),
            (&all[1..], "12345", false, "", Some("main"), "bring it as one of 'main-eur'"),
            // Where none has a name, all of them are the first one.
            (&all[..0], "GB29NWBK60161331926819", true, "", None, "main: B1"),
            (&all[..0], "", false, "", Some("other"), "no bank account 'other'"),
        ] {
            let owner =
                Owner { number: number.into(), is_iban, currency: currency.into(), name: String::new() };
            let line = NewLine {
                id: "B1".into(),
                owner: owner.clone(),
                is_placed: false,
                amount: Stated::Known(Money::one(Currency::Eur)),
                day: None,
                text: String::new(),
                returned: false,
                other: Counterparty::default(),
                part_of: None,
            };
            let mut statement = Statement { lines: vec![line], balances: Vec::new(), owners: vec![owner] };
            let said = match assign(known, &["CH9300762011623852957".to_owned()], given, &mut statement) {
                Ok(()) => format!("{}: {}", statement.lines[0].owner.name, statement.lines[0].id),
                Err(error) => error.to_string(),
            };
            assert!(said.contains(says), "{number} {given:?}: {said}");
        }
    }
}
