//! Each command and option that a text of ours names, as remedies do, is one that there is.

use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory as _};

use super::{root, sources_below};
use crate::Cli;

/// Where texts stand that commands, hosts and registries say.
const FOLDERS: [&str; 7] =
    ["cli/src", "host", "registry", "package/src", "sandbox/src", "pages/src", "oidc/src"];
/// Options of other programs that texts name.
const OF_OTHERS: [&str; 3] = ["constraint", "exclude", "gres"];

/// All sources below the folders, with their paths; a text that goes on in the next line is joined.
fn sources() -> Vec<(PathBuf, String)> {
    let all = sources_below(FOLDERS.iter().map(|folder| root().join(folder)).collect());
    // What these say of commands is made from their definitions.
    let others = all.into_iter().filter(|(path, _)| !path.starts_with(root().join("cli/src/documents")));
    others.map(|(path, text)| (path, joined(&text))).collect()
}

fn joined(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        match line.strip_suffix('\\') {
            Some(begun) => joined.push_str(begun.trim_start()),
            None => joined.extend([line.trim_start(), "\n"]),
        }
    }
    joined
}

/// What stands between backticks within a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The options that a line tells to use, in backticks or not.
fn options(line: &str) -> impl Iterator<Item = &str> {
    let plain = line.split(" with --").skip(1);
    let quoted = quoted(line).filter_map(|text| text.strip_prefix("--"));
    plain.chain(quoted).map(|text| {
        let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(text.len());
        &text[..end]
    })
}

fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| match word.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| word == format!("-{short}")),
    })
}

/// What is wrong with a command whose words are these, after `chandlery`; what `{}` stands for is not known.
fn fault(cli: &Command, text: &str) -> Option<String> {
    let mut command = cli;
    let mut given = 0;
    let mut words = text.split_whitespace().take_while(|word| !["<", ">", "|", "…"].contains(word));
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            let (name, value) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            if ["--help", "--{what}"].contains(&name) {
                continue;
            }
            let Some(arg) = option(command, name).or_else(|| option(cli, name)) else {
                return Some(format!("'{}' has no {name}", command.get_name()));
            };
            if arg.get_action().takes_values() && value.is_none() {
                words.next();
            }
        } else if let Some(below) = command.find_subcommand(word).filter(|_| given == 0) {
            command = below;
        } else if command.is_subcommand_required_set() {
            let is_known = !word.starts_with('{') && word != "COMMAND";
            return is_known.then(|| format!("'{}' has no '{word}'", command.get_name()));
        } else {
            given += 1;
        }
    }
    let takes_any =
        command.get_positionals().any(|arg| arg.get_num_args().is_some_and(|n| n.max_values() > 1));
    let takes = command.get_positionals().count();
    (given > takes && !takes_any)
        .then(|| format!("'{}' takes {takes} arguments, not {given}", command.get_name()))
}

fn all_options(command: &Command, names: &mut Vec<String>) {
    names.extend(command.get_arguments().filter_map(Arg::get_long).map(str::to_owned));
    command.get_subcommands().for_each(|below| all_options(below, names));
}

#[test]
fn every_command_that_a_text_names_is_one_that_there_is() {
    let mut cli = Cli::command();
    cli.build();
    let mut known = OF_OTHERS.map(str::to_owned).to_vec();
    all_options(&cli, &mut known);
    let (mut wrong, mut commands, mut named) = (Vec::new(), 0, 0);
    for (path, text) in sources() {
        let mut say = |what: String| wrong.push(format!("{}: {what}", path.display()));
        for line in text.lines() {
            for text in quoted(line).filter_map(|text| text.strip_prefix("chandlery ")) {
                commands += 1;
                fault(&cli, text).into_iter().for_each(|why| say(format!("`chandlery {text}`: {why}")));
            }
            for name in options(line).filter(|name| !name.is_empty()) {
                named += 1;
                if !known.iter().any(|option| option == name) {
                    say(format!("no command has --{name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty() && commands > 150 && named > 15, "of {commands} and {named}: {wrong:#?}");
}

#[test]
fn a_command_that_there_is_not_is_found() {
    let mut cli = Cli::command();
    cli.build();
    for (text, why) in [
        ("up --registry-listen ADDR", None),
        ("up --listen ADDR", Some("'up' has no --listen")),
        ("namespace take {name}", None),
        ("namespace {}", None),
        ("namespace grab acme", Some("'namespace' has no 'grab'")),
        ("verify ocr", Some("'verify' takes 0 arguments, not 1")),
        ("secrets set {name} < FILE", None),
        ("deploy PLUGIN --for acme", None),
        ("grab", Some("'chandlery' has no 'grab'")),
    ] {
        assert_eq!(fault(&cli, text).as_deref(), why, "{text}");
    }
    assert_eq!(joined("a(\"b `chandlery \\\n    up`\")\n"), "a(\"b `chandlery up`\")\n");
    let line = "choose with --listen, or `--data DIR`; no --other";
    assert_eq!(options(line).collect::<Vec<_>>(), ["listen", "data"]);
}
