//! A customer's own page: what it has subscribed to, what it was told, and its invoices.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::Query;
use chandlery_package::Namespace;
use chandlery_package::wire::{HostSeen, Invoice, Notice, Organisation, Page, Paging};
use chandlery_pages::{Column, day, minute, money, table};
use jiff::Timestamp;
use maud::{Markup, html};

use super::customer::cards::{Reader, cards};
use super::customer::frame::{self, OVERVIEW};
use super::customer::invoices::{none_yet, state};
use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, ORGANISATIONS, PUBLISH};
use crate::team::invitation;
use chandlery_accounts::{Account, members, organisations};
use chandlery_money::{Finance, billing};

/// How many of the latest notices are shown.
const NOTICES_SHOWN: u32 = 20;
/// How many of the hosts with most deployments are shown.
const HOSTS_SHOWN: u32 = 100;
/// How many invitations of each kind are shown.
const INVITATIONS_SHOWN: u32 = 20;
/// How many of the first organisations are shown.
const ORGANISATIONS_SHOWN: u32 = 100;

/// The page `/account`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Query(invoices): Query<Paging<i64>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(OVERVIEW)) };
    let has = billing::subscription(&finance.db, &caller.name, finance.clock.now()).await?;
    let invoices = billing::invoices(&finance.db, &caller.name, &invoices).await?;
    let notices = billing::notices(&finance.db, &caller.name, &Paging::first(NOTICES_SHOWN)).await?;
    let belongs = Paging::first(ORGANISATIONS_SHOWN);
    let belongs = organisations::of(&finance.db, caller.person(), &belongs).await?;
    let invited = match caller.organisation() {
        None => invitations(&finance, caller.person()).await?,
        // It answers its own by the command, `--for` it.
        Some(_) => Markup::default(),
    };
    let mut db = finance.db.read().acquire().await?;
    let used = billing::deployments(&mut db, &caller.name).await?;
    let hosts = billing::hosts(&mut db, &caller.name, &Paging::first(HOSTS_SHOWN)).await?;
    drop(db);
    let content = html! {
        h1 { "Account of " (caller.name) }
        (invited)
        (cards(Reader::Own, &has, used))
        (told(&notices.items))
        (all_organisations(&belongs))
        (all_hosts(&hosts))
        (all_invoices(&invoices, finance.clock.now()))
        @if caller.organisation().is_none() { (own()) }
    };
    Ok(frame::page(&caller, "Account", OVERVIEW, &content).into_response())
}

/// The invitations to namespaces and organisations that wait for a person.
async fn invitations(finance: &Finance, person: &Namespace) -> Result<Markup, Error> {
    let first = Paging::first(INVITATIONS_SHOWN);
    let namespaces = members::invitations(&finance.db, person, &first).await?;
    let teams = organisations::invitations_of(&finance.db, person, &first).await?;
    Ok(html! {
        @for invited in &namespaces.items {
            (invitation(&format!("{PUBLISH}/teams/{}", invited.namespace), &html! {
                "You are invited to the namespace " strong { (invited.namespace) } " as its " (invited.role) "."
            }))
        }
        @for invited in &teams.items {
            (invitation(&format!("/organisations/{}", invited.organisation), &html! {
                "You are invited to the organisation " strong { (invited.organisation) } " as its " (invited.role) "."
            }))
        }
    })
}

/// What people set for themselves.
fn own() -> Markup {
    html! {
        h2 { "Settings" }
        p {
            a href="/welcome" { "First steps" } " · "
            a href="/account/password" { "Change the password" } " · "
            a href="/account/email" { "E-mail address" } " · "
            a href="/account/second-factor" { "Second factor" } " · "
            a href="/account/passkeys" { "Passkeys" } " · "
            a href="/account/sign-on" { "Single sign-on" } " · "
            a href=(ORGANISATIONS) { "Organisations" } " · "
            a href="/account/sessions" { "Sessions" } " · "
            a href="/account/tokens" { "Tokens" }
        }
    }
}

fn told(notices: &[Notice]) -> Markup {
    html! {
        @if !notices.is_empty() {
            h2 { "Notices" }
            @for notice in notices {
                div.card.notice {
                    strong { (notice.subject) } " " span.note { (day(notice.at)) }
                    p { (notice.body) }
                }
            }
        }
    }
}

fn all_organisations(organisations: &Page<Organisation>) -> Markup {
    let columns = ["Name", "Title", "Role", "Domains"].map(Column::Text);
    let row = |organisation: &Organisation| {
        vec![
            html! { a href=(format!("/organisations/{}", organisation.name)) { (organisation.name) } },
            html! { (organisation.title) },
            html! { (organisation.role) },
            html! { @for domain in &organisation.domains { div { (domain) } } },
        ]
    };
    let rows: Vec<Vec<Markup>> = organisations.items.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Organisations" }
            (table("Organisations", &columns, &rows))
            p.note {
                a href=(ORGANISATIONS) { "Act for one" } " on these pages, or with " code { "chandlery --for NAME" } "."
            }
        }
    }
}

fn all_hosts(hosts: &Page<HostSeen>) -> Markup {
    let columns = [Column::Text("Host"), Column::Text("Last heard of"), Column::Number("Deployments")];
    let row = |seen: &HostSeen| {
        vec![html! { code { (seen.host) } }, minute(seen.seen_at), html! { (seen.deployments) }]
    };
    let rows: Vec<Vec<Markup>> = hosts.items.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h2 { "Hosts" }
            (table("Hosts", &columns, &rows))
            @if hosts.next.is_some() { p.note { "These are the first: " a href="/hosts" { "all hosts" } "." } }
        }
    }
}

fn all_invoices(invoices: &Page<Invoice>, now: Timestamp) -> Markup {
    let columns = [
        Column::Text("No."),
        Column::Text("For"),
        Column::Text("Due"),
        Column::Text("State"),
        Column::Number("Tax"),
        Column::Number("Total"),
    ];
    let row = |invoice: &Invoice| {
        vec![
            html! { a href=(format!("/invoices/{}", invoice.number)) { (invoice.number) } },
            html! { @for line in &invoice.lines { div { (line.description) } } },
            day(invoice.due_at),
            state(invoice, now),
            html! { (money(invoice.tax)) },
            html! { (money(invoice.total)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = invoices.items.iter().map(row).collect();
    html! {
        h2 { "Invoices" }
        @if rows.is_empty() { (none_yet()) } @else {
            (table("Invoices", &columns, &rows))
            (layout::next_page(OVERVIEW, invoices.next.as_deref()))
        }
    }
}
