//! How a partner is paid.

use chandlery_package::wire::{PayoutProfile, ProfileVersion, Rail, Schedule};
use chandlery_package::{Currency, Money, Namespace, Rate};
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::commands::party::PartyArguments;
use crate::failure::Result;
use crate::show;

/// How a partner is paid.
#[derive(Args)]
pub struct Profile {
    /// The partner's namespace
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
    #[command(flatten)]
    legal: PartyArguments,
    /// What is withheld for the state (for operators)
    #[arg(long, value_name = "RATE", default_value = "0%")]
    withheld: Rate,
}

impl Profile {
    /// Asks for it; it holds once an operator has approved it.
    pub async fn run(self, context: &Context) -> Result {
        let rail = match (self.iban, self.stripe) {
            (Some(iban), _) => Rail::Sepa { holder: self.holder.unwrap_or_default(), iban, bic: self.bic },
            (None, Some(account)) => Rail::Stripe { account },
            (None, None) => Rail::Manual,
        };
        let Self { currency, minimum, schedule, withheld, legal, partner, .. } = self;
        let legal = legal.party();
        let profile = PayoutProfile { rail, currency, minimum, schedule, withheld, legal };
        let path = format!("/api/v1/partners/{partner}/payout-profile");
        let found: ProfileVersion = context.registry(Method::PUT, &path, profile).await?;
        say(context, &partner, &found);
        Ok(())
    }
}

/// Says how a partner is paid, and what is missing for it to hold.
pub fn say(context: &Context, partner: &Namespace, found: &ProfileVersion) {
    if context.settings.json {
        show::json(found);
        return;
    }
    let rail = found.profile.rail.kind();
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
