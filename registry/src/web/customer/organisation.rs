//! An organisation, as its members see it: who belongs to it and as what, who is invited, and which domains are its own.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::{self, OrganisationRole, Place, Power, covers, domains, has};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::Finance;
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{
    DomainName, Organisation, OrganisationDomain, OrganisationMember, PAGE_ITEMS, Page, Paging,
};
use chandlery_pages::{Column, Field, Link, Tone, badge, crumbs, day, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{self, Customer, ORGANISATIONS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::team::{Chosen, Seen, Typed, invite_form};

/// What may not be done, in the words of a refusal.
const CHOOSE: &str = "choose the members of";
const CHOOSE_DOMAINS: &str = "choose the domains of";
const HINT: &str = "Its name here. It belongs to the organisation once it has accepted.";
/// What the form for another domain does.
const ADD: &str = "add";

/// The page `/organisations/{organisation}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Customer,
    Path(name): Path<Namespace>,
    Query(paging): Query<Paging<Place>>,
) -> Result<Markup, Error> {
    caller.must_have(&finance.db, &name, Power::See, "see").await?;
    shown(&finance, &caller, &name, &paging, &Typed::default(), "").await
}

/// The page, with what was typed in a form of it that was refused.
async fn shown(
    finance: &Finance,
    caller: &Customer,
    name: &Namespace,
    paging: &Paging<Place>,
    typed: &Typed,
    domain: &str,
) -> Result<Markup, Error> {
    let organisation = organisations::find(&finance.db, name, &caller.name).await?;
    let members = organisations::members_of(&finance.db, name, paging).await?;
    let domains = domains::list(&finance.db, name).await?;
    let content = html! {
        (crumbs(&[Link { path: ORGANISATIONS, name: "Organisations" }], name.as_str()))
        h1 { (organisation.title) }
        p.badges { code { (name) } (badge(Tone::Plain, &format!("you are its {}", organisation.role))) }
        (frame::fault(typed.of_team.as_deref()))
        h2 { "Members" }
        (all_members(&organisation, &members, &caller.name))
        @if has(organisation.role, Power::Manage) {
            h2 { "Invite a member" }
            (invite_form(&path(&organisation), &roles(&organisation), OrganisationRole::Member.as_str(), typed, HINT))
        }
        h2 { "Domains" }
        (all_domains(&organisation, &domains, domain))
    };
    Ok(frame::page(caller, organisation.title.as_str(), ORGANISATIONS, &content))
}

/// Leads on from what was done; what was refused is said on the page, where what was typed stays.
async fn told(
    finance: &Finance,
    caller: &Customer,
    name: &Namespace,
    done: Result<String, Error>,
    (chosen, domain): (Chosen, &str),
) -> Result<Response, Error> {
    let error = match done {
        Ok(next) => return Ok(Redirect::to(&next).into_response()),
        Err(error) => error,
    };
    let typed = Typed::refused(chosen, &error.problem());
    let page = shown(finance, caller, name, &Paging::first(PAGE_ITEMS), &typed, domain).await?;
    shown_again(error, |_| page)
}

fn path(organisation: &Organisation) -> String {
    format!("{ORGANISATIONS}/{}", organisation.name)
}

/// Whether somebody of a role chooses whether others are this, too.
fn chooses(role: OrganisationRole, chosen: OrganisationRole) -> bool {
    has(role, if chosen == OrganisationRole::Owner { Power::Own } else { Power::Manage })
}

fn all_members(organisation: &Organisation, members: &Page<OrganisationMember>, own: &Namespace) -> Markup {
    let columns = [
        Column::Text("Account"),
        Column::Text("Role"),
        Column::Text("Since"),
        Column::Text("Came by"),
        Column::Text("End"),
    ];
    let rows: Vec<Vec<Markup>> = members.items.iter().map(|member| row(organisation, member, own)).collect();
    let next = members.next.as_deref().map(|after| format!("{}?after={after}", path(organisation)));
    html! { (table("Members", &columns, &rows)) (next_page(next.as_deref())) }
}

fn row(organisation: &Organisation, member: &OrganisationMember, own: &Namespace) -> Vec<Markup> {
    let may_choose = chooses(organisation.role, member.role);
    let offered = if may_choose { roles(organisation) } else { Vec::new() };
    let seen = Seen {
        path: &path(organisation),
        account: &member.account,
        role: member.role.as_str(),
        invited: member.invited,
        own: member.account == *own,
        offered: &offered,
    };
    vec![
        html! { (member.account) },
        seen.role(),
        day(member.since),
        seen.state(html! { @if let Some(origin) = member.origin { (origin) } }),
        seen.end(),
    ]
}

/// The roles that somebody may give: none that may more than they.
fn roles(organisation: &Organisation) -> Vec<&'static str> {
    let all = OrganisationRole::ALL.into_iter();
    let may_give =
        |role: &OrganisationRole| chooses(organisation.role, *role) && covers(organisation.role, *role);
    all.filter(may_give).map(OrganisationRole::as_str).collect()
}

fn all_domains(organisation: &Organisation, domains: &[OrganisationDomain], typed: &str) -> Markup {
    let manages = has(organisation.role, Power::Manage);
    let columns =
        [Column::Text("Domain"), Column::Text("State"), Column::Text("TXT record"), Column::Text("Do")];
    let act = format!("{}/domains", path(organisation));
    let row = |domain: &OrganisationDomain| {
        vec![
            html! { (domain.domain) },
            state(domain),
            html! { code { (domain.record) } " says " code { (domain.value) } },
            html! { @if manages { (domain_form(&act, domain)) } },
        ]
    };
    let rows: Vec<Vec<Markup>> = domains.iter().map(row).collect();
    html! {
        (table("Domains", &columns, &rows))
        @if manages {
            form.card method="post" action=(act) {
                input type="hidden" name="act" value=(ADD);
                (Field::new("domain", "Another domain").value(typed).required().hint("Such as example.org. Its DNS proves that it is yours."))
                button { "Add it" }
            }
        }
    }
}

fn state(domain: &OrganisationDomain) -> Markup {
    match (domain.proved_at, domain.missing_since) {
        (Some(_), Some(since)) => html! { (badge(Tone::Warning, "record missing")) " since " (day(since)) },
        (Some(at), None) => html! { (badge(Tone::Good, "proved")) " on " (day(at)) },
        (None, _) => badge(Tone::Plain, "not proved"),
    }
}

fn domain_form(act: &str, domain: &OrganisationDomain) -> Markup {
    html! {
        form.row method="post" action=(act) {
            input type="hidden" name="domain" value=(domain.domain);
            button.quiet name="act" value="check" aria-label=(format!("Check {}", domain.domain)) { "Check" }
            button.quiet name="act" value="remove" aria-label=(format!("Remove {}", domain.domain)) { "Remove" }
        }
    }
}

/// Invites an account, or gives one that is a member already another role.
pub(super) async fn choose(
    State(finance): State<Finance>,
    caller: Customer,
    Path(name): Path<Namespace>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Error> {
    caller.must_have(&finance.db, &name, Power::Manage, CHOOSE).await?;
    let done = invited(&finance, &caller, &name, &chosen).await;
    let done = done.map(|()| format!("{ORGANISATIONS}/{name}"));
    told(&finance, &caller, &name, done, (chosen, "")).await
}

async fn invited(
    finance: &Finance,
    caller: &Customer,
    name: &Namespace,
    chosen: &Chosen,
) -> Result<(), Error> {
    let (account, role) = chosen.read::<OrganisationRole>()?;
    let had = organisations::role_of(&mut *finance.db.read().acquire().await?, name, &account).await?;
    chosen.must_be_new(name, had.map(OrganisationRole::as_str))?;
    let place = (name, &caller.name);
    Ok(organisations::invite(&finance.db, &caller.actor, place, &account, role).await?)
}

/// Ends a membership or an invitation; everybody may end their own.
pub(super) async fn remove(
    State(finance): State<Finance>,
    caller: Customer,
    Path((name, account)): Path<(Namespace, Namespace)>,
) -> Result<Response, Error> {
    if caller.name != account {
        caller.must_have(&finance.db, &name, Power::Manage, CHOOSE).await?;
    }
    let next =
        if caller.name == account { ORGANISATIONS.to_owned() } else { format!("{ORGANISATIONS}/{name}") };
    let place = (&name, &caller.name);
    let done = organisations::remove(&finance.db, &caller.actor, place, &account).await;
    told(&finance, &caller, &name, done.map(|_| next).map_err(Error::from), (Chosen::default(), "")).await
}

/// What is to be done with a domain.
#[derive(Deserialize)]
pub(super) struct OfDomain {
    #[serde(default)]
    act: String,
    #[serde(default)]
    domain: String,
}

/// Adds a domain, asks the DNS for its record, or takes it back.
pub(super) async fn domain(
    State(finance): State<Finance>,
    caller: Customer,
    Path(name): Path<Namespace>,
    Form(given): Form<OfDomain>,
) -> Result<Response, Error> {
    caller.must_have(&finance.db, &name, Power::Manage, CHOOSE_DOMAINS).await?;
    let done = done_with(&finance, &caller, &name, &given).await;
    let done = done.map(|()| format!("{ORGANISATIONS}/{name}"));
    let domain = if given.act == ADD { given.domain.as_str() } else { "" };
    told(&finance, &caller, &name, done, (Chosen::default(), domain)).await
}

async fn done_with(
    finance: &Finance,
    caller: &Customer,
    name: &Namespace,
    given: &OfDomain,
) -> Result<(), Error> {
    let domain = given.domain.trim().parse::<DomainName>();
    let domain = domain.map_err(|error| Error::invalid(error.to_string()))?;
    match given.act.as_str() {
        ADD => {
            domains::add(&finance.db, &caller.actor, name, &domain).await?;
        }
        "check" => {
            domains::check(&finance.accounts, &caller.actor, name, &domain).await?;
        }
        "remove" => domains::remove(&finance.db, &caller.actor, name, &domain).await?,
        other => return Err(Error::invalid(format!("'{other}' is nothing that is done with a domain"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_offered_to_give_what_is_refused_to_them() {
        for (role, given) in [
            ("admin", "viewer member publisher admin"),
            ("owner", "viewer member publisher billing admin owner"),
            ("billing", ""),
        ] {
            let organisation = Organisation {
                name: "corp".parse().unwrap(),
                title: "Corp".parse().unwrap(),
                created_at: jiff::Timestamp::UNIX_EPOCH,
                role: role.parse().unwrap(),
                domains: Vec::new(),
            };
            assert_eq!(roles(&organisation).join(" "), given, "{role}");
        }
    }
}
