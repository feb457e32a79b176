//! Talking to a registry and to a host.

use std::path::PathBuf;
use std::sync::OnceLock;

use chandlery_accounts::organisations::ACCOUNT_HEADER;
use chandlery_package::Namespace;
use chandlery_package::problem::Problem;
use chandlery_package::wire::host::Event;
use chandlery_package::wire::{AccountProfile, ApprovalRequest, PAGE_ITEMS_MAX, Page};
use clap::Args;
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::DATE;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::arguments::{LogFormat, one_of, server};
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::words;

/// By what a write that is sent again is known.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The variable that may hold a token of the registry.
pub const TOKEN: &str = "CHANDLERY_TOKEN";

/// Where the registry listens unless told otherwise.
pub const REGISTRY_LISTEN: &str = "127.0.0.1:7600";
/// Where the host listens unless told otherwise.
pub const HOST_LISTEN: &str = "127.0.0.1:7700";

/// What every command understands.
#[derive(Args)]
pub struct Settings {
    /// The registry's address
    #[arg(
        long,
        global = true,
        env = "CHANDLERY_REGISTRY",
        value_name = "URL",
        value_parser = server,
        default_value = "http://127.0.0.1:7600"
    )]
    pub registry: String,
    /// The host's address
    #[arg(
        long,
        global = true,
        env = "CHANDLERY_HOST",
        value_name = "URL",
        value_parser = server,
        default_value = "http://127.0.0.1:7700"
    )]
    pub host: String,
    /// Which of the accounts that are logged in; the last one, where none is named
    #[arg(long, global = true, env = "CHANDLERY_ACCOUNT", value_name = "NAME")]
    pub account: Option<Namespace>,
    /// The organisation to act for
    #[arg(long = "for", global = true, env = "CHANDLERY_FOR", value_name = "ORGANISATION")]
    pub acts_for: Option<Namespace>,
    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,
    /// How the log is written on standard error; `CHANDLERY_LOG` says how much of it
    #[arg(
        long,
        global = true,
        env = "CHANDLERY_LOG_FORMAT",
        value_name = "FORMAT",
        value_parser = one_of::<LogFormat>(),
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// What a command works with.
pub struct Context {
    /// What was said on the command line.
    pub settings: Settings,
    /// The user's folder.
    pub home: Home,
    http: OnceLock<Client>,
    host_http: OnceLock<Client>,
    /// By whose right, and with what token, this speaks, whoever is logged in.
    workload: OnceLock<(Namespace, String)>,
}

impl Context {
    /// Puts it together.
    pub fn new(settings: Settings, home: Home) -> Self {
        Self { settings, home, http: OnceLock::new(), host_http: OnceLock::new(), workload: OnceLock::new() }
    }

    fn http(&self) -> &Client {
        self.http.get_or_init(|| client_of(&self.settings.registry))
    }

    fn host_http(&self) -> &Client {
        self.host_http.get_or_init(|| client_of(&self.settings.host))
    }

    /// Speaks to the registry by the right of this account, with this token, whoever is logged in. The first one stays.
    pub fn speak_as(&self, account: Namespace, token: String) {
        self.workload.get_or_init(|| (account, token));
    }

    /// The token that speaks to the registry: of a workload, from the environment, or of a log-in.
    pub fn token(&self) -> Result<String> {
        match (self.workload.get(), given_token()) {
            (Some((_, token)), _) => Ok(token.clone()),
            (None, Some(token)) => Ok(token),
            (None, None) => Ok(self.log_in()?.1),
        }
    }

    /// The account that speaks to the registry. Whose a token of the environment is, the registry says where --account does not.
    pub async fn account(&self) -> Result<Namespace> {
        match (self.workload.get(), given_token(), &self.settings.account) {
            (Some((account, _)), ..) => Ok(account.clone()),
            (None, Some(_), Some(account)) => Ok(account.clone()),
            (None, Some(_), None) => Ok(self.profile().await?.name),
            (None, None, _) => Ok(self.log_in()?.0),
        }
    }

    /// What the registry knows of the account that the token is of, whoever it acts for.
    pub async fn profile(&self) -> Result<AccountProfile> {
        let url = format!("{}/api/v1/account", self.settings.registry);
        let asked = self.http().get(url).bearer_auth(self.token()?);
        read(self.send_to_registry(asked).await?).await
    }

    /// The log-in that is kept: its account and its token.
    pub fn log_in(&self) -> Result<(Namespace, String)> {
        let found = self.home.token(&self.settings.registry, self.settings.account.as_ref())?;
        found.ok_or_else(|| {
            let who = self
                .settings
                .account
                .as_ref()
                .map_or("no account".into(), |name| format!("account '{name}' not"));
            Failure::new(&words::NOT_LOGGED_IN, format!("{who} logged in at {}", self.settings.registry))
                .remedy("run `chandlery login NAME`, or `chandlery register NAME` to open an account; a machine sets CHANDLERY_TOKEN")
        })
    }

    /// By how many seconds the registry's clock is ahead of this machine's; none where no answer of it says what time it is there.
    pub async fn registry_ahead_seconds(&self) -> Result<Option<i64>> {
        let request = self.http().get(format!("{}/healthz", self.settings.registry));
        let asked = Timestamp::now().as_millisecond();
        let answer = self.send_to_registry(request).await?;
        // It was written down on the way.
        let here = asked.midpoint(Timestamp::now().as_millisecond());
        let said = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        let there = said.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        Ok(there.map(|there| there.as_second() - here.div_euclid(1000)))
    }

    /// Asks the registry without an account.
    pub async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.http().get(format!("{}{path}", self.settings.registry));
        read(self.send_to_registry(request).await?).await
    }

    /// Asks the registry as the account, if there is one: it may see more.
    pub async fn ask_as_anyone<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        match self.token() {
            Ok(_) => self.registry(Method::GET, path, ()).await,
            Err(_) => self.ask(path).await,
        }
    }

    /// Asks the registry, or tells it something, as the account.
    pub async fn registry<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Serialize,
    ) -> Result<T> {
        read(self.send_as_account(method, path, body).await?).await
    }

    /// Reads all pages of one of the registry's lists, as the account.
    pub async fn registry_list<T: DeserializeOwned>(&self, path: &str) -> Result<Page<T>> {
        all_pages(path, async |page| self.registry(Method::GET, &page, ()).await).await
    }

    /// Reads all pages of one of the registry's lists, as the account if there is one: it may see more.
    pub async fn public_list<T: DeserializeOwned>(&self, path: &str) -> Result<Page<T>> {
        all_pages(path, async |page| self.ask_as_anyone(&page).await).await
    }

    /// Tells the registry something that it answers with nothing.
    pub async fn tell_registry(&self, method: Method, path: &str, body: impl Serialize) -> Result {
        self.send_as_account(method, path, body).await.map(drop)
    }

    /// Asks the registry for a text, as the account.
    pub async fn registry_text(&self, path: &str) -> Result<String> {
        let response = self.send_as_account(Method::GET, path, ()).await?;
        response.text().await.map_err(|error| Failure::of(error.to_string()))
    }

    /// Tells the registry something that it answers with a document, as the account.
    pub async fn registry_bytes(&self, path: &str, body: impl Serialize) -> Result<Vec<u8>> {
        let response = self.send_as_account(Method::POST, path, body).await?;
        let bytes = response.bytes().await.map_err(|error| Failure::of(error.to_string()))?;
        Ok(bytes.to_vec())
    }

    /// Sends the registry a text as it is, as the account.
    pub async fn send_text<T: DeserializeOwned>(&self, path: &str, text: String) -> Result<T> {
        let request = self.as_account(Method::POST, path)?.body(text);
        read(self.send_to_registry(request).await?).await
    }

    /// Sends the registry bytes as they are, as the account: what is put twice is there once.
    pub async fn put_bytes<T: DeserializeOwned>(&self, path: &str, bytes: Vec<u8>) -> Result<T> {
        let request = self.as_account(Method::PUT, path)?.body(bytes);
        read(self.send_to_registry(request).await?).await
    }

    /// Tells the registry something without an account.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: impl Serialize) -> Result<T> {
        let request = self.http().post(format!("{}{path}", self.settings.registry)).json(&body);
        read(self.send_to_registry(request).await?).await
    }

    /// Asks the registry for what it does at once or when others agree: the answer tells which.
    pub async fn registry_at_once_or_later<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Serialize,
    ) -> Result<T> {
        read(self.send_as_it_is(method, path, body).await?).await
    }

    /// Tells the registry something without an account that it answers with nothing.
    pub async fn post_only(&self, path: &str, body: impl Serialize) -> Result {
        let request = self.http().post(format!("{}{path}", self.settings.registry)).json(&body);
        self.send_to_registry(request).await.map(drop)
    }

    async fn send_as_account(&self, method: Method, path: &str, body: impl Serialize) -> Result<Response> {
        let response = self.send_as_it_is(method, path, body).await?;
        match response.status() {
            StatusCode::ACCEPTED => Err(waits(&read(response).await?)),
            _ => Ok(response),
        }
    }

    async fn send_as_it_is(&self, method: Method, path: &str, body: impl Serialize) -> Result<Response> {
        let request = self.as_account(method.clone(), path)?;
        match method {
            Method::GET => self.send_to_registry(request).await,
            _ => self.send_once(request.json(&body)).await,
        }
    }

    /// Sends a write, and once more where nothing was answered: by its key it is done once.
    async fn send_once(&self, request: RequestBuilder) -> Result<Response> {
        let request = request.header(IDEMPOTENCY_KEY, Uuid::now_v7().to_string());
        let Some(again) = request.try_clone() else { return self.send_to_registry(request).await };
        match request.send().await {
            Ok(answer) => checked(answer).await,
            Err(_) => self.send_to_registry(again).await,
        }
    }

    /// A request of the account, for the organisation that it acts for. A workload acts for whoever trusts it.
    fn as_account(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let url = format!("{}{path}", self.settings.registry);
        let request = self.http().request(method, url).bearer_auth(self.token()?);
        Ok(match &self.settings.acts_for {
            Some(organisation) if self.workload.get().is_none() => {
                request.header(ACCOUNT_HEADER, organisation.as_str())
            }
            _ => request,
        })
    }

    async fn send_to_registry(&self, request: RequestBuilder) -> Result<Response> {
        let sent = request.send().await;
        checked(sent.map_err(|error| Failure::away("registry", &self.settings.registry, &error))?).await
    }

    /// Asks the host, or tells it something.
    pub async fn host<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Serialize,
    ) -> Result<T> {
        read(self.send_to_host(method, path, body).await?).await
    }

    /// Tells the host something that it answers with nothing but that it is done.
    pub async fn tell_host(&self, method: Method, path: &str, body: impl Serialize) -> Result {
        self.send_to_host(method, path, body).await.map(drop)
    }

    /// Reads all pages of one of the host's lists.
    pub async fn host_list<T: DeserializeOwned>(&self, path: &str) -> Result<Page<T>> {
        all_pages(path, async |page| self.host(Method::GET, &page, ()).await).await
    }

    /// Has the host do something, told of each event.
    pub async fn follow_host(
        &self,
        path: &str,
        body: impl Serialize,
        mut on: impl FnMut(Event) -> Result,
    ) -> Result {
        let response = self.send_to_host(Method::POST, path, body).await?;
        let mut stream = response.bytes_stream();
        let mut pending = Vec::new();
        while let Some(chunk) = stream.next().await {
            pending.extend_from_slice(
                &chunk.map_err(|error| Failure::of(format!("the host broke off: {error}")))?,
            );
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let event = serde_json::from_slice(&line);
                on(event
                    .map_err(|error| Failure::of(format!("the host's answer cannot be read: {error}")))?)?;
            }
        }
        Ok(())
    }

    /// Tells the host something without a token.
    pub async fn post_to_host<T: DeserializeOwned>(&self, path: &str, body: impl Serialize) -> Result<T> {
        let request = self.host_http().post(format!("{}{path}", self.settings.host)).json(&body);
        read(self.hear_host(request).await?).await
    }

    /// Ends the session at the host that has this token.
    pub async fn end_host_session(&self, token: &str) -> Result {
        let url = format!("{}/api/v1/session", self.settings.host);
        self.hear_host(self.host_http().delete(url).bearer_auth(token)).await.map(drop)
    }

    async fn send_to_host(&self, method: Method, path: &str, body: impl Serialize) -> Result<Response> {
        let url = format!("{}{path}", self.settings.host);
        let mut request = self.host_http().request(method.clone(), url).bearer_auth(self.host_token()?);
        if method != Method::GET {
            request = request.json(&body);
        }
        self.hear_host(request).await
    }

    async fn hear_host(&self, request: RequestBuilder) -> Result<Response> {
        let sent = request.send().await;
        checked(sent.map_err(|error| Failure::away("host", &self.settings.host, &error))?).await
    }

    /// From the environment, from a log-in, or from the file of a host that runs on this machine.
    pub fn host_token(&self) -> Result<String> {
        if let Some(token) = token_in("CHANDLERY_HOST_TOKEN") {
            return Ok(token);
        }
        if let Some(token) = self.home.host_log_in(&self.settings.host)? {
            return Ok(token);
        }
        let usual = || self.host_data().join("host.token");
        let path = self.home.host_token_file(&self.settings.host)?.unwrap_or_else(usual);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(&words::NO_HOST_TOKEN, format!("{}: {error}", path.display())).remedy(
                "run `chandlery host login`, start a host with `chandlery up`, or set CHANDLERY_HOST_TOKEN to a token that an admin of it has made",
            )
        })?;
        Ok(text.trim().to_owned())
    }

    /// The usual data directory of a host.
    pub fn host_data(&self) -> PathBuf {
        self.home.path("host")
    }
}

/// A token in the environment, which comes before those that are kept: a machine need not log in.
pub fn given_token() -> Option<String> {
    token_in(TOKEN)
}

/// The token that a variable of the environment holds, if it holds one, without the end of the line that a file of secrets has.
pub fn token_in(variable: &str) -> Option<String> {
    let token = std::env::var(variable).ok()?.trim().to_owned();
    (!token.is_empty()).then_some(token)
}

/// A path with those values of its query that are there.
pub fn address(path: &str, values: &[(&str, Option<String>)]) -> String {
    let said = values.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    match form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish() {
        query if query.is_empty() => path.into(),
        query => format!("{path}?{query}"),
    }
}

/// Reads a list page by page until there is no next one.
async fn all_pages<T>(path: &str, ask: impl AsyncFn(String) -> Result<Page<T>>) -> Result<Page<T>> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{separator}limit={PAGE_ITEMS_MAX}");
    let mut list = ask(first.clone()).await?;
    while let Some(after) = list.next.take() {
        let page = ask(format!("{first}&after={after}")).await?;
        list.items.extend(page.items);
        list.next = page.next;
    }
    Ok(list)
}

async fn checked(response: Response) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    Err(match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => problem.into(),
        Err(_) => Failure::new(&words::REFUSED, format!("{status}: {text}")),
    })
}

/// That something is not done yet, since others approve it first.
fn waits(request: &ApprovalRequest) -> Failure {
    let (id, about) = (request.id, &request.about);
    let until = request.lapses_at.strftime("%Y-%m-%d %H:%M UTC");
    let remedy = match request.alone_from {
        Some(from) => format!(
            "nobody else operates the registry: run `chandlery approvals approve {id}` from {} on",
            from.strftime("%Y-%m-%d %H:%M UTC")
        ),
        None => format!("another operator runs `chandlery approvals approve {id}` until {until}"),
    };
    Failure::new(&words::WAITS, format!("request {id} to {about} waits for approval")).remedy(remedy)
}

/// A client of this address. Reading the machine's certificates takes longer than most answers, and a server of this machine that is
/// asked without TLS needs none.
fn client_of(address: &str) -> Client {
    match reqwest::Url::parse(address).is_ok_and(|url| url.scheme() == "http" && is_here(&url)) {
        true => Client::builder().tls_certs_only([]).build().unwrap_or_default(),
        false => Client::new(),
    }
}

/// Whether it leads to this machine.
fn is_here(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T> {
    let text = response.text().await.map_err(|error| Failure::of(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| Failure::of(format!("the answer cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_is_read_to_its_end() {
        let pages = [
            ("/list?q=a&limit=1000", vec![1, 2], Some("b")),
            ("/list?q=a&limit=1000&after=b", vec![], Some("c")),
            ("/list?q=a&limit=1000&after=c", vec![3], None),
        ];
        let all = all_pages("/list?q=a", async |asked| {
            let (_, items, next) = pages.iter().find(|(path, ..)| *path == asked).unwrap();
            Ok(Page { items: items.clone(), next: next.map(str::to_owned) })
        });
        assert_eq!(all.await.unwrap().items, [1, 2, 3]);
        assert!(all_pages("/list", async |path| Ok(Page::whole(vec![path]))).await.unwrap().next.is_none());
    }
}
