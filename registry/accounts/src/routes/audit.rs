//! `/api/v1/audit`: who did what.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, header};
use chandlery_edge::{Json, Query};
use chandlery_package::Namespace;
use chandlery_package::wire::{Act, AuditEntry, Page, Paging};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Accounts, Caller, Error, audit};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Accounts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(export))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Of {
    /// What one account did.
    actor: Option<Namespace>,
    /// One kind of act.
    act: Option<Act>,
    /// What was done to one thing, such as `acme:serving`, `policy 2`, `DE` or `EUR/USD`.
    subject: Option<String>,
    /// What was done from this moment on.
    from: Option<Timestamp>,
    /// What was done before this moment.
    before: Option<Timestamp>,
}

/// Lists what was done that needs a right, by whom, the newest first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    params(Of, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<AuditEntry>))
)]
async fn list(
    State(accounts): State<Accounts>,
    caller: Caller,
    Query(of): Query<Of>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<AuditEntry>>, Error> {
    caller.must_operate("see the audit trail")?;
    let Of { actor, act, subject, from, before } = of;
    let filter = audit::Filter { actor, act, subject, from, before };
    Ok(Json(audit::list(&accounts.db, &filter, &paging).await?))
}

/// Exports the whole audit trail as lines of JSON, the oldest entry first; for operators.
#[utoipa::path(
    get,
    path = "/api/v1/audit.jsonl",
    responses((status = 200, description = "The trail.", content_type = "application/jsonl", body = String))
)]
async fn export(
    State(accounts): State<Accounts>,
    caller: Caller,
) -> Result<([(HeaderName, &'static str); 2], Body), Error> {
    caller.must_operate("see the audit trail")?;
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(audit::export(accounts.db))))
}
