//! A dashboard as a script lays it out: rows of panels, each with a query.

use crate::{
    error::Result,
    query::{Key, Query, Shape},
    table::Rows,
    value::Value,
};
use std::{fmt, sync::Arc, time::Duration};

/// A page of panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Dashboard {
    /// `[a-z0-9_-]+`: the URL.
    pub name: Arc<str>,
    /// What a person reads.
    pub title: String,
    /// How far back it looks at first.
    pub last: Duration,
    /// How often it asks again.
    pub refresh: Duration,
    /// Columns offered as drop-downs; a choice filters every panel whose table has the column.
    pub picks: Vec<Arc<str>>,
    /// Moments drawn over every time panel.
    pub marks: Vec<Mark>,
    /// The users who may look, as a trusted proxy names them; empty: everyone who may look at all.
    pub readers: Vec<String>,
    /// Top to bottom.
    pub rows: Vec<Vec<Panel>>,
    /// `file:line:column` of its declaration.
    pub place: String,
}

/// Moments drawn over every time panel, one for each row of the query.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its rows; the `time` column is the moment.
    pub query: Query,
    /// `deploy ${version}`: columns by name.
    pub label: String,
}

/// One chart, number, table or text.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Unique on the page.
    pub title: String,
    /// How it is drawn.
    pub kind: PanelKind,
    /// What is drawn; `None` for text.
    pub query: Option<Query>,
    /// Its share of the row's width, 1 to 12.
    pub wide: u8,
    /// Height in pixels; `None`: what suits the kind.
    pub height: Option<u16>,
    /// The unit of its numbers.
    pub unit: Unit,
    /// At or below (above, if larger than `bad`) is good.
    pub good: Option<f64>,
    /// At or beyond is bad.
    pub bad: Option<f64>,
    /// Colours to draw with, as `#rrggbb`; empty: the theme's.
    pub palette: Vec<String>,
    /// The titles of the panels whose selections filter this one.
    pub follows: Vec<String>,
    /// One small chart for each value of this key.
    pub each: Option<Arc<str>>,
    /// Said when there are no rows.
    pub empty: Option<String>,
    /// Colours a table's row.
    pub tint: Option<Tint>,
    /// `file:line:column` of its declaration.
    pub place: String,
}

impl Panel {
    /// A panel of which nothing more is said.
    pub fn new(title: &str, kind: PanelKind, query: Option<Query>, place: &str) -> Self {
        Self {
            title: title.into(),
            kind,
            query,
            wide: 1,
            height: None,
            unit: Unit::default(),
            good: None,
            bad: None,
            palette: Vec::new(),
            follows: Vec::new(),
            each: None,
            empty: None,
            tint: None,
            place: place.into(),
        }
    }

    /// The keys across and down a heat map: days lie below each other, hours side by side. With time along it, none
    /// stands across.
    pub fn axes(&self) -> [Option<&Key>; 2] {
        let Some(Shape::Groups { every, by, .. }) = self.query.as_ref().map(|query| &query.shape) else {
            return [None; 2];
        };
        match (self.kind, every, by.as_slice()) {
            (PanelKind::Heat, Some(_), [down]) => [None, Some(down)],
            (PanelKind::Heat, None, [a, b]) if *a == Key::Hour || *b == Key::Weekday => [Some(a), Some(b)],
            (PanelKind::Heat, None, [a, b]) => [Some(b), Some(a)],
            _ => [None; 2],
        }
    }
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelKind {
    /// One number, with a spark line over time if asked.
    Stat {
        /// Whether a spark line is drawn behind it.
        spark: bool,
    },
    /// Lines over time.
    Lines {
        /// Whether series are stacked as areas.
        stacked: bool,
    },
    /// Filled areas over time.
    Areas {
        /// Whether series are stacked.
        stacked: bool,
    },
    /// Horizontal bars, largest first.
    Bars,
    /// How many records have how large a number.
    Histogram,
    /// Percentiles over time: lines with the space between them filled.
    Bands,
    /// What state each key was in, over time.
    States,
    /// Two keys, or time and a key, as a grid of colours.
    Heat,
    /// Parts of a whole.
    Shares,
    /// Records.
    Table,
    /// Usage bars: one row per record with a used share (disk, memory).
    Gauges,
    /// Words.
    Text,
}

impl PanelKind {
    /// The word a script begins it with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stat { .. } => "stat",
            Self::Lines { .. } => "lines",
            Self::Areas { .. } => "areas",
            Self::Bars => "bars",
            Self::Histogram => "histogram",
            Self::Bands => "bands",
            Self::States => "states",
            Self::Heat => "heat",
            Self::Shares => "shares",
            Self::Table => "table",
            Self::Gauges => "gauges",
            Self::Text => "text",
        }
    }
}

/// What a number counts; decides how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Unit {
    /// A plain number with thin spaces between thousands.
    #[default]
    Number,
    /// `1.5 GiB`.
    Bytes,
    /// Microseconds, written `1.5 s`.
    Duration,
    /// A share of 100, written `42 %`.
    Percent,
    /// A plain number and this word.
    Named(String),
}

/// A closure that gives a table row a colour.
#[derive(Clone)]
pub struct Tint(pub Arc<dyn TintRow>);

/// Colours one row of a table.
pub trait TintRow: Send + Sync {
    /// `#rrggbb`, or none.
    fn tint(&self, row: &[(&str, Value<'_>)]) -> Result<Option<String>>;
}

impl fmt::Debug for Tint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tint(..)")
    }
}

impl PartialEq for Tint {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What a panel shows: its rows, or honestly why there are none.
#[derive(Debug, Clone)]
pub enum Answer {
    /// What the query answered; empty is an answer too. Shared, because many tabs are shown one answer.
    Rows(Arc<Rows>),
    /// It is asked for, and there is no answer yet.
    ToCome,
    /// The spoken reason: `slow`, `table not there yet`, `database away`.
    Trouble(String),
}

impl Dashboard {
    /// Whether a panel asks for rows of this table.
    pub fn asks(&self, table: &str) -> bool {
        self.rows.iter().flatten().any(|panel| panel.query.as_ref().is_some_and(|query| *query.table == *table))
    }

    /// The table of this dashboard with the rows behind a panel's numbers, counted in reading order: it shows the same
    /// table, under the same condition if there is such a one.
    pub fn behind(&self, panel: &Panel) -> Option<usize> {
        let query = panel.query.as_ref().filter(|_| panel.kind != PanelKind::Table)?;
        let shown = self.rows.iter().flatten().enumerate().filter(|(_, other)| other.kind == PanelKind::Table);
        let of_same = shown.filter_map(|(at, other)| Some((at, other.query.as_ref()?)));
        let found: Vec<_> = of_same.filter(|(_, other)| other.table == query.table).collect();
        let (at, _) = found.iter().find(|(_, other)| other.filter == query.filter).or(found.first())?;
        Some(*at)
    }

    /// The column of which a stretch can be selected on this panel, if another panel follows it: the moments along a
    /// time axis, or the number a histogram counts by.
    pub fn spans<'a>(&self, panel: &'a Panel) -> Option<&'a str> {
        let column = match &panel.query.as_ref()?.shape {
            Shape::Groups { every: Some(_), .. } => "time",
            Shape::Latest { .. } if panel.kind == PanelKind::States => "time",
            Shape::Groups { by, .. } => match by.as_slice() {
                [Key::Binned(column)] => column,
                _ => return None,
            },
            _ => return None,
        };
        self.is_followed(panel).then_some(column)
    }

    fn is_followed(&self, panel: &Panel) -> bool {
        self.rows.iter().flatten().any(|other| other.follows.contains(&panel.title))
    }

    fn is_chosen_by(&self, panel: &Panel, key: &Key) -> bool {
        // Levels are drawn as words and stored as numbers.
        const WORDED: [&str; 2] = ["priority", "level"];
        match key {
            Key::Field(column) => {
                (self.is_followed(panel) || self.picks.contains(column)) && !WORDED.contains(&&**column)
            }
            Key::Hour | Key::Weekday => self.is_followed(panel),
            Key::Binned(_) => false,
        }
    }

    /// The column that a tap on this panel chooses a value of: what its bars or shares are told apart by, if the
    /// dashboard offers it as a pick or another panel follows this one.
    pub fn taps<'a>(&self, panel: &'a Panel) -> Option<&'a Arc<str>> {
        if !matches!(panel.kind, PanelKind::Bars | PanelKind::Shares) {
            return None;
        }
        let Shape::Groups { by, .. } = &panel.query.as_ref()?.shape else { return None };
        let [key @ Key::Field(column)] = by.as_slice() else { return None };
        self.is_chosen_by(panel, key).then_some(column)
    }

    /// The keys across and down a heat map of whose values a tap on its cells, or a box over them, chooses some; as for
    /// [`Self::taps`], and hours and weekdays if another panel follows this one.
    pub fn cells<'a>(&self, panel: &'a Panel) -> [Option<&'a Key>; 2] {
        panel.axes().map(|key| key.filter(|key| self.is_chosen_by(panel, key)))
    }
}
