//! Tokens: who may ask. Two may hold at once, so one can be replaced without a gap.

use crate::reread::Reread;
use base64::{Engine, engine::general_purpose::STANDARD};
use infralogs_core::{Error, Result, rotate::Told};
use sha2::{Digest, Sha256};
use std::{path::Path, sync::Arc, time::Duration};
use subtle::{Choice, ConstantTimeEq};
use tide::{Middleware, Next, Request, Response, StatusCode};

/// Tokens that hold at once; more in a file are ignored (and said so).
pub const TOKENS_MAX: usize = 2;
/// How long a token that left the file may still be taken.
const HELD_MAX: Duration = Duration::from_secs(1);
/// How soon a token that is not known makes us look at the file again; no sooner, or strangers could keep the disk busy.
const UNKNOWN_MIN: Duration = Duration::from_millis(100);
/// How often it is looked whether the token of an answer still holds, while the answer lasts.
const REVOKED_EVERY: Duration = Duration::from_secs(1);
/// The longest `Authorization` looked at. In bytes.
const AUTHORIZATION_BYTES_MAX: usize = 4 << 10;

/// SHA-256 of a token: comparing digests tells nothing about the token's length.
pub type Hashed = [u8; 32];

/// Who may ask. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Source>);

enum Source {
    Open,
    Held(Vec<Hashed>),
    File(Reread<Vec<Hashed>>),
}

impl Tokens {
    /// Everyone may ask.
    pub fn open() -> Self {
        Self(Arc::new(Source::Open))
    }

    /// One token, held by the program itself.
    pub fn held(token: &str) -> Self {
        Self(Arc::new(Source::Held(vec![hashed(token.trim().as_bytes())])))
    }

    /// The tokens in a file: one a line, trimmed, `#` starts a comment line, the first two count. The file is read
    /// again when its content changed. Emptied, it lets no one in; while it can't be read, what it said last holds.
    ///
    /// # Errors
    /// `Invalid` if it can't be read or holds no token.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let place = path.display().to_string();
        let read = {
            let place = place.clone();
            move |contents: &[Vec<u8>]| parse(&contents[0], &place)
        };
        let file = Reread::new(vec![path.clone()], read).map_err(|error| match path.exists() {
            true => error,
            false => error.help("write a token into it, one line: head -c 24 /dev/urandom | base64"),
        })?;
        if file.get(Duration::MAX).is_empty() {
            return Err(Error::invalid("the token file holds no token").at(place).help("write one token a line"));
        }
        Ok(Self(Arc::new(Source::File(file))))
    }

    /// Tokens told while running, such as a secret's value, written as in a file. Nobody is let in before the first.
    ///
    /// # Errors
    /// `Invalid` if what was told so far is no text of tokens.
    pub fn told(place: &str, told: Told) -> Result<Self> {
        let named = place.to_owned();
        let told = Reread::told(place, told, move |contents| parse(&contents[0], &named))?;
        Ok(Self(Arc::new(Source::File(told))))
    }

    /// SHA-256 of the tokens that hold now: what a session made by one of them is bound to.
    pub fn digests(&self) -> Vec<Hashed> {
        match &*self.0 {
            Source::Open => Vec::new(),
            Source::Held(known) => known.clone(),
            Source::File(file) => file.get(HELD_MAX).to_vec(),
        }
    }

    /// Whether an `Authorization` header (`Bearer token`, or `Basic` with the token as password) lets in.
    pub fn allows(&self, authorization: Option<&str>) -> bool {
        self.admits(authorization).is_some()
    }

    /// What an `Authorization` header lets in by.
    fn admits(&self, authorization: Option<&str>) -> Option<Admission> {
        if matches!(*self.0, Source::Open) {
            return Some(Admission { tokens: self.clone(), token: None });
        }
        let token = hashed(&presented(authorization?)?);
        let known = match &*self.0 {
            Source::Open => true,
            Source::Held(known) => among(&token, known),
            Source::File(file) => {
                let known = among(&token, &file.get(HELD_MAX)) || among(&token, &file.get(UNKNOWN_MIN));
                if !known {
                    file.doubt();
                }
                known
            }
        };
        known.then(|| Admission { tokens: self.clone(), token: Some(token) })
    }
}

/// By what a request was let in: to be looked at again while its answer lasts.
#[derive(Clone)]
pub struct Admission {
    tokens: Tokens,
    token: Option<Hashed>,
}

impl Admission {
    /// Ends when the token does not hold any more.
    pub async fn revoked(&self) {
        let (Source::File(file), Some(token)) = (&*self.tokens.0, &self.token) else {
            return std::future::pending().await;
        };
        // Not at once: an answer that is over soon was right when it was asked for, and is not worth a failed poll.
        loop {
            tokio::time::sleep(REVOKED_EVERY).await;
            if !among(token, &file.get(HELD_MAX)) {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admission")
    }
}

/// By what the guard let this request in.
pub fn admission<S>(request: &Request<S>) -> Admission {
    let open = || Admission { tokens: Tokens::open(), token: None };
    request.ext::<Admission>().cloned().unwrap_or_else(open)
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match *self.0 {
            Source::Open => "Tokens(open)",
            Source::Held(_) => "Tokens(held)",
            Source::File(_) => "Tokens(file)",
        })
    }
}

fn parse(content: &[u8], place: &str) -> Result<Vec<Hashed>> {
    let text = std::str::from_utf8(content)
        .map_err(|_| Error::invalid("the token file is not UTF-8 text").at(place).help("write one token a line"))?;
    let mut tokens = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let known: Vec<_> = tokens.by_ref().take(TOKENS_MAX).map(|token| hashed(token.as_bytes())).collect();
    match (known.is_empty(), tokens.count()) {
        (true, _) => tracing::warn!("{place} holds no token: no one is let in"),
        (false, 0) => {}
        (false, more) => tracing::warn!("{place}: only the first {TOKENS_MAX} tokens count, {more} more are ignored"),
    }
    Ok(known)
}

/// The token an `Authorization` header presents.
fn presented(authorization: &str) -> Option<Vec<u8>> {
    if authorization.len() > AUTHORIZATION_BYTES_MAX {
        return None;
    }
    let (scheme, rest) = authorization.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Some(rest.trim().as_bytes().to_vec())
    } else if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD.decode(rest.trim()).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        Some(pair[colon + 1..].to_vec())
    } else {
        None
    }
}

fn hashed(token: &[u8]) -> Hashed {
    Sha256::digest(token).into()
}

/// Compares with every known token, whichever fits: the time taken is the same.
fn among(token: &Hashed, known: &[Hashed]) -> bool {
    let found = known.iter().fold(Choice::from(0), |found, one| found | token.ct_eq(one));
    found.into()
}

/// Middleware that lets in who has a token, and answers 401 without a body to everyone else.
#[derive(Debug, Clone)]
pub struct Guard {
    tokens: Tokens,
    open: &'static [&'static str],
}

impl Guard {
    /// Guards every path.
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens, open: &[] }
    }
    /// Leaves these paths (compared whole) open to everyone.
    #[must_use]
    pub fn except(self, open: &'static [&'static str]) -> Self {
        Self { open, ..self }
    }
}

#[tide::utils::async_trait]
impl<S: Clone + Send + Sync + 'static> Middleware<S> for Guard {
    async fn handle(&self, mut request: Request<S>, next: Next<'_, S>) -> tide::Result {
        if self.open.contains(&request.url().path()) {
            return Ok(next.run(request).await);
        }
        // Two Authorization headers: no way to say which one is meant.
        let authorization = request.header("authorization").filter(|values| values.iter().count() == 1);
        let admission = self.tokens.admits(authorization.map(|values| values.last().as_str()));
        if let Some(admission) = admission {
            request.set_ext(admission);
            return Ok(next.run(request).await);
        }
        Ok(Response::builder(StatusCode::Unauthorized)
            .header("www-authenticate", "Bearer, Basic realm=\"infralogs\"")
            .build())
    }
}
