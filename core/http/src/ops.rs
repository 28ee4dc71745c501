//! `/health`, `/ready` and `/metrics`: the same three routes on every program.

mod ask;
mod counts;
pub mod credentials;
mod page;

pub use ask::ask;
pub(crate) use counts::{COUNTS, Dropped};
pub use page::Page;

use serde_json::{Map, Value, json};
use std::sync::Arc;
use tide::{Body, Response, Server, StatusCode};

/// The paths [`mount`] adds, for [`crate::token::Guard::except`].
pub const PATHS: &[&str] = &["/health", "/ready", "/metrics"];

/// How a program does. Asked often: answer from what is known already, without waiting.
pub trait Ops: Send + Sync + 'static {
    /// Whether it works. `failed` is answered 503: restarting may help.
    fn health(&self) -> Health;
    /// Whether it should be sent work. Not ready is answered 503.
    fn ready(&self) -> Health {
        self.health()
    }
    /// Its figures.
    fn metrics(&self, page: &mut Page);
}

/// One answer to "how are you?".
#[derive(Debug, Clone)]
pub struct Health {
    /// The verdict.
    pub status: Status,
    /// One sentence for a person.
    pub what: String,
    /// What to do about it.
    pub next: Option<String>,
    /// Anything else worth knowing, beside the three above.
    pub more: Map<String, Value>,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Ok,
    /// It works, and something needs a look.
    Degraded,
    /// It does not work.
    Failed,
}

impl Health {
    /// A verdict and its sentence.
    pub fn new(status: Status, what: impl Into<String>) -> Self {
        Self { status, what: what.into(), next: None, more: Map::new() }
    }
    /// All is well.
    pub fn ok(what: impl Into<String>) -> Self {
        Self::new(Status::Ok, what)
    }
    /// Says what to do about it.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
    /// Adds something worth knowing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    fn answer(self) -> Response {
        let (code, status) = match self.status {
            Status::Ok => (StatusCode::Ok, "ok"),
            Status::Degraded => (StatusCode::Ok, "degraded"),
            Status::Failed => (StatusCode::ServiceUnavailable, "failed"),
        };
        let mut body = self.more;
        body.insert("status".into(), json!(status));
        body.insert("what".into(), json!(self.what));
        if let Some(next) = self.next {
            body.insert("next".into(), json!(next));
        }
        Response::builder(code)
            .content_type("application/json")
            .header("cache-control", "no-store")
            .body(Body::from_string(Value::Object(body).to_string()))
            .build()
    }
}

/// Adds the three routes to an app.
pub fn mount<S: Clone + Send + Sync + 'static>(app: &mut Server<S>, ops: Arc<dyn Ops>) {
    let asked = ops.clone();
    app.at("/health").get(move |_| {
        let answer = asked.health().answer();
        async move { Ok(answer) }
    });
    let asked = ops.clone();
    app.at("/ready").get(move |_| {
        let answer = asked.ready().answer();
        async move { Ok(answer) }
    });
    app.at("/metrics").get(move |_| {
        let mut page = Page::new();
        ops.metrics(&mut page);
        COUNTS.write(&mut page);
        let answer = Response::builder(StatusCode::Ok)
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .header("cache-control", "no-store")
            .body(Body::from_string(page.into_text()))
            .build();
        async move { Ok(answer) }
    });
}
