//! What a deployment may not have: objects of the namespace that are somebody else's. Nothing is applied over them, and no pod
//! mounts them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chandlery_package::plan::Plan;
use kube::api::DynamicObject;

use super::Kubernetes;
use super::answers::Refusal;
use super::kinds::Kind;
use super::object::{DEPLOYMENT, HOST, MANAGED_BY, Object, WORKLOAD};
use super::snapshot::{is_applied, name};
use crate::Error;

/// The labels that say whose an object is.
const OWNER: [&str; 4] = [MANAGED_BY.0, HOST, DEPLOYMENT, WORKLOAD];

impl Kubernetes {
    /// Why replicas of a plan may not be made by the target's settings as they are now.
    pub(super) fn not_allowed(&self, plan: &Plan) -> Option<String> {
        let mut wanted = plan.workloads.iter().filter(|workload| workload.scale.replicas_min > 0);
        wanted.find_map(|workload| {
            let reason = self.settings.refuses(workload)?;
            Some(format!("it is left as it is: workload '{}' {reason}", workload.name))
        })
    }

    /// Why a deployment cannot be made: something that it needs is there under its name, and is not its own.
    pub(super) async fn taken(
        &self,
        wanted: &[&Object],
        live: &[(Kind, Arc<DynamicObject>)],
    ) -> Result<Option<String>, Error> {
        let is_there = |object: &Object| {
            live.iter().any(|(kind, live)| *kind == object.kind && is_applied(object, live))
        };
        for object in wanted.iter().copied().filter(|object| !is_there(object)) {
            for (kind, called) in needs(object) {
                if live.iter().any(|(it, live)| *it == kind && name(live) == called) {
                    continue;
                }
                let what = format!("{} '{called}'", kind.resource().kind);
                match self.cluster.labels(kind, &called).await {
                    Ok(Some(labels)) if !is_own(object, &labels) => {
                        return Ok(Some(format!(
                            "{what} is there already and is not this deployment's, so it is left alone: another name for \
                             the deployment, or another namespace for the target, avoids it"
                        )));
                    }
                    Ok(_) => {}
                    Err(Refusal::Refused(reason)) => {
                        return Ok(Some(format!("whose {what} is cannot be asked: {reason}")));
                    }
                    Err(refusal) => return Err(self.refused(refusal)),
                }
            }
        }
        Ok(None)
    }
}

/// An object, and the claims that its controller makes, or mounts where they are there.
fn needs(object: &Object) -> Vec<(Kind, String)> {
    let spec = &object.body["spec"];
    let first = spec["ordinals"]["start"].as_u64().unwrap_or(0);
    let ordinals = first..first + spec["replicas"].as_u64().unwrap_or(0);
    let volumes = spec["volumeClaimTemplates"].as_array().into_iter().flatten();
    let volumes = volumes.filter_map(|volume| volume["metadata"]["name"].as_str());
    let claims = volumes.flat_map(|volume| {
        ordinals
            .clone()
            .map(move |ordinal| (Kind::PersistentVolumeClaim, format!("{volume}-{}-{ordinal}", object.name)))
    });
    std::iter::once((object.kind, object.name.clone())).chain(claims).collect()
}

/// Whether these labels say that they are on something of the same deployment and workload.
fn is_own(object: &Object, labels: &BTreeMap<String, String>) -> bool {
    let own = &object.body["metadata"]["labels"];
    OWNER.iter().all(|label| own[*label].as_str() == labels.get(*label).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(kind: Kind, spec: Value) -> Object {
        let labels = json!({ MANAGED_BY.0: MANAGED_BY.1, HOST: "h", DEPLOYMENT: "web", WORKLOAD: "server" });
        let body = json!({ "metadata": { "labels": labels }, "spec": spec });
        Object { kind, name: "web-server".into(), runs: None, body }
    }

    #[test]
    fn a_set_needs_the_claims_of_its_pods() {
        let claims = json!([{ "metadata": { "name": "models" } }, { "metadata": { "name": "cache" } }]);
        let cases = [
            (Kind::Service, json!({}), vec![]),
            (Kind::Deployment, json!({ "replicas": 2 }), vec![]),
            (Kind::StatefulSet, json!({ "replicas": 0, "volumeClaimTemplates": claims }), vec![]),
            (
                Kind::StatefulSet,
                json!({ "replicas": 1, "ordinals": { "start": 1 }, "volumeClaimTemplates": claims }),
                vec!["models-web-server-1", "cache-web-server-1"],
            ),
        ];
        for (kind, spec, claims) in cases {
            let found = needs(&object(kind, spec));
            let claims = claims.into_iter().map(|name| (Kind::PersistentVolumeClaim, name.to_owned()));
            let all: Vec<_> = std::iter::once((kind, "web-server".to_owned())).chain(claims).collect();
            assert_eq!(found, all);
        }
    }

    #[test]
    fn what_is_own_says_so_in_every_label() {
        let object = object(Kind::Service, Value::Null);
        let own = |but: &[(&str, &str)]| -> BTreeMap<String, String> {
            let all = [(MANAGED_BY.0, MANAGED_BY.1), (HOST, "h"), (DEPLOYMENT, "web"), (WORKLOAD, "server")];
            all.iter().chain(but).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert!(is_own(&object, &own(&[])));
        assert!(is_own(&object, &own(&[("chandlery.dev/revision", "3"), ("team", "x")])));
        for other in OWNER {
            assert!(!is_own(&object, &own(&[(other, "other")])), "{other}");
        }
        assert!(!is_own(&object, &BTreeMap::new()));
    }
}
