//! Of what a partner is told by mail.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, NoticeKind};
use chandlery_store::Db;
use serde_json::json;
use sqlx::AnyConnection;

use crate::Error;

/// The kinds of which a partner is told by mail.
pub async fn chosen(db: &mut AnyConnection, partner: &Namespace) -> Result<Vec<NoticeKind>, Error> {
    let rows: Vec<(Text<NoticeKind>, i64)> =
        sqlx::query_as("select kind, by_mail from partner_notice_choices where partner = $1")
            .bind(partner.as_str())
            .fetch_all(db)
            .await?;
    let is_mailed = |kind: &NoticeKind| {
        let chosen = rows.iter().find(|(Text(known), _)| known == kind);
        chosen.map_or(kind.is_mailed_unless_chosen(), |(_, by_mail)| *by_mail == 1)
    };
    Ok(NoticeKind::ALL.iter().copied().filter(is_mailed).collect())
}

/// Lets a partner be told by mail of these kinds, and of no others.
pub async fn choose(
    db: &Db,
    actor: &Actor,
    partner: &Namespace,
    kinds: &[NoticeKind],
) -> Result<Vec<NoticeKind>, Error> {
    let mut write = db.write().await?;
    let before = chosen(&mut write, partner).await?;
    for kind in NoticeKind::ALL {
        sqlx::query(
            "insert into partner_notice_choices (partner, kind, by_mail) values ($1, $2, $3)
             on conflict (partner, kind) do update set by_mail = excluded.by_mail",
        )
        .bind(partner.as_str())
        .bind(kind.as_str())
        .bind(i64::from(kinds.contains(&kind)))
        .execute(&mut *write)
        .await?;
    }
    let after = chosen(&mut write, partner).await?;
    if before != after {
        record(&mut write, actor, Act::NoticesChosen, partner.as_str(), json!(before), json!(after)).await?;
    }
    write.commit().await?;
    Ok(after)
}
