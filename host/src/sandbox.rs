//! Where plugins run: one fresh instance per call, from code compiled once, within limits that each end in an error of
//! their own.

mod cache;
mod contract_0_1_0;
mod limits;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chandlery_package::{Component, Digest, Release};
use wasmtime::component::{Component as Code, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store};

use crate::plan::{Facts, Plan, PlanError, PlanProblem, say};
use cache::Cache;
use contract_0_1_0 as contract;
use limits::State;

pub use limits::Limits;

/// How often the deadline is looked at.
const TICK: Duration = Duration::from_millis(10);
/// How many calls may run at once.
const CALLS_MAX: u32 = 64;
/// Compiled plugins that are kept in memory; others are loaded from the cache again.
const LOADED_MAX: usize = 256;

/// Why a call of a plugin gave no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// It cannot be compiled, or imports what is not granted.
    #[error("{release} cannot be loaded: {reason}")]
    Load {
        /// Which.
        release: Release,
        /// What wasmtime says.
        reason: String,
    },
    /// It ran longer than it may.
    #[error("{release} ran longer than {limit_ms} ms and was stopped")]
    Deadline {
        /// Which.
        release: Release,
        /// How long it may run.
        limit_ms: u128,
    },
    /// It wanted more memory than it may have.
    #[error("{release} wanted more than {limit_mib} MiB of memory")]
    Memory {
        /// Which.
        release: Release,
        /// How much it may have.
        limit_mib: usize,
    },
    /// It wanted larger tables than it may have.
    #[error("{release} wanted tables of more than {limit} elements")]
    Table {
        /// Which.
        release: Release,
        /// How many elements it may have.
        limit: usize,
    },
    /// It called itself too deeply.
    #[error("{release} used more than {limit_kib} KiB of stack")]
    Stack {
        /// Which.
        release: Release,
        /// How much it may use.
        limit_kib: usize,
    },
    /// It answered with more than it may.
    #[error("{release} answered with more than {limit_mib} MiB")]
    Output {
        /// Which.
        release: Release,
        /// How much it may answer.
        limit_mib: usize,
    },
    /// It panicked.
    #[error("{release} panicked: {message}")]
    Panicked {
        /// Which.
        release: Release,
        /// The panic's message.
        message: String,
    },
    /// It ended in another trap.
    #[error("{release} trapped: {trap}")]
    Trapped {
        /// Which.
        release: Release,
        /// Which trap.
        trap: String,
    },
    /// More calls at once than the sandbox has room for.
    #[error("the sandbox runs {CALLS_MAX} calls already")]
    Busy,
    /// It looked at the request and says what stands in the way.
    #[error("{release} cannot make a plan: {}", say(.problems))]
    Problems {
        /// Which.
        release: Release,
        /// What stands in the way.
        problems: Vec<PlanProblem>,
    },
    /// Its plan breaks the contract.
    #[error("{release} made a plan that breaks the contract: {error}")]
    Plan {
        /// Which.
        release: Release,
        /// How.
        error: PlanError,
    },
}

/// One question to a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The deployment's name.
    pub deployment: String,
    /// A JSON object, validated.
    pub parameters: String,
    /// The target.
    pub target: Facts,
}

/// The sandbox: an engine, the functions that plugins may import, and compiled code.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    linker: Arc<Linker<State>>,
    limits: Limits,
    /// None: code is compiled for each use.
    cache: Option<Arc<Cache>>,
    loaded: Arc<Mutex<HashMap<Digest, Template>>>,
}

/// A compiled template.
#[derive(Clone)]
pub struct Template {
    release: Release,
    code: contract::TemplatePre<State>,
}

impl Sandbox {
    /// A sandbox that keeps compiled code in this directory.
    pub fn new(cache: &Path, limits: Limits) -> wasmtime::Result<Self> {
        let engine = Engine::new(&pooled(&limits))?;
        let cache = Cache::new(cache, &engine)?;
        Self::on(engine, limits, Some(Arc::new(cache)))
    }

    /// A sandbox that compiles and runs otherwise: without optimisation, and with memory of its own for each instance.
    /// What a plugin answers here must be what it answers in the other.
    pub fn unoptimised(limits: Limits) -> wasmtime::Result<Self> {
        let mut config = config(&limits);
        config.cranelift_opt_level(OptLevel::None).memory_init_cow(false);
        Self::on(Engine::new(&config)?, limits, None)
    }

    fn on(engine: Engine, limits: Limits, cache: Option<Arc<Cache>>) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        contract::add_to_linker(&mut linker)?;
        keep_time(&engine);
        Ok(Self { engine, linker: Arc::new(linker), limits, cache, loaded: Arc::default() })
    }

    /// The compiled template with these bytes: from memory, from the cache, or compiled now. Blocks.
    pub fn load(&self, component: &Component, bytes: &[u8]) -> Result<Template, SandboxError> {
        if let Some(found) = self.loaded(component.digest) {
            return Ok(found);
        }
        let release = component.manifest.release();
        let refuse = |error: wasmtime::Error| SandboxError::Load {
            release: release.clone(),
            reason: format!("{error:#}"),
        };
        let code = match &self.cache {
            Some(cache) => cache.compiled(&self.engine, component.digest, bytes),
            None => Code::new(&self.engine, bytes),
        }
        .map_err(refuse)?;
        let code = self.linker.instantiate_pre(&code).and_then(contract::TemplatePre::new).map_err(refuse)?;
        let template = Template { release, code };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.len() >= LOADED_MAX {
            loaded.clear();
        }
        loaded.insert(component.digest, template.clone());
        Ok(template)
    }

    /// The template with this digest, if it is in memory.
    pub fn loaded(&self, digest: Digest) -> Option<Template> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// Asks a template for a plan, and checks what it answers. Blocks for as long as the template runs.
    pub fn plan(&self, template: &Template, request: &Request) -> Result<Plan, SandboxError> {
        let release = || template.release.clone();
        let mut store = Store::new(&self.engine, State::new(&self.limits));
        store.limiter(State::limiter);
        store.set_epoch_deadline((self.limits.time.as_millis() / TICK.as_millis()) as u64 + 1);
        store.set_hostcall_fuel(self.limits.output_bytes);
        let answer = template
            .code
            .instantiate(&mut store)
            .and_then(|instance| instance.call_plan(&mut store, &contract::request(request)));
        let state = store.into_data();
        state.log(&template.release);
        match answer {
            Err(error) => Err(state.explain(&error, &self.limits, release())),
            Ok(Err(problems)) => {
                let problems = problems.into_iter().map(contract::problem).collect();
                Err(SandboxError::Problems { release: release(), problems })
            }
            Ok(Ok(plan)) => contract::plan(plan)
                .checked()
                .map_err(|error| SandboxError::Plan { release: release(), error }),
        }
    }
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        // What hardware answers in its own way must be the same everywhere: which bits a float that is not a number
        // has, and what the relaxed vector instructions give.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

/// With memory, tables and stacks for as many calls as may run at once, made once.
fn pooled(limits: &Limits) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS_MAX)
        .total_core_instances(CALLS_MAX * 4)
        .total_memories(CALLS_MAX)
        .total_tables(CALLS_MAX * 4)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements);
    let mut config = config(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Advances the engine's clock until the engine is gone.
fn keep_time(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}
