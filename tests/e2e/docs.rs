//! The documents at `/docs`, as a visitor finds them: by the index, by a link, by a search, and by an address that has gone.

use crate::world::{Answer, World};

/// What a browser says that it wants.
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

fn visit(world: &World, path: &str) -> Answer {
    world.send("GET", path, None, &[BROWSER], "")
}

fn page(world: &World, path: &str) -> String {
    let answer = visit(world, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    answer.text()
}

#[test]
fn a_visitor_finds_what_to_do_and_where_it_stands() {
    let world = World::start();

    // From any page to the index, and from there to a document of each kind.
    assert!(page(&world, "/pricing").contains("<a href=\"/docs\">Docs</a>"));
    let index = page(&world, "/docs");
    for part in [
        "aria-current=\"page\">Docs<",
        "/docs/tutorials/publish",
        "/docs/targets",
        "/docs/errors",
        "/api/v1/docs",
    ] {
        assert!(index.contains(part), "{part}: {index}");
    }

    // A document has its contents, links to others as pages, and its neighbours.
    let tutorial = page(&world, "/docs/tutorials/publish");
    for part in [
        "<h1 id=\"publish-a-plugin\">",
        "<a href=\"#add-a-parameter\">",
        "<h2 id=\"add-a-parameter\">",
        "href=\"/docs/plugins#three-worlds\"",
        "rel=\"next\" href=\"/docs/tutorials/deploy\"",
        "chandlery publish",
    ] {
        assert!(tutorial.contains(part), "{part}: {tutorial}");
    }
    assert!(!tutorial.contains(".md\"") && !tutorial.contains("rel=\"prev\""), "{tutorial}");

    // A search leads to the section, with the words marked.
    let found = page(&world, "/docs/search?q=install+rules");
    assert!(found.contains("href=\"/docs/plugins#install-rules\"") && found.contains("<mark>"), "{found}");
    let nothing = page(&world, "/docs/search?q=xyzzy%3Cb%3E");
    for part in ["Nothing was found", "fewer words", "value=\"xyzzy&lt;b&gt;\"", "href=\"/docs\""] {
        assert!(nothing.contains(part), "{part}: {nothing}");
    }
    assert!(page(&world, "/docs/search").contains("Nothing is searched for yet"));

    // What is not there says so, and leads back.
    let gone = visit(&world, "/docs/how-to/sell_things");
    assert_eq!(gone.status, 404);
    for part in ["No such document", "href=\"/docs\"", "href=\"/docs/search?q=how+to+sell+things\""] {
        assert!(gone.text().contains(part), "{part}: {}", gone.text());
    }

    // Search engines are told of each document, and editors of the schema.
    let map = visit(&world, "/sitemap.xml").text();
    for path in ["/docs", "/docs/tutorials/get-paid", "/docs/reference/commands/hosts"] {
        assert!(map.contains(&format!("<loc>{}{path}</loc>", world.origin())), "{path}: {map}");
    }
    let schema = visit(&world, "/schemas/chandlery.toml.json");
    assert_eq!((schema.status, schema.header("content-type")), (200, "application/schema+json"));
    assert_eq!(schema.json()["title"], "chandlery.toml");
}

#[test]
fn a_new_plugin_names_the_schema_of_its_registry() {
    let world = World::start();
    let acme = world.publisher("acme");
    let folder = acme.path("hello");
    acme.text(&["new", "acme:hello", "--lang", "python", "--folder", folder.to_str().unwrap()]);
    let manifest = std::fs::read_to_string(folder.join("chandlery.toml")).unwrap();
    let url = manifest.lines().next().unwrap().strip_prefix("#:schema ").unwrap();
    assert_eq!(visit(&world, url).json()["title"], "chandlery.toml");
}
