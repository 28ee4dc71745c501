//! Reads the access logs of nginx and Apache: combined, and common for Apache.

use super::{
    bytes::{find, find_either},
    piece::{Form, Miss, Piece},
    scan::{Scan, dashed},
    spec::FieldType,
};

/// The fields, in the order of their pieces. The client of an Apache log may be a name.
pub(crate) fn fields(client: FieldType) -> [(&'static str, FieldType); 11] {
    [
        ("ip", client),
        ("ident", FieldType::Text),
        ("user", FieldType::Text),
        ("time", FieldType::Time("nginx".into())),
        ("method", FieldType::Text),
        ("path", FieldType::Text),
        ("protocol", FieldType::Text),
        ("status", FieldType::Int),
        ("bytes", FieldType::Bytes),
        ("referer", FieldType::Text),
        ("agent", FieldType::Text),
    ]
}

const WANTED: [&str; 6] = [
    "client, identity and user with spaces between them",
    "the time in brackets",
    "the request in quotes",
    "status and bytes",
    "the referer in quotes",
    "the user agent in quotes",
];

/// Fills the eleven pieces. What follows the user agent is not looked at; without referer and agent it is the
/// common format, which only fits if `common` says so. A request that is not `METHOD path PROTOCOL` is all path.
pub(crate) fn read(text: &str, common: bool, pieces: &mut [Piece]) -> Result<(), Miss> {
    let mut scan = Scan::new(text);
    for (index, byte) in [b' ', b' '].into_iter().enumerate() {
        pieces[index] = dashed(scan.until(byte, 0)?, text);
    }
    // A user name may have spaces in it.
    let rest = scan.rest().as_bytes();
    let bracket = memchr::memchr_iter(b'[', rest).find(|at| *at > 0 && rest[at - 1] == b' ');
    let user = bracket.ok_or(scan.miss(0))? - 1;
    pieces[2] = dashed(Piece::raw(scan.at, scan.at + user), text);
    scan.at += user + 2;
    pieces[3] = scan.until(b']', 1)?;
    scan.expect(" \"", 2)?;
    let request = quoted(&mut scan, 2)?;
    split_request(request, text, pieces);
    scan.expect(" ", 3)?;
    pieces[7] = scan.until(b' ', 3)?;
    let (bytes, after) = word(&scan);
    pieces[8] = dashed(bytes, text);
    scan.at = after;
    if common && scan.rest().trim_ascii().is_empty() {
        return Ok(());
    }
    for (index, wanted) in [(9, 4), (10, 5)] {
        scan.expect(" \"", wanted)?;
        pieces[index] = dashed(quoted(&mut scan, wanted)?, text);
    }
    Ok(())
}

/// What was missing, for a message.
pub(crate) fn wanted(miss: Miss) -> &'static str {
    WANTED.get(usize::from(miss.wanted)).copied().unwrap_or("")
}

/// Up to the next space or the end.
fn word(scan: &Scan<'_>) -> (Piece, usize) {
    let to = find(b' ', scan.text.as_bytes(), scan.at).unwrap_or(scan.text.len());
    (Piece::raw(scan.at, to), to)
}

/// Up to a quote that has no backslash before it.
fn quoted(scan: &mut Scan<'_>, wanted: u16) -> Result<Piece, Miss> {
    let bytes = scan.text.as_bytes();
    let from = scan.at;
    let mut at = from;
    while let Some(found) = find_either(b'"', b'\\', bytes, at) {
        if bytes[found] == b'"' {
            scan.at = found + 1;
            return Ok(Piece::raw(from, found));
        }
        at = found + 2;
    }
    Err(Miss::new(from, wanted))
}

fn split_request(request: Piece, text: &str, pieces: &mut [Piece]) {
    let bytes = request.of(text).as_bytes();
    let from = request.from as usize;
    let (first, last) = (find(b' ', bytes, 0), memchr::memrchr(b' ', bytes));
    match (first, last) {
        (Some(first), Some(last)) if first < last && bytes[last + 1..].starts_with(b"HTTP/") => {
            pieces[4] = Piece::raw(from, from + first);
            pieces[5] = Piece::raw(from + first + 1, from + last);
            pieces[6] = Piece::raw(from + last + 1, request.to as usize);
        }
        _ => pieces[5] = if bytes.is_empty() { Piece { form: Form::Absent, ..request } } else { dashed(request, text) },
    }
}
