//! A policy of the revenue share as a form has it: steps of the commission, rates, and lists of one entry in each line.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use chandlery_package::policy::{CommissionStep, MinimumText, Reserve, Volume};
use chandlery_package::wire::NewPolicy;
use chandlery_package::{Money, PluginId, Rate, RevenueSharePolicy};
use chandlery_pages::{Field, select};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::error::Error;

/// How many steps of the commission a form has, unless the policy has as many, and how many at most.
const STEPS: usize = 4;
const STEPS_MAX: usize = 50;

/// What a form was sent with, by name.
pub(super) type Fields = BTreeMap<String, String>;

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |value| value.trim())
}

fn read<T: FromStr>(what: &str, text: &str) -> Result<T, Error>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Error::invalid(format!("{what}: {error}")))
}

/// A rate, which is nothing where its field is empty.
fn rate(fields: &Fields, name: &str, what: &str) -> Result<Rate, Error> {
    match text(fields, name) {
        "" => Ok(Rate::ZERO),
        text => read(what, text),
    }
}

/// What a form asks for.
pub(super) fn asked(fields: &Fields) -> Result<NewPolicy, Error> {
    let day: Date = read("the day that it begins on", text(fields, "since"))?;
    let since = day.to_zoned(TimeZone::UTC).map_err(|error| Error::invalid(error.to_string()))?.timestamp();
    let days = match text(fields, "reserve-days") {
        "" => 0,
        days => read("days of the reserve", days)?,
    };
    let policy = RevenueSharePolicy {
        commission: commission(fields)?,
        volume: match text(fields, "volume") {
            "" => Volume::default(),
            volume => read("which sales count", volume)?,
        },
        exceptions: lines(text(fields, "exceptions"), "exceptions", |plugin, rate| {
            Ok((read::<PluginId>("exceptions", plugin)?, read::<Rate>("exceptions", rate)?))
        })?,
        referral: rate(fields, "referral", "the referrers' share")?,
        services: rate(fields, "services", "the commission on services")?,
        reserve: Reserve { rate: rate(fields, "reserve", "the reserve")?, days },
        minimum: lines(text(fields, "minimum"), "the least that is paid out", |amount, currency| {
            let least: Money = read("the least that is paid out", &format!("{amount} {currency}"))?;
            Ok((least.currency(), MinimumText(least)))
        })?,
    };
    policy.check().map_err(chandlery_money::Error::from)?;
    Ok(NewPolicy { since, policy })
}

fn commission(fields: &Fields) -> Result<Vec<CommissionStep>, Error> {
    let mut steps = Vec::new();
    for number in 1..=STEPS_MAX {
        let [up_to, rate] = step_names(number);
        let (up_to, rate) = (text(fields, &up_to), text(fields, &rate));
        if rate.is_empty() && up_to.is_empty() {
            continue;
        }
        let what = format!("step {number} of the commission");
        let up_to = if up_to.is_empty() { None } else { Some(read::<Money>(&what, up_to)?) };
        steps.push(CommissionStep { up_to, rate: read(&what, rate)? });
    }
    Ok(steps)
}

/// How many steps a form shows: one more than there are.
fn steps_shown(fields: &Fields) -> usize {
    let given = (1..STEPS_MAX).rev().find(|number| !text(fields, &step_names(*number)[1]).is_empty());
    given.map_or(STEPS, |given| STEPS.max(given + 1))
}

fn step_names(number: usize) -> [String; 2] {
    [format!("up-to-{number}"), format!("rate-{number}")]
}

/// Entries of two words, one in each line.
fn lines<K: Ord, V>(
    text: &str,
    what: &str,
    entry: impl Fn(&str, &str) -> Result<(K, V), Error>,
) -> Result<BTreeMap<K, V>, Error> {
    let split = |line: &str| match line.trim().split_once(' ') {
        Some((first, second)) => entry(first, second.trim()),
        None => Err(Error::invalid(format!("{what}: '{line}' is not two words"))),
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(split).collect()
}

/// A policy as fields have it, beginning on a day.
pub(super) fn written(policy: &RevenueSharePolicy, since: Timestamp) -> Fields {
    let mut fields = Fields::new();
    for (index, step) in policy.commission.iter().enumerate() {
        let [up_to, rate] = step_names(index + 1);
        fields.insert(up_to, step.up_to.map_or_else(String::new, |end| end.to_string()));
        fields.insert(rate, step.rate.to_string());
    }
    let exceptions = policy.exceptions.iter().map(|(plugin, rate)| format!("{plugin} {rate}"));
    let minimum = policy.minimum.values().map(|least| least.0.to_string());
    for (name, value) in [
        ("volume", policy.volume.as_str().to_owned()),
        ("referral", policy.referral.to_string()),
        ("services", policy.services.to_string()),
        ("reserve", policy.reserve.rate.to_string()),
        ("reserve-days", policy.reserve.days.to_string()),
        ("exceptions", exceptions.collect::<Vec<_>>().join("\n")),
        ("minimum", minimum.collect::<Vec<_>>().join("\n")),
        ("since", since.strftime("%Y-%m-%d").to_string()),
    ] {
        fields.insert(name.into(), value);
    }
    fields
}

/// The form that tries a policy, filled with these fields.
pub(super) fn form(action: &str, fields: &Fields) -> Markup {
    let of = |name: &str| text(fields, name).to_owned();
    let field = |name: &str, label: &str| html! { (Field::new(name, label).value(&of(name))) };
    let volumes = [
        (Volume::Lifetime.as_str(), "All before"),
        (Volume::TrailingYear.as_str(), "Those of the 365 days before"),
    ];
    html! {
        form.card.wide method="get" action=(action) {
            fieldset {
                legend { "Commission" }
                p.note { "What the marketplace keeps, by what a publisher has sold before. The last step has no end. Amounts are written as "
                    code { "10000.00 USD" } ", rates as " code { "15%" } "." }
                div.fields {
                    @for number in 1..=steps_shown(fields) {
                        @let [up_to, rate] = step_names(number);
                        (field(&up_to, &format!("Up to (step {number})")))
                        (field(&rate, &format!("Rate (step {number})")))
                    }
                    (select("volume", "Sales that count", &of("volume"), &volumes))
                }
            }
            div.fields {
                (field("referral", "Referrers' share"))
                (field("services", "Commission on services"))
                (field("reserve", "Reserve"))
                (field("reserve-days", "Days of the reserve"))
            }
            div.fields {
                (area("exceptions", "Exceptions: a plugin and its rate in each line", &of("exceptions")))
                (area("minimum", "Least that is paid out: an amount in each line", &of("minimum")))
                (Field::new("since", "Begins on (UTC)").kind("date").value(&of("since")).required())
            }
            div { button name="try" value="true" { "Replay all sales by it" } }
        }
    }
}

fn area(name: &str, label: &str, value: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            textarea id=(name) name=(name) rows="4" { (value) }
        }
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::Currency;

    use super::*;

    fn policy() -> RevenueSharePolicy {
        let rate = |text: &str| text.parse().unwrap();
        let least: Money = "50.00 USD".parse().unwrap();
        RevenueSharePolicy {
            commission: vec![
                CommissionStep { up_to: Some("10000.00 USD".parse().unwrap()), rate: rate("20%") },
                CommissionStep { up_to: None, rate: rate("12.5%") },
            ],
            volume: Volume::TrailingYear,
            exceptions: BTreeMap::from([("acme:ocr-server".parse().unwrap(), rate("10%"))]),
            referral: rate("5%"),
            services: rate("8%"),
            reserve: Reserve { rate: rate("10%"), days: 90 },
            minimum: BTreeMap::from([(Currency::Usd, MinimumText(least))]),
        }
    }

    #[test]
    fn a_policy_is_read_as_it_is_written() {
        let since: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        let read = asked(&written(&policy(), since)).unwrap();
        assert_eq!((read.since, read.policy), (since, policy()));
    }

    #[test]
    fn what_is_no_policy_is_refused_by_its_field() {
        let since: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        for (field, value, why) in [
            ("since", "tomorrow", "the day that it begins on"),
            ("rate-1", "a fifth", "step 1 of the commission"),
            ("up-to-2", "5000.00 USD", "commission's steps rise"),
            ("referral", "5", "the referrers' share"),
            ("reserve-days", "-1", "days of the reserve"),
            ("exceptions", "acme:ocr-server", "is not two words"),
            ("minimum", "50.00 XYZ", "the least that is paid out"),
            ("volume", "week", "which sales count"),
        ] {
            let mut fields = written(&policy(), since);
            fields.insert(field.into(), value.into());
            let error = asked(&fields).unwrap_err().to_string();
            assert!(error.contains(why), "{field}: {error}");
        }
    }
}
