//! What stands for the controllers: pods are made from templates, replaced where they ended, and counted.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cluster::{Cluster, Key, Object, Refusing, now};

impl Cluster {
    /// What controllers and nodes do after a change.
    pub(super) fn control(&mut self) {
        let owners: Vec<(Key, Value)> = self
            .objects
            .iter()
            .filter(|(key, _)| ["deployments", "statefulsets", "jobs"].contains(&key.0.as_str()))
            .map(|(key, object)| (key.clone(), object.body.clone()))
            .collect();
        let uids: BTreeSet<_> = owners.iter().map(|(_, owner)| uid(owner)).collect();
        for (key, pod) in self.pods() {
            if !uids.contains(pod["metadata"]["annotations"]["owner"].as_str().unwrap_or_default()) {
                self.delete(&key);
            }
        }
        for (key, owner) in owners {
            self.run(&key, &owner);
        }
    }

    pub(super) fn pods(&self) -> Vec<(Key, Value)> {
        let pods = self.objects.iter().filter(|(key, _)| key.0 == "pods");
        pods.map(|(key, object)| (key.clone(), object.body.clone())).collect()
    }

    /// Makes the pods of one controller's object, and removes those of a former template once the new ones are ready.
    fn run(&mut self, key: &Key, owner: &Value) {
        let spec = &owner["spec"];
        let is_job = key.0 == "jobs";
        // A Job that has ended is looked at no more, whatever becomes of its pods (syncJob in pkg/controller/job).
        if is_job && owner["status"]["conditions"].is_array() {
            return;
        }
        if self.refusing.is_none() && key.0 == "deployments" && owner["status"]["conditions"].is_array() {
            let mut object = self.objects[key].clone();
            object.body["status"] = json!({});
            self.put(key, object);
        }
        let hash = hex::encode(Sha256::digest(spec["template"].to_string()))[..8].to_owned();
        let count = if is_job { &spec["completions"] } else { &spec["replicas"] }.as_u64().unwrap_or(1);
        let first = spec["ordinals"]["start"].as_u64().unwrap_or(0);
        let mut wanted = BTreeSet::new();
        for ordinal in first..first + count {
            wanted.extend(self.pod_of(key, owner, &hash, ordinal));
        }
        let all_ready =
            wanted.len() as u64 == count && wanted.iter().all(|key| is_ready(&self.objects[key].body));
        for (pod_key, pod) in self.pods() {
            let is_own = pod["metadata"]["annotations"]["owner"] == uid(owner);
            let is_former = pod["metadata"]["annotations"]["hash"] != hash.as_str();
            // Pods that ended are nobody's replicas any more, and are left for the garbage collector.
            if is_own && !is_over(&pod) && !wanted.contains(&pod_key) && (all_ready || !is_former) {
                self.delete(&pod_key);
            }
        }
        if is_job {
            self.conclude(key, owner, count, &wanted);
        }
    }

    /// The pod of this ordinal, made where there is none; none, where it may not be made.
    fn pod_of(&mut self, key: &Key, owner: &Value, hash: &str, ordinal: u64) -> Option<Key> {
        let is_set = key.0 == "statefulsets";
        let named = |nth: u32| {
            let base = match key.0.as_str() {
                "deployments" => format!("{}-{hash}-{ordinal}", key.2),
                _ => format!("{}-{ordinal}", key.2),
            };
            let name = if nth == 0 { base } else { format!("{base}-{nth}") };
            ("pods".to_owned(), key.1.clone(), name)
        };
        let mut nth = 0;
        while let Some(pod) = self.objects.get(&named(nth)).map(|pod| pod.body.clone()) {
            let is_former = pod["metadata"]["annotations"]["hash"] != hash;
            // A StatefulSet removes a pod that ended, and makes it again under its name (processReplica in
            // pkg/controller/statefulset); Deployments and Jobs count the ended ones no more, or as tries, and leave them.
            match (is_over(&pod), is_former) {
                (true, _) if is_set => self.delete(&named(nth)),
                (true, _) if key.0 == "jobs" && pod["status"]["phase"] == "Succeeded" => {
                    return Some(named(nth));
                }
                (true, _) if key.0 == "jobs" && self.has_failed(owner) => return None,
                (true, _) => nth += 1,
                (false, true) => self.delete(&named(nth)),
                (false, false) => return Some(named(nth)),
            }
        }
        if let Some(Refusing(why)) = self.refusing.clone() {
            self.refuse(key, &named(nth).2, &why);
            return None;
        }
        let mut pod = owner["spec"]["template"].clone();
        pod["kind"] = "Pod".into();
        pod["apiVersion"] = "v1".into();
        pod["metadata"]["name"] = named(nth).2.into();
        pod["metadata"]["namespace"] = key.1.clone().into();
        pod["metadata"]["annotations"]["owner"] = uid(owner).into();
        pod["metadata"]["annotations"]["hash"] = hash.into();
        let labels = &mut pod["metadata"]["labels"];
        match key.0.as_str() {
            "statefulsets" => labels["apps.kubernetes.io/pod-index"] = ordinal.to_string().into(),
            "jobs" => {
                labels["batch.kubernetes.io/job-name"] = key.2.clone().into();
                if owner["spec"]["completionMode"] == "Indexed" {
                    labels["batch.kubernetes.io/job-completion-index"] = ordinal.to_string().into();
                }
            }
            _ => {}
        }
        // A mutating webhook may put containers before those of the template.
        if let Some(name) = &self.sidecar {
            let containers = pod["spec"]["containers"].as_array_mut().unwrap();
            containers.insert(0, json!({ "name": name, "image": "proxy:1" }));
        }
        pod["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
        pod["metadata"]["creationTimestamp"] = now();
        self.place(&mut pod, key.0 == "jobs");
        let ended = is_over(&pod) && pod["status"]["phase"] == "Failed";
        self.put(&named(nth), Object { body: pod, ..Object::default() });
        // A Job tries again at once here, where a real one waits.
        if ended && !self.has_failed(owner) {
            self.pod_of(key, owner, hash, ordinal)
        } else {
            Some(named(nth))
        }
    }

    /// Whether a Job's pods have failed more often than they may. Those that were disrupted do not count where its pod failure policy
    /// ignores them: <https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy>.
    fn has_failed(&self, job: &Value) -> bool {
        let ignores = job["spec"]["podFailurePolicy"]["rules"][0]["action"] == "Ignore";
        let pods = self.pods().into_iter().map(|(_, pod)| pod);
        let own = pods.filter(|pod| pod["metadata"]["annotations"]["owner"] == uid(job));
        let failed = own.filter(|pod| pod["status"]["phase"] == "Failed");
        let counted =
            failed.filter(|pod| !ignores || pod["status"]["conditions"][0]["type"] != "DisruptionTarget");
        counted.count() as u64 > job["spec"]["backoffLimit"].as_u64().unwrap_or(6)
    }

    fn conclude(&mut self, key: &Key, owner: &Value, count: u64, wanted: &BTreeSet<Key>) {
        let succeeded = |key: &Key| self.objects[key].body["status"]["phase"] == "Succeeded";
        let mut status = json!({ "startTime": owner["metadata"]["creationTimestamp"] });
        if wanted.len() as u64 == count && wanted.iter().all(succeeded) {
            status["conditions"] = json!([{ "type": "Complete", "status": "True" }]);
        } else if self.has_failed(owner) {
            status["conditions"] = json!([{
                "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                "message": "Job has reached the specified backoff limit",
            }]);
        }
        let mut object = self.objects[key].clone();
        object.body["status"] = status;
        self.put(key, object);
    }

    /// Tells that a pod may not be made: a Deployment in its condition `ReplicaFailure`, which it takes from its ReplicaSet, others by
    /// an event `FailedCreate`, again at every try.
    fn refuse(&mut self, key: &Key, pod: &str, why: &str) {
        let message = format!("pods \"{pod}\" is forbidden: {why}");
        if key.0 != "deployments" {
            let object = self.objects[key].body.clone();
            self.tell(&object, "FailedCreate", &format!("Error creating: {message}"));
            return;
        }
        let mut object = self.objects[key].clone();
        if object.body["status"]["conditions"][0]["message"] != message.as_str() {
            object.body["status"] = json!({ "conditions": [{
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message,
                "lastTransitionTime": now(),
            }] });
            self.put(key, object);
        }
    }
}

fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"][0]["type"] == "Ready"
}

pub(super) fn is_over(pod: &Value) -> bool {
    ["Succeeded", "Failed"].iter().any(|phase| pod["status"]["phase"] == *phase)
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}
