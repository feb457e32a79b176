//! What the registry says of the figures, and how an amount is shown that may be none.

use chandlery_package::Balance;
use chandlery_package::wire::Figures;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;

/// Asks for the figures of all months.
pub async fn ask(context: &Context) -> Result<Figures> {
    context.registry(Method::GET, "/api/v1/figures", ()).await
}

/// An amount, or that there is none.
pub fn money(amount: Option<Balance>) -> String {
    amount.map_or_else(|| "none".into(), |amount| amount.to_string())
}
