//! An archive of a plugin's folder in the browser: the component in it becomes a draft, which tells whoever forgot to build it again.

use std::io::{Cursor, Write as _};

use chandlery_package::Manifest;

use crate::browser_publish::Pages;
use crate::chromium::Chromium;
use crate::forge;
use crate::world::World;

const TOML: &str = "name = \"acme:ocr\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"OCR\"\n\
                    description = \"Reads pictures.\"\nlicense = \"Apache-2.0\"\n";
const README: &str = "# OCR\n\nIt reads.\n";

type File<'a> = (&'a str, &'a [u8]);

fn zip(files: &[File<'_>]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_gz(files: &[File<'_>]) -> Vec<u8> {
    let compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(compressed);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn component() -> Vec<u8> {
    forge::described(&Manifest { readme: Some(README.into()), ..Manifest::from_toml(TOML).unwrap() })
}

#[test]
fn the_component_of_an_archive_becomes_a_draft() {
    let world = World::start();
    let acme = world.publisher("acme");
    let (pages, component) = (Pages::of(&world, &acme), component());
    let built: [File<'_>; 3] = [
        ("ocr/chandlery.toml", TOML.as_bytes()),
        ("ocr/README.md", README.as_bytes()),
        ("ocr/target/ocr.wasm", &component),
    ];
    for (file, archive) in [("ocr.zip", zip(&built)), ("ocr.tar.gz", tar_gz(&built)), ("ocr", zip(&built))] {
        let draft = pages.draft(file, &archive);
        let shown = pages.show(&draft);
        for part in ["Ready to publish.", "chandlery publish ocr.wasm", "ocr/target/ocr.wasm", "<h3>OCR</h3>"]
        {
            assert!(shown.contains(part), "{file}: {part}: {shown}");
        }
        assert!(!shown.contains("build again."), "{file}: {shown}");
        pages.done(&format!("{draft}/discard"), &[]);
    }

    // Whoever has changed the folder since, and not built again, is told in what.
    let text = TOML.replace("1.0.0", "1.0.1");
    let changed: [File<'_>; 3] = [
        ("ocr/chandlery.toml", text.as_bytes()),
        ("ocr/README.md", b"# OCR\n\nIt writes.\n"),
        ("ocr/target/ocr.wasm", &component),
    ];
    let shown = pages.show(&pages.draft("ocr.tgz", &tar_gz(&changed)));
    for part in [
        "The source has changed since this was built: build again.",
        "chandlery.toml has version",
        "README.md is another one from line 3 on",
        "Ready to publish.",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    // A browser does the same with the form.
    let browser = Chromium::start(&world.origin());
    browser.open("/login");
    browser.keep(&world.session(&acme));
    browser.open("/publish");
    browser.write("input[type=file]", &acme.file("ocr.zip", &zip(&built)));
    browser.click("form[enctype] button");
    browser.until_shows("h1", "Draft of acme:ocr@1.0.0");
}

#[test]
fn an_archive_without_just_one_component_is_refused_with_what_is_in_it() {
    let world = World::start();
    let acme = world.publisher("acme");
    let (pages, one) = (Pages::of(&world, &acme), component());
    let other = forge::described(&Manifest::from_toml(TOML).unwrap());
    let hostile = "<img src=x onerror=alert(1)>.wasm";
    for (archive, says) in [
        (zip(&[("ocr/src/lib.rs", b"")]), "run `chandlery build`"),
        (tar_gz(&[("ocr/src/lib.rs", b"")]), "the registry builds nothing"),
        (zip(&[("a.wasm", &one), ("b.wasm", &other)]), "several components, a.wasm, b.wasm"),
        (zip(&[(hostile, b"\0asm\x01\0\0\0")]), "onerror=alert(1)&gt;.wasm (a core module"),
        (zip(&[("ocr.zip", &zip(&[("ocr.wasm", &one)]))]), "ocr.zip (an archive, which is not opened)"),
        (b"PK\x03\x04 and no more".to_vec(), "the archive cannot be read"),
        (b"\x1f\x8b\x08 and no more".to_vec(), "the archive cannot be read"),
    ] {
        let refused = pages.upload("acme", "ocr.zip", &archive);
        let text = refused.text();
        assert!(refused.status == 400 && text.contains(says), "{says}: {}: {text}", refused.status);
        assert!(!text.contains("<img"), "{text}");
    }
    assert!(world.stores.texts("select id from drafts").is_empty(), "what was refused has no place");
}
