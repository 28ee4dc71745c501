//! SQLite's errors as ours.

use infralogs_core::error::{Error, Kind};
use rusqlite::{Error as Sqlite, ErrorCode};

/// What a failure of `doing` means to the caller.
pub(crate) fn failed(doing: &str) -> impl Fn(Sqlite) -> Error + '_ {
    move |error| {
        let (kind, help) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (Kind::Unavailable, "another program holds the file; it is tried again")
            }
            Some(ErrorCode::DiskFull) => (Kind::Unavailable, "make room on the disk; it is tried again"),
            Some(ErrorCode::SystemIoFailure) => (Kind::Unavailable, "look at the disk; it is tried again"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                (Kind::Invalid, "name a file in a folder you may write to")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                (Kind::Corrupt, "this is no (whole) SQLite file; move it away and start anew")
            }
            Some(ErrorCode::OperationInterrupted) => (Kind::Limit, "ask for a shorter time or fewer records"),
            _ => return other(doing, error),
        };
        Error::new(kind, format!("{doing} failed")).because(error).help(help)
    }
}

fn other(doing: &str, error: Sqlite) -> Error {
    let text = error.to_string();
    if text.contains("no such table") || text.contains("no such column") {
        return Error::unavailable("the table or one of its columns is not in the store yet")
            .because(error)
            .help("it is made before the next records are stored");
    }
    Error::failed(format!("{doing} failed")).because(error)
}
