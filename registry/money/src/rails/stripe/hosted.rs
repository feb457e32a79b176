//! Payments on a page of Stripe's own: a customer is sent there, and comes back when it has paid, or has not. What it comes back with
//! says nothing: the books follow what Stripe tells of the payment, which names what it is for.
//!
//! <https://docs.stripe.com/api/checkout/sessions>

use chandlery_package::{Money, Namespace};

use super::intents::payable;
use crate::rails::Subject;
use crate::{Error, Finance, Processor};

/// A page of the processor's on which a customer pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPage {
    /// Where it is.
    pub url: String,
    /// What is paid there.
    pub amount: Money,
}

/// Whether customers can be sent to one: there is a processor that can be asked, and it is known where they come back to.
pub fn is_offered(finance: &Finance) -> bool {
    let asked = finance.processor.as_deref().is_some_and(Processor::can_be_asked);
    asked && finance.accounts.page("/").is_ok()
}

/// Makes a page on which a customer pays what is due, and from which it comes back to `/checkout/return/…`. Asked again for the same
/// amount on the same day, it is the same one: Stripe ends one after a day, and may give what it has answered for longer than that.
pub async fn payment_page(
    finance: &Finance,
    customer: &Namespace,
    subject: &Subject,
) -> Result<PaymentPage, Error> {
    let processor = finance.processor()?;
    let amount = payable(finance, customer, subject).await?;
    let back = finance.accounts.page(&format!("/checkout/return/{subject}"))?;
    let form = [
        ("mode", "payment".to_owned()),
        ("success_url", back.clone()),
        ("cancel_url", back),
        ("client_reference_id", subject.to_string()),
        ("line_items[0][quantity]", "1".into()),
        ("line_items[0][price_data][currency]", amount.currency().code().to_lowercase()),
        ("line_items[0][price_data][unit_amount]", amount.minor().to_string()),
        ("line_items[0][price_data][product_data][name]", subject.to_string()),
        ("payment_intent_data[description]", subject.to_string()),
        ("payment_intent_data[metadata][subject]", subject.to_string()),
    ];
    let day = finance.clock.now().strftime("%Y-%m-%d");
    let key = format!("chandlery-page-{subject}-{}-{day}", amount.minor());
    let made = processor.post("checkout/sessions", &key, &form).await?;
    let url = made.text("url")?.to_owned();
    match url.starts_with("https://") {
        true => Ok(PaymentPage { url, amount }),
        false => Err(Error::Processor("its page is not reached by TLS".into())),
    }
}
