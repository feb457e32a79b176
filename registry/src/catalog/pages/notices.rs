//! What must be known of a release before the rest: that it was withdrawn, is looked into, or is not advised any more.

use std::fmt::Display;

use chandlery_package::Advisory;
use chandlery_package::wire::{Advised, ReleaseRecord};
use chandlery_pages::{Tone, badge, banner, command, day};
use maud::{Markup, html};

use super::telling::plugin_path;

/// Banners above a release.
pub(super) fn banners(record: &ReleaseRecord) -> Markup {
    html! {
        @if let Some(reason) = &record.withdrawn {
            (banner(Tone::Bad, &html! { strong { "Withdrawn: do not run it. " } (reason) }))
        }
        @if let Some(reason) = &record.quarantined {
            (banner(Tone::Bad, &html! { strong { "Quarantined: under investigation, and cannot be installed. " } (reason) }))
        }
        @if record.yanked {
            (banner(Tone::Warning, &html! { strong { "Yanked: " } "it is not chosen for new installs." }))
        }
        @if let Some(advice) = &record.deprecated {
            (banner(Tone::Warning, &html! {
                strong { "Deprecated: " } (advice.note)
                @if let Some(successor) = &advice.successor { " Use " a href=(plugin_path(successor)) { (successor) } "." }
            }))
        }
        @for advised in &record.advisories { (banner(tone(advised), &html! { (advised) })) }
    }
}

/// Whether hosts install a release: neither was it withdrawn, nor is it looked into.
pub(super) fn may_be_installed(record: &ReleaseRecord) -> bool {
    record.withdrawn.is_none() && record.quarantined.is_none()
}

/// The command that installs a plugin or a release, of which this is the record; nothing where no host would.
pub(super) fn install(record: &ReleaseRecord, what: &dyn Display) -> Markup {
    html! { @if may_be_installed(record) { (command(&format!("chandlery install {what}"))) } }
}

fn tone(advised: &Advised) -> Tone {
    if advised.is_critical() { Tone::Bad } else { Tone::Warning }
}

/// Badges of a release in a list of them.
pub(super) fn badges(record: &ReleaseRecord) -> Markup {
    html! {
        @if record.withdrawn.is_some() { (badge(Tone::Bad, "withdrawn")) }
        @if record.quarantined.is_some() { (badge(Tone::Bad, "quarantined")) }
        @if record.yanked { (badge(Tone::Warning, "yanked")) }
        @if record.deprecated.is_some() { (badge(Tone::Warning, "deprecated")) }
    }
}

/// What was said of dangers of a plugin.
pub(super) fn advisories(all: &[Advisory]) -> Markup {
    html! {
        @if !all.is_empty() {
            h2 { "Advisories" }
            @for advisory in all {
                div.card.notice {
                    strong { (advisory.summary) } " " (badge(tone(&Advised::of(advisory)), advisory.database_specific.severity.as_str()))
                    p.note {
                        code { (advisory.id) }
                        @if let Some(published) = advisory.published { " · " (day(published)) }
                    }
                    @if !advisory.details.is_empty() { p { (advisory.details) } }
                }
            }
        }
    }
}
