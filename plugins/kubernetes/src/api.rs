//! The API server as a pod reaches it: its account's token, read again for each request, and its authority.

use crate::object::{Kind as Objects, Object};
use infralogs_core::{
    error::{Error, Kind, Result},
    inventory::TARGETS_MAX,
};
use infralogs_http::{
    Client,
    client::{Get, Response, Settings},
};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};
use url::Url;

/// Where a pod finds its account: `token`, `ca.crt` and `namespace`.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The most objects of one page of a list.
const PAGE: &str = "500";
/// The longest a list's page may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of a page.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// The server ends a watch after this long, and sends a bookmark about once a minute.
const WATCH_S: &str = "240";
const WATCH_TIMEOUT: Duration = Duration::from_secs(300);
/// The most bytes of one watch.
const WATCH_BYTES_MAX: u64 = 1 << 30;
/// The most bytes of one event.
const EVENT_BYTES_MAX: usize = 4 << 20;

pub(crate) struct Api {
    /// `https://10.96.0.1:443/api/v1/namespaces/logging/pods`, without a query.
    url: Url,
    account: PathBuf,
    selector: String,
    client: Option<Client>,
}

/// One change.
pub(crate) enum Event {
    /// Added or modified.
    Present(Object),
    Gone(Object),
    /// Everything up to this version was told.
    Bookmark(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    metadata: ListMetadata,
    #[serde(default)]
    items: Option<Vec<Object>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: serde_json::Value,
}

impl Api {
    pub fn new(
        api: Option<String>,
        account: Option<PathBuf>,
        kind: Objects,
        namespace: Option<String>,
        selector: String,
    ) -> Result<Self> {
        let account = account.unwrap_or_else(|| ACCOUNT.into());
        let outside = |what: &str| {
            Error::invalid(what.to_owned())
                .help("run it in a cluster, or give `api: https://…`, `account: DIR` (with `token` and `ca.crt`) and `namespace`")
        };
        let api = match api {
            Some(api) => api,
            None => {
                let of = |name| std::env::var(name).map_err(|_| outside("this is no pod of a cluster"));
                let host = of("KUBERNETES_SERVICE_HOST")?;
                let host = if host.contains(':') { format!("[{host}]") } else { host };
                format!("https://{host}:{}", of("KUBERNETES_SERVICE_PORT")?)
            }
        };
        let namespace = match namespace {
            Some(namespace) => namespace,
            None => std::fs::read_to_string(account.join("namespace"))
                .map_err(|error| outside("it is not known in which namespace this runs").because(error))?,
        };
        let mut url = Url::parse(&api).map_err(|error| Error::invalid("`api` is no URL").because(error))?;
        let kind = if kind == Objects::Pods { "pods" } else { "endpoints" };
        match url.path_segments_mut() {
            Ok(mut path) => match namespace.trim() {
                "*" => path.pop_if_empty().extend(["api", "v1", kind]),
                own => path.pop_if_empty().extend(["api", "v1", "namespaces", own, kind]),
            },
            Err(()) => return Err(Error::invalid("`api` is no URL of a server")),
        };
        Ok(Self { url, account, selector, client: None })
    }

    /// All objects as they are now, and the version a watch goes on from.
    pub async fn list(&mut self) -> Result<(Vec<Object>, String)> {
        // The authority may have been replaced.
        self.client = None;
        let (mut objects, mut next) = (Vec::new(), String::new());
        loop {
            let mut query = vec![("limit", PAGE)];
            if !next.is_empty() {
                query.push(("continue", &next));
            }
            let mut answer = self.ask(&query, LIST_TIMEOUT, LIST_BYTES_MAX).await?;
            let list: List = read(&answer.bytes().await?, answer.place())?;
            objects.extend(list.items.unwrap_or_default());
            if objects.len() > TARGETS_MAX {
                let what = format!("the selector chooses over {TARGETS_MAX} objects");
                return Err(Error::new(Kind::Limit, what).help("choose fewer by `selector` and `namespace`"));
            }
            if list.metadata.next.is_empty() {
                return Ok((objects, list.metadata.resource_version));
            }
            next = list.metadata.next;
        }
    }

    /// What changes from a version on.
    pub async fn watch(&mut self, version: &str) -> Result<Watch> {
        let query = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", WATCH_S),
            ("resourceVersion", version),
        ];
        let answer = self.ask(&query, WATCH_TIMEOUT, WATCH_BYTES_MAX).await?;
        Ok(Watch { answer, read: Vec::new() })
    }

    async fn ask(&mut self, query: &[(&str, &str)], timeout: Duration, bytes_max: u64) -> Result<Response> {
        let file = self.account.join("token");
        let token = tokio::task::spawn_blocking(move || {
            std::fs::read_to_string(&file).map_err(|error| {
                Error::unavailable("the account's token can't be read").at(file.display().to_string()).because(error)
            })
        });
        let token = token.await.unwrap_or_else(|error| Err(Error::failed("broke off").because(error)))?;
        let client = match &self.client {
            Some(client) => client,
            None => {
                let ca_file = (self.url.scheme() == "https").then(|| self.account.join("ca.crt"));
                // A watch is quiet for as long as nothing changes.
                self.client.insert(Client::new(&Settings { stall: WATCH_TIMEOUT, ca_file, ..Settings::default() })?)
            }
        };
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("labelSelector", &self.selector).extend_pairs(query);
        let headers = [("accept", "application/json")];
        let get = Get { url: url.as_str(), bearer: Some(&token), headers: &headers, timeout, bytes_max };
        let answer = client.fetch(get).await.map_err(|error| match error.kind {
            Kind::Denied => error.help("let the service account get, list and watch these objects"),
            _ => error,
        })?;
        if answer.status() == 410 {
            return Err(expired());
        }
        answer.success().await
    }
}

/// The server has forgotten what happened since the version that was asked for.
fn expired() -> Error {
    Error::new(Kind::Conflict, "the watch is older than the API server remembers")
}

fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8], place: &str) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::corrupt("this is no answer of Kubernetes").at(place).because(error))
}

/// An open watch.
pub(crate) struct Watch {
    answer: Response,
    /// What came of the next event so far.
    read: Vec<u8>,
}

impl Watch {
    /// The next event; `None` when the server ended the watch. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                if let Some(event) = event(&line, self.answer.place())? {
                    return Ok(Some(event));
                }
                continue;
            }
            if self.read.len() > EVENT_BYTES_MAX {
                let what = format!("one event has over {EVENT_BYTES_MAX} bytes");
                return Err(Error::new(Kind::Limit, what).at(self.answer.place()));
            }
            match self.answer.chunk().await? {
                Some(chunk) => self.read.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

fn event(line: &[u8], place: &str) -> Result<Option<Event>> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Line { kind, object } = read(line, place)?;
    if kind == "ERROR" {
        let said = object["message"].as_str().unwrap_or("no reason given").to_owned();
        return Err(match object["code"].as_i64() {
            Some(410) => expired(),
            _ => Error::unavailable("the watch failed").at(place).because(said),
        });
    }
    let object: Object = serde_json::from_value(object)
        .map_err(|error| Error::corrupt("this is no object of Kubernetes").at(place).because(error))?;
    Ok(match kind.as_str() {
        "ADDED" | "MODIFIED" => Some(Event::Present(object)),
        "DELETED" => Some(Event::Gone(object)),
        "BOOKMARK" => Some(Event::Bookmark(object.metadata.resource_version)),
        other => {
            tracing::debug!("an event of the unknown type `{}`", other.escape_debug());
            None
        }
    })
}
