//! `rule("name")…`: what may leave a VM.

use super::{
    super::{
        sheet::{Shared, lock},
        source::Place,
    },
    Broken,
    expression::regex,
    shelf::Shelf,
    take::Call,
};
use crate::rule::Action;
use rhai::{Dynamic, NativeCallContext};
use std::sync::{Arc, Mutex};

/// What a script said of one rule so far, and where.
pub(in super::super) struct RuleDraft {
    pub name: Arc<str>,
    pub action: Option<Action>,
    pub at: Place,
    /// Where its action stands.
    pub action_at: Option<Place>,
}

/// A rule in the making.
#[derive(Clone)]
pub(in super::super) struct RuleRef(Shared<RuleDraft>);

impl RuleRef {
    fn act(self, call: &Call, action: Option<Action>) -> Self {
        let mut draft = lock(&self.0);
        if draft.action_at.is_some() {
            call.refuse("a rule does one thing", "give the second action a rule of its own");
        }
        draft.action_at = call.place();
        draft.action = action;
        drop(draft);
        self
    }
}

fn begin(call: &Call, name: &Dynamic) -> Dynamic {
    let (Some(sheet), Some(at), Some(name)) = (call.sheet(), call.place(), call.text(0, name)) else {
        return Broken.into_dynamic();
    };
    call.not_in_library();
    let draft = RuleDraft { name: name.as_str().into(), action: None, at, action_at: None };
    let draft = Arc::new(Mutex::new(draft));
    sheet.declare(|drafts| drafts.rules.push(draft.clone()));
    Dynamic::from(RuleRef(draft))
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<RuleRef>("Rule");
    shelf.add(
        "rule",
        &["name: String"],
        "Begins a rule: what the agents let leave a machine. Rules apply in the order of their names.",
        r#"rule("quiet")"#,
        |context: NativeCallContext<'_>, name: Dynamic| begin(&Call::of(&context), &name),
    );
    shelf.add(
        "drop",
        &["rule: Rule", "condition: Expression"],
        "Entries for which this is true are not sent, but counted.",
        r#".drop(level == "debug" & identifier == "kubelet")"#,
        |context: NativeCallContext<'_>, rule: RuleRef, condition: Dynamic| {
            let call = Call::of(&context);
            let action = call.condition(0, &condition).map(Action::Drop);
            rule.act(&call, action)
        },
    );
    shelf.add(
        "redact",
        &["rule: Rule", "field: String", "pattern: String", "with: String"],
        "Every match in the field is replaced in whatever is sent; `$1` names a group.",
        r#".redact(message, `(?i)bearer [a-z0-9._-]+`, "bearer ***")"#,
        |context: NativeCallContext<'_>, rule: RuleRef, field: Dynamic, pattern: Dynamic, with: Dynamic| {
            let call = Call::of(&context);
            let action = || {
                let field = call.name(0, &field)?;
                let pattern = call.text(1, &pattern)?;
                let pattern = regex(&call, 1, &pattern)?;
                Some(Action::Redact { field, pattern, with: call.text(2, &with)?.to_string() })
            };
            let action = action();
            rule.act(&call, action)
        },
    );
    shelf.add(
        "sample",
        &["rule: Rule", "condition: Expression", "keep: f64"],
        "Of the entries for which this is true, only this share is sent, always the same ones.",
        r#".sample(level == "debug", 0.1)"#,
        |context: NativeCallContext<'_>, rule: RuleRef, condition: Dynamic, keep: Dynamic| {
            let call = Call::of(&context);
            let action = call.condition(0, &condition).zip(call.share(1, &keep));
            rule.act(&call, action.map(|(of, keep)| Action::Sample { of, keep }))
        },
    );
}
