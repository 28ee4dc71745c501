//! Says why an exchange failed, and never shows a password or a token.

use infralogs_core::{Error, Kind};
use std::error::Error as _;

/// Where it happened: the URL without user, password, query and fragment.
pub(super) fn place(url: &reqwest::Url) -> String {
    let mut place = url.clone();
    // Both fail only for URLs that hold neither.
    let _ = place.set_username("");
    let _ = place.set_password(None);
    place.set_query(None);
    place.set_fragment(None);
    place.into()
}

/// A request that got no answer.
pub(super) fn sending(error: reqwest::Error, place: &str) -> Error {
    let (kind, what, help) = if error.is_builder() {
        (Kind::Invalid, "the request can't be made", "write the URL as http://host:port/path")
    } else if error.is_timeout() && error.is_connect() {
        (Kind::Unavailable, "no connection in time", "look at the address, the route and the firewall")
    } else if error.is_connect() {
        (Kind::Unavailable, "can't connect", "look whether the server runs and the address is right")
    } else if error.is_timeout() {
        (Kind::Unavailable, "no answer in time", "look at the server's load, or allow more time")
    } else {
        (Kind::Unavailable, "the exchange failed", "it is tried again")
    };
    Error::new(kind, what).at(place).help(help).because(root(&error))
}

/// A body that broke off.
pub(super) fn reading(error: reqwest::Error, place: &str) -> Error {
    let what = if error.is_timeout() { "the answer did not end in time" } else { "the answer broke off" };
    Error::unavailable(what).at(place).because(root(&error))
}

/// The innermost cause: the only one that is no frame around the next, and that holds no URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = None;
    while let Some(inner) = cause {
        text = Some(inner.to_string());
        cause = inner.source();
    }
    text.unwrap_or_else(|| "no further word".into())
}
