//! Inserts the rows of a sheet: LOAD DATA LOCAL from memory, or prepared multi-row inserts where that is refused.
//!
//! LOCAL implies IGNORE: bad rows and duplicates are dropped while the statement says OK. So a load counts only if
//! every row arrived and nothing was warned of.

use crate::{
    error::{failed, is_no_local, is_row},
    pool::Session,
};
use infralogs_core::{
    error::{Error, Kind, Result},
    sql::{Dialect, write::Sheet},
    value::Value,
};
use mysql::{LocalInfileHandler, prelude::Queryable};
use std::{fmt::Write as _, ops::Range, sync::mpsc::sync_channel};

/// The most rows of a batch that may be refused one by one; beyond that the table itself is wrong.
const REFUSED_MAX: usize = 1_000;
/// The most bytes of one multi-row insert.
const INSERT_BYTES_MAX: usize = 4 << 20;
/// Rows of multi-row inserts: few sizes, so that few statements are prepared.
const INSERT_ROWS: [usize; 4] = [512, 64, 8, 1];
/// The most parameters of one statement.
const PARAMETERS_MAX: usize = 60_000;

/// Rows are written to the server in pieces of about so many bytes, so many of which may wait for it.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_MAX: usize = 8;

/// A row that no table took, and why.
pub(crate) struct Refused {
    pub row: usize,
    pub reason: String,
}

enum Stop {
    /// Some row of these was not taken.
    Rows(String),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Inserts all rows but those refused, inside the open transaction.
pub(crate) fn insert(session: &mut Session, sheet: &Sheet<'_>) -> Result<Vec<Refused>> {
    let mut refused = Vec::new();
    let mut open: Vec<Range<usize>> = std::iter::once(0..sheet.len()).collect();
    while let Some(range) = open.pop() {
        let reason = match try_range(session, sheet, range.clone()) {
            Ok(()) => continue,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Rows(reason)) => reason,
        };
        if range.len() > 1 {
            let middle = range.start + range.len() / 2;
            open.extend([middle..range.end, range.start..middle]);
            continue;
        }
        refused.push(Refused { row: range.start, reason });
        if refused.len() > REFUSED_MAX {
            let what = format!("over {REFUSED_MAX} rows of one batch were refused by table `{}`", sheet.table);
            return Err(Error::new(Kind::Poison, what).help("look at its columns, constraints and triggers"));
        }
    }
    Ok(refused)
}

/// Inserts a range wholly, or leaves the transaction as it was.
fn try_range(session: &mut Session, sheet: &Sheet<'_>, range: Range<usize>) -> Result<(), Stop> {
    let doing = format!("storing rows of `{}`", sheet.table);
    session.conn.query_drop("SAVEPOINT rows_of").map_err(failed(&doing))?;
    let result = if session.local { load(session, sheet, range) } else { multi_row(session, sheet, range) };
    if let Err(Stop::Rows(_)) = &result {
        session.conn.query_drop("ROLLBACK TO SAVEPOINT rows_of").map_err(failed(&doing))?;
    }
    result
}

fn load(session: &mut Session, sheet: &Sheet<'_>, range: Range<usize>) -> Result<(), Stop> {
    let doing = format!("loading rows of `{}`", sheet.table);
    let rows = range.len() as u64;
    let sql = format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET {} FIELDS TERMINATED BY '\\t' \
         ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({})",
        Dialect::Mysql.quote(sheet.table),
        charset(session, sheet.table)?,
        columns(sheet)
    );
    // Written while the server reads what was written before.
    let (send, chunks) = sync_channel::<Vec<u8>>(CHUNKS_MAX);
    let (loaded, written) = std::thread::scope(|scope| {
        let again = range.clone();
        let writing = scope.spawn(move || lines(sheet, again, &mut |chunk| send.send(chunk).is_ok()));
        session.conn.set_local_infile_handler(Some(LocalInfileHandler::new(move |_, stream| {
            chunks.iter().try_for_each(|chunk| std::io::Write::write_all(stream, &chunk))
        })));
        let loaded = session.conn.query_drop(sql);
        // Ends the writing if nobody reads it.
        session.conn.set_local_infile_handler(None);
        (loaded, writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    if loaded.is_ok() {
        written?;
    }
    match loaded {
        Ok(()) if session.conn.affected_rows() == rows && session.conn.warnings() == 0 => Ok(()),
        Ok(()) => {
            let warning: Option<(String, u16, String)> =
                session.conn.query_first("SHOW WARNINGS LIMIT 1").map_err(failed(&doing))?;
            Err(Stop::Rows(warning.map_or_else(|| "the row was not taken".into(), |(_, _, words)| words)))
        }
        Err(error) if is_no_local(&error) => {
            tracing::info!(%error, "LOAD DATA LOCAL is refused; rows are inserted");
            session.local = false;
            multi_row(session, sheet, range)
        }
        Err(error) if is_row(&error) => Err(Stop::Rows(error.to_string())),
        Err(error) => Err(Stop::Failed(failed(&doing)(error))),
    }
}

/// Where every column takes UTF-8, its bytes are read as bytes, which costs the server a seventh less than as characters.
/// A column that somebody gave another character set needs them converted.
fn charset(session: &mut Session, table: &str) -> Result<&'static str> {
    let charset = match session.charsets.get(table) {
        Some(known) => *known,
        None => {
            let sql = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() \
                       AND table_name = ? AND character_set_name <> 'utf8mb4'";
            let others: Option<u64> =
                session.conn.exec_first(sql, (table,)).map_err(failed("looking for other character sets"))?;
            if others == Some(0) { "binary" } else { "utf8mb4" }
        }
    };
    session.charsets.insert(table.to_owned(), charset);
    Ok(charset)
}

/// Rows as LOAD DATA reads them, in chunks given to `take` until it says that it wants no more.
fn lines(sheet: &Sheet<'_>, range: Range<usize>, take: &mut dyn FnMut(Vec<u8>) -> bool) -> Result<()> {
    let mut text = Vec::with_capacity(CHUNK_BYTES * 2);
    let mut number = String::new();
    sheet.each(range, &mut |row| {
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                text.push(b'\t');
            }
            number.clear();
            // Writing to a String does not fail.
            let _ = match value {
                Value::Missing => number.write_str("\\N"),
                Value::Bool(truth) => number.write_str(if *truth { "1" } else { "0" }),
                Value::Int(int) => write!(number, "{int}"),
                Value::Float(float) => write!(number, "{float:e}"),
                Value::Text(word) => {
                    push_escaped(&mut text, word.as_bytes());
                    Ok(())
                }
            };
            text.extend_from_slice(number.as_bytes());
        }
        text.push(b'\n');
        if text.len() < CHUNK_BYTES || take(std::mem::replace(&mut text, Vec::with_capacity(CHUNK_BYTES * 2))) {
            return Ok(());
        }
        Err(Error::failed("the server reads no more rows"))
    })?;
    take(text);
    Ok(())
}

fn push_escaped(text: &mut Vec<u8>, word: &[u8]) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'\t' | b'\n' | 0 | 0x1a | b'\r');
    let mut rest = word;
    while let Some(at) = rest.iter().position(special) {
        text.extend_from_slice(&rest[..at]);
        let letter = match rest[at] {
            b'\t' => b't',
            b'\n' => b'n',
            b'\r' => b'r',
            0 => b'0',
            0x1a => b'Z',
            other => other,
        };
        text.extend_from_slice(&[b'\\', letter]);
        rest = &rest[at + 1..];
    }
    text.extend_from_slice(rest);
}

fn multi_row(session: &mut Session, sheet: &Sheet<'_>, range: Range<usize>) -> Result<(), Stop> {
    let mut at = range.start;
    while at < range.end {
        let fits = |rows: &&usize| **rows <= range.end - at && **rows * sheet.columns.len() <= PARAMETERS_MAX;
        let rows = INSERT_ROWS.iter().find(fits).copied().unwrap_or(1);
        at = insert_some(session, sheet, at..at + rows)?;
    }
    Ok(())
}

/// Inserts the rows of a range, or its first few if they are large; where to go on.
fn insert_some(session: &mut Session, sheet: &Sheet<'_>, range: Range<usize>) -> Result<usize, Stop> {
    let mut values: Vec<mysql::Value> = Vec::with_capacity(range.len() * sheet.columns.len());
    let (mut bytes, mut rows, mut full) = (0, 0, false);
    let most = session.row_bytes_max.min(INSERT_BYTES_MAX);
    sheet.each(range.clone(), &mut |row| {
        let more = bytes_of(row);
        full |= rows > 0 && bytes + more > most;
        if !full {
            bytes += more;
            values.extend(row.iter().map(bound));
            rows += 1;
        }
        Ok(())
    })?;
    if bytes > session.row_bytes_max {
        return Err(Stop::Rows(format!("{bytes} bytes are more than the server takes at once (max_allowed_packet)")));
    }
    let marks = format!("({})", vec!["?"; sheet.columns.len()].join(", "));
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {}",
        Dialect::Mysql.quote(sheet.table),
        columns(sheet),
        vec![marks.as_str(); rows].join(", ")
    );
    match session.conn.exec_drop(sql, values) {
        Ok(()) => Ok(range.start + rows),
        Err(error) if is_row(&error) => Err(Stop::Rows(error.to_string())),
        Err(error) => Err(Stop::Failed(failed("inserting rows")(error))),
    }
}

fn columns(sheet: &Sheet<'_>) -> String {
    let names: Vec<String> = sheet.columns.iter().map(|column| Dialect::Mysql.quote(&column.name)).collect();
    names.join(", ")
}

/// What a row takes on its way, about.
pub(crate) fn bytes_of(row: &[Value<'_>]) -> usize {
    row.iter().map(|value| if let Value::Text(text) = value { text.len() + 9 } else { 9 }).sum()
}

/// Our value as the driver takes it.
pub(crate) fn bound(value: &Value<'_>) -> mysql::Value {
    match value {
        Value::Missing => mysql::Value::NULL,
        Value::Bool(truth) => mysql::Value::Int(i64::from(*truth)),
        Value::Int(int) => mysql::Value::Int(*int),
        Value::Float(float) => mysql::Value::Double(*float),
        Value::Text(text) => mysql::Value::Bytes(text.as_bytes().to_vec()),
    }
}
