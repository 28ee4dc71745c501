//! Applies the scripts' rules to a batch before anything of it leaves the machine.

use infralogs_core::{
    definitions::Definitions,
    entry::{Batch, Entries, Entry, Place},
    expr::{self, Expr},
    fields,
    rule::{Action, Rule},
    time::Time,
    value::Value,
};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Drops, samples and redacts, in the order of the rules' names. What is left out is counted in the batch.
pub(crate) fn apply(definitions: &Definitions, batch: &mut Batch, now: Time) {
    let rules = &definitions.rules;
    if rules.is_empty() {
        return;
    }
    let (mut kept, mut placed) = (Entries::default(), HashMap::new());
    for entry in batch.entries.iter() {
        if rules.iter().all(|rule| stays(rule, &entry, now)) {
            copy_redacted(rules, &entry, &mut kept, &mut placed);
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

/// A field that many entries share is looked at once: `placed` knows where it went.
fn copy_redacted(rules: &[Arc<Rule>], entry: &Entry<'_>, kept: &mut Entries, placed: &mut HashMap<Place, Place>) {
    for (place, name, value) in entry.placed_fields() {
        if let Some(place) = placed.get(&place).filter(|_| entry.is_again(place)) {
            kept.push_again(*place);
            continue;
        }
        let mut text = None;
        for rule in rules {
            let Action::Redact { field, pattern, with } = &rule.action else { continue };
            let journal = fields::journal_names(field).first().map_or(&**field, |first| first);
            if journal.as_bytes() == name {
                let before = text.take().unwrap_or_else(|| String::from_utf8_lossy(value).into_owned());
                text = Some(pattern.0.replace_all(&before, with.as_str()).into_owned());
            }
        }
        let copy = match text {
            Some(text) if String::from_utf8_lossy(value) != text => kept.place_field(name, text.as_bytes()),
            _ => kept.place_field(name, value),
        };
        placed.insert(place, copy);
    }
    kept.end(entry.cursor);
}
