//! What the processor of payments has told, what it is owed to be told, and payments of more than was due.

use chandlery_package::Money;
use chandlery_package::wire::{
    EventState, NewSettlement, OwedRequest, Page, ProcessorEvent, Settlement, SettlementWay, SurplusPayment,
    ToldEvent,
};
use clap::{Args, Subcommand};
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show what the processor of payments has told, and what became of it
#[derive(Args)]
pub struct Events {
    /// Those in this state alone: applied, parked, ignored or unhandled
    #[arg(long)]
    state: Option<EventState>,
    #[command(subcommand)]
    one: Option<Event>,
}

/// A single event of the processor's.
#[derive(Subcommand)]
enum Event {
    /// Show an event as the processor has told it
    Show {
        /// The processor's own id of it, evt_…
        id: String,
    },
}

impl Events {
    /// Shows all of them, or one.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self { one: Some(Event::Show { id }), .. } => show_event(context, &id).await,
            Self { state, one: None } => list_events(context, state).await,
        }
    }
}

async fn list_events(context: &Context, state: Option<EventState>) -> Result {
    let query = state.map_or_else(String::new, |state| format!("?state={state}"));
    let path = format!("/api/v1/processor/events{query}");
    let page: Page<ProcessorEvent> = context.registry_list(&path).await?;
    let row = |event: &ProcessorEvent| {
        let (received, state) = (event.received_at.to_string(), event.state.to_string());
        vec![
            event.id.clone(),
            received,
            event.kind.clone(),
            event.object.clone(),
            state,
            event.reason.clone(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            let columns = ["event", "received", "kind", "object", "state", "reason"];
            show::table(&columns, page.items.iter().map(row));
        }
    }
    Ok(())
}

async fn show_event(context: &Context, id: &str) -> Result {
    let path = format!("/api/v1/processor/events/{id}");
    let told: ToldEvent = context.registry(Method::GET, &path, ()).await?;
    if context.settings.json {
        show::json(told);
        return Ok(());
    }
    let ToldEvent { event, tries, body } = told;
    let columns = ["event", "received", "kind", "object", "state", ">tries", "reason"];
    let (received, state) = (event.received_at.to_string(), event.state.to_string());
    let row = vec![event.id, received, event.kind, event.object, state, tries.to_string(), event.reason];
    show::table(&columns, std::iter::once(row));
    show::document(&body);
    Ok(())
}

/// Show payments of which more arrived than was due, or whose refund failed
#[derive(Args)]
pub struct Surplus {
    #[command(subcommand)]
    one: Option<GiveBack>,
}

/// What to do with a payment of more than was due.
#[derive(Subcommand)]
enum GiveBack {
    /// Give back what is left of a payment and still the customer's credit
    Refund {
        /// The processor's own id of the payment, pi_…
        id: String,
    },
}

impl Surplus {
    /// Shows all of them, or gives one back.
    pub async fn run(self, context: &Context) -> Result {
        match self.one {
            Some(GiveBack::Refund { id }) => give_back(context, &id).await,
            None => list_surplus(context).await,
        }
    }
}

async fn list_surplus(context: &Context) -> Result {
    let page: Page<SurplusPayment> = context.registry_list("/api/v1/processor/surplus").await?;
    let row = |payment: &SurplusPayment| {
        let (customer, surplus) = (payment.customer.to_string(), payment.surplus.to_string());
        vec![payment.id.clone(), payment.subject.clone(), customer, surplus]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&["payment", "for", "customer", ">surplus"], page.items.iter().map(row)),
    }
    Ok(())
}

async fn give_back(context: &Context, id: &str) -> Result {
    let path = format!("/api/v1/processor/surplus/{id}/refund");
    let amount: Money = context.registry(Method::POST, &path, ()).await?;
    match context.settings.json {
        true => show::json(amount),
        false => show::done(format!("{amount} of payment {id} go back to the customer")),
    }
    Ok(())
}

/// Show what the processor of payments is owed to be told, and has not answered
#[derive(Args)]
pub struct Requests {
    #[command(subcommand)]
    one: Option<Settle>,
}

/// What to do with a request that the processor refuses.
#[derive(Subcommand)]
enum Settle {
    /// Say what becomes of a request that the processor is sent no more
    Settle {
        /// The request, as it is listed: refund:… or transfer:…
        request: String,
        /// again: it is sent again; a refund also credit: the customer's next invoices are paid with it, or bank: it goes back by
        /// a transfer
        #[arg(long = "as", value_name = "WAY")]
        way: SettlementWay,
    },
}

impl Requests {
    /// Shows all of them, or settles one.
    pub async fn run(self, context: &Context) -> Result {
        match self.one {
            Some(Settle::Settle { request, way }) => settle(context, request, way).await,
            None => list_requests(context).await,
        }
    }
}

async fn settle(context: &Context, request: String, way: SettlementWay) -> Result {
    let is_sent_again = way == SettlementWay::Again;
    let new = NewSettlement { request, way };
    let settled: Settlement = context.registry(Method::POST, "/api/v1/processor/settlements", new).await?;
    if context.settings.json {
        show::json(settled);
        return Ok(());
    }
    let Settlement { request, amount, kept, reference } = settled;
    show::done(match reference {
        Some(reference) => format!("{kept} of {request} go back by the bank as {reference}"),
        None if is_sent_again => format!("{request} is sent again"),
        None => format!("{kept} of the {amount} of {request} are the customer's credit"),
    });
    Ok(())
}

async fn list_requests(context: &Context) -> Result {
    let page: Page<OwedRequest> = context.registry_list("/api/v1/processor/requests").await?;
    let row = |request: &OwedRequest| {
        vec![
            request.key.clone(),
            request.about.clone(),
            request.amount.to_string(),
            request.owed_at.to_string(),
            request.due_at.to_string(),
            request.tries.to_string(),
            request.state.to_string(),
            request.reason.clone(),
        ]
    };
    let columns = ["request", "about", ">amount", "owed since", "next try", ">tries", "state", "answer"];
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&columns, page.items.iter().map(row)),
    }
    Ok(())
}
