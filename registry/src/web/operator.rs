//! The money on the operator's console: what waits, payouts, the bank, what goes back, disputes, customers, the close of a month, and the
//! policies of the revenue share. Each page does what a route of the API does, by the same functions; what moves money is shown before it is done.

mod allotment;
mod approvals;
mod asking;
mod bank;
mod close;
mod customer;
mod customers;
mod dispute;
mod disputes;
mod line;
mod overview;
mod parts;
mod payout;
mod payouts;
mod policies;
mod policy_form;
mod profiles;
mod run;
mod send_back;
mod send_backs;
mod trial;

use axum::Router;
use axum::routing::{get, post};
use chandlery_money::Finance;

/// The routes of these pages.
pub(super) fn routes() -> Router<Finance> {
    Router::new()
        .route("/operator", get(overview::page))
        .route("/operator/approvals", get(approvals::list))
        .route("/operator/approvals/{id}", get(approvals::page).post(approvals::decide))
        .route("/operator/payouts", get(payouts::page))
        .route("/operator/payouts/all", get(payouts::all))
        .route("/operator/payouts/runs", post(payouts::propose))
        .route("/operator/payouts/runs/{run}", get(run::page))
        .route("/operator/payouts/runs/{run}/step", get(run::step_page).post(run::take))
        .route("/operator/payouts/runs/{run}/bank-file.xml", get(run::bank_file))
        .route("/operator/payouts/profiles", get(profiles::list))
        .route("/operator/payouts/profiles/{partner}/{version}", get(profiles::page).post(profiles::approve))
        .route("/operator/payouts/{id}", get(payout::page))
        .route("/operator/payouts/{id}/step", get(payout::step_page).post(payout::take))
        .route("/operator/bank", get(bank::page))
        .route("/operator/bank/statements", post(bank::bring))
        .route("/operator/bank/line", get(line::page))
        .route("/operator/bank/allotment", get(allotment::page).post(allotment::allot))
        .route("/operator/send-backs", get(send_backs::page))
        .route("/operator/send-backs/file", get(send_backs::next).post(send_backs::make))
        .route("/operator/send-backs/files/{number}/bank-file.xml", get(send_backs::file))
        .route("/operator/send-backs/{reference}", get(send_back::page))
        .route(
            "/operator/send-backs/{reference}/payee",
            get(send_back::payee_page).post(send_back::say_where),
        )
        .route("/operator/disputes", get(disputes::page))
        .route("/operator/disputes/dispute", get(dispute::page))
        .route("/operator/disputes/decision", get(dispute::decision_page).post(dispute::decide))
        .route("/operator/customers", get(customers::page))
        .route("/operator/customers/{account}", get(customer::page))
        .route("/operator/close", get(close::page))
        .route("/operator/close/{month}", get(close::month).post(close::close))
        .route("/operator/close/{month}/trial", get(trial::page))
        .route("/operator/policies", get(policies::page))
        .route("/operator/policies/next", get(policies::next).post(policies::follow))
}
