//! `/d/<name>/autoload.js`: what draws a dashboard on a page of another site, as Bokeh's `server_document()` asks for it.

use super::{missing, parameters, view};
use crate::{State, access, assets};
use infralogs_core::Result;
use serde_json::{Value, json};
use tide::{Request, Response, StatusCode, http::Url};

/// Answers pages of listed sites, and our own.
pub async fn autoload(request: Request<State>) -> tide::Result {
    let name = request.param("name")?;
    let site = request.state().access.site(&request).map(str::to_owned);
    if site.is_none() && !access::from_here(&request) {
        let next = Some("list its origin under `embed` in infralogs.yaml");
        return Ok(infralogs_http::answer::told(StatusCode::Forbidden, "this site may not show dashboards", next));
    }
    let given =
        |wanted: &str| parameters(&request).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let mut facts = match missing(&request, name) {
        Some(_) => json!({ "trouble": format!("There is no dashboard `{}`.", name.escape_debug()) }),
        None => match facts(&request, name).await {
            Ok(facts) => facts,
            Err(error) => json!({ "trouble": error.to_string() }),
        },
    };
    facts["element"] = given("bokeh-autoload-element").into();
    // The page is elsewhere: where we are is what it asked.
    facts["server"] = given("bokeh-absolute-url").and_then(|url| server(&url)).into();
    let script = assets::own("embed.js").map(|asset| String::from_utf8_lossy(&asset.bytes()).into_owned());
    let text = format!("({})({facts});\n", script.unwrap_or_default().trim_end());
    let mut response = Response::builder(StatusCode::Ok).body(text).build();
    response.insert_header("content-type", "text/javascript; charset=utf-8");
    response.insert_header("vary", "origin");
    if let Some(site) = site {
        response.insert_header("access-control-allow-origin", site);
        response.insert_header("access-control-allow-credentials", "true");
    }
    Ok(response)
}

/// What the script needs to know: the layout, where BokehJS is, and the token of the conversation.
async fn facts(request: &Request<State>, name: &str) -> Result<Value> {
    let asked = view(request, name)?;
    let drawn = request.state().hub.feed(&asked)?.latest().await?;
    let said = request.url().query().unwrap_or_default();
    Ok(json!({
        "path": format!("/d/{name}"),
        "bokeh": assets::bokeh_paths().collect::<Vec<_>>(),
        "version": assets::BOKEH_VERSION,
        "light": asked.theme == infralogs_core::plugin::Theme::Light,
        "page": drawn.page,
        "token": request.state().access.token(request, name, said),
    }))
}

/// `http://host:port` of an address.
fn server(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin().ascii_serialization())
}
