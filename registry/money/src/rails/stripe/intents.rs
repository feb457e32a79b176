//! Payments that customers begin, and complete at Stripe.

use chandlery_package::wire::PaymentIntent;
use chandlery_package::{Money, Namespace};

use super::payments;
use crate::billing;
use crate::rails::Subject;
use crate::{Error, Finance};

/// What a customer may pay now for something of its own, or that nothing is due for it.
pub(super) async fn payable(
    finance: &Finance,
    customer: &Namespace,
    subject: &Subject,
) -> Result<Money, Error> {
    let mut read = finance.db.read().acquire().await?;
    if subject.customer(&mut read).await? != *customer {
        return Err(subject.missing());
    }
    if let Subject::Order(reference) = subject {
        let order = billing::orders::find(&mut read, reference).await?;
        if order.due.is_none() {
            return Err(Error::Invalid(format!("order '{reference}' is invoiced by the month")));
        }
        if order.invoice.is_none() {
            billing::quote_must_hold(&mut read, &order, finance.clock.now()).await?;
        }
    }
    let due = subject.due(&mut read).await?.filter(|due| due.minor() > 0);
    due.ok_or_else(|| Error::Conflict(format!("nothing is due for '{subject}'")))
}

/// Begins a payment of what is due.
pub async fn begin(
    finance: &Finance,
    customer: &Namespace,
    subject: &Subject,
) -> Result<PaymentIntent, Error> {
    let (db, processor) = (&finance.db, finance.processor()?);
    let amount = payable(finance, customer, subject).await?;
    let form = [
        ("amount", amount.minor().to_string()),
        ("currency", amount.currency().code().to_lowercase()),
        ("description", subject.to_string()),
        ("metadata[subject]", subject.to_string()),
        ("automatic_payment_methods[enabled]", "true".into()),
    ];
    let key = format!("chandlery-{subject}-{}", amount.minor());
    let made = processor.post("payment_intents", &key, &form).await?;
    let intent =
        PaymentIntent { id: made.id()?, client_secret: made.text("client_secret")?.to_owned(), amount };
    let mut write = db.write().await?;
    payments::begun(&mut write, &intent.id, subject, amount).await?;
    write.commit().await?;
    Ok(intent)
}
