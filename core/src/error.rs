//! The one error type: what happened, where, and what to do next.

use std::fmt;

/// What kind of failure it is, which decides what the caller does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person wrote something that can't be right: a flag, a file, a script. Exit code 2.
    Invalid,
    /// A token or password was refused: get new credentials.
    Denied,
    /// The other side is away or overloaded: try again later.
    Unavailable,
    /// Somebody else was faster: read again and go on from there.
    Conflict,
    /// What was read is damaged or breaks its format.
    Corrupt,
    /// A limit was reached.
    Limit,
    /// A row the store can't take whatever is tried: to quarantine.
    Poison,
    /// Anything else.
    Failed,
}

/// An error that is returned once and printed once.
#[derive(Debug)]
pub struct Error {
    /// What the caller decides by.
    pub kind: Kind,
    /// What happened, in one sentence without a full stop.
    pub what: String,
    /// Where: `file:line:column`, a URL without secrets, a table.
    pub place: Option<String>,
    /// What to do next.
    pub help: Option<String>,
    /// What lies beneath.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of anything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, help: None, cause: None }
    }
    /// Bad input from a person.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, what)
    }
    /// Try again later.
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, what)
    }
    /// Damaged input.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, what)
    }
    /// Anything else.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }
    /// Says where it happened.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }
    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// Keeps what lies beneath.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn std::error::Error + 'static))
    }
}
