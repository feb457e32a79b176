//! What pages of the shop tell machines: where they are, and what they show.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chandlery_edge::Proxied;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Namespace, Offer, PluginId, Price, Release};
use chandlery_pages::Head;
use serde_json::{Value, json};

use crate::catalog::state::Catalog;

/// Where a visitor reaches the registry, without a slash at the end.
pub(super) struct Base(pub(super) String);

impl FromRequestParts<Catalog> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, catalog: &Catalog) -> Result<Self, Infallible> {
        let proxied = Proxied::is_noted(&parts.extensions);
        Ok(Self(catalog.oci.site.url(&parts.headers, proxied)))
    }
}

impl Base {
    /// What a page at a path says of itself.
    pub(super) fn head(&self, path: &str, title: &str, description: &str) -> Head {
        Head {
            title: title.into(),
            description: Some(description.into()),
            url: Some(format!("{}{path}", self.0)),
            ..Head::default()
        }
    }
}

/// The path of a plugin's page.
pub(super) fn plugin_path(plugin: &PluginId) -> String {
    format!("/plugins/{}/{}", plugin.namespace, plugin.name)
}

/// The path of a release's page.
pub(super) fn release_path(release: &Release) -> String {
    format!("{}/releases/{}", plugin_path(&release.plugin), release.version)
}

/// The path of a publisher's page.
pub(super) fn publisher_path(namespace: &Namespace) -> String {
    format!("/publishers/{namespace}")
}

/// A plugin by one of its releases, as schema.org describes software.
pub(super) fn software(base: &Base, record: &ReleaseRecord) -> Value {
    let plugin = &record.release.plugin;
    let manifest = record.manifest.as_ref();
    json!({
        "@context": "https://schema.org",
        "@type": "SoftwareApplication",
        "name": record.title,
        "description": record.description,
        "applicationCategory": "DeveloperApplication",
        "softwareVersion": record.release.version,
        "url": format!("{}{}", base.0, plugin_path(plugin)),
        "datePublished": record.published_at,
        "license": manifest.map(|manifest| &manifest.license),
        "keywords": manifest.map(|manifest| &manifest.keywords),
        "author": {
            "@type": "Organization",
            "name": plugin.namespace,
            "url": format!("{}{}", base.0, publisher_path(&plugin.namespace)),
        },
        "offers": offer(record.price.as_ref()),
    })
}

/// What it costs, where that is one amount.
fn offer(offer: Option<&Offer>) -> Value {
    match offer.map(|offer| &offer.price) {
        None => json!({ "@type": "Offer", "price": "0", "priceCurrency": "USD" }),
        Some(Price::Once { amount } | Price::Monthly { amount, .. }) => {
            let text = amount.to_string();
            let price = text.split(' ').next().unwrap_or_default();
            json!({ "@type": "Offer", "price": price, "priceCurrency": amount.currency() })
        }
        Some(Price::Metered { .. }) => Value::Null,
    }
}
