//! The GPUs of this machine, as NVML knows them, each allotted to one replica alone.

use std::collections::{BTreeMap, BTreeSet};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use crate::gpus::kind_of;
use chandlery_package::plan::{GpuPool, Workload};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Gpu {
    /// What `CUDA_VISIBLE_DEVICES` calls it: `GPU-…`.
    id: String,
    kind: String,
    memory_mib: u32,
}

#[derive(Debug, Default)]
pub(super) struct Gpus {
    all: Vec<Gpu>,
}

impl Gpus {
    /// What this machine has; nothing where there is no driver.
    pub(super) fn find() -> Self {
        match ask() {
            Ok(all) => Self { all },
            Err(NvmlError::LibloadingError(_) | NvmlError::DriverNotLoaded | NvmlError::NoPermission) => {
                Self::default()
            }
            Err(error) => {
                tracing::warn!(%error, "the GPUs of this machine could not be read");
                Self::default()
            }
        }
    }

    /// The GPUs for one replica, none of which is held: all of the first kind of its wish that has enough; nothing where none
    /// has.
    pub(super) fn choose(&self, workload: &Workload, held: &BTreeSet<String>) -> Option<Vec<String>> {
        let Some(wish) = &workload.resources.gpu else { return Some(Vec::new()) };
        let free = |kind: &str| -> Vec<String> {
            let suits = |gpu: &&Gpu| gpu.kind == kind && gpu.memory_mib >= wish.memory_mib_min;
            self.all.iter().filter(suits).map(|gpu| gpu.id.clone()).filter(|id| !held.contains(id)).collect()
        };
        let any: BTreeSet<_> = self.all.iter().map(|gpu| gpu.kind.clone()).collect();
        let kinds = if wish.kinds.is_empty() { any.into_iter().collect() } else { wish.kinds.clone() };
        let count = wish.count_per_replica as usize;
        let found = kinds.iter().map(|kind| free(kind)).find(|free| free.len() >= count)?;
        Some(found.into_iter().take(count).collect())
    }

    /// The same by kind.
    pub(super) fn pools(&self, held: &BTreeSet<String>) -> Vec<GpuPool> {
        let mut pools: BTreeMap<&str, GpuPool> = BTreeMap::new();
        for gpu in &self.all {
            let pool = pools.entry(&gpu.kind).or_insert_with(|| GpuPool {
                kind: gpu.kind.clone(),
                memory_mib: gpu.memory_mib,
                total: 0,
                free: 0,
                nodes: 1,
            });
            pool.total += 1;
            pool.free += u32::from(!held.contains(&gpu.id));
            pool.memory_mib = pool.memory_mib.min(gpu.memory_mib);
        }
        pools.into_values().collect()
    }
}

fn ask() -> Result<Vec<Gpu>, NvmlError> {
    let nvml = Nvml::init()?;
    let read = |index| {
        let device = nvml.device_by_index(index)?;
        let memory_mib = u32::try_from(device.memory_info()?.total >> 20).unwrap_or(u32::MAX);
        Ok(Gpu { id: device.uuid()?, kind: kind_of(&device.name()?), memory_mib })
    };
    (0..nvml.device_count()?).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::{self, Interconnect};

    #[test]
    fn gpus_are_allotted_once_and_by_wish() {
        let gpu = |id: &str, kind: &str| Gpu { id: id.into(), kind: kind.into(), memory_mib: 80000 };
        let gpus = Gpus { all: vec![gpu("a", "h100"), gpu("b", "h100"), gpu("c", "l4")] };
        let mut workload = chandlery_package::plan::example::workload();
        let held = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(gpus.choose(&workload, &held(&[])), Some(vec![]));
        let mut choose = |kinds: &[&str], count, ids: &[&str]| {
            let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
            let interconnect = Interconnect::None;
            workload.resources.gpu =
                Some(plan::Gpu { kinds, count_per_replica: count, memory_mib_min: 0, interconnect });
            gpus.choose(&workload, &held(ids)).map(|chosen| chosen.concat())
        };
        assert_eq!(choose(&["h100"], 2, &[]), Some("ab".into()));
        assert_eq!(choose(&["h100"], 2, &["a"]), None);
        assert_eq!(choose(&["h100", "l4"], 1, &["a", "b"]), Some("c".into()));
        assert_eq!(choose(&[], 1, &["a"]), Some("b".into()));
        assert_eq!(choose(&["a100"], 1, &[]), None);
        let pools = gpus.pools(&held(&["a"]));
        assert_eq!((pools[0].total, pools[0].free, pools[1].total, pools[1].free), (2, 1, 1, 1));
    }
}
