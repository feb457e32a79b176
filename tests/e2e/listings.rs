//! Listings: how the shop shows a plugin, as its publisher says by command, by API and on pages; and what nobody gets in by that.

use chandlery_package::Digest;
use serde_json::{Value, json};

use crate::images::{claimed, png, with_comment};
use crate::world::{Answer, Person, World, plugin};

const OCR: &str = "/plugins/acme/ocr-server";
const LISTING: &str = "/api/v1/plugins/acme/ocr-server/listing";
const EDIT: &str = "/publish/plugins/acme/ocr-server/listing";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const BROWSER: (&str, &str) = ("accept", "text/html");
const BOUNDARY: &str = "what-parts-the-parts";
/// What would end an attribute, an element or a script, were it written as it is.
const HOSTILE: &str = r#"</title></script>"'><script>alert(1)</script><img src=x onerror=alert(1)>"#;
const SCREENSHOTS_MAX: u32 = 6;

/// A publisher of a plugin, in a registry of its own.
fn publishing(world: &World) -> Person {
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme
}

fn put(world: &World, token: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    world.send("PUT", path, Some(token), &[JSON], body)
}

/// Where the API takes a screenshot, and what it shows.
fn place(image: &[u8], caption: &str) -> String {
    let caption: String = form_urlencoded::byte_serialize(caption.as_bytes()).collect();
    format!("{LISTING}/screenshots/{}?caption={caption}", Digest::of(image))
}

fn served(image: &[u8]) -> String {
    format!("/images/acme/ocr-server/{}", Digest::of(image))
}

fn page(world: &World, path: &str) -> String {
    let answer = world.send("GET", path, None, &[BROWSER], "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// Somebody on the registry's pages, without scripts.
struct Pages<'a> {
    world: &'a World,
    cookie: String,
}

impl<'a> Pages<'a> {
    fn of(world: &'a World, person: &Person) -> Self {
        Self { world, cookie: world.session(person) }
    }

    fn ask(&self, method: &str, path: &str, kind: (&str, &str), body: impl Into<Vec<u8>>) -> Answer {
        let origin = self.world.origin();
        let headers = [("cookie", self.cookie.as_str()), ("origin", origin.as_str()), BROWSER, kind];
        self.world.send(method, path, None, &headers, body)
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, FORM, body)
    }

    /// Sends a form with a caption, if there is one, and a file, as browsers do.
    fn upload(&self, path: &str, caption: Option<&str>, (field, file, image): (&str, &str, &[u8])) -> Answer {
        let caption = caption.map_or_else(String::new, |caption| {
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"caption\"\r\n\r\n{caption}\r\n")
        });
        let head = format!(
            "{caption}--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{file}\"\r\n\
             content-type: image/svg+xml\r\n\r\n"
        );
        let body = [head.as_bytes(), image, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
        self.ask("POST", path, ("content-type", &format!("multipart/form-data; boundary={BOUNDARY}")), body)
    }
}

#[test]
fn a_publisher_says_how_the_shop_shows_a_plugin_and_no_signature_covers_it() {
    let world = World::start();
    let acme = publishing(&world);
    let plain = page(&world, OCR);
    assert!(!plain.contains("From its publisher") && !plain.contains("og:image"), "{plain}");
    assert_eq!(acme.ok(&["listing", "show", "acme:ocr-server"])["screenshots"], json!([]));

    let (docs, help) = ("https://acme.example/docs?v=1", "help@acme.example");
    let home = ["--category", "vision", "--homepage", "https://acme.example", "--documentation", docs];
    acme.ok(&[&["listing", "set", "acme:ocr-server"], &home[..], &["--support", help]].concat());
    // What is not named stays, and what is removed goes.
    let said = acme.ok(&["listing", "set", "acme:ocr-server", "--remove", "homepage"]);
    assert_eq!(
        (&said["category"], &said["links"], &said["support"]),
        (&json!("vision"), &json!({ "documentation": docs }), &json!(help))
    );
    let (icon, one, two) = (png(64, 64), png(320, 200), png(200, 320));
    acme.ok(&["listing", "icon", "acme:ocr-server", &acme.file("icon.exe", &icon)]);
    for (image, caption) in [(&one, "A page"), (&two, "Its text"), (&one, "A page of text")] {
        let file = acme.file("shot.png", image);
        acme.ok(&["listing", "screenshot", "add", "acme:ocr-server", &file, "--caption", caption]);
    }
    let listing = world.send("GET", LISTING, None, &[], "").json();
    let shown: Vec<_> =
        listing["screenshots"].as_array().unwrap().iter().map(|one| &one["caption"]).collect();
    assert_eq!(shown, ["A page of text", "Its text"]);
    assert_eq!(
        listing["icon"],
        json!({ "digest": Digest::of(&icon), "media_type": "image/png", "bytes": icon.len(), "width": 64, "height": 64 })
    );

    let shown = page(&world, OCR);
    for part in [
        "no signature covers it".to_owned(),
        format!("<img class=\"icon\" src=\"{}\" alt=\"\" width=\"48\"", served(&icon)),
        format!(
            "<img src=\"{}\" alt=\"A page of text\" width=\"320\" height=\"200\" loading=\"lazy\">",
            served(&one)
        ),
        format!("<a href=\"{docs}\" rel=\"nofollow noopener noreferrer\">"),
        format!("href=\"mailto:{help}\""),
        format!("property=\"og:image\" content=\"{}{}\"", world.origin(), served(&one)),
    ] {
        assert!(shown.contains(&part), "{part}: {shown}");
    }
    let told = shown.split("<script type=\"application/ld+json\">").nth(1).unwrap();
    let told: Value = serde_json::from_str(told.split("</script>").next().unwrap()).unwrap();
    assert_eq!(told["image"], format!("{}{}", world.origin(), served(&icon)));
    assert_eq!(
        (&told["screenshot"][0]["caption"], &told["applicationSubCategory"]),
        (&json!("A page of text"), &json!("vision"))
    );

    // Search shows the icon, and is narrowed by the category, which stays in the address.
    let found = page(&world, "/search?q=ocr&category=vision");
    assert!(
        found.contains(&served(&icon)) && found.contains("<option value=\"vision\" selected>"),
        "{found}"
    );
    assert!(!page(&world, "/search?q=ocr&category=speech").contains(OCR));
    assert_eq!(world.get("/search?category=games", &[]).0, 400);
    assert_eq!(acme.ok(&["search", "--category", "vision"])["items"][0]["category"], "vision");
    assert_eq!(acme.ok(&["search", "--category", "data"])["items"], json!([]));

    // The trail has who did what, from what to what.
    let path = "/api/v1/audit?act=listing-changed&subject=acme:ocr-server";
    let trail = || world.operator().get(path)["items"].as_array().unwrap().clone();
    assert_eq!(trail().len(), 6, "{:?}", trail());
    let acts = trail();
    assert!(acts.iter().all(|entry| entry["actor"] == "acme"), "{acts:?}");
    assert_eq!(
        (&acts[5]["after"]["category"], &acts[0]["after"]["caption"]),
        (&json!("vision"), &json!("A page of text"))
    );
    assert_eq!(acts[0]["before"]["caption"], "A page");
    // What changes nothing is no act.
    acme.ok(&["listing", "set", "acme:ocr-server", "--category", "vision"]);
    assert_eq!(trail().len(), 6);
}

#[test]
fn an_image_is_served_as_what_it_is_and_as_nothing_else() {
    let world = World::start();
    let (acme, image) = (publishing(&world), png(64, 64));
    // A script that is an image, too: whatever a page says of it, it is served as the image.
    let both = with_comment(320, 200, "*/alert(document.domain)//<script>alert(1)</script>");
    let token = acme.token();
    assert_eq!(put(&world, &token, &format!("{LISTING}/icon"), &image[..]).status, 200);
    assert_eq!(put(&world, &token, &place(&both, "A script"), &both[..]).status, 200);
    for image in [&image, &both] {
        let answer = world.send("GET", &served(image), None, &[("accept", "text/html")], "");
        assert_eq!((answer.status, &answer.body), (200, image));
        for (header, value) in [
            ("content-type", "image/png"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), value, "{header}");
        }
    }
    // Only of the plugin that shows it.
    acme.publish(&crate::forge::described(&other_plugin()));
    let elsewhere = served(&image).replace("ocr-server", "other");
    assert_eq!(world.get(&elsewhere, &[]).0, 404);
    assert_eq!(world.get("/images/acme/ocr-server/sha256:%2e%2e%2f%2e%2e%2flog.key", &[]).0, 400);

    // Of what is private, members alone are shown it, and nobody keeps it for others.
    acme.ok(&["namespace", "visibility", "acme", "private"]);
    assert_eq!(world.get(&served(&image), &[]).0, 404);
    let answer = world.send("GET", &served(&image), Some(&token), &[], "");
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "private, max-age=31536000, immutable")
    );
}

fn other_plugin() -> chandlery_package::Manifest {
    let text = "name = \"acme:other\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Other\"\n\
                description = \"Another one.\"\nlicense = \"Apache-2.0\"\n";
    chandlery_package::Manifest::from_toml(text).unwrap()
}

/// The screenshots in the order in which the API tells them.
fn shown_order(world: &World) -> Vec<String> {
    let listing = world.send("GET", LISTING, None, &[], "").json();
    let shots = listing["screenshots"].as_array().unwrap();
    shots.iter().map(|shot| shot["image"]["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn screenshots_are_shown_in_the_order_that_their_publisher_gives() {
    let world = World::start();
    let acme = publishing(&world);
    let images = [png(320, 201), png(320, 202), png(320, 203)];
    for image in &images {
        assert_eq!(put(&world, &acme.token(), &place(image, "A page"), &image[..]).status, 200);
    }
    let [a, b, c] = images.map(|image| Digest::of(&image).to_string());
    assert_eq!(shown_order(&world), [a.clone(), b.clone(), c.clone()]);
    acme.ok(&["listing", "screenshot", "order", "acme:ocr-server", &c, &a, &b]);
    assert_eq!(shown_order(&world), [c.clone(), a.clone(), b.clone()]);

    let path = format!("{LISTING}/screenshots");
    for (order, status) in [
        (vec![&c, &a], 400),
        (vec![&c, &a, &b, &b], 400),
        (vec![&c, &a, &Digest::of(b"another").to_string()], 404),
    ] {
        let refused = put(&world, &acme.token(), &path, json!({ "order": order }).to_string());
        assert_eq!(refused.status, status, "{order:?}: {}", refused.text());
    }
    assert_eq!(shown_order(&world), [c, a, b], "what was refused has changed nothing");
}

#[test]
fn what_is_no_part_of_a_listing_is_refused_and_changes_nothing() {
    let world = World::start();
    let acme = publishing(&world);
    let token = acme.token();
    for said in [
        json!({ "category": "games" }),
        json!({ "links": { "homepage": "javascript:alert(1)" } }),
        json!({ "links": { "homepage": "http://acme.example" } }),
        json!({ "links": { "source": "https://acme.example/\"><script>" } }),
        json!({ "links": { "issues": "https://ann:secret@acme.example" } }),
        json!({ "links": { "twitter": "https://acme.example" } }),
        json!({ "support": "javascript:alert(1)" }),
        json!({ "support": "data:text/html,x@acme.example" }),
        json!({ "support": "a\u{0}@acme.example" }),
        json!({ "support": "x".repeat(100_000) }),
        json!({ "icon": "x" }),
    ] {
        let refused = put(&world, &token, LISTING, said.to_string());
        assert!([400, 422].contains(&refused.status), "{said}: {}", refused.text());
    }
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let image = png(64, 64);
    for (what, bytes, says) in [
        ("nothing", Vec::new(), "nothing was sent"),
        ("a drawing that runs scripts", svg, "is none"),
        ("a GIF", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "is none"),
        ("a page", b"<!doctype html><script>alert(1)</script>".to_vec(), "is none"),
        ("an image and an archive", [&image[..], b"PK\x05\x06\0\0\0\0"].concat(), "does not end"),
        ("half an image", image[..image.len() / 2].to_vec(), "does not end"),
        ("very many pixels", claimed(u32::MAX, u32::MAX), "pixels"),
        ("one pixel too many", claimed(1025, 1), "1 to 1024"),
        ("no pixels", claimed(0, 0), "pixels"),
    ] {
        let refused = put(&world, &token, &format!("{LISTING}/icon"), bytes);
        assert!(refused.status == 400 && refused.text().contains(says), "{what}: {}", refused.text());
    }
    let large = vec![0xff; (256 << 10) + 1];
    let refused = put(&world, &token, &format!("{LISTING}/icon"), large);
    assert_eq!((refused.status, refused.json()["type"].clone()), (413, json!("too-large")));

    let other = png(32, 32);
    let refused = put(&world, &token, &place(&other, "Another"), &image[..]);
    assert!(refused.status == 400 && refused.text().contains("and not sha256:"), "{}", refused.text());
    for caption in ["", "\n", "two\nlines", "\u{202e}gpj.exe", "a\u{0}", &"x".repeat(201)] {
        assert_eq!(put(&world, &token, &place(&image, caption), &image[..]).status, 400, "{caption:?}");
    }
    let bare = place(&image, "x").split('?').next().unwrap().to_owned();
    assert_eq!(put(&world, &token, &bare, &image[..]).status, 400);
    // Of a plugin that is not there nothing is shown.
    assert_eq!(put(&world, &token, "/api/v1/plugins/acme/none/listing", "{}").status, 404);
    assert_eq!(world.get("/api/v1/plugins/acme/none/listing", &[]).0, 404);
    assert_eq!(world.send("DELETE", &bare, Some(&token), &[], "").status, 404);
    assert!(world.stores.texts("select plugin from listings").is_empty());
    assert!(world.stores.texts("select plugin from listing_images").is_empty());

    for number in 1..=SCREENSHOTS_MAX {
        let image = png(320, 200 + number);
        assert_eq!(put(&world, &token, &place(&image, "One of six"), &image[..]).status, 200, "{number}");
    }
    let refused = put(&world, &token, &place(&image, "Too many"), &image[..]);
    assert!(refused.status == 409 && refused.text().contains("remove one first"), "{}", refused.text());
}

#[test]
fn nobody_changes_the_listing_of_another_or_with_a_token_for_something_else() {
    let world = World::start();
    let (acme, mallory) = (publishing(&world), world.publisher("mallory"));
    let viewer = world.person("viewer");
    viewer.register();
    acme.ok(&["namespace", "invite", "acme", "viewer", "--role", "viewer"]);
    viewer.ok(&["namespace", "accept", "acme"]);
    let made =
        |scope: &[&str]| acme.ok(&[&["tokens", "new"], scope].concat())["token"].as_str().unwrap().to_owned();
    let (read, other) = (made(&["read"]), made(&["publish", "acme:other"]));
    let own = made(&["publish", "acme:ocr-server"]);
    let image = png(64, 64);
    let (icon, shot) = (format!("{LISTING}/icon"), place(&image, "A page"));
    let bare = shot.split('?').next().unwrap().to_owned();
    let caption = json!({ "caption": "Mine" }).to_string();
    let acts: [(&str, String, Vec<u8>); 6] = [
        ("PUT", LISTING.into(), b"{}".to_vec()),
        ("PUT", icon.clone(), image.clone()),
        ("PUT", shot.clone(), image.clone()),
        ("PUT", format!("{bare}/caption"), caption.into_bytes()),
        ("DELETE", bare.clone(), Vec::new()),
        ("DELETE", icon.clone(), Vec::new()),
    ];
    for token in [&mallory.token(), &viewer.token(), &read, &other] {
        for (method, path, body) in &acts {
            let answer = world.send(method, path, Some(token), &[JSON], body.clone());
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        }
    }
    for (method, path, body) in &acts {
        assert_eq!(world.send(method, path, None, &[JSON], body.clone()).status, 401, "{method} {path}");
        let answer = world.send(method, path, Some(&own), &[JSON], body.clone());
        assert!([200, 204].contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    for person in [&mallory, &viewer] {
        let pages = Pages::of(&world, person);
        assert_eq!(pages.ask("GET", EDIT, FORM, "").status, 403);
        assert_eq!(pages.post(EDIT, &[("category", "data")]).status, 403);
        assert_eq!(pages.upload(&format!("{EDIT}/icon"), None, ("icon", "a.png", &image)).status, 403);
        let removal = format!("{EDIT}/screenshots/{}", Digest::of(&image));
        assert_eq!(pages.post(&removal, &[("act", "remove")]).status, 403);
    }

    // An operator takes away what does harm, and puts nothing in its place.
    let operator = world.operator();
    acme.ok(&["listing", "icon", "acme:ocr-server", &acme.file("icon.png", &image)]);
    assert_eq!(put(&world, &operator.token(), &icon, &image[..]).status, 403);
    operator.ok(&["listing", "icon", "acme:ocr-server", "--remove"]);
    assert_eq!(world.get(&served(&image), &[]).0, 404);
}

#[test]
fn what_no_listing_has_any_more_is_not_kept() {
    let world = World::start();
    let acme = publishing(&world);
    let operator = world.operator();
    let kept =
        || world.stores.texts("select cast(bytes as text) from namespaces where name = 'acme'")[0].clone();
    let collected = || {
        let path = "/api/v1/garbage?older_than_seconds=0";
        let answer = world.send("POST", path, Some(&operator.token()), &[JSON], "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["contents"].as_u64().unwrap()
    };
    collected();
    let before = kept();
    let (first, second, shot) = (png(64, 64), png(32, 32), png(320, 200));
    for icon in [&first, &second] {
        acme.ok(&["listing", "icon", "acme:ocr-server", &acme.file("icon.png", icon)]);
    }
    // The same content twice is one content, and kept as long as one of both is.
    for image in [&shot, &second] {
        let file = acme.file("shot.png", image);
        acme.ok(&["listing", "screenshot", "add", "acme:ocr-server", &file, "--caption", "A page"]);
    }
    let bytes: usize = before.parse().unwrap();
    assert_eq!(kept(), (bytes + 2 * second.len() + shot.len()).to_string());
    assert_eq!((collected(), world.get(&served(&first), &[]).0), (1, 404));
    acme.ok(&["listing", "icon", "acme:ocr-server", "--remove"]);
    assert_eq!((collected(), world.get(&served(&second), &[]).0), (0, 200));
    for image in [&shot, &second] {
        acme.ok(&["listing", "screenshot", "remove", "acme:ocr-server", &Digest::of(image).to_string()]);
    }
    assert_eq!((collected(), kept()), (2, before));

    // While a plugin is looked into, it leads nowhere that its publisher chooses.
    acme.ok(&["listing", "set", "acme:ocr-server", "--homepage", "https://evil.example"]);
    acme.ok(&["listing", "icon", "acme:ocr-server", &acme.file("icon.png", &first)]);
    assert!(page(&world, OCR).contains("https://evil.example"));
    operator.ok(&["quarantine", "acme:ocr-server", "it lures people away"]);
    let shown = page(&world, OCR);
    assert!(!shown.contains("evil.example") && !shown.contains("/images/"), "{shown}");
}

#[test]
fn a_listing_is_edited_on_its_page_and_each_fault_stands_beside_its_field() {
    let world = World::start();
    let acme = publishing(&world);
    let pages = Pages::of(&world, &acme);
    let show = || pages.ask("GET", EDIT, FORM, "").text();
    let manage = pages.ask("GET", "/publish/plugins/acme/ocr-server", FORM, "").text();
    assert!(manage.contains(EDIT), "{manage}");

    let wrong = [
        ("category", "vision"),
        ("homepage", "https://acme.example"),
        ("source", "javascript:alert(1)"),
        ("support", HOSTILE),
    ];
    let refused = pages.post(EDIT, &wrong);
    let text = refused.text();
    assert_eq!(refused.status, 400, "{text}");
    for part in [
        "value=\"https://acme.example\"",
        "value=\"javascript:alert(1)\"",
        "<option value=\"vision\" selected>",
        "id=\"source-fault\"",
        "id=\"support-fault\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("id=\"homepage-fault\"") && !text.contains("<script>"), "{text}");
    assert_eq!(world.send("GET", LISTING, None, &[], "").json()["links"], json!({}));
    let right =
        [("category", "vision"), ("homepage", "https://acme.example"), ("support", "help@acme.example")];
    assert_eq!(pages.post(EDIT, &right).status, 303);
    assert!(show().contains("value=\"help@acme.example\""));
    assert_eq!(pages.post(EDIT, &[]).status, 303);
    assert_eq!(world.send("GET", LISTING, None, &[], "").json()["category"], json!(null));

    let (icon, shots) = (png(64, 64), format!("{EDIT}/screenshots"));
    let refused = pages.upload(&format!("{EDIT}/icon"), None, ("icon", "icon.png", b"<svg/>"));
    assert!(refused.status == 400 && refused.text().contains("id=\"icon-fault\""), "{}", refused.text());
    let large = vec![0xff; 300 << 10];
    let refused = pages.upload(&format!("{EDIT}/icon"), None, ("icon", "icon.png", &large));
    assert!(refused.status == 400 && refused.text().contains("at most 256"), "{}", refused.text());
    assert_eq!(pages.post(&format!("{EDIT}/icon"), &[("icon", "x")]).status, 400);
    // What the browser calls the file and its type says nothing.
    let sent = pages.upload(&format!("{EDIT}/icon"), None, ("icon", "<script>.svg", &icon));
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert!(show().contains(&served(&icon)));

    // What was written of a screenshot is kept where its file is refused, and both faults are told at once.
    let refused = pages.upload(&shots, Some(HOSTILE), ("screenshot", "a.png", b"<svg/>"));
    let text = refused.text();
    assert!(refused.status == 400 && text.contains("id=\"screenshot-fault\""), "{text}");
    assert!(text.contains("value=\"&lt;/title&gt;") && !text.contains("<script>"), "{text}");
    let refused = pages.upload(&shots, Some(" "), ("screenshot", "a.png", b"")).text();
    assert!(
        refused.contains("id=\"caption-fault\"") && refused.contains("id=\"screenshot-fault\""),
        "{refused}"
    );
    let images: Vec<Vec<u8>> = (1..=SCREENSHOTS_MAX).map(|number| png(320, 200 + number)).collect();
    for image in &images {
        let sent = pages.upload(&shots, Some(HOSTILE), ("screenshot", "a.png", image));
        assert_eq!(sent.status, 303, "{}", sent.text());
    }
    assert!(!show().contains(&format!("action=\"{shots}\"")), "there is no place for another one");
    let refused = pages.upload(&shots, Some("More"), ("screenshot", "a.png", &png(10, 10)));
    assert!(refused.status == 409 && refused.text().contains("remove one first"), "{}", refused.text());
    for text in [show(), page(&world, OCR)] {
        for part in ["<script>alert", "<img src=x", "javascript:"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }

    let first = format!("{shots}/{}", Digest::of(&images[0]));
    assert_eq!(pages.post(&first, &[("act", "caption"), ("caption", "A page of text")]).status, 303);
    assert!(page(&world, OCR).contains("alt=\"A page of text\""));
    for (fields, status) in [
        (&[("act", "caption"), ("caption", "two\nlines")][..], 400),
        (&[("act", HOSTILE)], 400),
        (&[("act", "remove")], 303),
        (&[("act", "remove")], 404),
    ] {
        let answer = pages.post(&first, fields);
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text());
    }
    assert_eq!(pages.post(&format!("{EDIT}/icon/removal"), &[]).status, 303);
    assert!(!show().contains(&served(&icon)));

    // The first has nothing before it, and the last nothing behind it.
    assert_eq!(show().matches("value=\"up\"").count(), SCREENSHOTS_MAX as usize - 2);
    let third = format!("{shots}/{}", Digest::of(&images[2]));
    assert_eq!(pages.post(&third, &[("act", "up")]).status, 303);
    assert_eq!(shown_order(&world)[..2], [2, 1].map(|at| Digest::of(&images[at]).to_string()));
    assert_eq!(pages.post(&third, &[("act", "down")]).status, 303);
    assert_eq!(shown_order(&world)[..2], [1, 2].map(|at| Digest::of(&images[at]).to_string()));
}
