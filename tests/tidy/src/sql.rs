//! Which table a statement writes.

/// What a statement writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The table of this name.
    Table(String),
    /// A table that is put into the statement while it runs.
    Unknown,
}

/// The tables that the statements in a text write: `insert into T`, `update T set`, `delete from T`.
pub fn writes(text: &str) -> Vec<Write> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let named = |word: &str| match word.split(['(', ',', ';', ')']).next().unwrap_or_default() {
        table if table.starts_with('{') => Write::Unknown,
        table => Write::Table(table.to_owned()),
    };
    let mut found = Vec::new();
    for three in words.windows(3) {
        match three {
            ["insert", "into", table] | ["delete", "from", table] => found.push(named(table)),
            ["update", table, "set"] => found.push(named(table)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_name_what_they_write() {
        let table = |name: &str| Write::Table(name.into());
        assert_eq!(
            writes("insert into lots (id)\n values ($1) on conflict (id) do update set id = 1"),
            [table("lots")]
        );
        assert_eq!(writes("update sales set void_at = $1 where id = $2"), [table("sales")]);
        assert_eq!(writes("DELETE FROM tags where x"), [table("tags")]);
        assert_eq!(writes("delete from {table} where deployment = $1"), [Write::Unknown]);
        assert_eq!(writes("select 1 from lots for update"), []);
        assert_eq!(
            writes("with x as (select 1) insert into a select 2; delete from b"),
            [table("a"), table("b")]
        );
    }
}
