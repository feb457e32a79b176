//! Archives of folders, and those that somebody made to do harm.

use std::io::{Cursor, Write as _};

use chandlery_package::Manifest;
use chandlery_package::component::MANIFEST_SECTION;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const BARE: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const TOML: &str = "name = \"acme:ocr\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"OCR\"\n\
                    description = \"Reads pictures.\"\nlicense = \"Apache-2.0\"\n\n[parameters.port]\ntype = \"integer\"\n";

/// A component that says that it carries a manifest, which nobody reads here.
fn component(manifest: &str) -> Vec<u8> {
    let name = MANIFEST_SECTION.as_bytes();
    let content = [&[name.len() as u8], name, manifest.as_bytes()].concat();
    [BARE, &[0, content.len() as u8], &content].concat()
}

type File<'a> = (&'a str, &'a [u8]);

fn zip(files: &[File<'_>]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// One that is compressed as fast as possible.
fn tar_gz(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

fn entry(kind: EntryType, bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(0o644);
    header
}

fn packed(files: &[File<'_>]) -> Vec<u8> {
    tar_gz(|builder| {
        for (name, bytes) in files {
            let mut header = entry(EntryType::Regular, bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
    })
}

fn opened(bytes: &[u8]) -> Result<Unpacked, ArchiveError> {
    unpack(Format::of(bytes).unwrap(), bytes)
}

fn refused(bytes: &[u8]) -> String {
    opened(bytes).err().expect("it is refused").to_string()
}

fn built() -> Manifest {
    let (readme, changelog) = (Some("# OCR\n\nIt reads.\n".into()), Some("# 1.0.0\n".into()));
    Manifest { readme, changelog, ..Manifest::from_toml(TOML).unwrap() }
}

#[test]
fn the_one_component_is_found_with_the_folder_that_it_was_built_in() {
    let one = component("{}");
    let changed = TOML.replace("1.0.0", "1.0.1").replace("integer", "string");
    let files = [
        ("./README.md", &b"of all plugins"[..]),
        ("./ocr/chandlery.toml", changed.as_bytes()),
        ("./ocr/README.md", b"# OCR\n\nIt writes.\n"),
        ("./ocr/CHANGELOG.md", b"# 1.0.0\n"),
        ("./ocr/node_modules/other/README.md", b"of another"),
        ("./ocr/target/plugin.component.wasm", BARE),
        ("./ocr/target/deps/ocr.wasm", MODULE),
        ("./ocr/target/ocr.wasm", &one),
        ("./ocr/copy.wasm", &one),
    ];
    for archive in [zip(&files), packed(&files)] {
        let unpacked = opened(&archive).unwrap();
        assert_eq!((unpacked.path.as_str(), &unpacked.component), ("ocr/target/ocr.wasm", &one));
        let differences = [
            "chandlery.toml has other parameters: port",
            "chandlery.toml has version \"1.0.1\", and the component \"1.0.0\"",
            "README.md is another one from line 3 on",
        ];
        assert_eq!(unpacked.folder.differences(&built()), differences);
        let bare = Manifest { readme: None, changelog: None, ..Manifest::from_toml(&changed).unwrap() };
        let differences = ["README.md is not in the component", "CHANGELOG.md is not in the component"];
        assert_eq!(unpacked.folder.differences(&bare), differences);
    }
    // What was not changed differs in nothing, and neither does what is not there.
    let same = [("chandlery.toml", TOML.as_bytes()), ("CHANGELOG.md", b"# 1.0.0\n"), ("target/a.wasm", &one)];
    let alone = [("README.md", &b"of what is around"[..]), ("target/ocr.wasm", &one)];
    for archive in [zip(&same), packed(&same), zip(&alone), packed(&alone)] {
        assert_eq!(opened(&archive).unwrap().folder.differences(&built()), Vec::<String>::new());
    }
    let beside =
        [("a/README.md", &b"# OCR\n"[..]), ("a/chandlery.toml", b"\0\nname = \xff"), ("a/b.wasm", &one)];
    let differences = opened(&zip(&beside)).unwrap().folder.differences(&built());
    assert!(differences[0].starts_with("chandlery.toml cannot be read: "), "{differences:?}");
    assert_eq!(differences[1], "README.md is another one from line 2 on");
}

#[test]
fn no_component_or_several_are_refused_with_what_there_is() {
    let (one, other) = (component("{}"), component("[]"));
    let nested = zip(&[("ocr.wasm", &one)]);
    let many: Vec<String> = (0..15).map(|number| format!("{number}.wasm")).collect();
    let many: Vec<File<'_>> = many.iter().map(|name| (name.as_str(), MODULE)).collect();
    let cases: [(&[File<'_>], &[&str]); 6] = [
        (&[], &["run `chandlery build`", "In the archive there is nothing"]),
        (&[("a.rs", b"fn main() {}")], &["the registry builds nothing", "one file, which is no WebAssembly"]),
        (&[("a", b""), ("b", b"x")], &["no WebAssembly among its 2 files"]),
        (
            &[("a.wasm", MODULE), ("b.wasm", BARE), ("c.zip", &nested)],
            &[
                "a.wasm (a core module",
                "b.wasm (a component without a manifest",
                "c.zip (an archive, which is not",
            ],
        ),
        (&many, &["9.wasm (a core module", "and 5 more"]),
        (&[("a.wasm", &one), ("b/c.wasm", &other)], &["several components, a.wasm, b/c.wasm: leave one"]),
    ];
    for (files, says) in cases {
        for archive in [zip(files), packed(files)] {
            let said = refused(&archive);
            for part in says {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }
}

#[test]
fn what_unpacks_to_more_than_is_read_is_read_until_there() {
    let zeros = || io::repeat(0).take(UNPACKED_BYTES_MAX + 1);
    for kind in [EntryType::Regular, EntryType::GNULongName, EntryType::XHeader] {
        let archive = tar_gz(|builder| {
            let mut header = entry(kind, UNPACKED_BYTES_MAX + 1);
            header.set_path("zeros").unwrap();
            header.set_cksum();
            builder.append(&header, zeros()).unwrap();
        });
        assert!(archive.len() < 4 << 20, "{kind:?}: {} bytes", archive.len());
        assert!(matches!(opened(&archive), Err(ArchiveError::Large)), "{kind:?}");
    }
    // Of a zip nothing is unpacked but what may be a component, and of that no more than one may have.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, head) in [("zeros", &b""[..]), ("large.wasm", BARE)] {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(head).unwrap();
        io::copy(&mut io::repeat(0).take(COMPONENT_BYTES_MAX as u64), &mut writer).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    assert!(archive.len() < 1 << 20, "{} bytes", archive.len());
    assert_eq!(refused(&archive), "the component large.wasm has more than 64 MiB");
}

#[test]
fn very_many_sections_are_not_looked_at_and_no_file_after_a_second_component() {
    let (one, other) = (component("{}"), component("[]"));
    let late = [BARE, &b"\0\x01\0".repeat(20_000), &one[BARE.len()..]].concat();
    assert!(refused(&zip(&[("a.wasm", &late)])).contains("a.wasm (a component without a manifest"));
    let mut found = Found::default();
    found.see("a.wasm", &mut &one[..]).unwrap();
    found.see("a copy.wasm", &mut &one[..]).unwrap();
    assert!(matches!(found.see("b.wasm", &mut &other[..]), Err(ArchiveError::ManyComponents(..))));
}

#[test]
fn more_entries_than_anybody_packs_are_refused() {
    let names: Vec<String> = (0..=ENTRIES_MAX).map(|number| number.to_string()).collect();
    let files: Vec<File<'_>> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    for archive in [zip(&files), packed(&files)] {
        assert!(matches!(opened(&archive), Err(ArchiveError::Entries)));
    }
}

#[test]
fn what_is_no_file_is_passed_over() {
    let one = component("{}");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_symlink("ocr/chandlery.toml", "/etc/passwd", options).unwrap();
    writer.add_directory("ocr/README.md", options).unwrap();
    writer.start_file("../../ocr/ocr.wasm", options).unwrap();
    writer.write_all(&one).unwrap();
    let zipped = writer.finish().unwrap().into_inner();
    let tarred = tar_gz(|builder| {
        let kinds =
            [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo, EntryType::Directory];
        for kind in kinds {
            let mut header = entry(kind, 0);
            header.set_path("ocr/chandlery.toml").unwrap();
            header.set_cksum();
            builder.append(&header, io::empty()).unwrap();
        }
        // It would be as large as it says, however little is there.
        let mut sparse = entry(EntryType::GNUSparse, 0);
        sparse.set_path("ocr/README.md").unwrap();
        sparse.as_gnu_mut().unwrap().realsize = *b"77777777777\0";
        sparse.set_cksum();
        builder.append(&sparse, io::empty()).unwrap();
        builder.append_pax_extensions([("path", &b"../../ocr/ocr.wasm"[..])]).unwrap();
        let mut header = entry(EntryType::Regular, one.len() as u64);
        header.set_cksum();
        builder.append(&header, &one[..]).unwrap();
    });
    for archive in [zipped, tarred] {
        let unpacked = opened(&archive).unwrap();
        assert_eq!((unpacked.path.as_str(), &unpacked.component), ("../../ocr/ocr.wasm", &one));
        assert!(unpacked.folder.differences(&built()).is_empty());
    }
}

#[test]
fn a_long_name_is_read_and_an_absurd_one_harms_nothing() {
    let one = component("{}");
    let folder = "folder/".repeat(30);
    let name = format!("{folder}ocr.wasm");
    let unpacked = opened(&packed(&[(&name, &one)])).unwrap();
    assert_eq!(unpacked.path, name);
    let absurd = format!("{}\0{}", "a/".repeat(9_000), "b".repeat(60_000));
    let tarred = tar_gz(|builder| {
        let mut header = entry(EntryType::GNULongName, absurd.len() as u64);
        header.set_cksum();
        builder.append(&header, absurd.as_bytes()).unwrap();
        let mut header = entry(EntryType::Regular, one.len() as u64);
        header.set_cksum();
        builder.append(&header, &one[..]).unwrap();
    });
    for archive in [tarred, zip(&[(&absurd[20_000..], &one)])] {
        let path = opened(&archive).unwrap().path;
        assert!(path.chars().count() <= 301 && !path.contains('\0'), "{path}");
    }
}

#[test]
fn what_is_damaged_or_in_another_form_says_so() {
    let one = component("{}");
    let stored = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file("ocr.wasm", options).unwrap();
        writer.write_all(&one).unwrap();
        let mut archive = writer.finish().unwrap().into_inner();
        change(&mut archive);
        archive
    };
    let at = |archive: &[u8], part: &[u8]| archive.windows(part.len()).position(|four| four == part).unwrap();
    assert!(opened(&stored(&|_| {})).is_ok());
    // Its content is another than its list says, and it is compressed in a way that is not read.
    let other_content = stored(&|archive| {
        let last = at(archive, b"{}");
        archive[last] = b'[';
    });
    let other_method = stored(&|archive| {
        let listed = at(archive, b"PK\x01\x02");
        archive[8] = 12;
        archive[listed + 10] = 12;
    });
    let long = [b"PK\x03\x04PK\x06\x07".to_vec(), vec![0; 16], b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
    let many = [b"PK\x05\x06".to_vec(), vec![0; 18]].concat().repeat(101);
    let no_tar = {
        let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
        writer.write_all(&[b'x'; 2_000]).unwrap();
        writer.finish().unwrap()
    };
    for archive in [other_content, other_method, long, many, no_tar, b"PK\x03\x04".to_vec(), vec![0x1f, 0x8b]]
    {
        let said = refused(&archive);
        assert!(said.starts_with("the archive cannot be read: "), "{said}");
    }
    // Wherever an archive breaks off, it is refused or read, and nothing else.
    for whole in [zip(&[("ocr.wasm", &one), ("README.md", b"x")]), packed(&[("ocr.wasm", &one)])] {
        for end in 0..whole.len() {
            let _ = read_archive(&whole[..end]);
        }
        assert_eq!(read_archive(&whole), Ok(()));
    }
    assert!(read_archive(b"\0asm").is_err());
}
