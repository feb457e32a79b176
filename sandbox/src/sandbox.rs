//! The sandbox: compiled plugins, and one bounded, measured and explained call after the other.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chandlery_package::plan::Plan;
use chandlery_package::{Component, Digest, Kind, Manifest, Release};
use prometheus_client::registry::Registry;
use tracing::field::Empty;
use wasmtime::component::{Component as Code, Linker};
use wasmtime::{Engine, OptLevel, Store};

use crate::cache::Cache;
use crate::calls::Calls;
use crate::capabilities::Capabilities;
use crate::compiler::compile;
use crate::contract_0_1_0 as contract;
use crate::engine::{TICK, config, keep_time, pooled};
use crate::error::SandboxError;
use crate::event::Event;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::questions::{Reaction, Request, Review, Verdict};
use crate::state::State;
use crate::worker::Worker;

/// How many problems a template may tell of, the first ones: each is shown beside its parameter.
const PROBLEMS_MAX: usize = 100;

/// The sandbox: an engine, the functions that plugins may import, and compiled code.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    pure: Arc<Linker<State>>,
    granting: Arc<Linker<State>>,
    limits: Limits,
    worker: Worker,
    /// None: code is compiled for each use.
    cache: Option<Arc<Cache>>,
    loaded: Arc<Mutex<HashMap<Digest, Plugin>>>,
    guard: Guard,
    calls: Arc<Calls>,
}

/// A compiled plugin.
#[derive(Clone)]
pub struct Plugin {
    release: Release,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    component: Digest,
    world: World,
}

#[derive(Clone)]
enum World {
    Template(contract::TemplatePre<State>),
    Policy(contract::policy::PolicyPre<State>),
    Integration(contract::integration::IntegrationPre<State>),
}

impl Sandbox {
    /// A sandbox that keeps compiled code in this directory.
    pub fn new(cache: &Path, limits: Limits, worker: Worker) -> wasmtime::Result<Self> {
        let engine = Engine::new(&pooled(&limits))?;
        let cache = Cache::new(cache, &engine)?;
        Self::on(engine, limits, worker, Some(Arc::new(cache)))
    }

    /// A sandbox that compiles and runs otherwise: without optimisation, and with memory of its own for each instance.
    /// What a plugin answers here must be what it answers in the other.
    pub fn unoptimised(limits: Limits) -> wasmtime::Result<Self> {
        let mut config = config(&limits);
        config.cranelift_opt_level(OptLevel::None).memory_init_cow(false);
        // Slower, with as many instructions.
        let limits = Limits { time: limits.time * 4, ..limits };
        Self::on(Engine::new(&config)?, limits, Worker::Here, None)
    }

    fn on(
        engine: Engine,
        limits: Limits,
        worker: Worker,
        cache: Option<Arc<Cache>>,
    ) -> wasmtime::Result<Self> {
        let (mut pure, mut granting) = (Linker::new(&engine), Linker::new(&engine));
        contract::add_logging(&mut pure)?;
        contract::integration::add_to_linker(&mut granting)?;
        keep_time(&engine);
        Ok(Self {
            engine,
            pure: Arc::new(pure),
            granting: Arc::new(granting),
            limits,
            worker,
            cache,
            loaded: Arc::default(),
            guard: Guard::default(),
            calls: Arc::default(),
        })
    }

    /// Who works on components that strangers made.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The compiled plugin with these bytes: from memory, from the cache, or compiled now. Blocks.
    pub fn load(&self, component: &Component, bytes: &[u8]) -> Result<Plugin, SandboxError> {
        if let Some(found) = self.loaded(component.digest) {
            return Ok(found);
        }
        let release = component.manifest.release();
        let code = self.code(component.digest, &release, bytes)?;
        let world = self.link(component.manifest.kind, &code).map_err(cannot_load(&release))?;
        let manifest = Arc::new(component.manifest.clone());
        let plugin = Plugin { release, manifest, component: component.digest, world };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.len() >= self.limits.loaded {
            loaded.clear();
        }
        loaded.insert(component.digest, plugin.clone());
        Ok(plugin)
    }

    fn code(&self, digest: Digest, release: &Release, bytes: &[u8]) -> Result<Code, SandboxError> {
        if let Some(code) = self.cache.as_ref().and_then(|cache| cache.find(&self.engine, digest)) {
            return Ok(code);
        }
        let code = compile(&self.engine, &self.worker, release, bytes, &self.limits)?;
        if let Some(cache) = &self.cache {
            cache.keep(digest, &code, self.limits.code_bytes).map_err(cannot_load(release))?;
            // Of a file, only what is used takes memory.
            if let Some(kept) = cache.find(&self.engine, digest) {
                return Ok(kept);
            }
        }
        // SAFETY: this user's compiler has just made it; wasmtime itself refuses code of another configuration.
        unsafe { Code::deserialize(&self.engine, &code) }.map_err(cannot_load(release))
    }

    fn link(&self, kind: Kind, code: &Code) -> wasmtime::Result<World> {
        Ok(match kind {
            Kind::Template => World::Template(contract::TemplatePre::new(self.pure.instantiate_pre(code)?)?),
            Kind::Policy => {
                World::Policy(contract::policy::PolicyPre::new(self.pure.instantiate_pre(code)?)?)
            }
            Kind::Integration => World::Integration(contract::integration::IntegrationPre::new(
                self.granting.instantiate_pre(code)?,
            )?),
        })
    }

    /// The plugin with this digest, if it is in memory.
    pub fn loaded(&self, digest: Digest) -> Option<Plugin> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// Whether the plugin with this digest can be loaded without compiling it.
    pub fn is_compiled(&self, digest: Digest) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.has(digest))
    }

    /// Adds what is counted of the calls to a Prometheus registry: `plugin_calls` by plugin, function and outcome, and
    /// `plugin_call_seconds` by plugin and function.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.calls.register(registry);
    }

    /// Asks a template for a plan, and checks what it answers. Blocks for as long as the template runs.
    pub fn plan(&self, template: &Plugin, request: &Request) -> Result<Plan, SandboxError> {
        let World::Template(code) = &template.world else { return Err(template.is_no("template")) };
        let state = State::pure(&self.limits);
        let (answer, _) = self.call(template, "plan", state, |store| {
            code.instantiate(&mut *store)?.call_plan(store, &contract::request(request))
        });
        match answer? {
            Ok(plan) => self.checked(template, contract::plan(plan)),
            Err(problems) => {
                let problems = problems.into_iter().take(PROBLEMS_MAX).map(contract::problem).collect();
                Err(SandboxError::Problems { release: template.release.clone(), problems })
            }
        }
    }

    /// Asks a policy for its verdict on a plan. Blocks.
    pub fn review(&self, policy: &Plugin, plan: &Plan, review: &Review) -> Result<Verdict, SandboxError> {
        let World::Policy(code) = &policy.world else { return Err(policy.is_no("policy")) };
        let state = State::pure(&self.limits);
        let (answer, _) = self.call(policy, "review", state, |store| {
            let (plan, context) = (contract::plan_to_wire(plan), contract::policy::context(review));
            code.instantiate(&mut *store)?.call_review(store, &plan, &context)
        });
        match contract::policy::verdict(answer?) {
            Verdict::Amend { plan, changes } => {
                Ok(Verdict::Amend { plan: self.checked(policy, plan)?, changes })
            }
            verdict => Ok(verdict),
        }
    }

    /// Tells an integration of an event. Blocks; must be called where a tokio runtime is.
    pub fn notify(&self, integration: &Plugin, event: &Event, mut capabilities: Capabilities) -> Reaction {
        let World::Integration(code) = &integration.world else {
            let result = Err(integration.is_no("integration"));
            return Reaction { result, uses: Vec::new(), kept: None };
        };
        let limits = Limits { time: self.limits.integration_time, ..self.limits.clone() };
        capabilities.begin(&limits);
        let state = State::with(&limits, capabilities);
        let (answer, state) = self.call(integration, "on-event", state, |store| {
            code.instantiate(&mut *store)?.call_on_event(store, &contract::integration::event(event))
        });
        let result = match answer {
            Ok(Ok(())) => Ok(()),
            Ok(Err(problem)) => Err(SandboxError::Problems {
                release: integration.release.clone(),
                problems: vec![contract::problem(problem)],
            }),
            Err(error) => Err(error),
        };
        let (uses, kept) = state.into_capabilities().map(Capabilities::into_parts).unwrap_or_default();
        Reaction { kept: result.is_ok().then_some(kept), result, uses }
    }

    /// The plan, if it keeps the contract's rules.
    fn checked(&self, plugin: &Plugin, plan: Plan) -> Result<Plan, SandboxError> {
        plan.checked().map_err(|error| SandboxError::Plan { release: plugin.release.clone(), error })
    }

    /// One call, in a store of its own: bounded, measured and explained.
    fn call<T>(
        &self,
        plugin: &Plugin,
        function: &'static str,
        state: State,
        run: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> (Result<T, SandboxError>, State) {
        let pass = match self.guard.enter(plugin.component, &plugin.release, &self.limits) {
            Ok(pass) => pass,
            Err(error) => {
                self.calls.ended(&plugin.release, function, error.word(), Duration::ZERO);
                return (Err(error), state);
            }
        };
        let span = tracing::info_span!(
            "call",
            plugin = %plugin.release.plugin,
            release = %plugin.release.version,
            function,
            fuel = Empty,
            memory_peak_bytes = Empty,
            host_calls = Empty,
            micros = Empty,
            outcome = Empty,
        );
        let _entered = span.enter();
        let started = Instant::now();
        let ticks = state.time().as_millis() / TICK.as_millis();
        let mut store = Store::new(&self.engine, state);
        store.limiter(State::limiter);
        store.call_hook(State::count_host_call);
        store.set_epoch_deadline(ticks as u64 + 1);
        store.set_hostcall_fuel(self.limits.output_bytes);
        let answer = store.set_fuel(self.limits.fuel).and_then(|()| run(&mut store));
        let fuel = self.limits.fuel - store.get_fuel().unwrap_or(0);
        let state = store.into_data();
        state.log(&plugin.release);
        let result = match (answer, state.refused()) {
            (Err(error), _) => Err(state.explain(&error, plugin.release.clone())),
            // What it made of having been refused does not count.
            (Ok(_), Some(refused)) if refused.ends_calls() => {
                Err(state.explain_refusal(refused, plugin.release.clone()))
            }
            (Ok(answer), _) => Ok(answer),
        };
        let outcome = result.as_ref().err().map_or("ok", SandboxError::word);
        span.record("fuel", fuel);
        span.record("memory_peak_bytes", state.meter.memory_bytes.used());
        span.record("host_calls", state.meter.host_calls);
        span.record("micros", started.elapsed().as_micros() as u64);
        span.record("outcome", outcome);
        tracing::debug!("the call ended");
        self.calls.ended(&plugin.release, function, outcome, started.elapsed());
        pass.ended(result.as_ref().err().filter(|error| error.is_failure()), &self.limits);
        (result, state)
    }
}

impl Plugin {
    fn is_no(&self, kind: &str) -> SandboxError {
        SandboxError::Load { release: self.release.clone(), reason: format!("it is no {kind}") }
    }
}

fn cannot_load(release: &Release) -> impl Fn(wasmtime::Error) -> SandboxError {
    let release = release.clone();
    move |error| SandboxError::Load { release: release.clone(), reason: format!("{error:#}") }
}
