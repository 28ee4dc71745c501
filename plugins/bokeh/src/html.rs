//! Text made harmless for each place it is written to: HTML, a tooltip template, a canvas label, CSS.

/// Text for HTML, also inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\0' => safe.push('\u{fffd}'),
            _ => safe.push(letter),
        }
    }
    safe
}

/// Text for a hover tooltip's template: HTML in which `@` and `$` begin no placeholder.
pub(crate) fn template(text: &str) -> String {
    escape(text).replace('@', "&#64;").replace('$', "&#36;")
}

/// Text for a label that BokehJS draws: it must not be taken for mathematics between `$$`, `\(` or `\[`,
/// which would need a bundle we don't ship. A space without width keeps the signs apart.
pub(crate) fn plain(text: &str) -> String {
    text.replace("$$", "$\u{200b}$").replace("\\(", "\\\u{200b}(").replace("\\[", "\\\u{200b}[").replace('\n', " ")
}

/// A CSS string, quotes included.
pub(crate) fn css_string(text: &str) -> String {
    let mut safe = String::from("\"");
    for letter in text.chars() {
        if letter.is_alphanumeric() || matches!(letter, ' ' | '.' | ',' | ':' | '-') {
            safe.push(letter);
        } else {
            safe.push_str(&format!("\\{:x} ", u32::from(letter)));
        }
    }
    safe.push('"');
    safe
}

/// At most so many characters; what is cut is shown by an ellipsis.
pub(crate) fn shorten(text: &str, length_max: usize) -> String {
    match text.char_indices().nth(length_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(length_max.saturating_sub(1)).chain(['…']).collect(),
    }
}
