//! Carries one request from hyper to tide and its answer back.

mod request;
mod response;

use crate::{answer, limits::Limits, ops::COUNTS, socket::Upgrade, stop::Stop, tls::CertificateNames};
use futures_lite::FutureExt;
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
};
pub(crate) use request::{AMBIGUOUS, Refused};
use response::Outgoing;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tide::StatusCode;

/// What all connections of one server share.
pub(crate) struct Edge<S> {
    pub app: tide::Server<S>,
    pub limits: Arc<Limits>,
    pub stop: Stop,
}

/// What is known of one connection.
#[derive(Clone)]
pub(crate) struct Peer {
    /// Written once, as every request carries it.
    pub address: Arc<str>,
    pub tls: bool,
    /// Of its certificate, if it showed one.
    pub names: Option<CertificateNames>,
}

/// The answer's body: an error of our own, or what tide streams.
pub(crate) type Answer = Response<Outgoing>;

impl<S: Clone + Send + Sync + 'static> Edge<S> {
    /// Answers one request; whatever happens, there is an answer: `Err` for one after which nothing that follows on
    /// the connection can be trusted.
    pub async fn respond(&self, request: Request<Incoming>, peer: &Peer) -> Result<Answer, Answer> {
        let head = request.method() == hyper::Method::HEAD;
        let (asked, watch) = match request::convert(request, peer, &self.limits, &self.stop) {
            Ok(converted) => converted,
            Err(refused) => return Err(refuse(refused)),
        };
        let routed = AssertUnwindSafe(self.app.respond::<_, tide::http::Response>(asked)).catch_unwind().await;
        let mut answer = match routed {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => answer::told(error.status(), "the request failed", None).into(),
            Err(_) => {
                tracing::error!("a route panicked; its request was answered 500");
                answer::told(StatusCode::InternalServerError, "the request failed inside", None).into()
            }
        };
        // A body that broke a limit while the route read it: the route can't know which one.
        if let Some(refused) = watch.refused() {
            return Err(refuse(refused));
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
