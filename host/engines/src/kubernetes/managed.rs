//! Under which name fields are applied, and those of earlier versions' name.

use kube::api::DynamicObject;
use serde_json::{Value, json};

/// What a host's field manager begins with; earlier versions applied as this alone, whichever host it was.
pub(super) const FIELD_MANAGER: &str = "chandlery";

/// The metadata that gives a manager the fields of the name that earlier versions had; none, where nothing is under that name, or this
/// manager has fields already. The API server takes it only for the version of the object that it was read from.
///
/// `kubectl` hands fields over in the same way: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership>.
pub(super) fn renamed(live: &DynamicObject, manager: &str) -> Option<Value> {
    let mut entries = live.metadata.managed_fields.clone()?;
    let is_of = |name: &str| entries.iter().position(|entry| entry.manager.as_deref() == Some(name));
    let former = is_of(FIELD_MANAGER).filter(|_| is_of(manager).is_none())?;
    entries[former].manager = Some(manager.to_owned());
    Some(json!({ "managedFields": entries, "resourceVersion": live.metadata.resource_version }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_former_name_are_handed_over_once() {
        let live = |managers: &[&str]| -> DynamicObject {
            let entries: Vec<_> =
                managers.iter().map(|name| json!({ "manager": name, "operation": "Apply" })).collect();
            let metadata = json!({ "name": "web", "resourceVersion": "7", "managedFields": entries });
            serde_json::from_value(json!({ "metadata": metadata })).unwrap()
        };
        let given = renamed(&live(&["kubectl", "chandlery"]), "chandlery-h").unwrap();
        let names: Vec<_> =
            given["managedFields"].as_array().unwrap().iter().map(|it| &it["manager"]).collect();
        assert_eq!(names, ["kubectl", "chandlery-h"]);
        assert_eq!(given["resourceVersion"], "7");
        for managers in [&["kubectl"][..], &["chandlery", "chandlery-h"], &["chandlery-h"]] {
            assert_eq!(renamed(&live(managers), "chandlery-h"), None);
        }
    }
}
