//! A rendered page as a picture: Chromium draws it, if there is one.

use infralogs_core::{Error, Kind, Result};
use std::{
    ffi::OsString,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// The longest a browser may take.
const DRAW_TIMEOUT: Duration = Duration::from_secs(60);

/// How much time of the page's own passes before the picture is taken, in milliseconds: charts are drawn by then.
const PAGE_TIME_MS: u32 = 10_000;

/// The names a Chromium goes by.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Draws a page of HTML into `out`, so many pixels wide and high.
pub async fn draw(html: &str, out: &Path, (width, height): (u32, u32)) -> Result<()> {
    let browser = browser()?;
    let folder = std::env::temp_dir().join(format!("infralogs-render-{}", std::process::id()));
    let drawn = drawn_in(&folder, &browser, html, out, (width, height)).await;
    let _ = std::fs::remove_dir_all(&folder);
    drawn
}

async fn drawn_in(folder: &Path, browser: &Path, html: &str, out: &Path, size: (u32, u32)) -> Result<()> {
    let failed = |what: &str| Error::failed(format!("{what} ({})", browser.display()));
    let page = folder.join("page.html");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&page, html))
        .map_err(|error| failed("cannot write the page for the browser").because(error))?;
    // Written beside the page first: a picture of an earlier day is not taken for this one.
    let picture = folder.join("page.png");
    let option = |name: &str, value: &Path| {
        let mut option = OsString::from(name);
        option.push(value);
        option
    };
    let mut command = Command::new(browser);
    command.args(["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.arg("--no-sandbox"); // Chromium does not start for root otherwise
    }
    command.arg(format!("--virtual-time-budget={PAGE_TIME_MS}")).arg(format!("--window-size={},{}", size.0, size.1));
    command.arg(option("--user-data-dir=", &folder.join("profile"))).arg(option("--screenshot=", &picture)).arg(&page);
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let ended = tokio::time::timeout(DRAW_TIMEOUT, running).await;
    let ended = ended.map_err(|_| Error::new(Kind::Limit, format!("the browser took over {DRAW_TIMEOUT:?}")))?;
    let ended = ended.map_err(|error| failed("the browser did not start").because(error))?;
    std::fs::copy(&picture, out).map(|_| ()).map_err(|_| {
        let said = String::from_utf8_lossy(&ended.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned();
        failed("no picture could be made").at(out.display().to_string()).help(last)
    })
}

/// The browser: as `CHROMIUM` says, or on the path.
fn browser() -> Result<PathBuf> {
    if let Some(said) = std::env::var_os("CHROMIUM").filter(|said| !said.is_empty()) {
        return Ok(said.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    found.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        Error::failed("a picture needs Chromium, and there is none on the path")
            .help("install chromium, name it in the variable CHROMIUM, or write --out page.html")
    })
}
