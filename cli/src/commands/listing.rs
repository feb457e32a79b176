//! `chandlery listing`: how the shop shows a plugin.

use std::path::{Path, PathBuf};

use chandlery_package::wire::{
    Caption, Category, Listing as Shown, NewCaption, NewListing, NewScreenshotOrder, Screenshot as Depicted,
    Support, WebLink,
};
use chandlery_package::{Digest, PluginId, words};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::{Failure, Result};
use crate::show;

words! {
    /// What a publisher says in a listing, and may take back.
    enum Part: "part of a listing" {
        /// What the plugin is for.
        Category = "category",
        /// What it is, in its publisher's words.
        Homepage = "homepage",
        /// How it is used.
        Documentation = "documentation",
        /// What it is made of.
        Source = "source",
        /// What is known to be wrong with it.
        Issues = "issues",
        /// Where its users ask for help.
        Support = "support",
    }
}

/// How the shop shows a plugin, which no signature covers.
#[derive(Subcommand)]
pub enum Listing {
    /// Show what it has
    Show {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
    },
    /// Say what the plugin is for, where there is more of it, and where to ask for help; what is not named stays
    Set(Box<Set>),
    /// Set the icon, or remove it
    Icon {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// A PNG, JPEG or WebP of at most 256 KiB and 1024 pixels on each side
        #[arg(required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// Remove the one that is there
        #[arg(long, conflicts_with = "file")]
        remove: bool,
    },
    /// Add a screenshot, change its caption, order them, or remove one
    #[command(subcommand)]
    Screenshot(Screenshot),
}

#[derive(Args)]
pub struct Set {
    /// The plugin, such as acme:ocr-server
    plugin: PluginId,
    /// What it is for
    #[arg(long, value_parser = one_of::<Category>())]
    category: Option<Category>,
    /// What it is, in your words; a link begins with https://
    #[arg(long, value_name = "LINK")]
    homepage: Option<WebLink>,
    /// How it is used
    #[arg(long, value_name = "LINK")]
    documentation: Option<WebLink>,
    /// What it is made of
    #[arg(long, value_name = "LINK")]
    source: Option<WebLink>,
    /// What is known to be wrong with it
    #[arg(long, value_name = "LINK")]
    issues: Option<WebLink>,
    /// Where its users ask for help: an e-mail address, which everybody reads, or a link
    #[arg(long, value_name = "ADDRESS")]
    support: Option<Support>,
    /// Say this no longer; more than once for more of them
    #[arg(long, value_name = "PART", value_parser = one_of::<Part>())]
    remove: Vec<Part>,
}

#[derive(Subcommand)]
pub enum Screenshot {
    /// Add one after those that are there, up to six; of one that is there, say anew what it shows
    Add {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// A PNG, JPEG or WebP of at most 2 MiB and 4096 pixels on each side
        file: PathBuf,
        /// What it shows, in one line, also for those who do not see it
        #[arg(long, value_name = "TEXT")]
        caption: Caption,
    },
    /// Say what one shows
    Caption {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// The screenshot, as `listing show` names it
        screenshot: Digest,
        /// What it shows
        caption: Caption,
    },
    /// Show them in another order
    Order {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// Each screenshot once, as `listing show` names it, the first one first
        #[arg(required = true, value_name = "SCREENSHOT")]
        order: Vec<Digest>,
    },
    /// Remove one that is there
    Remove {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// The screenshot, as `listing show` names it
        screenshot: Digest,
    },
}

impl Listing {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Show { plugin } => print(context, &find(context, &plugin).await?),
            Self::Set(set) => set.run(context).await?,
            Self::Icon { plugin, remove: true, .. } => {
                context.tell_registry(Method::DELETE, &format!("{}/icon", path(&plugin)), json!({})).await?;
                said(context, &plugin, "has no icon any more");
            }
            Self::Icon { plugin, file, .. } => {
                let file = file.ok_or_else(|| Failure::of("name the file of the icon, or `--remove`"))?;
                send(context, &format!("{}/icon", path(&plugin)), read(&file)?).await?;
            }
            Self::Screenshot(screenshot) => screenshot.run(context).await?,
        }
        Ok(())
    }
}

impl Set {
    async fn run(self, context: &Context) -> Result {
        let Shown { category, links, support, .. } = find(context, &self.plugin).await?;
        let mut new = NewListing { category, links, support };
        for part in &self.remove {
            match part {
                Part::Category => new.category = None,
                Part::Homepage => new.links.homepage = None,
                Part::Documentation => new.links.documentation = None,
                Part::Source => new.links.source = None,
                Part::Issues => new.links.issues = None,
                Part::Support => new.support = None,
            }
        }
        new.category = self.category.or(new.category);
        new.links.homepage = self.homepage.or(new.links.homepage);
        new.links.documentation = self.documentation.or(new.links.documentation);
        new.links.source = self.source.or(new.links.source);
        new.links.issues = self.issues.or(new.links.issues);
        new.support = self.support.or(new.support);
        let shown: Shown = context.registry(Method::PUT, &path(&self.plugin), new).await?;
        print(context, &shown);
        Ok(())
    }
}

impl Screenshot {
    async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add { plugin, file, caption } => {
                let bytes = read(&file)?;
                let caption: String = caption.as_str().bytes().map(|byte| format!("%{byte:02x}")).collect();
                let path = format!("{}?caption={caption}", screenshot_path(&plugin, Digest::of(&bytes)));
                send(context, &path, bytes).await?;
            }
            Self::Caption { plugin, screenshot, caption } => {
                let path = format!("{}/caption", screenshot_path(&plugin, screenshot));
                print(context, &context.registry(Method::PUT, &path, NewCaption { caption }).await?);
            }
            Self::Order { plugin, order } => {
                let (path, new) = (format!("{}/screenshots", path(&plugin)), NewScreenshotOrder { order });
                print(context, &context.registry(Method::PUT, &path, new).await?);
            }
            Self::Remove { plugin, screenshot } => {
                context
                    .tell_registry(Method::DELETE, &screenshot_path(&plugin, screenshot), json!({}))
                    .await?;
                said(context, &plugin, &format!("has no screenshot {screenshot} any more"));
            }
        }
        Ok(())
    }
}

/// Says what a plugin is for, where nobody has said that yet. Of what waits to be approved there is no listing.
pub async fn set_category(context: &Context, plugin: &PluginId, category: Category) -> Result {
    match find(context, plugin).await {
        Ok(Shown { category: None, links, support, .. }) => {
            let new = NewListing { category: Some(category), links, support };
            context.tell_registry(Method::PUT, &path(plugin), new).await
        }
        Ok(_) => Ok(()),
        Err(failure) if failure.is("not-found") => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn path(PluginId { namespace, name }: &PluginId) -> String {
    format!("/api/v1/plugins/{namespace}/{name}/listing")
}

fn screenshot_path(plugin: &PluginId, digest: Digest) -> String {
    format!("{}/screenshots/{digest}", path(plugin))
}

async fn find(context: &Context, plugin: &PluginId) -> Result<Shown> {
    context.ask_as_anyone(&path(plugin)).await
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Failure::of(format!("{}: {error}", file.display())))
}

async fn send(context: &Context, path: &str, image: Vec<u8>) -> Result {
    print(context, &context.put_bytes(path, image).await?);
    Ok(())
}

fn said(context: &Context, plugin: &PluginId, what: &str) {
    match context.settings.json {
        true => show::json(json!({ "plugin": plugin })),
        false => show::done(format!("{plugin} {what}")),
    }
}

fn print(context: &Context, shown: &Shown) {
    if context.settings.json {
        return show::json(shown);
    }
    let links = &shown.links;
    let link = |link: &Option<WebLink>| link.as_ref().map(ToString::to_string);
    for (name, said) in [
        (Part::Category, shown.category.map(|category| category.to_string())),
        (Part::Homepage, link(&links.homepage)),
        (Part::Documentation, link(&links.documentation)),
        (Part::Source, link(&links.source)),
        (Part::Issues, link(&links.issues)),
        (Part::Support, shown.support.as_ref().map(ToString::to_string)),
    ] {
        show::check(name.as_str(), said.as_deref().unwrap_or("none"));
    }
    let icon = shown.icon.as_ref().map(|icon| icon.digest.to_string());
    show::check("icon", icon.as_deref().unwrap_or("none"));
    let row = |one: &Depicted| {
        let image = &one.image;
        vec![image.digest.to_string(), format!("{} × {}", image.width, image.height), one.caption.to_string()]
    };
    show::table(&["screenshot", "size", "shows"], shown.screenshots.iter().map(row));
}
