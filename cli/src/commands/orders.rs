//! `chandlery orders`: prices, orders and their payments.

use chandlery_package::wire::{NewOrder, NewPayment, NewPrice, Order, Page};
use chandlery_package::{Money, PluginId};
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Orders.
#[derive(Subcommand)]
pub enum Orders {
    /// Set what an organisation pays once for a plugin (for its publisher)
    Price {
        /// The plugin
        plugin: PluginId,
        /// The price, such as "100.00 USD"
        price: Money,
    },
    /// Order a plugin for this account
    Place {
        /// The plugin
        plugin: PluginId,
    },
    /// Show this account's orders
    List,
    /// Record that an order's bank transfer has arrived (for operators)
    Paid {
        /// The order
        reference: String,
        /// What arrived, such as "100.00 USD"
        amount: Money,
        /// The bank's own reference of the transfer
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
    },
}

impl Orders {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Price { plugin, price } => {
                let path = format!("/api/v1/plugins/{}/{}/price", plugin.namespace, plugin.name);
                context.tell_registry(Method::PUT, &path, NewPrice { price }).await?;
                match context.settings.json {
                    true => show::json(serde_json::json!({ "plugin": plugin, "price": price })),
                    false => show::done(format!("{plugin} costs {price} once")),
                }
            }
            Self::Place { plugin } => {
                let order: Order =
                    context.registry(Method::POST, "/api/v1/orders", NewOrder { plugin }).await?;
                match context.settings.json {
                    true => show::json(order),
                    false => show::done(format!(
                        "ordered {}: transfer {} with the text {}",
                        order.plugin, order.price, order.reference
                    )),
                }
            }
            Self::List => {
                let page: Page<Order> = context.registry(Method::GET, "/api/v1/orders", ()).await?;
                let state = |order: &Order| {
                    order.paid_at.map_or("open".into(), |at| format!("paid {}", at.strftime("%F")))
                };
                let row = |order: &Order| {
                    vec![
                        order.reference.clone(),
                        order.plugin.to_string(),
                        order.price.to_string(),
                        state(order),
                    ]
                };
                match context.settings.json {
                    true => show::json(page),
                    false => {
                        show::table(&["reference", "plugin", ">price", "state"], page.items.iter().map(row))
                    }
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
