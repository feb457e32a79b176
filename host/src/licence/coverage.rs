//! Whether a licence covers a plugin that costs something, and what people are told before that changes.

use std::fmt;

use chandlery_package::wire::OrderDispute;
use chandlery_package::{
    Entitlements, Licence, Namespace, NextTier, PluginEntitlement, PluginId, Tier, terms,
};
use jiff::{SignedDuration, Timestamp};

/// How long a licence, and what it says, is honoured after its time where another one cannot be had.
pub(super) const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Why a plugin that costs something is not covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// No licence holds, so that nothing is known of orders.
    NoLicence,
    /// The account has no order of it that holds: none, or one that was ended or given back.
    NotOrdered(Namespace),
    /// The customer's bank has taken a payment for the order back.
    Disputed {
        /// The order, as a transfer names it.
        reference: String,
        /// Since when, and whether the bank has decided.
        dispute: OrderDispute,
    },
    /// The time to pay an order is over, and nobody has heard that it was paid.
    NotPaid {
        /// The order, as a transfer names it.
        reference: String,
        /// Until when it was to be paid.
        until: Timestamp,
    },
    /// There are as many deployments of it as were ordered.
    NoMore(u32),
}

/// A plugin that costs something and that is not covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// The plugin that is installed.
    pub plugin: PluginId,
    /// What it cost when it was installed, in words.
    pub price: String,
    /// What is lacking.
    pub gap: Gap,
}

impl fmt::Display for Uncovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plugin, price, gap } = self;
        match gap {
            Gap::NoLicence => {
                write!(f, "{plugin} costs {price}, and no licence of this host holds that tells of an order")
            }
            Gap::NotOrdered(account) => {
                write!(f, "'{account}' has no order of {plugin} that holds, which costs {price}")
            }
            Gap::Disputed { reference, dispute } => {
                write!(
                    f,
                    "order {reference} of {plugin} is disputed: the bank took its payment back on {}",
                    day(dispute.since)
                )
            }
            Gap::NotPaid { reference, until } => {
                write!(f, "order {reference} of {plugin} was to be paid by {}", day(*until))
            }
            Gap::NoMore(quantity) => {
                write!(f, "{quantity} deployments of {plugin} were ordered, and are there")
            }
        }
    }
}

impl Uncovered {
    /// What can be done about it.
    pub fn remedy(&self) -> String {
        let plugin = &self.plugin;
        match &self.gap {
            Gap::NoLicence => {
                "let the host reach its registry with the account that has ordered it, and try again".into()
            }
            Gap::NotOrdered(_) | Gap::NoMore(_) => format!("`chandlery orders place {plugin}` orders it"),
            Gap::Disputed { reference, dispute } => {
                format!("{}; `chandlery orders list` shows order {reference}", dispute.remedy(plugin))
            }
            Gap::NotPaid { reference, .. } => {
                format!("pay order {reference}: `chandlery orders list` shows it")
            }
        }
    }
}

/// What covers a plugin that costs something: an order or, where that is none, a membership or the whole registry. Where the registry
/// cannot be asked, the time to pay is as long again as a licence is honoured after it has expired.
pub(crate) fn cover(
    licence: Option<&Licence>,
    plugin: &PluginId,
    now: Timestamp,
) -> Result<Option<PluginEntitlement>, Gap> {
    let licence = licence.ok_or(Gap::NoLicence)?;
    let Some(has) = &licence.entitlements else { return Ok(None) };
    if has.everything || has.namespaces.contains(&plugin.namespace) {
        return Ok(None);
    }
    let found = has.plugins.iter().find(|ordered| ordered.plugin == *plugin);
    let ordered = found.ok_or_else(|| withheld(has, plugin, &licence.account))?;
    match ordered.until().filter(|_| !ordered.trial) {
        Some(until) if now >= until.checked_add(GRACE).unwrap_or(Timestamp::MAX) => {
            Err(Gap::NotPaid { reference: ordered.reference.clone(), until })
        }
        _ => Ok(Some(ordered.clone())),
    }
}

/// Why an account has no order of a plugin that holds.
fn withheld(has: &Entitlements, plugin: &PluginId, account: &Namespace) -> Gap {
    let order = has.disputed.iter().find(|order| order.plugin == *plugin);
    match order.and_then(|order| Some((order.reference.clone(), order.dispute()?))) {
        Some((reference, dispute)) => Gap::Disputed { reference, dispute },
        None => Gap::NotOrdered(account.clone()),
    }
}

/// What will happen to what is covered, in words, from some days before it does.
pub(crate) fn warning(ordered: &PluginEntitlement, price: &str, now: Timestamp) -> Option<String> {
    let until = ordered.until()?;
    let soon = SignedDuration::from_hours(24 * terms::WARNING_DAYS);
    let PluginEntitlement { plugin, reference, trial, .. } = ordered;
    if now.checked_add(soon).is_ok_and(|then| then < until) || (*trial && now >= until) {
        return None;
    }
    let day = day(until);
    Some(match trial {
        true => format!(
            "the trial of {plugin} ends on {day}: from then on it costs {price}; `chandlery orders end {reference}` ends \
             it before"
        ),
        false => format!(
            "{plugin} is to be paid by {day}: after that nothing new of it is deployed, and {} days later what serves \
             ends; `chandlery orders list` shows order {reference}",
            terms::NOTICE_DAYS
        ),
    })
}

/// What an account will have instead of its tier, in words, from some days before that; nothing, where that is no less.
pub(super) fn tier_warning(licence: &Licence, now: Timestamp) -> Option<String> {
    let Licence { account, tier, next, .. } = licence;
    let NextTier { tier: next, at } = (*next)?;
    let at = Timestamp::from_second(at).ok()?;
    let soon =
        now.checked_add(SignedDuration::from_hours(24 * terms::WARNING_DAYS)).is_ok_and(|then| then >= at);
    let what = if licence.trial { "the trial of" } else { "the subscription of" };
    (soon && now < at && next < *tier).then(|| {
        format!(
            "{what} {tier} of '{account}' ends on {}: from then on {next} allows {}, and nothing beyond that is deployed; what \
             serves goes on; `chandlery subscription change {tier}` keeps it",
            day(at),
            Tier::in_words(next.deployments())
        )
    })
}

/// When what serves ends that is not covered, as people were told at this moment.
pub(crate) fn notice_ends(told: Timestamp) -> Timestamp {
    told.checked_add(SignedDuration::from_hours(24 * terms::NOTICE_DAYS)).unwrap_or(Timestamp::MAX)
}

/// A day, as people write it.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%F").to_string()
}

#[cfg(test)]
mod tests {
    use chandlery_package::DisputedOrder;
    use chandlery_package::wire::DisputeState;

    use super::*;

    fn days(number: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * number)
    }

    fn ordered(until: Option<i64>, trial: bool) -> PluginEntitlement {
        PluginEntitlement {
            plugin: "acme:paid".parse().unwrap(),
            reference: "CH-2345".into(),
            until: until.map(|day| days(day).as_second()),
            quantity: None,
            trial,
        }
    }

    fn licence(entitlements: Option<Entitlements>) -> Licence {
        Licence {
            issuer: "example.com/log".into(),
            account: "globex".parse().unwrap(),
            tier: Tier::Free,
            deployments: Some(1),
            elsewhere: 0,
            trial: false,
            next: None,
            entitlements,
            issued_at: 0,
            expires_at: days(7).as_second(),
        }
    }

    #[test]
    fn what_is_covered_is_what_the_licence_says_and_no_more() {
        let plugin: PluginId = "acme:paid".parse().unwrap();
        let with = |plugins: Vec<PluginEntitlement>| Entitlements { plugins, ..Entitlements::default() };
        let namespaces =
            |name: &str| Entitlements { namespaces: vec![name.parse().unwrap()], ..Entitlements::default() };
        let none = Err(Gap::NotOrdered("globex".parse().unwrap()));
        let late = Err(Gap::NotPaid { reference: "CH-2345".into(), until: days(3) });
        let cases = [
            (None, 0, Ok(None)),
            (Some(Entitlements { everything: true, ..Entitlements::default() }), 0, Ok(None)),
            (Some(namespaces("acme")), 0, Ok(None)),
            (Some(namespaces("other")), 0, none.clone()),
            (Some(Entitlements::default()), 0, none),
            (Some(with(vec![ordered(None, false)])), 900, Ok(Some(ordered(None, false)))),
            // A trial becomes what costs, and goes on.
            (Some(with(vec![ordered(Some(3), true)])), 20, Ok(Some(ordered(Some(3), true)))),
            (Some(with(vec![ordered(Some(3), false)])), 16, Ok(Some(ordered(Some(3), false)))),
            (Some(with(vec![ordered(Some(3), false)])), 17, late),
        ];
        for (index, (entitlements, at, expected)) in cases.into_iter().enumerate() {
            assert_eq!(cover(Some(&licence(entitlements)), &plugin, days(at)), expected, "case {index}");
        }
        assert_eq!(cover(None, &plugin, days(0)), Err(Gap::NoLicence));
    }

    #[test]
    fn what_a_dispute_withholds_is_not_said_to_be_ordered_no_more() {
        let plugin: PluginId = "acme:paid".parse().unwrap();
        let gap = |lost, plugins| {
            let (plugin, reference, since) = (plugin.clone(), "CH-2345".into(), days(3).as_second());
            let disputed = vec![DisputedOrder { plugin: plugin.clone(), reference, since, lost }];
            let has = Entitlements { plugins, disputed, ..Entitlements::default() };
            cover(Some(&licence(Some(has))), &plugin, days(4))
        };
        for (lost, state, next) in [
            (false, DisputeState::Open, "withdraw the dispute at the bank"),
            (true, DisputeState::Lost, "`chandlery orders place acme:paid` orders it anew"),
        ] {
            let expected = Gap::Disputed {
                reference: "CH-2345".into(),
                dispute: OrderDispute { since: days(3), state },
            };
            assert_eq!(gap(lost, Vec::new()), Err(expected.clone()));
            let uncovered = Uncovered { plugin: plugin.clone(), price: "1.00 USD".into(), gap: expected };
            assert_eq!(
                uncovered.to_string(),
                "order CH-2345 of acme:paid is disputed: the bank took its payment back on 1970-01-04"
            );
            let remedy = uncovered.remedy();
            assert!(remedy.contains(next) && remedy.ends_with("shows order CH-2345"), "{remedy}");
        }
        // Another order may hold.
        assert_eq!(gap(false, vec![ordered(None, false)]), Ok(Some(ordered(None, false))));
    }

    #[test]
    fn people_are_told_what_will_happen_some_days_before() {
        let told = |until, trial, at| warning(&ordered(until, trial), "1.00 USD a month", days(at));
        assert_eq!(told(None, false, 900), None);
        assert_eq!(told(Some(14), true, 10), None);
        assert!(told(Some(14), true, 11).unwrap().contains("from then on it costs 1.00 USD a month"));
        assert_eq!(told(Some(14), true, 14), None);
        assert_eq!(told(Some(14), false, 10), None);
        assert!(told(Some(14), false, 12).unwrap().contains("to be paid by 1970-01-15"));
        assert!(told(Some(14), false, 15).is_some());
    }

    #[test]
    fn people_are_told_before_they_have_less() {
        let told = |tier, next, at| {
            let next = Some(NextTier { tier: next, at: days(14).as_second() });
            tier_warning(&Licence { tier, next, ..licence(None) }, days(at))
        };
        assert_eq!(told(Tier::Team, Tier::Free, 10), None);
        let says = told(Tier::Team, Tier::Free, 11).unwrap();
        assert!(
            says.contains("of team of 'globex' ends on 1970-01-15: from then on free allows 1 deployment"),
            "{says}"
        );
        assert_eq!(told(Tier::Team, Tier::Free, 14), None);
        assert_eq!(told(Tier::Team, Tier::Enterprise, 12), None);
        assert_eq!(tier_warning(&licence(None), days(12)), None);
    }
}
