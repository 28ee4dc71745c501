//! `infralogs explain`: where stored rows come from: the entry, the script that made them, and what it makes of it now.

use super::dry_run::explain::write_stages;
use crate::{
    output,
    place::{self, Place, answer, ever},
};
use infralogs_core::{
    Error, Result,
    definitions::Definitions,
    entry::{Entries, Entry},
    expr::{Compare, Expr},
    plugin::Store,
    query::{Query, Shape},
    sql,
    table::{Rows, TableDef},
    tables,
    time::{Time, Window},
};
use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

/// The most rows explained at once.
const ROWS_MAX: usize = 10;
/// A row's entry is looked for this near to the row's time first, then everywhere: a parser may read another time.
const NEAR: Duration = Duration::from_secs(86_400);

#[derive(clap::Args)]
pub struct Args {
    /// Which rows: failed_ssh.where(user == "root").latest(1), logs.latest(1), quarantine.latest(3)
    question: String,
    #[command(flatten)]
    place: Place,
}

/// Who made a row.
struct Maker {
    parser: Option<String>,
    script: String,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let places = self.place.find()?;
        let Some((mut query, table, definitions)) = places.ask_with(&self.question)? else {
            return Ok(ExitCode::from(2));
        };
        let Shape::Latest { columns, limit } = &mut query.shape else {
            return Err(Error::invalid("only records come from an entry, and this asks for groups of them")
                .help("ask for records: TABLE.where(…).latest(1)"));
        };
        columns.clear();
        *limit = (*limit).min(ROWS_MAX);
        let store = places.store().await?;
        let window = query.last.map_or(ever(), |last| Window { from: Time::now().minus(last), to: ever().to });
        let rows = answer(&store, &query, &table, window).await?;
        if rows.is_empty() {
            println!("no such row");
            return Ok(ExitCode::FAILURE);
        }
        for row in 0..rows.len() {
            let entries = entry_of(&store, &rows, row, &table).await?;
            let entry = (!entries.is_empty()).then(|| entries.get(0));
            match explain(&definitions, &table, &rows, row, entry.as_ref()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(Error::failed("cannot write the answer").because(error));
                }
                _ => {}
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The entry a row was made of; none if it is not in `logs` any more.
async fn entry_of(store: &Arc<dyn Store>, rows: &Rows, row: usize, table: &TableDef) -> Result<Entries> {
    let mut entries = Entries::default();
    if table.name == tables::LOGS.name {
        sql::restore(rows, row, &mut entries)?;
        return Ok(entries);
    }
    let Some(seqnum) = place::int(rows, "seqnum", row) else { return Ok(entries) };
    let same = |field: &str, value| Expr::compare(Compare::Eq, Expr::field(field), value);
    let text = |name: &str| Expr::text(&place::text(rows, name, row));
    let key = same("machine", text("machine"))
        .and(same("seqnum_id", text("seqnum_id")))
        .and(same("seqnum", Expr::int(seqnum)));
    let shape = Shape::Latest { columns: Vec::new(), limit: 1 };
    let query = Query { table: tables::LOGS.name.as_str().into(), filter: Some(key), last: None, shape };
    let time = Time(place::int(rows, "time", row).unwrap_or_default());
    for window in [Window { from: time.minus(NEAR), to: time.plus(NEAR) }, ever()] {
        let found = answer(store, &query, &tables::LOGS, window).await?;
        if !found.is_empty() {
            sql::restore(&found, 0, &mut entries)?;
            break;
        }
    }
    Ok(entries)
}

fn explain(
    definitions: &Definitions,
    table: &TableDef,
    rows: &Rows,
    row: usize,
    entry: Option<&Entry<'_>>,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    writeln!(out, "{}", table.name)?;
    for (def, column) in rows.defs.iter().zip(&rows.columns).filter(|(def, _)| def.name != "fields") {
        let cell = output::cell(&column.get(row), def.kind);
        if !cell.is_empty() {
            writeln!(out, "  {} = {cell}", def.name)?;
        }
    }
    if table.name != tables::LOGS.name {
        let parser = rows.column("parser").map(|_| place::text(rows, "parser", row));
        write_maker(&mut out, definitions, table, &Maker { parser, script: place::text(rows, "script", row) }, entry)?;
    }
    match entry {
        None => writeln!(out, "its entry is not in `logs` any more")?,
        Some(entry) => {
            writeln!(out, "its entry, number {} of counter {}", entry.cursor.seqnum, entry.cursor.seqnum_id)?;
            let mut fields: Vec<_> = entry.fields().collect();
            fields.sort_unstable();
            for (name, value) in fields {
                let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                writeln!(out, "  {} = {}", output::plain(&name), output::plain(&value))?;
            }
        }
    }
    writeln!(out)?;
    out.flush()
}

/// Which parsers may have made it, whether they are as they were then, and what they make of the entry now.
fn write_maker(
    out: &mut impl Write,
    definitions: &Definitions,
    table: &TableDef,
    maker: &Maker,
    entry: Option<&Entry<'_>>,
) -> io::Result<()> {
    let is_maker = |name: &str, into: &str| maker.parser.as_deref().map_or(into == table.name, |own| own == name);
    let mut parsers: Vec<_> =
        definitions.parsers.iter().filter(|one| is_maker(&one.spec.name, &one.table.name)).collect();
    let as_then = parsers.iter().any(|parser| *parser.spec.script == *maker.script);
    parsers.retain(|parser| !as_then || *parser.spec.script == *maker.script);
    match (parsers.is_empty(), as_then) {
        (true, _) => writeln!(out, "made by script {}; no parser loaded now writes here", maker.script)?,
        (_, true) => writeln!(out, "made by script {}, as it is loaded now", maker.script)?,
        (_, false) => writeln!(out, "made by script {}, which was changed since", maker.script)?,
    }
    for parser in parsers {
        writeln!(out, "parser {} at {}", parser.spec.name, parser.spec.place)?;
        if let Some(entry) = entry {
            write_stages(out, parser, entry, Time::now())?;
        }
    }
    Ok(())
}
