//! What is installed: what each plugin may do, what came after it, what is said against it, and whether it may be deployed; and what the
//! host may do by its licence.

use axum::extract::State;
use chandlery_package::wire::Advised;
use chandlery_package::wire::host::{Coverage, Entitlement, HostRole, Locked};
use chandlery_package::{Kind, Release};
use chandlery_pages::{Tone, badge, banner, command, empty, facts, minute};
use maud::{Markup, html};

use super::address::address;
use super::door::SignedIn;
use super::layout;
use crate::error::Error;
use crate::host::Host;
use crate::installs::permissions_in_words;
use crate::users::Actor;

/// A plugin, and what is known of it.
struct Shown {
    locked: Locked,
    newer: Option<Release>,
    objection: Option<String>,
    advisories: Vec<Advised>,
}

/// The page `/plugins`.
pub(super) async fn page(State(host): State<Host>, SignedIn(by): SignedIn) -> Result<Markup, Error> {
    let entitlement = host.deployments.entitlement().await?;
    let mut plugins = Vec::new();
    for locked in host.installs.list().await? {
        let objection = host.installs.objection(&locked.release).await?;
        plugins.push(Shown {
            newer: host.installs.newer(&locked)?,
            objection: objection.map(|objection| objection.to_string()),
            advisories: host.installs.advisories(&locked.release).await?,
            locked,
        });
    }
    let content = html! {
        h1 { "Plugins" }
        @if by.must_be(HostRole::Approver).is_ok() { p { a.button href="/plugins/install" { "Install a plugin" } } }
        @else { p.note { "An approver installs plugins." } }
        (licence(&entitlement))
        @for shown in &plugins { (plugin(&by, shown, &entitlement.plugins)) }
        @if plugins.is_empty() {
            (empty("Nothing is installed yet.", &html! { "Find a plugin in the registry's shop, or with " code { "chandlery search" } "." }))
        }
    };
    Ok(layout::page("Plugins", Some(&by), content))
}

/// What the host may do, and how much of it is used.
fn licence(has: &Entitlement) -> Markup {
    let limit = match has.limit {
        Some(limit) => format!("{} of {limit} are used", has.used),
        None => format!("{} are used, of any number", has.used),
    };
    let tier = format!("{}{}", has.tier, if has.trial { ", on trial" } else { "" });
    let mut told = vec![("Licence", html! { (tier) }), ("Deployments", html! { (limit) })];
    if has.elsewhere > 0 {
        told.push(("On other hosts", html! { (has.elsewhere) " of these" }));
    }
    told.push((
        "Holds until",
        html! { @match has.expires_at { Some(at) => { (minute(at)) } None => { "it is free" } } },
    ));
    html! {
        @if let Some(says) = &has.says { (banner(Tone::Warning, &html! { (says) })) }
        @if let Some(upgrade) = &has.upgrade { (banner(Tone::Warning, &html! { "Little is left: " (upgrade) "." })) }
        div.card { (facts(&told)) }
    }
}

fn plugin(by: &Actor, shown: &Shown, covered: &[Coverage]) -> Markup {
    let Shown { locked, newer, objection, advisories } = shown;
    let coverage = covered.iter().find(|coverage| coverage.plugin == locked.release.plugin);
    html! {
        h2 id=(locked.release.plugin) { (locked.release) " " (badge(Tone::Plain, locked.kind.as_str())) }
        @if let Some(objection) = objection { (banner(Tone::Bad, &html! { "Not to be run: " (objection) })) }
        @for advised in advisories { (banner(Tone::Warning, &html! { (advised) })) }
        @if let Some(coverage) = coverage { (covering(coverage)) }
        div.card { (facts(&told(locked))) }
        @if locked.kind == Kind::Template && by.must_be(HostRole::Deployer).is_ok() { p { a href=(format!("/deploy?plugin={}", locked.release.plugin)) { "Deploy" } } }
        @if let Some(newer) = newer {
            @if by.must_be(HostRole::Approver).is_ok() {
                p { (newer) " is newer: " a href=(look(newer)) { "look at it" } ", or" }
                (command(&format!("chandlery install {newer}")))
            } @else { p { (newer) " is newer." } }
        }
    }
}

/// The page that shows what would be installed.
fn look(release: &Release) -> String {
    address("/plugins/install", &[("plugin", Some(release.to_string().as_str()))])
}

/// Whether what costs something may be deployed.
fn covering(Coverage { covered, says, .. }: &Coverage) -> Markup {
    let tone = if *covered { Tone::Warning } else { Tone::Bad };
    html! {
        @match says {
            Some(says) => { (banner(tone, &html! { (says) })) }
            None => { @if !*covered { (banner(tone, &html! { "No order covers it: it is not deployed." })) } }
        }
    }
}

fn told(locked: &Locked) -> Vec<(&'static str, Markup)> {
    let mut told =
        vec![("What it may do", html! { (permissions_in_words(locked.kind, &locked.permissions)) })];
    if !locked.revoked.is_empty() {
        let revoked = locked.revoked.iter().map(|permission| permission.in_words(locked.kind));
        let revoked: Vec<String> = revoked.collect();
        told.push(("What it may not", html! { "though it asks for it: " (revoked.join("; ")) }));
    }
    told.push(("Price", html! { (locked.price.as_deref().unwrap_or("nothing")) }));
    told.push(("Installed", minute(locked.installed_at)));
    told.push(("From", html! { (locked.registry) ", entry " (locked.log_index) " of its log" }));
    told.push(("Signed by", html! { code { (locked.key.id()) } }));
    told.push(("Component", html! { code { (locked.component) } }));
    told
}
