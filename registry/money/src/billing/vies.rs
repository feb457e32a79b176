//! What the European Union's VIES says of tax numbers. Its answers are kept, and each is asked for again: a number counts as proved
//! for a while after the last answer that it is valid, and until there is one it is not.

use std::time::Duration;

use chandlery_package::TaxNumber;
use chandlery_package::column::Json;
use chandlery_package::wire::TaxCheck;
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use sqlx::AnyConnection;

use crate::{Error, Vies, documents};

/// How long an answer may take: a state may be slow.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read: names and addresses are short.
const ANSWER_BYTES_MAX: usize = 65_536;
/// How long an answer counts.
const COUNTS: SignedDuration = SignedDuration::from_hours(30 * 24);
/// After how long a number is asked for again that there is an answer for.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// After how long it is asked for again, where there was none.
const SOON: SignedDuration = SignedDuration::from_mins(10);
/// How many numbers are asked for in one go.
const AT_ONCE: i64 = 20;
/// When a number was asked for that never was.
const NEVER: &str = "1970-01-01T00:00:00.000000Z";

/// What VIES answers. Only its word tells a number that is not valid from a state that does not answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    user_error: Option<String>,
    name: Option<String>,
    address: Option<String>,
    request_identifier: Option<String>,
}

impl Vies {
    /// Asks for a number, in the name of the seller where that has one; or says why there is no answer.
    async fn ask(
        &self,
        number: &TaxNumber,
        seller: Option<&TaxNumber>,
        now: Timestamp,
    ) -> Result<TaxCheck, String> {
        let (state, digits) = number.in_vies().ok_or("it is no number of a member state")?;
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().map_err(failed)?;
        let mut request = http.get(format!("{}/ms/{state}/vat/{digits}", self.url.trim_end_matches('/')));
        if let Some((state, digits)) = seller.and_then(TaxNumber::in_vies) {
            request = request.query(&[("requesterMemberStateCode", state), ("requesterNumber", digits)]);
        }
        let mut response = request.timeout(PATIENCE).send().await.map_err(failed)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("it answers with more than {ANSWER_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let valid = match answer.user_error.as_deref() {
            Some("VALID") => true,
            Some("INVALID") => false,
            other => return Err(other.unwrap_or("it gave no reason").to_owned()),
        };
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty() && text != "---");
        Ok(TaxCheck {
            number: number.to_string(),
            valid,
            name: said(answer.name),
            address: said(answer.address),
            consultation: said(answer.request_identifier),
            at: now,
        })
    }
}

/// What was answered of a number last.
pub(super) async fn check_of(db: &mut AnyConnection, number: &TaxNumber) -> Result<Option<TaxCheck>, Error> {
    let found: Option<(Option<Json<TaxCheck>>,)> =
        sqlx::query_as("select body from tax_checks where number = $1")
            .bind(number.to_string())
            .fetch_optional(db)
            .await?;
    Ok(found.and_then(|(check,)| check).map(|Json(check)| check))
}

/// Whether an answer says that a number is valid, and still counts.
pub(super) fn proves(check: &TaxCheck, at: Timestamp) -> bool {
    check.valid && check.at.checked_add(COUNTS).is_ok_and(|until| at <= until)
}

/// Puts a number on the list of those that are asked for, where VIES knows such.
pub(super) async fn enlist(write: &mut Write, number: &TaxNumber) -> Result<(), Error> {
    if number.in_vies().is_none() {
        return Ok(());
    }
    sqlx::query("insert into tax_checks (number, asked_at) values ($1, $2) on conflict do nothing")
        .bind(number.to_string())
        .bind(NEVER)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Whether a number is asked for as soon as a customer writes it: it was not asked for lately, nor were as many as are asked for in one go.
/// What is not waits for its turn, so that nobody has VIES flooded in the seller's name.
pub(super) async fn is_asked_at_once(
    db: &mut AnyConnection,
    number: &TaxNumber,
    now: Timestamp,
) -> Result<bool, Error> {
    let (own, all): (i64, i64) = sqlx::query_as(
        "select cast(count(case when number = $1 then 1 end) as bigint), cast(count(*) as bigint)
         from tax_checks where asked_at > $2",
    )
    .bind(number.to_string())
    .bind(time(now.checked_sub(SOON).unwrap_or(Timestamp::UNIX_EPOCH)))
    .fetch_one(db)
    .await?;
    Ok(own == 0 && all < AT_ONCE)
}

/// Asks for a number, and keeps the answer; where there is none, what was answered before.
pub(super) async fn ask(db: &Db, vies: &Vies, number: &TaxNumber, now: Timestamp) -> Result<(), Error> {
    let mut read = db.read().acquire().await?;
    let seller = documents::in_force(&mut read, now).await?.map(|seller| seller.party);
    drop(read);
    let seller = seller.and_then(|party| TaxNumber::read(&party.country, party.tax_number.as_deref()?).ok());
    let body = match vies.ask(number, seller.as_ref(), now).await {
        Ok(check) => json!(check).to_string(),
        Err(reason) => {
            tracing::warn!(%reason, "VIES has not answered for a tax number: it is asked again");
            String::new()
        }
    };
    let mut write = db.write().await?;
    sqlx::query(
        "insert into tax_checks (number, asked_at, body) values ($1, $2, nullif($3, ''))
         on conflict (number) do update set asked_at = excluded.asked_at, body = coalesce(excluded.body, tax_checks.body)",
    )
    .bind(number.to_string())
    .bind(time(now))
    .bind(body)
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(())
}

/// Asks again for the numbers of customers whose answer is missing or old, those first that were not asked for the longest.
pub async fn ask_again(db: &Db, vies: &Vies, now: Timestamp) -> Result<(), Error> {
    let before = |ago: SignedDuration| time(now.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH));
    let due: Vec<(String, String)> = sqlx::query_as(
        "select number, min(country) from tax_checks join billing_profiles on tax_id = number
         where asked_at < $1 or body is null and asked_at < $2
         group by number, asked_at order by asked_at, number limit $3",
    )
    .bind(before(AGAIN))
    .bind(before(SOON))
    .bind(AT_ONCE)
    .fetch_all(db.read())
    .await?;
    for (written, country) in due {
        match TaxNumber::read(&country, &written).ok().filter(|number| number.to_string() == written) {
            Some(number) => ask(db, vies, &number, now).await?,
            None => strike_off(db, &written).await?,
        }
    }
    Ok(())
}

/// Takes off the list what is no number: an earlier version took any text for one.
async fn strike_off(db: &Db, written: &str) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query("delete from tax_checks where number = $1").bind(written).execute(&mut *write).await?;
    write.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::Router;
    use axum::http::Uri;
    use chandlery_accounts::Actor;
    use chandlery_package::wire::BillingProfile;
    use tokio::net::TcpListener;

    use super::*;
    use crate::billing::set_profile;
    use crate::testing::at;

    /// VIES as it answers, by the number that it is asked for; `away` says whether all states are.
    async fn register(away: Arc<AtomicBool>) -> Vies {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(move |uri: Uri| {
            let answer = answer(uri.path(), away.load(Ordering::Relaxed));
            async move { answer }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Vies { url }
    }

    fn answer(path: &str, is_away: bool) -> String {
        let answer = match path {
            _ if is_away => json!({ "isValid": false, "userError": "MS_UNAVAILABLE" }),
            "/ms/FR/vat/40303265045" => json!({
                "isValid": true, "userError": "VALID", "name": "SODIMAS", "address": "---", "requestIdentifier": "W1",
            }),
            "/ms/NL/vat/004495445B01" => json!({ "isValid": false, "userError": "INVALID" }),
            "/ms/DE/vat/136695976" => return "<html>".into(),
            _ => json!({ "actionSucceed": false, "errorWrappers": [{ "error": "VOW-ERR-1" }] }),
        };
        answer.to_string()
    }

    fn number(country: &str, text: &str) -> TaxNumber {
        TaxNumber::read(country, text).unwrap()
    }

    #[tokio::test]
    async fn only_an_answer_that_says_so_proves_a_number() {
        let (_folder, finance) = crate::testing::finance().await;
        let (db, now) = (&finance.db, at("2026-01-01T00:00:00Z"));
        let vies = register(Default::default()).await;
        for (country, text, says) in [
            ("FR", "FR40303265045", Some(true)),
            ("NL", "NL004495445B01", Some(false)),
            ("DE", "DE136695976", None),
            ("IT", "IT00743110157", None),
            ("US", "12-3456789", None),
        ] {
            let number = number(country, text);
            ask(db, &vies, &number, now).await.unwrap();
            let check = check_of(&mut db.snapshot().await.unwrap(), &number).await.unwrap();
            assert_eq!(check.as_ref().map(|check| check.valid), says, "{text}");
            if let Some(check) = check.filter(|check| check.valid) {
                assert_eq!((check.consultation.as_deref(), check.address), (Some("W1"), None));
            }
        }
    }

    #[tokio::test]
    async fn what_customers_write_is_asked_for_so_often_and_no_more() {
        let (_folder, finance) = crate::testing::finance().await;
        let (db, now) = (&finance.db, at("2026-01-01T00:00:00Z"));
        let vies = register(Arc::new(AtomicBool::new(true))).await;
        let (french, italian) = (number("FR", "FR40303265045"), number("IT", "IT00743110157"));
        let mut asked = Vec::new();
        for (number, moment) in [
            (&french, "2026-01-01T00:00:00Z"),
            (&french, "2026-01-01T00:09:59Z"),
            (&italian, "2026-01-01T00:09:59Z"),
            (&french, "2026-01-01T00:10:01Z"),
        ] {
            let at_once = is_asked_at_once(&mut db.snapshot().await.unwrap(), number, at(moment)).await;
            asked.push(at_once.unwrap());
            ask(db, &vies, &french, now).await.unwrap();
        }
        assert_eq!(asked, [true, false, true, true]);
        let mut write = db.write().await.unwrap();
        for other in 0..AT_ONCE {
            sqlx::query("insert into tax_checks (number, asked_at) values ($1, $2)")
                .bind(format!("DE{other}"))
                .bind(time(now))
                .execute(&mut *write)
                .await
                .unwrap();
        }
        write.commit().await.unwrap();
        for (moment, at_once) in [("2026-01-01T00:09:59Z", false), ("2026-01-01T00:10:01Z", true)] {
            let found = is_asked_at_once(&mut db.snapshot().await.unwrap(), &italian, at(moment)).await;
            assert_eq!(found.unwrap(), at_once, "{moment}");
        }
    }

    #[tokio::test]
    async fn a_number_is_asked_for_until_there_is_an_answer_which_counts_for_a_while() {
        let (_folder, finance) = crate::testing::market(&["globex"], "").await;
        let db = &finance.db;
        let away = Arc::new(AtomicBool::new(true));
        let vies = register(away.clone()).await;
        let profile = BillingProfile {
            country: "FR".into(),
            email: None,
            tax_id: Some("fr 40 303 265 045".into()),
            name: None,
            street: None,
            postcode: None,
            city: None,
        };
        let kept = set_profile(db, &Actor::machine(), &"globex".parse().unwrap(), &profile).await.unwrap();
        assert_eq!(kept.tax_id.as_deref(), Some("FR40303265045"));
        let french = number("FR", "FR40303265045");
        let mut proved = Vec::new();
        for (moment, is_away) in [
            ("2026-01-01T00:00:00Z", true),
            // Ten minutes have not passed yet.
            ("2026-01-01T00:05:00Z", false),
            ("2026-01-01T00:10:01Z", false),
            ("2026-01-20T00:00:00Z", true),
            ("2026-02-01T00:00:00Z", true),
            ("2026-02-02T00:00:01Z", false),
        ] {
            away.store(is_away, Ordering::Relaxed);
            let now = at(moment);
            ask_again(db, &vies, now).await.unwrap();
            let check = check_of(&mut db.snapshot().await.unwrap(), &french).await.unwrap();
            proved.push(check.is_some_and(|check| proves(&check, now)));
        }
        assert_eq!(proved, [false, false, true, true, false, true]);
    }
}
