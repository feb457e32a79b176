//! Each way to name something leads to the file that defines it: on a small workspace of two crates.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use chandlery_tidy::Workspace;

const LOW: &str = "
    pub struct Thing;
    pub struct Other;
    pub fn value() -> u8 { 1 }
    #[macro_export]
    macro_rules! made { () => {} }
";

/// What a file of the first crate, `one/src/user.rs`, refers to when it says this.
fn found(user: &str) -> BTreeSet<String> {
    edges(&[("one/src/user.rs", user)], "one/src/user.rs")
}

/// What a file of a workspace with these files beside the usual ones refers to.
fn edges(files: &[(&str, &str)], from: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nmembers = [\"one\", \"two\"]");
    write("one/Cargo.toml", "[package]\nname = \"fixture-one\"");
    write("two/Cargo.toml", "[package]\nname = \"fixture-two\"\n[dependencies]\nfixture-one = \"1\"");
    write("one/src/lib.rs", "pub mod low; mod named; mod all; mod user; mod folder; pub use low::Thing;");
    write("one/src/low.rs", LOW);
    write("one/src/named.rs", "pub use crate::low::Thing; pub use crate::low as deep;");
    write("one/src/all.rs", "pub use crate::low::*;");
    write("one/src/user.rs", "");
    write("one/src/folder.rs", "mod child; mod sibling; pub fn above() {} pub struct Word;");
    write("one/src/folder/child.rs", "");
    write("one/src/folder/sibling.rs", "pub fn beside() {}");
    write("two/src/lib.rs", "");
    for (path, text) in files {
        write(path, text);
    }
    let workspace = Workspace::read(Path::new(folder.path())).unwrap();
    let file = |index: usize| workspace.files[index].path.clone();
    let edges = workspace.edges().into_iter().filter(|edge| file(edge.from) == from);
    edges.map(|edge| file(edge.to)).collect()
}

fn low() -> BTreeSet<String> {
    BTreeSet::from(["one/src/low.rs".to_owned()])
}

#[test]
fn a_re_export_leads_to_what_it_exports() {
    assert_eq!(found("use crate::named::Thing;"), low());
    assert_eq!(found("fn f() { let _ = crate::Thing; }"), low());
    assert_eq!(found("use crate::named::deep::value;"), low());
}

#[test]
fn what_is_exported_with_all_of_its_module_is_found() {
    assert_eq!(found("use crate::all::Other;"), low());
    assert_eq!(found("use crate::all::*; fn f(_: Other) {}"), low());
}

#[test]
fn a_path_in_what_a_macro_is_given_is_read_and_so_is_the_macro() {
    assert_eq!(found("fn f() { println!(\"{}\", crate::low::value()); }"), low());
    assert_eq!(found("fn f() { crate::made!(); }"), low());
    assert_eq!(
        found(
            "#[derive(Debug)] #[serde(with = \"crate::low\")] struct X(#[serde(with = \"crate::low::value\")] u8);"
        ),
        low()
    );
}

#[test]
fn super_is_the_module_around() {
    let child = "one/src/folder/child.rs";
    let refers = |text: &str| edges(&[(child, text)], child);
    assert_eq!(refers("use super::super::low::Thing;"), low());
    let sibling = BTreeSet::from(["one/src/folder/sibling.rs".to_owned()]);
    assert_eq!(refers("fn f() { super::sibling::beside() }"), sibling);
    assert_eq!(refers("mod inner { fn f() { super::super::sibling::beside() } }"), sibling);
    // The function of the module around it counts, its types do not.
    assert_eq!(refers("fn f() { super::above() }"), BTreeSet::from(["one/src/folder.rs".to_owned()]));
    assert_eq!(refers("use super::Word;"), BTreeSet::new());
}

#[test]
fn another_name_is_the_same_thing() {
    assert_eq!(found("use crate::low as deep; fn f() { deep::value(); }"), low());
    assert_eq!(found("use crate::low::{Thing as It, self as there}; fn f(_: It) { there::value(); }"), low());
    assert_eq!(found("use crate::named::Thing as It; fn f(_: It) {}"), low());
}

#[test]
fn another_crate_is_read_through_its_re_exports() {
    let two = "two/src/lib.rs";
    assert_eq!(edges(&[(two, "use fixture_one::Thing;")], two), low());
    assert_eq!(edges(&[(two, "use fixture_one as one; fn f() { one::low::value(); }")], two), low());
    assert_eq!(edges(&[(two, "fn f() { fixture_one::made!(); }")], two), low());
}

#[test]
fn what_is_no_reference_is_none() {
    for nothing in [
        "use std::fmt::Debug;",
        "fn f() { let low = 1; let _ = low; }",
        "fn f<Thing>(_: Thing) {}",
        "#[cfg(test)] mod tests { use crate::low::Thing; }",
        "// crate::low::Thing\nconst TEXT: &str = \"crate::low::Thing\";",
    ] {
        assert_eq!(found(nothing), BTreeSet::new(), "{nothing}");
    }
}
