//! A plan in words, as its package tells it: a card for each workload, and the notes of the plugin.

use chandlery_package::plan::{Plan, told};
use chandlery_pages::{facts, lines};
use maud::{Markup, html};

/// All of a plan.
pub(super) fn plan(plan: &Plan) -> Markup {
    html! {
        @for workload in &plan.workloads {
            @let told = told::workload(workload);
            @let told: Vec<(&str, Markup)> = told.iter().map(|(about, said)| (*about, lines(said))).collect();
            h3 { (workload.name) }
            div.card { (facts(&told)) }
        }
        @if !plan.notes.is_empty() {
            h3 { "Notes" }
            ul { @for note in &plan.notes { li { (note) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::plan::Runtime;
    use chandlery_package::plan::example::workload;

    use super::*;

    #[test]
    fn a_plan_is_told_and_nothing_of_it_becomes_markup() {
        let mut server = workload();
        server.runtime = Runtime::Container("<b>image</b>:1".into());
        let planned = Plan { workloads: vec![server, workload()], notes: vec!["<script>".into()] };
        let page = plan(&planned).into_string();
        for part in ["the image &lt;b&gt;image&lt;/b&gt;:1", "http at 80 (http)", "&lt;script&gt;"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
    }
}
