//! Writes bytes as a JSON string, fast where nothing needs escaping.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A value longer than this with control characters goes as base64, so that a line never grows to more than about
/// twice its entry. In bytes.
const ESCAPED_BYTES_MAX: usize = 1 << 10;

/// How many bytes are looked at together; the loop over them becomes vector instructions.
const BLOCK_BYTES: usize = 32;

/// A field's value: a string, or `{"$b64":"…"}` for bytes that are no UTF-8.
pub fn write_value(value: &[u8], out: &mut Vec<u8>) {
    if is_plain(value) {
        quote(value, out);
    } else if std::str::from_utf8(value).is_ok() && !(value.len() > ESCAPED_BYTES_MAX && has_control(value)) {
        write_escaped(value, out);
    } else {
        out.extend_from_slice(b"{\"$b64\":");
        let from = out.len();
        out.resize(from + value.len().div_ceil(3) * 4 + 2, b'"');
        let end = out.len() - 1;
        // The room is exactly what base64 needs, so this can't fail.
        let _ = STANDARD.encode_slice(value, &mut out[from + 1..end]);
        out.push(b'}');
    }
}

/// A string, for bytes known to be UTF-8.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    if is_plain(text.as_bytes()) { quote(text.as_bytes(), out) } else { write_escaped(text.as_bytes(), out) }
}

fn quote(plain: &[u8], out: &mut Vec<u8>) {
    out.reserve(plain.len() + 2);
    out.push(b'"');
    out.extend_from_slice(plain);
    out.push(b'"');
}

/// Whether all bytes are ASCII that stands for itself in a JSON string.
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |found: bool, byte: &u8| found | (*byte < 0x20) | (*byte >= 0x7f) | (*byte == b'"') | (*byte == b'\\');
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    blocks.iter().all(|block| !block.iter().fold(false, odd)) && !rest.iter().fold(false, odd)
}

/// Whether all bytes are printable ASCII or tabs.
pub fn is_ascii_text(bytes: &[u8]) -> bool {
    let odd = |found: bool, byte: &u8| found | ((*byte < 0x20) & (*byte != b'\t')) | (*byte >= 0x7f);
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    blocks.iter().all(|block| !block.iter().fold(false, odd)) && !rest.iter().fold(false, odd)
}

/// Whether it has characters that need six bytes each.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte < 0x20 && short(*byte).is_none())
}

/// The letter of a two-character escape.
fn short(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => return None,
    })
}

fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + bytes.len() / 8 + 2);
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match short(*byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => {
                out.extend_from_slice(b"\\u00");
                out.push(b'0' + (byte >> 4));
                out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
