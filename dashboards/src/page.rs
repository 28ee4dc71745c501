//! The HTML around the charts: the page of a dashboard, the list of dashboards, and pages that say what is wrong.

use crate::{State, access, assets};
use infralogs_core::{dashboard::Dashboard, definitions::Definitions};
use serde_json::json;
use std::fmt::Write;
use tide::{Redirect, Request, Response, StatusCode};

/// `/`: the one dashboard there is, or the list of them.
pub async fn index(request: Request<State>) -> tide::Result {
    let definitions = request.state().layouts.borrow().current.clone();
    let seen: Vec<_> = definitions.dashboards.iter().filter(|it| access::may_see(&request, it)).collect();
    if let [only] = seen.as_slice() {
        return Ok(Redirect::temporary(format!("/d/{}", only.name)).into());
    }
    let main = if seen.is_empty() {
        empty_house()
    } else {
        let cards: String = seen.iter().map(|it| card(it)).collect();
        format!("<main class=\"index\"><h1>Dashboards</h1><ul class=\"boards\">{cards}</ul></main>")
    };
    Ok(small(StatusCode::Ok, "Dashboards", &main))
}

/// `/d/<name>`: the page; what it shows is fetched by its script.
pub async fn dashboard(request: Request<State>) -> tide::Result {
    let name = request.param("name")?;
    let definitions = request.state().layouts.borrow().current.clone();
    let found = definitions.dashboard(name).filter(|dashboard| access::may_see(&request, dashboard));
    let Some(dashboard) = found else {
        let main = format!(
            "<main class=\"index\"><h1>Not here</h1><p class=\"lead\">There is no dashboard `{}`.</p><p><a href=\"/\">All dashboards</a></p></main>",
            escape(name)
        );
        return Ok(small(StatusCode::NotFound, "Not here", &main));
    };
    Ok(html(StatusCode::Ok, &dashboard.title, &scripts(), &body(&request, dashboard, &definitions)))
}

fn body(request: &Request<State>, dashboard: &Dashboard, definitions: &Definitions) -> String {
    let seen = definitions.dashboards.iter().filter(|it| access::may_see(request, it));
    let all: Vec<_> = seen.map(|it| json!({ "name": *it.name, "title": it.title })).collect();
    let facts = json!({
        "name": *dashboard.name,
        "title": dashboard.title,
        "dashboards": all,
        "user": access::name_of(request),
        "bokeh": !assets::BOKEH.is_empty(),
        "version": assets::BOKEH_VERSION,
    });
    let rows: String = dashboard.rows.iter().map(|row| skeleton(row.iter().map(|panel| panel.wide))).collect();
    format!(
        "<div id=\"app\" data-facts=\"{}\"><div class=\"bar\" role=\"banner\"></div>\
         <main id=\"main\" aria-busy=\"true\">{rows}</main></div>\
         <noscript><p class=\"lead\">This page needs JavaScript to draw its charts.</p></noscript>",
        escape(&facts.to_string())
    )
}

/// Empty cards in the places of the panels, until they are drawn.
fn skeleton(widths: impl Iterator<Item = u8>) -> String {
    let widths: Vec<u8> = widths.collect();
    let mut columns = String::new();
    for wide in &widths {
        let _ = write!(columns, "minmax(0,{wide}fr) ");
    }
    let cards = "<section class=\"card waiting\"></section>".repeat(widths.len());
    format!("<div class=\"row\" style=\"--columns:{}\">{cards}</div>", columns.trim_end())
}

/// Everything in one: style first, so that the first paint is right; scripts in the order they are needed.
fn html(status: StatusCode, title: &str, scripts: &str, body: &str) -> Response {
    let (style, icon, early) =
        (assets::own_path("app.css"), assets::own_path("icon.svg"), assets::own_path("early.js"));
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, viewport-fit=cover\">\
         <meta name=\"color-scheme\" content=\"dark light\"><title>{} · Infralogs</title>\
         <link rel=\"icon\" href=\"{icon}\" type=\"image/svg+xml\"><link rel=\"stylesheet\" href=\"{style}\">\
         <script src=\"{early}\"></script>{scripts}</head><body>{body}</body></html>",
        escape(title)
    );
    Response::builder(status).content_type("text/html; charset=utf-8").body(text).build()
}

fn scripts() -> String {
    let mut tags = String::new();
    let modules = assets::OWN.iter().filter(|asset| asset.name.ends_with(".js"));
    for module in modules.filter(|asset| !matches!(asset.name, "early.js" | "offline.js" | "embed.js")) {
        let _ = write!(tags, "<link rel=\"modulepreload\" href=\"{}\">", assets::own_path(module.name));
    }
    // Ours first: it asks for the data while BokehJS, fifty times as long, is read and run.
    let _ = write!(tags, "<script type=\"module\" src=\"{}\"></script>", assets::own_path("app.js"));
    for path in assets::bokeh_paths() {
        let _ = write!(tags, "<script src=\"{path}\" defer></script>");
    }
    tags
}

fn bar() -> String {
    let icon = assets::own_path("icon.svg");
    format!(
        "<div class=\"bar\" role=\"banner\"><a class=\"home\" href=\"/\"><img src=\"{icon}\" alt=\"\" width=\"22\" \
         height=\"22\"><span>Infralogs</span></a></div>"
    )
}

fn card(dashboard: &Dashboard) -> String {
    let panels: Vec<_> = dashboard.rows.iter().flatten().map(|panel| escape(&panel.title)).collect();
    format!(
        "<li><a class=\"board\" href=\"/d/{}\"><strong>{}</strong><span>{}</span></a></li>",
        dashboard.name,
        escape(&dashboard.title),
        panels.join(" · ")
    )
}

fn empty_house() -> String {
    "<main class=\"index\"><h1>No dashboard yet</h1><p class=\"lead\">Save a layout below the scripts folder, \
     for example as <code>dashboards/first.rhai</code>, and it appears here:</p>\
     <pre>dashboard(\"first\").title(\"First\")\n    .row([ table(\"Latest\", logs.latest(50)) ])</pre></main>"
        .to_owned()
}

/// A page of our bar and a few words.
pub fn small(status: StatusCode, title: &str, main: &str) -> Response {
    html(status, title, "", &format!("{}{main}", bar()))
}

/// Text as HTML shows it, also inside quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}
