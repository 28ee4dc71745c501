//! A tide request without headers and body: its method, and its whole URL with scheme and host as the client called us.

use super::{Peer, Refused, request::bad};
use hyper::{
    Method as HyperMethod, Version,
    header::{HOST, HeaderMap},
    http::{request::Parts, uri::Authority},
};
use std::{str::FromStr, sync::OnceLock};
use tide::{
    StatusCode,
    http::{Method, Request, Url},
};

const BAD_HOST: Refused = bad("the request needs exactly one valid Host");
const BAD_URL: Refused = bad("the request's URL can't be read");
const NO_METHOD: Refused = Refused {
    status: StatusCode::NotImplemented,
    what: "the request's method is not known here",
    next: "use GET, HEAD or what the path's documentation names",
};

/// The name a connection's client called us by first, and the request in which it did. Nearly all its requests have
/// the same name; they are made of that one.
#[derive(Debug, Default)]
pub(crate) struct Called(OnceLock<(Box<str>, Request)>);

/// The request, if it tells only one story about whom it calls.
pub(super) fn begin(head: &Parts, peer: &Peer) -> Result<Request, Refused> {
    let method = method(&head.method)?;
    // A URL in the request line wins over Host (RFC 9112, 3.2.2), but the two must not tell different stories.
    let name = match (head.uri.authority(), host(&head.headers, head.version)?) {
        (Some(line), Some(host)) if *line != *host => return Err(BAD_HOST),
        (Some(line), _) => line.as_str(),
        (None, host) => host.unwrap_or("localhost"),
    };
    let path = head.uri.path();
    if !path.starts_with('/') && path != "*" {
        return Err(BAD_URL);
    }
    // A copy also has no channel for trailers, which are dear to make and which no route reads.
    if let Some((called, first)) = peer.called.0.get()
        && **called == *name
    {
        let mut request = first.clone();
        request.set_method(method);
        request.url_mut().set_path(path);
        request.url_mut().set_query(head.uri.query());
        return Ok(request);
    }
    if name.contains('@') || Authority::try_from(name).is_err() {
        return Err(BAD_HOST);
    }
    let scheme = if peer.tls { "https" } else { "http" };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let slash = if path == "*" { "/" } else { "" };
    let url = Url::parse(&format!("{scheme}://{name}{slash}{path}")).map_err(|_| BAD_URL)?;
    let mut request = Request::new(method, url);
    request.set_peer_addr(Some(&peer.address));
    let _ = peer.called.0.set((name.into(), request.clone()));
    Ok(request)
}

fn method(method: &HyperMethod) -> Result<Method, Refused> {
    match method.as_str() {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        // Neither means anything to a server of its own resources.
        "CONNECT" | "TRACE" => Err(NO_METHOD),
        other => Method::from_str(other).map_err(|_| NO_METHOD),
    }
}

/// What `Host` says, if anything.
fn host(headers: &HeaderMap, version: Version) -> Result<Option<&str>, Refused> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => Err(BAD_HOST),
        (_, Some(_)) => Err(BAD_HOST),
        (Some(host), None) if !host.is_empty() => host.to_str().map(Some).map_err(|_| BAD_HOST),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Uri;

    #[test]
    fn a_name_known_already_gives_the_same_request() {
        let peer = || Peer { address: "192.0.2.1:1".into(), tls: false, names: None, called: Called::default() };
        let ask = |peer: &Peer, name: &str, path: &Uri| {
            let asked = hyper::Request::builder().method("PUT").uri(path.clone()).header(HOST, name).body(());
            let request = begin(&asked.expect("a request").into_parts().0, peer).map_err(|refused| refused.what)?;
            let address = request.peer_addr().map(str::to_owned);
            Ok::<_, &str>((request.method(), request.url().clone(), address))
        };
        let known = peer();
        for name in ["web-1:7070", "WEB-1:7070", "web-1:7070", "[::1]:80", "192.0.2.7", "b\u{fc}ro", "a@b", "a/b", ""] {
            for path in [
                "/logs?after=s=1;i=2&limit=5",
                "/",
                "//web-2/logs",
                "/\\web-2/logs",
                "/\\/web-2",
                "/../..//a/./b/%2e%2e/c?d",
                "/%2f%5c?%00'",
                "/a\"{b}|c",
                "/?",
                "/?http://web-2/",
                "/http://web-2/",
                "/:80",
                "*",
            ] {
                // Some are none to hyper, now.
                let Ok(path) = path.parse() else { continue };
                let anew = ask(&peer(), name, &path);
                assert_eq!(ask(&known, name, &path), anew, "{name} {path}");
                assert_eq!(ask(&known, name, &path), anew, "{name} {path} again");
            }
        }
    }
}
