//! Carries one request from hyper to tide and its answer back.

mod called;
mod request;
mod response;

use crate::{answer, limits::Limits, ops::COUNTS, socket::Upgrade, stop::Stop, tls::CertificateNames};
pub(crate) use called::Called;
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
};
use request::Watch;
pub(crate) use request::{AMBIGUOUS, Refused};
use response::Outgoing;
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};
use tide::StatusCode;

/// What all connections of one server share.
pub(crate) struct Edge<S> {
    pub app: tide::Server<S>,
    pub limits: Arc<Limits>,
    pub stop: Stop,
}

/// What is known of one connection's client.
pub(crate) struct Peer {
    pub address: String,
    pub tls: bool,
    /// Of its certificate, if it showed one.
    pub names: Option<CertificateNames>,
    pub called: Called,
}

/// A request that tide may see.
pub(crate) struct Asked {
    request: tide::http::Request,
    /// What becomes of its body, if it has one.
    watch: Option<Watch>,
    head: bool,
}

/// The answer's body: an error of our own, or what tide streams.
pub(crate) type Answer = Response<Outgoing>;

impl<S: Clone + Send + Sync + 'static> Edge<S> {
    /// Reads a request: `Err` for one after which nothing that follows on the connection can be trusted.
    pub fn ask(&self, request: Request<Incoming>, peer: &Peer) -> Result<Asked, Refused> {
        let head = request.method() == hyper::Method::HEAD;
        let (request, watch) = request::convert(request, peer, &self.limits, &self.stop)?;
        Ok(Asked { request, watch, head })
    }

    /// Answers what came of [`Edge::ask`]. Whatever happens, there is an answer: the one `finish` makes of what is given
    /// to it, `Err` as above.
    pub fn answer<F>(
        self: &Arc<Self>,
        asked: Result<Asked, Refused>,
        finish: F,
    ) -> impl Future<Output = Result<Answer, Infallible>> + Send + use<S, F>
    where
        F: FnOnce(Result<Answer, Refused>) -> Answer + Send,
    {
        let edge = self.clone();
        // One future, not one in another: it is moved whole for each request.
        async move {
            Ok(match asked {
                Ok(Asked { request, watch, head }) => {
                    let mut routed = pin!(edge.app.respond::<_, tide::http::Response>(request));
                    let routed = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| routed.as_mut().poll(cx))) {
                        Ok(polled) => polled.map(Some),
                        Err(_) => Poll::Ready(None),
                    });
                    finish(answered(routed.await, watch, head))
                }
                Err(refused) => finish(Err(refused)),
            })
        }
    }
}

/// Makes an answer of what came of a request, `None` if a route panicked.
fn answered(
    routed: Option<tide::http::Result<tide::http::Response>>,
    watch: Option<Watch>,
    head: bool,
) -> Result<Answer, Refused> {
    let mut answer = match routed {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => answer::told(error.status(), "the request failed", None).into(),
        None => {
            tracing::error!("a route panicked; its request was answered 500");
            answer::told(StatusCode::InternalServerError, "the request failed inside", None).into()
        }
    };
    // A body that broke a limit while the route read it: the route can't know which one.
    if let Some(refused) = watch.and_then(|watch| watch.refused()) {
        return Err(refused);
    }
    explain(&mut answer);
    COUNTS.answered(answer.status());
    let upgrade = answer.ext_mut().remove::<Upgrade>();
    let mut answer = response::convert(answer, head);
    if let Some(upgrade) = upgrade {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        answer.extensions_mut().insert(upgrade);
    }
    Ok(answer)
}

/// An answer given in place of tide's, and the last one on the connection.
pub(crate) fn refuse(refused: Refused) -> Answer {
    COUNTS.answered(refused.status);
    let mut answer = response::convert(answer::told(refused.status, refused.what, Some(refused.next)).into(), false);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Gives an error without words (an unknown path, a wrong method) its words. 401 stays empty: it tells nothing.
fn explain(answer: &mut tide::http::Response) {
    let status = answer.status();
    let worded = answer.len() != Some(0) || status == StatusCode::Unauthorized;
    if worded || !(status.is_client_error() || status.is_server_error()) {
        return;
    }
    let next = match status {
        StatusCode::NotFound => Some("look at the path; /health says which program answers here"),
        StatusCode::MethodNotAllowed => Some("this path knows other methods"),
        _ => None,
    };
    let told: tide::http::Response = answer::told(status, &status.canonical_reason().to_lowercase(), next).into();
    let headers: Vec<_> = answer.iter().map(|(name, values)| (name.clone(), values.clone())).collect();
    *answer = told;
    for (name, values) in headers {
        answer.insert_header(name, &values);
    }
    answer.insert_header("content-type", "application/json");
}
