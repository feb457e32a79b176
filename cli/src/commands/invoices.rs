//! `chandlery invoices`: what this account owes, and its refunds.

use chandlery_package::Money;
use chandlery_package::wire::PaymentIntent;
use chandlery_package::wire::{
    BillingProfile, BillingStanding, CreditNote, Invoice, NewPayment, NewRefund, Page,
};
use clap::Subcommand;
use reqwest::Method;

use super::subscription::date;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// What this account owes.
#[derive(Subcommand)]
pub enum Invoices {
    /// Show this account's invoices
    List,
    /// Show one invoice
    Show {
        /// The invoice's number
        number: i64,
        /// As a page for print
        #[arg(long)]
        html: bool,
        /// As comma-separated values
        #[arg(long, conflicts_with = "html")]
        csv: bool,
        /// As EN 16931 has it: a Cross Industry Invoice
        #[arg(long, conflicts_with_all = ["html", "csv"])]
        xml: bool,
    },
    /// Show this account's credit notes
    CreditNotes,
    /// Print a credit note, as a page
    CreditNote {
        /// The credit note's number
        number: i64,
        /// As EN 16931 has it: a Cross Industry Invoice
        #[arg(long)]
        xml: bool,
    },
    /// Say where this account is, for taxes, documents and reminders; without a country, show that
    Profile {
        /// ISO 3166 code, such as DE
        country: Option<String>,
        /// Where reminders go
        #[arg(long, requires = "country")]
        email: Option<String>,
        /// The number for value added tax, if there is one
        #[arg(long, value_name = "NUMBER", requires = "country")]
        tax_id: Option<String>,
        /// The legal name that documents are made out to
        #[arg(long, requires = "country")]
        name: Option<String>,
        /// Street and number
        #[arg(long, requires = "country")]
        street: Option<String>,
        /// The postal code
        #[arg(long, requires = "country")]
        postcode: Option<String>,
        /// City or town
        #[arg(long, requires = "country")]
        city: Option<String>,
    },
    /// Begin to pay through the processor of payments
    Pay {
        /// The invoice's number
        number: i64,
    },
    /// Record that an invoice's bank transfer has arrived (for operators)
    Paid {
        /// The invoice's number
        number: i64,
        /// What arrived, such as "99.00 USD"
        amount: Money,
        /// The bank's own reference of the transfer
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
    },
    /// Refund what an invoice was paid with, or take it off what is due (for operators)
    Refund {
        /// The invoice's number
        number: i64,
        /// How much, without taxes, which follow
        amount: Money,
        /// Why, as the credit note says it to the customer
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Of which line, counted from 0; of all, in proportion, unless given
        #[arg(long)]
        line: Option<i64>,
        /// Keep it as credit for the next invoice
        #[arg(long)]
        as_credit: bool,
        /// Makes it the same refund when it is asked for again
        #[arg(long, value_name = "TEXT")]
        key: Option<String>,
    },
}

impl Invoices {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => list(context).await,
            Self::Show { number, html, csv, xml } => {
                let form =
                    [(html, "page"), (csv, "csv"), (xml, "xml")].into_iter().find(|(wanted, _)| *wanted);
                show_one(context, number, form.map(|(_, form)| form)).await
            }
            Self::CreditNote { number, xml } => {
                let form = if xml { "xml" } else { "page" };
                let path = format!("/api/v1/credit-notes/{number}/{form}");
                show::document(&context.registry_text(&path).await?);
                Ok(())
            }
            Self::Profile { country: None, .. } => standing(context).await,
            Self::CreditNotes => credit_notes(context).await,
            Self::Profile { country: Some(country), email, tax_id, name, street, postcode, city } => {
                let profile = BillingProfile { country, email, tax_id, name, street, postcode, city };
                let profile: BillingProfile =
                    context.registry(Method::PUT, "/api/v1/billing-profile", profile).await?;
                match context.settings.json {
                    true => show::json(profile),
                    false => show::done(format!("taxes are those of {}", profile.country)),
                }
                Ok(())
            }
            Self::Pay { number } => {
                let path = format!("/api/v1/invoices/{number}/payment-intent");
                let intent: PaymentIntent = context.registry(Method::POST, &path, ()).await?;
                match context.settings.json {
                    true => show::json(intent),
                    false => show::done(format!("{} can be paid as {}", intent.amount, intent.id)),
                }
                Ok(())
            }
            Self::Paid { number, amount, bank_reference } => {
                let path = format!("/api/v1/invoices/{number}/payment");
                let payment = NewPayment { bank_reference, amount };
                let invoice: Invoice = context.registry(Method::POST, &path, payment).await?;
                match context.settings.json {
                    true => show::json(invoice),
                    false => show::done(format!("invoice {number} of '{}' is paid", invoice.account)),
                }
                Ok(())
            }
            Self::Refund { number, amount, reason, line, as_credit, key } => {
                let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
                let new = NewRefund { key, amount, line, reason, as_credit };
                let path = format!("/api/v1/invoices/{number}/refunds");
                let note: CreditNote = context.registry(Method::POST, &path, new).await?;
                match context.settings.json {
                    true => show::json(note),
                    false => show::done(format!(
                        "credit note {}: {} and {} of tax of invoice {number}",
                        note.number, note.net, note.tax
                    )),
                }
                Ok(())
            }
        }
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<Invoice> = context.registry_list("/api/v1/invoices").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |invoice: &Invoice| {
        let first = invoice.lines.first().map(|line| line.description.clone()).unwrap_or_default();
        let more = match invoice.lines.len() {
            0 | 1 => String::new(),
            lines => format!(" and {} more", lines - 1),
        };
        vec![
            invoice.number.to_string(),
            format!("{first}{more}"),
            invoice.net.to_string(),
            invoice.tax.to_string(),
            invoice.total.to_string(),
            date(invoice.due_at),
            invoice.state.to_string(),
        ]
    };
    show::table(&[">number", "for", ">net", ">tax", ">total", "due", "state"], page.items.iter().map(row));
    Ok(())
}

/// Shows where the account is, and how it would be taxed.
async fn standing(context: &Context) -> Result {
    let standing: BillingStanding = context.registry(Method::GET, "/api/v1/billing-profile", ()).await?;
    if context.settings.json {
        show::json(standing);
        return Ok(());
    }
    if let Some(profile) = &standing.profile {
        show::check("country", &profile.country);
        show::check("tax number", profile.tax_id.as_deref().unwrap_or("none"));
    }
    if let Some(check) = &standing.check {
        let valid = if check.valid { "valid" } else { "not valid" };
        show::check("VIES", &format!("{} is {valid}, as of {}", check.number, date(check.at)));
    }
    show::check("taxed by", &standing.terms.name);
    if let Some(note) = &standing.terms.note {
        show::note(note);
    }
    Ok(())
}

async fn show_one(context: &Context, number: i64, form: Option<&str>) -> Result {
    let path = format!("/api/v1/invoices/{number}");
    if let Some(form) = form {
        show::document(&context.registry_text(&format!("{path}/{form}")).await?);
        return Ok(());
    }
    let invoice: Invoice = context.registry(Method::GET, &path, ()).await?;
    if context.settings.json {
        show::json(invoice);
        return Ok(());
    }
    let rows = invoice
        .lines
        .iter()
        .map(|line| vec![line.description.clone(), line.quantity.clone(), line.amount.to_string()]);
    show::table(&["what", "how much", ">amount"], rows);
    show::check("tax", &invoice.tax.to_string());
    show::check("total", &invoice.total.to_string());
    show::note(format!("due by {}, {}", date(invoice.due_at), invoice.state));
    Ok(())
}

async fn credit_notes(context: &Context) -> Result {
    let page: Page<CreditNote> = context.registry_list("/api/v1/credit-notes").await?;
    let row = |note: &CreditNote| {
        vec![
            note.number.to_string(),
            note.invoice.to_string(),
            note.net.to_string(),
            note.tax.to_string(),
            date(note.at),
            note.reason.clone(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(
            &[">number", ">invoice", ">net", ">tax", "date", "reason"],
            page.items.iter().map(row),
        ),
    }
    Ok(())
}
