//! What is kept from replicas. A browser sends the cookies of a machine to each of its ports, and keeps what any of them sets: a
//! replica must neither see a session of the registry's pages or of the host's, nor begin or end one.

use chandlery_package::Digest;
use chandlery_package::browser::{
    HOST_SESSION_COOKIE, SECURE_HOST_SESSION_COOKIE, SECURE_SESSION_COOKIE, SESSION_COOKIE,
};
use chandlery_package::wire::host::HOST_TOKEN_PREFIX;
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// The cookies of sessions with either server.
const SESSIONS: [&str; 4] =
    [SESSION_COOKIE, SECURE_SESSION_COOKIE, HOST_SESSION_COOKIE, SECURE_HOST_SESSION_COOKIE];
/// Makes a browser forget the cookies of all ports.
const FORGET: &str = "clear-site-data";

/// Takes the session and a token of the host out of a request; whatever else it carries is the replica's own affair.
pub(super) fn take_from_request(headers: &mut HeaderMap, host_token: Digest) {
    let cookies: Vec<HeaderValue> = headers.get_all(COOKIE).iter().filter_map(without_session).collect();
    put(headers, cookies, COOKIE);
    let opens_the_host = |value: &HeaderValue| {
        let mut words = value.as_bytes().split(u8::is_ascii_whitespace);
        words.any(|word| word.starts_with(HOST_TOKEN_PREFIX.as_bytes()) || Digest::of(word) == host_token)
    };
    if headers.get_all(AUTHORIZATION).iter().any(opens_the_host) {
        headers.remove(AUTHORIZATION);
    }
}

/// Takes out of an answer what would begin or end a session.
pub(super) fn take_from_answer(headers: &mut HeaderMap) {
    let set = headers.get_all(SET_COOKIE).iter();
    let cookies: Vec<HeaderValue> = set.filter(|value| !sets_session(value)).cloned().collect();
    put(headers, cookies, SET_COOKIE);
    headers.remove(FORGET);
}

fn put(headers: &mut HeaderMap, values: Vec<HeaderValue>, name: http::HeaderName) {
    headers.remove(&name);
    for value in values {
        headers.append(name.clone(), value);
    }
}

/// The cookies of a request that are none of a session; none: all of them were.
fn without_session(value: &HeaderValue) -> Option<HeaderValue> {
    let all = value.as_bytes().split(|byte| *byte == b';');
    let others: Vec<&[u8]> = all.filter(|pair| !is_session(pair)).collect();
    match others.join(&b';').trim_ascii() {
        [] => None,
        others => HeaderValue::from_bytes(others).ok(),
    }
}

fn sets_session(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b';').next().is_some_and(is_session)
}

/// Whether a cookie has the name of a session's, or none and a value that is sent as if it had.
fn is_session(pair: &[u8]) -> bool {
    let unnamed = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'=';
    let start = pair.iter().position(|byte| !unnamed(byte)).unwrap_or(pair.len());
    let name = pair[start..].split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
    SESSIONS.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "c0ffee";

    fn values(headers: &HeaderMap, name: http::HeaderName) -> Vec<&str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn a_replica_sees_its_own_cookies_alone() {
        let table: [(&[&'static str], &[&str]); 10] = [
            (&[], &[]),
            (&["theme=dark; lang=de"], &["theme=dark; lang=de"]),
            (&["chandlery_session=t"], &[]),
            (&["__Host-chandlery_session=t"], &[]),
            (&["theme=dark; chandlery_session=t; lang=de"], &["theme=dark; lang=de"]),
            (
                &["chandlery_session=t;theme=dark", "__host-Chandlery_Session = t", "lang=de"],
                &["theme=dark", "lang=de"],
            ),
            (&["chandlery_session"], &[]),
            (&["chandlery_host_session=t; a=b", "__Host-chandlery_host_session=t"], &["a=b"]),
            (&["=chandlery_session=t; a"], &["a"]),
            (
                &["my_chandlery_session=t; chandlery_session_2=t"],
                &["my_chandlery_session=t; chandlery_session_2=t"],
            ),
        ];
        for (sent, seen) in table {
            let mut headers = HeaderMap::new();
            for &value in sent {
                headers.append(COOKIE, HeaderValue::from_static(value));
            }
            take_from_request(&mut headers, Digest::of(TOKEN));
            assert_eq!(values(&headers, COOKIE), seen, "{sent:?}");
        }
    }

    #[test]
    fn a_replica_sees_its_own_tokens_alone() {
        for (sent, is_seen) in [
            ("Bearer c0ffee", false),
            ("bearer  c0ffee", false),
            ("c0ffee", false),
            ("Bearer c0ffee2", true),
            ("Bearer chandlery_host_0123", false),
            ("Bearer my_chandlery_host_0123", true),
            ("Basic YTpi", true),
        ] {
            let mut headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(sent))]);
            take_from_request(&mut headers, Digest::of(TOKEN));
            assert_eq!(headers.contains_key(AUTHORIZATION), is_seen, "{sent}");
        }
    }

    #[test]
    fn a_replica_sets_its_own_cookies_alone() {
        let mut headers = HeaderMap::new();
        for value in [
            "theme=dark; Path=/",
            "chandlery_session=t; Path=/; HttpOnly",
            "__Host-chandlery_session=; Max-Age=0",
            " Chandlery_Session =t",
            "=chandlery_session=t",
            " = __Host-chandlery_session=t",
            "lang=chandlery_session=t",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(value));
        }
        headers.append(FORGET, HeaderValue::from_static("\"cookies\""));
        take_from_answer(&mut headers);
        assert!(!headers.contains_key(FORGET));
        assert_eq!(values(&headers, SET_COOKIE), ["theme=dark; Path=/", "lang=chandlery_session=t"]);
    }
}
