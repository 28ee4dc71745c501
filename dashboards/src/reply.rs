//! What every answer carries: the security headers; and JSON, compressed when asked for.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::io::Write;
use tide::{Middleware, Next, Request, Response, StatusCode, http::mime};

/// What a page may load: our own files and nothing else. Bokeh sets styles inline, scripts never are.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Answers shorter than this are not worth compressing, in bytes.
const GZIP_BYTES_MIN: usize = 1_400;

/// Middleware that adds the security headers.
pub struct Guard;

#[tide::utils::async_trait]
impl<S: Clone + Send + Sync + 'static> Middleware<S> for Guard {
    async fn handle(&self, request: Request<S>, next: Next<'_, S>) -> tide::Result {
        let mut response = next.run(request).await;
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ] {
            response.insert_header(name, value);
        }
        for (name, unless_said) in [("cache-control", "no-store"), ("cross-origin-resource-policy", "same-origin")] {
            if response.header(name).is_none() {
                response.insert_header(name, unless_said);
            }
        }
        Ok(response)
    }
}

/// JSON; gzip where the client takes it.
pub fn json<S>(request: &Request<S>, value: &Value) -> Response {
    text(request, mime::JSON.essence(), value.to_string())
}

/// Text of some type; gzip where the client takes it.
pub fn text<S>(request: &Request<S>, kind: &str, text: String) -> Response {
    let accepted = takes_gzip(request);
    let response = Response::builder(StatusCode::Ok).header("vary", "accept-encoding");
    let packed = (accepted && text.len() >= GZIP_BYTES_MIN).then(|| gzip(text.as_bytes())).flatten();
    match packed {
        Some(packed) => response.header("content-encoding", "gzip").body(packed),
        None => response.body(text),
    }
    .header("content-type", kind)
    .build()
}

/// Whether the client takes gzip.
pub fn takes_gzip<S>(request: &Request<S>) -> bool {
    request.header("accept-encoding").is_some_and(|codings| codings.as_str().contains("gzip"))
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).ok()?;
    packed.finish().ok()
}
