//! A picture of every page in every way it is looked at, for people to look through: `make screenshots`.

use std::fmt::Write as _;
use std::fs;

use super::look::{LOOKS, Viewer};
use super::market::Market;
use crate::process::workspace;

/// What pictures stand on; it is for whoever looks, and no server's.
const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Pages</title><style>body{font:15px system-ui;margin:2rem}\
                    div{display:flex;gap:1rem;align-items:start;overflow-x:auto}img{border:1px solid #999;height:24rem}</style>\
                    <h1>Pages</h1>\n";

#[test]
#[ignore = "it makes pictures for people: make screenshots"]
fn every_page_is_pictured() {
    let folder = workspace().join("target/screenshots");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let market = Market::open("");
    let viewer = Viewer::of(&market);
    let mut pages: Vec<(String, Vec<String>)> = Vec::new();
    viewer.each(
        |_, _| true,
        |(index, page), (_, look)| {
            let scheme = if look.is_dark { "dark" } else { "light" };
            let name = format!("{index:03}-{}-{scheme}.png", look.width);
            fs::write(folder.join(&name), viewer.browser.picture()).unwrap();
            if pages.len() == index {
                pages.push((format!("{:?} at {}{}", page.who, page.route, page.query), Vec::new()));
            }
            pages[index].1.push(name);
        },
    );
    let mut html = HEAD.to_owned();
    for (title, names) in &pages {
        writeln!(html, "<h2>{}</h2><div>", title.replace('&', "&amp;")).unwrap();
        for name in names {
            writeln!(html, "<a href={name}><img src={name} alt={name} loading=lazy></a>").unwrap();
        }
        html.push_str("</div>\n");
    }
    fs::write(folder.join("index.html"), html).unwrap();
    println!("{} pictures: {}", pages.len() * LOOKS.len(), folder.join("index.html").display());
}
