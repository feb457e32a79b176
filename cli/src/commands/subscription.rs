//! `chandlery subscription`: what this account may do.

use std::cmp::Reverse;

use chandlery_package::wire::host::Entitlement;
use chandlery_package::wire::{
    Agreement, EndedSubscription, HostSeen, NewSubscription, NewTrial, Page, Subscription as Has, TierOffer,
};
use chandlery_package::{Billed, Money, Namespace, Tier};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/subscription";
const HOSTS: &str = "/api/v1/hosts";

/// How a host's account comes to have more than it has, where a part of its limit is used up.
pub(super) fn upgrade(has: &Entitlement) -> Option<String> {
    let upgrade = has.upgrade.as_ref()?;
    let tier = upgrade.tier;
    Some(match &has.account {
        Some(account) => format!("{upgrade}: `chandlery subscription change {tier}`, as '{account}'"),
        None => format!("{upgrade}, to an account that has this host: `chandlery host claim`"),
    })
}

/// What this account may do.
#[derive(Subcommand)]
pub enum Subscription {
    /// Show what this account has subscribed to
    Show,
    /// Show the price list
    Tiers,
    /// Try a tier for 30 days, once
    Trial {
        /// developer, team or enterprise
        tier: Tier,
    },
    /// Subscribe, or change: more is had at once, less when what is invoiced is over
    Change {
        /// developer, team or enterprise
        tier: Tier,
        /// Pay for a year, at the price of ten months
        #[arg(long)]
        yearly: bool,
    },
    /// End the subscription when what is invoiced is over
    Cancel,
    /// End the subscription, or the trial: when what is invoiced is over, or now
    End {
        /// End it now: what is left of what was paid is given back by the day
        #[arg(long)]
        now: bool,
    },
    /// Show what this host may do by its licence
    Licence,
    /// Show the hosts whose deployments count together
    Hosts,
    /// Forget a host that is no more, so that what it had does not count
    Forget {
        /// The host, as `hosts` shows it
        #[arg(value_name = "HOST")]
        gone: String,
    },
    /// Record what was agreed with an account (for operators)
    Agree {
        /// The account that it was agreed with
        #[arg(value_name = "ACCOUNT")]
        customer: Namespace,
        /// What it pays each time, such as "9000.00 USD"
        price: Money,
        /// How many deployments it may have; any number, if left out
        #[arg(long, value_name = "NUMBER")]
        deployments: Option<u32>,
        /// It pays by the year
        #[arg(long)]
        yearly: bool,
    },
}

fn billed(yearly: bool) -> Billed {
    if yearly { Billed::Yearly } else { Billed::Monthly }
}

impl Subscription {
    pub async fn run(self, context: &Context) -> Result {
        let has: Has = match self {
            Self::Tiers => return tiers(context).await,
            Self::Licence => return licence(context).await,
            Self::Hosts => return hosts(context).await,
            Self::Forget { gone } => {
                context.tell_registry(Method::DELETE, &format!("{HOSTS}/{gone}"), json!({})).await?;
                show::done(format!("host {gone} is forgotten"));
                return Ok(());
            }
            Self::Show => context.registry(Method::GET, PATH, ()).await?,
            Self::Trial { tier } => {
                context.registry(Method::POST, &format!("{PATH}/trial"), NewTrial { tier }).await?
            }
            Self::Change { tier, yearly } => {
                let new = NewSubscription { tier, billed: billed(yearly) };
                context.registry(Method::PUT, PATH, new).await?
            }
            Self::End { now: true } => return end_now(context).await,
            Self::Cancel | Self::End { now: false } => {
                let new = NewSubscription { tier: Tier::Free, billed: Billed::Monthly };
                context.registry(Method::PUT, PATH, new).await?
            }
            Self::Agree { customer, price, deployments, yearly } => {
                let path = format!("/api/v1/accounts/{customer}/subscription");
                let agreement = Agreement { deployments, price, billed: billed(yearly) };
                context.registry(Method::PUT, &path, agreement).await?
            }
        };
        match context.settings.json {
            true => show::json(has),
            false => print(&has),
        }
        Ok(())
    }
}

async fn end_now(context: &Context) -> Result {
    let ended: EndedSubscription = context.registry(Method::POST, &format!("{PATH}/end"), json!({})).await?;
    if context.settings.json {
        show::json(ended);
        return Ok(());
    }
    for note in &ended.credit_notes {
        let (number, invoice, net, tax) = (note.number, note.invoice, note.net, note.tax);
        show::note(format!("credit note {number} of invoice {invoice} gives {net} back, and {tax} of taxes"));
    }
    print(&ended.subscription);
    Ok(())
}

fn print(has: &Has) {
    let trial = if has.trial { ", on trial" } else { "" };
    show::done(format!("'{}' has {}{trial}: {}", has.account, has.tier, Tier::in_words(has.deployments)));
    match (has.until, has.then) {
        (Some(until), Some(then)) => show::note(format!("until {}, then {then}", date(until))),
        (Some(until), None) => show::note(format!("renewed on {}", date(until))),
        (None, _) if has.trial_left => {
            show::note("`chandlery subscription trial team` tries more for 30 days")
        }
        (None, _) => show::note("`chandlery subscription tiers` shows what more costs"),
    }
    for invoice in &has.due {
        show::warning(format!(
            "invoice {} of {} is due by {}: transfer it with the text INVOICE-{}",
            invoice.number,
            invoice.total,
            date(invoice.due_at),
            invoice.number
        ));
    }
}

pub(super) fn date(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

async fn tiers(context: &Context) -> Result {
    let page: Page<TierOffer> = context.registry_list("/api/v1/tiers").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |offer: &TierOffer| {
        let price = |price: Option<Money>| match (price, offer.tier) {
            (Some(price), _) => price.to_string(),
            (None, Tier::Free) => "-".into(),
            (None, _) => "as agreed".into(),
        };
        let limit = match offer.tier {
            Tier::EnterprisePlus => "as agreed".into(),
            _ => offer.deployments.map_or("any number".into(), |limit| limit.to_string()),
        };
        vec![offer.tier.to_string(), limit, price(offer.monthly), price(offer.yearly)]
    };
    show::table(&["tier", ">deployments", ">a month", ">a year"], page.items.iter().map(row));
    Ok(())
}

async fn hosts(context: &Context) -> Result {
    let mut page: Page<HostSeen> = context.registry_list(HOSTS).await?;
    page.items.sort_by_key(|seen| Reverse(seen.deployments));
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |seen: &HostSeen| {
        let at = seen.seen_at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        vec![seen.host.clone(), seen.deployments.to_string(), at]
    };
    show::table(&["host", ">deployments", "last heard of"], page.items.iter().map(row));
    Ok(())
}

async fn licence(context: &Context) -> Result {
    let has: Entitlement = context.host(Method::GET, "/api/v1/entitlement", ()).await?;
    if context.settings.json {
        show::json(has);
        return Ok(());
    }
    let until = has.expires_at.map(|at| format!(", by a licence until {}", date(at))).unwrap_or_default();
    let whose = has.account.as_ref().map(|account| format!(" as '{account}' has it")).unwrap_or_default();
    show::done(format!("this host has {}{whose}: {}{until}", has.tier, Tier::in_words(has.limit)));
    let elsewhere = match has.elsewhere {
        0 => String::new(),
        some => format!(", {some} of them on other hosts: `chandlery subscription hosts`"),
    };
    show::note(format!("used: {}{elsewhere}", Tier::in_words(Some(has.used))));
    if let Some(upgrade) = upgrade(&has) {
        show::note(upgrade);
    }
    Ok(())
}
