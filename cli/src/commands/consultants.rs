//! `chandlery consultants`: find certified ones, order their services, accept what they have done.

use chandlery_package::wire::{
    Consultant, NewCertification, NewConsultant, NewServiceOrder, Page, Service, ServiceOrder,
};
use chandlery_package::{Money, Namespace, PluginName};
use clap::Subcommand;
use reqwest::Method;

use super::subscription::date;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// What certified consultants offer, and orders of it.
#[derive(Subcommand)]
pub enum Consultants {
    /// Show who is certified, and what they offer
    List,
    /// Say what a namespace does as a consultant (for its owners)
    Profile {
        /// The consultant's namespace
        namespace: Namespace,
        /// A few words
        title: String,
        /// A sentence or two
        #[arg(long, default_value = "")]
        about: String,
    },
    /// Offer a service (for owners of the namespace)
    Offer {
        /// The consultant's namespace
        namespace: Namespace,
        /// What the service is called
        name: PluginName,
        /// What it costs, such as "2500.00 USD"
        price: Money,
        /// A few words
        #[arg(long)]
        title: String,
    },
    /// Certify a consultant for some time (for operators)
    Certify {
        /// The consultant's namespace
        namespace: Namespace,
        /// For how many days; 0 ends it
        #[arg(long, value_name = "DAYS", default_value_t = 365)]
        days: i64,
    },
    /// Order a service
    Order {
        /// The consultant's namespace
        namespace: Namespace,
        /// The service's name, as `consultants list` shows it
        service: PluginName,
        /// A part of it and its price, such as "setup=500.00 USD"; may be given several times
        #[arg(long = "milestone", value_name = "TITLE=PRICE", value_parser = milestone)]
        milestones: Vec<(String, Money)>,
        /// What you call the order; the same one again is the same order
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
    },
    /// Show orders of services: one's own, and those of one's customers
    Orders,
    /// Accept a milestone: it is invoiced
    Accept {
        /// The order's reference
        reference: String,
        /// The milestone's number, from 1
        number: i64,
    },
}

fn milestone(text: &str) -> std::result::Result<(String, Money), String> {
    let (title, price) = text.rsplit_once('=').ok_or("write TITLE=PRICE, such as setup=\"500.00 USD\"")?;
    Ok((title.into(), price.parse().map_err(|error: chandlery_package::MoneyError| error.to_string())?))
}

impl Consultants {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => list(context).await,
            Self::Profile { namespace, title, about } => {
                let path = format!("/api/v1/consultants/{namespace}");
                let new = NewConsultant { title, about };
                context.tell_registry(Method::PUT, &path, &new).await?;
                say(context, &new, format!("'{namespace}' is: {}", new.title))
            }
            Self::Offer { namespace, name, price, title } => {
                let path = format!("/api/v1/consultants/{namespace}/services/{name}");
                let service = Service { title, price };
                context.tell_registry(Method::PUT, &path, &service).await?;
                say(context, &service, format!("'{namespace}' offers {name} for {price}"))
            }
            Self::Certify { namespace, days } => {
                let span = jiff::SignedDuration::from_hours(24 * days);
                let until = jiff::Timestamp::now().checked_add(span).unwrap_or(jiff::Timestamp::MAX);
                let path = format!("/api/v1/consultants/{namespace}/certification");
                let new = NewCertification { until };
                context.tell_registry(Method::PUT, &path, &new).await?;
                say(context, &new, format!("'{namespace}' is certified until {}", date(until)))
            }
            Self::Order { namespace, service, milestones, reference } => {
                let reference = reference.unwrap_or_else(|| format!("SV-{}", uuid::Uuid::now_v7()));
                let service = service.to_string();
                let new = NewServiceOrder { reference, consultant: namespace, service, milestones };
                let order: ServiceOrder =
                    context.registry(Method::POST, "/api/v1/service-orders", new).await?;
                let done = format!(
                    "ordered {} of '{}' as {}: {} milestones",
                    order.service,
                    order.consultant,
                    order.reference,
                    order.milestones.len()
                );
                say(context, &order, done)
            }
            Self::Orders => orders(context).await,
            Self::Accept { reference, number } => {
                let path = format!("/api/v1/service-orders/{reference}/milestones/{number}/accept");
                let order: ServiceOrder = context.registry(Method::POST, &path, ()).await?;
                let invoice =
                    order.milestones.iter().find(|part| part.number == number).and_then(|part| part.invoice);
                let invoice = invoice.map(|number| format!(" by invoice {number}")).unwrap_or_default();
                say(context, &order, format!("milestone {number} is accepted, and charged{invoice}"))
            }
        }
    }
}

fn say(context: &Context, value: &impl serde::Serialize, done: String) -> Result {
    match context.settings.json {
        true => show::json(value),
        false => show::done(done),
    }
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<Consultant> = context.public_list("/api/v1/consultants").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let rows = page.items.iter().flat_map(|consultant| {
        let head =
            [consultant.namespace.to_string(), consultant.title.clone(), date(consultant.certified_until)];
        consultant.services.iter().map(move |(name, service)| {
            let own = [name.clone(), service.title.clone(), service.price.to_string()];
            head.iter().cloned().chain(own).collect()
        })
    });
    show::table(&["consultant", "what", "certified until", "service", "what for", ">price"], rows);
    Ok(())
}

async fn orders(context: &Context) -> Result {
    let page: Page<ServiceOrder> = context.registry_list("/api/v1/service-orders").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let rows = page.items.iter().flat_map(|order| {
        order.milestones.iter().map(|part| {
            let state = part.invoice.map_or("open".into(), |invoice| format!("invoice {invoice}"));
            vec![
                order.reference.clone(),
                part.number.to_string(),
                order.consultant.to_string(),
                order.customer.to_string(),
                part.title.clone(),
                part.price.to_string(),
                state,
            ]
        })
    });
    show::table(&["order", ">part", "consultant", "customer", "what", ">price", "state"], rows);
    Ok(())
}
