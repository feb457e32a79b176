//! Every page of both servers: what it looks like, what it weighs, whether everybody can use it, and what cannot be done by it. One table
//! has them all, and one market has something for each to show.

mod fits;
mod forms;
mod hostile;
mod look;
mod market;
mod pictures;
mod table;

use std::collections::BTreeSet;

use crate::permissions;
use table::{BESIDE, PAGES, Site, is_page};

#[test]
fn the_table_has_every_page() {
    for (site, routes) in
        [(Site::Registry, permissions::of_registry()), (Site::Host, permissions::hosts::routes())]
    {
        let routed: BTreeSet<&str> = routes
            .iter()
            .filter(|(method, route)| is_page(method, route))
            .map(|(_, route)| route.as_str())
            .collect();
        assert!(routed.len() > 20, "{site:?}: {routed:?}");
        let here = PAGES.iter().filter(|page| page.who.site() == site).map(|page| page.route);
        let tabled: BTreeSet<&str> = here.filter(|route| !BESIDE.contains(route)).collect();
        let missing: Vec<_> = routed.difference(&tabled).collect();
        let gone: Vec<_> = tabled.difference(&routed).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "{site:?}: write into tests/e2e/pages/table.rs who sees {missing:?}; not routed: {gone:?}"
        );
    }
}
