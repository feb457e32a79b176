//! Before the first day: accounts, taxes, a bank account, prices, and how partners are paid.

use std::collections::BTreeMap;

use anyhow::Result;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde_json::json;

use super::{Customer, Market};
use crate::bank::IBAN;
use crate::partners::{PASSWORD, Publisher, offers};

impl Market {
    /// Opens every account, and says how everything is priced, taxed and paid.
    pub(super) async fn prepare(&mut self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let operator = self.operator.clone();
        self.set_clock(self.now).await?;
        for partner in &self.partners {
            let registry = self.registry.url();
            let binary = &self.registry.launch().binary;
            Publisher { name: partner.name, folder: folder.path(), binary, registry }.publish()?;
        }
        self.second = self.register("second").await?;
        self.registry.launch().promote("second")?;
        for index in 0..self.scenario.customers {
            let name = format!("customer-{index}");
            let token = self.register(&name).await?;
            let span = self.scenario.months * 20;
            let joins = if index < 3 { 0 } else { self.random.random_range(0..span.max(1)) };
            let pays = *[60, 95, 100].choose(&mut self.random).unwrap_or(&100);
            if index % 3 != 0 {
                let tax_id = (index % 3 == 2).then_some("DE136695976");
                let profile = json!({ "country": "DE", "tax_id": tax_id });
                self.require(&token, Method::PUT, "/api/v1/billing-profile", profile).await?;
            }
            let (sent, paid) = (Vec::new(), BTreeMap::new());
            self.customers.push(Customer { name, token, joins, pays, sent, host: None, paid });
        }
        let rule = json!({ "country": "DE", "since": "2025-01-01", "name": "VAT", "rate": "19%" });
        self.require(&operator, Method::POST, "/api/v1/tax-rules", rule).await?;
        let account = json!({ "holder": "Chandlery", "iban": IBAN, "bic": "PSSTFRPP" });
        self.require(&operator, Method::PUT, "/api/v1/bank-account", account).await?;
        self.bring_statement().await?;
        self.set_rates().await?;
        for (plugin, offer) in offers() {
            let (namespace, name) = plugin.split_once(':').unwrap_or((plugin, ""));
            let owner = self.log_in(namespace).await?;
            self.owners.insert(namespace.to_owned(), owner.clone());
            let path = format!("/api/v1/plugins/{namespace}/{name}/price");
            self.require(&owner, Method::PUT, &path, json!({ "offer": offer })).await?;
        }
        for index in 0..self.partners.len() {
            let (name, profile) = (self.partners[index].name, self.partners[index].profile.clone());
            let path = format!("/api/v1/partners/{name}/payout-profile");
            let written = self.require(&operator, Method::PUT, &path, profile).await?;
            let approve = format!("{path}/{}/approve", written["version"]);
            let second = self.second.clone();
            self.require(&second, Method::POST, &approve, json!({})).await?;
        }
        Ok(())
    }

    /// Another account becomes an operator, who approves from now on.
    pub(super) async fn appoint_another(&mut self) -> Result<()> {
        self.second = self.register("third").await?;
        self.registry.launch().promote("third")
    }

    async fn register(&mut self, name: &str) -> Result<String> {
        let new = json!({ "name": name, "password": PASSWORD });
        let opened = self.require("", Method::POST, "/api/v1/accounts", new).await?;
        Ok(opened["token"].as_str().unwrap_or_default().to_owned())
    }

    async fn log_in(&mut self, name: &str) -> Result<String> {
        let login = json!({ "name": name, "password": PASSWORD });
        let token = self.require("", Method::POST, "/api/v1/tokens", login).await?;
        Ok(token["token"].as_str().unwrap_or_default().to_owned())
    }
}
