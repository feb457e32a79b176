//! Kubernetes' amounts: `500m`, `16Gi`, `2`.

/// An amount in thousandths; none, where it is no amount.
///
/// Suffixes as in <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>, without exponents.
pub(super) fn thousandths(text: &str) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 14] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("m", 0),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("", 1),
    ];
    let (number, factor) =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || !digits(whole) || !digits(part) {
        return None;
    }
    if factor == 0 {
        return whole.parse().ok();
    }
    let part: i128 = format!("{part:0<3}")[..3].parse().ok()?;
    whole.parse::<i128>().ok()?.checked_mul(1000)?.checked_add(part)?.checked_mul(factor)
}

/// An amount of bytes in MiB.
pub(super) fn mib(text: &str) -> Option<i64> {
    i64::try_from(thousandths(text)? / 1000 / (1 << 20)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_writes_them() {
        for (text, amount) in [
            ("2", Some(2000)),
            ("500m", Some(500)),
            ("1.5", Some(1500)),
            ("16Gi", Some(16384 * (1 << 20) * 1000)),
            ("16384Mi", Some(16384 * (1 << 20) * 1000)),
            ("1k", Some(1_000_000)),
            ("", None),
            ("Gi", None),
            ("-1", None),
            ("1e3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(thousandths(text), amount, "{text}");
        }
        assert_eq!(mib("1048576Ki"), Some(1024));
    }
}
