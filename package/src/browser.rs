//! What both servers tell browsers, and the cookies of a session, which a browser sends to every port of a host.

/// The cookie of a session with a registry that browsers reach by plain HTTP.
pub const SESSION_COOKIE: &str = "chandlery_session";
/// The same of a registry that they reach by TLS: they take it from no other host, and never send it without TLS.
pub const SECURE_SESSION_COOKIE: &str = "__Host-chandlery_session";
/// The cookie of a session with a host that browsers reach by plain HTTP: another one, since a registry may be at another port.
pub const HOST_SESSION_COOKIE: &str = "chandlery_host_session";
/// The same of a host that they reach by TLS.
pub const SECURE_HOST_SESSION_COOKIE: &str = "__Host-chandlery_host_session";
/// The policy of what people have pushed: a browser shows and runs none of it.
pub const CONTENT_POLICY: &str = "sandbox; default-src 'none'";

/// The policy of a server's own pages that run its own scripts, which may ask it and nobody else.
pub const SCRIPTED_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
                                   img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The header that says which sites may have an answer as a part of their pages; the servers' own alone where it says nothing.
#[cfg(feature = "http")]
pub const RESOURCE_POLICY: http::HeaderName = http::HeaderName::from_static("cross-origin-resource-policy");

/// The answer, with which a browser does nothing but what the servers' own pages need: few run scripts, which
/// have a policy of their own, and none is in anybody's frame.
/// An answer with a policy of its own, or that says itself which sites may have it, keeps that.
#[cfg(feature = "http")]
pub async fn protected(mut answer: axum_core::response::Response) -> axum_core::response::Response {
    use http::{HeaderName, HeaderValue, header};

    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                          frame-ancestors 'none'; base-uri 'none'";
    let told = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // No referrer at all would hide from the registry that its own pages have sent a form.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let headers = answer.headers_mut();
    for (name, value) in told {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    answer
}
