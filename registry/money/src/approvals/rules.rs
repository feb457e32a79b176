//! How many others must approve what: rows by kind and amount.

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, ApprovalKind, ApprovalRule};
use chandlery_package::{Currency, Money};
use chandlery_store::Write;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::Error;

/// The most that a rule asks for.
const APPROVALS_MAX: i64 = 2;

/// All rules, by kind and amount.
pub(crate) async fn list(db: &mut AnyConnection) -> Result<Vec<ApprovalRule>, Error> {
    let rows: Vec<(Text<ApprovalKind>, String, i64, i64)> = sqlx::query_as(
        "select kind, currency, above_minor, approvals from approval_rules order by kind, currency, above_minor",
    )
    .fetch_all(db)
    .await?;
    let read = |(Text(kind), currency, minor, approvals): (Text<ApprovalKind>, String, i64, i64)| {
        let above = match currency.as_str() {
            "" => None,
            code => Some(Money::new(minor, code.parse::<Currency>()?)?),
        };
        Ok(ApprovalRule { kind, above, approvals })
    };
    rows.into_iter().map(read).collect()
}

/// How many must approve something of this amount.
pub(super) async fn needed(
    db: &mut AnyConnection,
    kind: ApprovalKind,
    amount: Option<Money>,
) -> Result<i64, Error> {
    Ok(needed_by(&list(db).await?, kind, amount))
}

/// The same by these rules. What cannot be compared needs as much as the strictest of its kind.
pub(super) fn needed_by(rules: &[ApprovalRule], kind: ApprovalKind, amount: Option<Money>) -> i64 {
    let of_kind: Vec<_> = rules.iter().filter(|rule| rule.kind == kind).collect();
    let currency = amount.map(Money::currency);
    let is_named = of_kind.iter().any(|rule| rule.above.map(Money::currency) == currency);
    let holds = |rule: &&&ApprovalRule| match (rule.above, amount) {
        (None, _) | (Some(_), None) => true,
        (Some(above), Some(amount)) if above.currency() == amount.currency() => {
            amount.minor() > above.minor()
        }
        (Some(_), Some(_)) => !is_named,
    };
    match of_kind.is_empty() {
        true => 1,
        false => of_kind.iter().filter(holds).map(|rule| rule.approvals).max().unwrap_or(0),
    }
}

/// Refuses a rule that makes no sense, or by which one alone could change the rules.
pub(crate) fn check(rule: &ApprovalRule) -> Result<(), Error> {
    if !(0..=APPROVALS_MAX).contains(&rule.approvals) {
        return Err(Error::Invalid(format!("a rule asks for 0 to {APPROVALS_MAX} approvals")));
    }
    if rule.above.is_some_and(|above| above.minor() < 0) {
        return Err(Error::Invalid("a rule holds above nothing, or above more".into()));
    }
    match rule.kind {
        ApprovalKind::Rules if rule.approvals == 0 || rule.above.is_some() => {
            Err(Error::Invalid("each change of the rules is approved by another operator".into()))
        }
        _ => Ok(()),
    }
}

/// Sets a rule. The same again changes nothing.
pub(crate) async fn set(write: &mut Write, actor: &Actor, rule: &ApprovalRule) -> Result<(), Error> {
    check(rule)?;
    let (currency, minor) = rule.above.map_or(("", 0), |above| (above.currency().code(), above.minor()));
    let before: Option<(i64,)> = sqlx::query_as(
        "select approvals from approval_rules where kind = $1 and currency = $2 and above_minor = $3",
    )
    .bind(rule.kind.as_str())
    .bind(currency)
    .bind(minor)
    .fetch_optional(&mut **write)
    .await?;
    if before == Some((rule.approvals,)) {
        return Ok(());
    }
    sqlx::query(
        "insert into approval_rules (kind, currency, above_minor, approvals) values ($1, $2, $3, $4)
         on conflict (kind, currency, above_minor) do update set approvals = excluded.approvals",
    )
    .bind(rule.kind.as_str())
    .bind(currency)
    .bind(minor)
    .bind(rule.approvals)
    .execute(&mut **write)
    .await?;
    let was = before.map_or(Value::Null, |(approvals,)| json!({ "approvals": approvals }));
    record(write, actor, Act::ApprovalRuleSet, rule.kind.as_str(), was, json!(rule)).await?;
    Ok(())
}
