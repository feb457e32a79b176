//! `chandlery trust`: which workloads may publish a plugin without a stored secret.

use std::collections::BTreeMap;

use chandlery_package::publisher::{GITHUB, GITLAB};
use chandlery_package::wire::{Page, PublisherRecord};
use chandlery_package::{Issuer, PluginId, PublisherError, TrustedPublisher};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

/// Which workloads may publish a plugin.
#[derive(Subcommand)]
pub enum Trust {
    /// Let a workload publish a plugin, which need not be there yet; the log will say so for ever
    Add(Box<Add>),
    /// Show which workloads may publish a plugin
    List {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
    },
    /// End that a workload publishes a plugin, and the tokens that it has
    Remove {
        /// The plugin, such as acme:ocr-server
        plugin: PluginId,
        /// As `trust list` numbers it
        id: i64,
    },
}

/// A workload that may publish.
#[derive(Args)]
pub struct Add {
    /// The plugin, such as acme:ocr-server
    plugin: PluginId,
    /// A repository of GitHub, whose workflow publishes
    #[arg(
        long,
        value_name = "OWNER/REPOSITORY",
        requires = "workflow",
        required_unless_present_any = ["gitlab", "issuer"],
        conflicts_with_all = ["gitlab", "issuer"]
    )]
    github: Option<String>,
    /// The workflow's file below .github/workflows, such as release.yml
    #[arg(long, value_name = "FILE", requires = "github")]
    workflow: Option<String>,
    /// A project of GitLab, whose pipeline publishes
    #[arg(long, value_name = "GROUP/PROJECT", conflicts_with = "issuer")]
    gitlab: Option<String>,
    /// The pipeline's file
    #[arg(long, value_name = "FILE", default_value = ".gitlab-ci.yml")]
    pipeline: String,
    /// The environment that the job must be in
    #[arg(long, value_name = "NAME", conflicts_with = "issuer")]
    environment: Option<String>,
    /// Which tags it publishes from: one, or all that begin so, such as v*
    #[arg(long, value_name = "TAG", default_value = "*")]
    tags: String,
    /// Another issuer, whose tokens an operator lets the registry believe
    #[arg(long, value_name = "URL", requires = "claims")]
    issuer: Option<Issuer>,
    /// What a claim of the issuer's tokens must be; may be given several times
    #[arg(long = "claim", id = "claims", value_name = "NAME=VALUE", value_parser = claim, requires = "issuer")]
    claims: Vec<(String, String)>,
}

fn claim(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("'{text}' is no claim: write NAME=VALUE"))?;
    Ok((name.into(), value.into()))
}

impl Add {
    fn publisher(&self) -> std::result::Result<TrustedPublisher, PublisherError> {
        let tags = format!("refs/tags/{}", self.tags);
        let environment = self.environment.clone().map(|name| ("environment", name));
        let (issuer, claims) = match (&self.github, &self.gitlab, &self.issuer) {
            (Some(repository), ..) => {
                let file = self.workflow.as_deref().unwrap_or_default();
                let workflow = format!("{repository}/.github/workflows/{file}@{tags}");
                let claims = [("repository", repository.clone()), ("ref", tags), ("workflow_ref", workflow)];
                (GITHUB.parse::<Issuer>()?, named(claims.into_iter().chain(environment)))
            }
            (None, Some(project), _) => {
                let pipeline = format!("gitlab.com/{project}//{}@{tags}", self.pipeline);
                let claims = [
                    ("project_path", project.clone()),
                    ("ref_type", "tag".into()),
                    ("ci_config_ref_uri", pipeline),
                ];
                (GITLAB.parse::<Issuer>()?, named(claims.into_iter().chain(environment)))
            }
            (None, None, Some(issuer)) => (issuer.clone(), self.claims.iter().cloned().collect()),
            (None, None, None) => return Err(PublisherError::Issuer(String::new())),
        };
        TrustedPublisher::new(issuer, claims)
    }
}

fn named<'a>(claims: impl Iterator<Item = (&'a str, String)>) -> BTreeMap<String, String> {
    claims.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn path(plugin: &PluginId) -> String {
    let PluginId { namespace, name } = plugin;
    format!("/api/v1/plugins/{namespace}/{name}/trusted-publishers")
}

impl Trust {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add(new) => add(context, &new).await,
            Self::List { plugin } => list(context, &plugin).await,
            Self::Remove { plugin, id } => {
                context.tell_registry(Method::DELETE, &format!("{}/{id}", path(&plugin)), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "removed": id })),
                    false => show::done(format!("{plugin} is published by that workload no more")),
                }
                Ok(())
            }
        }
    }
}

async fn add(context: &Context, new: &Add) -> Result {
    let publisher = new.publisher();
    let publisher = publisher.map_err(|error| Failure::new(&words::NOT_A_PUBLISHER, error.to_string()))?;
    let record: PublisherRecord = context.registry(Method::POST, &path(&new.plugin), publisher).await?;
    match context.settings.json {
        true => show::json(record),
        false => show::done(format!(
            "{} may publish {}, by entry {} of the log, as long as '{}' owns the namespace",
            record.publisher, new.plugin, record.log_index, record.added_by
        )),
    }
    Ok(())
}

async fn list(context: &Context, plugin: &PluginId) -> Result {
    let page: Page<PublisherRecord> = context.registry_list(&path(plugin)).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |record: PublisherRecord| {
        let claims = record.publisher.claims().iter().map(|(name, value)| format!("{name}={value}"));
        vec![
            record.id.to_string(),
            record.publisher.issuer().to_string(),
            claims.collect::<Vec<_>>().join(" "),
            record.added_by.to_string(),
        ]
    };
    show::table(&[">id", "issuer", "claims", "added by"], page.items.into_iter().map(row));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        add: Add,
    }

    #[test]
    fn what_the_command_line_names_is_what_tokens_say() {
        let read = |words: &str| {
            let words = ["trust", "acme:ocr"].into_iter().chain(words.split_whitespace());
            Line::try_parse_from(words).ok().map(|line| line.add.publisher().map(|it| it.to_string()))
        };
        for (words, said) in [
            (
                "--github acme/ocr --workflow release.yml",
                "https://token.actions.githubusercontent.com ref=refs/tags/* repository=acme/ocr \
                 workflow_ref=acme/ocr/.github/workflows/release.yml@refs/tags/*",
            ),
            (
                "--github acme/ocr --workflow r.yml --environment release --tags v*",
                "https://token.actions.githubusercontent.com environment=release ref=refs/tags/v* repository=acme/ocr \
                 workflow_ref=acme/ocr/.github/workflows/r.yml@refs/tags/v*",
            ),
            (
                "--gitlab acme/ocr",
                "https://gitlab.com ci_config_ref_uri=gitlab.com/acme/ocr//.gitlab-ci.yml@refs/tags/* \
                 project_path=acme/ocr ref_type=tag",
            ),
            ("--issuer https://ci.example --claim sub=a=b", "https://ci.example sub=a=b"),
        ] {
            assert_eq!(read(words), Some(Ok(said.to_owned())), "{words}");
        }
        for words in [
            "",
            "--github acme/ocr",
            "--workflow release.yml",
            "--github acme/ocr --workflow a.yml --gitlab acme/ocr",
            "--issuer https://ci.example",
            "--issuer http://ci.example --claim sub=a",
            "--claim sub=a",
            "--issuer https://ci.example --claim sub",
        ] {
            assert!(read(words).is_none(), "{words}");
        }
        assert!(read("--issuer https://ci.example --claim ref=refs/tags/*").unwrap().is_err());
    }
}
