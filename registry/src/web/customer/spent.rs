//! What money was spent on, as the page of what was invoiced and that of the budget name it.

use chandlery_package::PluginId;
use chandlery_package::wire::InvoiceLineKind;
use maud::{Markup, html};

/// The plugin, or what else was paid for.
pub(super) fn thing(plugin: Option<&PluginId>, kind: InvoiceLineKind) -> Markup {
    html! {
        @match plugin {
            Some(plugin) => a href=(format!("/plugins/{}/{}", plugin.namespace, plugin.name)) { (plugin) },
            None if kind == InvoiceLineKind::Service => "services",
            None => "subscription",
        }
    }
}

/// By what it was charged.
pub(super) fn charged(kind: InvoiceLineKind) -> &'static str {
    match kind {
        InvoiceLineKind::Plan => "for a period",
        InvoiceLineKind::Unused => "what was left of the period before",
        InvoiceLineKind::Once | InvoiceLineKind::Service => "once",
        InvoiceLineKind::Month => "by the month",
        InvoiceLineKind::Use => "by use",
    }
}
