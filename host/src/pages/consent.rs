//! What whoever installs a plugin is shown, and agrees to in a form.

use std::collections::BTreeSet;

use chandlery_package::wire::host::{Consent, Locked, NewInstall, Step};
use chandlery_package::wire::{Acceptance, Advised, Quote};
use chandlery_package::{AdvisoryId, Digest, Kind, Permission, Release, Requirement};
use chandlery_pages::{Column, Tone, badge, banner, checkbox, facts, minute, table};
use maud::{Markup, html};

use super::draft::value;
use crate::installs::{Prospect, meters_in_words, permissions_in_words};
use crate::users;

/// How the names of a form's fields begin that decide about a permission.
const PERMISSION: &str = "permission.";

/// What a form agrees to: just the release that was shown, with what was decided about it; and the digest that was shown.
pub(super) fn agreed(pairs: &[(String, String)]) -> Result<(NewInstall, Digest), users::Error> {
    let invalid =
        |what: &str| users::Error::Invalid(format!("the form does not say {what}: look at it again"));
    let release: Release = value(pairs, "release").parse().map_err(|_| invalid("which release was shown"))?;
    let shown: Digest = value(pairs, "digest").parse().map_err(|_| invalid("which component was shown"))?;
    let mut consent = Consent::default();
    for (name, decision) in pairs {
        let Some(permission) = name.strip_prefix(PERMISSION) else { continue };
        let permission: Permission =
            permission.parse().map_err(|_| invalid("which permission was decided about"))?;
        match decision.as_str() {
            "allow" => consent.allow.insert(permission),
            "deny" => consent.deny.insert(permission),
            _ => return Err(invalid("what was decided about each permission")),
        };
    }
    let acceptance = match value(pairs, "accept_price") {
        "true" => Some(Acceptance {
            offer: serde_json::from_str(value(pairs, "offer"))
                .map_err(|_| invalid("which price was shown"))?,
            terms: value(pairs, "terms").into(),
        }),
        _ => None,
    };
    let accepted = pairs.iter().filter(|(name, _)| name == "accept_advisory");
    let accepted =
        accepted.map(|(_, id)| id.parse::<AdvisoryId>().map_err(|_| invalid("which advisory is accepted")));
    let requirement: Requirement =
        release.to_string().parse().map_err(|_| invalid("which release was shown"))?;
    let accept_advisories = accepted.collect::<Result<BTreeSet<_>, _>>()?;
    Ok((NewInstall { requirement, consent, acceptance, accept_advisories }, shown))
}

/// What was decided about a permission before; none: nothing was.
fn decided(permission: &Permission, installed: Option<&Locked>) -> Option<bool> {
    let installed = installed?;
    match installed.permissions.contains(permission) {
        true => Some(true),
        false => installed.revoked.contains(permission).then_some(false),
    }
}

/// What a release is, with what names it for good.
pub(super) fn about(prospect: &Prospect) -> Markup {
    let installed = match &prospect.installed {
        Some(locked) => html! { (locked.release) ", since " (minute(locked.installed_at)) },
        None => html! { "nothing of this plugin" },
    };
    html! {
        p.lead { (prospect.title) }
        p { (prospect.description) }
        div.card { (facts(&[
            ("Kind", html! { (prospect.kind) }),
            ("Component", html! { code { (prospect.component) } }),
            ("Signed artifact", html! { code { (prospect.artifact) } }),
            ("Entry of the log", html! { (prospect.log_index) }),
            ("Installed", installed),
        ])) }
    }
}

/// The checks that were passed, in order, and what should not be overlooked.
pub(super) fn proof(steps: &[Step]) -> Markup {
    let passed = steps.iter().filter_map(|step| match step {
        Step::Passed(passed) => Some(vec![
            html! { (badge(Tone::Good, "passed")) },
            html! { (passed.check) },
            html! { (passed.found) },
        ]),
        Step::Began(_) | Step::Warned(_) => None,
    });
    let rows: Vec<Vec<Markup>> = passed.collect();
    html! {
        (table("Checks", &[Column::Text("Answer"), Column::Text("Check"), Column::Text("What was found")], &rows))
        @for step in steps {
            @if let Step::Warned(says) = step { (banner(Tone::Warning, &html! { p { (says) } })) }
        }
    }
}

/// What it asks for, in words, and the difference to what was agreed to before.
pub(super) fn permissions(prospect: &Prospect) -> Markup {
    let installed = prospect.installed.as_ref();
    let row = |permission: &Permission| {
        let standing = match (decided(permission, installed), installed) {
            (Some(true), _) => badge(Tone::Good, "granted before"),
            (Some(false), _) => badge(Tone::Plain, "denied before"),
            (None, Some(_)) => badge(Tone::Warning, "new in this release"),
            (None, None) => badge(Tone::Warning, "asked for"),
        };
        vec![
            html! { "It may " (permission.in_words(prospect.kind)) },
            html! { code { (permission) } },
            standing,
        ]
    };
    let gone = installed.map(|locked| &locked.permissions - &prospect.asks).unwrap_or_default();
    let dropped = |permission: &Permission| {
        let words = permission.in_words(prospect.kind);
        vec![
            html! { del { "It may " (words) } },
            html! { code { (permission) } },
            badge(Tone::Plain, "no longer asked for"),
        ]
    };
    let rows: Vec<Vec<Markup>> = prospect.asks.iter().map(row).chain(gone.iter().map(dropped)).collect();
    html! {
        @if rows.is_empty() { p { "It asks for nothing." } }
        @else { (table("Permissions", &[Column::Text("What"), Column::Text("Permission"), Column::Text("Standing")], &rows)) }
        p.note {
            @if rows.is_empty() { "Without any permission, " } @else { "Granted all of that, " }
            (permissions_in_words(prospect.kind, &prospect.asks)) "."
        }
        @if let Some(meters) = meters_in_words(&prospect.meters) { p.note { "Beside its permissions, " (meters) "." } }
        @if !prospect.is_read {
            p.note {
                "The component is not to be had before it is ordered: what it asks for is what the registry says. Where the component \
                 asks for more, nothing is installed."
            }
        }
    }
}

/// What it costs, and on which terms.
pub(super) fn price(prospect: &Prospect) -> Markup {
    html! {
        @match (&prospect.offer, &prospect.quote) {
            (None, _) => p { "It is free." },
            (Some(offer), None) => p { "It costs " (offer) ", which the host's account has ordered or does not have to." },
            (Some(_), Some(quote)) => {
                @if let Some(offer) = &quote.offer {
                    p { "It costs " strong { (offer) } ", which '" (quote.account) "' would owe." }
                }
                p { "On the terms of " (quote.terms) ": " (quote.summary) }
            },
        }
    }
}

/// What still has to be agreed to, in a form that carries what was shown; or why nothing can be.
pub(super) fn form(prospect: &Prospect) -> Markup {
    if let Some(quote) = prospect.quote.as_ref().filter(|quote| quote.order.is_some()) {
        return banner(Tone::Bad, &html! { p { (quote.why_not()) ": " (quote.remedy()) "." } });
    }
    let undecided =
        prospect.asks.iter().filter(|asked| decided(asked, prospect.installed.as_ref()).is_none());
    html! {
        form.card method="post" action="/plugins/install" {
            input type="hidden" name="release" value=(prospect.release);
            input type="hidden" name="digest" value=(prospect.component);
            @for permission in undecided { (decision(permission, prospect.kind)) }
            @for advised in prospect.advised.iter().filter(|advised| advised.is_critical()) { (advisory(advised)) }
            @if let Some(quote) = &prospect.quote { (acceptance(quote)) }
            button { "Install " (prospect.release) }
            p.note { "Just this component is installed, with what you agree to here." }
        }
    }
}

/// Nothing is chosen beforehand.
fn decision(permission: &Permission, kind: Kind) -> Markup {
    let name = format!("{PERMISSION}{permission}");
    html! {
        fieldset {
            legend { "May it " (permission.in_words(kind)) "?" }
            label.check { input type="radio" name=(name) value="allow" required; "Allow" }
            label.check { input type="radio" name=(name) value="deny"; "Deny" }
        }
    }
}

fn advisory(advised: &Advised) -> Markup {
    html! {
        label.check {
            input type="checkbox" name="accept_advisory" value=(advised.id) required;
            "Install it in spite of " (advised)
        }
    }
}

fn acceptance(quote: &Quote) -> Markup {
    html! {
        @if let Some(offer) = &quote.offer {
            input type="hidden" name="offer" value=(serde_json::json!(offer));
            input type="hidden" name="terms" value=(quote.terms);
            (checkbox("accept_price", &format!("Order it for '{}': {offer}", quote.account), false))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_agrees_to_just_what_it_says() {
        let digest = Digest::of("a component").to_string();
        let shown = [("release", "acme:x@1.0.0"), ("digest", digest.as_str())];
        let more = [
            ("permission.keyvalue", "allow"),
            ("permission.secret:token", "deny"),
            ("accept_advisory", "ACME-1"),
        ];
        let (new, found) = agreed(&pairs(&[&shown[..], &more].concat())).unwrap();
        assert_eq!(
            (new.requirement.to_string(), found.to_string()),
            ("acme:x@=1.0.0".to_owned(), digest.clone())
        );
        assert_eq!(new.consent.allow, BTreeSet::from(["keyvalue".parse().unwrap()]));
        assert_eq!(new.consent.deny, BTreeSet::from(["secret:token".parse().unwrap()]));
        assert_eq!((new.accept_advisories.len(), new.acceptance.is_none()), (1, true));
        for wrong in [
            &shown[..1],
            &shown[1..],
            &[shown[0], shown[1], ("permission.keyvalue", "perhaps")],
            &[shown[0], shown[1], ("permission.everything", "allow")],
            &[shown[0], shown[1], ("accept_price", "true")],
        ] {
            assert!(agreed(&pairs(wrong)).is_err(), "{wrong:?}");
        }
    }
}
