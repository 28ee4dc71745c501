//! Fields of `logs` that are no columns: `level`, `service`, and journal fields kept in the `fields` column.

use super::term::{Scope, Stop, Term, Type};
use crate::{expr::LEVELS, fields, tables};

/// The SQL of such a field; `None` where the table has nothing of the kind.
pub(super) fn of(name: &str, scope: &Scope<'_>) -> Option<Result<Term, Stop>> {
    let has = |column: &str| scope.columns.iter().any(|def| def.name == column);
    let text = |sql: String| Some(Ok(Term { sql, params: Vec::new(), kind: Type::Text, constant: None }));
    match name {
        "level" if has("priority") => text(level(scope)),
        "service" if has("unit") => {
            let unit = scope.column("unit");
            let ends = scope.dialect.text_test(crate::expr::TextTest::EndsWith, ".service");
            let ends = ends.replace("{0}", &unit).replace("{1}", "'.service'");
            let cut = format!("substr({unit}, 1, char_length({unit}) - 8)");
            let cut = if scope.dialect == super::Dialect::Sqlite { cut.replace("char_length", "length") } else { cut };
            text(format!("(CASE WHEN {ends} THEN {cut} ELSE {unit} END)"))
        }
        "boot" if has("fields") => of("_BOOT_ID", scope),
        _ if scope.table.name == tables::LOGS.name && fields::is_entry_field(name) => {
            text(journal(fields::label_of(name).as_deref().unwrap_or(name), scope))
        }
        _ => None,
    }
}

fn level(scope: &Scope<'_>) -> String {
    let whens: String = LEVELS.iter().enumerate().map(|(at, level)| format!(" WHEN {at} THEN '{level}'")).collect();
    format!("(CASE {}{whens} END)", scope.column("priority"))
}

/// A journal field by its own name. One that became a column is not in `fields`, unless the column says something
/// else: then it stands there itself, or as `null` where it was missing and another field filled the column.
fn journal(name: &str, scope: &Scope<'_>) -> String {
    let json = scope.dialect.quote("fields");
    let path = format!("$.{name}");
    let own = scope.dialect.json_text(&json, &path);
    let Some(column) = fields::column_of(name) else { return own };
    let quoted = scope.dialect.quote(column);
    let column = match column {
        "priority" | "pid" => scope.dialect.int_to_text().replace("{0}", &quoted),
        _ => quoted,
    };
    let null = scope.dialect.json_is_null(&json, &path);
    format!("(CASE WHEN {null} THEN NULL ELSE COALESCE({own}, {column}) END)")
}
