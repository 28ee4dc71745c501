//! Asks what a dashboard shows: one view in; answers of its panels, marks and choices out.
//!
//! A view is what a URL says: which dashboard, which time, which picks, which theme and zone. Two people with
//! the same view are shown the same answers, asked once.

mod answers;
mod ask;
mod asking;
mod label;
mod merge;
mod zone;

pub use answers::{Answers, QUERY_TIMEOUT_MS};
pub use ask::effective;
pub use asking::Asking;
pub use zone::Zone;

use crate::{
    dashboard::{Answer, Dashboard},
    error::{Error, Result},
    plugin::{Scene, Theme},
    table::Rows,
    time::{Time, Window, parse_span},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// The longest time a view may span: ten years.
pub const WINDOW_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

/// The shortest: one second.
pub const WINDOW_MIN: Duration = Duration::from_secs(1);

/// The most values chosen of one column.
pub const PICK_VALUES_MAX: usize = 50;

/// The longest chosen value, in bytes.
pub const PICK_VALUE_BYTES_MAX: usize = 512;

/// The most columns a view picks by.
pub const PICKS_MAX: usize = 16;

/// What one reader looks at. Equal views show the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// Which dashboard.
    pub dashboard: Arc<str>,
    /// Which time; `None`: what the dashboard says.
    pub reach: Option<Reach>,
    /// Chosen values by column; a record passes with any of them.
    pub picks: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Stretches selected on charts, by column: panels that follow such a chart show only records within.
    pub spans: BTreeMap<Arc<str>, Span>,
    /// Light or dark.
    pub theme: Theme,
    /// Where the reader's clock hangs.
    pub zone: Zone,
}

/// From one value of a column up to another, which is not in it; whole numbers of the column's own unit (times in
/// microseconds since 1970).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first value in it.
    pub from: i64,
    /// The first value beyond it.
    pub to: i64,
}

impl Span {
    /// Reads `column~from~to`.
    fn parse(text: &str) -> Result<(Arc<str>, Self)> {
        let wrong = || {
            let what = format!("`{}` is no stretch of a column", text.escape_debug());
            Error::invalid(what).help("write column~from~to, such as lag_ms~100~250")
        };
        let [column, from, to] = *text.split('~').collect::<Vec<_>>() else { return Err(wrong()) };
        let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
        let span = Self { from: number(from)?, to: number(to)? };
        if could_be_column(column) && span.from < span.to { Ok((column.into(), span)) } else { Err(wrong()) }
    }
}

/// Which time a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Back from the present, moving on with it.
    Last(Duration),
    /// Always the same.
    Exact(Window),
}

impl View {
    /// Reads a URL's parameters: `last` or `from` and `to`, `theme`, `tz`, `between` (a [`Span`]); any other name is a
    /// pick of that column (kept only if it could be one; the layout says later which count).
    pub fn parse<'p>(
        dashboard: &str,
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
        now: Time,
    ) -> Result<Self> {
        let mut view = Self {
            dashboard: dashboard.into(),
            reach: None,
            picks: BTreeMap::new(),
            spans: BTreeMap::new(),
            theme: Theme::Dark,
            zone: Zone::utc(),
        };
        let (mut from, mut to) = (None, None);
        for (name, value) in parameters {
            match name {
                _ if value.is_empty() => {}
                "last" => view.reach = Some(Reach::Last(parse_span(value)?)),
                "from" => from = Some(Time::parse(value, now)?),
                "to" => to = Some(Time::parse(value, now)?),
                "theme" => view.theme = theme(value)?,
                "tz" => view.zone = Zone::parse(value)?,
                "between" => view.select(value)?,
                _ => view.pick(name, value)?,
            }
        }
        if let Some(from) = from {
            view.reach = Some(Reach::Exact(Window { from, to: to.unwrap_or(now) }));
        }
        if let Some(reach) = view.reach {
            check(reach)?;
        }
        Ok(view)
    }

    fn select(&mut self, text: &str) -> Result<()> {
        let (column, span) = Span::parse(text)?;
        if self.spans.len() == PICKS_MAX {
            return Err(Error::invalid(format!("stretches of more than {PICKS_MAX} columns are selected")));
        }
        self.spans.insert(column, span);
        Ok(())
    }

    fn pick(&mut self, column: &str, value: &str) -> Result<()> {
        if !could_be_column(column) {
            return Ok(());
        }
        if value.len() > PICK_VALUE_BYTES_MAX {
            return Err(Error::invalid(format!(
                "the value chosen for `{column}` is over {PICK_VALUE_BYTES_MAX} bytes"
            )));
        }
        if !self.picks.contains_key(column) && self.picks.len() == PICKS_MAX {
            return Err(Error::invalid(format!("more than {PICKS_MAX} columns are chosen by")));
        }
        let values = self.picks.entry(column.into()).or_default();
        values.insert(value.to_owned());
        if values.len() > PICK_VALUES_MAX {
            return Err(Error::invalid(format!("more than {PICK_VALUES_MAX} values are chosen of `{column}`")));
        }
        Ok(())
    }

    /// Whether it moves on with the present.
    pub fn is_live(&self) -> bool {
        !matches!(self.reach, Some(Reach::Exact(_)))
    }

    /// The window it shows at `now` (see [`tick`]).
    pub fn window(&self, dashboard: &Dashboard, now: Time) -> Window {
        match self.reach.unwrap_or(Reach::Last(dashboard.last)) {
            Reach::Exact(window) => window,
            Reach::Last(last) => Window { from: now.minus(last), to: now },
        }
    }
}

/// The last whole multiple of `every` (at least a second) up to `now`: the present that tabs share.
pub fn tick(now: Time, every: Duration) -> Time {
    let step = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1_000_000);
    Time(now.0.div_euclid(step) * step)
}

fn could_be_column(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn theme(word: &str) -> Result<Theme> {
    match word {
        "light" => Ok(Theme::Light),
        "dark" => Ok(Theme::Dark),
        _ => Err(Error::invalid(format!("`{}` is no theme", word.escape_debug())).help("write light or dark")),
    }
}

fn check(reach: Reach) -> Result<()> {
    let span = match reach {
        Reach::Last(last) => last,
        Reach::Exact(window) => {
            let micros = window.to.0.checked_sub(window.from.0).and_then(|micros| u64::try_from(micros).ok());
            let micros = micros.ok_or_else(|| Error::invalid("`to` lies before `from`").help("swap the two"))?;
            Duration::from_micros(micros)
        }
    };
    if span < WINDOW_MIN || span > WINDOW_MAX {
        return Err(Error::invalid("the time shown is too short or too long").help("choose 1 second to 10 years"));
    }
    Ok(())
}

/// Everything a renderer needs of one view at one moment.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The layout, its queries narrowed by the picks and coarsened to what a screen can show.
    pub dashboard: Arc<Dashboard>,
    /// The hash of the scripts it comes from.
    pub generation: String,
    /// One per panel, in reading order.
    pub answers: Vec<Answer>,
    /// One per panel.
    pub sparks: Vec<Option<Arc<Rows>>>,
    /// How far behind what was written this is, where the store knows.
    pub lag: Duration,
    /// Moments with their labels.
    pub marks: Vec<(Time, String)>,
    /// The page's window.
    pub window: Window,
    /// Seconds east of UTC.
    pub zone_s: i32,
    /// Light or dark.
    pub theme: Theme,
}

impl Shown {
    /// As a renderer takes it.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            dashboard: &self.dashboard,
            answers: &self.answers,
            sparks: &self.sparks,
            marks: &self.marks,
            window: self.window,
            zone_s: self.zone_s,
            theme: self.theme,
        }
    }
}
