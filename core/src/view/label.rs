//! Fills a mark's label: `deploy ${version}` with the columns of its row.

use crate::{table::Rows, value::Value};

/// The longest label, in characters; the rest is cut off.
const LABEL_CHARS_MAX: usize = 80;

/// The label of one row. A column that is missing or unknown leaves nothing.
pub fn fill(template: &str, rows: &Rows, row: usize) -> String {
    let mut label = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        label.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        if let Some(column) = rows.column(name.trim()) {
            write(&mut label, &column.get(row));
        }
        rest = behind;
    }
    label.push_str(rest);
    let label = label.trim();
    match label.char_indices().nth(LABEL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &label[..at]),
        None => label.to_owned(),
    }
}

fn write(label: &mut String, value: &Value<'_>) {
    match value {
        Value::Missing => {}
        Value::Bool(b) => label.push_str(if *b { "yes" } else { "no" }),
        Value::Int(i) => label.push_str(&i.to_string()),
        Value::Float(f) => label.push_str(&f.to_string()),
        Value::Text(text) => label.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ColumnDef, ColumnType};

    #[test]
    fn labels_take_columns_by_name() {
        let mut rows =
            Rows::new(vec![ColumnDef::new("version", ColumnType::Text), ColumnDef::new("n", ColumnType::Int)]);
        rows.push(&[Value::text("v1.2"), Value::Int(3)]);
        let check = |template, expect: &str| assert_eq!(fill(template, &rows, 0), expect);
        check("deploy ${version}", "deploy v1.2");
        check("${ n } of ${version}, ${nothing}", "3 of v1.2,");
        check("open ${version", "open ${version");
        check(&"x".repeat(90), &format!("{}…", "x".repeat(80)));
    }
}
