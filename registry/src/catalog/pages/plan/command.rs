//! The commands that deploy what is shown.

use chandlery_package::Release;
use chandlery_package::plan::{EngineKind, Facts};
use serde_json::{Map, Value};

/// What installs a release and deploys it with these parameters on a target, as a shell reads it.
pub(super) fn commands(release: &Release, given: &Map<String, Value>, target: &Facts) -> String {
    let mut deploy = format!("chandlery deploy {}", release.plugin.name);
    if target.engine != EngineKind::Local {
        deploy.push_str(&format!(" --target {}", word(&target.name)));
    }
    for (name, value) in given {
        deploy.push_str(&format!(" --set={}", word(&format!("{name}={}", written(value)))));
    }
    format!("chandlery install {}@{}\n{deploy}", release.plugin, release.version)
}

/// A value as the command reads it: whatever is JSON is taken for it, and anything else for text.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if serde_json::from_str::<Value>(text).is_err() => text.clone(),
        value => value.to_string(),
    }
}

/// One word of a shell, whatever is in it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::planning::all_gpus;

    #[test]
    fn a_shell_reads_back_what_was_chosen() {
        let release = "acme:x@1.2.3".parse().unwrap();
        let given = json!({
            "model": "a/b", "port": 8000, "text": "5", "labels": { "a": "it's" }, "evil": "$(rm -rf ~); `x`", "gated": true,
        });
        let given = given.as_object().unwrap();
        let on = |engine| commands(&release, given, &all_gpus()[0].on(engine));
        let expected = concat!(
            "chandlery install acme:x@1.2.3\n",
            r#"chandlery deploy x --target slurm --set=model=a/b --set=port=8000 --set='text="5"' "#,
            r#"--set='labels={"a":"it'\''s"}' --set='evil=$(rm -rf ~); `x`' --set=gated=true"#,
        );
        assert_eq!(on(EngineKind::Slurm), expected);
        assert_eq!(on(EngineKind::Local), expected.replace(" --target slurm", ""));
    }
}
