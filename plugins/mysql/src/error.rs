//! The server's errors as ours: what is tried again, what needs other credentials, what no row can pass.

use infralogs_core::error::{Error, Kind};
use mysql::{DriverError, Error as Driver};

/// Lock waits, deadlocks, certification failures, a node that is not ready, shutdown, too many connections: try again.
const RETRY: [u16; 13] = [1040, 1047, 1053, 1077, 1158, 1159, 1160, 1161, 1180, 1205, 1213, 1927, 3101];
/// The login or a right is gone: new credentials.
const DENIED: [u16; 11] = [1044, 1045, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 4151];
/// The server takes no writes: it is a replica now, or set so: find the primary.
const READ_ONLY: [u16; 3] = [1290, 1792, 1836];
/// The query took longer than it may, or was ended by somebody.
const INTERRUPTED: [u16; 4] = [1317, 1907, 1969, 3024];
/// One row's values are refused whatever is tried: too long, out of range, a constraint, no partition, a trigger.
const ROW: [u16; 20] = [
    1048, 1062, 1054, 1136, 1153, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1526, 1586, 1644, 1690, 3140, 3819, 4025,
    4078,
];
/// `LOAD DATA LOCAL` is switched off.
const NO_LOCAL: [u16; 3] = [1148, 3948, 4166];
/// How TLS begins to say that a certificate is not vouched for.
const WRONG_CERTIFICATE: &str = "invalid peer certificate";
/// The disk or the table space is full.
const FULL: [u16; 3] = [1021, 1030, 1114];

/// What a failure of `doing` means to the caller. The driver's words hold no password.
pub(crate) fn failed(doing: &str) -> impl Fn(Driver) -> Error + '_ {
    move |error| {
        let (kind, help) = class(&error);
        let what = match kind {
            _ if is_wrong_certificate(&error) => format!("{doing} failed: the database's certificate is refused"),
            Kind::Unavailable if code(&error).is_none() => format!("{doing} failed: the database can't be reached"),
            _ => format!("{doing} failed"),
        };
        let words = error.to_string();
        // The driver wraps what TLS says into two errors of its own.
        let words = match words.find(WRONG_CERTIFICATE).filter(|_| is_wrong_certificate(&error)) {
            Some(at) => words[at..].trim_end_matches(['}', '\'', ' ']).to_owned(),
            None => words,
        };
        Error::new(kind, what).because(Words(words)).help(help)
    }
}

fn class(error: &Driver) -> (Kind, &'static str) {
    let Some(code) = code(error) else {
        return match error {
            Driver::UrlError(_) => (Kind::Invalid, "write mysql://USER@HOST:3306/DATABASE"),
            Driver::DriverError(DriverError::TlsNotSupported) => {
                (Kind::Unavailable, "ca_file asks for TLS, which this server does not speak: give it a certificate")
            }
            Driver::DriverError(DriverError::CouldNotConnect(_) | DriverError::ConnectTimeout) => {
                (Kind::Unavailable, "check that the database runs, its address and the way there; it is tried again")
            }
            _ if is_wrong_certificate(error) => (
                Kind::Unavailable,
                "put the authority that signed the server's certificate into ca_file, and connect by a name that stands in it",
            ),
            Driver::TlsError(_) => (Kind::Unavailable, "check the server's certificate against ca_file"),
            Driver::FromValueError(_) | Driver::FromRowError(_) => (Kind::Corrupt, "a stored value has another type"),
            _ => (Kind::Unavailable, "it is tried again"),
        };
    };
    match code {
        _ if RETRY.contains(&code) => (Kind::Unavailable, "it is tried again"),
        _ if DENIED.contains(&code) => (Kind::Denied, "check user, password and rights in the database"),
        _ if READ_ONLY.contains(&code) => {
            (Kind::Unavailable, "this server takes no writes: name the primary in `store`")
        }
        _ if FULL.contains(&code) || is_no_room(error) => {
            (Kind::Unavailable, "make room on the database's disk; it is tried again")
        }
        _ if INTERRUPTED.contains(&code) => (Kind::Limit, "ask for a shorter time or fewer records"),
        1049 => (Kind::Invalid, "make the database: CREATE DATABASE … CHARACTER SET utf8mb4"),
        1146 => (Kind::Unavailable, "it is made before the next records are stored"),
        _ if ROW.contains(&code) => (Kind::Poison, "the row's values don't fit the table"),
        _ => (Kind::Failed, "the server's words tell more"),
    }
}

/// Whether the server's certificate is not one that `ca_file` vouches for: the driver tells it only in words.
fn is_wrong_certificate(error: &Driver) -> bool {
    code(error).is_none() && error.to_string().contains(WRONG_CERTIFICATE)
}

/// The server's error code, if it was the server who said it.
pub(crate) fn code(error: &Driver) -> Option<u16> {
    if let Driver::MySqlError(error) = error { Some(error.code) } else { None }
}

/// Whether a table could not be made for want of room, which has no code of its own.
fn is_no_room(error: &Driver) -> bool {
    matches!(error, Driver::MySqlError(error) if error.code == 1005
        && ["errno: 135 ", "errno: 28 "].iter().any(|number| error.message.contains(number)))
}

/// Whether a statement failed for one of its rows.
pub(crate) fn is_row(error: &Driver) -> bool {
    code(error).is_some_and(|code| ROW.contains(&code))
}

/// Whether `LOAD DATA LOCAL` is not to be had.
pub(crate) fn is_no_local(error: &Driver) -> bool {
    code(error).is_some_and(|code| NO_LOCAL.contains(&code))
}

/// A table or column that is not there (yet).
pub(crate) fn is_not_there(error: &Driver) -> bool {
    code(error).is_some_and(|code| matches!(code, 1054 | 1146))
}

/// The cause as text: the driver's own error may hold values.
#[derive(Debug)]
struct Words(String);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Words {}
