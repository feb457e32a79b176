//! The shop, as a visitor enters it: without an account, and then with one.

use std::collections::{BTreeSet, VecDeque};

use chandlery_package::Manifest;
use serde_json::{Value, json};

use crate::forge;
use crate::world::{Answer, Person, World, as_version, plugin, until};

const OCR: &str = "/plugins/acme/ocr-server";
/// What a browser says that it wants.
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PASSWORD: &str = "correct horse battery";
/// What would end an attribute, an element or a script, were it written as it is.
const HOSTILE: &str = r#"</title></script>"'><script>alert(1)</script><img src=x onerror=alert(1)>"#;

fn visit(world: &World, path: &str) -> Answer {
    world.send("GET", path, None, &[BROWSER], "")
}

/// A page that is there, as its visitor's browser gets it.
fn page(world: &World, path: &str, cookie: Option<&str>) -> String {
    let headers: Vec<(&str, &str)> =
        [BROWSER].into_iter().chain(cookie.map(|cookie| ("cookie", cookie))).collect();
    let answer = world.send("GET", path, None, &headers, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// The paths of this site that a page links to.
fn links(page: &str) -> BTreeSet<String> {
    let found = page.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
    let own = found.filter(|link| link.starts_with('/') && !link.starts_with("//"));
    own.map(|link| link.replace("&amp;", "&")).collect()
}

/// What a page says of itself as JSON-LD.
fn told(page: &str) -> Value {
    let text = page.split("<script type=\"application/ld+json\">").nth(1).unwrap();
    serde_json::from_str(text.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn a_visitor_finds_a_plugin_and_every_link_leads_somewhere() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    acme.ok(&["deprecate", "acme:ocr-server@1.0.0", "use the next one"]);
    acme.ok(&["orders", "price", "acme:ocr-server", "9.00 USD"]);
    world.operator().ok(&["certify", "acme:ocr-server"]);

    let home = page(&world, "/", None);
    for part in ["action=\"/search\"", "/register", "/login", OCR, "certified", "9.00 USD once"] {
        assert!(home.contains(part), "{part}: {home}");
    }
    for (query, is_found) in [
        ("q=ocr", true),
        ("q=ocr&kind=template&certified=true&price=once&publisher=acme&order=new", true),
        ("q=&kind=&publisher=&price=&order=", true),
        ("q=ocr&kind=policy", false),
        ("q=ocr&price=free", false),
        ("price_max=9.00+USD&licence=Apache-2.0&asks=nothing", true),
        ("price_max=8.99+USD", false),
        ("licence=MIT", false),
        ("publisher=globex", false),
    ] {
        let found = page(&world, &format!("/search?{query}"), None);
        assert_eq!(found.contains(OCR), is_found, "{query}");
    }
    assert!(page(&world, "/search", None).contains("<option value=\"Apache-2.0\">Apache-2.0 (1)</option>"));
    for query in ["kind=none", "asks=none", "price_max=much"] {
        assert_eq!(visit(&world, &format!("/search?{query}")).status, 400, "{query}");
    }
    assert_eq!(visit(&world, "/search?after=none").status, 400);

    let shown = page(&world, OCR, None);
    for part in [
        "chandlery install acme:ocr-server",
        "9.00 USD once",
        "What it may do",
        "cosign verify --key acme.pub",
        "/log/tile/entries/",
        "1.0.1",
        "deprecated",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let about = told(&shown);
    assert_eq!(
        (&about["@type"], &about["softwareVersion"]),
        (&json!("SoftwareApplication"), &json!("1.0.1"))
    );
    assert_eq!(about["offers"]["price"], "9.00");
    assert!(shown.contains(&format!("property=\"og:url\" content=\"{}{OCR}\"", world.origin())), "{shown}");
    let compared = page(&world, &format!("{OCR}/compare"), None);
    assert!(compared.contains("1.0.0 to 1.0.1") && compared.contains("The same."), "{compared}");
    let back = page(&world, &format!("{OCR}/compare?from=1.0.1&to=1.0.0"), None);
    assert!(back.contains("1.0.1 to 1.0.0") && back.contains("<option value=\"1.0.1\" selected>"), "{back}");
    assert_eq!(visit(&world, &format!("{OCR}/compare?to=9.9.9")).status, 404);
    assert_eq!(visit(&world, &format!("{OCR}/compare?to=new")).status, 400);
    let release = page(&world, &format!("{OCR}/releases/1.0.0"), None);
    assert!(release.contains("use the next one") && release.contains("What the log says"), "{release}");

    let mut waiting: VecDeque<String> = VecDeque::from(["/".to_owned(), "/robots.txt".into()]);
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop_front() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = visit(&world, &path);
        // Whoever reports something has an account.
        let is_for_accounts = path.contains("/report") && answer.header("location").starts_with("/login?");
        assert!(answer.status == 200 || is_for_accounts, "{path}: {}", answer.status);
        let is_page = answer.header("content-type").starts_with("text/html");
        if is_page && !path.starts_with("/api/") {
            waiting.extend(links(&answer.text()));
        }
    }
    let report = format!("{OCR}/report");
    for path in [
        OCR,
        report.as_str(),
        "/publishers/acme",
        "/pricing",
        "/terms",
        "/consultants",
        "/register",
        "/feeds/releases.xml",
        "/feeds/advisories.xml",
    ] {
        assert!(seen.contains(path), "nothing links to {path}: {seen:?}");
    }

    let of_plugin = format!("{OCR}/releases.xml");
    for (path, media_type) in [
        ("/feeds/releases.xml", "application/atom+xml"),
        (of_plugin.as_str(), "application/atom+xml"),
        ("/sitemap.xml", "application/xml"),
    ] {
        let answer = visit(&world, path);
        assert!(answer.header("content-type").starts_with(media_type), "{path}");
        let text = answer.text();
        assert!(text.starts_with("<?xml") && text.contains(&format!("{}{OCR}", world.origin())), "{text}");
    }
    let robots = visit(&world, "/robots.txt").text();
    assert!(robots.contains(&format!("Sitemap: {}/sitemap.xml", world.origin())), "{robots}");
}

#[test]
fn what_publishers_and_visitors_write_stays_text() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    let text = "name = \"acme:trap\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Trap\"\n\
                description = \"Trap.\"\nlicense = \"Apache-2.0\"\n";
    let manifest = Manifest {
        title: HOSTILE.into(),
        description: HOSTILE.into(),
        authors: vec![HOSTILE.into()],
        gpus: vec![HOSTILE.into()],
        source: Some("javascript:alert(1)".into()),
        readme: Some(format!(
            "# Trap\n\n{HOSTILE}\n\n[go](javascript:alert(1)) [out](/logout) ![](https://elsewhere.example/x.png)"
        )),
        changelog: Some(HOSTILE.into()),
        ..Manifest::from_toml(text).unwrap()
    };
    acme.publish(&forge::described(&manifest));
    acme.ok(&["deprecate", "acme:trap@1.0.0", HOSTILE]);
    let searched: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        "/".to_owned(),
        "/plugins/acme/trap".into(),
        "/plugins/acme/trap/releases/1.0.0".into(),
        "/publishers/acme".into(),
        format!("/search?q={searched}"),
        format!("/search?gpu={searched}"),
        "/search?q=trap".into(),
        "/feeds/releases.xml".into(),
        "/plugins/acme/trap/releases.xml".into(),
        "/feeds/advisories.xml".into(),
        "/plugins/acme/trap/advisories.xml".into(),
        "/plugins/acme/trap/badge.svg".into(),
    ] {
        let answer = visit(&world, &path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let shown = answer.text();
        let acts = [
            "<script>",
            "<img src=x",
            "href=\"javascript",
            "href=\"/logout",
            "src=\"http",
            "elsewhere.example\"",
        ];
        for part in acts {
            assert!(!shown.contains(part), "{path} has {part}: {shown}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
    let shown = page(&world, "/plugins/acme/trap", None);
    assert_eq!(told(&shown)["name"], HOSTILE);
    assert!(shown.contains("<h3>Trap</h3>"), "{shown}");
    // What is refused is said in the words of who asked, and escaped.
    let refused = visit(&world, &format!("/search?order={searched}"));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("&lt;script&gt;") && !refused.text().contains("<script>"), "{refused:?}");
}

#[test]
fn a_visitor_sees_what_would_be_deployed_and_no_component_hurts_or_leaves() {
    const VLLM: &str = "/plugins/chandlery/vllm";
    const BAD: &str = "/plugins/mallory/hostile";
    let world = World::with_limits();
    world.vendor().publish(&plugin("vllm"));
    world.publisher("mallory").publish(&plugin("hostile"));
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["orders", "price", "acme:ocr-server", "9.00 USD"]);
    // The first plan of a component waits until it is compiled.
    let planned = |path: &str, says: &str| {
        until(says, || {
            let answer = visit(&world, path);
            let text = answer.text();
            (answer.status == 200 && text.contains(says)).then_some(text)
        })
    };

    // Whoever only looks makes nothing run.
    let looked = page(&world, VLLM, None);
    for part in ["name=\"set.model\"", "<select id=\"gpus\"", "src=\"/plan.js\"", "data-fresh"] {
        assert!(looked.contains(part), "{part}: {looked}");
    }
    let policy = visit(&world, VLLM).header("content-security-policy").to_owned();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let script = visit(&world, "/plan.js");
    assert!(
        script.status == 200 && script.header("content-type").starts_with("text/javascript"),
        "{script:?}"
    );

    let chosen = "gpus=2xh100&engine=kubernetes&price=2.50+USD&set.model=meta-llama%2FLlama-3.1-8B-Instruct\
                  &set.weights=fp8&set.context_tokens=";
    let fits = planned(&format!("{VLLM}?{chosen}"), "It fits");
    for part in [
        "1 × h100 for each replica",
        "vllm/vllm-openai:",
        "2.50 USD an hour, 1,800.00 USD in 30 days",
        "chandlery deploy vllm --target kubernetes --set=model=meta-llama/Llama-3.1-8B-Instruct --set=weights=fp8",
        // The address keeps what was chosen, and so does the form.
        "<option value=\"2xh100\" selected>",
        "<option value=\"fp8\" selected>",
        "value=\"meta-llama/Llama-3.1-8B-Instruct\"",
        "value=\"2.50 USD\"",
        "noindex",
    ] {
        assert!(fits.contains(part), "{part}: {fits}");
    }
    let alone = page(&world, &format!("{VLLM}/releases/1.0.0?{chosen}&fragment=plan"), None);
    assert!(alone.contains("It fits") && !alone.contains("<html") && !alone.contains("<form"), "{alone}");

    for (query, says) in [
        (
            "gpus=1xl4&set.model=meta-llama%2FLlama-3.3-70B-Instruct",
            "on each GPU weights 134571 MiB (layers 130563, embeddings and head 4008)",
        ),
        ("gpus=none&engine=local", "has no GPUs"),
        ("set.replicas=many", "'many' is no whole number"),
        ("set.replicas=0", "0 is less than the minimum of 1"),
        ("set.none=1", "there is no such parameter"),
    ] {
        let refused = page(&world, &format!("{VLLM}?{query}"), None);
        assert!(refused.contains("It does not fit.") && refused.contains(says), "{query}: {refused}");
    }
    assert_eq!(visit(&world, &format!("{VLLM}?gpus=9xh900")).status, 400);

    // Whoever chooses no target sees the first one that the plugin fits, from then on without a script, too.
    let first = planned(&format!("{OCR}?fragment=plan"), "It fits");
    assert!(first.contains("data-gpus=\"2xh100\" data-engine=\"local\""), "{first}");
    let looked = page(&world, OCR, None);
    for part in ["<option value=\"local\" selected>", "<option value=\"2xh100\" selected>", "It fits"] {
        assert!(looked.contains(part) && !looked.contains("data-fresh"), "{part}: {looked}");
    }
    let order = looked.find("/checkout/plugins/acme/ocr-server").unwrap();
    assert!(order < looked.find("chandlery install acme:ocr-server").unwrap(), "it stands by the price");

    // What costs something is planned for everybody, and pulled by nobody who has not paid.
    planned(&format!("{OCR}?engine=local"), "It fits: </strong>1 workload on no GPU");
    let record = world.send("GET", "/api/v1/plugins/acme/ocr-server/releases/1.0.0", None, &[], "").json();
    let blob = format!("/v2/acme/ocr-server/blobs/{}", record["component"].as_str().unwrap());
    assert_eq!(world.send("GET", &blob, None, &[], "").status, 401);

    let attack = |attack: &str| format!("{BAD}?engine=local&set.attack={attack}");
    for (name, says) in [
        ("endless-loop", "and was stopped"),
        ("eat-memory", "more than 64 MiB of memory"),
        ("huge-result", "answered with more than 4 MiB"),
    ] {
        let held = planned(&attack(name), says);
        assert!(held.contains("No plan: "), "{name}: {held}");
    }
    let asks = page(&world, BAD, None);
    assert!(
        asks.contains("(required)")
            && asks.contains("Fill in the parameters")
            && !asks.contains("data-fresh"),
        "{asks}"
    );
    planned(&attack("none"), "It fits");
    // A visitor has so many, and what was planned before is none of them.
    let refused = (0..300).find(|number| {
        page(&world, &attack(&format!("a{number}&fragment=plan")), None).contains("plans within a minute")
    });
    assert!(refused.is_some());
    planned(&attack("none"), "It fits");
    world.operator().ok(&["withdraw", "mallory:hostile@1.0.0", "it attacks its host"]);
    let withdrawn = page(&world, &attack("none"), None);
    assert!(
        withdrawn.contains("was withdrawn, and is not run")
            && !withdrawn.contains("It fits")
            && !withdrawn.contains("chandlery install"),
        "{withdrawn}"
    );
}

#[test]
fn what_is_private_is_shown_to_members_alone() {
    let world = World::with_limits();
    let acme = world.publisher("acme");
    acme.publish(&plugin("ocr-server"));
    acme.ok(&["namespace", "visibility", "acme", "private"]);
    let stranger = world.person("stranger");
    stranger.register();
    let (of_acme, of_stranger) = (world.session(&acme), world.session(&stranger));
    let asked = |path: &str, cookie: Option<&str>| {
        let headers: Vec<(&str, &str)> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        world.get(path, &headers)
    };
    for path in [
        OCR.to_owned(),
        format!("{OCR}/releases/1.0.0"),
        format!("{OCR}/compare"),
        format!("{OCR}?engine=local&fragment=plan"),
        format!("{OCR}/releases.xml"),
        format!("{OCR}/advisories.xml"),
        format!("{OCR}/badge.svg"),
        "/publishers/acme".into(),
    ] {
        assert_eq!(asked(&path, None).0, 404, "{path}");
        assert_eq!(asked(&path, Some(&of_stranger)).0, 404, "{path}");
        assert_eq!(asked(&path, Some(&of_acme)).0, 200, "{path}");
    }
    for path in ["/", "/search", "/search?publisher=acme", "/feeds/releases.xml", "/sitemap.xml"] {
        for cookie in [None, Some(of_stranger.as_str())] {
            let (status, text) = asked(path, cookie);
            assert_eq!((status, text.contains(OCR)), (200, false), "{path}");
        }
    }
    assert!(page(&world, "/search", Some(&of_acme)).contains(OCR));
}

/// Sends the form of the sign-up, as its page does.
fn sign_up(world: &World, name: &str, email: &str, password: &str) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("name", name)
        .append_pair("email", email)
        .append_pair("password", password)
        .finish();
    let origin = world.origin();
    world.send("POST", "/register", None, &[BROWSER, FORM, ("origin", origin.as_str())], body)
}

#[test]
fn whoever_signs_up_is_led_to_a_first_deployment() {
    let world = World::with_limits();
    for (name, email, password, status, said) in [
        ("Not A Name", "ann@example.org", PASSWORD, 400, "id=\"name-fault\""),
        ("ann", "nowhere", PASSWORD, 400, "id=\"email-fault\""),
        ("ann", "ann@example.org", "password", 400, "id=\"password-fault\""),
        ("globex", "ann@example.org", PASSWORD, 409, "id=\"name-fault\""),
    ] {
        let answer = sign_up(&world, name, email, password);
        let text = answer.text();
        assert_eq!(answer.status, status, "{name}: {text}");
        for part in [said.to_owned(), format!("value=\"{name}\""), format!("value=\"{email}\"")] {
            assert!(text.contains(&part), "{part}: {text}");
        }
        assert!(!text.contains(&format!("value=\"{password}\"")) && answer.header("set-cookie").is_empty());
    }
    // Nobody is signed up by another site.
    let foreign = [BROWSER, FORM, ("origin", "https://elsewhere.example")];
    assert_eq!(world.send("POST", "/register", None, &foreign, "name=ann").status, 403);

    let answer = sign_up(&world, "ann", "ann@example.org", PASSWORD);
    assert_eq!((answer.status, answer.header("location")), (303, "/welcome"), "{}", answer.text());
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let done = |cookie: &str| page(&world, "/welcome", Some(cookie)).matches(">done<").count();
    assert!(page(&world, "/welcome", Some(&cookie)).contains("chandlery install NAMESPACE:NAME"));
    assert_eq!(done(&cookie), 1, "the account is open");
    assert!(page(&world, "/account/email", Some(&cookie)).contains("ann@example.org"));
    for path in ["/dashboard", "/account", "/welcome"] {
        assert!(page(&world, "/", Some(&cookie)).contains(&format!("href=\"{path}\"")), "{path}");
    }
    let ann = Person { host: None, ..world.person("ann") };
    ann.login(PASSWORD);
    assert_eq!(done(&cookie), 2, "the command was used");
    world.stores.sql("update accounts set email = 'ann@example.org' where name = 'ann'");
    assert_eq!(done(&cookie), 3, "the address is verified");
    // The customer of this world has a host, which tells of what it has deployed, and has verified no address.
    let customer = world.customer();
    world.publisher("acme").publish(&plugin("errand"));
    let first = page(&world, "/welcome", Some(&cookie));
    assert!(first.contains("chandlery install acme:errand\nchandlery plan errand"), "what there is: {first}");
    world.vendor().publish(&plugin("vllm"));
    let first = page(&world, "/welcome", Some(&cookie));
    assert!(first.contains("chandlery install chandlery:vllm\nchandlery plan vllm"), "{first}");
    customer.ok(&["install", "acme:errand"]);
    customer.ok(&["deploy", "errand", "--no-wait", "--name", "one", "--set", "command=[\"sleep\", \"600\"]"]);
    let session = world.session(&customer);
    until("the host and its deployment are heard of", || (done(&session) == 5).then_some(()));
    assert_eq!(world.get("/welcome", &[]).0, 303);
}

#[test]
fn errors_are_pages_for_browsers_and_problems_for_programs() {
    let world = World::with_limits();
    let globex = world.session(&world.customer());
    for (path, cookie, status, said) in [
        ("/nowhere", None, 404, "there is no such page"),
        ("/logout", None, 405, "this address takes what a form sends, and shows nothing"),
        ("/plugins/acme/none", None, 404, "there is no plugin"),
        ("/plugins/Not%20A%20Name/none", None, 400, "Error 400"),
        ("/figures", Some(globex.as_str()), 403, "may not use the operator's console"),
    ] {
        let headers: Vec<(&str, &str)> =
            [BROWSER].into_iter().chain(cookie.map(|cookie| ("cookie", cookie))).collect();
        let answer = world.send("GET", path, None, &headers, "");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(
            answer.text().contains(said) && answer.text().contains("href=\"/\""),
            "{path}: {}",
            answer.text()
        );
        let headers: Vec<(&str, &str)> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        let answer = world.send("GET", path, None, &headers, "");
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.header("content-type").starts_with("text/html"), "{path}");
    }
    let answer = visit(&world, "/api/v1/plugins/acme/none/releases");
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[test]
fn the_guide_is_there_where_it_is_switched_on() {
    let mut world = World::with_limits();
    assert_eq!(visit(&world, "/styleguide").status, 404);
    world.restart_registry_with(&["--styleguide".to_owned()]);
    assert!(page(&world, "/styleguide", None).contains("Parts of pages"));
}
