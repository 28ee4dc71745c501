//! What stands where in a script: its calls, names, texts, imports and closures, read off the compiled tree.

use rhai::{AST, ASTNode, Expr, FnCallExpr, ImmutableString, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// A call of a function or method.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub name: String,
    pub at: Position,
    /// Where each argument begins; the receiver of a method is none of them.
    pub args: Vec<Position>,
    /// Whether it is called on something with a dot.
    pub method: bool,
    /// The function that begins its chain: `parser` for `parser("x").pattern("…")`.
    pub root: Option<String>,
}

/// `import "path" as alias`.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// `None` when it is not a plain text.
    pub path: Option<String>,
    pub alias: String,
    pub at: Position,
}

/// What a function or closure does with the fields of its parameters.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Captured variables first.
    pub params: Vec<String>,
    /// `r.name` read: parameter, field, place.
    pub reads: Vec<(String, String, Position)>,
    /// `r.name = …`: parameter, field, place.
    pub sets: Vec<(String, String, Position)>,
    /// Its tree.
    pub statements: Vec<Stmt>,
}

/// Read once for each script.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub calls: BTreeMap<(usize, usize), Call>,
    pub imports: Vec<Import>,
    /// Names a closure uses that are neither its parameters nor variables.
    pub free: Vec<(String, Position)>,
    /// `.name` read or written, and names of map keys.
    pub properties: BTreeSet<String>,
    /// Functions the script defines, closures included, by the name the engine gives them.
    pub bodies: BTreeMap<String, Body>,
    names: BTreeMap<String, Vec<Position>>,
    texts: BTreeMap<String, Vec<Position>>,
}

fn key(at: Position) -> (usize, usize) {
    (at.line().unwrap_or(0), at.position().unwrap_or(0))
}

impl Outline {
    pub fn of(ast: &AST) -> Self {
        let functions = ast.shared_lib().iter_script_fn_info();
        let bodies = functions.map(|(.., def)| (def.name.to_string(), Body::of(ast, &def.name, &def.params)));
        let mut outline = Self { bodies: bodies.collect(), ..Self::default() };
        let mut roots = BTreeMap::new();
        ast.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Expr(expr)) => {
                    let parent = path.len().checked_sub(2).map(|at| &path[at]);
                    outline.expression(expr, parent, &mut roots);
                }
                Some(ASTNode::Stmt(stmt)) => outline.statement(stmt),
                _ => {}
            }
            true
        });
        for (at, root) in roots {
            if let Some(call) = outline.calls.get_mut(&at) {
                call.root = Some(root);
            }
        }
        outline
    }

    /// Where a call's argument begins; the call itself if it can't be known.
    pub fn argument(&self, call: Position, index: usize) -> Position {
        self.calls.get(&key(call)).and_then(|call| call.args.get(index)).copied().unwrap_or(call)
    }

    /// Where a name (or a text that says the name) stands: the first at or after a place, else the first at all.
    pub fn name(&self, name: &str, after: Position) -> Position {
        let first = |places: &BTreeMap<String, Vec<Position>>| {
            places
                .get(name)
                .and_then(|all| all.iter().copied().filter(|at| key(*at) >= key(after)).min_by_key(|at| key(*at)))
        };
        let any = || self.names.get(name).and_then(|all| all.first().copied());
        first(&self.names).or_else(|| first(&self.texts)).or_else(any).unwrap_or(after)
    }

    /// Where a name stands last before a place; that place if nowhere.
    pub fn name_before(&self, name: &str, before: Position) -> Position {
        let all = self.names.get(name).into_iter().flatten().copied();
        all.filter(|at| key(*at) < key(before)).max_by_key(|at| key(*at)).unwrap_or(before)
    }

    fn expression(&mut self, expr: &Expr, parent: Option<&ASTNode<'_>>, roots: &mut BTreeMap<(usize, usize), String>) {
        match expr {
            Expr::FnCall(call, at) => self.call(call, *at, false),
            Expr::MethodCall(call, at) => {
                // Whether a record has a field is asked of what was read for the closure.
                if let ("has", [Expr::StringConstant(name, _)]) = (call.name.as_str(), &call.args[..]) {
                    self.properties.insert(name.to_string());
                }
                self.call(call, *at, true);
            }
            Expr::Variable(variable, _, at) if variable.2.is_empty() => {
                self.names.entry(variable.1.to_string()).or_default().push(*at);
            }
            Expr::StringConstant(text, at) => self.texts.entry(text.to_string()).or_default().push(*at),
            Expr::Property(property, _) => drop(self.properties.insert(property.2.to_string())),
            Expr::Map(map, _) => {
                for (name, _) in &map.0 {
                    self.texts.entry(name.name.to_string()).or_default().push(name.pos);
                    self.properties.insert(name.name.to_string());
                }
            }
            Expr::Index(index, ..) => {
                // With a chain behind the brackets, the key begins it.
                let key =
                    if let Expr::Dot(rest, ..) | Expr::Index(rest, ..) = &index.rhs { &rest.lhs } else { &index.rhs };
                if let Expr::StringConstant(name, _) = key {
                    self.properties.insert(name.to_string());
                }
            }
            Expr::Dot(chain, ..) => {
                let inside =
                    matches!(parent, Some(ASTNode::Expr(Expr::Dot(above, ..))) if std::ptr::eq(&above.rhs, expr));
                if !inside && let Expr::FnCall(root, _) = &chain.lhs {
                    chain_members(&chain.rhs, &mut |at| drop(roots.insert(key(at), root.name.to_string())));
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, method: bool) {
        if call.is_operator_call() || call.is_qualified() {
            return;
        }
        let args = call.args.iter().map(Expr::start_position).collect();
        self.calls.insert(key(at), Call { name: call.name.to_string(), at, args, method, root: None });
    }

    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::FnCall(call, at) => self.call(call, *at, false),
            Stmt::Import(import, at) => {
                let path = if let Expr::StringConstant(path, _) = &import.0 { Some(path.to_string()) } else { None };
                let at = if path.is_some() { import.0.start_position() } else { *at };
                self.imports.push(Import { path, alias: import.1.name.to_string(), at });
            }
            Stmt::Share(captured) => {
                for (name, index) in captured.iter() {
                    if index.is_none() && !self.bodies.contains_key(name.name.as_str()) {
                        self.free.push((name.name.to_string(), name.pos));
                    }
                }
            }
            _ => {}
        }
    }
}

impl Body {
    fn of(ast: &AST, name: &str, params: &[ImmutableString]) -> Self {
        let mut body = Self { params: params.iter().map(ToString::to_string).collect(), ..Self::default() };
        let mut assigned = BTreeSet::new();
        // Rhai 1.27's `clone_functions_only_filtered` keeps every function.
        let mut alone = ast.clone_functions_only();
        alone.retain_functions(|_, _, own, _| own == name);
        alone.walk(&mut |path| {
            if let [ASTNode::Stmt(statement)] = path {
                body.statements.push((*statement).clone());
            }
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Some((param, field, at)) = field_of(&assignment.1.lhs) {
                        if assignment.0.is_op_assignment() {
                            body.reads.push((param.clone(), field.clone(), at));
                        } else {
                            assigned.insert(key(at));
                        }
                        body.sets.push((param, field, at));
                    }
                }
                Some(ASTNode::Expr(expr)) => body.reads.extend(field_of(expr)),
                _ => {}
            }
            true
        });
        body.reads.retain(|(.., at)| !assigned.contains(&key(*at)));
        body
    }
}

/// `param.field` taken apart; also of a longer chain that begins so.
fn field_of(expr: &Expr) -> Option<(String, String, Position)> {
    let Expr::Dot(chain, ..) = expr else { return None };
    let Expr::Variable(variable, ..) = &chain.lhs else { return None };
    let property = match &chain.rhs {
        Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
        other => other,
    };
    let Expr::Property(property, at) = property else { return None };
    Some((variable.1.to_string(), property.2.to_string(), *at))
}

/// Calls `visit` with the place of each method of a chain.
fn chain_members(expr: &Expr, visit: &mut impl FnMut(Position)) {
    match expr {
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => {
            chain_members(&chain.lhs, visit);
            chain_members(&chain.rhs, visit);
        }
        Expr::MethodCall(_, at) => visit(*at),
        _ => {}
    }
}
