//! Checks schedules and rules: names, parsers that exist, every target claimed once.

use super::{
    super::{
        api::{parser::ParserDraft, rule::RuleDraft, schedule::ScheduleDraft},
        closure::AdaptClosure,
        sheet::{Shared, lock},
        source::Place,
    },
    Check,
    expressions::entry_fields,
};
use crate::{
    fields::{ENTRY_FIELDS, is_entry_field},
    inventory::Targets,
    rule::{Action, Rule},
    schedule::Schedule,
    suggest::hint,
};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn check(
    check: &mut Check<'_>,
    drafts: &[Shared<ScheduleDraft>],
    parsers: &[Shared<ParserDraft>],
) -> Vec<Arc<Schedule>> {
    let known: Vec<Arc<str>> = parsers.iter().map(|parser| lock(parser).spec.name.clone()).collect();
    let mut seen = BTreeMap::new();
    let mut claimed = BTreeMap::new();
    let mut schedules = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let draft = lock(draft);
        let schedule = &draft.schedule;
        check.well_named("schedule", &schedule.name, &['-'], &draft.at);
        check.once("schedule", &schedule.name, &mut seen, &draft.at);
        claim(check, &draft, &mut claimed);
        for name in schedule.parse.iter().flatten() {
            if !known.contains(name) {
                let at = draft.parse_at.as_ref().unwrap_or(&draft.at);
                let at = check.atlas.name_after(name, at);
                let help = hint(name, "parsers are", known.iter().map(|name| &**name));
                check.problem(&at, format!("there is no parser `{name}`"), help);
            }
        }
        if schedule.timeout < std::time::Duration::from_millis(100) {
            check.problem(&draft.at, "a poll needs a timeout of at least 100 ms", "");
        }
        reads_of_poll(check, &draft);
        schedules.push(Arc::new(schedule.clone()));
    }
    schedules.sort_by(|a, b| a.name.cmp(&b.name));
    schedules
}

/// A closure that adapts reads what there is of a poll, and sets nothing.
fn reads_of_poll(check: &mut Check<'_>, draft: &ScheduleDraft) {
    for (name, at) in draft.adapt.iter().flat_map(|uses| &uses.reads) {
        if !AdaptClosure::READS.contains(&&**name) {
            let help = hint(name, "a poll has", AdaptClosure::READS);
            check.problem(at, format!("a poll has no `{name}`"), help);
        }
    }
    for (name, at) in draft.adapt.iter().flat_map(|uses| &uses.sets) {
        check.problem(at, format!("`adapt` only reads: `{name}` can't be set here"), "");
    }
}

/// A target belongs to one schedule.
fn claim(check: &mut Check<'_>, draft: &ScheduleDraft, claimed: &mut BTreeMap<String, Place>) {
    let at = draft.targets_at.as_ref().unwrap_or(&draft.at);
    match &draft.schedule.targets {
        Targets::Asked(_) | Targets::Function(_) => {}
        Targets::Inventory(name) => drop(check.once_by("inventory", name, "polled", claimed, at)),
        Targets::List(list) => {
            if draft.targets_at.is_none() {
                let what = format!("schedule `{}` polls nobody", draft.schedule.name);
                check.missing(at, what, "say whom: `.targets(inventory(\"fleet\"))`");
            }
            for target in list {
                let at = check.atlas.name_after(&target.url, at);
                check.once_by("target", &target.name, "polled", claimed, &at);
            }
        }
    }
}

impl Check<'_> {
    fn once_by(&mut self, what: &str, name: &str, done: &str, seen: &mut BTreeMap<String, Place>, at: &Place) -> bool {
        let key = format!("{what} {name}");
        if let Some(first) = seen.get(&key) {
            let what = format!("{what} `{name}` is already {done} by the schedule at {first}");
            self.problem(at, what, "a target belongs to one schedule");
            return false;
        }
        seen.insert(key, at.clone());
        true
    }
}

pub(super) fn check_rules(check: &mut Check<'_>, drafts: &[Shared<RuleDraft>]) -> Vec<Arc<Rule>> {
    let mut seen = BTreeMap::new();
    let mut rules = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let draft = lock(draft);
        check.well_named("rule", &draft.name, &['-'], &draft.at);
        check.once("rule", &draft.name, &mut seen, &draft.at);
        let at = draft.action_at.as_ref().unwrap_or(&draft.at);
        match &draft.action {
            None if draft.action_at.is_none() => {
                let what = format!("rule `{}` does nothing", draft.name);
                check.missing(at, what, "end it with `.drop(…)`, `.redact(…)` or `.sample(…)`");
            }
            None => {}
            Some(Action::Drop(expr) | Action::Sample { of: expr, .. }) => entry_fields(check, expr, at),
            Some(Action::Redact { field, .. }) if !is_entry_field(field) => {
                let help = hint(field, "entries have upper-case journal fields and", ENTRY_FIELDS);
                check.problem(&check.atlas.name_after(field, at), format!("an entry has no field `{field}`"), help);
            }
            Some(Action::Redact { .. }) => {}
        }
        if let Some(action) = &draft.action {
            rules.push(Arc::new(Rule {
                name: draft.name.clone(),
                action: action.clone(),
                place: draft.at.to_string(),
            }));
        }
    }
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    rules
}
