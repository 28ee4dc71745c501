//! `/sign-in` and `/sign-out`: a token becomes a session.

use super::{BY_TOKEN, cookie, peer};
use crate::{
    State,
    page::{escape, small},
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use tide::{Redirect, Request, Response, StatusCode};

/// The longest address a person is sent back to, in bytes.
const NEXT_BYTES_MAX: usize = 4_096;

/// The sign-in page's address for who wanted to see `next`.
pub fn address(next: &str) -> String {
    let mut url = tide::http::Url::parse("http://here/sign-in").expect("a constant address");
    if next != "/" && next.len() <= NEXT_BYTES_MAX {
        url.query_pairs_mut().append_pair("next", next);
    }
    url.query().map_or_else(|| "/sign-in".to_owned(), |query| format!("/sign-in?{query}"))
}

/// `GET /sign-in`.
pub async fn form(request: Request<State>) -> tide::Result {
    let next = request.url().query_pairs().find(|(name, _)| name == "next").map(|(_, next)| next.into_owned());
    Ok(words(StatusCode::Ok, &next.unwrap_or_default(), None))
}

/// `POST /sign-in`: a right token becomes a session and leads back to where the person was going.
pub async fn take(mut request: Request<State>) -> tide::Result {
    let mut sent: HashMap<String, String> = request.body_form().await?;
    let mut field = |name| sent.remove(name).unwrap_or_default();
    let (token, next) = (field("token"), field("next"));
    let Some(ways) = request.state().access.ways.clone() else { return Ok(Redirect::see_other("/").into()) };
    let from = peer(&request);
    if !ways.pace.may_try(from) {
        let mut told = words(StatusCode::TooManyRequests, &next, Some("Too many wrong tokens. Wait a minute."));
        told.insert_header("retry-after", super::pace::WINDOW.as_secs().to_string());
        return Ok(told);
    }
    let right = ways.tokens.as_ref().is_some_and(|tokens| tokens.allows(Some(&format!("Bearer {}", token))));
    ways.pace.tried(from, right);
    if !right {
        return Ok(words(StatusCode::Forbidden, &next, Some("This token is not known here.")));
    }
    let mut back: Response = Redirect::see_other(own(&next)).into();
    let by = Sha256::digest(token.trim().as_bytes());
    back.insert_header(
        "set-cookie",
        cookie::set(&ways.keys.seal(cookie::SESSION_OF, BY_TOKEN, &by), is_encrypted(&request)),
    );
    Ok(back)
}

/// `POST /sign-out`.
pub async fn leave(request: Request<State>) -> tide::Result {
    let mut back: Response = Redirect::see_other("/sign-in").into();
    back.insert_header("set-cookie", cookie::set("", is_encrypted(&request)));
    Ok(back)
}

/// Whether the browser speaks TLS, to us or to a proxy before us. Who lies about it harms only their own cookie.
fn is_encrypted<S>(request: &Request<S>) -> bool {
    let proxy = request.header("x-forwarded-proto").map(|said| said.last().as_str().to_owned()).unwrap_or_default();
    let first = proxy.split(',').next().unwrap_or_default().trim();
    request.url().scheme() == "https" || first.eq_ignore_ascii_case("https")
}

/// A path of ours, never another site: `//evil.example` and `/\evil.example` are addresses elsewhere.
fn own(next: &str) -> &str {
    let plain = next.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    let ours = next.starts_with('/') && !next.starts_with("//") && plain && next.len() <= NEXT_BYTES_MAX;
    if ours { next } else { "/" }
}

fn words(status: StatusCode, next: &str, wrong: Option<&str>) -> Response {
    let wrong = wrong.map(|words| format!("<p class=\"wrong-token\" role=\"alert\">{words}</p>")).unwrap_or_default();
    let main = format!(
        "<main class=\"sign-in\"><form method=\"post\" action=\"/sign-in\"><h1>Sign in</h1>\
         <label for=\"token\">Token</label><input id=\"token\" name=\"token\" type=\"password\" required autofocus \
         autocomplete=\"current-password\" spellcheck=\"false\"><input type=\"hidden\" name=\"next\" value=\"{}\">\
         {wrong}<button class=\"button primary\">Sign in</button></form></main>",
        escape(own(next))
    );
    small(status, "Sign in", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, to) in [
            ("/d/fleet?last=1h", "/d/fleet?last=1h"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nset-cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(own(next), to, "{next:?}");
        }
        assert_eq!(address("/d/fleet?last=1h&tz=UTC"), "/sign-in?next=%2Fd%2Ffleet%3Flast%3D1h%26tz%3DUTC");
    }
}
