//! `docs/reference/commands.md`, and the pages that it leads to, are made from the definitions of the commands:
//! `UPDATE=1 cargo test -p chandlery-cli documents` writes them again.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::root;
use crate::groups::{GROUPS, Group};
use crate::{Cli, EXIT_CODES};

const FOLDER: &str = "docs/reference";
const HEAD: &str = "# Commands

Every command of `chandlery`, by whom it is for. `chandlery COMMAND --help` says the same. These pages are made from the commands'
definitions by a test.

## Options of every command

| option | what it is |
| --- | --- |
";

/// How many words are listed of those that an argument may be.
const LISTED_MAX: usize = 12;

/// The pages, each with the name of its file.
fn pages() -> Vec<(String, String)> {
    let cli = Cli::command();
    let mut pages = vec![("commands.md".to_owned(), index(&cli))];
    for group in &GROUPS {
        let mut page = format!(
            "# {}\n\n{} [Commands](../commands.md) lists all, with the options that each of them takes.\n",
            group.title, group.about
        );
        for command in visible(&cli).filter(|command| group.commands.contains(&command.get_name())) {
            describe(&mut page, "chandlery", 2, command);
        }
        pages.push((format!("commands/{}.md", group.file), page));
    }
    pages
}

fn index(cli: &Command) -> String {
    let mut page = HEAD.to_owned();
    page.extend(cli.get_arguments().filter(|arg| arg.is_global_set()).map(row));
    let codes = EXIT_CODES.trim_start_matches("Exit codes: ").trim_end_matches('.').replace('\n', " ");
    page.push_str("\n## Exit codes\n\n");
    for code in codes.split("; ") {
        let (number, meaning) = code.split_once(' ').unwrap();
        let _ = writeln!(page, "- `{number}`: {meaning}");
    }
    for Group { file, title, about, commands } in &GROUPS {
        let _ = write!(page, "\n## {title}\n\n{about}\n\n| command | what it does |\n| --- | --- |\n");
        for command in visible(cli).filter(|command| commands.contains(&command.get_name())) {
            let (name, about) = (command.get_name(), about_of(command));
            let _ = writeln!(page, "| [`{name}`](commands/{file}.md#chandlery-{name}) | {about} |");
        }
    }
    page
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn about_of(command: &Command) -> String {
    cell(command.get_about().unwrap())
}

/// A command, and those below it.
fn describe(page: &mut String, above: &str, level: usize, command: &Command) {
    let path = format!("{above} {}", command.get_name());
    let _ = write!(page, "\n{} {path}\n\n{}.\n", "#".repeat(level.min(6)), about_of(command));
    let all: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    let (positional, options): (Vec<&Arg>, Vec<&Arg>) =
        all.iter().copied().partition(|arg| arg.is_positional());
    if !all.is_empty() || !command.has_subcommands() {
        let _ = write!(page, "\n    {}\n", synopsis(&path, &positional, &options));
    }
    if !all.is_empty() {
        page.push_str("\n| argument | what it is |\n| --- | --- |\n");
        page.extend(positional.iter().chain(&options).map(|arg| row(arg)));
    }
    for below in visible(command) {
        describe(page, &path, level + 1, below);
    }
}

fn synopsis(path: &str, positional: &[&Arg], options: &[&Arg]) -> String {
    let mut line = path.to_owned();
    for arg in positional {
        let _ = match arg.is_required_set() {
            true => write!(line, " {}", name(arg)),
            false => write!(line, " [{}]", name(arg)),
        };
    }
    let (required, others): (Vec<&Arg>, Vec<&Arg>) =
        options.iter().copied().partition(|arg| arg.is_required_set());
    for arg in required {
        let _ = write!(line, " {}", name(arg));
    }
    if !others.is_empty() {
        line.push_str(" [OPTIONS]");
    }
    line
}

/// As it is written: `NAME`, `NAME…` or `--long VALUE`.
pub(super) fn name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
    let Some(long) = arg.get_long() else {
        return match is_repeated(arg) {
            true => format!("{value}…"),
            false => value,
        };
    };
    match arg.get_action().takes_values() {
        true => format!("--{long} {value}"),
        false => format!("--{long}"),
    }
}

fn is_repeated(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

fn row(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let mut said = cell(arg.get_help().unwrap());
    let possible = arg.get_possible_values();
    let possible: Vec<String> = possible.iter().map(|value| format!("`{}`", value.get_name())).collect();
    let _ = match possible.len() {
        0 => Ok(()),
        1..=LISTED_MAX => write!(said, "; one of {}", possible.join(", ")),
        many => write!(said, "; one of {many} words, which `--help` lists"),
    };
    for value in arg.get_default_values().iter().filter(|value| !value.is_empty()) {
        let _ = write!(said, "; default: `{}`", value.to_str().unwrap());
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(said, "; or by `{}`", variable.to_str().unwrap());
    }
    if is_repeated(arg) {
        said.push_str("; may be repeated");
    }
    if !arg.is_positional() && arg.is_required_set() {
        said.push_str("; required");
    }
    format!("| `{short}{}` | {said} |\n", name(arg))
}

/// A text as a table of Markdown takes it.
pub(super) fn cell(text: &impl Display) -> String {
    text.to_string().replace('|', "\\|").replace('<', "\\<")
}

#[test]
fn the_pages_of_commands_are_as_the_commands_are() {
    let update = std::env::var_os("UPDATE").is_some();
    for (file, page) in pages() {
        let path = root().join(FOLDER).join(&file);
        if update {
            std::fs::write(&path, &page).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == page,
            "{FOLDER}/{file} is out of date: UPDATE=1 cargo test -p chandlery-cli documents"
        );
    }
}

#[test]
fn every_command_has_its_place_in_one_group() {
    let grouped: Vec<&str> = GROUPS.iter().flat_map(|group| group.commands).copied().collect();
    let cli = Cli::command();
    let there: BTreeSet<&str> = visible(&cli).map(Command::get_name).collect();
    let known: BTreeSet<&str> = grouped.iter().copied().collect();
    assert_eq!(known, there, "say in GROUPS whom each command is for");
    assert_eq!(known.len(), grouped.len(), "a command is in two groups");
}
