//! What whoever installs a plugin agrees to. A release that asks for more than was agreed to stops the installation.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::wire::host::{Consent, Locked};
use chandlery_package::{Component, Kind, Meter, Permission};

use super::Error;

/// What a release will be granted, and what it asks for and will not have; or what nobody has decided about.
pub(super) fn agreed(
    component: &Component,
    former: Option<&Locked>,
    Consent { allow, deny }: &Consent,
) -> Result<(BTreeSet<Permission>, BTreeSet<Permission>), Error> {
    let asked = &component.manifest.permissions;
    let (granted, revoked) =
        former.map(|former| (former.permissions.clone(), former.revoked.clone())).unwrap_or_default();
    let agreed = &(&granted | allow) - deny;
    let revoked = &(&(&revoked | deny) - allow) & asked;
    let missing: Vec<_> = (&(asked - &agreed) - &revoked).into_iter().collect();
    match missing.is_empty() {
        true => Ok((&agreed & asked, revoked)),
        false => Err(Error::Consent {
            release: component.manifest.release(),
            kind: component.manifest.kind,
            missing,
            is_upgrade: former.is_some(),
        }),
    }
}

/// What a plugin may do, for people: a sentence on the plugin, and one on what comes of its plans, which no permission bounds.
pub fn permissions_in_words(kind: Kind, permissions: &BTreeSet<Permission>) -> String {
    let mut words: Vec<_> = permissions.iter().map(|permission| permission.in_words(kind)).collect();
    words.push("write to this host's log".into());
    let plans = match kind {
        Kind::Template => {
            "; what you deploy of it may run any program on the target, as the target's user, with what that user can \
             read and with the network"
        }
        Kind::Policy => "; it can change what you deploy of others",
        Kind::Integration => "",
    };
    format!("it may {}, and nothing else{plans}", words.join("; "))
}

/// What a host reads of a plugin's workloads and reports, for people; nothing, where that is no more than how long they run.
pub fn meters_in_words(meters: &[Meter]) -> Option<String> {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for meter in meters {
        shown.entry(meter.unit.to_string()).or_default().push(meter.to_string());
    }
    let words = |(unit, read): (String, Vec<String>)| format!("{unit}: {}", read.join(" and "));
    let words: Vec<_> = shown.into_iter().map(words).collect();
    (!words.is_empty()).then(|| {
        format!("this host reads of what you deploy of it, and reports with its usage, {}", words.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_are_said_in_words() {
        let meter = |unit: &str, series: &str| Meter {
            unit: unit.parse().unwrap(),
            port: "http".into(),
            path: "/metrics".into(),
            series: series.into(),
            labels: BTreeMap::new(),
        };
        assert_eq!(meters_in_words(&[]), None);
        let meters = [meter("tokens", "a_total"), meter("requests", "c_total"), meter("tokens", "b_total")];
        assert_eq!(
            meters_in_words(&meters).unwrap(),
            "this host reads of what you deploy of it, and reports with its usage, requests: c_total at http/metrics; \
             tokens: a_total at http/metrics and b_total at http/metrics"
        );
    }

    #[test]
    fn permissions_are_said_in_words() {
        let permissions = ["http:hooks.slack.com", "secret:token", "keyvalue"];
        let permissions = permissions.map(|text| text.parse().unwrap()).into();
        assert_eq!(
            permissions_in_words(Kind::Integration, &permissions),
            "it may send requests to hooks.slack.com; keep data of its own on this host; use your secret 'token' in \
             requests and signatures, unseen; write to this host's log, and nothing else"
        );
        assert_eq!(
            permissions_in_words(Kind::Template, &BTreeSet::new()),
            "it may write to this host's log, and nothing else; what you deploy of it may run any program on the target, as \
             the target's user, with what that user can read and with the network"
        );
        assert_eq!(
            permissions_in_words(Kind::Policy, &BTreeSet::new()),
            "it may write to this host's log, and nothing else; it can change what you deploy of others"
        );
    }
}
