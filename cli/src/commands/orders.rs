//! `chandlery orders`: prices, coupons, orders and their payments.

use chandlery_package::wire::PaymentIntent;
use chandlery_package::wire::{NewCoupon, NewOrder, NewPayment, NewPrice, Order, Page};
use chandlery_package::{Money, Namespace, Offer, Per, PluginId, Price, Rate, Step, Unit, UnitPrice};
use clap::{Args, Subcommand};
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Prices of plugins, and orders at these prices.
#[derive(Subcommand)]
pub enum Orders {
    /// Set what a plugin costs from now on (for its publisher); what was ordered keeps its price
    Price(SetPrice),
    /// Make a coupon for orders of a plugin (for its publisher)
    Coupon {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// What the customer types
        code: String,
        /// What it takes off, such as 20%
        discount: Rate,
        /// For how many days it can be used
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: i64,
        /// How often it can be used
        #[arg(long, value_name = "TIMES", default_value_t = 100)]
        times: u32,
    },
    /// Order a plugin for this account
    Place {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// Who has referred you
        #[arg(long, value_name = "NAMESPACE")]
        referrer: Option<Namespace>,
        /// A coupon's code
        #[arg(long, value_name = "CODE")]
        coupon: Option<String>,
    },
    /// End an order that is invoiced by the month
    End {
        /// The order's reference
        reference: String,
    },
    /// Show this account's orders
    List,
    /// Begin to pay through the processor of payments
    Pay {
        /// The order's reference
        reference: String,
    },
    /// Record that an order's bank transfer has arrived (for operators)
    Paid {
        /// The order's reference
        reference: String,
        /// What arrived, such as "100.00 USD"
        amount: Money,
        /// The bank's own reference of the transfer
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
    },
}

/// Sets a price.
#[derive(Args)]
pub struct SetPrice {
    /// The plugin, such as acme:ocr-server
    plugin: PluginId,
    /// The price, such as "100.00 USD"; by use, of one unit, such as "0.0025 USD"
    price: String,
    /// By the month, for the organisation
    #[arg(long, conflicts_with = "per")]
    monthly: bool,
    /// By the month, for each deployment
    #[arg(long, conflicts_with_all = ["per", "monthly"])]
    per_deployment: bool,
    /// By use: gpu-hour, deployment-hour, or a word that the plugin reports
    #[arg(long, value_name = "UNIT")]
    per: Option<Unit>,
    /// By use: how many units of each month cost nothing
    #[arg(long, value_name = "UNITS", default_value_t = 0, requires = "per")]
    free: u64,
    /// By use: what units above a number cost, such as 1000="0.002 USD"; may be given several times, in order
    #[arg(long, value_name = "UNITS=PRICE", value_parser = above, requires = "per")]
    above: Vec<(u64, UnitPrice)>,
    /// How many days after the order cost nothing
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    trial_days: u32,
    /// Offer it to this account alone
    #[arg(long, value_name = "ACCOUNT")]
    to: Option<Namespace>,
}

fn above(text: &str) -> std::result::Result<(u64, UnitPrice), String> {
    let (units, price) = text.split_once('=').ok_or("write UNITS=PRICE, such as 1000=\"0.002 USD\"")?;
    let units = units.parse().map_err(|error| format!("'{units}': {error}"))?;
    Ok((units, price.parse().map_err(|error: chandlery_package::PriceError| error.to_string())?))
}

impl SetPrice {
    fn offer(&self) -> Result<Offer> {
        let wrong = |error: String| Failure::new(&words::NOT_A_PRICE, error);
        let amount = || self.price.parse::<Money>().map_err(|error| wrong(error.to_string()));
        let price = match &self.per {
            Some(unit) => {
                let first: UnitPrice = self
                    .price
                    .parse()
                    .map_err(|error: chandlery_package::PriceError| wrong(error.to_string()))?;
                let ends = self.above.iter().map(|(units, _)| Some(*units)).chain([None]);
                let prices = [first].into_iter().chain(self.above.iter().map(|(_, price)| *price));
                let steps = prices.zip(ends).map(|(price, up_to)| Step { up_to, price }).collect();
                Price::Metered { unit: unit.clone(), free: self.free, steps }
            }
            None if self.monthly => Price::Monthly { amount: amount()?, per: Per::Organisation },
            None if self.per_deployment => Price::Monthly { amount: amount()?, per: Per::Deployment },
            None => Price::Once { amount: amount()? },
        };
        Ok(Offer { price, trial_days: self.trial_days })
    }

    async fn run(self, context: &Context) -> Result {
        let offer = self.offer()?;
        let path = format!("/api/v1/plugins/{}/{}/price", self.plugin.namespace, self.plugin.name);
        let new = NewPrice { offer: offer.clone(), customer: self.to.clone() };
        context.tell_registry(Method::PUT, &path, new).await?;
        let whom = self.to.map(|customer| format!(" for '{customer}'")).unwrap_or_default();
        match context.settings.json {
            true => show::json(serde_json::json!({ "plugin": self.plugin, "offer": offer })),
            false => show::done(format!("{} costs {offer}{whom}", self.plugin)),
        }
        Ok(())
    }
}

impl Orders {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Price(price) => price.run(context).await?,
            Self::Coupon { plugin, code, discount, days, times } => {
                let path = format!("/api/v1/plugins/{}/{}/coupons", plugin.namespace, plugin.name);
                let span = jiff::SignedDuration::from_hours(24 * days);
                let until = jiff::Timestamp::now().checked_add(span).unwrap_or(jiff::Timestamp::MAX);
                let new = NewCoupon { code: code.clone(), discount, until, uses_max: times };
                context.tell_registry(Method::POST, &path, &new).await?;
                match context.settings.json {
                    true => show::json(new),
                    false => show::done(format!("'{code}' takes {discount} off {plugin}")),
                }
            }
            Self::Place { plugin, referrer, coupon } => {
                let new = NewOrder { plugin, referrer, coupon, acceptance: None };
                let order: Order = context.registry(Method::POST, "/api/v1/orders", new).await?;
                match (context.settings.json, order.due) {
                    (true, _) => show::json(order),
                    (false, _) if order.dispute.is_some() => disputed(&order),
                    (false, Some(_)) if order.paid_at.is_some() => show::done(format!(
                        "{} is ordered as {} and paid: `chandlery install {}` installs it",
                        order.plugin, order.reference, order.plugin
                    )),
                    (false, Some(due)) => show::done(format!(
                        "ordered {}: transfer {due} with the text {}",
                        order.plugin, order.reference
                    )),
                    (false, None) => show::done(format!(
                        "ordered {} as {}: {}, invoiced when a month is over",
                        order.plugin, order.reference, order.offer
                    )),
                }
            }
            Self::End { reference } => {
                let path = format!("/api/v1/orders/{reference}");
                let order: Order = context.registry(Method::DELETE, &path, ()).await?;
                match context.settings.json {
                    true => show::json(order),
                    false => show::done(format!("{reference} of {} has ended", order.plugin)),
                }
            }
            Self::List => list(context).await?,
            Self::Pay { reference } => {
                let path = format!("/api/v1/orders/{reference}/payment-intent");
                let intent: PaymentIntent = context.registry(Method::POST, &path, ()).await?;
                match context.settings.json {
                    true => show::json(intent),
                    false => show::done(format!("{} can be paid as {}", intent.amount, intent.id)),
                }
            }
            Self::Paid { reference, amount, bank_reference } => {
                let payment = NewPayment { bank_reference, amount };
                let path = format!("/api/v1/orders/{reference}/payment");
                let order: Order = context.registry(Method::POST, &path, payment).await?;
                match context.settings.json {
                    true => show::json(order),
                    false => {
                        show::done(format!("{} of {} is paid and shared", order.reference, order.customer))
                    }
                }
            }
        }
        Ok(())
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<Order> = context.registry_list("/api/v1/orders").await?;
    let row = |order: &Order| {
        vec![order.reference.clone(), order.plugin.to_string(), order.offer.to_string(), state(order)]
    };
    match context.settings.json {
        true => show::json(page),
        false => {
            show::table(&["reference", "plugin", "price", "state"], page.items.iter().map(row));
            page.items.iter().filter(|order| order.ended_at.is_none()).for_each(disputed);
        }
    }
    Ok(())
}

/// Says what a dispute of an order withholds, and what to do about it; nothing, where it has none.
fn disputed(order: &Order) {
    let Order { reference, plugin, .. } = order;
    if let Some(dispute) = &order.dispute {
        let day = dispute.since.strftime("%F");
        show::note(format!(
            "{reference} is disputed since {day}, and nothing new of {plugin} is pulled, installed or deployed: {}",
            dispute.remedy(plugin)
        ));
    }
}

/// How an order stands, in a few words.
fn state(order: &Order) -> String {
    let day = |at: jiff::Timestamp| at.strftime("%F").to_string();
    let dispute = order.dispute.filter(|_| order.ended_at.is_none());
    match (dispute, order.paid_at, order.ended_at, order.due) {
        (Some(dispute), ..) => format!("disputed since {}", day(dispute.since)),
        (None, Some(_), ..) if order.refunded => "refunded".into(),
        (None, Some(at), ..) => format!("paid {}", day(at)),
        (None, None, Some(at), _) => format!("ended {}", day(at)),
        (None, None, None, Some(due)) => format!("{due} to be paid"),
        (None, None, None, None) => "invoiced by the month".into(),
    }
}
