//! Ids: path-like, stable while a title or a series keeps its name, and harmless whatever a log line holds.

use std::collections::HashSet;

/// The longest part of an id that comes from a name.
const NAME_LENGTH_MAX: usize = 60;

/// Ids that models shared by all panels have; no panel may take them.
const TAKEN: [&str; 4] = ["time", "crosshair", "shared", "config"];

/// Gives each name a word of its own: `Errors by host` → `errors-by-host`, the next alike `errors-by-host-2`.
#[derive(Debug, Default)]
pub(crate) struct Words {
    used: HashSet<String>,
}

impl Words {
    /// Words for the roots of a page.
    pub(crate) fn for_roots() -> Self {
        Self { used: TAKEN.iter().map(|word| (*word).to_owned()).collect() }
    }

    /// A word nobody else got here.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let slug = slug(name);
        let mut word = slug.clone();
        let mut count = 1;
        while !self.used.insert(word.clone()) {
            count += 1;
            word = format!("{slug}-{count}");
        }
        word
    }
}

/// Lower-case letters, digits, dots and single dashes. Other scripts' letters stay.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            _ if slug.len() >= NAME_LENGTH_MAX => break,
            _ if letter.is_alphanumeric() || letter == '.' || letter == '_' => slug.push(letter),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let trimmed = slug.trim_end_matches('-');
    if trimmed.is_empty() { "panel".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stable_and_never_meet() {
        let mut words = Words::for_roots();
        let taken =
            ["Errors by host", "errors  by/host!", "Time", "<script>", "…", "Größe", "…"].map(|n| words.take(n));
        assert_eq!(taken, ["errors-by-host", "errors-by-host-2", "time-2", "script", "panel", "größe", "panel-2"]);
    }
}
