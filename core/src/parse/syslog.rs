//! Reads syslog lines: RFC 5424, or RFC 3164 as programs really write it (`<PRI>` and host may be missing).

use super::{
    bytes::{find, find_any, find_either, same},
    convert::Reading,
    piece::{Form, Miss, Piece},
    scan::{Scan, dashed},
    spec::FieldType,
};
use crate::time::Time;

/// The fields, in the order of their pieces; named like an entry's own.
pub(crate) fn fields() -> [(&'static str, FieldType); FIELDS] {
    [
        ("facility", FieldType::Int),
        ("priority", FieldType::Int),
        ("time", FieldType::Time("syslog".into())),
        ("host", FieldType::Text),
        ("identifier", FieldType::Text),
        ("pid", FieldType::Int),
        ("message_id", FieldType::Text),
        ("structured", FieldType::Text),
        ("message", FieldType::Text),
    ]
}

/// How many pieces there are.
pub(crate) const FIELDS: usize = 9;
pub(crate) const FACILITY: usize = 0;
pub(crate) const PRIORITY: usize = 1;
pub(crate) const TIME: usize = 2;
pub(crate) const HOST: usize = 3;
pub(crate) const IDENTIFIER: usize = 4;
pub(crate) const PID: usize = 5;
const MESSAGE_ID: usize = 6;
const STRUCTURED: usize = 7;
pub(crate) const MESSAGE: usize = 8;

const WANTED: [&str; 4] =
    ["`<PRI>` with a number up to 191", "a time", "five words after the version", "the end of the structured part"];
const PRI: u16 = 0;
const CLOCK: u16 = 1;
const HEADER: u16 = 2;
const DATA_END: u16 = 3;

/// Bytes of `Mmm dd hh:mm:ss`.
const OLD_TIME_BYTES: usize = 15;
/// The longest tag before `[pid]:`, in bytes; longer words are text.
const TAG_BYTES_MAX: usize = 128;

/// What is asked for of the structured data: paths and the pieces they fill.
#[derive(Debug, Default)]
pub(crate) struct Structured(Vec<(Box<[u8]>, u16)>);

impl Structured {
    /// Adds `ID.NAME`, or `NAME` of any element.
    pub fn add(&mut self, path: &str, take: u16) {
        self.0.push((path.as_bytes().into(), take));
    }

    /// Takes what is asked for of the element whose name begins at `from`, and where it ends; `None` if it is not as
    /// RFC 5424 says. The first of a name counts.
    fn read(&self, bytes: &[u8], from: usize, pieces: &mut [Piece]) -> Option<usize> {
        let mut at = find_any(*b" ]\"", bytes, from)?;
        let id = &bytes[from..at];
        while bytes.get(at) == Some(&b' ') {
            let begin = at + 1;
            let equals = find_any(*b"=]\"", bytes, begin)?;
            let [b'=', b'"', ..] = bytes[equals..] else { return None };
            let name = &bytes[begin..equals];
            let (close, escaped) = quote_end(bytes, equals + 2)?;
            let form = if escaped { Form::Slashed } else { Form::Raw };
            for (_, take) in self.0.iter().filter(|(path, _)| is_path(path, id, name)) {
                let piece = &mut pieces[usize::from(*take)];
                if piece.form == Form::Absent {
                    *piece = Piece { from: equals as u32 + 2, to: close as u32, form };
                }
            }
            at = close + 1;
        }
        (bytes.get(at) == Some(&b']')).then_some(at + 1)
    }
}

/// Whether a path is `NAME` or `ID.NAME`.
fn is_path(path: &[u8], id: &[u8], name: &[u8]) -> bool {
    same(path, name)
        || path.len() == id.len() + 1 + name.len()
            && path[id.len()] == b'.'
            && same(&path[id.len() + 1..], name)
            && same(&path[..id.len()], id)
}

/// Fills the nine pieces, and those that are asked for of the structured data.
pub(crate) fn read(text: &str, structured: &Structured, pieces: &mut [Piece]) -> Result<(), Miss> {
    let mut scan = Scan::new(text);
    if scan.skip("<") {
        let digits = scan.until(b'>', PRI)?;
        let number = Some(digits.of(text)).filter(|digits| !digits.starts_with('+')).and_then(|d| d.parse().ok());
        let pri: u32 = number.filter(|pri| *pri <= 191).ok_or(Miss::new(1, PRI))?;
        pieces[FACILITY] = Piece { from: pri / 8, to: 0, form: Form::Number };
        pieces[PRIORITY] = Piece { from: pri % 8, to: 0, form: Form::Number };
    }
    let is_new =
        scan.rest().strip_prefix("1 ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    if is_new { new(&mut scan, structured, pieces) } else { old(&mut scan, pieces) }
}

/// What was missing, for a message.
pub(crate) fn wanted(miss: Miss) -> &'static str {
    WANTED.get(usize::from(miss.wanted)).copied().unwrap_or("")
}

/// Whether a line that was read has a time that is one.
pub(crate) fn is_timed(text: &str, pieces: &[Piece; FIELDS]) -> bool {
    let reading = Reading::compile(&FieldType::Time("syslog".into())).ok();
    reading.is_some_and(|reading| reading.time(pieces[TIME].of(text), Time::default()).is_some())
}

/// RFC 5424: `1 TIME HOST APP PROCID MSGID [data] text`.
fn new(scan: &mut Scan<'_>, structured: &Structured, pieces: &mut [Piece]) -> Result<(), Miss> {
    scan.at += 2;
    for index in [TIME, HOST, IDENTIFIER, PID, MESSAGE_ID] {
        pieces[index] = dashed(scan.until(b' ', HEADER)?, scan.text);
    }
    pieces[PID] = number(pieces[PID], scan.text);
    let from = scan.at;
    if !scan.skip("-") {
        while scan.rest().starts_with('[') {
            let asked = !structured.0.is_empty();
            let end = asked.then(|| structured.read(scan.text.as_bytes(), scan.at + 1, pieces)).flatten();
            scan.at = end.or_else(|| data_end(scan)).ok_or(scan.miss(DATA_END))?;
        }
        if scan.at == from {
            return Err(scan.miss(DATA_END));
        }
        pieces[STRUCTURED] = Piece::raw(from, scan.at);
    }
    if !scan.rest().is_empty() {
        scan.expect(" ", DATA_END)?;
        scan.skip("\u{feff}");
        pieces[MESSAGE] = Piece::raw(scan.at, scan.text.len());
    }
    Ok(())
}

/// Behind the `]` that closes one element; quoted values may hold `]`, `\` escapes.
fn data_end(scan: &Scan<'_>) -> Option<usize> {
    let bytes = scan.text.as_bytes();
    let mut at = scan.at;
    loop {
        at = find_either(b'"', b']', bytes, at)?;
        if bytes[at] == b']' {
            return Some(at + 1);
        }
        at = quote_end(bytes, at + 1)?.0 + 1;
    }
}

/// The quote that ends a value which begins at `at`, and whether there are escapes before it.
#[inline]
fn quote_end(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = find_either(b'"', b'\\', bytes, at)?;
        if bytes[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// RFC 3164: `Mmm dd hh:mm:ss HOST TAG[PID]: text`; rsyslog writes RFC 3339 times there too.
fn old(scan: &mut Scan<'_>, pieces: &mut [Piece]) -> Result<(), Miss> {
    let from = scan.at;
    if scan.rest().starts_with(|c: char| c.is_ascii_digit()) {
        pieces[TIME] = scan.until(b' ', CLOCK)?;
        let time = pieces[TIME].of(scan.text).as_bytes();
        if time.len() < 20 || time[4] != b'-' {
            return Err(Miss::new(from, CLOCK));
        }
    } else {
        let time = scan.rest().as_bytes().get(..OLD_TIME_BYTES).ok_or(Miss::new(from, CLOCK))?;
        if time[3] != b' ' || time[6] != b' ' || time[9] != b':' || time[12] != b':' || !time.is_ascii() {
            return Err(Miss::new(from, CLOCK));
        }
        pieces[TIME] = Piece::raw(from, from + OLD_TIME_BYTES);
        scan.at += OLD_TIME_BYTES;
        scan.expect(" ", CLOCK)?;
    }
    if !tag(scan, pieces) {
        let to = find(b' ', scan.text.as_bytes(), scan.at).unwrap_or(scan.text.len());
        pieces[HOST] = Piece::raw(scan.at, to);
        scan.at = to;
        scan.skip(" ");
        tag(scan, pieces);
    }
    pieces[MESSAGE] = Piece::raw(scan.at, scan.text.len());
    Ok(())
}

/// `TAG:` or `TAG[PID]:` and a space, if they stand here.
fn tag(scan: &mut Scan<'_>, pieces: &mut [Piece]) -> bool {
    let bytes = scan.rest().as_bytes();
    let stops = |byte: &u8| matches!(byte, b' ' | b':' | b'[');
    let Some(length) = bytes.iter().take(TAG_BYTES_MAX).position(stops).filter(|length| *length > 0) else {
        return false;
    };
    let mut after = length;
    if bytes[length] == b'[' {
        let Some(close) = memchr::memchr(b']', &bytes[length..]) else { return false };
        pieces[PID] = number(Piece::raw(scan.at + length + 1, scan.at + length + close), scan.text);
        after = length + close + 1;
    }
    if bytes.get(after) != Some(&b':') {
        pieces[PID] = Piece::default();
        return false;
    }
    pieces[IDENTIFIER] = Piece::raw(scan.at, scan.at + length);
    scan.at += after + 1;
    scan.skip(" ");
    true
}

/// A piece that is not there unless it is a short number.
fn number(piece: Piece, text: &str) -> Piece {
    let digits = piece.of(text);
    let is_number = (1..=10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { piece } else { Piece::default() }
}
