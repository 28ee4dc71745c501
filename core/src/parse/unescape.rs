//! Escaped text made plain: JSON's escapes, CSV's doubled quotes, journalctl's indented lines.

use super::piece::{Form, Piece};

/// Appends the plain text of a piece of `text`; it is never longer than the piece.
pub(crate) fn unescape(piece: Piece, text: &str, out: &mut String) {
    let written = piece.of(text);
    match piece.form {
        Form::Escaped => json(written, out),
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
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(sign) = after.chars().next() else {
            out.push('\\');
            return;
        };
        rest = &after[sign.len_utf8()..];
        match sign {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            '"' | '\\' | '/' => out.push(sign),
            'u' => rest = unicode(rest, out),
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out.push_str(rest);
}

/// Reads what follows `\u`, with the second half of a pair; returns what comes after.
fn unicode<'t>(rest: &'t str, out: &mut String) -> &'t str {
    let Some((first, after)) = hex4(rest) else {
        out.push_str("\\u");
        return rest;
    };
    if (0xd800..0xdc00).contains(&first)
        && let Some((second, end)) = after.strip_prefix("\\u").and_then(hex4)
        && (0xdc00..0xe000).contains(&second)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return end;
    }
    out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    after
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(|code| (code, &text[4..]))
}
