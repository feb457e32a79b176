//! Currencies: dated rates, and amounts in another currency.

use axum::extract::State;
use chandlery_package::column::Text;
use chandlery_package::money::divide_half_even;
use chandlery_package::wire::{Act, FxRate, Page, Paging};
use chandlery_package::{Balance, Currency};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use sqlx::AnyConnection;

use crate::{Error, Finance};
use chandlery_accounts::Caller;
use chandlery_accounts::audit::record_once;
use chandlery_edge::{Json, Query};
use chandlery_store::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How large the two whole numbers of a rate may be: twelve digits are more than any rate is quoted with.
const TERM_MAX: i64 = 1_000_000_000_000;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(list, set))
}

/// A rate that holds from its day on, as a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// So many of the quote's major unit …
    pub numerator: i64,
    /// … for so many of the base's.
    pub denominator: i64,
}

impl Ratio {
    const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// The amount in another currency, rounded half to even.
    pub fn convert(self, money: impl Into<Balance>, to: Currency) -> Result<Balance, Error> {
        let money = money.into();
        // Minor units differ in size: a yen has no cents.
        let up = 10_i128.pow(to.digits() as u32);
        let down = 10_i128.pow(money.currency().digits() as u32);
        // 63 bits of a balance, 40 of a rate and 7 of a hundred: none of this can overflow.
        let exact = i128::from(money.minor()) * i128::from(self.numerator) * up;
        Ok(Balance::new(divide_half_even(exact, i128::from(self.denominator) * down)?, to)?)
    }
}

/// The rate of a day: the latest one by then, of the pair or of its inverse. Where there is none, the error says what that stops.
pub async fn rate(
    db: &mut AnyConnection,
    base: Currency,
    quote: Currency,
    at: Timestamp,
    stops: impl FnOnce() -> String,
) -> Result<Ratio, Error> {
    if base == quote {
        return Ok(Ratio::ONE);
    }
    let day = at.strftime("%Y-%m-%d").to_string();
    let found: Option<(Text<Currency>, i64, i64)> = sqlx::query_as(
        "select base, numerator, denominator from fx_rates
         where day <= $1 and (base = $2 and quote = $3 or base = $3 and quote = $2) order by day desc, base limit 1",
    )
    .bind(&day)
    .bind(base.code())
    .bind(quote.code())
    .fetch_optional(db)
    .await?;
    match found {
        Some((Text(from), numerator, denominator)) if from == base => Ok(Ratio { numerator, denominator }),
        Some((_, numerator, denominator)) => Ok(Ratio { numerator: denominator, denominator: numerator }),
        None => Err(Error::NoRate { base, quote, day, stops: stops() }),
    }
}

/// An amount in another currency, by the rate of a day. Where there is none, the error says what that stops.
pub async fn convert(
    db: &mut AnyConnection,
    money: impl Into<Balance>,
    to: Currency,
    at: Timestamp,
    stops: impl FnOnce() -> String,
) -> Result<Balance, Error> {
    let money = money.into();
    rate(db, money.currency(), to, at, stops).await?.convert(money, to)
}

/// Sets an exchange rate from a day on; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/exchange-rates",
    request_body = FxRate,
    responses((status = 200, description = "Done.", body = FxRate))
)]
async fn set(
    State(finance): State<Finance>,
    caller: Caller,
    Json(new): Json<FxRate>,
) -> Result<Json<FxRate>, Error> {
    caller.must_operate("set exchange rates")?;
    if new.numerator > TERM_MAX || new.denominator > TERM_MAX {
        return Err(Error::Invalid(format!(
            "{} to {} is no rate: each of the two is at most {TERM_MAX}",
            new.numerator, new.denominator
        )));
    }
    if new.numerator <= 0 || new.denominator <= 0 || new.base == new.quote {
        return Err(Error::Invalid("a rate is above zero, and between two currencies".into()));
    }
    let mut write = finance.db.write().await?;
    sqlx::query(
        "insert into fx_rates (base, quote, day, numerator, denominator) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(new.base.code())
    .bind(new.quote.code())
    .bind(new.day.to_string())
    .bind(new.numerator)
    .bind(new.denominator)
    .execute(&mut *write)
    .await?;
    let (numerator, denominator): (i64, i64) = sqlx::query_as(
        "select numerator, denominator from fx_rates where base = $1 and quote = $2 and day = $3",
    )
    .bind(new.base.code())
    .bind(new.quote.code())
    .bind(new.day.to_string())
    .fetch_one(&mut *write)
    .await?;
    if (numerator, denominator) != (new.numerator, new.denominator) {
        return Err(Error::Conflict(format!(
            "the rate from {} to {} of {} was set before to another one, and may have been used",
            new.base, new.quote, new.day
        )));
    }
    let subject = format!("{}/{}", new.base, new.quote);
    record_once(&mut write, &caller.actor, Act::ExchangeRateSet, &subject, json!(new)).await?;
    write.commit().await?;
    Ok(Json(new))
}

/// A rate's place among all: its day, and the two currencies.
pub(crate) type Key = (Date, Currency, Currency);

/// Lists the exchange rates by day.
#[utoipa::path(
    get,
    path = "/api/v1/exchange-rates",
    params(Paging<Key>),
    responses((status = 200, description = "Done.", body = Page<FxRate>)),
    security(())
)]
async fn list(
    State(finance): State<Finance>,
    Query(paging): Query<Paging<Key>>,
) -> Result<Json<Page<FxRate>>, Error> {
    Ok(Json(rates(&finance.db, &paging).await?))
}

pub(crate) async fn rates(db: &Db, paging: &Paging<Key>) -> Result<Page<FxRate>, Error> {
    let (day, base, quote) = paging.after().map_or_else(
        || (String::new(), "", ""),
        |(day, base, quote)| (day.to_string(), base.code(), quote.code()),
    );
    let rows: Vec<(Text<Currency>, Text<Currency>, Text<Date>, i64, i64)> = sqlx::query_as(
        "select base, quote, day, numerator, denominator from fx_rates
         where day >= $1 and (day > $1 or base > $2 or base = $2 and quote > $3)
         order by day, base, quote limit $4",
    )
    .bind(day)
    .bind(base)
    .bind(quote)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(base), Text(quote), Text(day), ..)| (*day, *base, *quote));
    let read = |(Text(base), Text(quote), Text(day), numerator, denominator)| FxRate {
        base,
        quote,
        day,
        numerator,
        denominator,
    };
    Ok(page.map(read))
}
