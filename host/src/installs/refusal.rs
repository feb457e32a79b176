//! How a registry says why it refuses.

use chandlery_package::problem::Problem;
use serde::Deserialize;

/// Why a registry refuses, in its own words: those of its API, or those beside an error of OCI's.
pub(super) fn refusal(bytes: &[u8]) -> Option<Problem> {
    #[derive(Deserialize)]
    struct Refused {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        detail: Problem,
    }
    let of_oci = || serde_json::from_slice::<Refused>(bytes).ok()?.errors.into_iter().next();
    serde_json::from_slice(bytes).ok().or_else(|| of_oci().map(|one| one.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_either_form() {
        let problem =
            r#"{"type":"order-needed","title":"Costs something","status":402,"detail":"not ordered"}"#;
        let of_oci =
            format!(r#"{{"errors":[{{"code":"DENIED","message":"not ordered","detail":{problem}}}]}}"#);
        for text in [problem, &of_oci] {
            assert_eq!(refusal(text.as_bytes()).unwrap().r#type, "order-needed");
        }
        for text in ["", "{}", r#"{"errors":[]}"#, r#"{"errors":[{"code":"DENIED"}]}"#] {
            assert!(refusal(text.as_bytes()).is_none(), "{text}");
        }
    }
}
