//! A workload's way from one revision to the next: which replicas end, and how many begin.

use chandlery_package::plan::{Workload, WorkloadKind};

use crate::replicas::ReplicaRow;
use chandlery_package::wire::host::ReplicaState;

/// A rollout may run a quarter more replicas than are wanted, and at least one more.
const SURGE_DIVISOR: u32 = 4;

/// What a rollout does next with a workload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// How many of the old replicas are to end.
    pub retire: usize,
    /// How many new ones are to begin.
    pub begin: usize,
}

/// The old replicas, those first that are missed least.
pub(super) fn in_order_of_retirement(old: &[ReplicaRow]) -> Vec<&ReplicaRow> {
    let mut rows: Vec<_> = old.iter().collect();
    rows.sort_by_key(|row| (row.state != ReplicaState::Stopping, row.serves(), std::cmp::Reverse(row.index)));
    rows
}

/// As many replicas serve as are wanted, as long as there are as many; a service's new ones begin beside the old ones where
/// there is room, and a job never runs beside its former self.
pub(super) fn turn(
    workload: &Workload,
    current: &[ReplicaRow],
    old: &[ReplicaRow],
    missing: usize,
    room: bool,
) -> Turn {
    if old.is_empty() {
        return Turn { retire: 0, begin: missing };
    }
    if workload.kind == WorkloadKind::Job {
        return Turn { retire: old.len(), begin: 0 };
    }
    let wanted = workload.scale.replicas_min as usize;
    let serving = |rows: &[ReplicaRow]| rows.iter().filter(|row| row.serves()).count();
    let (new, former) = (serving(current), serving(old));
    // Those that do not serve are of no use any more; of the others, as many go as are too many.
    let mut retire = old.len() - former + (new + former).saturating_sub(wanted).min(former);
    let surge = if room { (wanted / SURGE_DIVISOR as usize).max(1) } else { 0 };
    let begin = (wanted + surge).saturating_sub(current.len() + old.len()).min(missing);
    let under_way = current.iter().any(|row| !row.serves());
    if begin == 0 && missing > 0 && !under_way && !room && retire == 0 {
        // There is no place for a new one before an old one has left it.
        retire = 1;
    }
    Turn { retire, begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(states: &[ReplicaState]) -> Vec<ReplicaRow> {
        let row = |(index, state): (usize, &ReplicaState)| ReplicaRow {
            index: index as i64,
            state: *state,
            ..ReplicaRow::default()
        };
        states.iter().enumerate().map(row).collect()
    }

    #[test]
    fn as_many_serve_as_are_wanted_all_along() {
        use ReplicaState::{BackingOff as B, Ready as R, Starting as S};
        let mut workload = chandlery_package::plan::example::workload();
        workload.scale.replicas_min = 2;
        let turns = |current: &[ReplicaState], old: &[ReplicaState], room| {
            let missing = 2_usize.saturating_sub(current.len());
            let Turn { retire, begin } = turn(&workload, &rows(current), &rows(old), missing, room);
            (retire, begin)
        };
        // The first rollout begins everything at once.
        assert_eq!(turns(&[], &[], true), (0, 2));
        // With room: one more begins, and an old one ends when it is ready.
        assert_eq!(turns(&[], &[R, R], true), (0, 1));
        assert_eq!(turns(&[S], &[R, R], true), (0, 0));
        assert_eq!(turns(&[R], &[R, R], true), (1, 0));
        assert_eq!(turns(&[R], &[R], true), (0, 1));
        assert_eq!(turns(&[R, R], &[R], true), (1, 0));
        // A new one that fails takes nothing from the old ones.
        assert_eq!(turns(&[B], &[R, R], true), (0, 0));
        // Without: one old one ends first.
        assert_eq!(turns(&[], &[R, R], false), (1, 0));
        assert_eq!(turns(&[], &[R], false), (0, 1));
        assert_eq!(turns(&[S], &[R], false), (0, 0));
        // What does not serve goes at once.
        assert_eq!(turns(&[], &[R, B], true), (1, 1));
        // Fewer are wanted than there were.
        assert_eq!(turns(&[R, R], &[R, R, R], true), (3, 0));
        let mut job = workload.clone();
        job.kind = WorkloadKind::Job;
        assert_eq!(turn(&job, &rows(&[]), &rows(&[R]), 2, true), Turn { retire: 1, begin: 0 });
    }
}
