//! Each command in a block of code of a document is one that there is, with options that it takes.

use std::path::Path;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::root;
use crate::Cli;

/// All documents, with their paths.
fn documents() -> Vec<(String, String)> {
    let mut folders = vec![root().join("docs")];
    let mut files = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "md") => files.push(path),
                false => {}
            }
        }
    }
    // These say what a command takes, and not what it is given.
    files.retain(|path| !path.starts_with(root().join("docs/reference/commands")));
    let read = |path: &Path| (path.display().to_string(), std::fs::read_to_string(path).unwrap());
    files.iter().map(|path| read(path)).collect()
}

/// The lines of a document's blocks of code, with those that go on joined.
fn lines(document: &str) -> Vec<String> {
    let (mut lines, mut fenced, mut open) = (Vec::<String>::new(), false, false);
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced && !line.starts_with("    ") {
            open = false;
            continue;
        }
        let (text, goes_on) = match line.trim().strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line.trim(), false),
        };
        match lines.last_mut().filter(|_| open) {
            Some(last) => last.push_str(text),
            None => lines.push(text.to_owned()),
        }
        open = goes_on;
    }
    lines
}

/// The commands of a line as a shell reads them, word by word; without comments, and without what is done with their output.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    let letters = line.strip_prefix("$ ").unwrap_or(line).chars();
    for letter in letters {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | ';' | '&' | '|' | '>') => {
                words.extend(word.take());
                if letter != ' ' {
                    commands.push(std::mem::take(&mut words));
                }
            }
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    commands.push(words);
    for words in &mut commands {
        let is_setting =
            |word: &String| word.split_once('=').is_some_and(|(name, _)| name.to_uppercase() == name);
        let settings = words.iter().take_while(|word| is_setting(word)).count();
        words.drain(..settings);
    }
    // What is left out with an ellipsis cannot be read.
    commands.retain(|words| {
        words.first().is_some_and(|word| word == "chandlery") && !words.iter().any(|word| word.contains('…'))
    });
    commands
}

#[test]
fn every_command_of_a_document_is_one_that_there_is() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (path, text) in documents() {
        for words in lines(&text).iter().flat_map(|line| commands(line)) {
            tried += 1;
            let Err(error) = Cli::try_parse_from(&words) else { continue };
            if error.kind() != ErrorKind::DisplayHelp {
                let why = error.to_string();
                wrong.push(format!(
                    "{path}: {}: {}",
                    words.join(" "),
                    why.lines().next().unwrap_or_default()
                ));
            }
        }
    }
    assert!(wrong.is_empty() && tried > 200, "of {tried}: {wrong:#?}");
}

#[test]
fn a_line_is_read_as_a_shell_reads_it() {
    let read = |line: &str| commands(line).iter().map(|words| words.join("|")).collect::<Vec<_>>();
    assert_eq!(read("$ chandlery show a:b    # what it is"), ["chandlery|show|a:b"]);
    assert_eq!(
        read("A_B=1 chandlery plan x --set 'a={\"b\":8}' > plan"),
        ["chandlery|plan|x|--set|a={\"b\":8}"]
    );
    assert_eq!(
        read("chandlery a \"1.00 USD\" && cd x; chandlery b"),
        ["chandlery|a|1.00 USD", "chandlery|b"]
    );
    assert!(read("✓ chandlery is here").is_empty() && read("curl x | jq").is_empty());
    let text = "text chandlery none\n\n    $ chandlery a \\\n        --b c\n\n```\nchandlery d\n```\n";
    assert_eq!(lines(text), ["$ chandlery a --b c", "chandlery d"]);
}
