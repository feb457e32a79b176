//! `chandlery payouts`: balances, transactions, statements, paying partners, and how sales are shared.

use std::path::{Path, PathBuf};

use chandlery_money::payouts::Explained;
use chandlery_money::sharing::Difference;
use chandlery_package::wire::{
    Balance, Earning, NewPolicy, NextPayout, Page, Payout, PayoutProfile, PolicyVersion, ProfileVersion,
    Rail, Schedule,
};
use chandlery_package::{Currency, Money, Namespace, Policy, Rate};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Payouts.
#[derive(Subcommand)]
pub enum Payouts {
    /// Show what a partner has on hold, available and paid
    Balance {
        /// The partner
        partner: Namespace,
    },
    /// Show every change of a partner's money
    Transactions {
        /// The partner
        partner: Namespace,
        /// As comma-separated values
        #[arg(long)]
        csv: bool,
    },
    /// Show a partner's statements, each with its place in the transparency log
    Statements {
        /// The partner
        partner: Namespace,
        /// Of one month, such as 2026-10
        #[arg(long)]
        month: Option<String>,
    },
    /// Choose how a partner is paid; it holds once an operator has approved it
    Profile(Profile),
    /// Approve a version of a partner's payout profile that somebody else has written (for operators)
    ApproveProfile {
        /// The partner
        partner: Namespace,
        /// The version's number
        number: i64,
    },
    /// Show where every cent of a payout came from
    Explain {
        /// The payout
        id: i64,
    },
    /// Propose to pay out all that is available to a partner (for operators)
    Propose {
        /// The partner
        partner: Namespace,
        /// In which currency
        #[arg(default_value = "USD")]
        currency: Currency,
    },
    /// Propose to pay every partner to whom enough is available (for operators)
    Run,
    /// Approve a payout that another operator has proposed
    Approve {
        /// The payout
        id: i64,
    },
    /// Give up a proposal (for operators)
    Cancel {
        /// The payout
        id: i64,
    },
    /// Give the approved payouts of a run to their rails (for operators)
    Send {
        /// The run
        run: i64,
    },
    /// Print the bank file of a run, ISO 20022 pain.001 (for operators)
    BankFile {
        /// The run
        run: i64,
    },
    /// Say which account bank files pay from (for operators)
    From {
        /// Whose it is
        holder: String,
        /// The IBAN
        iban: String,
        /// The BIC
        bic: String,
    },
    /// Record that the bank has paid (for operators)
    Confirm {
        /// The payout
        id: i64,
        /// The bank's own reference
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
        /// What left the bank, with its fee
        #[arg(long, value_name = "AMOUNT")]
        left: Option<Money>,
    },
    /// Record that the bank could not pay; the money is available again (for operators)
    Return {
        /// The payout
        id: i64,
    },
    /// Show all payouts (for operators)
    List,
    /// Show how sales are shared, by date
    Policies,
    /// Let another policy follow from a moment on (for operators)
    Follow {
        /// The policy, in TOML
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        /// From when on
        #[arg(long, value_name = "TIME")]
        since: Timestamp,
    },
    /// Show what each partner would have got by another policy, changing nothing (for operators)
    Replay {
        /// The policy, in TOML
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
}

/// How a partner is paid.
#[derive(Args)]
pub struct Profile {
    /// The partner
    partner: Namespace,
    /// By a bank file, to this IBAN
    #[arg(long, requires = "holder", conflicts_with = "stripe")]
    iban: Option<String>,
    /// Whose account it is
    #[arg(long)]
    holder: Option<String>,
    /// The account's BIC
    #[arg(long)]
    bic: Option<String>,
    /// To this connected account at Stripe
    #[arg(long, value_name = "ACCOUNT")]
    stripe: Option<String>,
    /// In this currency; in whatever was earned, unless given
    #[arg(long)]
    currency: Option<Currency>,
    /// The least that is paid out
    #[arg(long, value_name = "AMOUNT")]
    minimum: Option<Money>,
    /// How often: every-run, weekly, monthly or quarterly, by the first run in each
    #[arg(long, default_value = "every-run")]
    schedule: Schedule,
    /// What is withheld for the state (for operators)
    #[arg(long, value_name = "RATE", default_value = "0%")]
    withheld: Rate,
}

impl Payouts {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Balance { partner } => balance(context, &partner).await,
            Self::Transactions { partner, csv } => transactions(context, &partner, csv).await,
            Self::Propose { partner, currency } => {
                step(context, "/api/v1/payouts".into(), json!({ "partner": partner, "currency": currency }))
                    .await
            }
            Self::Approve { id } => step(context, format!("/api/v1/payouts/{id}/approve"), json!({})).await,
            Self::Confirm { id, bank_reference, left } => {
                let body = json!({ "bank_reference": bank_reference, "left": left });
                step(context, format!("/api/v1/payouts/{id}/confirm"), body).await
            }
            Self::Return { id } => step(context, format!("/api/v1/payouts/{id}/return"), json!({})).await,
            Self::Cancel { id } => step(context, format!("/api/v1/payouts/{id}/cancel"), json!({})).await,
            Self::Run => many(context, "/api/v1/payout-runs").await,
            Self::Send { run } => many(context, &format!("/api/v1/payout-runs/{run}/send")).await,
            Self::BankFile { run } => {
                print!("{}", context.registry_text(&format!("/api/v1/payout-runs/{run}/pain.001")).await?);
                Ok(())
            }
            Self::From { holder, iban, bic } => {
                let account = json!({ "holder": holder, "iban": iban, "bic": bic });
                context.tell_registry(Method::PUT, "/api/v1/bank-account", &account).await?;
                match context.settings.json {
                    true => show::json(account),
                    false => show::done(format!("bank files pay from {iban} of {holder}")),
                }
                Ok(())
            }
            Self::List => list(context).await,
            Self::Statements { partner, month } => statements(context, &partner, month.as_deref()).await,
            Self::Profile(profile) => profile.run(context).await,
            Self::ApproveProfile { partner, number } => {
                let path = format!("/api/v1/partners/{partner}/payout-profile/{number}/approve");
                let found: ProfileVersion = context.registry(Method::POST, &path, json!({})).await?;
                say_profile(context, &partner, &found);
                Ok(())
            }
            Self::Explain { id } => explain(context, id).await,
            Self::Policies => policies(context).await,
            Self::Follow { policy, since } => follow(context, &policy, since).await,
            Self::Replay { policy } => replay(context, &policy).await,
        }
    }
}

async fn balance(context: &Context, partner: &Namespace) -> Result {
    let page: Page<Balance> =
        context.registry(Method::GET, &format!("/api/v1/partners/{partner}/balances"), ()).await?;
    let row = |balance: &Balance| {
        [
            balance.accrued,
            balance.on_hold,
            balance.reserve,
            balance.available,
            balance.in_transit,
            balance.paid,
            balance.owed,
        ]
        .map(|money| money.to_string())
        .to_vec()
    };
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let titles =
        [">unpaid by customers", ">on hold", ">reserve", ">available", ">on its way", ">paid", ">owed back"];
    show::table(&titles, page.items.iter().map(row));
    for Balance { next_payout: NextPayout { amount, minimum, not_before }, .. } in &page.items {
        let when = not_before.map(|from| format!(" from {} on", from.strftime("%F"))).unwrap_or_default();
        match amount.minor {
            ..=0 => {}
            minor if minor < minimum.minor => {
                show::note(format!("{amount} wait until they are {minimum}, the least that is paid out"))
            }
            _ => show::note(format!("{amount} are paid out by the next run{when}")),
        }
    }
    Ok(())
}

async fn transactions(context: &Context, partner: &Namespace, csv: bool) -> Result {
    let path = format!("/api/v1/partners/{partner}/transactions");
    if csv {
        print!("{}", context.registry_text(&format!("{path}.csv")).await?);
        return Ok(());
    }
    let page: Page<Earning> = context.registry(Method::GET, &path, ()).await?;
    let row = |earning: &Earning| {
        vec![
            earning.transaction.to_string(),
            earning.at.strftime("%F").to_string(),
            earning.description.clone(),
            earning.gross.map(|gross| gross.to_string()).unwrap_or_default(),
            earning.net.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page),
        false => {
            show::table(&[">no.", "date", "what", ">customer paid", ">balance"], page.items.iter().map(row))
        }
    }
    Ok(())
}

async fn step(context: &Context, path: String, body: Value) -> Result {
    let payout: Payout = context.registry(Method::POST, &path, body).await?;
    match context.settings.json {
        true => show::json(payout),
        false => show::done(format!(
            "payout {} of {} to '{}' is {}",
            payout.id,
            payout.amount,
            payout.partner,
            show::word(payout.state)
        )),
    }
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<Payout> = context.registry(Method::GET, "/api/v1/payouts", ()).await?;
    say_payouts(context, &page);
    Ok(())
}

fn say_payouts(context: &Context, page: &Page<Payout>) {
    let row = |payout: &Payout| {
        let approved = payout.approved_by.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            payout.id.to_string(),
            payout.run.map(|run| run.to_string()).unwrap_or_default(),
            payout.partner.to_string(),
            payout.amount.to_string(),
            payout.sent.to_string(),
            payout.rail.clone(),
            show::word(payout.state),
            payout.proposed_by.to_string(),
            approved,
        ]
    };
    let headings =
        [">no.", ">run", "partner", ">amount", ">sent", "rail", "state", "proposed by", "approved by"];
    match context.settings.json {
        true => show::json(page),
        false => show::table(&headings, page.items.iter().map(row)),
    }
}

async fn many(context: &Context, path: &str) -> Result {
    let page: Page<Payout> = context.registry(Method::POST, path, json!({})).await?;
    say_payouts(context, &page);
    Ok(())
}

async fn statements(context: &Context, partner: &Namespace, month: Option<&str>) -> Result {
    let query = month.map(|month| format!("?month={month}")).unwrap_or_default();
    let path = format!("/api/v1/partners/{partner}/statements{query}");
    let page: Page<Value> = context.registry(Method::GET, &path, ()).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |published: &Value| {
        let statement = &published["statement"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let currency: Option<Currency> = text(&statement["currency"]).parse().ok();
        let held = |side: &str| {
            let all = statement[side].as_object().into_iter().flatten();
            let shown = all.filter_map(|(account, minor)| {
                Some(format!("{account} {}", Money::new(minor.as_i64()?, currency?)))
            });
            shown.collect::<Vec<_>>().join("\n")
        };
        let lines = statement["lines"].as_array().map_or(0, Vec::len).to_string();
        vec![
            text(&statement["month"]),
            held("opening"),
            lines,
            held("closing"),
            published["log_index"].to_string(),
        ]
    };
    show::table(
        &["month", "at its beginning", ">changes", "at its end", ">log entry"],
        page.items.iter().map(row),
    );
    Ok(())
}

impl Profile {
    async fn run(self, context: &Context) -> Result {
        let rail = match (self.iban, self.stripe) {
            (Some(iban), _) => Rail::Sepa { holder: self.holder.unwrap_or_default(), iban, bic: self.bic },
            (None, Some(account)) => Rail::Stripe { account },
            (None, None) => Rail::Manual,
        };
        let Self { currency, minimum, schedule, withheld, partner, .. } = self;
        let profile = PayoutProfile { rail, currency, minimum, schedule, withheld };
        let path = format!("/api/v1/partners/{partner}/payout-profile");
        let found: ProfileVersion = context.registry(Method::PUT, &path, profile).await?;
        say_profile(context, &partner, &found);
        Ok(())
    }
}

fn say_profile(context: &Context, partner: &Namespace, found: &ProfileVersion) {
    if context.settings.json {
        show::json(found);
        return;
    }
    let rail = found.profile.rail.word();
    match &found.approved_by {
        Some(operator) => show::done(format!("'{partner}' is paid by {rail}: approved by '{operator}'")),
        None => {
            show::done(format!("'{partner}' wants to be paid by {rail}: version {}", found.version));
            show::note(format!(
                "an operator approves it: `chandlery payouts approve-profile {partner} {}`",
                found.version
            ));
        }
    }
}

async fn explain(context: &Context, id: i64) -> Result {
    let found: Explained =
        context.registry(Method::GET, &format!("/api/v1/payouts/{id}/explain"), ()).await?;
    if context.settings.json {
        show::json(found);
        return Ok(());
    }
    let payout = &found.payout;
    show::done(format!(
        "payout {id} of {} to '{}' is {}",
        payout.amount,
        payout.partner,
        show::word(payout.state)
    ));
    if payout.withheld.minor != 0 || payout.sent != payout.amount {
        show::check("sent", &format!("{}, after {} withheld for the state", payout.sent, payout.withheld));
    }
    for item in &found.items {
        show::check(&item.kind, &item.amount.to_string());
        let Some(lot) = &item.lot else { continue };
        let sale = &lot.sale;
        let what = sale.plugin.as_ref().map_or_else(|| "a service".into(), ToString::to_string);
        show::note(format!(
            "sale {} of {what} to '{}', {}: {} paid, {} for you, {} commission by policy {}",
            sale.sale, sale.customer, sale.source, sale.gross, lot.share, sale.commission, sale.policy
        ));
        if let Some(rating) = &sale.rating {
            show::note(format!(
                "from {} usage events of {}, which cost {} in all: {} …",
                rating.events,
                rating.month,
                rating.charged,
                rating.event_ids.first().map_or("", String::as_str)
            ));
        }
        if let Some((invoice, payment)) = &sale.invoice {
            let payment = payment.as_deref().unwrap_or("the customer's credit");
            let until = lot.available_at.as_deref().and_then(|at| at.get(..10)).unwrap_or("");
            show::note(format!("invoice {invoice}, paid by {payment}; on hold until {until}"));
        }
    }
    for step in &found.transactions {
        show::note(format!("{} · {}", step.at.get(..10).unwrap_or(""), step.description));
    }
    Ok(())
}

async fn policies(context: &Context) -> Result {
    let page: Page<PolicyVersion> = context.registry(Method::GET, "/api/v1/policies", ()).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    for version in page.items {
        show::done(format!("policy {} from {} on", version.version, version.since.get(..10).unwrap_or("")));
        let text = toml::to_string(&version.policy).map_err(|error| Failure::of(error.to_string()))?;
        print!("{text}");
    }
    Ok(())
}

fn read_policy(path: &Path) -> Result<Policy> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| {
        Failure::new("invalid-policy", "Not a policy", format!("{}: {error}", path.display()))
    })
}

async fn follow(context: &Context, path: &Path, since: Timestamp) -> Result {
    let new = NewPolicy { since, policy: read_policy(path)? };
    let set: PolicyVersion = context.registry(Method::POST, "/api/v1/policies", new).await?;
    match context.settings.json {
        true => show::json(set),
        false => show::done(format!("policy {} holds from {since} on", set.version)),
    }
    Ok(())
}

async fn replay(context: &Context, path: &Path) -> Result {
    let policy = read_policy(path)?;
    let page: Page<Difference> = context.registry(Method::POST, "/api/v1/policies/replay", policy).await?;
    let row = |difference: &Difference| {
        let who = difference.partner.as_ref().map_or("the marketplace".into(), ToString::to_string);
        vec![
            who,
            difference.was.to_string(),
            difference.would_be.to_string(),
            difference.difference.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            show::table(&["who", ">got", ">would have got", ">difference"], page.items.iter().map(row));
            show::note("nothing was changed");
        }
    }
    Ok(())
}
