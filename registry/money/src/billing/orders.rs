//! Orders of plugins, each at the offer that it was made at. What costs once is paid by a transfer that names the order's
//! reference; everything else is invoiced when the month is over.

mod ending;
mod kept;
mod paying;
mod placing;

pub use ending::end;
pub(crate) use kept::{Key, customers, find, lasting_of};
pub use kept::{find_of, order_of, orders};
pub use paying::record_payment;
pub(crate) use paying::{pay, record_payment_within};
pub use placing::order;
pub(super) use placing::order_within;
