//! The rails that money leaves by: by hand, by a bank file, or through Stripe. Another one is a file here, and a word in `Rail`.

mod sepa;

use chandlery_package::wire::{Payout, PayoutProfile, Rail};
use serde::{Deserialize, Serialize};

use crate::{Error, Registry};

pub use sepa::{BankAccount, check_account, file};

/// How a transfer names the payout that it is for.
pub fn reference(payout: i64) -> String {
    format!("PAYOUT-{payout}")
}

/// The payout that a transfer's text names.
pub fn number_in(text: &str) -> Option<i64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter_map(|word| word.strip_prefix("PAYOUT-")).find_map(|number| number.parse().ok())
}

/// What a rail says when it has taken a payout on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The rail's own name for it.
    pub remote_id: Option<String>,
}

/// Gives an approved payout to its rail. Given again, it is not sent again.
pub(super) async fn give(
    registry: &Registry,
    payout: &Payout,
    profile: &PayoutProfile,
) -> Result<Taken, Error> {
    match &profile.rail {
        // An operator transfers it, or uploads the run's bank file.
        Rail::Manual | Rail::Sepa { .. } => Ok(Taken { remote_id: None }),
        Rail::Stripe { account } => {
            let none = || Error::Conflict("this registry has no processor of payments to send it by".into());
            let processor = registry.processor.as_deref().ok_or_else(none)?;
            let id = processor.transfer(payout.id, account, payout.sent).await?;
            Ok(Taken { remote_id: Some(id) })
        }
    }
}
