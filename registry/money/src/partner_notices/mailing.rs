//! Notices by mail: whatever waits for a partner goes into one letter, so that the close of a month with thousands of sales is one, too.

use std::collections::BTreeMap;

use chandlery_accounts::{Accounts, Role, tell_members};
use chandlery_package::Namespace;
use chandlery_package::column::Text;
use jiff::Timestamp;

use crate::{Error, Finance};

/// How many notices one letter is about at most.
const NOTICES_MAX: i64 = 10_000;
/// How many of them it tells; of the others it tells how many they are.
const TOLD_MAX: usize = 50;

/// Writes to the owners of each partner for whom something waits. Whatever comes of one partner, the others are written to.
pub async fn mail(finance: &Finance, now: Timestamp) -> Result<(), Error> {
    let partners: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select distinct partner from partner_notices where mail = 'waiting' order by partner",
    )
    .fetch_all(finance.db.read())
    .await?;
    for (Text(partner),) in partners {
        if let Err(error) = mail_to(finance, &partner, now).await {
            tracing::error!(%error, %partner, "a partner could not be told by mail: it is tried again");
        }
    }
    Ok(())
}

async fn mail_to(finance: &Finance, partner: &Namespace, now: Timestamp) -> Result<(), Error> {
    let mut write = finance.db.write().await?;
    let waiting: Vec<(String, String, String)> = sqlx::query_as(
        "select id, kind, text from partner_notices where partner = $1 and mail = 'waiting' order by id limit $2",
    )
    .bind(partner.as_str())
    .bind(NOTICES_MAX)
    .fetch_all(&mut *write)
    .await?;
    let (Some((first, ..)), Some((last, ..))) = (waiting.first(), waiting.last()) else { return Ok(()) };
    let (subject, body) = letter(&finance.accounts, partner, &waiting);
    tell_members(&mut write, partner, Role::Owner, first, &subject, &body, now).await?;
    sqlx::query(
        "update partner_notices set mail = 'sent' where partner = $1 and mail = 'waiting' and id <= $2",
    )
    .bind(partner.as_str())
    .bind(last)
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(())
}

/// One letter about all of these: each with its id, its kind and what it says.
fn letter(
    accounts: &Accounts,
    partner: &Namespace,
    waiting: &[(String, String, String)],
) -> (String, String) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, kind, _) in waiting {
        *counts.entry(kind).or_default() += 1;
    }
    let counted: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    let subject = format!("What '{partner}' earns: {}", counted.join(", "));
    let mut body = String::new();
    for (.., text) in waiting.iter().take(TOLD_MAX) {
        body.push_str(&format!("- {text}\n"));
    }
    if let Some(more @ 1..) = waiting.len().checked_sub(TOLD_MAX) {
        body.push_str(&format!("\nand {more} more.\n"));
    }
    body.push_str(&format!(
        "\nAll of it is shown {}by `chandlery payouts transactions {partner}`. What you are told, you choose {}.\n",
        accounts.link(&format!("/dashboard/{partner}")),
        accounts.on_page(&format!("/dashboard/{partner}/notices")),
    ));
    (subject, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_letter_tells_of_all_and_shows_the_first() {
        let (_folder, finance) = crate::testing::finance().await;
        let sale = |number: usize| (format!("msg_{number}"), "sale".to_owned(), format!("sale {number}"));
        let refund = ("msg_x".to_owned(), "refund".to_owned(), "a refund".to_owned());
        let acme: Namespace = "acme".parse().unwrap();
        let (subject, body) =
            letter(&finance.accounts, &acme, &[vec![refund], (0..60).map(sale).collect()].concat());
        assert_eq!(subject, "What 'acme' earns: refund (1), sale (60)");
        assert!(body.starts_with("- a refund\n- sale 0\n") && body.contains("\nand 11 more.\n"), "{body}");
        let (_, one) = letter(&finance.accounts, &acme, &[sale(1)]);
        assert!(!one.contains("more"), "{one}");
        let said = "shown by `chandlery payouts transactions acme`. What you are told, you choose on the registry's page /dashboard/";
        assert!(one.contains(said), "{one}");
        let at = finance.accounts.reached_at(Some("https://plugins.example"));
        let (_, one) = letter(&at, &acme, &[sale(1)]);
        for place in [
            "shown at https://plugins.example/dashboard/acme or by",
            "at https://plugins.example/dashboard/acme/notices.",
        ] {
            assert!(one.contains(place), "{one}");
        }
    }
}
