//! What the texts of a plan may be. Engines use them as paths, flags and parts of a command, and a text with another meaning
//! there than here would be a way out of the plan: so each has a grammar, and nothing else passes.

/// The longest mount, in bytes.
const MOUNT_BYTES_MAX: usize = 255;
/// The longest name of a container image or of a Python requirement, in bytes.
const REFERENCE_BYTES_MAX: usize = 512;
/// The longest name of a volume that a target has: what Kubernetes allows for a claim.
const SUBDOMAIN_BYTES_MAX: usize = 253;

/// A DNS label: lower-case letters, digits and inner hyphens.
pub(super) fn label(what: &str, text: &str, bytes_max: usize) -> Result<(), String> {
    match is_label(text) && text.len() <= bytes_max {
        true => Ok(()),
        false => {
            Err(format!("{what} '{}' is not a DNS label of 1 to {bytes_max} characters", text.escape_debug()))
        }
    }
}

/// DNS labels with dots between them.
pub(super) fn subdomain(what: &str, text: &str) -> Result<(), String> {
    match text.split('.').all(is_label) && text.len() <= SUBDOMAIN_BYTES_MAX {
        true => Ok(()),
        false => Err(format!("{what} {text:?} is not a name of DNS labels with dots between them")),
    }
}

fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    inner && !text.starts_with('-') && !text.ends_with('-') && !text.is_empty()
}

/// An absolute path of plain names: no `..`, and none of the characters by which engines separate one mount from the next. Not
/// where the system of a container is.
pub(super) fn mount(text: &str) -> Result<(), String> {
    let names: Vec<_> = text.split('/').skip(1).collect();
    let is_plain = |name: &&str| {
        !matches!(*name, "" | "." | "..")
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if !text.starts_with('/') || !names.iter().all(is_plain) || text.len() > MOUNT_BYTES_MAX {
        return Err(format!(
            "the mount {text:?} is not an absolute path of at most {MOUNT_BYTES_MAX} letters, digits, '-', '_', '.' and '/'"
        ));
    }
    match names.as_slice() {
        ["dev", "shm", ..] => Ok(()),
        ["proc" | "sys" | "dev", ..] => {
            Err(format!("the mount {text:?} is where a container has its system"))
        }
        _ => Ok(()),
    }
}

/// A container image: `[REGISTRY[:PORT]/]NAME[/NAME…][:TAG][@DIGEST]`.
///
/// <https://pkg.go.dev/github.com/distribution/reference>
pub(super) fn image(text: &str) -> Result<(), String> {
    let refuse =
        || format!("the image {text:?} is not one of the form [REGISTRY/]NAME[:TAG][@sha256:DIGEST]");
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (text, None),
    };
    let (path, last) = match named.rsplit_once('/') {
        Some((path, last)) => (Some(path), last),
        None => (None, named),
    };
    let (last, tag) = match last.split_once(':') {
        Some((last, tag)) => (last, Some(tag)),
        None => (last, None),
    };
    let is_digest = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_tag = |tag: &str| {
        let starts = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let rest = tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        starts && rest && tag.len() <= 128
    };
    let mut path = path.into_iter().flat_map(|path| path.split('/'));
    let first = path.next().is_none_or(|first| is_image_name(first) || is_registry(first));
    let fits = text.len() <= REFERENCE_BYTES_MAX
        && first
        && path.all(is_image_name)
        && is_image_name(last)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    if fits { Ok(()) } else { Err(refuse()) }
}

fn is_image_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = text.chars().all(|c| ends(c) || matches!(c, '.' | '_' | '-'));
    inner && text.starts_with(ends) && text.ends_with(ends)
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_host_label = |label: &str| {
        let ends = |c: char| c.is_ascii_alphanumeric();
        label.starts_with(ends) && label.ends_with(ends) && label.chars().all(|c| ends(c) || c == '-')
    };
    host.split('.').all(is_host_label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// A Python requirement by PEP 508: a package's name first, so that no option of pip can be in its place.
///
/// <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>
pub(super) fn requirement(text: &str) -> Result<(), String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (name, rest) = text.split_at(text.find(|c| !is_of_name(c)).unwrap_or(text.len()));
    let ends = |c: char| c.is_ascii_alphanumeric();
    let named = name.starts_with(ends) && name.ends_with(ends);
    // What pip would read as a path or as an option begins otherwise, after the name just as before it.
    let follows =
        rest.is_empty() || rest.trim_start().starts_with(['[', '(', '<', '>', '=', '!', '~', ';', '@']);
    // Another URL could name a folder of the machine that it is installed on.
    let elsewhere =
        rest.trim_start().strip_prefix('@').is_some_and(|url| !url.trim_start().starts_with("https://"));
    let options = rest.split_whitespace().any(|word| word.starts_with('-'));
    let printable = text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    match named && follows && !elsewhere && !options && printable && text.len() <= REFERENCE_BYTES_MAX {
        true => Ok(()),
        false => {
            Err(format!("the Python requirement {text:?} is not one by PEP 508, such as \"vllm==0.6.3\""))
        }
    }
}

/// The path of a probe over HTTP.
pub(super) fn probe_path(text: &str) -> Result<(), String> {
    let printable = text.chars().all(|c| c.is_ascii_graphic());
    match text.starts_with('/') && printable && text.len() <= REFERENCE_BYTES_MAX {
        true => Ok(()),
        false => {
            Err(format!("its probe's path {text:?} does not begin with '/', or holds what no path does"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(check: impl Fn(&str) -> Result<(), String>, good: &[&str], bad: &[&str]) {
        good.iter().for_each(|text| assert_eq!(check(text), Ok(()), "{text:?}"));
        bad.iter().for_each(|text| assert!(check(text).is_err(), "{text:?}"));
    }

    #[test]
    fn a_mount_is_one_path_and_no_more() {
        let long = format!("/{}", "a".repeat(MOUNT_BYTES_MAX));
        all(
            mount,
            &["/models", "/root/.cache/huggingface", "/data/a-b_c.d", "/dev/shm"],
            &[
                "",
                "/",
                "models",
                "//",
                "/a//b",
                "/a/",
                "/./a",
                "/..",
                "/a/../b",
                "/x,/:/host",
                "/a:/b",
                "/a:ro",
                "/a b",
                "/a\nb",
                "/proc",
                "/proc/1",
                "/sys/fs",
                "/dev",
                "/dev/sda",
                "/ü",
                "~/x",
                "-v",
                &long,
            ],
        );
    }

    #[test]
    fn a_volume_of_a_target_has_a_name_and_no_path() {
        all(
            |text| subdomain("it", text),
            &["models", "team-a.models", "0"],
            &["", ".", "..", "../../x", "/tmp/x", "a/b", "a..b", ".a", "a.", "A", "a b", "-a", "a\0"],
        );
    }

    #[test]
    fn an_image_is_a_reference_and_no_option() {
        let digest = format!("vllm/vllm-openai@sha256:{}", "a".repeat(64));
        all(
            image,
            &[
                "busybox",
                "vllm/vllm-openai:v0.6.3",
                "ghcr.io/a/b:1",
                "localhost:5000/x",
                "LOCALHOST.example/x",
                &digest,
            ],
            &[
                "",
                "-v",
                "--privileged",
                "a b",
                "a:b:c",
                "a@sha256:0",
                "/a",
                "a/",
                "a//b",
                "A/B",
                "../x",
                "a:",
                "a:-x",
                "docker://x",
                "a\nb",
                "oci-archive:/tmp/x",
                "a:/b",
                "x:99999999/y",
                "a/b:5000/c",
            ],
        );
    }

    #[test]
    fn a_requirement_is_a_package_and_no_option() {
        all(
            requirement,
            &[
                "vllm",
                "vllm==0.6.3",
                "rapidocr_api >= 1.0, < 2",
                "torch[cuda]>=2; python_version >= '3.10'",
                "pip @ https://example.com/pip-1.whl",
            ],
            &[
                "",
                "-r",
                "--log=/tmp/x",
                "--index-url https://evil",
                "-rreq.txt",
                "./local",
                "/tmp/x",
                "../x",
                "vllm --index-url=https://evil",
                "vllm==1 --pre",
                "vllm\n--pre",
                "a b",
                "a\tb",
                "git+https://x",
                "vllm/",
                "x @ file:///etc",
                "x @ http://y/z.whl",
                "x@git+ssh://y",
                "x @",
            ],
        );
    }

    #[test]
    fn a_probe_asks_for_a_path() {
        all(probe_path, &["/", "/health?full=1"], &["", "health", "/a b", "/a\r\nHost: x", "//\0"]);
    }
}
