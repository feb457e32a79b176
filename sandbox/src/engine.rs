//! How wasmtime is set up: one configuration for what compiles and what runs, or compiled code would not load.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::Limits;

/// How often the deadline is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// How many calls may run at once.
const CALLS_MAX: u32 = 64;

pub(crate) fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .consume_fuel(true)
        .max_wasm_stack(limits.stack_bytes)
        // What hardware answers in its own way must be the same everywhere: which bits a float that is not a number
        // has, and what the relaxed vector instructions give.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

/// With memory, tables and stacks for as many calls as may run at once, made once.
pub(crate) fn pooled(limits: &Limits) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS_MAX)
        .total_core_instances(CALLS_MAX * limits.instances as u32)
        .total_memories(CALLS_MAX)
        .total_tables(CALLS_MAX * 4)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements);
    let mut config = config(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Advances the engine's clock until the engine is gone.
pub(crate) fn keep_time(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}
