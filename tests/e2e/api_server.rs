//! A small stand-in for Kubernetes' API server: it keeps objects with resource versions and the fields that each manager has
//! applied, answers apply, list, watch and delete, runs what stands for the controllers and nodes, and injects faults.
//! What a pod comes to is read from its container: an image that says `unpullable`, or a command that says `exit 3`, `hog`,
//! or `nowhere`.

mod answers;
mod cluster;
mod fields;
mod nodes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use answers::answer;
use cluster::Cluster;

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
        server.lock().add_nodes();
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
        self.lock().forbidden = plurals.iter().map(|plural| (*plural).to_owned()).collect();
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
        let mut cluster = self.lock();
        let key = cluster.objects.keys().find(|key| key.0 == plural && key.2 == name).cloned().unwrap();
        assert!(cluster.apply(&key, manager, true, fields).is_ok());
        cluster.control();
        let version = cluster.version;
        drop(cluster);
        self.changed.send_replace(version);
    }

    /// Makes an object of the namespace as another manager.
    pub fn make_as(&self, manager: &str, plural: &str, name: &str, fields: &Value) {
        let mut cluster = self.lock();
        let key = (plural.to_owned(), "chandlery-k8s".to_owned(), name.to_owned());
        assert!(cluster.apply(&key, manager, false, fields).is_ok());
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
        let applied = cluster.objects.values().filter(|object| object.applied.contains_key("chandlery"));
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
