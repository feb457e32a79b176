//! The conversation with the API server: what there is is watched, what should be is applied on the server's side under our
//! name, and nothing that somebody else has set is taken from them unasked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::answers::{Refusal, refusal, words};
use super::kinds::{Kind, resource};
use super::managed::{FIELD_MANAGER, renamed};
use super::object::{HOST, MANAGED_BY, Object};
use super::settings::KubernetesSettings;
use super::watching::{BackOff, Watch, is_gone};
use crate::Error;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many objects a list has at once.
const PAGE: u32 = 500;

/// A cluster's API server.
pub(super) struct Cluster {
    pub(super) target: String,
    client: Client,
    pub namespace: String,
    /// Whose fields are this host's, on every object that it applies: another host's are not taken from it unseen.
    pub manager: String,
    stores: BTreeMap<Kind, Store<DynamicObject>>,
    watches: Arc<Mutex<BTreeMap<Kind, Watch>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Cluster {
    /// The cluster that a kubeconfig names; the one that this host runs in, where there is no kubeconfig.
    pub async fn open(
        target: &str,
        settings: &KubernetesSettings,
        kubeconfig: Option<&str>,
        host: &str,
    ) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Target { target: target.into(), reason };
        let mut config = match kubeconfig {
            Some(text) => {
                let parsed = Kubeconfig::from_yaml(text)
                    .map_err(|error| refuse(format!("its credential is no kubeconfig: {error}")))?;
                let options = KubeConfigOptions { context: settings.context.clone(), ..Default::default() };
                let config = Config::from_custom_kubeconfig(parsed, &options).await;
                config.map_err(|error| refuse(format!("its kubeconfig cannot be used: {error}")))?
            }
            None => Config::incluster().map_err(|_| {
                refuse("it needs a kubeconfig as its credential, unless the host runs in the cluster".into())
            })?,
        };
        config.connect_timeout = Some(PATIENCE);
        let namespace = settings.namespace.clone().unwrap_or_else(|| format!("chandlery-{target}"));
        let client = Client::try_from(config).map_err(|error| refuse(words(target, &error)))?;
        let mut cluster = Self {
            target: target.into(),
            client,
            namespace,
            manager: format!("{FIELD_MANAGER}-{host}"),
            stores: BTreeMap::new(),
            watches: Arc::default(),
            tasks: Vec::new(),
        };
        let selector = format!("{}={},{HOST}={host}", MANAGED_BY.0, MANAGED_BY.1);
        for kind in Kind::watched() {
            cluster.watch(kind, &selector);
        }
        Ok(cluster)
    }

    fn watch(&mut self, kind: Kind, selector: &str) {
        let mut writer = Writer::new(kind.resource());
        self.stores.insert(kind, writer.as_reader());
        let mut config = watcher::Config::default().page_size(PAGE);
        if kind != Kind::Event {
            config = config.labels(selector);
        }
        let (api, target, watches) = (self.api(kind), self.target.clone(), self.watches.clone());
        self.tasks.push(tokio::spawn(async move {
            loop {
                let mut events = watcher(api.clone(), config.clone()).backoff(BackOff::default()).boxed();
                while let Some(event) = events.next().await {
                    let is_gone = event.as_ref().is_err_and(is_gone);
                    if let Ok(event) = &event {
                        writer.apply_watcher_event(event);
                    }
                    lock(&watches).entry(kind).or_default().note(&target, event);
                    if is_gone {
                        // Only from the beginning is there a way on.
                        break;
                    }
                }
            }
        }));
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.resource())
    }

    fn away(&self, reason: String) -> Error {
        Error::TargetAway { target: self.target.clone(), reason }
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<Result<T, Box<Status>>, Error> {
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => Ok(Ok(answer)),
            Ok(Err(kube::Error::Api(status)))
                if status.code != 401 && status.code < 500 && status.code != 429 =>
            {
                Ok(Err(status))
            }
            Ok(Err(error)) => Err(self.away(words(&self.target, &error))),
            Err(_) => Err(self.away(format!("it said nothing for {} s", PATIENCE.as_secs()))),
        }
    }

    /// Whether the API server answers and takes our credential; makes the namespace where it is not there. One call.
    pub async fn greet(&self) -> Result<(), Error> {
        let namespaces: Api<DynamicObject> = Api::all_with(self.client.clone(), &namespace_resource());
        match self.ask(namespaces.get(&self.namespace)).await? {
            Ok(_) => Ok(()),
            Err(status) if status.is_not_found() => {
                let body = json!({
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": { "name": self.namespace, "labels": { MANAGED_BY.0: MANAGED_BY.1 } },
                });
                let params = PatchParams::apply(&self.manager);
                match self.ask(namespaces.patch(&self.namespace, &params, &Patch::Apply(&body))).await? {
                    Ok(_) => Ok(()),
                    Err(status) => Err(self.away(format!(
                        "there is no namespace '{}', and it cannot be made: {}",
                        self.namespace, status.message
                    ))),
                }
            }
            // Who may use a namespace may not always see that it is there.
            Err(_) => Ok(()),
        }
    }

    /// Whether everything that there is is known by now.
    pub fn must_be_complete(&self) -> Result<(), Error> {
        let watches = lock(&self.watches);
        for kind in Kind::watched() {
            let watch = watches.get(&kind).cloned().unwrap_or_default();
            if !watch.is_complete {
                let what = kind.resource().plural;
                let reason = watch.trouble.unwrap_or_else(|| "they are being listed".into());
                return Err(self.away(format!("its {what} are not known yet: {reason}")));
            }
        }
        Ok(())
    }

    /// What there is of a kind.
    pub fn all(&self, kind: Kind) -> Vec<Arc<DynamicObject>> {
        self.stores.get(&kind).map(Store::state).unwrap_or_default()
    }

    /// Makes an object what it should be. Fields of others are taken from them only with `force`.
    pub async fn apply(&self, object: &Object, force: bool) -> Result<(), Refusal> {
        let params = PatchParams { force, ..PatchParams::apply(&self.manager) };
        self.patch(object.kind, &object.name, &params, &Patch::Apply(&object.body)).await
    }

    /// Whether an object could be made what it should be. Nothing is changed.
    pub async fn rehearse(&self, object: &Object) -> Result<(), Refusal> {
        let params = PatchParams { dry_run: true, ..PatchParams::apply(&self.manager) };
        self.patch(object.kind, &object.name, &params, &Patch::Apply(&object.body)).await
    }

    /// Makes fields this host's that earlier versions applied under a name that all hosts had.
    pub async fn take_over(&self, kind: Kind, live: &DynamicObject) -> Result<(), Refusal> {
        let Some(metadata) = renamed(live, &self.manager) else { return Ok(()) };
        let name = live.metadata.name.as_deref().unwrap_or_default();
        let body = json!({ "metadata": metadata });
        self.patch(kind, name, &PatchParams::default(), &Patch::Merge(&body)).await
    }

    async fn patch(
        &self,
        kind: Kind,
        name: &str,
        params: &PatchParams,
        patch: &Patch<&Value>,
    ) -> Result<(), Refusal> {
        match self.ask(self.api(kind).patch(name, params, patch)).await {
            Err(error) => Err(Refusal::Away(error)),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => Err(refusal(&status)),
        }
    }

    /// Whether the credential is allowed this, by the attributes of a SelfSubjectAccessReview.
    pub async fn allows(&self, attributes: &Value) -> Result<bool, Error> {
        let kind =
            resource("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews");
        let said = self.review(&kind, json!({ "resourceAttributes": attributes })).await?;
        Ok(said["status"]["allowed"] == true)
    }

    /// Whose the credential is, as the API server knows them.
    pub async fn user(&self) -> Result<String, Error> {
        let kind = resource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews");
        let said = self.review(&kind, json!({})).await?;
        Ok(said["status"]["userInfo"]["username"].as_str().unwrap_or_default().to_owned())
    }

    async fn review(&self, kind: &ApiResource, spec: Value) -> Result<Value, Error> {
        let reviews: Api<DynamicObject> = Api::all_with(self.client.clone(), kind);
        let review = DynamicObject::new("", kind).data(json!({ "spec": spec }));
        let review = DynamicObject { metadata: kube::core::ObjectMeta::default(), ..review };
        match self.ask(reviews.create(&PostParams::default(), &review)).await? {
            Ok(answer) => Ok(answer.data),
            Err(status) => Err(self.away(format!("what it allows cannot be asked: {}", status.message))),
        }
    }

    /// The labels of an object; none: it is not there.
    pub async fn labels(&self, kind: Kind, name: &str) -> Result<Option<BTreeMap<String, String>>, Refusal> {
        match self.ask(self.api(kind).get(name)).await {
            Err(error) => Err(Refusal::Away(error)),
            Ok(Ok(object)) => Ok(Some(object.metadata.labels.unwrap_or_default())),
            Ok(Err(status)) if status.is_not_found() => Ok(None),
            Ok(Err(status)) => Err(refusal(&status)),
        }
    }

    /// Removes an object and what it made; one that is not there is removed.
    pub async fn delete(&self, kind: Kind, name: &str) -> Result<(), Refusal> {
        match self.ask(self.api(kind).delete(name, &DeleteParams::background())).await {
            Err(error) => Err(Refusal::Away(error)),
            Ok(Err(status)) if !status.is_not_found() => Err(refusal(&status)),
            Ok(_) => Ok(()),
        }
    }

    /// What there is of our kinds under these labels, asked now.
    pub async fn list_of(&self, selector: &str) -> Result<Vec<(Kind, String)>, Error> {
        let mut found = Vec::new();
        for kind in Kind::APPLIED {
            let params = ListParams::default().labels(selector);
            match self.ask(self.api(kind).list(&params)).await? {
                Ok(list) => {
                    let names = list.items.into_iter().filter_map(|object| object.metadata.name);
                    found.extend(names.map(|name| (kind, name)));
                }
                Err(status) => return Err(self.away(status.message.clone())),
            }
        }
        Ok(found)
    }

    /// The last lines that a container of a pod wrote; of its run before this one, with `previous`.
    pub async fn logs(
        &self,
        pod: &str,
        container: &str,
        lines: usize,
        previous: bool,
    ) -> Result<Vec<String>, Error> {
        let params = LogParams {
            container: Some(container.into()),
            tail_lines: Some(i64::try_from(lines).unwrap_or(i64::MAX)),
            previous,
            ..LogParams::default()
        };
        let pods: Api<k8s_openapi::api::core::v1::Pod> =
            Api::namespaced(self.client.clone(), &self.namespace);
        match self.ask(pods.logs(pod, &params)).await? {
            Ok(text) => Ok(text.lines().map(String::from).collect()),
            // It has not begun, or is gone.
            Err(_) => Ok(Vec::new()),
        }
    }

    /// All nodes, and all pods that hold something of them.
    pub async fn nodes_and_pods(&self) -> Result<(Vec<Value>, Vec<Value>), Error> {
        let nodes: Api<DynamicObject> =
            Api::all_with(self.client.clone(), &resource("", "v1", "Node", "nodes"));
        let everywhere: Api<DynamicObject> = Api::all_with(self.client.clone(), &Kind::Pod.resource());
        let holding = ListParams::default().fields("status.phase!=Succeeded,status.phase!=Failed");
        let (nodes, pods) = futures::join!(
            self.list(&nodes, ListParams::default(), "its nodes"),
            self.list(&everywhere, holding.clone(), "the pods of all namespaces")
        );
        let pods = match pods {
            Err(error) => {
                tracing::warn!(%error, target = self.target, "what other namespaces hold is not known");
                self.list(&self.api(Kind::Pod), holding, "its pods").await?
            }
            Ok(pods) => pods,
        };
        Ok((nodes?, pods))
    }

    async fn list(
        &self,
        api: &Api<DynamicObject>,
        params: ListParams,
        what: &str,
    ) -> Result<Vec<Value>, Error> {
        match self.ask(api.list(&params)).await? {
            Ok(list) => Ok(list.items.iter().map(value).collect()),
            Err(status) => Err(self.away(format!("{what} cannot be listed: {}", status.message))),
        }
    }
}

/// An object as the API has it.
pub(super) fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn namespace_resource() -> ApiResource {
    resource("", "v1", "Namespace", "namespaces")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
