//! `/d/<name>/panel/<n>.csv` and `.json`: the rows a panel shows, for a spreadsheet, a script or a screen reader.

use crate::{State, reply, routes};
use infralogs_core::{
    dashboard::Answer,
    table::{ColumnType, Rows},
    time::Time,
    value::Value,
};
use serde_json::json;
use tide::{Request, StatusCode};

/// Answers with the rows of panel `n`, counted in reading order from 0.
pub async fn panel(request: Request<State>) -> tide::Result {
    let file = request.param("file")?;
    let wrong = || tide::Error::from_str(StatusCode::NotFound, "ask for <number>.csv or <number>.json");
    let (index, kind) = file.split_once('.').ok_or_else(wrong)?;
    let index: usize = index.parse().map_err(|_| wrong())?;
    if let Some(missing) = routes::missing(&request, request.param("name")?) {
        return Ok(missing);
    }
    let view = routes::view(&request, request.param("name")?)?;
    let feed = request.state().hub.feed(&view)?;
    let drawn = feed.answered(index).await?;
    let shown = &drawn.shown;
    let panel = shown.dashboard.rows.iter().flatten().nth(index).ok_or_else(wrong)?;
    let rows = match &shown.answers[index] {
        Answer::Rows(rows) => rows,
        Answer::Trouble(words) => return Err(infralogs_core::Error::unavailable(words.clone()).into()),
        Answer::ToCome => return Err(infralogs_core::Error::unavailable("the answer is still to come").into()),
    };
    match kind {
        "json" => Ok(reply::json(&request, &as_json(&panel.title, rows))),
        "csv" => {
            let mut response = reply::text(&request, "text/csv; charset=utf-8", as_csv(rows));
            let name: String = panel.title.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            response.insert_header("content-disposition", format!("attachment; filename=\"{name}.csv\""));
            Ok(response)
        }
        _ => Err(wrong()),
    }
}

/// Columns with their types, and rows as lists. Moments are RFC 3339 text.
pub fn as_json(title: &str, rows: &Rows) -> serde_json::Value {
    let columns: Vec<_> = rows.defs.iter().map(|def| json!({ "name": def.name, "type": def.kind.name() })).collect();
    let lines: Vec<Vec<serde_json::Value>> =
        (0..rows.len()).map(|row| cells(rows, row).map(|(value, kind)| json_cell(&value, kind)).collect()).collect();
    json!({ "title": title, "columns": columns, "rows": lines })
}

fn json_cell(value: &Value<'_>, kind: ColumnType) -> serde_json::Value {
    match (value, kind) {
        (Value::Missing, _) => serde_json::Value::Null,
        (Value::Int(micros), ColumnType::Time) => Time(*micros).to_string().into(),
        (Value::Int(int), _) => (*int).into(),
        (Value::Float(float), _) => (*float).into(),
        (Value::Bool(bool), _) => (*bool).into(),
        (Value::Text(text), _) => text.as_ref().into(),
    }
}

/// RFC 4180. Text that a spreadsheet would run as a formula gets a quote before it: log lines are hostile input.
fn as_csv(rows: &Rows) -> String {
    let mut csv = rows.defs.iter().map(|def| def.name.clone()).collect::<Vec<_>>().join(",");
    csv.push_str("\r\n");
    for row in 0..rows.len() {
        let line: Vec<String> = cells(rows, row).map(|(value, kind)| csv_cell(&value, kind)).collect();
        csv.push_str(&line.join(","));
        csv.push_str("\r\n");
    }
    csv
}

fn csv_cell(value: &Value<'_>, kind: ColumnType) -> String {
    match (value, kind) {
        (Value::Missing, _) => String::new(),
        (Value::Int(micros), ColumnType::Time) => Time(*micros).to_string(),
        (Value::Int(int), _) => int.to_string(),
        (Value::Float(float), _) => float.to_string(),
        (Value::Bool(bool), _) => bool.to_string(),
        (Value::Text(text), _) => {
            let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
            if guard.is_empty() && !text.contains([',', '"', '\n', '\r']) {
                return text.to_string();
            }
            format!("\"{guard}{}\"", text.replace('"', "\"\""))
        }
    }
}

fn cells(rows: &Rows, row: usize) -> impl Iterator<Item = (Value<'_>, ColumnType)> {
    rows.columns.iter().zip(&rows.defs).map(move |(column, def)| (column.get(row), def.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infralogs_core::table::ColumnDef;

    #[test]
    fn spreadsheets_get_text_never_formulas() {
        let check = |text: &str, expect: &str| {
            let mut rows = Rows::new(vec![ColumnDef::new("message", ColumnType::Text)]);
            rows.push(&[Value::text(text)]);
            assert_eq!(as_csv(&rows), format!("message\r\n{expect}\r\n"));
        };
        check("plain", "plain");
        check("a,b", "\"a,b\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        check("=HYPERLINK(1)", "\"'=HYPERLINK(1)\"");
        check("two\nlines", "\"two\nlines\"");
    }
}
