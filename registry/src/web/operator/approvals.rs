//! What one operator has asked for and another approves: refunds, policies, and whatever else the rules of approval name.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::{Finance, decisions};
use chandlery_package::wire::{ApprovalRequest, ApprovalState, Page, Paging};
use chandlery_pages::{
    Column, Field, Link, Tone, badge, crumbs, empty, facts, minute, money, next_page, table,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::asking::{confirm, request_path};
use crate::console::{self, Operator, REQUESTS};
use crate::error::Error;
use crate::shell::shown_again;
use crate::web::customer::frame::fault;

/// The page `/operator/approvals`: all requests, the newest first.
pub(super) async fn list(
    State(finance): State<Finance>,
    operator: Operator,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let mut db = finance.db.snapshot().await?;
    let found = decisions::list(&mut db, None, &paging).await?;
    drop(db);
    let content = html! { h1 { "Requests for approval" } (all(&found)) };
    Ok(console::page(&operator, "Requests for approval", REQUESTS, &content))
}

fn all(page: &Page<ApprovalRequest>) -> Markup {
    let columns = [
        Column::Text("Request"),
        Column::Text("State"),
        Column::Text("What"),
        Column::Text("By"),
        Column::Text("Asked at"),
        Column::Number("Amount"),
    ];
    let row = |request: &ApprovalRequest| {
        vec![
            html! { a href=(request_path(request.id)) { (request.id) } },
            state(request.state),
            html! { (request.about) },
            html! { (request.asked_by) },
            minute(request.asked_at),
            html! { @if let Some(amount) = request.amount { (money(amount)) } },
        ]
    };
    let rows: Vec<Vec<Markup>> = page.items.iter().map(row).collect();
    let next = page.next.as_deref().map(|after| format!("{REQUESTS}?after={after}"));
    html! {
        @if rows.is_empty() {
            (empty("There are no requests.", &html! { "What the rules of approval name waits here for another operator." }))
        } @else {
            (table("Requests for approval", &columns, &rows)) (next_page(next.as_deref()))
        }
    }
}

fn state(state: ApprovalState) -> Markup {
    let tone = match state {
        ApprovalState::Waiting => Tone::Warning,
        ApprovalState::Done => Tone::Good,
        ApprovalState::Failed | ApprovalState::Refused => Tone::Bad,
        ApprovalState::Lapsed => Tone::Plain,
    };
    badge(tone, state.as_str())
}

/// The page `/operator/approvals/{id}`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let request = decisions::find(&mut *finance.db.read().acquire().await?, id).await?;
    Ok(shown(&operator, &request, None))
}

fn shown(operator: &Operator, request: &ApprovalRequest, wrong: Option<&str>) -> Markup {
    let mut about = vec![
        ("What", html! { (request.about) }),
        ("Asked by", html! { (request.asked_by) ", " (minute(request.asked_at)) }),
        ("Lapses at", minute(request.lapses_at)),
    ];
    if let Some(amount) = request.amount {
        about.push(("Amount", html! { (money(amount)) }));
    }
    if !request.approved_by.is_empty() {
        let by: Vec<&str> = request.approved_by.iter().map(|name| name.as_str()).collect();
        about.push(("Approved by", html! { (by.join(", ")) }));
    }
    if let Some(reason) = &request.reason {
        about.push(("Why", html! { (reason) }));
    }
    let title = format!("Request {}", request.id);
    let content = html! {
        (crumbs(&[Link { path: REQUESTS, name: "Approvals" }], &title))
        h1 { (title) }
        p.badges { (state(request.state)) }
        (fault(wrong))
        div.card { (facts(&about)) }
        @if request.state == ApprovalState::Waiting { (forms(operator, request)) }
    };
    console::page(operator, &title, REQUESTS, &content)
}

fn forms(operator: &Operator, request: &ApprovalRequest) -> Markup {
    let path = request_path(request.id);
    let is_own = request.asked_by == operator.name;
    html! {
        @if is_own {
            p { "You have asked for it: another operator approves it." }
        } @else {
            h2 { "Approve" }
            p { "With the last approval that it needs it is done." }
            (confirm(&path, &[("act", "approve")], "Approve"))
        }
        h2 { @if is_own { "Withdraw the request" } @else { "Refuse" } }
        form.card method="post" action=(path) {
            input type="hidden" name="act" value="refuse";
            (Field::new("why", "Why").required())
            button { @if is_own { "Withdraw the request" } @else { "Refuse" } }
        }
    }
}

/// What somebody decides.
#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(default)]
    act: String,
    #[serde(default)]
    why: String,
}

/// Approves a request, or refuses it.
pub(super) async fn decide(
    State(finance): State<Finance>,
    operator: Operator,
    Path(id): Path<i64>,
    Form(given): Form<Decision>,
) -> Result<Response, Error> {
    let (actor, by) = (&operator.actor, &operator.name);
    let decided = match given.act.as_str() {
        "approve" => decisions::approve(&finance, actor, by, id).await,
        "refuse" if given.why.trim().is_empty() => {
            return Err(Error::invalid("say why: whoever has asked reads it"));
        }
        "refuse" => decisions::refuse(&finance, actor, by, id, given.why.trim()).await,
        other => return Err(Error::invalid(format!("'{other}' is no decision: it is approved or refused"))),
    };
    match decided {
        Ok(_) => Ok(Redirect::to(&request_path(id)).into_response()),
        Err(error) => {
            let request = decisions::find(&mut *finance.db.read().acquire().await?, id).await?;
            shown_again(error, |wrong| shown(&operator, &request, Some(wrong)))
        }
    }
}
