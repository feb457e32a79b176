//! The world `integration`: each of its interfaces is a capability, checked at every use.

use wasmtime::component::{HasSelf, Linker, Resource};

use crate::capabilities::keyvalue::{Bucket, KeyValueError};
use crate::capabilities::secrets::SecretError;
use crate::control::DeploymentState;
use crate::event::{Event, EventKind};
use crate::state::State;

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "integration",
        imports: { default: trappable },
        require_store_data_send: true,
        with: {
            "chandlery:plugin/logging": super::super::template::chandlery::plugin::logging,
            "chandlery:plugin/template-types": super::super::template::chandlery::plugin::template_types,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:keyvalue/store.bucket": crate::capabilities::keyvalue::Bucket,
        },
    });
}

use generated::chandlery::plugin::{deployments, deployments_control, event_types, secrets};
use generated::wasi::config::store as config;
use generated::wasi::keyvalue::store as keyvalue;

pub(crate) use generated::IntegrationPre;

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{io::error, sync::io};
    super::add_logging(linker)?;
    secrets::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    deployments::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    deployments_control::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    config::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    keyvalue::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    error::add_to_linker::<_, Table>(linker, State::table)?;
    io::poll::add_to_linker::<_, Table>(linker, State::table)?;
    io::streams::add_to_linker::<_, Table>(linker, State::table)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(linker)
}

struct Table;

impl wasmtime::component::HasData for Table {
    type Data<'a> = &'a mut wasmtime::component::ResourceTable;
}

pub(crate) fn event(event: &Event) -> event_types::Event {
    event_types::Event {
        id: event.id.clone(),
        kind: match event.kind {
            EventKind::Planned => event_types::EventKind::Planned,
            EventKind::RolledOut => event_types::EventKind::RolledOut,
            EventKind::Degraded => event_types::EventKind::Degraded,
            EventKind::Recovered => event_types::EventKind::Recovered,
            EventKind::Failed => event_types::EventKind::Failed,
            EventKind::Removed => event_types::EventKind::Removed,
            EventKind::UsageThreshold => event_types::EventKind::UsageThreshold,
            EventKind::Test => event_types::EventKind::Test,
        },
        at: event.at.to_string(),
        deployment: event.deployment.clone(),
        target: event.target.clone(),
        team: event.team.clone(),
        release: event.release.as_ref().map(ToString::to_string).unwrap_or_default(),
        revision: event.revision,
        detail: event.detail.clone(),
        attempt: event.attempt,
        attempted_at: event.attempted_at,
    }
}

impl config::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, config::Error>> {
        Ok(Ok(self.capabilities()?.settings.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, config::Error>> {
        Ok(Ok(self.capabilities()?.settings.clone().into_iter().collect()))
    }
}

impl secrets::Host for State {
    fn reference(&mut self, name: String) -> wasmtime::Result<Result<String, secrets::Error>> {
        Ok(self.capabilities()?.secret_reference(&name).map_err(secret_error))
    }

    fn hmac_sha256(
        &mut self,
        name: String,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, secrets::Error>> {
        Ok(self.capabilities()?.hmac_sha256(&name, &message).map_err(secret_error))
    }
}

fn secret_error(error: SecretError) -> secrets::Error {
    match error {
        SecretError::NotGranted => secrets::Error::NotGranted,
        SecretError::NotSet => secrets::Error::NotSet,
    }
}

impl deployments::Host for State {
    fn all(&mut self) -> wasmtime::Result<Result<Vec<deployments::Deployment>, String>> {
        let found = self.capabilities()?.deployments();
        Ok(found.map(|found| found.into_iter().map(deployment).collect()))
    }
}

fn deployment(state: DeploymentState) -> deployments::Deployment {
    deployments::Deployment {
        name: state.name,
        target: state.target,
        team: state.team,
        release: state.release.to_string(),
        revision: state.revision,
        health: state.health.to_string(),
        replicas: state
            .replicas
            .into_iter()
            .map(|replica| deployments::Replica {
                workload: replica.workload,
                index: replica.index,
                state: replica.state.to_string(),
                detail: replica.detail,
                restarts: replica.restarts,
            })
            .collect(),
    }
}

impl deployments_control::Host for State {
    fn restart(&mut self, deployment: String) -> wasmtime::Result<Result<(), String>> {
        Ok(self.capabilities()?.restart(&deployment))
    }

    fn scale(
        &mut self,
        deployment: String,
        workload: String,
        replicas: u32,
    ) -> wasmtime::Result<Result<(), String>> {
        Ok(self.capabilities()?.scale(&deployment, &workload, replicas))
    }
}

impl keyvalue::Host for State {
    fn open(&mut self, identifier: String) -> wasmtime::Result<Result<Resource<Bucket>, keyvalue::Error>> {
        match self.capabilities()?.open_bucket(&identifier) {
            Ok(bucket) => Ok(Ok(self.table().push(bucket)?)),
            Err(error) => Ok(Err(keyvalue_error(error))),
        }
    }
}

impl keyvalue::HostBucket for State {
    fn get(
        &mut self,
        _: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, keyvalue::Error>> {
        Ok(Ok(self.capabilities()?.kept.get(&key).cloned()))
    }

    fn set(
        &mut self,
        _: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), keyvalue::Error>> {
        Ok(Ok(self.keep(key, value)?))
    }

    fn delete(&mut self, _: Resource<Bucket>, key: String) -> wasmtime::Result<Result<(), keyvalue::Error>> {
        self.capabilities()?.kept.remove(&key);
        Ok(Ok(()))
    }

    fn exists(
        &mut self,
        _: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<bool, keyvalue::Error>> {
        Ok(Ok(self.capabilities()?.kept.contains_key(&key)))
    }

    fn list_keys(
        &mut self,
        _: Resource<Bucket>,
        _: Option<u64>,
    ) -> wasmtime::Result<Result<keyvalue::KeyResponse, keyvalue::Error>> {
        let keys = self.capabilities()?.kept.keys().cloned().collect();
        Ok(Ok(keyvalue::KeyResponse { keys, cursor: None }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table().delete(bucket)?;
        Ok(())
    }
}

fn keyvalue_error(error: KeyValueError) -> keyvalue::Error {
    match error {
        KeyValueError::NotGranted => keyvalue::Error::AccessDenied,
        KeyValueError::NoSuchStore => keyvalue::Error::NoSuchStore,
    }
}
