//! Sessions: a cookie that says who signed in and until when, signed so that nobody else can write one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use infralogs_core::{Error, Result, rotate::Told, time::Time};
use infralogs_http::reread::Reread;
use sha2::Sha256;
use std::{path::Path, time::Duration};
use tide::Request;

/// The cookie's name.
pub const NAME: &str = "infralogs_session";

/// How long a session lasts.
pub const SESSION: Duration = Duration::from_secs(12 * 3_600);

/// Keys that are accepted at once: one can be replaced without ending sessions.
const KEYS_MAX: usize = 2;

/// The shortest key, in bytes.
const KEY_BYTES_MIN: usize = 32;

/// How old the file of keys may be.
const KEYS_AGE_MAX: Duration = Duration::from_secs(1);

/// The longest cookie looked at, in bytes.
const COOKIE_BYTES_MAX: usize = 1_024;

/// What is signed for one purpose must not pass for another: a session of a person.
pub const SESSION_OF: &str = "infralogs session 1";

/// What a page of another site may do, followed by the dashboard.
pub const EMBED: &str = "infralogs embed 1";

type Key = Vec<u8>;

/// The keys: the first signs, all are accepted.
pub enum Keys {
    /// Until the program ends.
    Random(Key),
    /// Read again when it changes.
    File(Reread<Vec<Key>>),
}

impl Keys {
    /// A key that ends with the program.
    pub fn random() -> Self {
        Self::Random(rand::random::<[u8; 32]>().to_vec())
    }

    /// One key a line, `#` starts a comment; the first signs, the first two are accepted.
    ///
    /// # Errors
    /// `Invalid` if the file can't be read, holds no key or a short one.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let place = path.as_ref().display().to_string();
        let read = move |contents: &[Vec<u8>]| parse(&contents[0], &place);
        Ok(Self::File(Reread::new(vec![path.as_ref().to_owned()], read)?))
    }

    /// Keys told while running, such as a secret's value, written as in a file. No session opens before the first.
    ///
    /// # Errors
    /// `Invalid` if what was told so far holds a short key.
    pub fn told(place: &str, told: Told) -> Result<Self> {
        let named = place.to_owned();
        let read = move |contents: &[Vec<u8>]| match &*contents[0] {
            [] => Ok(Vec::new()),
            content => parse(content, &named),
        };
        Ok(Self::File(Reread::told(place, told, read)?))
    }

    /// What lets this user do something from now on, as long as what they signed in with holds.
    pub fn seal(&self, purpose: &str, user: &str, by: &[u8]) -> String {
        let until = Time::now().plus(SESSION).0 / 1_000_000;
        let said = format!("{until}.{}", URL_SAFE_NO_PAD.encode(user));
        let mac = self.each(|keys| keys.first().map(|key| mac(key, purpose, &said, by).finalize().into_bytes()));
        let mac = mac.map(|mac| URL_SAFE_NO_PAD.encode(mac)).unwrap_or_default();
        format!("{said}.{mac}")
    }

    /// Who signed in, if one of our keys signed it for this and something that still holds, and its time is not over.
    pub fn open<B: AsRef<[u8]>>(&self, purpose: &str, value: &str, holding: &[B]) -> Option<String> {
        let (said, signed) = value.rsplit_once('.').filter(|_| value.len() <= COOKIE_BYTES_MAX)?;
        let signed = URL_SAFE_NO_PAD.decode(signed).ok()?;
        let fits =
            |key: &Key| holding.iter().any(|by| mac(key, purpose, said, by.as_ref()).verify_slice(&signed).is_ok());
        let genuine = self.each(|keys| keys.iter().any(fits));
        if let (false, Self::File(file)) = (genuine, self) {
            file.doubt();
        }
        let (until, user) = said.split_once('.').filter(|_| genuine)?;
        let until: i64 = until.parse().ok()?;
        let user = String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()?;
        (until > Time::now().0 / 1_000_000).then_some(user)
    }

    fn each<T>(&self, with: impl FnOnce(&[Key]) -> T) -> T {
        match self {
            Self::Random(key) => with(std::slice::from_ref(key)),
            Self::File(file) => with(&file.get(KEYS_AGE_MAX)),
        }
    }
}

fn mac(key: &[u8], purpose: &str, said: &str, by: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(purpose.as_bytes());
    mac.update(b"\n");
    mac.update(said.as_bytes());
    mac.update(b"\n");
    mac.update(by);
    mac
}

fn parse(content: &[u8], place: &str) -> Result<Vec<Key>> {
    let text = std::str::from_utf8(content)
        .map_err(|_| Error::invalid("the file of cookie keys is not UTF-8 text").at(place))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Key> = lines.take(KEYS_MAX).map(|line| line.as_bytes().to_vec()).collect();
    if keys.is_empty() || keys.iter().any(|key| key.len() < KEY_BYTES_MIN) {
        let what = format!("a cookie key has at least {KEY_BYTES_MIN} characters");
        return Err(Error::invalid(what).at(place).help("write one a line, such as from `openssl rand -hex 32`"));
    }
    Ok(keys)
}

/// The session cookie of a request; none if it sent several.
pub fn presented<S>(request: &Request<S>) -> Option<String> {
    let all = request.header("cookie")?;
    let pairs = all.iter().flat_map(|line| line.as_str().split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value.to_owned());
    ours.next().filter(|_| ours.next().is_none())
}

/// The header that sets the cookie, or takes it away if the value is empty.
pub fn set(value: &str, encrypted: bool) -> String {
    let age = if value.is_empty() { 0 } else { SESSION.as_secs() };
    let secure = if encrypted { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_our_keys_signed_opens() {
        let (ours, others) = (Keys::random(), Keys::random());
        let sealed = ours.seal(SESSION_OF, "ada", b"one");
        assert_eq!(ours.open(SESSION_OF, &sealed, &[b"two", b"one"]).as_deref(), Some("ada"));
        assert_eq!(ours.open(SESSION_OF, &sealed, &[b"two"]), None, "its token is gone");
        assert_eq!(ours.open(EMBED, &sealed, &[b"one"]), None, "another purpose");
        assert_eq!(others.open(SESSION_OF, &sealed, &[b"one"]), None, "another key");
        for at in 0..sealed.len() {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(ours.open(SESSION_OF, &forged, &[b"one"]), None, "letter {at} changed: {forged}");
        }
        let said = format!("{}.{}", Time::now().0 / 1_000_000 - 1, URL_SAFE_NO_PAD.encode("ada"));
        let Keys::Random(key) = &ours else { unreachable!("made above") };
        let late =
            format!("{said}.{}", URL_SAFE_NO_PAD.encode(mac(key, SESSION_OF, &said, b"one").finalize().into_bytes()));
        assert_eq!(ours.open(SESSION_OF, &late, &[b"one"]), None, "its time is over");
    }
}
