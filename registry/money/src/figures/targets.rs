//! What figures are meant to be, by month, as operators set it.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::Month;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Figure, FigureTarget, MonthFigures, Quantity, TargetRow};
use serde_json::json;
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::Db;

/// Sets a target, or takes it back. The same again changes nothing.
pub(super) async fn set(db: &Db, actor: &Actor, new: &FigureTarget) -> Result<(), Error> {
    let FigureTarget { figure, month, target } = *new;
    if let Some(target) = target.filter(|target| !figure.takes(*target)) {
        return Err(Error::Invalid(format!(
            "{target} is no {}: write it as {}",
            figure.title(),
            figure.example()
        )));
    }
    let mut write = db.write().await?;
    let before: Option<(Text<Quantity>,)> =
        sqlx::query_as("select target from figure_targets where figure = $1 and month = $2")
            .bind(figure.as_str())
            .bind(month.to_string())
            .fetch_optional(&mut *write)
            .await?;
    let before = before.map(|(Text(before),)| before);
    if before == target {
        return Ok(());
    }
    sqlx::query("delete from figure_targets where figure = $1 and month = $2")
        .bind(figure.as_str())
        .bind(month.to_string())
        .execute(&mut *write)
        .await?;
    if let Some(target) = target {
        sqlx::query("insert into figure_targets (figure, month, target) values ($1, $2, $3)")
            .bind(figure.as_str())
            .bind(month.to_string())
            .bind(target.to_string())
            .execute(&mut *write)
            .await?;
    }
    let subject = format!("{figure} {month}");
    record(&mut write, actor, Act::FigureTargetSet, &subject, json!(before), json!(target)).await?;
    write.commit().await?;
    Ok(())
}

/// All targets by month, each with what its figure is.
pub(super) async fn compared(
    db: &mut AnyConnection,
    months: &[MonthFigures],
) -> Result<Vec<TargetRow>, Error> {
    let rows: Vec<(Text<Figure>, Text<Month>, Text<Quantity>)> =
        sqlx::query_as("select figure, month, target from figure_targets order by month, figure")
            .fetch_all(db)
            .await?;
    let compared = rows.into_iter().map(|(Text(figure), Text(month), Text(target))| {
        let found = months.iter().find(|found| found.month == month);
        TargetRow::of(figure, month, target, found)
    });
    Ok(compared.collect())
}
