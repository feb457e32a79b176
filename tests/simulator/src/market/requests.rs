//! How the market asks the registry, which dies of it now and then.

use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use jiff::Timestamp;
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Market;
use crate::registry::Answer;

/// What is answered where the processor of payments does not answer.
const BAD_GATEWAY: u16 = 502;

impl Market {
    /// Asks for something that may be refused, and counts it.
    pub(super) async fn attempt(
        &mut self,
        what: &str,
        token: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Option<Value>> {
        let answer = self.ask(token, &method, path, &body).await?;
        if !answer.is_done() && self.scenario.refusals {
            eprintln!("{} {what}: {}", self.now.strftime("%F"), answer.body["detail"]);
        }
        let counted = if answer.is_done() { what.to_owned() } else { format!("refused {what}") };
        self.count(&counted);
        match answer.status {
            BAD_GATEWAY if self.processor.is_down => Ok(None),
            500.. => Err(refused(&method, path, &answer)),
            _ => Ok(answer.is_done().then_some(answer.body)),
        }
    }

    /// Counts something that was done.
    pub(super) fn count(&mut self, what: &str) {
        *self.summary.done.entry(what.to_owned()).or_default() += 1;
    }

    /// Asks for something that must not be refused.
    pub(super) async fn require(
        &mut self,
        token: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Value> {
        let answer = self.ask(token, &method, path, &body).await?;
        if answer.is_done() { Ok(answer.body) } else { Err(refused(&method, path, &answer)) }
    }

    /// Moves the registry's clock on: what is due by then is done when it has answered.
    pub(super) async fn set_clock(&mut self, now: Timestamp) -> Result<()> {
        let operator = self.operator.clone();
        self.require(&operator, Method::PUT, "/api/v1/clock", json!({ "now": now })).await?;
        Ok(())
    }

    /// Asks, as the operator, for something that may be refused, and counts it.
    pub(super) async fn operate(
        &mut self,
        what: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Option<Value>> {
        let operator = self.operator.clone();
        self.attempt(what, &operator, method, path, body).await
    }

    /// Reads something that everybody may read who has this token.
    pub(super) async fn read(&mut self, token: &str, path: &str) -> Result<Value> {
        self.require(token, Method::GET, path, Value::Null).await
    }

    /// Reads all pages of a list.
    pub(super) async fn list(&mut self, token: &str, path: &str) -> Result<Vec<Value>> {
        let first = format!("{path}{}limit=1000", if path.contains('?') { '&' } else { '?' });
        let (mut items, mut asked) = (Vec::new(), first.clone());
        loop {
            let mut page = self.read(token, &asked).await?;
            match page["items"].take() {
                Value::Array(more) => items.extend(more),
                other => return Err(anyhow!("{asked} is not a list: {other}")),
            }
            match page["next"].as_str() {
                Some(next) => asked = format!("{first}&after={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Asks; now and then the registry dies of it, and is asked again.
    pub(super) async fn ask(
        &mut self,
        token: &str,
        method: &Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer> {
        if *method != Method::GET && self.random.random_range(0..1000) < self.scenario.kills && self.day > 0 {
            let after = Duration::from_micros(self.random.random_range(100..20_000));
            self.registry.ask_and_kill(method, path, token, body, after).await?;
            self.summary.crashes += 1;
        }
        let answer = self.registry.ask(method, path, token, body).await?;
        match answer.status {
            202 => self.approve(answer).await,
            _ => Ok(answer),
        }
    }

    /// Lets the second operator approve what the first one has asked for.
    async fn approve(&mut self, asked: Answer) -> Result<Answer> {
        let path = format!("/api/v1/approvals/{}/approve", asked.body["id"]);
        let second = self.second.clone();
        let decided = self.registry.ask(&Method::POST, &path, &second, &Value::Null).await?;
        *self.summary.done.entry("approvals".into()).or_default() += 1;
        if decided.body["state"] == "failed" {
            let body = json!({ "detail": decided.body["reason"] });
            return Ok(Answer { status: 409, body });
        }
        Ok(decided)
    }
}

/// That something was refused which must not be.
pub(super) fn refused(method: &Method, path: &str, answer: &Answer) -> Error {
    anyhow!("{method} {path}: {} {}", answer.status, answer.body)
}
