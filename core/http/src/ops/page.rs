//! A page of figures in Prometheus' text format.

use std::{collections::BTreeMap, fmt::Write};

/// Figures, grouped by name as the format wants it.
#[derive(Debug, Default)]
pub struct Page {
    figures: BTreeMap<&'static str, Figure>,
}

#[derive(Debug)]
struct Figure {
    kind: &'static str,
    help: &'static str,
    samples: String,
}

/// Labels of one sample.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something that only grows. The name ends in `_total`, units stand in it (`_bytes_total`).
    pub fn counter(&mut self, name: &'static str, help: &'static str, labels: Labels<'_>, value: u64) {
        self.sample("counter", name, help, labels, &value.to_string());
    }

    /// Something that goes up and down. Units stand in the name (`_seconds`, `_bytes`).
    pub fn gauge(&mut self, name: &'static str, help: &'static str, labels: Labels<'_>, value: f64) {
        self.sample("gauge", name, help, labels, &value.to_string());
    }

    /// How often something was how large: `counts` beside the limits, each without those before it; `all` and `sum`
    /// also of what was beyond. Units stand in the name (`_seconds`).
    pub fn histogram(&mut self, name: &'static str, help: &'static str, counts: &[(f64, u64)], all: u64, sum: f64) {
        let mut text = String::new();
        let mut below = 0;
        for (limit, count) in counts {
            below += count;
            let _ = writeln!(text, "{name}_bucket{{le=\"{limit}\"}} {below}");
        }
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}");
        self.figures.insert(name, Figure { kind: "histogram", help, samples: text });
    }

    fn sample(&mut self, kind: &'static str, name: &'static str, help: &'static str, labels: Labels<'_>, value: &str) {
        let figure = self.figures.entry(name).or_insert_with(|| Figure { kind, help, samples: String::new() });
        let text = &mut figure.samples;
        text.push_str(name);
        for (index, (label, said)) in labels.iter().enumerate() {
            let said = said.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
            // Writing to a string can't fail.
            let _ = write!(text, "{}{label}=\"{said}\"", if index == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }

    /// The page's text.
    pub fn into_text(self) -> String {
        let mut text = String::new();
        for (name, figure) in self.figures {
            let _ = write!(text, "# HELP {name} {}\n# TYPE {name} {}\n{}", figure.help, figure.kind, figure.samples);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_labels_escaped() {
        let mut page = Page::new();
        page.gauge("b_seconds", "Lag.", &[], 1.5);
        page.counter("a_total", "Rows.", &[("table", "x\"\\\n")], 1);
        page.gauge("b_seconds", "Lag.", &[("host", "h"), ("n", "2")], 0.0);
        page.histogram("c_seconds", "Waits.", &[(0.5, 2), (1.0, 3)], 6, 9.5);
        let expect = "# HELP a_total Rows.\n# TYPE a_total counter\na_total{table=\"x\\\"\\\\\\n\"} 1\n\
            # HELP b_seconds Lag.\n# TYPE b_seconds gauge\nb_seconds 1.5\nb_seconds{host=\"h\",n=\"2\"} 0\n\
            # HELP c_seconds Waits.\n# TYPE c_seconds histogram\nc_seconds_bucket{le=\"0.5\"} 2\n\
            c_seconds_bucket{le=\"1\"} 5\nc_seconds_bucket{le=\"+Inf\"} 6\nc_seconds_sum 9.5\nc_seconds_count 6\n";
        assert_eq!(page.into_text(), expect);
    }
}
