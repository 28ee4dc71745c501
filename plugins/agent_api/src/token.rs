//! The token of one agent: read when needed, read again when refused, never shown.

use infralogs_core::{Error, Result, inventory::TokenFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest token file read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug)]
pub(crate) struct Token {
    from: TokenFrom,
    known: Mutex<Known>,
}

/// The token as last read. Its `Debug` shows nothing.
#[derive(Default)]
struct Known(Option<Arc<str>>);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Token {
    pub(crate) fn new(from: &TokenFrom) -> Result<Self> {
        match from {
            TokenFrom::Secret(path) => Err(crate::no_secrets(path)),
            from => Ok(Self { from: from.clone(), known: Mutex::default() }),
        }
    }

    /// The token; `None` for an open agent.
    pub(crate) fn read(&self) -> Result<Option<Arc<str>>> {
        let path = match &self.from {
            TokenFrom::Held(token) => return Ok(Some(token.clone())),
            TokenFrom::File(path) => path,
            TokenFrom::Open | TokenFrom::Secret(_) => return Ok(None),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.is_none() {
            known.0 = Some(first_line(path)?);
        }
        Ok(known.0.clone())
    }

    /// Forgets what was read; false where nothing new can be read.
    pub(crate) fn forget(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).0.take().is_some()
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
