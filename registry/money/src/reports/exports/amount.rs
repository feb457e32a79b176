//! An amount as other programs read it.

use chandlery_package::{Currency, Money};

use crate::Error;

/// `12.30`: the currency is that of the export.
pub(super) fn plain(minor: i64, currency: Currency) -> Result<String, Error> {
    let text = Money::new(minor, currency)?.to_string();
    Ok(text.split(' ').next().unwrap_or(&text).to_owned())
}
