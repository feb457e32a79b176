//! What people see: tables, checks, and something that moves while they wait. Commands print through here alone, so that no text
//! of others steers the terminal.

mod printable;

use chandlery_package::wire::host::Step;
use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use printable::{indented, line, printable};

/// Prints a line of what was asked for.
macro_rules! say {
    ($($part:tt)*) => {
        put(format_args!("{}\n", format_args!($($part)*)))
    };
}

/// Writes to the standard output, with colours where somebody looks. Whoever has read enough, as `head` has, ends the command.
fn put(text: Arguments<'_>) {
    let written = anstream::stdout().lock().write_fmt(text);
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
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
    let written = std::io::stdout().lock().write_all(document);
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// Prints a text of several lines.
pub fn text(text: &str) {
    say!("{}", printable(text));
}

/// Prints what the lines after it are about.
pub fn headline(about: impl Display, rest: &str) {
    say!("{} {}", line(&about.to_string()).bold(), line(rest));
}

/// Prints one of several things.
pub fn item(what: &str, aside: &str) {
    say!("  {} {} {}", "•".yellow(), line(what), format!("({})", line(aside)).dimmed());
}

/// Prints a line that is there no longer.
pub fn gone(what: &str) {
    say!("{} {}", "-".red(), line(what).red());
}

/// Prints a line that is new.
pub fn new(what: &str) {
    say!("{} {}", "+".green(), line(what).green());
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
    say!("{} {}", "✓".green().bold(), indented(what.as_ref()));
}

/// Prints a check that was passed.
pub fn check(name: &str, found: &str) {
    say!("{} {:<18} {}", "✓".green().bold(), line(name), line(found).dimmed());
}

/// Prints something worth knowing.
pub fn note(what: impl AsRef<str>) {
    say!("{} {}", "·".cyan(), indented(what.as_ref()));
}

/// Prints something that should not be overlooked.
pub fn warning(what: impl AsRef<str>) {
    say!("{} {}", "!".yellow().bold(), indented(what.as_ref()).yellow());
}

/// Prints on standard error what should not be overlooked, beside whatever standard output is read for.
pub fn notice(what: impl AsRef<str>) {
    anstream::eprintln!("{} {}", "!".yellow().bold(), indented(what.as_ref()).yellow());
}

/// Prints on standard error, as JSON, why a command has failed.
pub fn json_failure(problem: impl Serialize) {
    eprintln!("{}", printable::json(&problem));
}

/// Prints on standard error why a command has failed, and what to do.
pub fn failure(title: &str, detail: &str, word: &str, remedy: Option<&str>) {
    let word = format!("[{}]", line(word));
    anstream::eprintln!("{} {}: {} {}", "error:".red().bold(), line(title), indented(detail), word.dimmed());
    if let Some(remedy) = remedy {
        anstream::eprintln!("{}  {}", "  try:".cyan().bold(), indented(remedy));
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

/// A table with these headings; those that begin with `>` are of numbers.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| Cell::new(heading.trim_start_matches('>'))));
    for row in rows {
        table.add_row(row.iter().map(|cell| line(cell)));
    }
    for (index, heading) in headings.iter().enumerate() {
        if let (true, Some(column)) = (heading.starts_with('>'), table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    say!("{table}");
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
