//! Words: paragraphs, `code` and **bold**, and nothing that could be more than text.

use crate::{
    html::escape,
    model::{Model, Shared},
    page::{Page, Spot},
    theme::FONT,
};

/// The panel's words.
pub(crate) fn draw(page: &Page<'_>, spot: &Spot<'_>) -> Shared {
    let look = page.look;
    let css = format!(
        ":host{{font:14px/1.6 {FONT};--bokeh-base-font:{FONT};color:{};--color:{}}}p{{margin:0 0 8px}}\
         code{{background:{};border-radius:4px;padding:1px 5px;font-size:13px}}",
        look.text, look.text, look.raised
    );
    let words = spot.panel.empty.as_deref().unwrap_or_default();
    Model::new("Div", &spot.id)
        .set("text", format!("<div style=\"color:{}\">{}</div>", look.text, markup(words)))
        .set("disable_math", true)
        .set("sizing_mode", "stretch_width")
        .set("margin", 0)
        .set("stylesheets", vec![Model::new("InlineStyleSheet", format!("{}/style", spot.id)).set("css", css)])
        .share()
}

/// Paragraphs between blank lines; in them `code` and **bold**.
fn markup(words: &str) -> String {
    let paragraph = |text: &str| {
        let bold = paired(&escape(text), "**", "b");
        format!("<p>{}</p>", paired(&bold, "`", "code"))
    };
    words.split("\n\n").filter(|text| !text.trim().is_empty()).map(paragraph).collect()
}

/// What stands between two signs becomes an element; a sign without its pair stays.
fn paired(text: &str, sign: &str, element: &str) -> String {
    let mut parts = text.split(sign).peekable();
    let mut marked = parts.next().unwrap_or_default().to_owned();
    while let Some(part) = parts.next() {
        match parts.next() {
            Some(after) => marked += &format!("<{element}>{part}</{element}>{after}"),
            None => marked += &format!("{sign}{part}"),
        }
    }
    marked
}
