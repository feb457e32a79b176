//! A comparison as people read it: at a terminal, and as the comment of a pull request.

use std::fmt::Write as _;

use super::compare::{Act, Comparison, Step};
use crate::show;

/// How many there are of each act: `1 to create, 2 unchanged`.
pub fn in_short(comparison: &Comparison) -> String {
    let of = |act: Act| {
        let count = comparison.steps.iter().filter(|step| step.act == act).count();
        let word = if act == Act::Unchanged { "unchanged".into() } else { format!("to {}", act.as_str()) };
        (count > 0).then(|| format!("{count} {word}"))
    };
    let said: Vec<String> = Act::ALL.iter().filter_map(|act| of(*act)).collect();
    if said.is_empty() { "no deployments, and none to prune".into() } else { said.join(", ") }
}

/// Prints a row for each deployment, and below them what would be different.
pub fn print(comparison: &Comparison) {
    show::headline(&comparison.owner, &format!("would have {}", in_short(comparison)));
    let row = |step: &Step| {
        let values = step.changes.len();
        vec![
            step.act.to_string(),
            step.deployment.clone(),
            step.release.to_string(),
            step.target.clone(),
            if values > 0 { values.to_string() } else { String::new() },
        ]
    };
    if !comparison.steps.is_empty() {
        show::table(&["act", "deployment", "release", "target", ">values"], comparison.steps.iter().map(row));
    }
    for step in comparison.steps.iter().filter(|step| !step.changes.is_empty() || !step.says.is_empty()) {
        show::headline(&step.deployment, step.act.as_str());
        show::changes(&step.changes);
        step.says.iter().for_each(show::note);
    }
}

/// The same in Markdown. What plans and policies say stands in blocks of code, from which it does not get out.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("### `{}`: {}\n", comparison.owner, in_short(comparison));
    if comparison.changing().next().is_none() {
        return text + "\nNothing would change.\n";
    }
    text.push_str("\n| act | deployment | release | target |\n| --- | --- | --- | --- |\n");
    for Step { act, deployment, release, target, .. } in comparison.changing() {
        let _ = writeln!(text, "| {act} | `{deployment}` | `{release}` | `{target}` |");
    }
    for step in comparison.changing().filter(|step| !step.changes.is_empty() || !step.says.is_empty()) {
        let _ = write!(text, "\n**{}**\n\n{}", step.deployment, block(&difference(step)));
    }
    let _ = writeln!(text, "\nJust this is applied with `--approve {}`.", comparison.digest);
    text
}

fn difference(step: &Step) -> String {
    let mut lines = Vec::new();
    for change in &step.changes {
        lines.extend(change.before.as_ref().map(|before| format!("- {}: {before}", change.path)));
        lines.extend(change.after.as_ref().map(|after| format!("+ {}: {after}", change.path)));
    }
    lines.extend(step.says.iter().map(|says| format!("! {says}")));
    let of_one_line = |line: &String| line.replace(char::is_control, " ");
    lines.iter().map(of_one_line).collect::<Vec<_>>().join("\n")
}

/// A block of code that ends where it should: its fence is longer than any that stands within.
fn block(text: &str) -> String {
    let longest = text.split(|c: char| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}diff\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use chandlery_package::Digest;
    use chandlery_package::wire::host::Change;

    use super::super::lock::Lock;
    use super::*;

    fn step(deployment: &str, act: Act) -> Step {
        Step {
            deployment: deployment.into(),
            act,
            release: "acme:errand@1.0.0".parse().unwrap(),
            target: "local".into(),
            changes: Vec::new(),
            says: Vec::new(),
            plan: None,
            base: None,
            request: None,
            running: None,
        }
    }

    fn comparison(steps: Vec<Step>) -> Comparison {
        Comparison { owner: "team-a".parse().unwrap(), steps, digest: Digest::of("x"), lock: Lock::default() }
    }

    #[test]
    fn a_comment_says_what_would_change_and_nothing_gets_out_of_its_block() {
        let change = Change {
            path: "errand.command".into(),
            before: Some("sleep 1".into()),
            after: Some("echo ````\n</details> @everybody".into()),
        };
        let changed = Step {
            changes: vec![change],
            says: vec!["acme:rules@1.0.0: hm".into()],
            ..step("web", Act::Change)
        };
        let shown = comparison(vec![step("db", Act::Create), changed, step("same", Act::Unchanged)]);
        assert_eq!(in_short(&shown), "1 to create, 1 to change, 1 unchanged");
        let text = markdown(&shown);
        assert_eq!(
            text,
            format!(
                "### `team-a`: 1 to create, 1 to change, 1 unchanged\n\n| act | deployment | release | target |\n\
                 | --- | --- | --- | --- |\n| create | `db` | `acme:errand@1.0.0` | `local` |\n\
                 | change | `web` | `acme:errand@1.0.0` | `local` |\n\n**web**\n\n`````diff\n- errand.command: sleep 1\n\
                 + errand.command: echo ```` </details> @everybody\n! acme:rules@1.0.0: hm\n`````\n\n\
                 Just this is applied with `--approve {}`.\n",
                Digest::of("x")
            )
        );
        assert!(markdown(&comparison(vec![step("same", Act::Unchanged)])).contains("Nothing would change."));
        assert_eq!(in_short(&comparison(Vec::new())), "no deployments, and none to prune");
    }
}
