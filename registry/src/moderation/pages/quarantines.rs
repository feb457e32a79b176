//! What is quarantined, and the forms that quarantine, lift that, and withdraw.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Query};
use chandlery_package::wire::{Paging, Quarantine};
use chandlery_package::{Release, Subject};
use chandlery_pages::{Column, Field, checkbox, empty, fault, minute, next_page, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts;
use super::parts::{QUARANTINES, WITHDRAWALS};
use crate::catalog::{self, Catalog, Error};
use crate::console::Operator;
use crate::moderation::quarantine;
use crate::shell::shown_again;

/// How many quarantines are shown below a form that was refused.
const SHOWN: u32 = 100;

/// What the forms are filled with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct About {
    #[serde(default)]
    subject: String,
}

/// What a form sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    reason: String,
    /// Whether it is to be lifted.
    #[serde(default)]
    lift: bool,
    /// Whether it was said that it is meant, where it cannot be undone.
    #[serde(default)]
    certain: bool,
}

/// What was wrong with which form.
enum Wrong<'a> {
    Quarantine(&'a str),
    Lift(&'a str),
    Withdrawal(&'a str),
}

/// The page `/operator/moderation/quarantines`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    Query(About { subject }): Query<About>,
    Query(paging): Query<Paging<Subject>>,
) -> Result<Markup, Error> {
    let sent = Sent { subject, ..Sent::default() };
    shown(&catalog, &operator, &paging, &sent, None).await
}

/// Quarantines a plugin or a release, or lifts that.
pub(super) async fn put(
    State(catalog): State<Catalog>,
    operator: Operator,
    Form(sent): Form<Sent>,
) -> Result<Response, Error> {
    let error = match change(&catalog, &operator, &sent).await {
        Ok(()) => return Ok(Redirect::to(QUARANTINES).into_response()),
        Err(error) => error,
    };
    let why = error.to_string();
    let wrong = if sent.lift { Wrong::Lift(&why) } else { Wrong::Quarantine(&why) };
    let page = shown(&catalog, &operator, &Paging::first(SHOWN), &sent, Some(wrong)).await?;
    shown_again(error, |_| page)
}

async fn change(catalog: &Catalog, operator: &Operator, sent: &Sent) -> Result<(), Error> {
    let subject =
        sent.subject.trim().parse::<Subject>().map_err(|error| Error::invalid(error.to_string()))?;
    let reason = sent.reason.trim();
    match sent.lift {
        true => quarantine::lift(&catalog.db, &operator.actor, &subject, reason).await,
        false => quarantine::begin(&catalog.db, &operator.actor, &subject, reason).await,
    }
}

/// Withdraws a release for ever.
pub(super) async fn withdraw(
    State(catalog): State<Catalog>,
    operator: Operator,
    Form(sent): Form<Sent>,
) -> Result<Response, Error> {
    let error = match end(&catalog, &operator, &sent).await {
        Ok(release) => {
            let plugin = &release.plugin;
            let path = format!("/plugins/{}/{}/releases/{}", plugin.namespace, plugin.name, release.version);
            return Ok(Redirect::to(&path).into_response());
        }
        Err(error) => error,
    };
    let why = error.to_string();
    let page =
        shown(&catalog, &operator, &Paging::first(SHOWN), &sent, Some(Wrong::Withdrawal(&why))).await?;
    shown_again(error, |_| page)
}

async fn end(catalog: &Catalog, operator: &Operator, sent: &Sent) -> Result<Release, Error> {
    let release =
        sent.subject.trim().parse::<Release>().map_err(|error| Error::invalid(error.to_string()))?;
    if !sent.certain {
        return Err(Error::invalid("a withdrawal is for ever: say that you are certain"));
    }
    catalog::withdraw(&catalog.db, &operator.actor, &release, sent.reason.trim()).await?;
    Ok(release)
}

async fn shown(
    catalog: &Catalog,
    operator: &Operator,
    paging: &Paging<Subject>,
    sent: &Sent,
    wrong: Option<Wrong<'_>>,
) -> Result<Markup, Error> {
    let found = quarantine::list(&catalog.db, paging).await?;
    let next = found.next.as_deref().map(|after| format!("{QUARANTINES}?after={after}"));
    let of_lift = match wrong {
        Some(Wrong::Lift(why)) => Some(why),
        _ => None,
    };
    let content = html! {
        h1 { "Quarantine and withdrawal" }
        h2 { "Quarantined" }
        (fault(of_lift))
        @if found.items.is_empty() {
            (empty("Nothing is quarantined.", &html! { "What is quarantined is not installed or deployed until that is lifted. What already serves goes on." }))
        } @else { (list(&found.items)) }
        (next_page(next.as_deref()))
        div.beside { (quarantining(sent, &wrong)) (withdrawing(sent, &wrong)) }
    };
    Ok(parts::page(operator, "Quarantine and withdrawal", QUARANTINES, &content))
}

fn list(quarantines: &[Quarantine]) -> Markup {
    let columns = ["What", "Since", "Reason", "Lift it"].map(Column::Text);
    let row = |one: &Quarantine| {
        let subject = one.subject.to_string();
        let lift = html! {
            form.row method="post" action=(QUARANTINES) {
                input type="hidden" name="subject" value=(subject);
                input type="hidden" name="lift" value="true";
                input name="reason" maxlength="2000" required aria-label=(format!("Why the quarantine of {subject} is lifted")) placeholder="Reason";
                button.quiet aria-label=(format!("Lift the quarantine of {subject}")) { "Lift" }
            }
        };
        vec![html! { (subject) }, minute(one.since), html! { (one.reason) }, lift]
    };
    table("What is quarantined", &columns, &quarantines.iter().map(row).collect::<Vec<_>>())
}

fn quarantining(sent: &Sent, wrong: &Option<Wrong<'_>>) -> Markup {
    let (why, typed) = match wrong {
        Some(Wrong::Quarantine(why)) => (Some(*why), sent.reason.as_str()),
        _ => (None, ""),
    };
    html! {
        section {
            h2 { "Quarantine" }
            p.note { "Hosts hear of it within a minute, and deploy nothing more of it. It can be lifted." }
            form.card method="post" action=(QUARANTINES) {
                (fault(why))
                (Field::new("subject", "Plugin or release").value(&sent.subject).required()
                    .hint("acme:ocr-server for all of its releases, acme:ocr-server@1.0.0 for one."))
                (parts::reason("reason", "Reason", "Everybody who runs it reads it, and it is in the log.", typed))
                button { "Quarantine" }
            }
        }
    }
}

fn withdrawing(sent: &Sent, wrong: &Option<Wrong<'_>>) -> Markup {
    let (why, typed) = match wrong {
        Some(Wrong::Withdrawal(why)) => (Some(*why), sent.reason.as_str()),
        _ => (None, ""),
    };
    html! {
        section {
            h2 { "Withdraw" }
            p.note { "Nobody is to run the release, for ever. Hosts warn where it runs." }
            form.card method="post" action=(WITHDRAWALS) {
                (fault(why))
                label {
                    "Release"
                    input name="subject" value=(sent.subject) required autocomplete="off" placeholder="acme:ocr-server@1.0.0";
                }
                (parts::reason("reason", "Reason", "Everybody who runs it reads it, and it is in the log.", typed))
                (checkbox("certain", "I am certain: this cannot be undone", false))
                button { "Withdraw for ever" }
            }
        }
    }
}
