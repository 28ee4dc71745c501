//! One HTML file that needs nothing else: the document, BokehJS and our own script and style inside it.

use crate::{assets, layout, page::escape};
use infralogs_core::{Error, Result, plugin::Document, view::Shown, view::View};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A page that is complete in itself. Only the scripts written here may run in it: their sums stand in its policy.
///
/// # Errors
/// When the program was built without BokehJS.
pub fn self_contained(document: &Document, shown: &Shown, view: &View) -> Result<String> {
    if assets::BOKEH.is_empty() {
        return Err(Error::failed("this program was built without BokehJS")
            .help("run `npm ci` in dashboards/ and build again, or write the document as JSON (--out x.json)"));
    }
    let mut scripts: Vec<String> = assets::BOKEH.iter().chain(assets::own("offline.js")).map(script).collect();
    let last = scripts.pop().unwrap_or_default();
    let sums: Vec<String> = scripts.iter().chain([&last]).map(|script| format!("'sha256-{}'", sum(script))).collect();
    let whole = json!({
        "document": document.json,
        "page": layout::page(shown, document, &[]),
        "frame": layout::frame(shown, view),
    });
    // In a data block `<` can only end it, so none stays.
    let whole = whole.to_string().replace('<', "\\u003c");
    let style = assets::own("app.css").map(|asset| String::from_utf8_lossy(&asset.bytes()).into_owned());
    let theme = if shown.theme == infralogs_core::plugin::Theme::Light { "light" } else { "dark" };
    let tags: String = scripts.iter().map(|script| format!("<script>{script}</script>")).collect();
    Ok(format!(
        "<!doctype html><html lang=\"en\" data-theme=\"{theme}\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {}; \
         style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{} · Infralogs</title>\
         <link rel=\"icon\" href=\"data:,\"><style>{}</style>{tags}</head><body><div id=\"app\"></div>\
         <script type=\"application/json\" id=\"whole\">{whole}</script><script>{last}</script></body></html>",
        sums.join(" "),
        escape(&shown.dashboard.title),
        style.unwrap_or_default(),
    ))
}

/// A script's text as it can stand inside a tag. Both words mean the same to JavaScript; they occur in strings only.
fn script(asset: &assets::Asset) -> String {
    String::from_utf8_lossy(&asset.bytes()).replace("</script", "<\\/script").replace("<!--", "\\x3c!--")
}

/// The SHA-256 of a script as policies write it.
fn sum(script: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script))
}
