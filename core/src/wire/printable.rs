//! Whether systemd writes a value as text or as counted bytes in its export format.

use super::escape;

/// systemd's own test: valid UTF-8 without control characters (a tab is none), line ends or the code points Unicode
/// keeps free of characters.
pub fn is_printable(bytes: &[u8]) -> bool {
    if escape::is_ascii_text(bytes) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    text.chars().all(|c| match c {
        '\t' => true,
        '\0'..' ' | '\x7f'..='\u{9f}' | '\u{fdd0}'..='\u{fdef}' => false,
        c => u32::from(c) & 0xfffe != 0xfffe,
    })
}
