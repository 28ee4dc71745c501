//! Names for guessed fields: from the word before them, or from what they are.

use super::token::LEVELS;
use infralogs_core::parse::spec::FieldType;
use std::collections::BTreeSet;

/// Names that mean something else in SQL or in an entry; a guessed field of that name gets `_value` behind it.
const TAKEN: [&str; 6] = ["host", "boot", "cursor", "id", "script", "entry"];
/// Words before a value that do not name it.
const FILLERS: [&str; 14] =
    ["for", "from", "to", "at", "in", "of", "by", "on", "with", "is", "was", "the", "a", "took"];
/// Names given so far.
#[derive(Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// A free name like this one.
    pub fn take(&mut self, wanted: &str) -> String {
        let mut name: String =
            wanted.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
        while name.contains("__") {
            name = name.replace("__", "_");
        }
        name = name.trim_matches('_').chars().take(40).collect();
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            name = format!("field_{name}").trim_end_matches('_').to_owned();
        }
        if TAKEN.contains(&name.as_str()) {
            name.push_str("_value");
        }
        let free = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name}{n}") });
        let free = free.into_iter().find(|name| !self.0.contains(name)).unwrap_or(name.clone());
        self.0.insert(free.clone());
        free
    }

    /// A name for a field of this type behind this text.
    pub fn after(&mut self, before: &str, kind: &FieldType) -> String {
        if matches!(kind, FieldType::Time(_)) && !self.0.contains("time") {
            return self.take("time");
        }
        if *kind == FieldType::Int && before.ends_with('[') && before.len() > 1 {
            return self.take("pid");
        }
        let trimmed = before.trim_end_matches([' ', '=', ':', '[', '(', '"', '\'', '<', '#']);
        let word = trimmed.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        let lower = word.to_ascii_lowercase();
        let names = word.len() >= 2 && word.chars().any(|c| c.is_ascii_alphabetic());
        let near = before.len() - trimmed.len() <= 2;
        if names && near && !FILLERS.contains(&lower.as_str()) && !LEVELS.contains(&lower.as_str()) {
            return self.take(&lower);
        }
        self.take(match kind {
            FieldType::Time(_) => "at",
            FieldType::Ip => "ip",
            FieldType::Int | FieldType::Float => "number",
            FieldType::Duration => "took",
            _ => "word",
        })
    }
}
