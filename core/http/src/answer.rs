//! Errors as answers: `{"error":{"what","next"}}` and the status that fits their kind.

use infralogs_core::{Error, Kind};
use serde_json::json;
use tide::{Body, Middleware, Next, Request, Response, StatusCode};

/// The status of each kind of error.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BadRequest,
        Kind::Denied => StatusCode::Forbidden,
        Kind::Unavailable => StatusCode::ServiceUnavailable,
        Kind::Conflict => StatusCode::Conflict,
        Kind::Limit | Kind::Poison => StatusCode::UnprocessableEntity,
        Kind::Corrupt | Kind::Failed => StatusCode::InternalServerError,
    }
}

/// An error as an answer. The cause stays in the log: it may speak of what is not the client's business.
pub fn error(error: &Error) -> Response {
    let status = status(error.kind);
    if status.is_server_error() {
        tracing::warn!("answered {status}: {error}");
    }
    let what = match &error.place {
        Some(place) => format!("{} ({place})", error.what),
        None => error.what.clone(),
    };
    told(status, &what, error.help.as_deref())
}

/// An answer with this status that says what is wrong and what to do next.
pub fn told(status: StatusCode, what: &str, next: Option<&str>) -> Response {
    let body = json!({"error": {"what": what, "next": next}}).to_string();
    Response::builder(status).content_type("application/json").body(Body::from_string(body)).build()
}

/// Middleware that turns what a route returns with `?` into such answers: our own errors by their kind, tide's
/// (a query that can't be read, say) by their status.
#[derive(Debug, Clone, Copy, Default)]
pub struct Errors;

#[tide::utils::async_trait]
impl<S: Clone + Send + Sync + 'static> Middleware<S> for Errors {
    async fn handle(&self, request: Request<S>, next: Next<'_, S>) -> tide::Result {
        let response = next.run(request).await;
        let Some(found) = response.error() else { return Ok(response) };
        Ok(match found.downcast_ref::<Error>() {
            Some(ours) => error(ours),
            None if response.status().is_client_error() => told(response.status(), &found.to_string(), None),
            None => error(&Error::failed("the request failed").because(found.to_string())),
        })
    }
}
