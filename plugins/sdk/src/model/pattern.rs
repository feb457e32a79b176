//! The names and patterns by which a `quantization_config` says which modules it is about.

use std::collections::BTreeMap;

/// How many patterns one with alternatives may become.
const ALTERNATIVES_MAX: usize = 64;

/// What is said of modules by name, by names with `*`, and by regular expressions after `re:`, of which alternatives, `.*` and `\d+` are
/// read. A name is about the module that has it and about all that are in one of that name, wherever it stands in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<T> {
    exact: BTreeMap<String, T>,
    globs: Vec<(String, T)>,
}

impl<T: Copy> Named<T> {
    pub(super) fn new() -> Self {
        Self { exact: BTreeMap::new(), globs: Vec::new() }
    }

    /// Says something of what a name or pattern is about, unless that is said of the same already.
    pub(super) fn add(&mut self, text: &str, what: T) {
        let globs = match text.strip_prefix("re:") {
            Some(expression) => alternatives(expression).iter().map(|one| glob_of(one)).collect(),
            None => vec![text.to_owned()],
        };
        for glob in globs.iter().map(|glob| plain(glob)) {
            if glob.contains('*') {
                self.globs.push((glob, what));
            } else {
                self.exact.entry(glob).or_insert(what);
            }
        }
    }

    /// What is said of the module of this name.
    pub(super) fn get(&self, module: &str) -> Option<T> {
        if self.exact.is_empty() && self.globs.is_empty() {
            return None;
        }
        let module = plain(module);
        let parts: Vec<&str> = module.split('.').collect();
        let pieces = (0..parts.len()).flat_map(|from| (from + 1..=parts.len()).map(move |to| (from, to)));
        let mut named = pieces.filter_map(|(from, to)| self.exact.get(&parts[from..to].join(".")));
        named.next().copied().or_else(|| {
            let said = self.globs.iter().find(|(glob, _)| is_about(glob, &module));
            said.map(|(_, what)| *what)
        })
    }
}

/// Whether a pattern is about a module, or about one that it is in.
fn is_about(glob: &str, module: &str) -> bool {
    let within = [glob.to_owned(), format!("*.{glob}"), format!("{glob}.*"), format!("*.{glob}.*")];
    within.iter().any(|glob| is_match(glob.as_bytes(), module.as_bytes()))
}

/// Without the parts that checkpoints and servers disagree about.
fn plain(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('.') {
        let is_prefix = matches!(part, "model" | "language_model" | "transformer" | "backbone");
        // All experts of a layer are one module here.
        let is_expert = parts.last() == Some(&"experts") && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_prefix && !is_expert {
            parts.push(match part {
                "w1" => "gate_proj",
                "w2" => "down_proj",
                "w3" => "up_proj",
                part => part,
            });
        }
    }
    let name = parts.join(".").replace("feed_forward", "mlp").replace("block_sparse_moe", "mlp");
    name.replace("shared_expert.", "shared_experts.")
}

/// An expression without anchors and escapes, whose wild parts are `*`.
fn glob_of(expression: &str) -> String {
    let expression = expression.trim_start_matches('^').trim_end_matches('$');
    let wild = expression.replace(".*", "*").replace(".+", "*").replace("\\d+", "*").replace("[0-9]+", "*");
    wild.replace("\\.", ".").replace('\\', "")
}

/// What an expression with `(a|b)` stands for, one by one.
fn alternatives(expression: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![expression.to_owned()];
    while let Some(next) = open.pop() {
        let group = next.find(')').and_then(|end| Some((next[..end].rfind('(')?, end)));
        match group {
            Some((start, end)) if done.len() + open.len() < ALTERNATIVES_MAX => {
                let within = next[start + 1..end].trim_start_matches("?:");
                open.extend(
                    within.split('|').map(|one| format!("{}{one}{}", &next[..start], &next[end + 1..])),
                );
            }
            _ => done.push(next),
        }
    }
    done
}

/// Whether a name is what a pattern with `*` stands for, in time that grows with both alone.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, of));
            at += 1;
        } else if pattern.get(at) == Some(&name[of]) {
            at += 1;
            of += 1;
        } else if let Some((star_at, star_of)) = star {
            (at, of) = (star_at + 1, star_of + 1);
            star = Some((star_at, star_of + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_their_makers_mean_them() {
        let table = [
            ("lm_head", "lm_head", true),
            ("model.layers.*.self_attn", "layers.7.self_attn.q_proj", true),
            ("model.layers.*.self_attn", "layers.7.mlp.up_proj", false),
            ("model.language_model.layers.0.self_attn*", "layers.0.self_attn.o_proj", true),
            ("model.language_model.layers.0.self_attn*", "layers.10.self_attn.o_proj", false),
            ("mlp.gate", "layers.1.mlp.gate_proj", false),
            ("re:.*lm_head", "lm_head", true),
            ("re:.*self_attn.*", "layers.1.self_attn.q_proj", true),
            ("re:.*mlp\\.(gate|up|gate_up|down)_proj.*", "layers.1.mlp.up_proj", true),
            ("re:.*mlp\\.(gate|up|gate_up|down)_proj.*", "layers.1.mlp.experts.up_proj", false),
            ("re:.*shared_experts.*", "layers.1.mlp.shared_experts.up_proj", true),
            ("model.layers.2", "layers.20.mlp.up_proj", false),
            ("model.layers.2.block_sparse_moe.experts.17.w3", "layers.2.mlp.experts.up_proj", true),
            ("model.layers.2.mlp.experts.17.up_proj", "layers.2.mlp.experts.up_proj", true),
        ];
        for (pattern, name, expected) in table {
            let mut named = Named::new();
            named.add(pattern, ());
            assert_eq!(named.get(name).is_some(), expected, "{pattern} of {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_no_burden() {
        let many = format!("re:{}", "(a|b|c|d)".repeat(100));
        let mut named = Named::new();
        named.add(&many, ());
        assert!(named.exact.len() + named.globs.len() <= 2 * ALTERNATIVES_MAX);
        named.add(&"*a".repeat(500), ());
        assert_eq!(named.get(&"b".repeat(5000)), None);
    }
}
