//! The shelf: every document, in the order in which the index lists them and one leads to the next.

use super::links::of_document;

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// To be followed from the first line to the last.
    Tutorials,
    /// About one matter, for those who have begun.
    Guides,
    /// To look things up in.
    Reference,
}

impl Group {
    /// All of them, in the order of the index.
    pub const ALL: [Self; 3] = [Self::Tutorials, Self::Guides, Self::Reference];

    /// What the index calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tutorials => "Tutorials",
            Self::Guides => "Guides",
            Self::Reference => "Reference",
        }
    }
}

/// A document, as it stands on the shelf.
#[derive(Debug)]
pub struct Entry {
    /// Its file, below `docs/` and without the ending.
    pub path: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it says, in a sentence.
    pub summary: &'static str,
    /// Whom it is for, after "for".
    pub readers: &'static str,
    /// Its place in the index.
    pub group: Group,
    /// Its text, in Markdown.
    pub source: &'static str,
}

impl Entry {
    /// Its address here.
    pub fn address(&self) -> String {
        of_document(self.path)
    }
}

macro_rules! entries {
    ($($group:ident $path:literal: $title:literal, for $readers:literal, $summary:literal;)*) => {
        &[$(Entry {
            path: $path,
            title: $title,
            summary: $summary,
            readers: $readers,
            group: Group::$group,
            source: include_str!(concat!("../../../docs/", $path, ".md")),
        }),*]
    };
}

/// All documents, those of each group beside each other.
pub static SHELF: &[Entry] = entries! {
    Tutorials "tutorials/publish": "Publish a plugin", for "authors and partners",
        "From an empty folder to a signed release in a registry: write a template, try it, test it, publish it.";
    Tutorials "tutorials/deploy": "Deploy a model server", for "platform teams",
        "Install a plugin with proof of what it is, see its plan, deploy it, roll it forward and back.";
    Tutorials "tutorials/get-paid": "Sell a plugin and get paid", for "partners",
        "Set a price, follow a sale to its share, and have what you earned paid out.";
    Tutorials "tutorials/operate": "Run a marketplace", for "operators",
        "Serve a registry, certify a partner, take money, pay it out, close the month, keep backups.";
    Guides "journeys": "The journeys", for "whoever wants to see all of it",
        "What people do with it, each from its first command to its end.";
    Guides "packages": "Install and upgrade", for "whoever installs it, and operators",
        "The installer, the Debian package with its services, the container image and the chart; upgrades and their end.";
    Guides "plugins": "Plugins: worlds, permissions, limits", for "authors of plugins, and whoever installs them",
        "What plugins may do, and what bounds them.";
    Guides "trusted-publishing": "Publishing from CI", for "authors who publish from CI, or by two people",
        "No stored secrets, provenance, and releases that a second person approves.";
    Guides "targets": "Targets, engines and rollouts", for "platform teams",
        "This machine, Slurm and Kubernetes as places to deploy to, and how rollouts go.";
    Guides "desired-state": "Deployments as files", for "platform teams who keep deployments in git",
        "Say in a file which deployments there should be, see what that would change, and apply it by hand or from CI.";
    Guides "accounts": "Accounts and organisations", for "people with an account",
        "Passwords, passkeys, second factors, e-mail, organisations with their sign-on and directories, and an end.";
    Guides "operating": "Operating a registry or a host", for "operators",
        "Serving, replicas, limits, backups, a host's users and its console.";
    Guides "money": "Money", for "whoever follows the money",
        "Prices, orders, shares, holds, payouts and the books.";
    Guides "terms": "Terms of orders", for "whoever buys or sells plugins",
        "What an order is on, and what its end means.";
    Guides "clients": "Other people's clients", for "users of skopeo, helm, oras, wkg, crane and cosign",
        "What each of them does with a registry.";
    Guides "security": "Security", for "auditors, and whoever asks what holds",
        "Whom each part trusts with what, what each boundary promises, and which test holds it.";
    Reference "reference/commands": "Commands", for "users of the command line",
        "All commands, the options that each of them takes, and exit codes.";
    Reference "reference/commands/authors": "Commands for authors", for "authors and publishers",
        "Write a plugin, test it, sign it, publish it, and look after what was published.";
    Reference "reference/commands/hosts": "Commands for platform teams", for "platform teams",
        "Find plugins, install them with proof, deploy, watch and change what runs.";
    Reference "reference/commands/accounts": "Commands for accounts", for "customers and partners",
        "Sign in, buy, subscribe, sell services, and be paid.";
    Reference "reference/commands/operators": "Commands for operators", for "operators",
        "Serve a registry, review what is published, keep the books.";
    Reference "reference/variables": "Variables", for "operators, and whoever writes units, charts and workflows",
        "Every variable of the environment that stands for an option, and whose.";
    Reference "reference/manifest": "chandlery.toml", for "authors of plugins",
        "Every field of a plugin's manifest, and the schema by which editors complete it.";
    Reference "reference/plan": "The plan", for "authors of plugins and policies",
        "What a template is told, what it answers, and what each field of a plan means.";
    Reference "errors": "Errors", for "whoever met one",
        "Every refusal by its word: when it comes, and what to do.";
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The files of a folder whose names end so, from its root and without the ending.
    fn documents(root: &Path) -> BTreeSet<String> {
        let (mut folders, mut found) = (vec![root.to_owned()], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path: PathBuf = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.extend(
                        path.strip_prefix(root)
                            .unwrap()
                            .to_str()
                            .unwrap()
                            .strip_suffix(".md")
                            .map(str::to_owned),
                    ),
                }
            }
        }
        found
    }

    #[test]
    fn every_document_stands_on_the_shelf_once() {
        let mut there = documents(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"));
        assert!(there.remove("README"), "the index of the repository is not there");
        let shelved: BTreeSet<String> = SHELF.iter().map(|entry| entry.path.to_owned()).collect();
        assert_eq!(shelved.len(), SHELF.len(), "a document stands there twice");
        let missing: Vec<_> = there.difference(&shelved).collect();
        assert!(
            missing.is_empty(),
            "put these files of docs/ on the shelf, in registry/src/docs/shelf.rs: {missing:?}"
        );
    }

    #[test]
    fn groups_stand_together_and_no_document_is_called_like_a_page() {
        let groups: Vec<Group> = SHELF.iter().map(|entry| entry.group).collect();
        let mut runs = groups.clone();
        runs.dedup();
        assert_eq!(runs, Group::ALL, "the index lists what one leads to the next by");
        assert!(SHELF.iter().all(|entry| entry.path != "search"));
    }
}
