//! What one script has declared so far, and what was wrong with it. The API writes here while the script runs.

use super::{
    api::{dashboard::DashboardDraft, parser::ParserDraft, rule::RuleDraft, schedule::ScheduleDraft},
    atlas::Atlas,
    closure::Home,
    problem::Problem,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A draft that several script values may share: `let p = parser("x"); p.pattern("…");` changes one parser.
pub(super) type Shared<T> = Arc<Mutex<T>>;

/// Locks a draft, also after a panic elsewhere.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by everything that runs while one script loads.
#[derive(Clone)]
pub(super) struct Sheet {
    drafts: Shared<Drafts>,
    /// The script and the libraries it imports.
    pub atlas: Arc<Atlas>,
    /// Where the script's closures will find their engine.
    pub home: Arc<Home>,
    /// Whether this script is a library, which declares nothing.
    pub is_library: bool,
}

/// Everything one script said.
#[derive(Default)]
pub(super) struct Drafts {
    pub parsers: Vec<Shared<ParserDraft>>,
    pub schedules: Vec<Shared<ScheduleDraft>>,
    pub rules: Vec<Shared<RuleDraft>>,
    pub dashboards: Vec<Shared<DashboardDraft>>,
    pub problems: Vec<Problem>,
}

impl Drafts {
    /// Adds what another script said.
    pub fn append(&mut self, mut other: Self) {
        self.parsers.append(&mut other.parsers);
        self.schedules.append(&mut other.schedules);
        self.rules.append(&mut other.rules);
        self.dashboards.append(&mut other.dashboards);
        self.problems.append(&mut other.problems);
    }
}

impl Sheet {
    pub fn new(atlas: Atlas, is_library: bool) -> Self {
        Self { drafts: Shared::default(), atlas: Arc::new(atlas), home: Arc::default(), is_library }
    }
    /// Records a problem; the script goes on.
    pub fn problem(&self, problem: Problem) {
        lock(&self.drafts).problems.push(problem);
    }
    /// Whether something was found wrong at a place already.
    pub fn has_problem_at(&self, line: usize, column: usize) -> bool {
        lock(&self.drafts).problems.iter().any(|problem| (problem.line, problem.column) == (line, column))
    }
    /// Adds to what the script declared.
    pub fn declare(&self, add: impl FnOnce(&mut Drafts)) {
        add(&mut lock(&self.drafts));
    }
    /// Takes out everything that was said; the sheet is empty afterwards.
    pub fn take(&self) -> Drafts {
        std::mem::take(&mut lock(&self.drafts))
    }
}
