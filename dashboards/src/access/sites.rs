//! Other sites that may show our dashboards, and the pass by which a page of theirs opens its conversation.

use super::{Ways, cookie};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use infralogs_core::{Error, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tide::{Request, http::Url};

/// The longest token a conversation is opened with, in bytes.
const TOKEN_BYTES_MAX: usize = 8_192;

/// The origins that are listed.
#[derive(Debug, Default)]
pub struct Sites(Vec<String>);

impl Sites {
    /// Checks that each is an origin and nothing else: `https://wiki.example.org`.
    pub fn new(listed: &[String]) -> Result<Self> {
        let origin = |said: &String| {
            let url = Url::parse(said).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.map(|url| url.origin().ascii_serialization()).filter(|origin| origin == said).ok_or_else(|| {
                Error::invalid(format!("`{}` is no origin", said.escape_debug()))
                    .at("embed")
                    .help("write scheme, host and a port that is not the usual one: https://wiki.example.org")
            })
        };
        Ok(Self(listed.iter().map(origin).collect::<Result<_>>()?))
    }

    /// The listed site whose page sent the request.
    pub fn of<S>(&self, request: &Request<S>) -> Option<&str> {
        let origin = request.header("origin").filter(|values| values.iter().count() == 1)?;
        self.0.iter().map(String::as_str).find(|listed| *listed == origin.last().as_str())
    }
}

/// What a page of another site tells when it opens its conversation. BokehJS hands it on unread.
#[derive(Debug, Default)]
pub struct Told {
    /// Which view it shows, as an address says it; the address of the page itself says something else.
    pub view: String,
    pass: String,
}

impl Told {
    /// As the request tells it: beside the protocol's name. Python's own clients send a token of their own there.
    pub fn of<S>(request: &Request<S>) -> Option<Self> {
        let offered = request.header("sec-websocket-protocol")?;
        let mut words = offered.iter().flat_map(|line| line.as_str().split(',')).map(str::trim);
        let token = words.find(|word| *word != "bokeh").filter(|token| token.len() <= TOKEN_BYTES_MAX)?;
        let said: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        Some(Self { view: text("view")?, pass: text("pass")? })
    }

    /// The token that tells it.
    pub fn token(&self) -> String {
        let session = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        URL_SAFE_NO_PAD.encode(json!({ "session_id": session, "view": self.view, "pass": self.pass }).to_string())
    }
}

/// A token for a page that shows this view. Who came by a token of ours gives the page a pass that opens this one
/// dashboard's conversation and nothing else, as long as that token holds; cookies and proxies speak for themselves.
pub fn token<S>(request: &Request<S>, ways: Option<&Ways>, dashboard: &str, user: &str, view: &str) -> String {
    let bearer = request.header("authorization").and_then(|values| values.last().as_str().strip_prefix("Bearer "));
    let pass = ways
        .zip(bearer)
        .map(|(ways, token)| ways.keys.seal(&purpose(dashboard), user, &Sha256::digest(token.trim().as_bytes())));
    Told { view: view.to_owned(), pass: pass.unwrap_or_default() }.token()
}

/// Whom a pass lets in, where passes count: at the conversation of its dashboard.
pub fn passed<S>(request: &Request<S>, ways: &Ways) -> Option<String> {
    let dashboard = request.url().path().strip_prefix("/d/")?.strip_suffix("/ws")?;
    ways.keys.open(&purpose(dashboard), &Told::of(request)?.pass, &ways.holding())
}

fn purpose(dashboard: &str) -> String {
    format!("{} {dashboard}", cookie::EMBED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (said, fits) in [
            ("https://wiki.example.org", true),
            ("http://127.0.0.1:8000", true),
            ("https://wiki.example.org/", false),
            ("https://wiki.example.org/page", false),
            ("https://wiki.example.org:443", false),
            ("wiki.example.org", false),
            ("*", false),
            ("null", false),
            ("file:///x", false),
        ] {
            assert_eq!(Sites::new(&[said.to_owned()]).is_ok(), fits, "{said}");
        }
    }
}
