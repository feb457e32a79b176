//! What differs between two manifests.

use std::collections::BTreeSet;

use chandlery_package::Manifest;
use chandlery_package::wire::ParameterChange;

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
