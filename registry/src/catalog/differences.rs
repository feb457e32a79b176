//! What differs between two manifests.

use std::collections::BTreeSet;

use chandlery_package::Manifest;
use chandlery_package::wire::{ParameterChange, SetChanges};

/// What came to a set, and what went from it.
pub(super) fn differing(before: &BTreeSet<String>, after: &BTreeSet<String>) -> SetChanges {
    let beyond = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    SetChanges { added: beyond(after, before), removed: beyond(before, after) }
}

/// What a plugin may do more and less, in words.
pub(super) fn changed_permissions(from: Option<&Manifest>, to: Option<&Manifest>) -> SetChanges {
    let asked = |manifest: Option<&Manifest>| -> BTreeSet<String> {
        let all = manifest.into_iter().flat_map(|manifest| {
            manifest.permissions.iter().map(|permission| permission.in_words(manifest.kind))
        });
        all.collect()
    };
    differing(&asked(from), &asked(to))
}

/// The parameters that are not the same, by name, each as it was and as it is.
pub(super) fn changed_parameters(from: Option<&Manifest>, to: Option<&Manifest>) -> Vec<ParameterChange> {
    let said = |manifest: Option<&Manifest>, name: &str| {
        let manifest = manifest?;
        let schema = manifest.parameters.get(name)?;
        let required = manifest.required.iter().any(|required| required == name);
        Some(format!("{schema}{}", if required { ", required" } else { "" }))
    };
    let names: BTreeSet<&String> =
        [from, to].into_iter().flatten().flat_map(|manifest| manifest.parameters.keys()).collect();
    let each = names.into_iter().map(|name| ParameterChange {
        name: name.clone(),
        before: said(from, name),
        after: said(to, name),
    });
    each.filter(|change| change.before != change.after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rest: &str) -> Manifest {
        let head = "name = \"acme:x\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"X\"\n\
                    description = \"X.\"\nlicense = \"MIT\"\n";
        Manifest::from_toml(&format!("{head}{rest}")).unwrap()
    }

    #[test]
    fn sets_tell_what_came_and_what_went() {
        let set = |words: &str| words.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let changes = differing(&set("a b c"), &set("b c d"));
        assert_eq!((changes.added, changes.removed), (vec!["d".to_owned()], vec!["a".to_owned()]));
    }

    #[test]
    fn a_permission_is_told_where_it_is_asked_for_anew_and_no_longer() {
        let [less, more] = ["", "permissions = [\"secret:hub-token\"]\n"].map(manifest);
        let changes = changed_permissions(Some(&less), Some(&more));
        assert_eq!((changes.added.len(), changes.removed.len()), (1, 0));
        assert!(changes.added[0].contains("hub-token"), "{changes:?}");
        let back = changed_permissions(Some(&more), Some(&less));
        assert_eq!((&back.added, &back.removed), (&changes.removed, &changes.added));
        assert_eq!(changed_permissions(None, Some(&more)), changes, "of the first release all is new");
    }

    #[test]
    fn what_differs_is_told_as_it_was_and_as_it_is() {
        let before = manifest(
            "[parameters]\nsame = { type = \"string\" }\ngone = { type = \"string\" }\nwanted = { type = \"string\" }\n",
        );
        let after = manifest(
            "required = [\"wanted\"]\n[parameters]\nsame = { type = \"string\" }\nnew = { type = \"integer\" }\n\
             wanted = { type = \"string\" }\n",
        );
        let change = |name: &str, before: Option<&str>, after: Option<&str>| ParameterChange {
            name: name.into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let string = r#"{"type":"string"}"#;
        let required = format!("{string}, required");
        let expected = vec![
            change("gone", Some(string), None),
            change("new", None, Some(r#"{"type":"integer"}"#)),
            change("wanted", Some(string), Some(&required)),
        ];
        assert_eq!(changed_parameters(Some(&before), Some(&after)), expected);
        assert_eq!(changed_parameters(Some(&after), Some(&after)), Vec::new());
        assert_eq!(changed_parameters(None, Some(&before)).len(), 3);
    }
}
