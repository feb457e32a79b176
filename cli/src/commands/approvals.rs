//! `chandlery approvals`: what one operator asks for and others approve.

use chandlery_package::Money;
use chandlery_package::wire::{ApprovalKind, ApprovalRefusal, ApprovalRequest, ApprovalRule, Page};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::Result;
use crate::show;

const APPROVALS: &str = "/api/v1/approvals";
const RULES: &str = "/api/v1/approval-rules";

/// What one operator asks for and others approve.
#[derive(Args)]
pub struct Approvals {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Show what was asked for, also what was decided
    List,
    /// Approve what another operator has asked for; with the last approval it is done
    Approve {
        /// The request's number
        number: i64,
    },
    /// Refuse what an operator has asked for, or take your own back
    Refuse {
        /// The request's number
        number: i64,
        /// Why, for whoever asked
        #[arg(long)]
        why: String,
    },
    /// Show how many operators approve what
    Rules,
    /// Set how many operators approve what; another one approves that
    Set {
        /// What the rule is about
        #[arg(value_parser = one_of::<ApprovalKind>())]
        kind: ApprovalKind,
        /// How many beside whoever asks: 0, 1 or 2
        approvals: i64,
        /// Only what is more than this
        #[arg(long, value_name = "AMOUNT")]
        above: Option<Money>,
    },
}

impl Approvals {
    pub async fn run(self, context: &Context) -> Result {
        match self.act {
            None => list(context, &format!("{APPROVALS}?state=waiting")).await,
            Some(Act::List) => list(context, APPROVALS).await,
            Some(Act::Approve { number }) => {
                say(context, &context.registry(Method::POST, &path(number, "approve"), json!({})).await?);
                Ok(())
            }
            Some(Act::Refuse { number, why }) => {
                let refusal = ApprovalRefusal { why };
                say(context, &context.registry(Method::POST, &path(number, "refuse"), refusal).await?);
                Ok(())
            }
            Some(Act::Rules) => rules(context).await,
            Some(Act::Set { kind, approvals, above }) => {
                let rule = ApprovalRule { kind, above, approvals };
                let set: ApprovalRule = context.registry(Method::PUT, RULES, rule).await?;
                match context.settings.json {
                    true => show::json(set),
                    false => show::done(format!("each {kind} needs {approvals} to approve it")),
                }
                Ok(())
            }
        }
    }
}

fn path(number: i64, decision: &str) -> String {
    format!("{APPROVALS}/{number}/{decision}")
}

fn say(context: &Context, request: &ApprovalRequest) {
    if context.settings.json {
        show::json(request);
        return;
    }
    let why = request.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    show::done(format!("request {} to {} is {}{why}", request.id, request.about, request.state));
}

async fn list(context: &Context, path: &str) -> Result {
    let page: Page<ApprovalRequest> = context.registry_list(path).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |request: &ApprovalRequest| {
        let approved: Vec<_> = request.approved_by.iter().map(ToString::to_string).collect();
        vec![
            request.id.to_string(),
            request.kind.to_string(),
            request.about.clone(),
            request.asked_by.to_string(),
            request.lapses_at.strftime("%Y-%m-%d %H:%M").to_string(),
            approved.join(", "),
            request.state.to_string(),
        ]
    };
    let headings = [">no.", "kind", "to", "asked by", "until (UTC)", "approved by", "state"];
    show::table(&headings, page.items.iter().map(row));
    Ok(())
}

async fn rules(context: &Context) -> Result {
    let page: Page<ApprovalRule> = context.registry_list(RULES).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |rule: &ApprovalRule| {
        let above = rule.above.map(|above| above.to_string()).unwrap_or_default();
        vec![rule.kind.to_string(), above, rule.approvals.to_string()]
    };
    show::table(&["kind", ">above", ">approvals"], page.items.iter().map(row));
    Ok(())
}
