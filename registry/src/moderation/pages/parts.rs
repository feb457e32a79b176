//! What the pages of moderation share.

use chandlery_pages::{Link, tabs};
use maud::{Markup, html};

use crate::console::{self, MODERATION, Operator};

/// What is quarantined, and what is withdrawn.
pub(super) const QUARANTINES: &str = "/operator/moderation/quarantines";
/// Where a withdrawal is sent.
pub(super) const WITHDRAWALS: &str = "/operator/moderation/withdrawals";
/// Accounts that are suspended.
pub(super) const ACCOUNTS: &str = "/operator/moderation/accounts";
/// Names that go to others.
pub(super) const NAMES: &str = "/operator/moderation/names";

const LINKS: [Link<'static>; 4] = [
    Link { path: MODERATION, name: "Reports" },
    Link { path: QUARANTINES, name: "Quarantine and withdrawal" },
    Link { path: ACCOUNTS, name: "Suspended accounts" },
    Link { path: NAMES, name: "Names" },
];

/// A page of moderation, at the path `here` of those beside it.
pub(super) fn page(operator: &Operator, title: &str, here: &str, content: &Markup) -> Markup {
    let content = html! { (tabs("Moderation", &LINKS, here)) (content) };
    console::page(operator, title, MODERATION, &content)
}

/// A field for the reason of an act, which is written down with it. `whom` says who reads it.
pub(super) fn reason(name: &str, label: &str, whom: &str, typed: &str) -> Markup {
    html! {
        label {
            (label)
            textarea name=(name) rows="3" maxlength="2000" required { (typed) }
            span.note { (whom) }
        }
    }
}
