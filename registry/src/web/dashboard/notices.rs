//! What a partner is told of what it earns: by mail, and by webhooks, with what each was sent and what came of it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::organisations::Power;
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::{Finance, partner_notices};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    DeliveryState, NewWebhook, NoticeKind, Page, Paging, PartnerWebhook, WebhookDelivery, WebhookWithSecret,
};
use chandlery_pages::{Column, Field, Tone, badge, banner, checkbox, empty, fault, minute, next_page, table};
use maud::{Markup, html};

use super::asked::{Asked, View, after};
use crate::error::Error;
use crate::shell::{self, LogIn};

const PAGE: &str = "/notices";

/// What one of the page's forms sends: what it is to do, in `act`, and to which webhook.
struct Given(Vec<(String, String)>);

impl Given {
    /// What a field of this name holds; empty: it is not there.
    fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The kinds that are ticked.
    fn kinds(&self) -> Vec<NoticeKind> {
        NoticeKind::ALL.iter().copied().filter(|kind| self.field(kind.as_str()) == "true").collect()
    }
}

/// The place of a delivery in the list.
type Place = (String, String);

/// The page `/dashboard/{partner}/notices`.
pub(in crate::web) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<Place>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}{PAGE}"))) };
    must_decide(&finance, &caller, &partner).await?;
    shown(&finance, &caller, partner, &asked, &paging, &html! {}).await
}

async fn must_decide(finance: &Finance, caller: &Account, partner: &Namespace) -> Result<(), Error> {
    let what = "choose what is told of the money of";
    Ok(caller.must_speak_for(&finance.db, partner, Power::Pay, what).await?)
}

/// Does what one of the forms asks for. A secret is shown in the answer, and never again.
pub(in crate::web) async fn act(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Form(given): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}{PAGE}"))) };
    must_decide(&finance, &caller, &partner).await?;
    let first = Paging::first(DELIVERIES_SHOWN);
    match done(&finance, &caller, &partner, &Given(given)).await {
        Ok(None) => Ok(Redirect::to(&format!("/dashboard/{partner}{PAGE}")).into_response()),
        Ok(Some(made)) => shown(&finance, &caller, partner, &Asked::default(), &first, &secret(&made)).await,
        Err(error) => {
            let (status, why) = shell::told(error)?;
            let said = fault(Some(&why));
            let page = shown(&finance, &caller, partner, &Asked::default(), &first, &said).await?;
            Ok((status, page).into_response())
        }
    }
}

/// Does what a form asks for; what is to be shown once, if that has made a secret.
async fn done(
    finance: &Finance,
    caller: &Caller,
    partner: &Namespace,
    given: &Given,
) -> Result<Option<WebhookWithSecret>, chandlery_money::Error> {
    let (id, actor) = (given.field("id"), &caller.actor);
    match given.field("act") {
        "mail" => {
            partner_notices::choose(&finance.db, actor, partner, &given.kinds()).await?;
        }
        "add" => {
            let new = NewWebhook { url: given.field("url").trim().to_owned(), kinds: given.kinds() };
            return Ok(Some(partner_notices::make(finance, caller, partner, &new).await?));
        }
        "rotate" => return Ok(Some(partner_notices::rotate(finance, actor, partner, id).await?)),
        "test" => {
            partner_notices::test(finance, partner, id).await?;
        }
        "enable" => {
            partner_notices::enable(finance, caller, partner, id).await?;
        }
        "remove" => partner_notices::remove(finance, actor, partner, id).await?,
        "again" => {
            partner_notices::send_again(&finance.db, partner, id, given.field("notice")).await?;
        }
        other => {
            return Err(chandlery_money::Error::Invalid(format!("'{other}' is nothing that this page does")));
        }
    }
    Ok(None)
}

/// How many deliveries are shown after a form was sent.
const DELIVERIES_SHOWN: u32 = 50;

async fn shown(
    finance: &Finance,
    caller: &Account,
    partner: Namespace,
    asked: &Asked,
    paging: &Paging<Place>,
    said: &Markup,
) -> Result<Response, Error> {
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, finance, partner, asked).await?;
    let mailed = partner_notices::chosen(&mut db, &view.partner).await?;
    let webhooks = partner_notices::webhooks(&mut db, &view.partner).await?.items;
    let deliveries = partner_notices::deliveries(&mut db, &view.partner, paging).await?;
    drop(db);
    let content = html! {
        (said)
        h2 { "By mail" }
        (mail_form(&view, &mailed))
        h2 { "By webhook" }
        p {
            "A program of yours is sent each notice as JSON, signed as "
            a href="https://www.standardwebhooks.com" rel="nofollow noopener noreferrer" { "Standard Webhooks" }
            " has it, until it answers with a status of 2xx: for three days, at longer and longer intervals. A notice may come more than "
            "once, by the same " code { "webhook-id" } "."
        }
        @if webhooks.is_empty() {
            (empty("There is no webhook.", &html! { "Add one below, and send it a test." }))
        }
        @for webhook in &webhooks { (one(&view, webhook)) }
        h3 { "Add a webhook" }
        (add_form(&view))
        h2 { "What was sent" }
        (sent(&view, &webhooks, &deliveries))
    };
    Ok(view.page(caller, PAGE, &content))
}

/// The secret of a webhook, this once.
fn secret(made: &WebhookWithSecret) -> Markup {
    let content = html! {
        p { "The secret of the webhook at " code { (made.webhook.url) } " is shown this once. Keep it where your program reads it:" }
        pre.command tabindex="0" data-figure="secret" { code { (made.secret) } }
    };
    banner(Tone::Good, &content)
}

/// What a kind of notice is about.
fn about(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Sale => "Sales",
        NoticeKind::Refund => "Refunds",
        NoticeKind::Dispute => "Disputes: opened, won, lost",
        NoticeKind::Payout => "Payouts: on their way, arrived",
        NoticeKind::PayoutFailed => "Payouts that came back",
    }
}

fn ticks(ticked: &[NoticeKind]) -> Markup {
    html! { @for kind in NoticeKind::ALL { (checkbox(kind.as_str(), about(kind), ticked.contains(&kind))) } }
}

fn path(view: &View) -> String {
    format!("/dashboard/{}{PAGE}", view.partner)
}

fn mail_form(view: &View, mailed: &[NoticeKind]) -> Markup {
    html! {
        form.card method="post" action=(path(view)) {
            input type="hidden" name="act" value="mail";
            (ticks(mailed))
            p.note { "To all owners of " (view.partner) ". What happens at the same time comes in one mail." }
            button { "Save" }
        }
    }
}

fn add_form(view: &View) -> Markup {
    html! {
        form.card method="post" action=(path(view)) {
            input type="hidden" name="act" value="add";
            (Field::new("url", "URL").kind("url").required().hint("https://…, on the public internet."))
            (ticks(&NoticeKind::ALL))
            button { "Add" }
        }
    }
}

/// A webhook, with what can be done with it.
fn one(view: &View, webhook: &PartnerWebhook) -> Markup {
    let kinds: Vec<&str> = webhook.kinds.iter().map(|kind| kind.as_str()).collect();
    let acts = match webhook.disabled {
        Some(_) => [("enable", "Enable it again"), ("rotate", "Make another secret"), ("remove", "Remove")],
        None => [("test", "Send a test"), ("rotate", "Make another secret"), ("remove", "Remove")],
    };
    html! {
        div.card {
            p { code { (webhook.url) } }
            p { "Told of " (kinds.join(", ")) ". Made " (minute(webhook.made_at)) "; " (webhook.made_by) " answers for it." }
            @if let Some(why) = &webhook.disabled { p { (badge(Tone::Bad, "disabled")) " Since " (why) "." } }
            @for (act, says) in acts {
                form.row method="post" action=(path(view)) {
                    input type="hidden" name="act" value=(act);
                    input type="hidden" name="id" value=(webhook.id);
                    button { (says) }
                }
            }
        }
    }
}

fn sent(view: &View, webhooks: &[PartnerWebhook], deliveries: &Page<WebhookDelivery>) -> Markup {
    let columns = [
        Column::Text("When (UTC)"),
        Column::Text("What"),
        Column::Text("To"),
        Column::Text("State"),
        Column::Number("Attempts"),
        Column::Text("Answer"),
        Column::Text("Again"),
    ];
    let row = |delivery: &WebhookDelivery| {
        let to = webhooks.iter().find(|webhook| webhook.id == delivery.webhook);
        vec![
            minute(delivery.at),
            html! { (badge(Tone::Plain, &delivery.kind)) " " (delivery.text) },
            html! { @if let Some(to) = to { code { (to.url) } } },
            state(delivery.state),
            html! { (delivery.attempts) },
            html! { (delivery.answer.as_deref().unwrap_or("none yet")) },
            html! {
                form.row method="post" action=(path(view)) {
                    input type="hidden" name="act" value="again";
                    input type="hidden" name="id" value=(delivery.webhook);
                    input type="hidden" name="notice" value=(delivery.notice);
                    button { "Send again" }
                }
            },
        ]
    };
    let rows: Vec<Vec<Markup>> = deliveries.items.iter().map(row).collect();
    html! {
        @if rows.is_empty() {
            (empty("Nothing was sent yet.", &html! { "What webhooks are sent is shown here for 30 days." }))
        } @else {
            (table("What was sent", &columns, &rows))
        }
        (next_page(after(&view.path(PAGE), deliveries.next.as_deref()).as_deref()))
    }
}

fn state(state: DeliveryState) -> Markup {
    match state {
        DeliveryState::Waiting => badge(Tone::Plain, "waiting"),
        DeliveryState::Taken => badge(Tone::Good, "taken"),
        DeliveryState::GivenUp => badge(Tone::Bad, "given up"),
    }
}
