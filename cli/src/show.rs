//! What people see: tables, checks, and something that moves while they wait. Commands print through here alone, so that no text
//! of others steers the terminal.

mod layout;
mod output;
mod printable;

use chandlery_package::wire::host::{Change, Step};
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use serde::Serialize;

pub use layout::{HELP_COLUMNS_MAX, columns, folded};
pub use output::finish;

use output::{put, put_bytes, tell};
use printable::{line, lines, printable};

/// Prints a line of what was asked for.
macro_rules! say {
    ($($part:tt)*) => {
        put(format_args!("{}\n", format_args!($($part)*)))
    };
}

/// Prints a line on standard error.
macro_rules! say_aside {
    ($($part:tt)*) => {
        tell(format_args!("{}\n", format_args!($($part)*)))
    };
}

/// Whether standard error has colours: where somebody looks at it, and `NO_COLOR` does not say otherwise. A file of logs has none.
pub fn colours_errors() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a value as JSON.
pub fn json(value: impl Serialize) {
    say!("{}", printable::json(&value));
}

/// Prints a document, such as a bank file, as it is; at a terminal, where nothing reads it but a person, as [`printable`].
pub fn document(text: &str) {
    match std::io::stdout().is_terminal() {
        true => put(format_args!("{}", printable(text))),
        false => put(format_args!("{text}")),
    }
}

/// Prints a document whose letters may not be UTF-8 as it is; at a terminal, as [`printable`].
pub fn bytes(document: &[u8]) {
    if std::io::stdout().is_terminal() {
        return put(format_args!("{}", printable(&String::from_utf8_lossy(document))));
    }
    put_bytes(document);
}

/// Prints a text of several lines.
pub fn text(text: &str) {
    say!("{}", printable(text));
}

/// Text after a mark of one column, its further lines below its first.
fn marked(text: &str) -> String {
    folded(&lines(text), columns(), 2, 2)
}

/// Text that ends with something aside, as [`folded`].
fn with_aside(text: &str, aside: &str, used: usize, indent: usize) -> String {
    let said = folded(&format!("{text} {aside}"), columns(), used, indent);
    match said.strip_suffix(aside) {
        Some(begun) => format!("{begun}{}", aside.dimmed()),
        None => said,
    }
}

/// Prints what the lines after it are about.
pub fn headline(about: impl Display, rest: &str) {
    let about = line(&about.to_string());
    let rest = folded(&line(rest), columns(), about.chars().count() + 1, 2);
    say!("{} {rest}", about.bold());
}

/// Prints one of several things.
pub fn item(what: &str, aside: &str) {
    say!("  {} {}", "•".yellow(), with_aside(&line(what), &format!("({})", line(aside)), 4, 4));
}

/// Prints a line that is there no longer.
pub fn gone(what: &str) {
    say!("{} {}", "-".red(), line(what).red());
}

/// Prints a line that is new.
pub fn new(what: &str) {
    say!("{} {}", "+".green(), line(what).green());
}

/// Prints a line for each value of a plan that is gone or new.
pub fn changes(changes: &[Change]) {
    for Change { path, before, after } in changes {
        if let Some(before) = before {
            gone(&format!("{path}: {before}"));
        }
        if let Some(after) = after {
            new(&format!("{path}: {after}"));
        }
    }
}

/// Prints a line between those that are gone or new.
pub fn same(what: &str) {
    say!("  {}", line(what));
}

/// Prints a line that a replica has written.
pub fn logged(replica: &str, text: &str) {
    say!("{} {}", line(replica).cyan(), line(text));
}

/// Prints that something is done.
pub fn done(what: impl AsRef<str>) {
    say!("{} {}", "✓".green().bold(), marked(what.as_ref()));
}

/// Prints a check that was passed.
pub fn check(name: &str, found: &str) {
    const AFTER_NAME: usize = 21;
    let (name, found) = (line(name), line(found));
    let used = AFTER_NAME.max(name.chars().count() + 3);
    say!("{} {name:<18} {}", "✓".green().bold(), folded(&found, columns(), used, AFTER_NAME).dimmed());
}

/// Prints something worth knowing.
pub fn note(what: impl AsRef<str>) {
    say!("{} {}", "·".cyan(), marked(what.as_ref()));
}

/// Prints something that should not be overlooked.
pub fn warning(what: impl AsRef<str>) {
    say!("{} {}", "!".yellow().bold(), marked(what.as_ref()).yellow());
}

/// Prints on standard error what should not be overlooked, beside whatever standard output is read for.
pub fn notice(what: impl AsRef<str>) {
    say_aside!("{} {}", "!".yellow().bold(), marked(what.as_ref()).yellow());
}

/// Prints on standard error, as JSON, why a command has failed.
pub fn json_failure(problem: impl Serialize) {
    say_aside!("{}", printable::json(&problem));
}

/// Prints on standard error why a command has failed, and what to do.
pub fn failure(title: &str, detail: &str, word: &str, remedy: Option<&str>) {
    let (head, word) = ("error:", format!("[{}]", line(word)));
    let said = format!("{}: {}", line(title), lines(detail));
    say_aside!("{} {}", head.red().bold(), with_aside(&said, &word, head.len() + 1, 2));
    if let Some(remedy) = remedy {
        let head = "  try:";
        say_aside!("{}  {}", head.cyan().bold(), folded(&lines(remedy), columns(), head.len() + 2, 2));
    }
}

/// Asks whoever sits at the terminal; what is typed, without blanks around it.
pub fn ask(question: &str) -> std::io::Result<String> {
    put(format_args!("{} ", line(question)));
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// The steps of something that takes its time, as they are taken.
pub struct Steps {
    json: bool,
    /// Whether the checks that come first were shown already.
    again: bool,
    under_way: Option<ProgressBar>,
}

impl Steps {
    /// Nothing is shown to scripts.
    pub fn new(json: bool) -> Self {
        Self { json, again: false, under_way: None }
    }

    /// The same steps once more, shown from the first one that takes its time.
    pub fn again(json: bool) -> Self {
        Self { again: true, ..Self::new(json) }
    }

    /// The next step.
    pub fn show(&mut self, step: Step) {
        if let Some(bar) = self.under_way.take() {
            bar.finish_and_clear();
        }
        match step {
            _ if self.json => {}
            Step::Began(what) => {
                self.again = false;
                self.under_way = Some(spinner(what));
            }
            Step::Passed(_) if self.again => {}
            Step::Passed(passed) => check(&passed.check, &passed.found),
            Step::Warned(_) if self.again => {}
            Step::Warned(what) => warning(what),
        }
    }
}

/// Prints a table with these headings; those that begin with `>` are of numbers.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| line(cell)).collect()).collect();
    say!("{}", layout::table(headings, &rows, columns()));
}

/// A line that moves while something takes its time; nothing where nobody watches.
pub fn spinner(message: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.set_message(line(&message.into()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A span of milliseconds, for people.
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{}.{:03} s", seconds, millis % 1000),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
