//! A plan in words, and what it would change.

use chandlery_package::plan::told::{self, cut};
use chandlery_package::plan::{Plan, Workload};
use chandlery_package::wire::host::{Change, Planned};
use chandlery_pages::{Column, Tone, banner, facts, lines, money, table};
use maud::{Markup, html};

/// What would run, in words: a card for each workload.
pub(super) fn in_words(plan: &Plan) -> Markup {
    html! {
        @for workload in &plan.workloads { (card(workload)) }
        @for note in &plan.notes { p.note { (note) } }
    }
}

fn card(workload: &Workload) -> Markup {
    let told = told::workload(workload);
    let told: Vec<(&str, Markup)> = told.iter().map(|(about, said)| (*about, lines(said))).collect();
    html! {
        section.card {
            h3 { (workload.name) ", a " (workload.kind) }
            (facts(&told))
        }
    }
}

/// What would be different, value by value, and what it costs.
pub(super) fn difference(planned: &Planned) -> Markup {
    html! {
        @match (planned.exists, planned.changes.is_empty()) {
            (false, _) => p { "There is no deployment of this name yet: everything is new." },
            (true, true) => p { "Nothing would change: the deployment already has this plan." },
            (true, false) => (changes(&planned.changes)),
        }
        @if let Some(cost) = planned.cost_per_hour {
            p {
                "It would cost " strong { (money(cost)) } " an hour, by the target's prices"
                @if let Some(before) = planned.cost_per_hour_before { "; now it is " (money(before)) }
                "."
            }
        }
        @for remark in &planned.remarks {
            (banner(Tone::Warning, &html! {
                p {
                    "The policy " (remark.policy)
                    @if remark.amended { " changed the plan: " } @else { " warns: " }
                    (remark.says)
                }
            }))
        }
    }
}

/// A row for each value that would be different.
pub(super) fn changes(changes: &[Change]) -> Markup {
    let value = |value: &Option<String>| match value {
        Some(text) => html! { code { (cut(text)) } },
        None => html! { span.none { "nothing" } },
    };
    let row =
        |change: &Change| vec![html! { code { (change.path) } }, value(&change.before), value(&change.after)];
    let rows: Vec<Vec<Markup>> = changes.iter().map(row).collect();
    let columns = [Column::Text("What"), Column::Text("Is"), Column::Text("Would be")];
    table("What would be different", &columns, &rows)
}

#[cfg(test)]
mod tests {
    use chandlery_package::plan::example::workload;

    use super::*;

    #[test]
    fn what_a_plan_says_stays_text() {
        let mut workload = workload();
        workload.command = vec!["<script>alert(1)</script>".into()];
        let plan = Plan { workloads: vec![workload], notes: vec!["<img src=x>".into()] };
        let shown = in_words(&plan).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<img"), "{shown}");
    }
}
