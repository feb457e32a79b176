//! A small stand-in for Kubernetes' API server: it keeps objects with resource versions and the fields that each manager has
//! applied, answers apply, list, watch and delete, runs what stands for the controllers and nodes, and injects faults.
//! What a pod comes to is read from its container: an image that says `unpullable`, or `flaky` where a later try succeeds, or a
//! command that says `exit 3`, `hog` or, of a job that goes on, `sleep`.

mod answers;
mod cluster;
mod controllers;
mod fields;
mod immutable;
mod nodes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use answers::answer;
use cluster::{Cluster, Refusing};

/// How often controllers and nodes try again.
const TICK: Duration = Duration::from_millis(250);

/// The API server of a cluster with two nodes of eight H100 each.
pub struct ApiServer {
    pub address: String,
    cluster: Arc<Mutex<Cluster>>,
    changed: watch::Sender<u64>,
    runtime: Option<Runtime>,
}

impl ApiServer {
    pub fn start() -> Self {
        let (changed, _) = watch::channel(1);
        let mut server = Self {
            address: crate::process::free_address(),
            cluster: Arc::new(Mutex::new(Cluster::new())),
            changed,
            runtime: None,
        };
        for name in ["gpu-1", "gpu-2"] {
            server.lock().add_node(name, Some("NVIDIA-H100-80GB-HBM3"), 8);
        }
        server.come_back();
        server
    }

    /// Nobody listens any more, and every connection is gone.
    pub fn go_away(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    pub fn come_back(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = self.address.clone();
        let listener = crate::world::until("the API server's address is free", || {
            runtime.block_on(tokio::net::TcpListener::bind(&address)).ok()
        });
        self.address = listener.local_addr().unwrap().to_string();
        let state = (self.cluster.clone(), self.changed.clone());
        let router = Router::new().fallback(answer).with_state(state);
        runtime.spawn(async move { axum::serve(listener, router).await });
        let (cluster, changed) = (self.cluster.clone(), self.changed.clone());
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let version = {
                    let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
                    cluster.try_again();
                    cluster.control();
                    cluster.version
                };
                changed.send_if_modified(|known| std::mem::replace(known, version) != version);
            }
        });
        self.runtime = Some(runtime);
    }

    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}]\nusers: [{{name: u, user: {{token: {}}}}}]\n",
            self.address,
            self.lock().token
        )
    }

    /// The token that was good is good no more; another one is.
    pub fn expire_token(&self) {
        let mut cluster = self.lock();
        cluster.token = "second-token".into();
        cluster.epoch += 1;
        drop(cluster);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Writes of these resources are forbidden.
    pub fn forbid(&self, plurals: &[&str]) {
        let verbs = ["create", "patch", "delete"];
        let each =
            plurals.iter().flat_map(|plural| verbs.map(|verb| (verb.to_owned(), (*plural).to_owned())));
        self.lock().forbidden = each.collect();
    }

    /// This verb of these resources is forbidden.
    pub fn forbid_verb(&self, verb: &str, plurals: &[&str]) {
        self.lock().forbidden = plurals.iter().map(|plural| (verb.into(), (*plural).into())).collect();
    }

    /// Everything that was applied was applied under this name alone, as earlier versions did.
    pub fn forget_hosts(&self, manager: &str) {
        self.change(|cluster| {
            let applied = cluster.objects.iter().filter(|(_, object)| !object.applied.is_empty());
            let keys: Vec<_> = applied.map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| cluster.rename_managers(key, &[manager.to_owned()]));
        });
    }

    /// Adds a node; one whose GPUs are not labelled, where they have no product.
    pub fn add_node(&self, name: &str, product: Option<&str>, gpus: u64) {
        self.change(|cluster| cluster.add_node(name, product, gpus));
    }

    /// Keeps pods from a node that do not tolerate a taint of this key.
    pub fn taint(&self, name: &str, key: &str) {
        self.change(|cluster| cluster.taint(name, key));
    }

    /// What happened so far is forgotten: who has not heard of it is told 410 Gone.
    pub fn compact(&self) {
        let mut cluster = self.lock();
        cluster.version += 1;
        cluster.oldest = cluster.version;
        cluster.changes.clear();
        cluster.epoch += 1;
        let version = cluster.version;
        drop(cluster);
        self.changed.send_replace(version);
    }

    /// Sets fields as another manager, by force.
    pub fn set_as(&self, manager: &str, plural: &str, name: &str, fields: &Value) {
        self.change(|cluster| {
            let key = cluster.objects.keys().find(|key| key.0 == plural && key.2 == name).cloned().unwrap();
            assert!(cluster.apply(&key, (manager, true, false), fields).is_ok());
        });
    }

    /// Makes an object of the namespace as another manager.
    pub fn make_as(&self, manager: &str, plural: &str, name: &str, fields: &Value) {
        self.change(|cluster| {
            let key = (plural.to_owned(), "chandlery-k8s".to_owned(), name.to_owned());
            assert!(cluster.apply(&key, (manager, false, false), fields).is_ok());
        });
    }

    /// Takes a pod of this deployment from its node, as a kubelet does that is short of memory.
    pub fn evict(&self, deployment: &str) {
        self.change(|cluster| {
            let is_it = |pod: &Value| {
                let runs = !controllers::is_over(pod);
                runs && pod["metadata"]["labels"]["app.kubernetes.io/instance"] == deployment
            };
            let (key, _) = cluster.pods().into_iter().find(|(_, pod)| is_it(pod)).unwrap();
            cluster.evict(&key);
        });
    }

    /// Removes all of a resource that belongs to this deployment, as the TTL controller and the garbage collector do.
    pub fn collect(&self, plural: &str, deployment: &str) {
        self.change(|cluster| {
            let is_it = |body: &Value| body["metadata"]["labels"]["app.kubernetes.io/instance"] == deployment;
            let of_it = cluster.objects.iter().filter(|(key, it)| key.0 == plural && is_it(&it.body));
            let keys: Vec<_> = of_it.map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| cluster.delete(key));
        });
    }

    /// Puts a container of this name before those of every pod from now on.
    pub fn inject(&self, sidecar: &str) {
        self.lock().sidecar = Some(sidecar.into());
    }

    /// No pod is let in from now on, for this reason; none: every pod is.
    pub fn refuse_pods(&self, why: Option<&str>) {
        self.lock().refusing = why.map(|why| Refusing(why.into()));
    }

    fn change(&self, change: impl FnOnce(&mut Cluster)) {
        let mut cluster = self.lock();
        change(&mut cluster);
        cluster.control();
        let version = cluster.version;
        drop(cluster);
        self.changed.send_replace(version);
    }

    /// Everything of a resource that is there.
    pub fn all(&self, plural: &str) -> Vec<Value> {
        let cluster = self.lock();
        cluster
            .objects
            .iter()
            .filter(|(key, _)| key.0 == plural)
            .map(|(_, object)| object.body.clone())
            .collect()
    }

    /// Everything that somebody has applied.
    pub fn applied(&self) -> Vec<Value> {
        let cluster = self.lock();
        let is_ours = |manager: &String| manager.starts_with("chandlery-");
        let applied = cluster.objects.values().filter(|object| object.applied.keys().any(is_ours));
        applied.map(|object| object.body.clone()).collect()
    }

    /// What was asked since this was asked last.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().calls)
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
