//! `chandlery notices`: what a partner is told of what it earns, by mail and by webhooks.

use chandlery_package::Namespace;
use chandlery_package::wire::{
    MailedNotices, NewWebhook, NoticeKind, Page, PartnerWebhook, WebhookDelivery, WebhookWithSecret,
};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// What a partner is told of its earnings.
#[derive(Subcommand)]
pub enum Notices {
    /// Show of what a partner is told by mail
    Show {
        /// The namespace that earns
        partner: Namespace,
    },
    /// Choose of what a partner is told by mail
    Choose {
        /// The namespace that earns
        partner: Namespace,
        /// Of these kinds, and of no others: sale, refund, dispute, payout, payout-failed
        #[arg(value_name = "KIND", required_unless_present = "none")]
        kinds: Vec<NoticeKind>,
        /// Of nothing at all
        #[arg(long, conflicts_with = "kinds")]
        none: bool,
    },
    /// Tell programs of a partner's own
    #[command(subcommand)]
    Webhooks(Webhooks),
}

/// Programs that are told what a partner earns.
#[derive(Subcommand)]
pub enum Webhooks {
    /// Show the webhooks of a partner
    List {
        /// The namespace that earns
        partner: Namespace,
    },
    /// Make a webhook, whose secret is shown once
    Add {
        /// The namespace that earns
        partner: Namespace,
        /// Where the program listens: https://…, on the public internet
        url: String,
        /// Of these kinds: sale, refund, dispute, payout, payout-failed
        #[arg(value_name = "KIND", required = true)]
        kinds: Vec<NoticeKind>,
    },
    /// Remove a webhook, with what it was to be sent
    Remove(One),
    /// Give a webhook another secret, which is shown once
    Rotate(One),
    /// Tell a webhook again that was disabled, and answer for it from now on
    Enable(One),
    /// Send a webhook a test, which tells of nothing
    Test(One),
    /// Show what the webhooks of a partner were sent, and what came of it
    Deliveries {
        /// The namespace that earns
        partner: Namespace,
    },
    /// Send a notice to a webhook once more
    Resend {
        #[command(flatten)]
        webhook: One,
        /// As `webhooks deliveries` names it
        notice: String,
    },
}

/// A webhook of a partner.
#[derive(clap::Args)]
pub struct One {
    /// The namespace that earns
    partner: Namespace,
    /// As `webhooks list` names it
    id: String,
}

impl One {
    /// The path of something that is done to it.
    fn path(&self, rest: &str) -> String {
        format!("{}/{}{rest}", webhooks(&self.partner), self.id)
    }
}

fn of(partner: &Namespace, what: &str) -> String {
    format!("/api/v1/partners/{partner}/{what}")
}

fn webhooks(partner: &Namespace) -> String {
    of(partner, "webhooks")
}

impl Notices {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Show { partner } => {
                let mailed = context.registry(Method::GET, &of(&partner, "notices"), ()).await?;
                tell_mailed(context, &partner, &mailed);
                Ok(())
            }
            Self::Choose { partner, kinds, .. } => {
                let new = MailedNotices { kinds };
                let mailed = context.registry(Method::PUT, &of(&partner, "notices"), new).await?;
                tell_mailed(context, &partner, &mailed);
                Ok(())
            }
            Self::Webhooks(command) => command.run(context).await,
        }
    }
}

impl Webhooks {
    async fn run(self, context: &Context) -> Result {
        match self {
            Self::List { partner } => list(context, &partner).await,
            Self::Add { partner, url, kinds } => {
                let new = NewWebhook { url, kinds };
                let made = context.registry(Method::POST, &webhooks(&partner), new).await?;
                tell_secret(context, &made);
                Ok(())
            }
            Self::Remove(one) => {
                context.tell_registry(Method::DELETE, &one.path(""), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "removed": one.id })),
                    false => show::done(format!("webhook {} is removed", one.id)),
                }
                Ok(())
            }
            Self::Rotate(one) => {
                let made = context.registry(Method::POST, &one.path("/secret"), ()).await?;
                tell_secret(context, &made);
                Ok(())
            }
            Self::Enable(one) => {
                let hook: PartnerWebhook = context.registry(Method::POST, &one.path("/enable"), ()).await?;
                match context.settings.json {
                    true => show::json(hook),
                    false => show::done(format!(
                        "webhook {} is told, and {} answers for it",
                        hook.id, hook.made_by
                    )),
                }
                Ok(())
            }
            Self::Test(one) => send(context, &one.path("/test")).await,
            Self::Deliveries { partner } => deliveries(context, &partner).await,
            Self::Resend { webhook, notice } => {
                send(context, &webhook.path(&format!("/deliveries/{notice}"))).await
            }
        }
    }
}

fn words(kinds: &[NoticeKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

fn tell_mailed(context: &Context, partner: &Namespace, mailed: &MailedNotices) {
    match (context.settings.json, mailed.kinds.is_empty()) {
        (true, _) => show::json(mailed),
        (false, true) => show::done(format!("'{partner}' is told nothing by mail")),
        (false, false) => show::done(format!("'{partner}' is told by mail of: {}", words(&mailed.kinds))),
    }
}

fn tell_secret(context: &Context, made: &WebhookWithSecret) {
    if context.settings.json {
        return show::json(made);
    }
    show::done(format!("webhook {} is told of: {}", made.webhook.id, words(&made.webhook.kinds)));
    show::note("its messages are signed by this secret, which is not shown again");
    show::text(&made.secret);
}

async fn list(context: &Context, partner: &Namespace) -> Result {
    let page: Page<PartnerWebhook> = context.registry_list(&webhooks(partner)).await?;
    let row = |hook: &PartnerWebhook| {
        let state = hook.disabled.as_ref().map_or_else(|| "told".into(), |why| format!("disabled: {why}"));
        vec![hook.id.clone(), hook.url.clone(), words(&hook.kinds), state, hook.made_by.to_string()]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            let columns = ["webhook", "url", "told of", "state", "answered for by"];
            show::table(&columns, page.items.iter().map(row));
        }
    }
    Ok(())
}

/// Has something sent to a webhook.
async fn send(context: &Context, path: &str) -> Result {
    let sent: WebhookDelivery = context.registry(Method::POST, path, ()).await?;
    match context.settings.json {
        true => show::json(sent),
        false => show::done(format!("{} is on its way to webhook {}", sent.notice, sent.webhook)),
    }
    Ok(())
}

async fn deliveries(context: &Context, partner: &Namespace) -> Result {
    let page: Page<WebhookDelivery> = context.registry_list(&of(partner, "webhook-deliveries")).await?;
    let row = |sent: &WebhookDelivery| {
        vec![
            sent.notice.clone(),
            sent.webhook.clone(),
            sent.kind.clone(),
            sent.at.strftime("%Y-%m-%d %H:%M").to_string(),
            sent.state.to_string(),
            sent.attempts.to_string(),
            sent.answer.clone().unwrap_or_default(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            let columns = ["notice", "webhook", "kind", "at (UTC)", "state", ">attempts", "answer"];
            show::table(&columns, page.items.iter().map(row));
        }
    }
    Ok(())
}
