//! The events of a page, as it hears them.

use crate::asked::get;
use futures_lite::{AsyncBufReadExt, StreamExt};
use serde_json::Value;
use std::time::Duration;
use tide::http::Response;
use tokio::time::timeout;

/// Long enough for a slow machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// The events of one page.
pub struct Events {
    lines: futures_lite::io::Lines<futures_lite::io::BufReader<Response>>,
    /// The number of the last one.
    pub id: String,
}

/// Listens to what changes there.
pub async fn listen(app: &tide::Server<()>, path: &str, headers: &[(&str, &str)]) -> Events {
    let answer = get(app, path, headers).await;
    assert_eq!(answer.content_type().expect("a type").essence(), "text/event-stream");
    Events { lines: futures_lite::io::BufReader::new(answer).lines(), id: String::new() }
}

impl Events {
    /// The next event that has this key.
    pub async fn next_with(&mut self, key: &str) -> Value {
        let search = async {
            while let Some(line) = self.lines.next().await {
                let line = line.expect("the stream goes on");
                if let Some(id) = line.strip_prefix("id: ") {
                    self.id = id.to_owned();
                }
                let Some(data) = line.strip_prefix("data: ") else { continue };
                let event: Value = serde_json::from_str(data).expect("JSON");
                if event.get(key).is_some() {
                    return event;
                }
            }
            panic!("the stream ended without `{key}`");
        };
        timeout(PATIENCE, search).await.expect("an event within the patience")
    }
}
