//! Whom each command is for: by that, the help of all of them and their reference are ordered.

use std::fmt::Write as _;

use clap::Command;
use clap::builder::Styles;

use crate::show;

/// Commands for the same people.
pub struct Group {
    /// The file of their page, without its ending.
    #[cfg(test)]
    pub file: &'static str,
    /// What they are called together.
    pub title: &'static str,
    /// What they do, in a sentence.
    #[cfg(test)]
    pub about: &'static str,
    /// The commands by their names.
    pub commands: &'static [&'static str],
}

/// All groups, in the order of help and reference.
pub const GROUPS: [Group; 4] = [
    Group {
        #[cfg(test)]
        file: "authors",
        title: "Commands for authors and publishers",
        #[cfg(test)]
        about: "Write a plugin, test it, sign it, publish it, and look after what was published.",
        commands: &[
            "new",
            "dev",
            "test",
            "check",
            "build",
            "publish",
            "namespace",
            "keys",
            "releases",
            "review",
            "trust",
            "listing",
            "yank",
            "deprecate",
            "withdraw",
            "advisories",
        ],
    },
    Group {
        #[cfg(test)]
        file: "hosts",
        title: "Commands for platform teams",
        #[cfg(test)]
        about: "Find plugins, install them with proof, deploy, watch and change what runs.",
        commands: &[
            "up",
            "host",
            "search",
            "show",
            "install",
            "list",
            "outdated",
            "uninstall",
            "verify",
            "permissions",
            "secrets",
            "configure",
            "integrations",
            "models",
            "plan",
            "deploy",
            "upgrade",
            "apply",
            "diff",
            "export",
            "history",
            "rollback",
            "restart",
            "scale",
            "pause",
            "resume",
            "repair",
            "target",
            "status",
            "logs",
            "replay",
            "remove",
            "usage",
            "log",
            "witness",
            "doctor",
            "completions",
        ],
    },
    Group {
        #[cfg(test)]
        file: "accounts",
        title: "Commands for accounts, customers and partners",
        #[cfg(test)]
        about: "Sign in, buy, subscribe, sell services, and be paid.",
        commands: &[
            "register",
            "login",
            "logout",
            "whoami",
            "account",
            "tokens",
            "organisation",
            "sign-on",
            "subscription",
            "invoices",
            "orders",
            "consultants",
            "payouts",
            "notices",
            "spend",
            "report",
        ],
    },
    Group {
        #[cfg(test)]
        file: "operators",
        title: "Commands for operators",
        #[cfg(test)]
        about: "Serve a registry, review what is published, keep the books.",
        commands: &[
            "registry",
            "operator",
            "approvals",
            "audit",
            "issuers",
            "reviews",
            "reports",
            "quarantine",
            "certify",
            "policy",
            "dispute",
            "expense",
            "books",
            "figures",
        ],
    },
];

/// The help of all commands as clap's template has it: each group below its title, in so many columns.
pub fn template(cli: &Command, columns: usize) -> String {
    let styles = Styles::styled();
    let (heading, literal) = (styles.get_header(), styles.get_literal());
    let mut said = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    let longest = cli.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    let indent = longest + 4;
    for group in &GROUPS {
        let _ = writeln!(said, "\n{heading}{}:{heading:#}", group.title);
        for command in group.commands.iter().filter_map(|name| cli.find_subcommand(name)) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let about = show::folded(&about, Some(columns), indent, indent);
            let name = command.get_name();
            let blanks = " ".repeat(indent - 2 - name.len());
            let _ = writeln!(said, "  {literal}{name}{literal:#}{blanks}{about}");
        }
    }
    let _ = write!(said, "\n{heading}Options:{heading:#}\n{{options}}{{after-help}}");
    said
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    #[test]
    fn help_lists_each_command_once_within_its_columns() {
        for columns in [60, 80, 100] {
            let cli = Cli::command();
            let template = template(&cli, columns);
            let help = Cli::command().help_template(template).term_width(columns).render_help().to_string();
            for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
                let begins = format!("  {} ", command.get_name());
                let listed = help.lines().filter(|line| line.starts_with(&begins)).count();
                assert_eq!(listed, 1, "{} in {columns} columns:\n{help}", command.get_name());
            }
            assert!(help.contains("\nCommands for operators:\n") && help.contains("--json"), "{help}");
            assert!(help.contains("Exit codes:"), "{help}");
            let rows = help.lines().skip_while(|line| !line.starts_with("Commands for"));
            let mut rows = rows.take_while(|line| !line.starts_with("Options:"));
            assert!(rows.all(|line| line.chars().count() <= columns), "{help}");
        }
    }
}
