//! `docs/reference/variables.md` is made from the definitions of the commands: every option that an environment may give, too, and
//! all options of servers among them. `UPDATE=1 cargo test -p chandlery-cli documents` writes it again.

use std::collections::BTreeMap;

use clap::{Arg, Command, CommandFactory as _};

use super::reference::{cell, name};
use super::root;
use crate::Cli;

const PAGE: &str = "docs/reference/variables.md";
const HEAD: &str = "# Variables

Whatever runs a server may be told by a variable of its environment, so that a unit, a container or a chart needs no command line. What the
command line says goes before. A variable of an option without a value is `true` or `false`; of one that may be repeated, it holds all,
with `,` between them, and `;` where groups of a directory are among them.

The packages read them from `/etc/chandlery/registry.env`, `host.env` and `witness.env`, a line `NAME=value` each. Other commands that have an
option hear its variable, too: `registry backup` opens the database that `registry serve` does.

## Options

| variable | option | of | what it is |
| --- | --- | --- | --- |
";
const TAIL: &str = "
## What is no option

| variable | what it is |
| --- | --- |
| `CHANDLERY_HOME` | the folder of a user's log-ins and signing keys; `~/.chandlery`, unless given |
| `CHANDLERY_TOKEN` | a token of the registry, in place of a log-in |
| `CHANDLERY_HOST_TOKEN` | a token of the host, in place of a log-in |
| `CHANDLERY_LOG` | what servers write to standard error: `warn,chandlery=info`, unless given, as [tracing](https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html) reads it |
| `NO_COLOR` | where it is set, nothing is coloured |
";
/// The commands that serve.
const SERVERS: [&str; 3] = ["registry serve", "host run", "witness"];
/// It answers what a service is not asked.
const NONE: [&str; 1] = ["no-publish-first-party"];

/// Every option below a command, with the words that the command is called by.
fn options<'a>(command: &'a Command, path: &str, found: &mut Vec<(String, &'a Arg)>) {
    let shown = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    found.extend(shown.map(|arg| (path.to_owned(), arg)));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let path = if path.is_empty() {
            below.get_name().to_owned()
        } else {
            format!("{path} {}", below.get_name())
        };
        options(below, &path, found);
    }
}

fn page(cli: &Command) -> String {
    let mut found = Vec::new();
    options(cli, "", &mut found);
    let mut rows = BTreeMap::<String, (&Arg, Vec<String>)>::new();
    for (path, arg) in found {
        let Some(variable) = arg.get_env() else { continue };
        rows.entry(variable.to_str().unwrap().to_owned()).or_insert((arg, Vec::new())).1.push(path);
    }
    let mut page = HEAD.to_owned();
    for (variable, (arg, commands)) in rows {
        let of = match commands.iter().find(|path| SERVERS.contains(&path.as_str())).or(commands.first()) {
            Some(path) if !path.is_empty() => format!("`{path}`"),
            _ => "all".to_owned(),
        };
        page.push_str(&format!(
            "| `{variable}` | `{}` | {of} | {} |\n",
            name(arg),
            cell(arg.get_help().unwrap())
        ));
    }
    page + TAIL
}

#[test]
fn the_page_of_variables_is_as_the_commands_are() {
    let page = page(&Cli::command());
    let path = root().join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{PAGE} is out of date: UPDATE=1 cargo test -p chandlery-cli documents");
}

#[test]
fn every_option_of_a_server_has_a_variable() {
    let cli = Cli::command();
    let mut found = Vec::new();
    options(&cli, "", &mut found);
    let of_servers = found.iter().filter(|(path, _)| SERVERS.contains(&path.as_str()));
    let (with, without): (Vec<_>, Vec<_>) = of_servers.partition(|(_, arg)| arg.get_env().is_some());
    let without: Vec<_> = without.iter().filter_map(|(_, arg)| arg.get_long()).collect();
    assert_eq!(without, NONE, "say `env = \"CHANDLERY_…\"` of each of them");
    assert!(with.len() > 50, "{}", with.len());
}
