//! What may leave a VM: rules the agent applies before anything is served.

use crate::expr::{Expr, Pattern};
use std::sync::Arc;

/// One rule; rules apply in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique.
    pub name: Arc<str>,
    /// What it does.
    pub action: Action,
    /// `file:line:column` of its declaration.
    pub place: String,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Entries for which this is true are not served, but counted.
    Drop(Expr),
    /// Every match in the field is replaced (`$1` names groups) in whatever is served.
    Redact {
        /// `message` or a journal field by its upper-case name.
        field: Arc<str>,
        /// What is looked for.
        pattern: Pattern,
        /// What stands there instead.
        with: String,
    },
    /// Of the entries for which this is true, this share is served (chosen by cursor, so always the same ones).
    Sample {
        /// Which entries.
        of: Expr,
        /// 0 to 1.
        keep: f64,
    },
}
