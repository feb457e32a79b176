//! Notices by mail: whatever waits for a partner goes into one letter, so that the close of a month with thousands of sales is one, too.

use std::collections::BTreeMap;

use chandlery_accounts::{Role, tell_members};
use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_store::Db;
use jiff::Timestamp;

use crate::Error;

/// How many notices one letter is about at most.
const NOTICES_MAX: i64 = 10_000;
/// How many of them it tells; of the others it tells how many they are.
const TOLD_MAX: usize = 50;

/// Writes to the owners of each partner for whom something waits.
pub async fn mail(db: &Db, now: Timestamp) -> Result<(), Error> {
    let partners: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select distinct partner from partner_notices where mail = 'waiting' order by partner",
    )
    .fetch_all(db.read())
    .await?;
    for (Text(partner),) in partners {
        mail_to(db, &partner, now).await?;
    }
    Ok(())
}

async fn mail_to(db: &Db, partner: &Namespace, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let waiting: Vec<(String, String, String)> = sqlx::query_as(
        "select id, kind, text from partner_notices where partner = $1 and mail = 'waiting' order by id limit $2",
    )
    .bind(partner.as_str())
    .bind(NOTICES_MAX)
    .fetch_all(&mut *write)
    .await?;
    let (Some((first, ..)), Some((last, ..))) = (waiting.first(), waiting.last()) else { return Ok(()) };
    let (subject, body) = letter(partner, &waiting);
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
fn letter(partner: &Namespace, waiting: &[(String, String, String)]) -> (String, String) {
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
        "\nAll of it is at /dashboard/{partner}, and at /dashboard/{partner}/notices you choose what you are told.\n"
    ));
    (subject, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_tells_of_all_and_shows_the_first() {
        let sale = |number: usize| (format!("msg_{number}"), "sale".to_owned(), format!("sale {number}"));
        let refund = ("msg_x".to_owned(), "refund".to_owned(), "a refund".to_owned());
        let acme: Namespace = "acme".parse().unwrap();
        let (subject, body) = letter(&acme, &[vec![refund], (0..60).map(sale).collect()].concat());
        assert_eq!(subject, "What 'acme' earns: refund (1), sale (60)");
        assert!(body.starts_with("- a refund\n- sale 0\n") && body.contains("\nand 11 more.\n"), "{body}");
        let (_, one) = letter(&acme, &[sale(1)]);
        assert!(!one.contains("more"), "{one}");
    }
}
