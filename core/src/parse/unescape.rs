//! Escaped text made plain: JSON's escapes, CSV's doubled quotes, journalctl's indented lines.

use super::piece::{Form, Piece};

/// Appends the plain text of a piece of `text`; it is never longer than the piece.
pub(crate) fn unescape(piece: Piece, text: &str, out: &mut String) {
    let written = piece.of(text);
    match piece.form {
        Form::Escaped => json(written, out),
        Form::Slashed => {
            let mut rest = written;
            while let Some(at) = rest.find('\\') {
                let escapes = rest[at + 1..].starts_with(['"', '\\', ']']);
                out.push_str(&rest[..at + usize::from(!escapes)]);
                let kept = at + 1 + usize::from(escapes);
                out.push_str(&rest[at + 1..kept]);
                rest = &rest[kept..];
            }
            out.push_str(rest);
        }
        Form::Doubled => {
            let mut rest = written;
            while let Some(at) = rest.find("\"\"") {
                out.push_str(&rest[..=at]);
                rest = &rest[at + 2..];
            }
            out.push_str(rest);
        }
        Form::Indented => {
            let before = text.get(..piece.from as usize).unwrap_or("");
            let indent = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
            for (nth, line) in written.split('\n').enumerate() {
                let blanks = line.bytes().take(indent).take_while(|byte| *byte == b' ').count();
                out.push_str(if nth == 0 { "" } else { "\n" });
                out.push_str(if nth == 0 { line } else { &line[blanks..] });
            }
        }
        _ => out.push_str(written),
    }
}

/// Unknown escapes stay as they are; half a surrogate pair becomes U+FFFD.
pub(crate) fn json(text: &str, out: &mut String) {
    parts(text, &mut |part| out.push_str(part));
}

/// Whether a text with JSON's escapes means another.
pub(crate) fn json_is(text: &str, wanted: &str) -> bool {
    let mut rest = Some(wanted);
    parts(text, &mut |part| rest = rest.and_then(|rest| rest.strip_prefix(part)));
    rest == Some("")
}

/// Hands over the plain text piece by piece.
fn parts(text: &str, out: &mut impl FnMut(&str)) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(sign) = after.chars().next() else {
            out("\\");
            return;
        };
        rest = &after[sign.len_utf8()..];
        match sign {
            'n' => out("\n"),
            't' => out("\t"),
            'r' => out("\r"),
            'b' => out("\u{8}"),
            'f' => out("\u{c}"),
            'u' => rest = unicode(rest, out),
            '"' | '\\' | '/' => out(&after[..1]),
            other => {
                out("\\");
                out(&after[..other.len_utf8()]);
            }
        }
    }
    out(rest);
}

/// Reads what follows `\u`, with the second half of a pair; returns what comes after.
fn unicode<'t>(rest: &'t str, out: &mut impl FnMut(&str)) -> &'t str {
    let Some((first, after)) = hex4(rest) else {
        out("\\u");
        return rest;
    };
    let (code, after) = match after.strip_prefix("\\u").and_then(hex4) {
        Some((second, end)) if (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second) => {
            (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), end)
        }
        _ => (first, after),
    };
    out(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]));
    after
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(|code| (code, &text[4..]))
}
