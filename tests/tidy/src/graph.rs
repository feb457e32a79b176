//! Circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who refers to whom, by name, with the places where it is written.
#[derive(Debug, Default, Clone)]
pub struct Graph {
    edges: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// A circle: each of these refers to the next one, and the last one to the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle(pub Vec<String>);

impl Graph {
    /// Adds a reference; one of something to itself is none.
    pub fn add(&mut self, from: String, to: String, place: String) {
        if from != to {
            self.edges.entry(from).or_default().entry(to).or_default().push(place);
        }
    }

    /// Takes one away, and says where it was written; nothing where there was none.
    pub fn remove(&mut self, from: &str, to: &str) -> Option<Vec<String>> {
        self.edges.get_mut(from)?.remove(to)
    }

    /// Where one is written.
    pub fn places(&self, from: &str, to: &str) -> &[String] {
        self.edges.get(from).and_then(|to_places| to_places.get(to)).map_or(&[], Vec::as_slice)
    }

    /// The shortest way from one to another.
    pub fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(here) = queue.pop_front() {
            if here == to && !(before.is_empty() && from == to) {
                let mut way = vec![here.to_owned()];
                let mut at = here;
                while let Some(earlier) = before.get(at).filter(|_| at != from) {
                    way.push((*earlier).to_owned());
                    at = earlier;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.edges.get(here).into_iter().flat_map(BTreeMap::keys) {
                if next != from && !before.contains_key(next.as_str()) {
                    before.insert(next, here);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The circles that are left, each with the reference by which it is cut with the least to change: the one that is written in
    /// the fewest places. What is cut already does not count for the next circle.
    pub fn circles(&self) -> Vec<(Circle, (String, String))> {
        let mut graph = self.clone();
        let mut circles = Vec::new();
        while let Some(circle) = graph.shortest_circle() {
            let pairs = circle.0.iter().zip(circle.0.iter().cycle().skip(1));
            let cut = pairs.min_by_key(|(from, to)| graph.places(from, to).len());
            let Some((from, to)) = cut.map(|(from, to)| (from.clone(), to.clone())) else { break };
            graph.remove(&from, &to);
            circles.push((circle, (from, to)));
        }
        circles
    }

    fn shortest_circle(&self) -> Option<Circle> {
        let edges = self.edges.iter().flat_map(|(from, all)| all.keys().map(move |to| (from, to)));
        edges.filter_map(|(from, to)| self.way(to, from)).min_by_key(Vec::len).map(Circle)
    }

    /// Everything that refers to something or is referred to.
    pub fn names(&self) -> BTreeSet<&str> {
        self.edges.iter().flat_map(|(from, all)| all.keys().chain([from])).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.add((*from).into(), (*to).into(), format!("{from} names {to}"));
        }
        graph
    }

    #[test]
    fn circles_are_found_and_the_cheapest_cut_is_named() {
        assert_eq!(graph(&[("a", "b"), ("b", "c"), ("a", "c")]).circles(), []);
        let found =
            graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "a"), ("b", "c"), ("d", "a")]).circles();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.0.len(), 3);
        assert_eq!(found[0].1, ("a".into(), "b".into()));
        // Two circles that share nothing.
        assert_eq!(graph(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]).circles().len(), 2);
    }
}
