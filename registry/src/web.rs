//! Pages, rendered here, that work without JavaScript, but for passkeys, which a browser gives to scripts alone.

mod account;
mod chart;
mod cohorts;
mod consultants;
mod customer;
mod dashboard;
mod device;
mod email;
mod factor;
mod figures;
mod layout;
mod operator;
mod organisations;
mod passkeys;
mod password;
mod pricing;
mod register;
mod selling;
mod session;
mod sessions;
mod sign_on;
mod tokens;
mod welcome;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;

use chandlery_money::Finance;
use chandlery_money::payouts::transactions_csv;

use crate::catalog::Search;
use crate::shell::kept_by_its_visitor;

/// The routes of this room.
pub fn routes<S>(finance: Finance, search: Arc<Search>, styleguide: bool) -> Router<S> {
    let guide = match styleguide {
        true => Router::new().route("/styleguide", get(layout::guide)),
        false => Router::new(),
    };
    Router::new()
        .route("/login", get(session::form).post(session::log_in))
        .route("/login/code", axum::routing::post(session::go_on))
        .route("/login/sso", get(sign_on::begin))
        .route("/login/sso/callback/{organisation}", get(sign_on::arrive))
        .route("/logout", axum::routing::post(session::log_out))
        .route("/register", get(register::form).post(register::open))
        .route("/pricing", get(pricing::page))
        .route("/consultants", get(consultants::page))
        .route("/style.css", get(layout::style))
        .route("/account", get(account::page))
        .route("/account/email", get(email::form).post(email::change))
        .route("/account/email/verification", get(email::verification).post(email::verify))
        .route("/account/second-factor", get(factor::page).post(factor::act))
        .route("/account/sessions", get(sessions::page).post(sessions::end))
        .route("/account/organisations", get(organisations::page).post(organisations::choose))
        .route("/account/passkeys", get(passkeys::page).post(passkeys::act))
        .route("/passkeys.js", get(passkeys::script))
        .route("/account/sign-on", get(sign_on::page).post(sign_on::act))
        .route("/account/tokens", get(tokens::page).post(tokens::act))
        .route("/account/password", get(password::form).post(password::change))
        .route("/device", get(device::form).post(device::act))
        .route("/device/{code}", get(device::page))
        .route("/figures", get(figures::page))
        .route("/figures/cohorts", get(cohorts::page))
        .route("/figures/{month}", get(figures::month))
        .route("/dashboard", get(dashboard::own))
        .route("/dashboard/{partner}", get(dashboard::page))
        .route("/publish/plugins/{namespace}/{name}/price", get(selling::page).post(selling::set_price))
        .route("/publish/plugins/{namespace}/{name}/coupons", axum::routing::post(selling::make_coupon))
        .merge(dashboard_lists())
        .merge(customer::routes())
        .merge(operator::routes())
        .merge(guide)
        .merge(welcome::routes(finance.clone(), search))
        .layer(map_response(kept_by_its_visitor))
        .with_state(finance)
}

/// The pages and tables that the dashboard leads to.
fn dashboard_lists() -> Router<Finance> {
    use dashboard::{
        bank, customers, disputes, earned, notices, payouts, sale, sales, statements, transactions, usage,
    };
    Router::new()
        .route("/dashboard/{partner}/gross-to-net.csv", get(earned::waterfall_table))
        .route("/dashboard/{partner}/earnings.csv", get(earned::steps_table))
        .route("/dashboard/{partner}/plugins.csv", get(earned::plugins_table))
        .route("/dashboard/{partner}/plugins", get(transactions::plugins))
        .route("/dashboard/{partner}/sales", get(sales::list))
        .route("/dashboard/{partner}/sales.csv", get(sales::csv))
        .route("/dashboard/{partner}/sales/{number}", get(sale::one))
        .route("/dashboard/{partner}/customers", get(customers::page))
        .route("/dashboard/{partner}/customers.csv", get(customers::csv))
        .route("/dashboard/{partner}/contracts.csv", get(customers::contracts_table))
        .route("/dashboard/{partner}/use", get(usage::page))
        .route("/dashboard/{partner}/use.csv", get(usage::csv))
        .route("/dashboard/{partner}/payouts", get(payouts::list))
        .route("/dashboard/{partner}/payouts.csv", get(payouts::csv))
        .route("/dashboard/{partner}/payouts/{id}", get(payouts::one))
        .route("/dashboard/{partner}/statements", get(statements::list))
        .route("/dashboard/{partner}/statements/{month}", get(statements::one))
        .route("/dashboard/{partner}/statements/{month}/table.csv", get(statements::csv))
        .route("/dashboard/{partner}/disputes", get(disputes::list))
        .route("/dashboard/{partner}/bank", get(bank::page).post(bank::write))
        .route("/dashboard/{partner}/notices", get(notices::page).post(notices::act))
        .route("/dashboard/{partner}/disputes.csv", get(disputes::csv))
        .route("/dashboard/{partner}/transactions", get(transactions::list))
        .route("/dashboard/{partner}/transactions.csv", get(transactions_csv))
}
