//! How text is laid out in as many columns as there are: lines end between words, and a table too wide for them becomes a list.

use std::env;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};
use unicode_width::UnicodeWidthStr as _;

/// How many columns the help of commands has, at most.
pub const HELP_COLUMNS_MAX: usize = 100;
/// What a table leaves free beside each cell, on both sides together; between columns it leaves one more.
const PADDING: usize = 2;

/// How many columns the standard output has: as `COLUMNS` says, or the terminal; none: lines may be as long as they are.
pub fn columns() -> Option<usize> {
    let said = env::var("COLUMNS")
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok())
        .filter(|count| *count > 0);
    said.or_else(|| terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into()))
}

/// A text whose lines end between words, before these columns. `used` of the first line are taken already, and further lines are
/// indented. What stands between backticks stays in one piece: it is copied.
pub fn folded(text: &str, columns: Option<usize>, used: usize, indent: usize) -> String {
    let Some(columns) = columns else { return text.replace('\n', &format!("\n{}", " ".repeat(indent))) };
    let mut shown = String::with_capacity(text.len());
    let mut at = used;
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            at = break_line(&mut shown, indent);
        }
        let mut is_first = true;
        for piece in pieces(line) {
            let width = piece.width();
            if !is_first && at + 1 + width > columns {
                at = break_line(&mut shown, indent);
            } else if !is_first {
                shown.push(' ');
                at += 1;
            }
            shown.push_str(piece);
            at += width;
            is_first = false;
        }
    }
    shown
}

/// Begins another line, and says how much of it is taken.
fn break_line(shown: &mut String, indent: usize) -> usize {
    shown.push('\n');
    shown.push_str(&" ".repeat(indent));
    indent
}

/// A line's words, of which those between backticks are one.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    line.split(move |c: char| {
        is_quoted ^= c == '`';
        c == ' ' && !is_quoted
    })
}

/// A table with these headings; those that begin with `>` are of numbers. Cells are single lines.
pub fn table(headings: &[&str], rows: &[Vec<String>], columns: Option<usize>) -> String {
    let names: Vec<&str> = headings.iter().map(|heading| heading.trim_start_matches('>')).collect();
    let Some(widths) = widths(&names, rows, columns.unwrap_or(usize::MAX)) else {
        return list(&names, rows, columns);
    };
    let mut table = Table::new();
    // The widths are given for each column, so that the terminal is not asked again.
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::MAX).set_header(&names);
    table.add_rows(rows);
    for ((heading, width), column) in headings.iter().zip(widths).zip(table.column_iter_mut()) {
        if heading.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let width = u16::try_from(width + PADDING).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    table.to_string()
}

/// How wide the columns of a table are that has so much room, if every word finds a place in one line: the narrow ones have what they
/// need, and the wide ones share what is left.
fn widths(names: &[&str], rows: &[Vec<String>], room: usize) -> Option<Vec<usize>> {
    let cells = |index: usize| {
        let of_rows = rows.iter().filter_map(move |row| row.get(index)).map(String::as_str);
        std::iter::once(names[index]).chain(of_rows)
    };
    let word = |cell: &str| cell.split(' ').map(|word| word.width()).max().unwrap_or(0);
    let most = |measure: &dyn Fn(&str) -> usize, index| cells(index).map(measure).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..names.len()).map(|index| most(&word, index).max(1)).collect();
    let whole: Vec<usize> = (0..names.len()).map(|index| most(&|cell| cell.width(), index)).collect();
    let free = PADDING * names.len() + names.len().saturating_sub(1);
    let mut left = room.checked_sub(widths.iter().sum::<usize>() + free)?;
    while left > 0 {
        let short = (0..names.len()).filter(|index| widths[*index] < whole[*index]);
        let Some(narrowest) = short.min_by_key(|index| widths[*index]) else { break };
        widths[narrowest] += 1;
        left -= 1;
    }
    Some(widths)
}

/// Rows below each other, a line for each cell that says something.
fn list(names: &[&str], rows: &[Vec<String>], columns: Option<usize>) -> String {
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let one = |row: &Vec<String>| {
        let said = names.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let lines = said.map(|(name, cell)| {
            let blanks = " ".repeat(widest - name.width());
            format!("  {name}{blanks}  {}", folded(cell, columns, widest + 4, widest + 4))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: [&str; 4] = ["deployment", ">revision", "state", "detail"];

    fn rows() -> Vec<Vec<String>> {
        let long = "its replicas could not be started because an image is missing on three of the nodes";
        let rows = [["ocr-server", "12", "degraded", long], ["vllm", "3", "ready", ""]];
        rows.map(|row| row.map(str::to_owned).to_vec()).to_vec()
    }

    #[test]
    fn a_table_fits_and_breaks_no_word() {
        let words: Vec<String> = rows()
            .concat()
            .iter()
            .flat_map(|cell| cell.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        for columns in [Some(60), Some(80), Some(200), None, Some(20)] {
            let table = table(&HEADINGS, &rows(), columns);
            for line in table.lines().filter(|_| columns.is_some_and(|columns| columns >= 60)) {
                assert!(line.trim_end().width() <= columns.unwrap(), "{columns:?}\n{table}");
            }
            let shown: Vec<&str> = table.split_whitespace().collect();
            for word in words.iter().filter(|word| !word.is_empty()) {
                assert!(shown.contains(&word.as_str()), "{columns:?} {word}\n{table}");
            }
        }
    }

    #[test]
    fn a_table_without_room_is_a_list_and_a_long_word_stays_whole() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let table = table(&["component", "by"], &[vec![digest.clone(), "acme".into()]], Some(60));
        assert_eq!(table, format!("  component  {digest}\n  by         acme"));
    }

    #[test]
    fn lines_end_between_words_and_commands_stay_in_one_piece() {
        let text = "nothing is deployed; `chandlery deploy PLUGIN` does it";
        assert_eq!(folded(text, None, 2, 2), text);
        assert_eq!(
            folded(text, Some(30), 2, 2),
            "nothing is deployed;\n  `chandlery deploy PLUGIN`\n  does it"
        );
        assert_eq!(folded("a\nb c", None, 0, 2), "a\n  b c");
        assert_eq!(folded("a\nb c", Some(3), 0, 2), "a\n  b\n  c");
        assert_eq!(folded("", Some(3), 0, 2), "");
        assert_eq!(folded("longer-than-that", Some(3), 2, 2), "longer-than-that");
    }
}
