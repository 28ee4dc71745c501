//! Runs one script: reads it, checks its names, then runs it statement by statement, so that one mistake
//! does not hide the others.

use super::{
    api::Broken,
    engine::{KNOWN, bare, engine, within},
    library::Libraries,
    limits::{LOAD_MS_MAX, LOAD_OPERATIONS_MAX},
    outline::{Call, Outline},
    problem::Problem,
    sheet::{Drafts, Sheet},
    source::{File, Place},
    trouble,
};
use crate::suggest::hint;
use rhai::{AST, Caches, Engine, EvalAltResult, Scope, Stmt};
use std::{collections::BTreeMap, sync::Arc};

/// Functions of the language itself, which no module lists.
const BUILT_IN: [&str; 11] =
    ["type_of", "print", "debug", "call", "curry", "is_def_var", "is_def_fn", "is_shared", "Fn", "eval", "this"];

/// A script that could be read.
pub(super) struct Compiled {
    pub ast: AST,
    pub outline: Arc<Outline>,
    pub file: Arc<File>,
}

thread_local! {
    /// One engine per loading thread that only compiles.
    static COMPILER: Engine = bare();
}

impl Compiled {
    pub fn new(file: &Arc<File>) -> Result<Self, Problem> {
        match COMPILER.with(|engine| engine.compile(&file.text)) {
            Ok(mut ast) => {
                ast.set_source(file.shown.as_str());
                let outline = Arc::new(Outline::of(&ast));
                Ok(Self { ast, outline, file: file.clone() })
            }
            Err(error) => {
                let (what, help, at) = trouble::syntax(&error);
                let mut problem = Problem::at(&last_text(&Place::new(file, at)), what);
                problem.help = help;
                Err(problem)
            }
        }
    }
}

/// A place that exists: Rhai places a missing bracket behind the end of the script.
fn last_text(place: &Place) -> Place {
    let mut place = place.clone();
    if place.line == 0 || place.line > place.file.text.lines().count() {
        place.line = place.file.text.trim_end().lines().count().max(1);
        place.column = place.source_line().trim_end().chars().count().max(1);
    }
    place
}

/// Runs something within the budget of loading one script.
pub(super) fn within_load<T>(run: impl FnOnce() -> T) -> T {
    within(LOAD_OPERATIONS_MAX, LOAD_MS_MAX, run)
}

/// Everything a script says, and everything wrong with it.
pub(super) fn run(compiled: Compiled, libraries: &mut Libraries) -> (Drafts, Sheet) {
    let mut imported = libraries.imported(&compiled.file, &compiled.outline.imports);
    imported.atlas.add(&compiled.file, &compiled.outline);
    let sheet = Sheet::new(imported.atlas.clone(), false);
    check_names(&compiled, &sheet);
    let engine = engine(&sheet, &imported);
    within_load(|| statements(&engine, &compiled, &sheet, &imported.broken));
    let drafts = sheet.take();
    sheet.home.settle(engine, compiled.ast);
    (drafts, sheet)
}

#[allow(deprecated)] // the only door to several runs in one scope with kept caches
fn statements(engine: &Engine, compiled: &Compiled, sheet: &Sheet, broken: &[String]) {
    let mut global = engine.new_global_runtime_state();
    global.lib.push(compiled.ast.shared_lib().clone());
    global.source = compiled.ast.source().map(Into::into);
    let mut caches = Caches::new();
    let mut scope = Scope::new();
    for statement in compiled.ast.statements() {
        let one = std::slice::from_ref(statement);
        let before = scope.len();
        let Err(error) = engine.eval_statements_raw(&mut global, &mut caches, &mut scope, one) else { continue };
        record(sheet, &compiled.file, &error, broken);
        if trouble::is_cut(&error) {
            return;
        }
        // What could not be made stands for itself silently from here on.
        scope.rewind(before);
        if let Stmt::Var(variable, ..) = statement {
            scope.push(variable.0.name.as_str(), Broken);
        }
    }
}

/// Records what stopped a statement, unless it follows from something recorded before.
pub(super) fn record(sheet: &Sheet, file: &Arc<File>, error: &EvalAltResult, broken: &[String]) {
    let (what, help, at) = trouble::explain(error);
    let place = trouble::script(error)
        .and_then(|script| sheet.atlas.place(&script, at))
        .unwrap_or_else(|| Place::new(file, at));
    let follows = broken.iter().any(|alias| what.contains(&format!("`{alias}::")));
    if follows || sheet.has_problem_at(place.line, place.column) {
        return;
    }
    let mut problem = Problem::at(&place, what);
    problem.help = help;
    sheet.problem(problem);
}

/// Checks every name a script calls or captures, also where it does not come by when it loads.
pub(super) fn check_names(compiled: &Compiled, sheet: &Sheet) {
    let outline = &compiled.outline;
    for (name, at) in &outline.free {
        let what = format!("`{name}` is neither a variable nor a parameter here");
        let help = format!("a closure reads fields from its record: `|r| … r.{name} …`");
        sheet.problem(Problem::at(&Place::new(&compiled.file, *at), what).help(help));
    }
    for call in outline.calls.values() {
        let own = outline.bodies.contains_key(&call.name) || outline.properties.contains(&call.name);
        if own || BUILT_IN.contains(&call.name.as_str()) {
            continue;
        }
        if let Some((what, help)) = wrong_call(call) {
            sheet.problem(Problem::at(&Place::new(&compiled.file, call.at), what).help(help));
        }
    }
}

fn wrong_call(call: &Call) -> Option<(String, String)> {
    let given = call.args.len() + usize::from(call.method);
    let Some(counts) = KNOWN.get(&call.name) else {
        let what = if call.method { "method" } else { "function" };
        let names = members(call);
        let known = if call.root.is_some() { "there are" } else { "functions are" };
        return Some((
            format!("unknown {what} `{}`", call.name),
            hint(&call.name, known, names.iter().map(String::as_str)),
        ));
    };
    if counts.contains(&given) {
        return None;
    }
    let own = usize::from(call.method);
    let wanted: Vec<String> =
        counts.iter().filter(|count| **count >= own).map(|count| (count - own).to_string()).collect();
    let what = format!("`{}` takes {} arguments, not {}", call.name, wanted.join(" or "), call.args.len());
    Some((what, String::new()))
}

/// What could be meant: the methods of what the chain begins with, or every function.
fn members(call: &Call) -> Vec<String> {
    let kind = call.root.as_deref().filter(|_| call.method).and_then(super::manual::kind_of);
    let all = super::manual::FUNCTIONS.iter();
    let fitting = all.filter(|function| match (&kind, call.method) {
        (Some(kind), _) => function.receiver.as_deref() == Some(kind),
        (None, method) => function.receiver.is_some() == method,
    });
    let names: BTreeMap<&str, ()> = fitting.map(|function| (function.name.as_str(), ())).collect();
    names.into_keys().map(str::to_owned).collect()
}
