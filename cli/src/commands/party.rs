//! Who is named on documents, as arguments: whoever sells here, and partners.

use chandlery_package::wire::{Page, Party, PrintedAccount, Seller, SellerVersion};
use clap::Args;
use jiff::civil::Date;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Somebody who is named on documents.
#[derive(Args)]
pub struct PartyArguments {
    /// The legal name
    #[arg(long, value_name = "NAME", requires = "country")]
    legal_name: Option<String>,
    /// Street and number
    #[arg(long, requires = "legal_name")]
    street: Option<String>,
    /// The postal code
    #[arg(long, requires = "legal_name")]
    postcode: Option<String>,
    /// City or town
    #[arg(long, requires = "legal_name")]
    city: Option<String>,
    /// ISO 3166 code, such as DE
    #[arg(long, requires = "legal_name")]
    country: Option<String>,
    /// The number for value added tax or, where there is none, the one that the tax office knows
    #[arg(long, value_name = "NUMBER", requires = "legal_name")]
    tax_number: Option<String>,
    /// The number in the register of companies
    #[arg(long, value_name = "NUMBER", requires = "legal_name")]
    registration: Option<String>,
    /// The e-mail address for questions about documents
    #[arg(long, value_name = "ADDRESS", requires = "legal_name")]
    contact: Option<String>,
}

impl PartyArguments {
    /// Whoever was named, if anybody was.
    pub fn party(self) -> Option<Party> {
        Some(Party {
            name: self.legal_name?,
            street: self.street,
            postcode: self.postcode,
            city: self.city,
            country: self.country.unwrap_or_default(),
            tax_number: self.tax_number,
            registration: self.registration,
            email: self.contact,
            id: None,
        })
    }
}

/// Say who sells here, as documents name it from a day on; without a name, show who does.
#[derive(Args)]
pub struct SellerArguments {
    #[command(flatten)]
    party: PartyArguments,
    /// The IBAN that customers pay to
    #[arg(long, requires = "legal_name")]
    iban: Option<String>,
    /// The BIC of its bank
    #[arg(long, requires = "iban")]
    bic: Option<String>,
    /// From this day on; today, unless given
    #[arg(long, value_name = "DAY")]
    since: Option<Date>,
}

impl SellerArguments {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result {
        let Some(party) = self.party.party() else { return list(context).await };
        let bic = self.bic;
        let bank = self.iban.map(|iban| PrintedAccount { holder: party.name.clone(), iban, bic });
        let today = || jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let since = self.since.unwrap_or_else(today);
        let version = SellerVersion { since, seller: Seller { party, bank } };
        let kept: SellerVersion = context.registry(Method::PUT, "/api/v1/sellers", version).await?;
        match context.settings.json {
            true => show::json(kept),
            false => show::done(format!("from {since} on documents name '{}'", kept.seller.party.name)),
        }
        Ok(())
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<SellerVersion> = context.public_list("/api/v1/sellers").await?;
    let row = |version: &SellerVersion| {
        let Party { name, country, tax_number, .. } = &version.seller.party;
        let number = tax_number.clone().unwrap_or_default();
        vec![version.since.to_string(), name.clone(), country.clone(), number]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(&["since", "name", "country", "tax number"], page.items.iter().map(row)),
    }
    Ok(())
}
