//! What authors of plugins send: components, manifests and plans.

use chandlery_package::component::MANIFEST_SECTION;
use chandlery_package::plan::{EnvValue, EnvVar, Runtime, Volume, VolumeKind, Workload};
use serde_json::{Value, json};

use super::{Case, case};
use crate::documents::{self, EMPTY, doubled, manifest_with, section, with_manifest, with_section};

pub fn all() -> Vec<Case> {
    components()
        .into_iter()
        .chain(archives())
        .chain(schemas())
        .chain(manifests())
        .chain(lines())
        .chain(plans())
        .collect()
}

/// A component in a component, so many levels deep.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(EMPTY.to_vec(), |inner, _| [EMPTY, &section(4, &inner)].concat())
}

/// A type in a type, so many levels deep: of components or of instances.
fn nested_types(kind: u8, levels: usize) -> Vec<u8> {
    let mut types = vec![1];
    types.extend([kind, 1, 1].repeat(levels));
    types.extend([kind, 0]);
    [EMPTY, &section(7, &types)].concat()
}

fn archives() -> Vec<Case> {
    const UNREADABLE: &str = "cannot be read";
    let whole = with_manifest(EMPTY.to_vec(), &documents::manifest());
    let other = with_section(whole.clone(), "a", b"");
    let [zip, tar_gz] = documents::archives().try_into().unwrap();
    let inside = documents::zip(&[("a.wasm", &whole)]);
    [
        ("nothing", Vec::new(), "no archive"),
        ("a component by itself", whole.clone(), "no archive"),
        ("a zip of no files", documents::zip(&[]), "holds no component"),
        ("a component that lacks its manifest", documents::tar_gz(&[("a", EMPTY)]), "without a manifest"),
        ("a zip in a zip", documents::zip(&[("a.zip", &inside)]), "not opened"),
        ("two components", documents::tar_gz(&[("a", &whole), ("b", &other)]), "several components"),
        ("a zip without its list", zip[..zip.len() - 22].to_vec(), UNREADABLE),
        ("half of a .tar.gz", tar_gz[..tar_gz.len() / 2].to_vec(), UNREADABLE),
        ("the end of a zip, 200 times", zip[zip.len() - 22..].repeat(200), UNREADABLE),
    ]
    .map(|(name, bytes, says)| case("archive of a folder", name, bytes, says))
    .into()
}

fn components() -> Vec<Case> {
    const INVALID: &str = "not a valid Wasm component";
    let manifest = documents::manifest();
    let whole = with_manifest(EMPTY.to_vec(), &manifest);
    let ended = |end: &[u8]| [EMPTY, end].concat();
    let sections = |count: usize| (0..count).fold(EMPTY.to_vec(), |bytes, _| with_section(bytes, "a", b""));
    let manifest_of = |bytes: &[u8]| with_section(EMPTY.to_vec(), MANIFEST_SECTION, bytes);
    let to_come = with_manifest(EMPTY.to_vec(), &manifest_with("contract", json!("9.0.0")));
    [
        ("nothing", Vec::new(), INVALID),
        ("half of a header", EMPTY[..5].to_vec(), INVALID),
        ("the header of a core module", b"\0asm\x01\0\0\0".to_vec(), "core Wasm module"),
        ("a layer of no standard", b"\0asm\x0d\0\x02\0".to_vec(), INVALID),
        ("no manifest", EMPTY.to_vec(), "carries no manifest"),
        ("5,000 sections and no manifest", sections(5_000), "carries no manifest"),
        ("two manifests", with_manifest(whole.clone(), &manifest), "more than one manifest"),
        ("a manifest in a component within", ended(&section(4, &whole)), "carries no manifest"),
        ("a manifest of two MiB", manifest_of(&[b' '].repeat(2 << 20)), "longer than"),
        ("a manifest that is no text", manifest_of(&[0xff; 9]), "cannot be read"),
        ("a contract to come", to_come, "contract 9.0.0"),
        ("components 11 levels deep", nested(11), "deeper than 10 levels"),
        ("components 60 levels deep", nested(60), ""),
        ("types of components 150 levels deep", nested_types(0x41, 150), ""),
        ("types of instances 150 levels deep", nested_types(0x42, 150), ""),
        ("a section longer than the file", ended(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f]), INVALID),
        ("a length of six bytes", ended(&[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), INVALID),
        ("a billion types", ended(&section(7, &[0x80, 0x94, 0xeb, 0xdc, 3])), INVALID),
        ("a section of no kind", ended(&section(99, b"")), INVALID),
        ("a section's name that is no text", ended(&section(0, &[2, 0xc3, 0x28])), INVALID),
        ("bytes after its end", [&whole[..], b"\0"].concat(), INVALID),
    ]
    .map(|(name, bytes, says)| case("component", name, bytes, says))
    .into()
}

/// Parameters whose schema would cost whoever checks values by it.
fn schemas() -> Vec<Case> {
    let schema =
        |name: &str, schema: Value, says| (format!("a schema with {name}"), json!({ "x": schema }), says);
    let deep = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "not": inner }));
    let patterns = |count: usize| json!({ "allOf": vec![json!({ "pattern": "a" }); count] });
    let many: Value = (0..201_u32).map(|at| (at.to_string(), json!({}))).collect();
    [
        ("definitions doubled 14 times".to_owned(), doubled(14), "parts"),
        ("definitions doubled 45 times".to_owned(), doubled(45), "levels deep"),
        ("definitions doubled 2,000 times".to_owned(), doubled(2_000), "levels deep"),
        ("201 parameters".to_owned(), many, "at most 200"),
        schema("a reference to itself", json!({ "$ref": "#/properties/x" }), "leads back to itself"),
        schema("a reference to all", json!({ "not": { "$ref": "#" } }), "leads back to itself"),
        schema("a reference to a file", json!({ "$ref": "file:///etc/passwd" }), "leads to nothing"),
        schema(
            "a reference to the network",
            json!({ "$ref": "http://169.254.169.254/" }),
            "leads to nothing",
        ),
        schema("a name of its own", json!({ "$id": "https://a.example/" }), "do not need"),
        schema("100 levels", deep(100), "levels deep"),
        schema("101 patterns", patterns(101), "patterns"),
        schema("a pattern that looks back", json!({ "pattern": "(a)\\1" }), "not a JSON Schema"),
        schema("a pattern of many MiB", json!({ "pattern": "^(a{1000}){1000}$" }), "not a JSON Schema"),
        schema("no such type", json!({ "type": "whole number" }), "not a JSON Schema"),
        schema("a text in place of a schema", json!("string"), "not a JSON Schema"),
    ]
    .map(|(name, parameters, says)| {
        let mut manifest = manifest_with("parameters", parameters);
        manifest["required"] = json!([]);
        case("manifest in JSON", &name, manifest.to_string(), says)
    })
    .into()
}

fn manifests() -> Vec<Case> {
    let fields = [
        ("name", json!("acme:../../x"), "cannot be read"),
        ("version", json!("1.0.0+dirty"), "build metadata"),
        ("version", json!("99999999999999999999.0.0"), "cannot be read"),
        ("kind", json!("oracle"), "cannot be read"),
        ("title", json!("a".repeat(201)), "longer than 200"),
        ("title", json!("\u{1b}]0;owned\u{7}"), "control character"),
        ("description", json!("a".repeat(2_001)), "longer than 2000"),
        ("license", json!(""), "control character, or is empty"),
        ("authors", json!(vec!["a"; 51]), "at most 50"),
        ("keywords", json!(vec!["a"; 10_000]), "at most 50"),
        ("readme", json!("a".repeat((64 << 10) + 1)), "longer than 65536"),
        ("permissions", json!(["http:a.example"]), "cannot have the permission"),
        ("permissions", json!(["root"]), "is no permission"),
        ("required", json!(["x"]), "does not describe"),
        ("parameters", json!([]), "cannot be read"),
        ("mood", json!("good"), "unknown field"),
    ];
    let whole = documents::manifest().to_string();
    let texts = [
        ("JSON of 100,000 lists", "[".repeat(100_000), "cannot be read"),
        ("a field twice", whole.replacen('{', "{\"title\":\"one\",", 1), "duplicate field"),
        ("half a character", whole.replacen("OCR", "\\ud800", 1), "cannot be read"),
        ("a number beyond numbers", whole.replacen("9003", "1e999", 1), "cannot be read"),
        ("more after its end", whole.repeat(2), "cannot be read"),
    ];
    let of_fields = fields.map(|(field, value, says)| {
        let name: String = format!("{field}: {value}").chars().take(60).collect();
        case("manifest in JSON", &name, manifest_with(field, value).to_string(), says)
    });
    let of_texts = texts.map(|(name, text, says)| case("manifest in JSON", name, text, says));
    of_fields.into_iter().chain(of_texts).collect()
}

fn lines() -> Vec<Case> {
    let toml = documents::MANIFEST;
    let with = |line: &str| format!("{toml}\n[parameters.x]\n{line}\n");
    [
        ("a key of 50,000 parts", with(&format!("a{} = 1", ".a".repeat(50_000)))),
        ("a list of 50,000 levels", with(&format!("default = {}", "[".repeat(50_000)))),
        ("a table of 50,000 levels", with(&format!("default = {}", "{a=".repeat(50_000)))),
        ("a head of 50,000 parts", format!("{toml}\n[parameters.a{}]\n", ".a".repeat(50_000))),
        ("a field twice", format!("title = \"one\"\n{toml}")),
        ("a control character", with("title = \"\u{7}\"")),
        ("a text that does not end", with("title = '''")),
    ]
    .map(|(name, text)| case("manifest in TOML", name, text, "cannot be read"))
    .into()
}

fn plans() -> Vec<Case> {
    type Change = fn(&mut Workload);
    fn volume(mount: &str, kind: VolumeKind) -> Volume {
        Volume { name: "x".into(), mount: mount.into(), kind, read_only: false }
    }
    let changes: [(&str, &'static str, Change); 14] = [
        ("a name that is an option", "not a DNS label", |it| it.name = "--rm".into()),
        ("a name with an escape", "not a DNS label", |it| it.name = "\u{1b}[31m".into()),
        ("an image that is an option", "is not one of the form", |it| {
            it.runtime = Runtime::Container("--privileged".into());
        }),
        ("an image that is a file", "is not one of the form", |it| {
            it.runtime = Runtime::Container("oci-archive:/x".into());
        }),
        ("an option of pip", "by PEP 508", |it| it.runtime = Runtime::Python(vec!["--log=/x".into()])),
        ("a package in a folder", "by PEP 508", |it| {
            it.runtime = Runtime::Python(vec!["x @ file:///etc".into()]);
        }),
        ("a volume outside", "not a DNS label", |it| {
            it.volumes.push(Volume { name: "../../x".into(), ..volume("/x", VolumeKind::Scratch) });
        }),
        ("two mounts in one", "is not an absolute path", |it| {
            it.volumes.push(volume("/x,/:/host", VolumeKind::Scratch));
        }),
        ("the system's own folder", "has its system", |it| {
            it.volumes.push(volume("/proc/1", VolumeKind::Scratch));
        }),
        ("a claim that is a path", "not a name of DNS labels", |it| {
            it.volumes.push(volume("/x", VolumeKind::Shared("../x".into())));
        }),
        ("a word that ends early", "holds a NUL", |it| it.command.push("a\0b".into())),
        ("501 words", "at most 500", |it| it.command = vec!["a".into(); 501]),
        ("a variable that is a command", "no unique name", |it| {
            it.env.push(EnvVar { name: "A;rm".into(), value: EnvValue::Text(String::new()) });
        }),
        ("four billion replicas", "allowed are", |it| it.scale.replicas_max = u32::MAX),
    ];
    let one = documents::plan(|_| {});
    let with = |field: &str, value: Value| {
        let mut plan = one.clone();
        plan["workloads"][0][field] = value;
        plan
    };
    let many = |count: usize| json!({ "workloads": vec![one["workloads"][0].clone(); count], "notes": [] });
    let port = json!([{ "name": "a", "number": 65_536, "protocol": "tcp" }]);
    let others = [
        ("no workloads", many(0), "no workloads"),
        ("a workload twice", many(2), "not unique"),
        ("51 workloads", many(51), "at most 50"),
        ("a time below zero", with("grace-seconds", json!(-1)), "invalid value"),
        ("a runtime to come", with("runtime", json!({ "vm": "x" })), "unknown variant"),
        ("two runtimes", with("runtime", json!({ "container": "a", "python": [] })), ""),
        ("a port beyond ports", with("ports", port), "invalid value"),
    ];
    let changed =
        changes.map(|(name, says, change)| case("plan", name, documents::plan(change).to_string(), says));
    let others = others.map(|(name, plan, says)| case("plan", name, plan.to_string(), says));
    changed.into_iter().chain(others).collect()
}
