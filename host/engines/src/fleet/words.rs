//! A replica's words: what its command and its variables become where it runs.

use std::collections::BTreeMap;

/// A piece of a word: itself, or the value of a variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// The pieces of a word: `$(NAME)` is the variable of this name and `$$(NAME)` stands for `$(NAME)`; what names no variable
/// stays as it is, as in a Kubernetes container command.
pub(crate) fn pieces<'a>(word: &'a str, is_variable: impl Fn(&str) -> bool) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        pieces.push(Piece::Text(&rest[..at]));
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            pieces.push(Piece::Text("$"));
            rest = after;
            continue;
        }
        let name = rest.strip_prefix("$(").and_then(|after| after.split_once(')'));
        match name.filter(|(name, _)| is_variable(name)) {
            Some((name, after)) => {
                pieces.push(Piece::Variable(name));
                rest = after;
            }
            None => {
                pieces.push(Piece::Text("$"));
                rest = &rest[1..];
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// A word with the values of its variables.
pub(crate) fn expand(word: &str, variables: &BTreeMap<String, String>) -> String {
    let pieces = pieces(word, |name| variables.contains_key(name));
    let values = pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => text,
        Piece::Variable(name) => variables.get(name).map_or("", String::as_str),
    });
    values.collect()
}

/// A word that a shell reads as itself.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The variable that says where a volume is, for programs that share one file system and for those that do not.
pub(crate) fn volume_variable(volume: &str) -> String {
    let name = volume.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("CHANDLERY_VOLUME_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_expand_as_in_kubernetes() {
        let variables = BTreeMap::from([("PORT".to_owned(), "80".to_owned())]);
        let cases = [
            ("$(PORT)", "80"),
            ("a$(PORT)b$(PORT)", "a80b80"),
            ("$$(PORT)", "$(PORT)"),
            ("$(OTHER)", "$(OTHER)"),
            ("$(PORT", "$(PORT"),
            ("$PORT", "$PORT"),
            ("100$", "100$"),
            ("$$", "$"),
        ];
        for (word, expanded) in cases {
            assert_eq!(expand(word, &variables), expanded, "{word}");
        }
    }

    #[test]
    fn a_quoted_word_is_itself() {
        for word in ["plain", "two words", "it's", "$HOME `id` \\ \" \n"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quote(word))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
        assert_eq!(volume_variable("hf-cache"), "CHANDLERY_VOLUME_HF_CACHE");
    }
}
