//! Applies the scripts' rules to a batch before anything of it leaves the machine.

use infralogs_core::{
    definitions::Definitions,
    entry::{Batch, Entries, Entry},
    expr::{self, Expr},
    fields,
    rule::{Action, Rule},
    time::Time,
    value::Value,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Drops, samples and redacts, in the order of the rules' names. What is left out is counted in the batch.
pub(crate) fn apply(definitions: &Definitions, batch: &mut Batch, now: Time) {
    let rules = &definitions.rules;
    if rules.is_empty() {
        return;
    }
    let mut kept = Entries::default();
    for entry in batch.entries.iter() {
        if rules.iter().all(|rule| stays(rule, &entry, now)) {
            copy_redacted(rules, &entry, &mut kept);
        } else {
            batch.dropped += 1;
        }
    }
    batch.entries = kept;
}

fn stays(rule: &Rule, entry: &Entry<'_>, now: Time) -> bool {
    match &rule.action {
        Action::Drop(of) => !holds(of, entry, now),
        Action::Sample { of, keep } => !holds(of, entry, now) || share(entry) < *keep,
        Action::Redact { .. } => true,
    }
}

fn holds(of: &Expr, entry: &Entry<'_>, now: Time) -> bool {
    expr::eval(of, &|name| fields::read(entry, name), now) == Value::Bool(true)
}

/// The entry's place decides, so that it is chosen or left out alike whenever it is asked for.
fn share(entry: &Entry<'_>) -> f64 {
    let mut hash = DefaultHasher::new();
    (entry.cursor.seqnum_id, entry.cursor.seqnum).hash(&mut hash);
    (hash.finish() >> 11) as f64 / (1u64 << 53) as f64
}

fn copy_redacted(rules: &[Arc<Rule>], entry: &Entry<'_>, kept: &mut Entries) {
    for (name, value) in entry.fields() {
        let mut text = None;
        for rule in rules {
            let Action::Redact { field, pattern, with } = &rule.action else { continue };
            let journal = fields::journal_names(field).first().map_or(&**field, |first| first);
            if journal.as_bytes() == name {
                let before = text.take().unwrap_or_else(|| String::from_utf8_lossy(value).into_owned());
                text = Some(pattern.0.replace_all(&before, with.as_str()).into_owned());
            }
        }
        match text {
            Some(text) if String::from_utf8_lossy(value) != text => kept.push_field(name, text.as_bytes()),
            _ => kept.push_field(name, value),
        }
    }
    kept.end(entry.cursor);
}
