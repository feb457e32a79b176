//! `chandlery usage audit`: what was charged, beside what was used.

use std::collections::BTreeSet;

use chandlery_package::log::LoggedUsage;
use chandlery_package::wire::{HostChain, Page, Time, UsageCharge, UsageRecord, UsageRoot, UsageSegment};
use chandlery_package::{Month, Namespace, Price};
use clap::Args;
use serde_json::json;

use super::evidence::{Evidence, quantity};
use crate::api::Context;
use crate::commands::host::Trust;
use crate::commands::log::usage_roots;
use crate::failure::{Failure, Result};
use crate::{show, words};

/// Which use is checked.
#[derive(Args)]
pub struct Audit {
    /// The month; the last one that is over, unless given
    #[arg(long, value_name = "2026-10")]
    month: Option<Month>,
    /// The months that are on this invoice
    #[arg(long, value_name = "NUMBER", conflicts_with = "month")]
    invoice: Option<i64>,
    /// A customer that this account sells to, or any for operators; this account, unless given
    #[arg(long, value_name = "ACCOUNT")]
    customer: Option<Namespace>,
    #[command(flatten)]
    trust: Trust,
}

impl Audit {
    pub async fn run(self, context: &Context) -> Result {
        let account = match self.customer.clone() {
            Some(customer) => customer,
            None => context.account().await?,
        };
        let months = self.months(context, &account).await?;
        if months.is_empty() && !context.settings.json {
            show::note("no use is charged on it");
        }
        let logged = usage_roots(context, &self.trust).await?;
        let (mut differences, mut told) = (Vec::new(), Vec::new());
        for month in months {
            let mut evidence = gather(context, &account, month, logged.clone()).await?;
            let mut found = evidence.differences();
            if !found.is_empty() {
                // A close may have come between two of the lists that were read: what differs for another reason differs again.
                evidence = gather(context, &account, month, usage_roots(context, &self.trust).await?).await?;
                found = evidence.differences();
            }
            if !context.settings.json {
                tell(&evidence, &found);
            }
            told.push(json!({
                "month": month, "records": evidence.records.len(), "unsigned": evidence.unsigned(),
                "late": evidence.late(), "reports": evidence.segments.len(), "differences": found,
            }));
            differences.extend(found);
        }
        if context.settings.json {
            show::json(told);
        }
        match differences.first() {
            None => Ok(()),
            Some(first) => {
                let detail = format!("{} differences, of which the first is: {first}", differences.len());
                Err(Failure::new(&words::USAGE_DIFFERS, detail)
                    .remedy("send the output of `--json` to the seller and to the registry's operator"))
            }
        }
    }

    async fn months(&self, context: &Context, account: &Namespace) -> Result<BTreeSet<Month>> {
        let Some(invoice) = self.invoice else {
            if let Some(month) = self.month {
                return Ok(BTreeSet::from([month]));
            }
            let time: Time = context.ask("/api/v1/clock").await?;
            return Ok(BTreeSet::from([Month::of(time.now).previous()]));
        };
        let path = format!("/api/v1/usage-charges?account={account}&invoice={invoice}");
        let charges: Page<UsageCharge> = context.registry_list(&path).await?;
        Ok(charges.items.into_iter().map(|charge| charge.month).collect())
    }
}

async fn gather(
    context: &Context,
    account: &Namespace,
    month: Month,
    logged: Vec<LoggedUsage>,
) -> Result<Evidence> {
    let of = format!("account={account}&month={month}");
    let records: Page<UsageRecord> = context.registry_list(&format!("/api/v1/usage-records?{of}")).await?;
    let roots: Page<UsageRoot> = context.registry_list(&format!("/api/v1/usage-roots?{of}")).await?;
    let segments: Page<UsageSegment> = context.registry_list(&format!("/api/v1/usage-segments?{of}")).await?;
    let charges: Page<UsageCharge> = context.registry_list(&format!("/api/v1/usage-charges?{of}")).await?;
    let hosts: Page<HostChain> =
        context.registry_list(&format!("/api/v1/usage-hosts?account={account}")).await?;
    Ok(Evidence {
        account: account.clone(),
        month,
        records: records.items,
        roots: roots.items,
        logged,
        hosts: hosts.items,
        segments: segments.items,
        charges: charges.items,
    })
}

/// Prints what was looked at, and what does not agree.
fn tell(evidence: &Evidence, differences: &[String]) {
    let Evidence { account, month, records, roots, segments, charges, .. } = evidence;
    show::headline(format!("{account}, {month}"), "");
    show::check("records", &format!("{}, {} of them signed by no host", records.len(), evidence.unsigned()));
    if evidence.late() > 0 {
        show::note(format!("{} came after the last close, and are charged by the next", evidence.late()));
    }
    if let Some(root) = roots.last() {
        show::check("root", &format!("of {} records, entry {} of the log", root.records, root.log_index));
    }
    show::check("signed reports", &segments.len().to_string());
    for charge in charges {
        let Some(last) = charge.closes.last() else { continue };
        let used = match &charge.order.offer.price {
            Price::Metered { unit, .. } => format!("{}, ", quantity(last.used, unit)),
            Price::Monthly { .. } | Price::Once { .. } => String::new(),
        };
        show::check(&charge.order.reference, &format!("{}: {used}{}", charge.order.plugin, last.charged));
    }
    differences.iter().for_each(show::warning);
    if differences.is_empty() {
        show::done("what was charged is what was used");
    }
}
