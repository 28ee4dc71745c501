//! Libraries: scripts others import by name. They are run once and hosted as modules, visible in closures too.

use super::{
    atlas::Atlas,
    outline::Import,
    problem::Problem,
    run::{self, Compiled},
    sheet::Sheet,
    source::{File, Place},
};
use crate::suggest::{hint, list};
use rhai::{AST, ASTFlags, Module, Scope, Shared, Stmt};
use std::{collections::BTreeMap, sync::Arc};

/// All libraries below the roots, run when they are first imported.
#[derive(Default)]
pub(super) struct Libraries {
    files: BTreeMap<String, Arc<File>>,
    loaded: BTreeMap<String, Loaded>,
    /// The names being loaded now, to find circles.
    loading: Vec<String>,
    pub problems: Vec<Problem>,
}

/// A library that was run.
#[derive(Clone)]
pub(super) struct Loaded {
    pub module: Shared<Module>,
    /// Its places, and those of the libraries it imports itself.
    pub atlas: Atlas,
}

/// What one script imports: modules by alias and by path, and where things stand in them.
#[derive(Default)]
pub(super) struct Imported {
    pub by_alias: BTreeMap<String, Shared<Module>>,
    pub by_path: BTreeMap<String, Shared<Module>>,
    pub atlas: Atlas,
    /// Aliases of libraries that could not be loaded; what is missing from them is not reported again.
    pub broken: Vec<String>,
}

impl Libraries {
    /// Sorts the libraries out of all scripts.
    pub fn among(files: &[Arc<File>]) -> Self {
        let mut libraries = Self::default();
        for file in files {
            let Some(name) = file.library() else { continue };
            if let Some(first) = libraries.files.get(&name) {
                let what = format!("library `{name}` is already there: {}", first.shown);
                libraries.problems.push(Problem::file(&file.shown, what).help("rename one of them"));
            } else {
                libraries.files.insert(name, file.clone());
            }
        }
        libraries
    }

    /// Runs the libraries nobody imports too, so that their mistakes are seen.
    pub fn load_rest(&mut self) {
        for name in self.files.keys().cloned().collect::<Vec<_>>() {
            self.load(&name);
        }
    }

    /// Looks up everything a script imports; what is wrong is recorded at the import.
    pub fn imported(&mut self, file: &Arc<File>, imports: &[Import]) -> Imported {
        let mut imported = Imported::default();
        for import in imports {
            let place = Place::new(file, import.at);
            let module = match self.find(import) {
                Ok(name) => self.load(&name),
                Err(problem) => {
                    self.problems.push(problem(&place));
                    None
                }
            };
            let Some(loaded) = module else {
                imported.broken.push(import.alias.clone());
                continue;
            };
            imported.atlas.merge(&loaded.atlas);
            if let Some(path) = &import.path {
                imported.by_path.insert(path.clone(), loaded.module.clone());
            }
            let before = imported.by_alias.insert(import.alias.clone(), loaded.module.clone());
            if before.is_some_and(|before| !Arc::ptr_eq(&before, &loaded.module)) {
                let what = format!("`{}` already names another library in this script", import.alias);
                self.problems.push(Problem::at(&place, what).help("choose another name after `as`"));
            }
        }
        imported
    }

    /// The library an import means.
    fn find(&self, import: &Import) -> Result<String, impl FnOnce(&Place) -> Problem + use<>> {
        let refuse = |what: String, help: String| move |place: &Place| Problem::at(place, what).help(help);
        let Some(path) = &import.path else {
            return Err(refuse(
                "an import takes the name of a library in quotes".into(),
                "import \"palette\" as color;".into(),
            ));
        };
        let outside = path.starts_with('/')
            || path.contains('\\')
            || path.contains(':')
            || path.split('/').any(|part| matches!(part, ".." | "." | ""));
        if outside {
            let what = format!("`{}` leads out of the script roots", path.escape_debug());
            return Err(refuse(what, "import a library by its name: `import \"palette\" as color;`".into()));
        }
        let name = path.strip_prefix("lib/").unwrap_or(path);
        match self.files.get(name) {
            Some(file) if file.outside => {
                let what = format!("library `{name}` is a link that leads out of the script root");
                Err(refuse(what, "copy the file, or link to one below the root".into()))
            }
            Some(_) => Ok(name.to_owned()),
            None => {
                let known = self.files.keys().map(String::as_str);
                let help = match list(known.clone()).as_str() {
                    "none" => format!("put it into `lib/{name}.rhai` below a script root"),
                    _ => hint(name, "libraries are", known),
                };
                Err(refuse(format!("there is no library `{}`", name.escape_debug()), help))
            }
        }
    }

    fn load(&mut self, name: &str) -> Option<Loaded> {
        if let Some(loaded) = self.loaded.get(name) {
            return Some(loaded.clone());
        }
        let file = self.files.get(name)?.clone();
        if self.loading.iter().any(|one| one == name) {
            let circle = self.loading.join(" → ");
            let what = format!("libraries import each other in a circle: {circle} → {name}");
            self.problems.push(Problem::file(&file.shown, what));
            return None;
        }
        self.loading.push(name.to_owned());
        let loaded = self.run(&file);
        self.loading.pop();
        // A broken one stays known as an empty module: its problems are reported once.
        let loaded = loaded.unwrap_or_else(|| Loaded { module: Module::new().into(), atlas: Atlas::default() });
        self.loaded.insert(name.to_owned(), loaded.clone());
        Some(loaded)
    }

    fn run(&mut self, file: &Arc<File>) -> Option<Loaded> {
        let compiled = match Compiled::new(file) {
            Ok(compiled) => compiled,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let mut imported = self.imported(file, &compiled.outline.imports);
        imported.atlas.add(file, &compiled.outline);
        let atlas = imported.atlas.clone();
        let sheet = Sheet::new(atlas.clone(), true);
        run::check_names(&compiled, &sheet);
        let engine = super::engine::engine(&sheet, &imported);
        let ast = exported(&compiled.ast);
        let module = run::within_load(|| Module::eval_ast_as_new(Scope::new(), &ast, &engine));
        let module = match module {
            Ok(module) => Some(module),
            Err(error) => {
                run::record(&sheet, file, &error, &imported.broken);
                None
            }
        };
        self.problems.append(&mut sheet.take().problems);
        Some(Loaded { module: module?.into(), atlas })
    }
}

/// The same script with every `let` and `const` at its top exported, so that authors need not say so.
fn exported(ast: &AST) -> AST {
    let statements = ast.statements().iter().cloned().map(|stmt| match stmt {
        Stmt::Var(variable, flags, at) => Stmt::Var(variable, flags | ASTFlags::EXPORTED, at),
        other => other,
    });
    let mut all = AST::new(statements, ast.shared_lib().clone());
    if let Some(source) = ast.source() {
        all.set_source(source);
    }
    all
}
