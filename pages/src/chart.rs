//! Charts as SVG: bars side by side over an axis, and a waterfall from what there was to what is left of it. Each shape has a title,
//! which browsers show where the pointer rests. A chart never stands alone: a table says the same in numbers.

use maud::{Markup, html};

/// The width of a chart, in units of its own.
const WIDTH: f64 = 960.0;
/// The height of what is drawn.
const HEIGHT: f64 = 200.0;
/// What is left free above it, and below for names.
const TOP: f64 = 12.0;
const FOOT: f64 = 28.0;
/// Where the axis begins: left of it stand its values.
const AXIS: f64 = 110.0;
/// How much of its place a bar takes.
const BAR: f64 = 0.7;
/// How many values an axis has about, and how many names there are below it at most.
const TICKS: i128 = 4;
const NAMES_MAX: usize = 14;

/// A part of a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How large it is, in whatever unit; below zero, it hangs from the axis.
    pub value: i64,
    /// What it says, such as `2026-11: 85.00 USD`.
    pub title: String,
}

/// A bar: parts upon each other, the first one at the axis. Up to two of them differ in colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What stands below it.
    pub name: String,
    /// From the axis on.
    pub parts: Vec<Part>,
}

/// A step of a waterfall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fall {
    /// What stands below it.
    pub name: String,
    /// What there is by then or, where it is no total, what is added to it.
    pub value: i64,
    /// Whether it is what there is by then.
    pub is_total: bool,
    /// What it says.
    pub title: String,
}

/// From which value to which one a chart goes.
#[derive(Debug, Clone, Copy)]
struct Scale {
    low: i64,
    high: i64,
}

impl Scale {
    /// One that shows zero and all of these.
    fn of(values: impl IntoIterator<Item = i64>) -> Self {
        let (low, high) = values
            .into_iter()
            .fold((0, 0), |(low, high): (i64, i64), value| (low.min(value), high.max(value)));
        Self { low, high: if low == high { 1 } else { high } }
    }

    fn y(self, value: i64) -> f64 {
        let span = self.high as f64 - self.low as f64;
        TOP + HEIGHT * (self.high as f64 - value as f64) / span
    }

    /// Round values within it, a step of 1, 2 or 5 times a power of ten apart.
    fn ticks(self) -> Vec<i64> {
        let (low, high) = (i128::from(self.low), i128::from(self.high));
        let least = ((high - low) / TICKS).max(1);
        let mut power = 1;
        while power * 10 <= least {
            power *= 10;
        }
        let factor = [1, 2, 5].into_iter().find(|factor| factor * power >= least).unwrap_or(10);
        let step = factor * power;
        let (first, last) = ((low / step) - 1, high / step);
        (first..=last)
            .map(|index| index * step)
            .filter(|tick| (low..=high).contains(tick))
            .filter_map(|tick| i64::try_from(tick).ok())
            .collect()
    }
}

/// The frame of a chart: its axis with values, as `written` writes them, and what is drawn.
fn frame(label: &str, scale: Scale, written: &dyn Fn(i64) -> String, drawn: &Markup) -> Markup {
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {}", TOP + HEIGHT + FOOT)) width="100%" role="img" aria-label=(label) {
            @for tick in scale.ticks() {
                @let y = scale.y(tick);
                line x1=(AXIS) x2=(WIDTH) y1=(y) y2=(y) {}
                text x=(AXIS - 8.0) y=(y + 4.0) text-anchor="end" { (written(tick)) }
            }
            (drawn)
            line.axis x1=(AXIS) x2=(WIDTH) y1=(scale.y(0)) y2=(scale.y(0)) {}
        }
    }
}

/// A rectangle between two values.
fn shape(class: &str, x: f64, width: f64, (one, other): (f64, f64), title: &str) -> Markup {
    html! {
        rect class=(class) x=(x) y=(one.min(other)) width=(width) height=((one - other).abs()) { title { (title) } }
    }
}

fn name(x: f64, text: &str) -> Markup {
    html! { text x=(x) y=(TOP + HEIGHT + 20.0) text-anchor="middle" { (text) } }
}

/// Bars side by side. `label` says what they show, for whoever does not see them; `written` writes a value of the axis.
pub fn bars(label: &str, bars: &[Bar], written: &dyn Fn(i64) -> String) -> Markup {
    let sums = bars.iter().flat_map(|bar| {
        let sum = |sign: i64| {
            let values = bar.parts.iter().map(|part| part.value).filter(|value| value.signum() == sign);
            values.fold(0_i64, i64::saturating_add)
        };
        [sum(1), sum(-1)]
    });
    let scale = Scale::of(sums);
    let place = (WIDTH - AXIS) / bars.len().max(1) as f64;
    let every = bars.len().div_ceil(NAMES_MAX).max(1);
    let drawn = html! {
        @for (index, bar) in bars.iter().enumerate() {
            @let x = AXIS + place * index as f64;
            (stack(bar, x + place * (1.0 - BAR) / 2.0, place * BAR, scale))
            @if index.is_multiple_of(every) { (name(x + place / 2.0, &bar.name)) }
        }
    };
    frame(label, scale, written, &drawn)
}

/// The parts of a bar, those above zero upwards and those below downwards.
fn stack(bar: &Bar, x: f64, width: f64, scale: Scale) -> Markup {
    let (mut up, mut down) = (0_i64, 0_i64);
    let mut shapes = Vec::new();
    for (index, part) in bar.parts.iter().enumerate() {
        let at = if part.value < 0 { &mut down } else { &mut up };
        let from = *at;
        *at = at.saturating_add(part.value);
        let class = if index == 0 { "net" } else { "rest" };
        shapes.push(shape(class, x, width, (scale.y(from), scale.y(*at)), &part.title));
    }
    html! { @for shape in &shapes { (shape) } }
}

/// From one sum to another: what is added or taken away hangs between them. `label` says what it shows, for whoever does not see it.
pub fn waterfall(label: &str, falls: &[Fall], written: &dyn Fn(i64) -> String) -> Markup {
    let mut by_then = 0_i64;
    let mut ends = Vec::new();
    for fall in falls {
        let from = if fall.is_total { 0 } else { by_then };
        by_then = from.saturating_add(fall.value);
        ends.push((from, by_then));
    }
    let scale = Scale::of(ends.iter().flat_map(|(from, to)| [*from, *to]));
    let place = (WIDTH - AXIS) / falls.len().max(1) as f64;
    let drawn = html! {
        @for (index, (fall, (from, to))) in falls.iter().zip(&ends).enumerate() {
            @let x = AXIS + place * index as f64;
            @let class = match (fall.is_total, fall.value < 0) { (true, _) => "net", (false, true) => "less", (false, false) => "rest" };
            (shape(class, x + place * (1.0 - BAR) / 2.0, place * BAR, (scale.y(*from), scale.y(*to)), &fall.title))
            (name(x + place / 2.0, &fall.name))
        }
    };
    frame(label, scale, written, &drawn)
}

/// What the two colours of bars stand for: that at the axis, and that upon it.
pub fn legend(first: &str, second: &str) -> Markup {
    html! { p.legend { span { (first) } span { (second) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_values_and_zero() {
        for (values, ticks) in [
            (vec![0, 8500], vec![0, 5000]),
            (vec![-100, 300], vec![-100, 0, 100, 200, 300]),
            (vec![], vec![0, 1]),
            (vec![-1], vec![-1, 0]),
            (vec![1_000], vec![0, 500, 1000]),
        ] {
            assert_eq!(Scale::of(values.clone()).ticks(), ticks, "{values:?}");
        }
        for extreme in [i64::MIN, i64::MAX] {
            let scale = Scale::of([extreme]);
            assert!(scale.ticks().contains(&0) && scale.ticks().len() < 8);
            assert!(scale.y(extreme).is_finite() && scale.y(0).is_finite());
        }
    }

    #[test]
    fn what_falls_hangs_between_what_there_was_and_what_is_left() {
        let fall = |value, is_total| Fall { name: "n".into(), value, is_total, title: format!("t{value}") };
        let drawn =
            waterfall("w", &[fall(100, true), fall(-40, false), fall(60, true)], &|tick| tick.to_string());
        let drawn = drawn.into_string();
        assert_eq!(drawn.matches("class=\"net\"").count(), 2);
        // 40 of 100 are 80 of 200 units high, from the top on.
        assert!(drawn.contains("y=\"12\"") && drawn.contains("height=\"80\"><title>t-40</title>"), "{drawn}");
    }

    #[test]
    fn parts_stand_upon_each_other_and_no_value_breaks_a_chart() {
        let part = |value| Part { value, title: value.to_string() };
        let bar =
            |values: &[i64]| Bar { name: "n".into(), parts: values.iter().copied().map(part).collect() };
        let drawn =
            bars("b", &[bar(&[60, 40]), bar(&[-50]), bar(&[])], &|tick| tick.to_string()).into_string();
        assert_eq!(drawn.matches("<rect").count(), 3);
        for values in [vec![], vec![bar(&[i64::MAX, i64::MAX])], vec![bar(&[0]); 400]] {
            let drawn = bars("b", &values, &|tick| tick.to_string()).into_string();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}
