//! Which kind of GPU a job asks for.

use std::collections::BTreeMap;

use super::model::{Gpus, Node};
use chandlery_package::plan::Workload;

/// The GPUs that a job asks for on each of its nodes, by kind and number: the first kind of its wish of which enough nodes have enough
/// that is free, else the first of which they have it at all. Nothing, where it needs no GPUs; an error in words, where no nodes have
/// them at the moment: a job that asks for none is never submitted in its place.
pub(super) fn choose(
    workload: &Workload,
    nodes: &[&Node],
    memory_mib: impl Fn(&str) -> u32,
) -> Result<Option<(String, u32)>, String> {
    let Some(wish) = &workload.resources.gpu else { return Ok(None) };
    let count = workload.gpus_per_node();
    let there = |amount: fn(&Gpus) -> u32| {
        let mut having: BTreeMap<&str, u32> = BTreeMap::new();
        let fitting = |gpus: &&Gpus| amount(gpus) >= count && wish.suits(&gpus.kind, memory_mib(&gpus.kind));
        for gpus in nodes.iter().flat_map(|node| &node.gpus).filter(fitting) {
            *having.entry(&gpus.kind).or_default() += 1;
        }
        having.retain(|_, nodes| *nodes >= workload.scale.nodes_per_replica);
        let wished = wish.kinds.iter().find(|kind| having.contains_key(kind.as_str()));
        wished.cloned().or_else(|| having.keys().next().map(|kind| (*kind).to_owned()))
    };
    let kind = there(|gpus| gpus.total.saturating_sub(gpus.used)).or_else(|| there(|gpus| gpus.total));
    match kind {
        Some(kind) => Ok(Some((kind, count))),
        None => Err("no nodes that take jobs have the GPUs that it wishes for at the moment".into()),
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::plan::example::workload;
    use chandlery_package::plan::{Gpu, Interconnect};

    use super::*;

    fn node(kind: &str, total: u32, used: u32) -> Node {
        Node { gpus: vec![Gpus { kind: kind.into(), total, used }], ..Node::default() }
    }

    fn chosen(kinds: &[&str], each: u32, span: u32, nodes: &[Node]) -> Result<Option<(String, u32)>, String> {
        let mut workload = workload();
        workload.scale.nodes_per_replica = span;
        workload.resources.gpu = Some(Gpu {
            kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
            count_per_replica: each * span,
            memory_mib_min: 40 << 10,
            interconnect: Interconnect::None,
        });
        let nodes: Vec<_> = nodes.iter().collect();
        choose(&workload, &nodes, |kind| if kind == "t4" { 15_360 } else { 81_559 })
    }

    #[test]
    fn a_job_spans_nodes_of_a_kind_that_has_enough_of_them() {
        let given = |kind: &str, count| Ok(Some((kind.to_owned(), count)));
        let nodes = [node("h100", 8, 0), node("a100", 8, 0), node("a100", 8, 0)];
        assert_eq!(chosen(&["h100", "a100"], 8, 1, &nodes), given("h100", 8));
        assert_eq!(chosen(&["h100", "a100"], 8, 2, &nodes), given("a100", 8));
        assert_eq!(chosen(&[], 8, 2, &nodes), given("a100", 8));
        // What is free comes before what is wished first; where nothing is, it waits for that.
        let busy = [node("h100", 8, 1), node("a100", 8, 0)];
        assert_eq!(chosen(&["h100", "a100"], 8, 1, &busy), given("a100", 8));
        assert_eq!(chosen(&["h100", "a100"], 8, 1, &busy[..1]), given("h100", 8));
    }

    #[test]
    fn a_job_that_needs_gpus_is_not_submitted_without_any() {
        let nodes = [node("h100", 8, 0), node("t4", 8, 0)];
        for (kinds, each, span, nodes) in [
            (&["b200"][..], 1, 1, &nodes[..]),
            (&["h100"], 9, 1, &nodes),
            (&["h100"], 8, 2, &nodes),
            (&["t4"], 1, 1, &nodes),
            (&[], 1, 1, &[]),
        ] {
            let refused = chosen(kinds, each, span, nodes).unwrap_err();
            assert!(refused.starts_with("no nodes that take jobs"), "{refused}");
        }
        assert_eq!(choose(&workload(), &[], |_| 0), Ok(None));
    }
}
