//! A document as EN 16931 has it, in the syntax of UN/CEFACT's Cross Industry Invoice, as Factur-X and ZUGFeRD carry it (profile
//! EN 16931). Numbers such as BT-31 are those of the standard's terms.

use chandlery_package::wire::{Document, DocumentKind, DocumentLine, Party, TaxCategory};
use chandlery_package::{Money, Rate, TaxNumber};
use jiff::civil::Date;

use self::element::{Element, element, text};
use crate::Error;

mod element;

/// The unit of a line: one of whatever its description says (UN/ECE Recommendation 20).
const ONE: &str = "C62";

/// The document as XML. It must name both parties.
pub(crate) fn xml(document: &Document) -> Result<String, Error> {
    let (Some(seller), Some(buyer)) = (&document.seller, &document.buyer) else {
        return Err(Error::Conflict(format!(
            "{} was issued before an operator had said who sells (`chandlery books seller`): it is a page alone",
            document.number
        )));
    };
    if buyer.country.is_empty() {
        return Err(Error::Conflict(format!(
            "{} was issued before its customer had said where it is (`chandlery invoices profile`): it is a page alone",
            document.number
        )));
    }
    let transaction = element("rsm:SupplyChainTradeTransaction")
        .with_each(document.lines.iter().enumerate().map(|(index, line)| trade_line(index + 1, line)))
        .with(
            element("ram:ApplicableHeaderTradeAgreement")
                .with(party("ram:SellerTradeParty", seller, document.terms.category, true))
                .with(party("ram:BuyerTradeParty", buyer, document.terms.category, false)),
        )
        .with(
            element("ram:ApplicableHeaderTradeDelivery").with(
                element("ram:ActualDeliverySupplyChainEvent")
                    .with(day("ram:OccurrenceDateTime", document.supplied_to)),
            ),
        )
        .with(settlement(document)?);
    let root = element("rsm:CrossIndustryInvoice")
        .attribute("xmlns:rsm", "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100")
        .attribute(
            "xmlns:ram",
            "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
        )
        .attribute("xmlns:udt", "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100")
        .attribute("xmlns:qdt", "urn:un:unece:uncefact:data:standard:QualifiedDataType:100")
        .with(
            element("rsm:ExchangedDocumentContext").with(
                element("ram:GuidelineSpecifiedDocumentContextParameter")
                    .with(text("ram:ID", "urn:cen.eu:en16931:2017")),
            ),
        )
        .with(header(document))
        .with(transaction);
    let failed = |error: String| Error::Damaged(format!("a document could not be written: {error}"));
    let bytes = root.document().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

fn header(document: &Document) -> Element {
    let note = |note: &String| element("ram:IncludedNote").with(text("ram:Content", note));
    element("rsm:ExchangedDocument")
        .with(text("ram:ID", &document.number))
        .with(text("ram:TypeCode", type_code(document.kind)))
        .with(day("ram:IssueDateTime", document.issued_on))
        .with_each(document.notes.iter().map(note))
}

/// What UNTDID 1001 calls it (BT-3).
fn type_code(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "380",
        DocumentKind::CreditNote => "381",
        DocumentKind::SelfBilled => "389",
        DocumentKind::SelfBilledCredit => "261",
    }
}

/// A line (BG-25): one of what it describes, or less one, where it is taken off, since no price is below zero.
fn trade_line(number: usize, line: &DocumentLine) -> Element {
    let (count, price) = match line.net.minor() < 0 {
        true => ("-1", line.net.negated()),
        false => ("1", line.net),
    };
    element("ram:IncludedSupplyChainTradeLineItem")
        .with(element("ram:AssociatedDocumentLineDocument").with(text("ram:LineID", number)))
        .with(
            element("ram:SpecifiedTradeProduct")
                .with(text("ram:Name", &line.description))
                .with(text("ram:Description", &line.quantity)),
        )
        .with(
            element("ram:SpecifiedLineTradeAgreement").with(
                element("ram:NetPriceProductTradePrice").with(text("ram:ChargeAmount", decimal(price))),
            ),
        )
        .with(
            element("ram:SpecifiedLineTradeDelivery")
                .with(text("ram:BilledQuantity", count).attribute("unitCode", ONE)),
        )
        .with(
            element("ram:SpecifiedLineTradeSettlement")
                .with(
                    element("ram:ApplicableTradeTax")
                        .with(text("ram:TypeCode", "VAT"))
                        .with(text("ram:CategoryCode", line.category))
                        .with_each(percent(line.category, line.rate)),
                )
                .with(
                    element("ram:SpecifiedTradeSettlementLineMonetarySummation")
                        .with(text("ram:LineTotalAmount", decimal(line.net))),
                ),
        )
}

/// A party (BG-4, BG-7). What is outside the scope of value added tax names no number for it; a seller has another one then.
fn party(name: &'static str, party: &Party, category: TaxCategory, sells: bool) -> Element {
    let number = party.tax_number.as_ref();
    let is_for_vat = number.is_some_and(|number| {
        TaxNumber::read(&party.country, number).is_ok_and(|number| number.is_for_value_added_tax())
    });
    let scheme = match (is_for_vat && category != TaxCategory::OutOfScope, sells) {
        (true, _) => Some("VA"),
        (false, true) => Some("FC"),
        (false, false) => None,
    };
    let registered = number.zip(scheme).map(|(number, scheme)| {
        element("ram:SpecifiedTaxRegistration").with(text("ram:ID", number).attribute("schemeID", scheme))
    });
    // A seller is known by one number at least (BR-CO-26).
    let id = party.id.as_ref().or(number.filter(|_| sells && party.registration.is_none()));
    let email = party.email.as_ref().map(|email| {
        element("ram:URIUniversalCommunication").with(text("ram:URIID", email).attribute("schemeID", "EM"))
    });
    let registration = party
        .registration
        .as_ref()
        .map(|id| element("ram:SpecifiedLegalOrganization").with(text("ram:ID", id)));
    element(name)
        .with_each(id.map(|id| text("ram:ID", id)))
        .with(text("ram:Name", &party.name))
        .with_each(registration)
        .with(
            element("ram:PostalTradeAddress")
                .with_each(party.postcode.as_ref().map(|postcode| text("ram:PostcodeCode", postcode)))
                .with_each(party.street.as_ref().map(|street| text("ram:LineOne", street)))
                .with_each(party.city.as_ref().map(|city| text("ram:CityName", city)))
                .with(text("ram:CountryID", &party.country)),
        )
        .with_each(email)
        .with_each(registered)
}

fn settlement(document: &Document) -> Result<Element, Error> {
    let currency = document.net.currency().code();
    let means = document.bank.as_ref().map(|bank| {
        let account = element("ram:PayeePartyCreditorFinancialAccount")
            .with(text("ram:IBANID", &bank.iban))
            .with(text("ram:AccountName", &bank.holder));
        let bic = bank.bic.as_ref().map(|bic| {
            element("ram:PayeeSpecifiedCreditorFinancialInstitution").with(text("ram:BICID", bic))
        });
        element("ram:SpecifiedTradeSettlementPaymentMeans")
            .with(text("ram:TypeCode", "30"))
            .with(account)
            .with_each(bic)
    });
    let period = (document.supplied_from != document.supplied_to).then(|| {
        element("ram:BillingSpecifiedPeriod")
            .with(day("ram:StartDateTime", document.supplied_from))
            .with(day("ram:EndDateTime", document.supplied_to))
    });
    let corrected = document.corrects.as_ref().map(|corrected| {
        element("ram:InvoiceReferencedDocument").with(text("ram:IssuerAssignedID", &corrected.number)).with(
            element("ram:FormattedIssueDateTime")
                .with(text("qdt:DateTimeString", digits(corrected.issued_on)).attribute("format", "102")),
        )
    });
    let sums = element("ram:SpecifiedTradeSettlementHeaderMonetarySummation")
        .with(text("ram:LineTotalAmount", decimal(document.net)))
        .with(text("ram:TaxBasisTotalAmount", decimal(document.net)))
        .with(text("ram:TaxTotalAmount", decimal(document.tax)).attribute("currencyID", currency))
        .with(text("ram:GrandTotalAmount", decimal(document.total)))
        .with(text("ram:TotalPrepaidAmount", decimal(document.paid)))
        .with(text("ram:DuePayableAmount", decimal(document.total.minus(document.paid)?)));
    Ok(element("ram:ApplicableHeaderTradeSettlement")
        .with_each(document.reference.as_ref().map(|reference| text("ram:PaymentReference", reference)))
        .with(text("ram:InvoiceCurrencyCode", currency))
        .with_each(means)
        .with(taxes(document))
        .with_each(period)
        .with(terms(document))
        .with(sums)
        .with_each(corrected))
}

/// The tax of the one category that all lines have (BG-23).
fn taxes(document: &Document) -> Element {
    let terms = &document.terms;
    let exemption = match terms.category {
        TaxCategory::Standard | TaxCategory::Zero => None,
        TaxCategory::ReverseCharge => Some("VATEX-EU-AE"),
        TaxCategory::OutOfScope => Some("VATEX-EU-O"),
    };
    let why = exemption.map(|_| text("ram:ExemptionReason", terms.note.as_ref().unwrap_or(&terms.name)));
    element("ram:ApplicableTradeTax")
        .with(text("ram:CalculatedAmount", decimal(document.tax)))
        .with(text("ram:TypeCode", "VAT"))
        .with_each(why)
        .with(text("ram:BasisAmount", decimal(document.net)))
        .with(text("ram:CategoryCode", terms.category))
        .with_each(exemption.map(|code| text("ram:ExemptionReasonCode", code)))
        .with_each(percent(terms.category, terms.rate))
}

fn terms(document: &Document) -> Element {
    let said = match (document.kind, document.due_on) {
        (DocumentKind::Invoice, Some(due)) => format!("Payable by {due}."),
        (DocumentKind::Invoice, None) => "Payable at once.".into(),
        (DocumentKind::CreditNote, _) => "Given back as it was paid, or taken off what is due.".into(),
        (DocumentKind::SelfBilled, _) => "Paid out once what was sold is paid and no longer on hold.".into(),
        (DocumentKind::SelfBilledCredit, _) => "Taken off what is paid out.".to_owned(),
    };
    element("ram:SpecifiedTradePaymentTerms")
        .with(text("ram:Description", said))
        .with_each(document.due_on.map(|due| day("ram:DueDateDateTime", due)))
}

/// A rate in per cent; what is outside the scope has none.
fn percent(category: TaxCategory, rate: Rate) -> Option<Element> {
    let shown = rate.to_string();
    let rate = text("ram:RateApplicablePercent", shown.trim_end_matches('%'));
    (category != TaxCategory::OutOfScope).then_some(rate)
}

fn day(name: &'static str, day: Date) -> Element {
    element(name).with(text("udt:DateTimeString", digits(day)).attribute("format", "102"))
}

/// A day as the syntax writes it, by its format 102: `20261128`.
fn digits(day: Date) -> String {
    day.strftime("%Y%m%d").to_string()
}

/// `85.00`: the currency is said beside it.
fn decimal(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::Corrected;

    use super::*;
    use crate::documents::sample;

    #[test]
    fn amounts_dates_and_numbers_stand_where_the_standard_has_them() {
        let text = xml(&sample::invoice()).unwrap();
        for wanted in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rsm:CrossIndustryInvoice xmlns:rsm=",
            "<ram:ID>INV-7</ram:ID><ram:TypeCode>380</ram:TypeCode>",
            "<ram:ChargeAmount>33.00</ram:ChargeAmount>",
            "<ram:BilledQuantity unitCode=\"C62\">-1</ram:BilledQuantity>",
            "<ram:LineTotalAmount>-33.00</ram:LineTotalAmount>",
            "<ram:Name>Globex &lt;SA&gt;</ram:Name>",
            "<ram:ID schemeID=\"VA\">FR40303265045</ram:ID>",
            "<ram:ExemptionReasonCode>VATEX-EU-AE</ram:ExemptionReasonCode>",
            "<ram:RateApplicablePercent>0</ram:RateApplicablePercent>",
            "<udt:DateTimeString format=\"102\">20261031</udt:DateTimeString>",
            "<ram:TaxTotalAmount currencyID=\"EUR\">0.00</ram:TaxTotalAmount>",
            "<ram:DuePayableAmount>89.00</ram:DuePayableAmount>",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }

    #[test]
    fn what_is_outside_the_scope_names_no_number_for_value_added_tax() {
        let mut document = sample::invoice();
        document.kind = DocumentKind::CreditNote;
        let issued_on = document.issued_on;
        document.corrects = Some(Corrected { number: "INV-6".into(), issued_on });
        document.terms.category = TaxCategory::OutOfScope;
        for line in &mut document.lines {
            (line.category, line.description) = (TaxCategory::OutOfScope, "a\u{1}b & c".into());
        }
        let text = xml(&document).unwrap();
        assert!(text.contains("<ram:ID schemeID=\"FC\">DE136695976</ram:ID>"), "{text}");
        assert!(!text.contains("schemeID=\"VA\"") && !text.contains("RateApplicablePercent"), "{text}");
        assert!(text.contains("<ram:IssuerAssignedID>INV-6</ram:IssuerAssignedID>"), "{text}");
        assert!(text.contains("a\u{fffd}b &amp; c"), "{text}");
        document.seller = None;
        assert!(matches!(xml(&document), Err(Error::Conflict(_))));
    }
}
