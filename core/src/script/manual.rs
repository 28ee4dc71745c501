//! The language as data: every function with its documentation, read off what is registered.

use super::engine::bare;
use std::sync::LazyLock;

/// One documented function.
#[derive(Debug, Clone)]
pub struct Function {
    /// What it is called.
    pub name: String,
    /// The kind of thing it is called on; `None` for a plain function.
    pub receiver: Option<String>,
    /// Its arguments with their types, without the receiver.
    pub params: Vec<String>,
    /// One sentence.
    pub says: String,
    /// Script text that uses it.
    pub example: String,
}

/// Every documented function, in order of kinds and names.
pub static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(functions);

/// Kinds that methods are called on.
const KINDS: [&str; 8] = ["Parser", "Schedule", "Rule", "Dashboard", "Panel", "Query", "Expression", "Record"];

/// The kind of thing a function makes, by its name: `parser` makes a `Parser`.
pub(super) fn kind_of(function: &str) -> Option<&'static str> {
    Some(match function {
        "parser" => "Parser",
        "schedule" => "Schedule",
        "rule" => "Rule",
        "dashboard" => "Dashboard",
        "stat" | "lines" | "areas" | "bars" | "heat" | "shares" | "table" | "gauges" | "text" => "Panel",
        _ => return None,
    })
}

fn functions() -> Vec<Function> {
    let engine = bare();
    let mut functions = engine.collect_fn_metadata(None, |info| Some(documented(info.metadata)), false);
    functions.retain(Option::is_some);
    let mut functions: Vec<Function> = functions.into_iter().flatten().collect();
    let rank = |function: &Function| {
        let kind = function.receiver.as_deref();
        kind.map_or(0, |kind| 1 + KINDS.iter().position(|own| *own == kind).unwrap_or(KINDS.len()))
    };
    functions.sort_by(|a, b| (rank(a), &a.name).cmp(&(rank(b), &b.name)));
    functions
}

fn documented(metadata: &rhai::FuncMetadata) -> Option<Function> {
    let comment = metadata.comments.first()?;
    let lines: Vec<&str> = comment.lines().map(|line| line.strip_prefix("/// ").unwrap_or("")).collect();
    let fence = lines.iter().position(|line| line.starts_with("```")).unwrap_or(lines.len());
    let example = lines.get(fence + 1..).unwrap_or_default().iter().take_while(|line| !line.starts_with("```"));
    let mut params: Vec<String> = metadata.params_info.iter().map(ToString::to_string).collect();
    let receiver = params.first().and_then(|first| first.split_once(": ")).map(|(_, kind)| kind.to_owned());
    let receiver = receiver.filter(|kind| KINDS.contains(&kind.as_str()));
    if receiver.is_some() {
        params.remove(0);
    }
    Some(Function {
        name: metadata.name.to_string(),
        receiver,
        params,
        says: lines[..fence].join(" ").trim().to_owned(),
        example: example.copied().collect::<Vec<_>>().join("\n"),
    })
}
