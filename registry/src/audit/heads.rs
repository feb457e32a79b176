//! The trail's head in the transparency log, once a month: what was before it cannot be written anew without a change of the log, which
//! hosts and witnesses have seen.

use chandlery_accounts::audit;
use chandlery_log::Error;
use chandlery_package::log::Entry;
use chandlery_package::{Digest, Month};
use chandlery_store::Db;
use jiff::Timestamp;
use sqlx::AnyConnection;

/// Puts the head that the trail had at the end of the last month into the log, unless it is there or nothing was done before.
pub async fn log_head(db: &Db, now: Timestamp) -> Result<(), Error> {
    let month = Month::of(now).previous();
    let mut reader = db.read().acquire().await?;
    if is_logged(&mut reader, month).await? {
        return Ok(());
    }
    drop(reader);
    let mut write = db.write().await?;
    // Another replica may have been first.
    if is_logged(&mut write, month).await? {
        return Ok(());
    }
    let Some((number, hash)) = audit::head(&mut write, month.next().first_moment()).await? else {
        return Ok(());
    };
    let head: Digest = format!("sha256:{hash}")
        .parse()
        .map_err(|_| Error::damaged(format!("the hash of entry {number} of the audit trail")))?;
    let index = chandlery_log::append(&mut write, &Entry::AuditHead { month, number, head, at: now }).await?;
    sqlx::query("insert into audit_heads (month, number, log_index) values ($1, $2, $3)")
        .bind(month.to_string())
        .bind(number)
        .bind(index as i64)
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

async fn is_logged(db: &mut AnyConnection, month: Month) -> Result<bool, Error> {
    let found: Option<(i64,)> = sqlx::query_as("select number from audit_heads where month = $1")
        .bind(month.to_string())
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use chandlery_package::log::{AuditHead, History};

    use super::*;
    use crate::Registry;
    use crate::testing::registry;

    async fn heads(registry: &Registry) -> Vec<AuditHead> {
        let rows: Vec<(String,)> = sqlx::query_as("select entry from log_entries order by idx")
            .fetch_all(registry.db.read())
            .await
            .unwrap();
        let mut history = History::default();
        for (entry,) in rows {
            history.apply(&Entry::parse(history.size, entry.as_bytes()).unwrap()).unwrap();
        }
        history.audit_heads().to_vec()
    }

    #[tokio::test]
    async fn the_head_of_a_month_is_logged_once_when_it_is_over() {
        let (_folder, registry) = registry().await;
        let month = Month::of(Timestamp::now());
        log_head(&registry.db, Timestamp::now()).await.unwrap();
        assert!(heads(&registry).await.is_empty(), "nothing was done before this month");
        for now in [
            month.next().first_moment(),
            month.next().first_moment(),
            month.next().last_moment(),
            month.next().next().first_moment(),
        ] {
            log_head(&registry.db, now).await.unwrap();
        }
        let last = audit::after(&registry.db, 0).await.unwrap().pop().unwrap();
        let heads = heads(&registry).await;
        let months: Vec<_> = heads.iter().map(|head| head.month).collect();
        assert_eq!(months, [month, month.next()]);
        for head in heads {
            assert_eq!((head.number, head.head.hex()), (last.number, last.hash.clone()));
        }
    }
}
