//! The GPUs of this machine, as NVML knows them, each allotted to one replica alone. Of a GPU that is cut into instances (MIG), each
//! instance is one.

use std::collections::{BTreeMap, BTreeSet};

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::gpus::kind_of;
use chandlery_package::plan::{GpuPool, Workload, is_slice};

/// What NVML says of a GPU that is cut into instances: `NVML_DEVICE_MIG_ENABLE`.
const MIG_ENABLED: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Gpu {
    /// What `CUDA_VISIBLE_DEVICES` calls it: `GPU-…`, or `MIG-…` an instance.
    id: String,
    kind: String,
    memory_mib: u32,
}

#[derive(Debug, Default)]
pub(super) struct Gpus {
    all: Vec<Gpu>,
    /// Those that cannot be given out, and why.
    left_out: Vec<String>,
}

impl Gpus {
    /// What this machine has; nothing where there is no driver.
    pub(super) fn find() -> Self {
        let gpus = match ask() {
            Ok(read) => Self::of(read),
            Err(NvmlError::LibloadingError(_) | NvmlError::DriverNotLoaded | NvmlError::NoPermission) => {
                Self::default()
            }
            Err(error) => Self {
                left_out: vec![format!("the GPUs of this machine could not be read: {error}")],
                ..Self::default()
            },
        };
        if let Some(fault) = gpus.fault() {
            tracing::warn!(fault, "not all GPUs of this machine can be given out");
        }
        gpus
    }

    /// What could be read of each GPU; one that could not hides no other.
    fn of(read: impl IntoIterator<Item = Result<Gpu, String>>) -> Self {
        let mut gpus = Self::default();
        for gpu in read {
            match gpu {
                Ok(gpu) => gpus.all.push(gpu),
                Err(why) => gpus.left_out.push(why),
            }
        }
        gpus
    }

    /// Which GPUs cannot be given out, and why; none: all can.
    pub(super) fn fault(&self) -> Option<String> {
        (!self.left_out.is_empty()).then(|| self.left_out.join("; "))
    }

    /// The GPUs for one replica, none of which is held: all of the first kind of its wish that has enough; nothing where none
    /// has. Several are never slices, of which CUDA shows a process one.
    pub(super) fn choose(&self, workload: &Workload, held: &BTreeSet<String>) -> Option<Vec<String>> {
        let Some(wish) = &workload.resources.gpu else { return Some(Vec::new()) };
        let free = |kind: &str| -> Vec<String> {
            let suits = |gpu: &&Gpu| gpu.kind == kind && wish.suits(kind, gpu.memory_mib);
            self.all.iter().filter(suits).map(|gpu| gpu.id.clone()).filter(|id| !held.contains(id)).collect()
        };
        let any: BTreeSet<_> = self.all.iter().map(|gpu| gpu.kind.clone()).collect();
        let kinds = if wish.kinds.is_empty() { any.into_iter().collect() } else { wish.kinds.clone() };
        let count = wish.count_per_replica as usize;
        let suits = |kind: &&String| count <= 1 || !is_slice(kind);
        let found = kinds.iter().filter(suits).map(|kind| free(kind)).find(|free| free.len() >= count)?;
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

fn ask() -> Result<Vec<Result<Gpu, String>>, NvmlError> {
    let nvml = Nvml::init()?;
    let read = |index| {
        let device = nvml.device_by_index(index).map_err(|error| unread(index, None, error));
        device.map_or_else(|why| vec![Err(why)], |device| parts(index, &device))
    };
    Ok((0..nvml.device_count()?).flat_map(read).collect())
}

/// A GPU, or the instances that it is cut into.
fn parts(index: u32, device: &Device<'_>) -> Vec<Result<Gpu, String>> {
    let id = device.uuid().ok();
    let of = |device: &Device<'_>| gpu(device).map_err(|error| unread(index, id.as_deref(), error));
    // Only GPUs that can be cut know of this mode.
    if !device.mig_mode().is_ok_and(|mode| mode.current == MIG_ENABLED) {
        return vec![of(device)];
    }
    let instances =
        (0..device.mig_device_count().unwrap_or(0)).map(|place| device.mig_device_by_index(place));
    let there = instances.filter(|instance| !matches!(instance, Err(NvmlError::NotFound)));
    there
        .map(|instance| instance.map_err(|error| unread(index, id.as_deref(), error)).and_then(|it| of(&it)))
        .collect()
}

fn gpu(device: &Device<'_>) -> Result<Gpu, NvmlError> {
    let memory_mib = u32::try_from(device.memory_info()?.total >> 20).unwrap_or(u32::MAX);
    Ok(Gpu { id: device.uuid()?, kind: kind_of(&device.name()?), memory_mib })
}

fn unread(index: u32, id: Option<&str>, error: NvmlError) -> String {
    let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
    format!("GPU {index}{id} is left out, since NVML could not read it: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chandlery_package::plan::{self, Interconnect};

    #[test]
    fn gpus_are_allotted_once_and_by_wish() {
        let gpu = |id: &str, kind: &str| Gpu { id: id.into(), kind: kind.into(), memory_mib: 80000 };
        let gpus = Gpus::of([gpu("a", "h100"), gpu("b", "h100"), gpu("c", "l4")].map(Ok));
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
        let slices =
            Gpus::of([gpu("a", "a100-mig-1g.5gb"), gpu("b", "a100-mig-1g.5gb"), gpu("c", "h100")].map(Ok));
        workload.resources.gpu = Some(plan::Gpu {
            kinds: Vec::new(),
            count_per_replica: 1,
            memory_mib_min: 0,
            interconnect: Interconnect::None,
        });
        assert_eq!(slices.choose(&workload, &held(&[])).map(|chosen| chosen.concat()), Some("a".into()));
        workload.resources.gpu.as_mut().unwrap().count_per_replica = 2;
        assert_eq!(slices.choose(&workload, &held(&[])), None, "a process sees one slice");
        let pools = gpus.pools(&held(&["a"]));
        assert_eq!((pools[0].total, pools[0].free, pools[1].total, pools[1].free), (2, 1, 1, 1));
    }

    #[test]
    fn one_that_cannot_be_read_hides_no_other() {
        let whole = Gpu { id: "GPU-a".into(), kind: "h100".into(), memory_mib: 81_559 };
        let gpus = Gpus::of([
            Err(unread(0, Some("GPU-b"), NvmlError::NotSupported)),
            Ok(whole),
            Err(unread(2, None, NvmlError::GpuLost)),
        ]);
        assert_eq!(gpus.pools(&BTreeSet::new()).iter().map(|pool| pool.total).sum::<u32>(), 1);
        let fault = gpus.fault().unwrap();
        assert!(
            fault.contains("GPU 0 (GPU-b) is left out") && fault.contains("; GPU 2 is left out"),
            "{fault}"
        );
        assert_eq!(Gpus::default().fault(), None);
    }
}
