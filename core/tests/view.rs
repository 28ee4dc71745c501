//! What a view asks of a store, and that many tabs ask once.

use infralogs_core::{
    Error, Kind, Result,
    cursor::Cursor,
    dashboard::{Answer, Dashboard, Mark, Panel, PanelKind},
    definitions::Definitions,
    inventory::Target,
    plugin::{Commit, Committed, Store, Stream},
    query::{Aggregate, Frame, Measure, Query, Shape},
    table::{ColumnDef, ColumnType, Rows, TableDef},
    time::{Time, Window},
    value::Value,
    view::{Answers, View, tick},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Notes what it is asked; answers the number of questions so far.
#[derive(Default)]
struct Notes(Mutex<Vec<(Query, Frame)>>);

impl Store for Notes {
    fn query(&self, query: &Query, _: &TableDef, frame: &Frame) -> Result<Rows> {
        if &*query.table == "gaps" {
            return Err(Error::new(Kind::Unavailable, "no route to the replica"));
        }
        let mut notes = self.0.lock().expect("no test panicked while noting");
        notes.push((query.clone(), *frame));
        let columns = [("time", ColumnType::Time), ("count", ColumnType::Int), ("version", ColumnType::Text)];
        let mut rows = Rows::new(columns.into_iter().map(|(name, kind)| ColumnDef::new(name, kind)).collect());
        rows.push(&[Value::Int(frame.window.from.0), Value::Int(notes.len() as i64), Value::text("v2")]);
        Ok(rows)
    }
    fn choices(&self, table: &TableDef, column: &str, _: Window, _: usize) -> Result<Vec<String>> {
        Ok(vec![format!("{}.{column}", table.name), "both".into()])
    }
    fn name(&self) -> String {
        "notes".into()
    }
    fn migrate(&self) -> Result<()> {
        unreachable!()
    }
    fn prepare(&self, _: &[Arc<TableDef>]) -> Result<()> {
        unreachable!()
    }
    fn checkpoint(&self, _: &Stream) -> Result<Option<Cursor>> {
        unreachable!()
    }
    fn last_stream(&self, _: &str) -> Result<Option<Stream>> {
        unreachable!()
    }
    fn commit(&self, _: &Commit<'_>) -> Result<Committed> {
        unreachable!()
    }
    fn claim(&self, _: &str, _: &[String], _: Duration) -> Result<Vec<String>> {
        unreachable!()
    }
    fn release(&self, _: &str) -> Result<()> {
        unreachable!()
    }
    fn report(&self, _: &Target, _: &str, _: Time, _: Option<&str>) -> Result<()> {
        unreachable!()
    }
    fn retain(&self, _: &[Arc<TableDef>], _: Time) -> Result<u64> {
        unreachable!()
    }
}

const NOW: Time = Time(1_790_000_003_000_000);

fn count(table: &str, every: Option<Duration>) -> Query {
    let measures = vec![Measure { name: "count".into(), of: Aggregate::Count }];
    Query {
        table: table.into(),
        filter: None,
        last: None,
        shape: Shape::Groups { every, by: vec![], measures, top: None },
    }
}

fn panel(title: &str, kind: PanelKind, query: Query) -> Panel {
    Panel { wide: 6, ..Panel::new(title, kind, Some(query), "fleet.rhai:1:1") }
}

fn definitions() -> Definitions {
    let minute = Some(Duration::from_secs(60));
    let dashboard = Dashboard {
        name: "fleet".into(),
        title: "Fleet".into(),
        last: Duration::from_secs(6 * 3_600),
        refresh: Duration::from_secs(10),
        picks: vec!["host".into(), "priority".into()],
        readers: Vec::new(),
        marks: vec![Mark { query: count("deploys", None), label: "deploy ${version}".into() }],
        rows: vec![vec![
            panel("Errors", PanelKind::Stat { spark: true }, count("logs", None)),
            panel("By minute", PanelKind::Lines { stacked: false }, count("logs", minute)),
            panel("Gone", PanelKind::Bars, count("nowhere", None)),
            panel("Away", PanelKind::Bars, count("gaps", None)),
        ]],
        place: "fleet.rhai:1:1".into(),
    };
    Definitions { hash: "abc".into(), dashboards: vec![Arc::new(dashboard)], ..Definitions::default() }
}

fn view(parameters: &[(&str, &str)]) -> Result<View> {
    View::parse("fleet", parameters.iter().copied(), NOW)
}

#[tokio::test]
async fn panels_are_asked_once_for_many_tabs() -> Result<()> {
    let notes = Arc::new(Notes::default());
    let answers = Arc::new(Answers::new(notes.clone()));
    let definitions = definitions();
    let seven_days = view(&[("last", "7d"), ("host", "web-1"), ("priority", "3"), ("priority", "4")])?;
    for later_ms in [0, 1, 6_500] {
        let now = tick(NOW.plus(Duration::from_millis(later_ms)), Duration::from_secs(10));
        let shown = answers.show(&definitions, &seven_days, now).await?;
        assert_eq!(shown.window.to, Time(1_790_000_000_000_000), "the window ends at a whole refresh");
        assert!(matches!(&shown.answers[0], Answer::Rows(rows) if rows.len() == 1));
        assert!(shown.sparks[0].is_some() && shown.sparks[1].is_none());
        assert_eq!(shown.marks, [(shown.window.from, "deploy v2".into())]);
        let trouble = |at: usize| match &shown.answers[at] {
            Answer::Trouble(words) => words.clone(),
            Answer::Rows(_) | Answer::ToCome => "no trouble".into(),
        };
        assert_eq!(trouble(2), "no parser writes a table `nowhere`");
        assert_eq!(trouble(3), "The database is away: no route to the replica");
    }
    let mut asked: Vec<String> = notes.0.lock().unwrap().iter().map(|(query, _)| said(query)).collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "deploys every 0 s where host == web-1",
            "logs every 0 s where host == web-1 & priority in [3, 4]",
            "logs every 21600 s where host == web-1 & priority in [3, 4]",
            "logs every 900 s where host == web-1 & priority in [3, 4]",
        ]
    );
    Ok(())
}

fn said(query: &Query) -> String {
    use infralogs_core::expr::{Expr, Literal};
    fn expr(it: &Expr) -> String {
        match it {
            Expr::Field(name) => name.to_string(),
            Expr::Literal(Literal::Text(text)) => text.to_string(),
            Expr::Compare(_, a, b) => format!("{} == {}", expr(a), expr(b)),
            Expr::And(a, b) => format!("{} & {}", expr(a), expr(b)),
            Expr::In(a, list) => {
                let list: Vec<_> = list.iter().map(|one| if let Literal::Int(i) = one { *i } else { -1 }).collect();
                format!("{} in {list:?}", expr(a))
            }
            other => format!("{other:?}"),
        }
    }
    let every = match &query.shape {
        Shape::Groups { every, .. } => every.map_or(0, |every| every.as_secs()),
        _ => 0,
    };
    format!("{} every {every} s where {}", query.table, query.filter.as_ref().map(expr).unwrap_or_default())
}

#[tokio::test]
async fn choices_come_from_every_table_that_has_the_column() -> Result<()> {
    let answers = Arc::new(Answers::new(Arc::new(Notes::default())));
    let choices = answers.choices(&definitions(), &view(&[])?, "host", NOW).await?;
    assert_eq!(choices, ["gaps.host", "both", "logs.host"]);
    assert!(answers.choices(&definitions(), &view(&[])?, "message", NOW).await.is_err(), "only what is offered");
    Ok(())
}

#[test]
fn urls_are_checked() {
    let check = |parameters: &[(&str, &str)], expect: &str| {
        let got =
            view(parameters).map_or_else(|error| error.what, |view| format!("{:?} {}", view.reach, view.zone.name()));
        assert!(got.contains(expect), "{parameters:?}: {got}");
    };
    check(&[], "None UTC");
    check(&[("last", "15m")], "Last(900s)");
    check(&[("from", "-2h"), ("to", "-1h")], "Exact");
    check(&[("from", "2026-01-02T00:00:00Z"), ("to", "2026-01-01T00:00:00Z")], "before");
    check(&[("last", "9000w")], "too long");
    check(&[("last", "soon")], "no length of time");
    check(&[("tz", "+02:00")], "+02:00");
    check(&[("tz", "../../etc/passwd")], "no time zone");
    check(&[("tz", "+25:00")], "no time zone");
    check(&[("theme", "pink")], "no theme");
    check(&[("host", &"x".repeat(600))], "over 512 bytes");
    check(&[("<script>", "1")], "None UTC");
    let berlin = view(&[("tz", "Europe/Berlin")]).unwrap();
    assert_eq!(berlin.zone.offset_s(Time(1_767_225_600_000_000)), 3_600);
    assert_eq!(berlin.zone.offset_s(Time(1_782_864_000_000_000)), 7_200);
}
