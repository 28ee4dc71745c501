//! How pages look: the colours of both themes, the font, the look of axes.

use crate::model::Attr;
use infralogs_core::plugin::Theme;

/// What text is drawn with.
pub(crate) const FONT: &str = "Inter, system-ui, sans-serif";

/// The colours of one theme.
#[derive(Debug)]
pub(crate) struct Look {
    /// Series, told apart also by colour-blind eyes (see the tests).
    pub series: [&'static str; 8],
    /// Everything that is added up in "others".
    pub others: &'static str,
    /// From few to many.
    pub heat: [&'static str; 9],
    /// Text that is read.
    pub text: &'static str,
    /// Text beside it: axes, legends.
    pub muted: &'static str,
    /// Lines behind the data.
    pub grid: &'static str,
    /// What a panel stands on, for gaps between filled shapes and for tooltips.
    pub card: &'static str,
    /// Borders of tooltips, tracks of gauges.
    pub edge: &'static str,
    /// Rows under the pointer.
    pub raised: &'static str,
    /// As it should be.
    pub good: &'static str,
    /// Worth a look.
    pub warn: &'static str,
    /// The same for shapes.
    pub warn_fill: &'static str,
    /// Broken.
    pub bad: &'static str,
    /// Worse than broken: critical and beyond.
    pub fatal: &'static str,
    /// Marks over time panels.
    pub mark: &'static str,
}

/// Dark text on light.
pub(crate) static LIGHT: Look = Look {
    series: ["#3967dc", "#c9821a", "#229f98", "#b3246a", "#9681f0", "#55790e", "#224a8d", "#a0685c"],
    others: "#86919e",
    heat: ["#eef2f7", "#d3e3f4", "#a9cdea", "#73b0dc", "#438fc9", "#2470b3", "#155592", "#0e3d6f", "#08264a"],
    text: "#1c2733",
    muted: "#5d6b7a",
    grid: "#e7ebf0",
    card: "#ffffff",
    edge: "#d8dee6",
    raised: "#f3f6fa",
    good: "#08795d",
    warn: "#a86400",
    warn_fill: "#c98208",
    bad: "#cf2f3f",
    fatal: "#8a1f96",
    mark: "#6b4fc4",
};

/// Light text on dark.
pub(crate) static DARK: Look = Look {
    series: ["#6191f0", "#f2b248", "#45d3b2", "#ee5a9f", "#c2adfa", "#97982a", "#9ee2f9", "#d18c71"],
    others: "#6d7a88",
    heat: ["#1d2530", "#26304f", "#3f2f6b", "#6b2f7a", "#9c3374", "#cb4160", "#ee6447", "#fb9a47", "#fcdb7a"],
    text: "#e3e9f0",
    muted: "#8e9baa",
    grid: "#262f3a",
    card: "#171d25",
    edge: "#2f3a47",
    raised: "#1f2731",
    good: "#34c79a",
    warn: "#f0b03f",
    warn_fill: "#f0b03f",
    bad: "#ff6b70",
    fatal: "#df86f7",
    mark: "#b7a3ff",
};

impl Look {
    /// The colours of a theme.
    pub(crate) fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    /// The colour of the series at this place; when the palette begins again, nearer to the text's colour.
    pub(crate) fn series_at(&self, place: usize) -> String {
        let base = self.series[place % self.series.len()];
        match place / self.series.len() {
            0 => base.to_owned(),
            1 => blend(base, self.text, 0.35),
            _ => blend(base, self.text, 0.65),
        }
    }

    /// The colour of a level by its word.
    pub(crate) fn level(&self, word: &str) -> Option<&'static str> {
        match word {
            "emergency" | "alert" | "critical" | "emerg" | "crit" | "fatal" => Some(self.fatal),
            "error" | "err" => Some(self.bad),
            "warning" | "warn" => Some(self.warn_fill),
            "notice" => Some(self.series[2]),
            "info" => Some(self.series[0]),
            "debug" | "trace" => Some(self.others),
            _ => None,
        }
    }

    /// The colour of a level's word where it is read: only what is worth a look has one.
    pub(crate) fn level_text(&self, word: &str) -> &'static str {
        match word {
            "emergency" | "alert" | "critical" | "emerg" | "crit" | "fatal" => self.fatal,
            "error" | "err" => self.bad,
            "warning" | "warn" => self.warn,
            _ => self.text,
        }
    }

    /// The look of an axis: labels, and nothing else.
    pub(crate) fn axis(&self) -> [(&'static str, Attr); 7] {
        [
            ("axis_line_color", Attr::Json(serde_json::Value::Null)),
            ("major_tick_line_color", Attr::Json(serde_json::Value::Null)),
            ("minor_tick_line_color", Attr::Json(serde_json::Value::Null)),
            ("major_label_text_color", self.muted.into()),
            ("major_label_text_font", FONT.into()),
            ("major_label_text_font_size", "12px".into()),
            ("major_label_standoff", 8.into()),
        ]
    }
}

/// A colour so far on the way to another: 0 is the first, 1 the second.
pub(crate) fn blend(from: &str, to: &str, share: f64) -> String {
    let [from, to] = [from, to].map(channels);
    let mixed = [0, 1, 2].map(|at| from[at] + (to[at] - from[at]) * share);
    format!("#{:02x}{:02x}{:02x}", mixed[0] as u8, mixed[1] as u8, mixed[2] as u8)
}

/// Red, green and blue of `#rrggbb`, 0 to 255; grey for anything else.
pub(crate) fn channels(colour: &str) -> [f64; 3] {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6);
    let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0x80_80_80);
    [code >> 16 & 0xff, code >> 8 & 0xff, code & 0xff].map(f64::from)
}

#[cfg(test)]
mod tests;
