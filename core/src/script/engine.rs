//! The sandboxed engine: one for each script, over shared modules; limits on everything, no way out.

use super::{
    api,
    library::Imported,
    limits::{
        CALL_DEPTH_MAX, EXPRESSION_DEPTH_MAX, FUNCTION_DEPTH_MAX, FUNCTIONS_MAX, IMPORTS_MAX, ITEMS_MAX,
        TEXT_BYTES_MAX, VARIABLES_MAX,
    },
    sheet::Sheet,
};
use crate::expr::Expr;
use rhai::{
    Dynamic, Engine, EvalAltResult, EvalContext, Module, ModuleResolver, OptimizationLevel, Position, Shared,
    packages::{Package, StandardPackage},
};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::{Duration, Instant},
};

/// Rhai's own functions, built once.
static STANDARD: LazyLock<Shared<Module>> = LazyLock::new(|| StandardPackage::new().as_shared_module());
/// Our functions, built once.
static OURS: LazyLock<Shared<Module>> = LazyLock::new(|| api::module().into());
/// Names of all functions there are, and with how many arguments (a method's receiver counts).
pub(super) static KNOWN: LazyLock<BTreeMap<String, BTreeSet<usize>>> = LazyLock::new(known);

thread_local! {
    /// What the script that runs on this thread may still use.
    static BUDGET: Cell<Option<Budget>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Budget {
    operations_max: u64,
    ms_max: u64,
    until: Instant,
}

/// Runs something within a budget of operations and time; scripts it starts are cut when it is used up.
pub(super) fn within<T>(operations_max: u64, ms_max: u64, run: impl FnOnce() -> T) -> T {
    let until = Instant::now() + Duration::from_millis(ms_max);
    let before = BUDGET.replace(Some(Budget { operations_max, ms_max, until }));
    let result = run();
    BUDGET.set(before);
    result
}

/// Why the running script has to stop now, if it has to.
fn cut(operations: u64) -> Option<Dynamic> {
    const LOOK_AT_CLOCK_EVERY: u64 = 128;
    let budget = BUDGET.get()?;
    if operations > budget.operations_max {
        return Some(format!("it took more than {} operations", budget.operations_max).into());
    }
    if operations.is_multiple_of(LOOK_AT_CLOCK_EVERY) && Instant::now() > budget.until {
        return Some(format!("it took longer than {} ms", budget.ms_max).into());
    }
    None
}

/// An engine for one script. Its libraries are static modules as well: so they are visible in closures too.
pub(super) fn engine(sheet: &Sheet, imported: &Imported) -> Engine {
    let mut engine = bare();
    engine.set_default_tag(Dynamic::from(sheet.clone()));
    engine.set_module_resolver(Known(imported.by_path.clone()));
    for (alias, module) in &imported.by_alias {
        engine.register_static_module(alias.as_str(), module.clone());
    }
    engine
}

/// The engine without a script.
pub(super) fn bare() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(STANDARD.clone());
    engine.register_global_module(OURS.clone());
    engine.set_module_resolver(Known(BTreeMap::new()));
    engine.set_optimization_level(OptimizationLevel::None);
    engine.disable_symbol("eval");
    engine.set_max_call_levels(CALL_DEPTH_MAX);
    engine.set_max_expr_depths(EXPRESSION_DEPTH_MAX, FUNCTION_DEPTH_MAX);
    engine.set_max_string_size(TEXT_BYTES_MAX);
    engine.set_max_array_size(ITEMS_MAX);
    engine.set_max_map_size(ITEMS_MAX);
    engine.set_max_variables(VARIABLES_MAX);
    engine.set_max_functions(FUNCTIONS_MAX);
    engine.set_max_modules(IMPORTS_MAX);
    engine.on_progress(cut);
    engine.on_print(|_| {});
    engine.on_debug(|_, _, _| {});
    hooks(&mut engine);
    engine
}

#[allow(deprecated)] // not deprecated: Rhai marks hooks so because they may change
fn hooks(engine: &mut Engine) {
    engine.on_var(|name, index, context| Ok(bare_name(name, index, &context)));
    engine.on_missing_function(|name, args, _, context| {
        let ours = args.iter().any(|arg| arg.is::<api::Broken>());
        if ours || unknown_here(name, args.len(), &context) { Ok(Some(api::Broken.into_dynamic())) } else { Ok(None) }
    });
}

/// A bare name that is no variable is a field, but only while a script loads.
fn bare_name(name: &str, index: usize, context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Option<Dynamic> {
    let loading = context.tag().is::<Sheet>();
    if index > 0 || !loading || context.scope().contains(name) {
        return None;
    }
    let is_function =
        context.iter_namespaces().any(|module| module.iter_script_fn_info().any(|(.., def)| def.name == name));
    if is_function { None } else { Some(Dynamic::from(Expr::field(name))) }
}

/// Whether nobody knows a function of so many arguments: it was reported when the script was read, so it goes on.
fn unknown_here(name: &str, arguments: usize, context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> bool {
    let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !name.contains('$');
    let known = || KNOWN.get(name).is_some_and(|counts| counts.contains(&arguments));
    is_word && context.tag().is::<Sheet>() && !known()
}

fn known() -> BTreeMap<String, BTreeSet<usize>> {
    let mut known: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (name, count) in bare().collect_fn_metadata(
        None,
        |function| Some((function.metadata.name.to_string(), function.metadata.num_params)),
        true,
    ) {
        known.entry(name).or_default().insert(count);
    }
    known
}

/// Answers imports from what was read below the roots; touches no file.
struct Known(BTreeMap<String, Shared<Module>>);

impl ModuleResolver for Known {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        path: &str,
        _: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        // Every import was looked up, and reported if there is none, before the script runs.
        Ok(self.0.get(path).cloned().unwrap_or_else(|| Module::new().into()))
    }
}
