//! The endpoint: bearer keys, form bodies, and idempotency keys that are known for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::to_bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::account::{Account, folded, minor};

/// How large the body of a request may be, in bytes.
const BODY_MAX: usize = 1 << 20;

/// Where pages are made on which customers pay.
const SESSIONS: &str = "checkout/sessions";

/// The answers that are not kept under a key: what was asked for was not begun.
const FORGOTTEN: [StatusCode; 3] =
    [StatusCode::UNAUTHORIZED, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS];

type Answer = (StatusCode, Json<Value>);
type Fields = BTreeMap<String, String>;

#[derive(Default)]
struct Inner {
    account: Account,
    /// By idempotency key: what was asked for, and the answer, be it a refusal.
    known: BTreeMap<String, ((String, Fields), (StatusCode, Value))>,
    refuses: Option<String>,
    /// By the kind of what is not made: the status and code that are answered.
    refuses_to_make: BTreeMap<String, (StatusCode, String)>,
}

#[derive(Clone)]
struct Served {
    key: Arc<str>,
    inner: Arc<Mutex<Inner>>,
}

/// Stripe at an address of its own, for as long as the runtime that it was started in.
pub struct Stripe {
    url: String,
    served: Served,
}

impl Stripe {
    /// Serves an empty account to whoever has the key.
    ///
    /// # Errors
    ///
    /// Where no port can be listened on.
    pub async fn serve(key: &str) -> std::io::Result<Self> {
        let served = Served { key: key.into(), inner: Arc::default() };
        let router = Router::new()
            .route("/v1/{kind}", post(create).get(list))
            .route("/v1/{kind}/{id}", get(read))
            .route("/v1/checkout/sessions", post(create_session))
            .with_state(served.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, served })
    }

    /// The address that it answers at.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Looks at the account, or lets something happen in it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        self.served.with(|inner| act(&mut inner.account))
    }

    /// From now on everything is refused with this message or, without one, nothing more is.
    pub fn refuse(&self, message: Option<&str>) {
        self.served.with(|inner| inner.refuses = message.map(str::to_owned));
    }

    /// From now on what is of a kind, such as `refunds`, is refused by this status and code or, without them, is made again, where that
    /// is asked for by a key that was not refused.
    pub fn refuse_to_make(&self, kind: &str, refusal: Option<(StatusCode, &str)>) {
        self.served.with(|inner| match refusal {
            Some((status, code)) => {
                inner.refuses_to_make.insert(kind.to_owned(), (status, code.to_owned()));
            }
            None => drop(inner.refuses_to_make.remove(kind)),
        });
    }
}

impl Served {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why a request is not looked at.
    fn refusal(&self, headers: &HeaderMap) -> Option<Answer> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given != Some(&format!("Bearer {}", self.key)) {
            return Some(invalid(StatusCode::UNAUTHORIZED, "Invalid API Key provided"));
        }
        let refuses = self.with(|inner| inner.refuses.clone());
        refuses.map(|message| error(StatusCode::SERVICE_UNAVAILABLE, "api_error", &message))
    }
}

fn error(status: StatusCode, kind: &str, message: &str) -> Answer {
    (status, Json(json!({ "error": { "type": kind, "message": message } })))
}

fn invalid(status: StatusCode, message: &str) -> Answer {
    error(status, "invalid_request_error", message)
}

async fn create(State(served): State<Served>, Path(kind): Path<String>, request: Request) -> Answer {
    answer(&served, kind, request).await
}

async fn create_session(State(served): State<Served>, request: Request) -> Answer {
    answer(&served, SESSIONS.into(), request).await
}

async fn answer(served: &Served, kind: String, request: Request) -> Answer {
    let headers = request.headers().clone();
    if let Some(refusal) = served.refusal(&headers) {
        return refusal;
    }
    let Ok(body) = to_bytes(request.into_body(), BODY_MAX).await else {
        return invalid(StatusCode::BAD_REQUEST, "the body cannot be read");
    };
    let Some(key) = headers.get("idempotency-key").and_then(|key| key.to_str().ok()) else {
        return invalid(StatusCode::BAD_REQUEST, "no idempotency key");
    };
    let fields: Fields = form_urlencoded::parse(&body).into_owned().collect();
    let asked = (kind, fields);
    served.with(|inner| match inner.known.get(key) {
        Some((known, (status, answer))) if *known == asked => (*status, Json(answer.clone())),
        Some(_) => error(
            StatusCode::BAD_REQUEST,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with.",
        ),
        None => {
            let (status, Json(answer)) = inner.answer(&asked.0, &asked.1);
            if !FORGOTTEN.contains(&status) {
                inner.known.insert(key.to_owned(), (asked, (status, answer.clone())));
            }
            (status, Json(answer))
        }
    })
}

impl Inner {
    /// Does what was asked for the first time, or refuses it.
    fn answer(&mut self, kind: &str, fields: &Fields) -> Answer {
        if let Some((status, code)) = self.refuses_to_make.get(kind) {
            let message = format!("{kind} cannot be made.");
            let error = json!({ "type": "invalid_request_error", "code": code, "message": message });
            return (*status, Json(json!({ "error": error })));
        }
        match make(&mut self.account, kind, fields) {
            Some(made) => (StatusCode::OK, Json(folded(&made))),
            None => cannot(&self.account, kind, fields),
        }
    }
}

/// Why something cannot be done, as Stripe puts it: of a refund that is too large, without a code.
fn cannot(account: &Account, kind: &str, fields: &Fields) -> Answer {
    let charge = fields.get("payment_intent").and_then(|payment| account.left_of(payment));
    let Some((charge, left)) = charge.filter(|_| kind == "refunds") else {
        return invalid(StatusCode::BAD_REQUEST, "that cannot be done");
    };
    let unrefunded = minor(&charge, "amount") - minor(&charge, "amount_refunded");
    let (code, message) = match (unrefunded, left) {
        (0, _) => ("charge_already_refunded", "has already been refunded."),
        (_, 0) => ("charge_disputed", "has been charged back; cannot issue a refund."),
        _ => {
            let message = format!("Refund amount is greater than unrefunded amount on charge ({unrefunded})");
            return invalid(StatusCode::BAD_REQUEST, &message);
        }
    };
    let message = format!("Charge {} {message}", charge["id"].as_str().unwrap_or_default());
    let error = json!({ "type": "invalid_request_error", "code": code, "message": message });
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error })))
}

/// Does what was asked for; none: it cannot be done.
fn make(account: &mut Account, kind: &str, fields: &Fields) -> Option<Value> {
    if kind == SESSIONS {
        return open_page(account, fields);
    }
    let text = |name: &str| fields.get(name).map_or("", String::as_str);
    let amount: i64 = text("amount").parse().ok().filter(|amount| *amount > 0)?;
    let metadata: Map<String, Value> = fields
        .iter()
        .filter_map(|(name, value)| {
            let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((name.to_owned(), json!(value)))
        })
        .collect();
    match kind {
        "payment_intents" => Some(account.begin(amount, text("currency"), json!(metadata))),
        "refunds" => account.refund(text("payment_intent"), amount, json!(metadata)),
        "transfers" => Some(account.transfer(json!({
            "amount": amount, "currency": text("currency"), "destination": text("destination"),
            "transfer_group": text("transfer_group"), "metadata": metadata,
        }))),
        _ => None,
    }
}

/// A page on which a customer pays for one thing.
fn open_page(account: &mut Account, fields: &Fields) -> Option<Value> {
    let text = |name: &str| fields.get(name).map_or("", String::as_str);
    let amount: i64 = text("line_items[0][price_data][unit_amount]").parse().ok()?;
    let comes_back = [text("success_url"), text("cancel_url")].iter().all(|url| url.starts_with("http"));
    let is_whole = text("mode") == "payment" && text("line_items[0][quantity]") == "1" && comes_back;
    if amount <= 0 || !is_whole {
        return None;
    }
    let currency = text("line_items[0][price_data][currency]");
    let subject = text("payment_intent_data[metadata][subject]");
    Some(account.open_page(amount, currency, json!({ "subject": subject })))
}

async fn read(
    State(served): State<Served>,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    if let Some(refusal) = served.refusal(&headers) {
        return refusal;
    }
    let query = query.unwrap_or_default();
    let found =
        served.with(|inner| inner.account.find(&kind, &id).map(|object| shown(inner, object, &query)));
    match found {
        Some(object) => (StatusCode::OK, Json(object)),
        None => invalid(StatusCode::NOT_FOUND, "No such object"),
    }
}

/// An object with what a query asks to be written out of it.
fn shown(inner: &Inner, object: &Value, query: &str) -> Value {
    let with_movements = query.contains("balance_transaction");
    let mut object = if with_movements { object.clone() } else { folded(object) };
    if query.contains("latest_charge") {
        object = inner.account.expanded(&object);
        if !with_movements {
            object["latest_charge"] = folded(&object["latest_charge"]);
        }
    }
    object
}

/// The objects of a kind whose fields are what was asked for.
async fn list(
    State(served): State<Served>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    if let Some(refusal) = served.refusal(&headers) {
        return refusal;
    }
    let query = query.unwrap_or_default();
    let mut wanted: Fields = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    wanted.remove("limit");
    let is_wanted = |object: &Value| wanted.iter().all(|(name, value)| object[name] == *value);
    let all: Vec<Value> = served
        .with(|inner| inner.account.each(&kind).filter(|object| is_wanted(object)).map(folded).collect());
    (StatusCode::OK, Json(json!({ "object": "list", "data": all, "has_more": false })))
}
