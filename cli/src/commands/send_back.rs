//! `chandlery books send-back`: what goes back to customers by the bank.

use chandlery_package::wire::{Page, Payee, SendBack, SendBackFile, SendBackState};
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// What goes back to customers by the bank: refunds of transfers, and lines that are sent back
#[derive(Subcommand)]
pub enum SendBacks {
    /// Show what goes or went back
    List {
        /// Those in this state alone: open, filed, left or returned
        #[arg(long)]
        state: Option<SendBackState>,
    },
    /// Say where a transfer goes of which no bank has said where the money came from
    To {
        /// REFUND-3 or BACK-4
        reference: String,
        /// Whose account it is
        #[arg(long, value_name = "TEXT")]
        holder: String,
        /// The IBAN of the account
        #[arg(long)]
        iban: String,
        /// The BIC of its bank, where that is not found by the IBAN
        #[arg(long)]
        bic: Option<String>,
    },
    /// Print a bank file (ISO 20022 pain.001) of all that waits, each transfer in one file alone
    File {
        /// Print the file of this number again instead
        number: Option<i64>,
    },
}

impl SendBacks {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List { state } => list(context, state).await,
            Self::To { reference, holder, iban, bic } => {
                let path = format!("/api/v1/bank/send-backs/{reference}");
                let to = Payee { holder, iban, bic };
                let sent: SendBack = context.registry(Method::PUT, &path, to).await?;
                match context.settings.json {
                    true => show::json(sent),
                    false => show::done(format!(
                        "{} of {} goes to {}",
                        sent.reference,
                        sent.amount,
                        iban_of(&sent)
                    )),
                }
                Ok(())
            }
            Self::File { number } => file(context, number).await,
        }
    }
}

fn iban_of(sent: &SendBack) -> String {
    sent.to.as_ref().map_or_else(String::new, |to| to.iban.clone())
}

async fn list(context: &Context, state: Option<SendBackState>) -> Result {
    let query = state.map(|state| format!("?state={state}")).unwrap_or_default();
    let page: Page<SendBack> = context.registry_list(&format!("/api/v1/bank/send-backs{query}")).await?;
    let row = |sent: &SendBack| {
        vec![
            sent.reference.clone(),
            sent.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
            sent.amount.to_string(),
            sent.cause.clone(),
            iban_of(sent),
            sent.file.map(|file| file.to_string()).unwrap_or_default(),
            sent.state.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => {
            let columns = ["transfer", "customer", ">amount", "cause", "to", ">file", "state"];
            show::table(&columns, page.items.iter().map(row));
        }
    }
    Ok(())
}

async fn file(context: &Context, number: Option<i64>) -> Result {
    let number = match number {
        Some(number) => number,
        None => {
            let made: SendBackFile =
                context.registry(Method::POST, "/api/v1/bank/send-back-files", ()).await?;
            made.number
        }
    };
    let path = format!("/api/v1/bank/send-back-files/{number}");
    show::document(&context.registry_text(&path).await?);
    Ok(())
}
