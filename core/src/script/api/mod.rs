//! What scripts can call: each file here registers one part of the language, with its documentation.

mod ask;
mod calendar;
pub(super) mod dashboard;
pub(super) mod expression;
mod extract;
pub(super) mod inventory;
pub(super) mod panel;
pub(super) mod parser;
pub(super) mod query;
pub(super) mod record;
pub(super) mod rule;
pub(super) mod schedule;
mod shelf;
pub(super) mod span;
mod step;
pub(super) mod take;
mod types;

use rhai::{Dynamic, Module};

/// Stands for a value that could not be made; whatever is called on it gives it again, silently,
/// because the reason was reported where it arose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Broken;

impl Broken {
    pub fn into_dynamic(self) -> Dynamic {
        Dynamic::from(self)
    }
}

/// All of it.
pub(super) fn module() -> Module {
    let mut shelf = shelf::Shelf::default();
    span::register(&mut shelf);
    expression::register(&mut shelf);
    parser::register(&mut shelf);
    schedule::register(&mut shelf);
    rule::register(&mut shelf);
    ask::register(&mut shelf);
    dashboard::register(&mut shelf);
    panel::register(&mut shelf);
    record::register(&mut shelf);
    shelf.module
}
