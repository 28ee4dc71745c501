//! The token of one agent: read when needed, read again when refused, never shown.

use infralogs_core::{
    Error, Result,
    inventory::TokenFrom,
    plugin::Secret,
    rotate::{Cached, Values},
};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest token file read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug)]
pub(crate) enum Token {
    Open,
    Held(Arc<str>),
    File { path: String, known: Mutex<Known> },
    Secret(Arc<Cached>),
}

/// The token as last read. Its `Debug` shows nothing.
#[derive(Default)]
pub(crate) struct Known(Option<Arc<str>>);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What was presented, to know later whether there is another.
#[derive(Clone)]
pub(crate) enum Presented {
    Text(Arc<str>),
    Secret(Arc<Secret>),
}

impl Presented {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Secret(secret) => &secret.password,
        }
    }
}

impl Token {
    pub(crate) fn new(from: &TokenFrom, values: Option<&Values>) -> Result<Self> {
        Ok(match from {
            TokenFrom::Open => Self::Open,
            TokenFrom::Held(token) => Self::Held(token.clone()),
            TokenFrom::File(path) => Self::File { path: path.clone(), known: Mutex::default() },
            TokenFrom::Secret(path) => match values {
                Some(values) => Self::Secret(values.at(path)),
                None => return Err(crate::no_secrets(path)),
            },
        })
    }

    /// The token; `None` for an open agent.
    pub(crate) async fn read(&self) -> Result<Option<Presented>> {
        match self {
            Self::Open => Ok(None),
            Self::Held(token) => Ok(Some(Presented::Text(token.clone()))),
            Self::Secret(cached) => Ok(Some(Presented::Secret(cached.get().await?))),
            Self::File { path, known } => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                if known.0.is_none() {
                    known.0 = Some(first_line(path)?);
                }
                Ok(known.0.clone().map(Presented::Text))
            }
        }
    }

    /// It was refused: forgets what was read; false where nothing new can be read.
    pub(crate) async fn refused(&self, presented: Option<&Presented>) -> Result<bool> {
        match (self, presented) {
            (Self::File { known, .. }, _) => {
                Ok(known.lock().unwrap_or_else(PoisonError::into_inner).0.take().is_some())
            }
            (Self::Secret(cached), Some(Presented::Secret(refused))) => Ok(cached.again(refused).await?.is_some()),
            _ => Ok(false),
        }
    }
}

/// The first line that is no comment.
fn first_line(path: &str) -> Result<Arc<str>> {
    let cannot =
        |what: &str| Error::invalid(what.to_owned()).at(path).help("write the agent's token into it, one line");
    let size = std::fs::metadata(path).map_err(|error| cannot("cannot read the token file").because(error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(cannot("the token file is too large"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot("cannot read the token file").because(error))?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    line.map(Arc::from).ok_or_else(|| cannot("the token file holds no token"))
}
