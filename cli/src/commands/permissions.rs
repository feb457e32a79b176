//! `chandlery permissions`: what each plugin may do, and what it has done with it.

use chandlery_package::Permission;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Entry, Locked, NewPermission};
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;
use crate::words;

/// What plugins may do, and have done.
#[derive(Subcommand)]
pub enum Permissions {
    /// Show what plugins may do
    Show {
        /// One installed plugin; all of them, where none is named
        plugin: Option<String>,
    },
    /// Take a permission from a plugin, at once
    Revoke {
        /// The installed plugin: `namespace:name`, or only the name
        plugin: String,
        /// As `permissions show` writes it: `http:hooks.slack.com`
        permission: Permission,
    },
    /// Grant a permission that a plugin asks for and was taken from it
    Grant {
        /// The installed plugin: `namespace:name`, or only the name
        plugin: String,
        /// As `permissions show` writes it: `http:hooks.slack.com`
        permission: Permission,
    },
    /// Show what a plugin has done with its permissions, and what it tried
    Uses {
        /// The installed plugin: `namespace:name`, or only the name
        plugin: String,
    },
}

impl Permissions {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Show { plugin } => show_all(context, plugin).await,
            Self::Revoke { plugin, permission } => set(context, &plugin, &permission, false).await,
            Self::Grant { plugin, permission } => set(context, &plugin, &permission, true).await,
            Self::Uses { plugin } => uses(context, &plugin).await,
        }
    }
}

async fn show_all(context: &Context, plugin: Option<String>) -> Result {
    let mut page: Page<Locked> = context.host_list("/api/v1/plugins").await?;
    if let Some(name) = plugin {
        page.items.retain(|locked| {
            let plugin = &locked.release.plugin;
            plugin.to_string() == name || plugin.name.as_str() == name
        });
        if page.items.is_empty() {
            let detail = format!("'{name}' is not installed");
            return Err(crate::failure::Failure::new(&words::NOT_INSTALLED, detail)
                .remedy("`chandlery permissions show` lists what is"));
        }
    }
    match context.settings.json {
        true => show::json(page),
        false => show::table(&["plugin", "permission", "it may", ""], page.items.iter().flat_map(rows)),
    }
    Ok(())
}

fn rows(locked: &Locked) -> Vec<Vec<String>> {
    let row = |permission: &Permission, state: &str| {
        let (plugin, words) = (locked.release.to_string(), permission.in_words(locked.kind));
        vec![plugin, permission.to_string(), words, state.into()]
    };
    let granted = locked.permissions.iter().map(|permission| row(permission, "granted"));
    let mut rows: Vec<_> =
        granted.chain(locked.revoked.iter().map(|permission| row(permission, "revoked"))).collect();
    if rows.is_empty() {
        rows.push(vec![
            locked.release.to_string(),
            "-".into(),
            "write to this host's log".into(),
            String::new(),
        ]);
    }
    rows
}

async fn set(context: &Context, plugin: &str, permission: &Permission, granted: bool) -> Result {
    let path = format!("/api/v1/plugins/{plugin}/permissions/{permission}");
    let locked: Locked = context.host(Method::PUT, &path, NewPermission { granted }).await?;
    match (context.settings.json, granted) {
        (true, _) => show::json(locked),
        (false, true) => {
            show::done(format!("{} may {}", locked.release, permission.in_words(locked.kind)));
        }
        (false, false) => {
            show::done(format!("{} may no longer {}", locked.release, permission.in_words(locked.kind)));
        }
    }
    Ok(())
}

/// The last ones: a busy integration makes thousands.
async fn uses(context: &Context, plugin: &str) -> Result {
    let path = format!("/api/v1/plugins/{plugin}/uses?limit=200");
    let page: Page<Entry> = context.host(Method::GET, &path, ()).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |entry: Entry| {
        let granted = if entry.granted { "granted" } else { "refused" };
        vec![entry.at.strftime("%F %T").to_string(), entry.permission, entry.what, granted.into()]
    };
    show::table(&["when (UTC)", "permission", "what", ""], page.items.into_iter().map(row));
    Ok(())
}
