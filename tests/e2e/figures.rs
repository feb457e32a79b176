//! The figures of a market, from the command line and in the browser.

use serde_json::{Value, json};

use crate::world::{Person, World};

/// In February two plugins were sold, of which 15 % were kept; March has only begun.
pub fn tell_what_was_sold(world: &World, operator: &Person) {
    let all = operator.ok(&["figures"]);
    let [.., february, march] = all.as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!((&february["gmv"]["minor"], &february["to_date"]), (&json!(20_000), &Value::Null));
    assert!(march["to_date"].as_str().unwrap().starts_with("2026-03-01"), "{march}");
    let set = ["figures", "target", "set", "gmv", "2026-02"];
    for _ in 0..2 {
        operator.ok(&[&set[..], &["150.00 USD"]].concat());
    }
    assert_eq!(operator.refused(&[&set[..], &["3"]].concat()).0.r#type, "invalid");
    assert_eq!(operator.ok(&["figures", "target", "list"])[0]["difference"], "50.00 USD");
    let shown = operator.text(&["figures", "show", "2026-02"]);
    for says in ["GMV 200.00 USD; target 150.00 USD, difference 50.00 USD", "LTV none: no account has MRR"] {
        assert!(shown.contains(says), "{shown}");
    }
    let csv = operator.text(&["figures", "cohorts", "--csv"]);
    let says = "2026-02,2,2026-02,2,100.0 %,0.00 USD,\r\n2026-02,2,2026-03,0,0.0 %,0.00 USD,\r\n";
    assert!(csv.contains(says), "{csv}");
    for words in [&["figures"][..], &["figures", "cohorts"], &["figures", "target", "list"]] {
        let text = operator.text(words);
        let wide = text.lines().find(|line| !line.starts_with('·') && line.chars().count() > 80);
        assert_eq!(wide, None, "{text}");
    }
    for (page, says) in [
        ("/figures", "2026-03 to date (2026-03-01)"),
        ("/figures", "none: no account has MRR"),
        ("/figures/cohorts", "100.0 %"),
        ("/figures/2026-02", "30.00 USD"),
    ] {
        let answer = world.send("GET", page, Some(&operator.token()), &[], "");
        assert!(answer.text().contains(says), "{page}: {answer:?}");
    }
}
