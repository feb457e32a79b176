//! Random invoices and credit notes: what their documents say adds up, and is what the books say.

use chandlery_accounts::Actor;
use chandlery_package::wire::{
    BillingProfile, Document, InvoiceLine, InvoiceLineKind, NewRefund, Paging, TaxCategory, TaxRule,
};
use chandlery_package::{Currency, Money, Namespace, Rate};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::billing::{self, NewInvoice, refunds};
use crate::sharing::{self, NewSale};
use crate::testing::{at, faults, market};
use crate::{Finance, documents};

/// A market in Germany, with a customer at home, one in another member state, and one elsewhere.
async fn opened() -> (tempfile::TempDir, Finance, [Namespace; 3]) {
    let customers = ["berlin", "lyon", "zurich"];
    let (folder, finance) = market(&customers, "").await;
    let machine = Actor::machine();
    for (country, rate) in [("DE", "19%"), ("FR", "5.5%")] {
        let since = "2020-01-01".parse().unwrap();
        let rule =
            TaxRule { country: country.into(), since, name: "VAT".into(), rate: rate.parse().unwrap() };
        billing::add_rule(&finance.db, &machine, &rule).await.unwrap();
    }
    let seller = r#"{"party":{"name":"Chandlery","country":"DE","tax_number":"DE136695976"}}"#;
    let sql = "insert into sellers (since, body) values ('2020-01-01', $1)";
    sqlx::query(sql).bind(seller).execute(finance.db.read()).await.unwrap();
    for (base, quote) in Currency::ALL.into_iter().flat_map(|base| Currency::ALL.map(|quote| (base, quote))) {
        let sql = "insert into fx_rates (base, quote, day, numerator, denominator) values ($1, $2, '2020-01-01', 1, 1)";
        sqlx::query(sql).bind(base.code()).bind(quote.code()).execute(finance.db.read()).await.unwrap();
    }
    let names = customers.map(|name| name.parse::<Namespace>().unwrap());
    for (name, country) in names.iter().zip(["DE", "FR", "CH"]) {
        let profile = BillingProfile {
            country: country.into(),
            email: None,
            tax_id: None,
            name: None,
            street: None,
            postcode: None,
            city: None,
        };
        billing::set_profile(&finance.db, &machine, name, &profile).await.unwrap();
    }
    (folder, finance, names)
}

/// Issues an invoice of random lines, each a sale, and gives its number.
async fn invoice(finance: &Finance, customer: &Namespace, currency: Currency, random: &mut StdRng) -> i64 {
    let now = at("2026-01-02T00:00:00Z");
    let mut write = crate::testing::writing(&finance.db).await;
    let seller: Namespace = "acme".parse().unwrap();
    let mut lines = Vec::new();
    for index in 0..random.random_range(1..5) {
        let gross = Money::new(random.random_range(1..100_000_i64), currency).unwrap();
        let source = format!("test {} {index}", random.random::<u64>());
        let sale = NewSale {
            source,
            customer,
            seller: &seller,
            plugin: None,
            gross,
            referrer: None,
            at: now,
            shared_by: now,
        };
        let sale = sharing::accrue(&mut write, &sale).await.unwrap();
        let (kind, description) = (InvoiceLineKind::Service, format!("<work & {index}>"));
        lines.push(InvoiceLine { kind, description, quantity: "1".into(), amount: gross, sale: Some(sale) });
    }
    let new =
        NewInvoice { account: customer, currency, lines: &lines, told: None, period: None, hold_days: 0 };
    let number = billing::issue(&mut write, &new, |transaction| transaction, now).await.unwrap();
    write.commit().await.unwrap();
    number
}

/// Credits an invoice in random parts until nothing is left of it or the dice say so.
async fn credit(finance: &Finance, number: i64, random: &mut StdRng) {
    for part in 0..3 {
        let mut write = crate::testing::writing(&finance.db).await;
        let invoice = billing::find_invoice(&mut write, number).await.unwrap();
        let amount =
            Money::new(random.random_range(1..=invoice.net.minor()), invoice.net.currency()).unwrap();
        let key = format!("{number} {part}");
        let new = NewRefund { key, amount, line: None, reason: "slow".into(), as_credit: false };
        // What is more than is left is refused, and leaves nothing behind.
        if refunds::book_refund(&mut write, number, &new, 0, at("2026-01-03T00:00:00Z")).await.is_ok() {
            write.commit().await.unwrap();
        }
    }
}

async fn all(finance: &Finance, series: &str) -> Vec<Document> {
    let mut items = documents::list(&finance.db, series, &Paging::first(1000)).await.unwrap().items;
    items.reverse();
    items
}

#[tokio::test]
async fn random_documents_add_up_and_have_no_gaps() {
    let (_folder, finance, customers) = opened().await;
    let mut random = StdRng::seed_from_u64(16931);
    for round in 0..60 {
        let currency = Currency::ALL[random.random_range(0..Currency::ALL.len())];
        let number = invoice(&finance, &customers[round % customers.len()], currency, &mut random).await;
        if random.random_bool(0.6) {
            credit(&finance, number, &mut random).await;
        }
    }
    let (invoices, notes) =
        (all(&finance, documents::INVOICES).await, all(&finance, documents::CREDIT_NOTES).await);
    assert!(invoices.len() == 60 && notes.len() > 20, "{}", notes.len());
    for (series, documents) in [("INV", &invoices), ("CN", &notes)] {
        for (index, document) in documents.iter().enumerate() {
            assert_eq!(document.number, format!("{series}-{}", index + 1));
            let lines =
                Money::sum(document.net.currency(), document.lines.iter().map(|line| line.net)).unwrap();
            assert_eq!((lines, document.net.plus(document.tax).unwrap()), (document.net, document.total));
            documents::xml(document).unwrap();
        }
    }
    for (index, invoice) in invoices.iter().enumerate() {
        let (category, rate) = [
            (TaxCategory::Standard, "19%"),
            (TaxCategory::Standard, "5.5%"),
            (TaxCategory::OutOfScope, "0%"),
        ][index % 3];
        assert_eq!((invoice.terms.category, invoice.terms.rate), (category, rate.parse::<Rate>().unwrap()));
        // Rounded once, of the sum of the lines.
        assert_eq!(invoice.tax, invoice.net.at(invoice.terms.rate).unwrap());
        let credited = |amount: fn(&Document) -> Money| {
            let own = notes
                .iter()
                .filter(|note| note.corrects.as_ref().is_some_and(|of| of.number == invoice.number));
            Money::sum(invoice.net.currency(), own.map(amount)).unwrap()
        };
        let (net, tax) = (credited(|note| note.net), credited(|note| note.tax));
        assert!(
            net.minor() <= invoice.net.minor() && tax.minor() <= invoice.tax.minor(),
            "{}",
            invoice.number
        );
        assert!(net != invoice.net || tax == invoice.tax, "the last part lands on zero: {}", invoice.number);
    }
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    for (planted, says) in [
        ("update documents set tax_minor = tax_minor + 1 where series = 'INV' and number = 3", "INV-3 says another amount"),
        ("update documents set net_minor = net_minor - 1 where series = 'CN' and number = 2", "CN-2 says another amount"),
        (
            "insert into documents (series, number, kind, issued_on, country, category, rate, currency, net_minor, tax_minor, body)
             select 'SB-acme', 2, kind, issued_on, country, category, rate, currency, net_minor, tax_minor, body
             from documents where series = 'INV' and number = 1",
            "the numbers of SB-acme have gaps",
        ),
    ] {
        sqlx::query(planted).execute(finance.db.read()).await.unwrap();
        let found = faults(&finance.db).await;
        assert!(found.iter().any(|fault| fault.contains(says)), "{says}: {found:?}");
    }
}
