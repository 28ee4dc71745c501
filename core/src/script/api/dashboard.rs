//! `dashboard("name")…`: a page of panels.

use super::{
    super::{
        sheet::{Shared, lock},
        source::Place,
    },
    Broken,
    panel::PanelDraft,
    query::QueryDraft,
    shelf::Shelf,
    take::{Call, describe},
};
use rhai::{Array, Dynamic, NativeCallContext};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The most panels one row may have.
const ROW_PANELS_MAX: usize = 12;

/// What a script said of one dashboard so far, and where.
pub(in super::super) struct DashboardDraft {
    pub name: Arc<str>,
    pub title: String,
    pub last: Duration,
    pub refresh: Duration,
    pub picks: Vec<(Arc<str>, Place)>,
    pub marks: Vec<MarkDraft>,
    pub readers: Vec<String>,
    pub rows: Vec<Vec<PanelDraft>>,
    pub at: Place,
}

/// `.mark(deploys, "deploy ${version}")`.
pub(in super::super) struct MarkDraft {
    pub query: QueryDraft,
    pub label: String,
    pub label_at: Place,
}

/// A dashboard in the making.
#[derive(Clone)]
pub(in super::super) struct DashboardRef(Shared<DashboardDraft>);

impl DashboardRef {
    fn with(self, change: impl FnOnce(&mut DashboardDraft)) -> Self {
        change(&mut lock(&self.0));
        self
    }
}

fn begin(call: &Call, name: &Dynamic) -> Dynamic {
    let (Some(sheet), Some(at), Some(name)) = (call.sheet(), call.place(), call.text(0, name)) else {
        return Broken.into_dynamic();
    };
    call.not_in_library();
    let draft = DashboardDraft {
        name: name.as_str().into(),
        title: name.to_string(),
        last: Duration::from_secs(6 * 3600),
        refresh: Duration::from_secs(10),
        picks: Vec::new(),
        marks: Vec::new(),
        readers: Vec::new(),
        rows: Vec::new(),
        at,
    };
    let draft = Arc::new(Mutex::new(draft));
    sheet.declare(|drafts| drafts.dashboards.push(draft.clone()));
    Dynamic::from(DashboardRef(draft))
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<DashboardRef>("Dashboard");
    shelf.add(
        "dashboard",
        &["name: String"],
        "Begins a dashboard; its name is its address, `/d/fleet`.",
        r#"dashboard("fleet")"#,
        |context: NativeCallContext<'_>, name: Dynamic| begin(&Call::of(&context), &name),
    );
    shelf.add(
        "title",
        &["dashboard: Dashboard", "title: String"],
        "What stands above it.",
        r#".title("Fleet errors")"#,
        |context: NativeCallContext<'_>, dashboard: DashboardRef, title: Dynamic| {
            let title = Call::of(&context).text(0, &title);
            dashboard.with(|draft| title.into_iter().for_each(|title| draft.title = title.to_string()))
        },
    );
    shelf.add(
        "last",
        &["dashboard: Dashboard", "duration: Duration"],
        "How far back it looks at first; 6 hours if it does not say.",
        ".last(6.hours)",
        |context: NativeCallContext<'_>, dashboard: DashboardRef, span: Dynamic| {
            let span = Call::of(&context).span(0, &span);
            dashboard.with(|draft| span.into_iter().for_each(|span| draft.last = span))
        },
    );
    shelf.add(
        "refresh",
        &["dashboard: Dashboard", "duration: Duration"],
        "How often it asks again, at most once a second; 10 seconds if it does not say.",
        ".refresh(10.seconds)",
        |context: NativeCallContext<'_>, dashboard: DashboardRef, span: Dynamic| {
            let call = Call::of(&context);
            let span = call.span(0, &span);
            if span.is_some_and(|span| span < Duration::from_secs(1)) {
                call.wrong(0, "a dashboard asks again at most once a second", "write `1.seconds` or more");
            }
            dashboard.with(|draft| span.into_iter().for_each(|span| draft.refresh = span))
        },
    );
    content(shelf);
}

fn content(shelf: &mut Shelf) {
    shelf.add(
        "pick",
        &["dashboard: Dashboard", "field: String"],
        "Offers the values of a column as a drop-down that filters every panel.",
        ".pick(host)",
        |context: NativeCallContext<'_>, dashboard: DashboardRef, field: Dynamic| {
            let call = Call::of(&context);
            let pick = call.name(0, &field).zip(call.argument(0));
            dashboard.with(|draft| draft.picks.extend(pick))
        },
    );
    shelf.add(
        "readers",
        &["dashboard: Dashboard", "users: Array"],
        "Who sees it: users as the trusted proxy names them, or `token` for who signed in by a token. Everyone who may \
         look at all if it does not say.",
        r#".readers(["ada@example.org", "token"])"#,
        |context: NativeCallContext<'_>, dashboard: DashboardRef, users: Dynamic| {
            let readers = readers(&Call::of(&context), &users);
            dashboard.with(|draft| draft.readers = readers)
        },
    );
    shelf.add(
        "mark",
        &["dashboard: Dashboard", "query: Query", "label: String"],
        "Draws a line over every chart at the time of each record; `${column}` in the label is its value.",
        r#".mark(deploys, "deploy ${version}")"#,
        |context: NativeCallContext<'_>, dashboard: DashboardRef, query: Dynamic, label: Dynamic| {
            let call = Call::of(&context);
            let parts = QueryDraft::take(&call, 0, &query).zip(call.text(1, &label)).zip(call.argument(1));
            let mark = parts.map(|((query, label), label_at)| MarkDraft { query, label: label.to_string(), label_at });
            dashboard.with(|draft| draft.marks.extend(mark))
        },
    );
    shelf.add(
        "row",
        &["dashboard: Dashboard", "panels: Array"],
        "Adds a row of panels below the others.",
        r#".row([stat("Errors", logs.where(level >= "error").count())])"#,
        |context: NativeCallContext<'_>, dashboard: DashboardRef, panels: Dynamic| {
            let row = row(&Call::of(&context), &panels);
            dashboard.with(|draft| draft.rows.push(row))
        },
    );
}

/// A list of users; one that names nobody would hide the dashboard from all, which nobody means.
fn readers(call: &Call, users: &Dynamic) -> Vec<String> {
    let wanted = "a list of users such as `[\"ada@example.org\"]`";
    let Some(items) = users.read_lock::<Array>().filter(|items| !items.is_empty()) else {
        call.wrong(0, format!("`readers` takes {wanted}"), "");
        return Vec::new();
    };
    items.iter().filter_map(|item| call.text_as(0, item, wanted).map(|user| user.to_string())).collect()
}

fn row(call: &Call, panels: &Dynamic) -> Vec<PanelDraft> {
    if let Some(panel) = panels.read_lock::<PanelDraft>() {
        return vec![panel.clone()];
    }
    let Some(items) = panels.read_lock::<Array>() else {
        if !panels.is::<Broken>() {
            call.wrong(
                0,
                format!("`row` takes a list of panels, not {}", describe(panels)),
                "write `[stat(…), lines(…)]`",
            );
        }
        return Vec::new();
    };
    if items.len() > ROW_PANELS_MAX {
        call.wrong(
            0,
            format!("a row has {} panels, the most is {ROW_PANELS_MAX}", items.len()),
            "begin another `.row`",
        );
    }
    let panels = items.iter().filter_map(|item| {
        let panel = item.read_lock::<PanelDraft>().map(|panel| panel.clone());
        if panel.is_none() && !item.is::<Broken>() {
            call.wrong(0, format!("a row holds panels, not {}", describe(item)), "");
        }
        panel
    });
    panels.collect()
}
