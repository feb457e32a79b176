//! `/api/v1/policies`, `/api/v1/sales` and `/api/v1/disputes`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::wire::{
    Act, ApprovalRequest, ClosedDispute, NewDispute, NewPolicy, NewVolumeGroup, Page, Paging, PolicyVersion,
    ReplayDifference,
};
use chandlery_package::{Namespace, RevenueSharePolicy};
use serde_json::json;

use super::{disputes, policies, volume_groups};
use crate::ledger::{self, By};
use crate::{Error, Finance};
use chandlery_accounts::audit::{record, record_once};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most that is booked as a processor's fee with a dispute that an operator records, in minor units: nobody else looks at it.
const FEE_MAX_MINOR: i64 = 10_000;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new()
        .routes(routes!(list, follow))
        .routes(routes!(replay))
        .routes(routes!(set_group))
        .routes(routes!(open))
        .routes(routes!(close))
}

/// Lists the policies by which sales are shared.
///
/// How sales are shared is no secret.
#[utoipa::path(
    get,
    path = "/api/v1/policies",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<PolicyVersion>)),
    security(())
)]
async fn list(
    State(finance): State<Finance>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<PolicyVersion>>, Error> {
    Ok(Json(policies::list(&finance.db, &paging).await?))
}

/// Lets a policy follow; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/policies",
    request_body = NewPolicy,
    responses(
        (status = 201, description = "Done.", body = PolicyVersion),
        (status = 202, description = "Others must approve it.", body = ApprovalRequest)
    )
)]
async fn follow(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewPolicy>,
) -> Result<Response, Error> {
    caller.must_operate("set the policy")?;
    let followed = policies::follow(&finance, &caller, &new).await?;
    Ok(followed.answer(|set| (StatusCode::CREATED, Json(set)).into_response()))
}

/// Shares all sales again by a policy, to see what would differ; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/policies/replay",
    request_body = RevenueSharePolicy,
    responses((status = 200, description = "Done.", body = Page<ReplayDifference>))
)]
async fn replay(
    State(finance): State<Finance>,
    caller: Account,
    Json(policy): Json<RevenueSharePolicy>,
) -> Result<Json<Page<ReplayDifference>>, Error> {
    caller.must_operate("try a policy")?;
    let mut snapshot = finance.db.snapshot().await?;
    // A row for each partner and currency of a table that is computed as a whole.
    Ok(Json(Page::whole(super::replay(&mut snapshot, &policy).await?)))
}

/// Says with whom a publisher belongs together; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/volume-group",
    params(("namespace" = Namespace, Path)),
    request_body = NewVolumeGroup,
    responses((status = 204, description = "Done."))
)]
async fn set_group(
    State(finance): State<Finance>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
    Json(new): Json<NewVolumeGroup>,
) -> Result<StatusCode, Error> {
    caller.must_operate("say which publishers belong together")?;
    let mut write = finance.db.write().await?;
    let before = volume_groups::set(&mut write, &namespace, new.group.as_deref()).await?;
    if before != new.group {
        let (subject, before) = (namespace.as_str(), json!({ "group": before }));
        record(&mut write, &caller.actor, Act::VolumeGroupSet, subject, before, json!(new)).await?;
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Records that a customer's bank has taken a payment back; for operators.
#[utoipa::path(
    post,
    path = "/api/v1/disputes",
    request_body = NewDispute,
    responses((status = 204, description = "Done."))
)]
async fn open(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<NewDispute>,
) -> Result<StatusCode, Error> {
    caller.must_operate("record disputes")?;
    if new.fee.currency() != new.amount.currency() || new.fee.minor() < 0 {
        return Err(Error::Invalid("the fee has the currency of the amount, and is not below zero".into()));
    }
    if new.fee.minor() > FEE_MAX_MINOR {
        let most = new.fee.with_minor(FEE_MAX_MINOR)?;
        return Err(Error::Invalid(format!(
            "no processor charges {} for a dispute, and at most {most} is booked with one: record the rest by `chandlery expense`, which \
             the rules of approvals look at",
            new.fee
        )));
    }
    let now = finance.clock.now();
    finance
        .db
        .group_commit(move |write| {
            Box::pin(async move {
                ledger::by(write, By::Actor(&caller.actor));
                super::open_dispute(write, &new.id, new.sale, new.amount, new.fee, now).await?;
                let after = json!(new);
                record_once(write, &caller.actor, Act::DisputeOpened, &new.id, after).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Records how the bank has decided a dispute; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/disputes/{id}",
    params(("id" = String, Path)),
    request_body = ClosedDispute,
    responses((status = 204, description = "Done."))
)]
async fn close(
    State(finance): State<Finance>,
    caller: Caller,
    Path(id): Path<String>,
    Json(closed): Json<ClosedDispute>,
) -> Result<StatusCode, Error> {
    caller.must_operate("close disputes")?;
    disputes::decide(&finance.db, &caller.actor, &id, &closed, finance.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
