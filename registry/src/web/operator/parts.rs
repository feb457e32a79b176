//! What a bank line is said to be for, as forms and addresses have it: up to four parts, each of a kind, with what it is about and how
//! much of the line it takes.

use std::collections::BTreeMap;

use chandlery_package::wire::Allotment;
use chandlery_package::{Money, Namespace};
use chandlery_pages::{Field, money, select};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Error;

/// How many parts a form has.
const PARTS: usize = 4;

/// The kinds of parts, and what a form calls them.
const KINDS: [(&str, &str); 9] = [
    ("invoice", "Pays an invoice (its number)"),
    ("order", "Pays an order (its reference)"),
    ("credit", "Credit of a customer (its account)"),
    ("send-back", "Is sent back"),
    ("payout", "Is a payout (its number)"),
    ("came-back", "Came back of a transfer (its reference)"),
    ("own", "Moves between own accounts"),
    ("charges", "Is what the bank takes"),
    ("recorded", "Was recorded by hand (the number of the transaction)"),
];

/// The kinds that what left the bank can be of.
const LEFT: [&str; 4] = ["payout", "own", "charges", "recorded"];

/// What a form or an address was sent with, by name.
pub(super) type Fields = BTreeMap<String, String>;

/// The parts that fields have; rows that are left empty are none.
pub(super) fn read(fields: &Fields) -> Result<Vec<Allotment>, Error> {
    let mut parts = Vec::new();
    for number in 1..=PARTS {
        let [kind, about, amount] = names(number)
            .map(|name| fields.get(&name).map(|value| value.trim()).filter(|value| !value.is_empty()));
        if let Some(kind) = kind
            && (about.is_some() || amount.is_some())
        {
            parts.push(part(kind, about.unwrap_or_default(), amount)?);
        }
    }
    match parts.is_empty() {
        true => Err(Error::invalid("say what the line is for: at least one part of it")),
        false => Ok(parts),
    }
}

fn names(number: usize) -> [String; 3] {
    ["kind", "about", "amount"].map(|name| format!("{name}-{number}"))
}

fn part(kind: &str, about: &str, amount: Option<&str>) -> Result<Allotment, Error> {
    let says = || KINDS.into_iter().find(|(word, _)| *word == kind).map_or(kind, |(_, says)| says);
    let of = || -> Result<Money, Error> {
        let missing = || {
            let says = says();
            Error::invalid(format!(
                "'How much' of '{says}' is empty: write an amount with its currency, such as 99.00 USD"
            ))
        };
        Ok(amount.ok_or_else(missing)?.parse::<Money>().map_err(chandlery_money::Error::from)?)
    };
    let named = || match about {
        "" => {
            let says = says();
            Err(Error::invalid(format!("'Of which' of '{says}' is empty: write what stands in the brackets")))
        }
        about => Ok(about),
    };
    let number = || {
        let not_one = |_| {
            let says = says();
            Error::invalid(format!(
                "'{about}' is not a number: 'Of which' of '{says}' is a number, such as 12"
            ))
        };
        named()?.parse::<i64>().map_err(not_one)
    };
    let customer = || named()?.parse::<Namespace>().map_err(Error::from);
    Ok(match kind {
        "invoice" => Allotment::Invoice { number: number()?, amount: of()? },
        "order" => Allotment::Order { reference: named()?.to_owned(), amount: of()? },
        "credit" => Allotment::Credit { customer: customer()?, amount: of()? },
        "send-back" => Allotment::SendBack { amount: of()? },
        "payout" => Allotment::Payout { id: number()?, amount: of()? },
        "came-back" => Allotment::CameBack { reference: named()?.to_owned(), amount: of()? },
        "own" => Allotment::Own { amount: of()? },
        "charges" => Allotment::Charges { amount: of()? },
        "recorded" => Allotment::Recorded { transaction: number()? },
        other => return Err(Error::invalid(format!("'{other}' is nothing that a bank line is for"))),
    })
}

/// Of which kind a part is, what it is about, and how much of the line it takes.
fn told(part: &Allotment) -> (&'static str, String, Option<Money>) {
    match part {
        Allotment::Invoice { number, amount } => ("invoice", number.to_string(), Some(*amount)),
        Allotment::Order { reference, amount } => ("order", reference.clone(), Some(*amount)),
        Allotment::Credit { customer, amount } => ("credit", customer.to_string(), Some(*amount)),
        Allotment::SendBack { amount } => ("send-back", String::new(), Some(*amount)),
        Allotment::Payout { id, amount } => ("payout", id.to_string(), Some(*amount)),
        Allotment::CameBack { reference, amount } => ("came-back", reference.clone(), Some(*amount)),
        Allotment::Own { amount } => ("own", String::new(), Some(*amount)),
        Allotment::Charges { amount } => ("charges", String::new(), Some(*amount)),
        Allotment::Recorded { transaction } => ("recorded", transaction.to_string(), None),
    }
}

/// Parts as fields have them.
pub(super) fn written(parts: &[Allotment]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let (kind, about, amount) = told(part);
        let amount = amount.map_or_else(String::new, |amount| amount.to_string());
        let values = [kind.to_owned(), about, amount];
        fields.extend(names(index + 1).into_iter().zip(values).filter(|(_, value)| !value.is_empty()));
    }
    fields
}

/// The address of a page about a line, with fields.
pub(super) fn address(page: &str, fields: &[(String, String)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    format!("{page}?{}", pairs.join("&"))
}

/// A part for people, and how much of the line it takes.
pub(super) fn in_words(part: &Allotment) -> (String, String) {
    let (_, _, amount) = told(part);
    let what = match part {
        Allotment::Invoice { number, .. } => format!("pays invoice {number}"),
        Allotment::Order { reference, .. } => format!("pays order {reference}"),
        Allotment::Credit { customer, .. } => format!("is kept as credit of {customer}"),
        Allotment::SendBack { .. } => "is sent back to whom it came from".into(),
        Allotment::Payout { id, .. } => format!("is payout {id}"),
        Allotment::CameBack { reference, .. } => format!("came back of {reference}"),
        Allotment::Own { .. } => "moves between own accounts".into(),
        Allotment::Charges { .. } => "is what the bank takes".into(),
        Allotment::Recorded { transaction } => {
            format!("is transaction {transaction}, which was recorded by hand")
        }
    };
    (what, amount.map_or_else(|| "as recorded".into(), money))
}

/// What a form offers to say of a line: the kinds of parts, how much is there, and how many parts it may have.
pub(super) struct Offered {
    kinds: Vec<(&'static str, &'static str)>,
    amount: Money,
    parts: usize,
}

impl Offered {
    /// What can be said of what is open of a line, which arrived or, below zero, left.
    pub(super) fn of_open(open: Money) -> Self {
        let arrived = open.is_positive();
        let is_offered = |kind: &str| if arrived { kind != "charges" } else { LEFT.contains(&kind) };
        let kinds = KINDS.into_iter().filter(|(kind, _)| is_offered(kind)).collect();
        Self { kinds, amount: if arrived { open } else { open.negated() }, parts: PARTS }
    }

    /// What can be said of a line of which nothing is open, but so much is a customer's credit.
    pub(super) fn of_credit(credit: Money) -> Self {
        let kinds = KINDS.into_iter().filter(|(kind, _)| *kind == "send-back").collect();
        Self { kinds, amount: credit, parts: 1 }
    }
}

/// The rows of a form, the first one of all that is there.
pub(super) fn rows(offered: &Offered) -> Markup {
    let amount = offered.amount.to_string();
    html! {
        @for number in 1..=offered.parts {
            @let [kind, about, much] = names(number);
            fieldset {
                legend { "Part " (number) }
                div.fields {
                    (select(&kind, "What it is", "", &offered.kinds))
                    (Field::new(&about, "Of which").hint("What the brackets ask for, if there are any."))
                    (Field::new(&much, "How much").value(if number == 1 { &amount } else { "" }))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Money {
        format!("{text} USD").parse().unwrap()
    }

    #[test]
    fn every_kind_of_part_is_read_as_it_is_written() {
        let amount = usd("12.50");
        let all = [
            Allotment::Invoice { number: 7, amount },
            Allotment::Order { reference: "CH-2345678923".into(), amount },
            Allotment::Credit { customer: "globex".parse().unwrap(), amount },
            Allotment::SendBack { amount },
            Allotment::Payout { id: 3, amount },
            Allotment::CameBack { reference: "REFUND-3".into(), amount },
            Allotment::Own { amount },
            Allotment::Charges { amount },
            Allotment::Recorded { transaction: 12 },
        ];
        assert_eq!(all.each_ref().map(|part| told(part).0), KINDS.map(|(kind, _)| kind));
        for parts in all.chunks(PARTS) {
            let fields: Fields = written(parts).into_iter().collect();
            assert_eq!(read(&fields).unwrap(), parts);
        }
    }

    #[test]
    fn a_form_offers_what_can_succeed() {
        let words = |offered: Offered| offered.kinds.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
        let arrived = words(Offered::of_open(usd("5.00")));
        assert!(arrived.contains(&"invoice") && !arrived.contains(&"charges"), "{arrived:?}");
        let left = Offered::of_open(usd("-5.00"));
        assert_eq!(left.amount, usd("5.00"));
        assert_eq!(words(left), LEFT);
        let credit = Offered::of_credit(usd("3.00"));
        assert_eq!(rows(&credit).into_string().matches("<fieldset").count(), 1);
        assert_eq!(words(credit), ["send-back"]);
    }

    #[test]
    fn what_cannot_be_a_part_is_refused() {
        for (fields, why) in [
            (&[][..], "at least one part"),
            (&[("kind-1", "invoice")], "at least one part"),
            (
                &[("kind-1", "invoice"), ("about-1", "7")],
                "write an amount with its currency, such as 99.00 USD",
            ),
            (
                &[("kind-1", "invoice"), ("about-1", "seven"), ("amount-1", "1.00 USD")],
                "is a number, such as 12",
            ),
            (&[("kind-1", "invoice"), ("amount-1", "1.00 USD")], "'Pays an invoice (its number)' is empty"),
            (&[("kind-1", "order"), ("amount-1", "1.00 USD")], "'Pays an order (its reference)' is empty"),
            (&[("kind-1", "credit"), ("amount-1", "1.00 USD")], "(its account)' is empty"),
            (&[("kind-1", "gift"), ("amount-1", "1.00 USD")], "nothing that a bank line is for"),
            (&[("kind-1", "charges"), ("amount-1", "1 dollar")], "'dollar' is not a supported currency"),
        ] {
            let fields: Fields =
                fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let error = read(&fields).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn an_address_keeps_whatever_a_line_is_called() {
        let fields = [("id".to_owned(), "main-eur/A 1&b=c~5.00 USD".to_owned())];
        assert_eq!(address("/x", &fields), "/x?id=main%2Deur%2FA%201%26b%3Dc%7E5%2E00%20USD");
    }
}
