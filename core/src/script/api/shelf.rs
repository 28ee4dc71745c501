//! Where functions are put with their documentation, from which the manual and the editor files are made.

use rhai::{FuncRegistration, Module, NativeCallContext, RhaiNativeFunc, Variant};

/// All functions of the language.
#[derive(Default)]
pub(super) struct Shelf {
    pub module: Module,
}

impl Shelf {
    /// Adds a function. `params` name the arguments with their types, a method's receiver first;
    /// `says` is a sentence or two, `example` script text that uses it.
    pub fn add<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool, FUNC>(
        &mut self,
        name: &str,
        params: &[&str],
        says: &str,
        example: &str,
        function: FUNC,
    ) where
        FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    {
        FuncRegistration::new(name)
            .with_params_info(params)
            .with_comments([comment(says, example)])
            .set_into_module(&mut self.module, function);
    }

    /// Adds a further form of a function that is documented already, or an operator.
    pub fn also<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool, FUNC>(
        &mut self,
        name: &str,
        function: FUNC,
    ) where
        FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    {
        FuncRegistration::new(name).set_into_module(&mut self.module, function);
    }

    /// Adds a property: `15.seconds`.
    pub fn property<T: Variant + Clone, R: Variant + Clone>(
        &mut self,
        name: &str,
        get: impl Fn(NativeCallContext<'_>, &mut T) -> R + Send + Sync + 'static,
    ) {
        FuncRegistration::new_getter(name).set_into_module(&mut self.module, get);
    }
}

/// Documentation as Rhai keeps it.
fn comment(says: &str, example: &str) -> String {
    let lines = example.lines().map(|line| format!("/// {line}\n"));
    format!("/// {says}\n///\n/// ```rhai\n{}/// ```", lines.collect::<String>())
}
