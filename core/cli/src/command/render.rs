//! `infralogs render`: writes a dashboard as one self-contained page, as the Bokeh document, or as a picture.

use super::picture;
use crate::{connect, scripts, secrets};
use infralogs_core::{
    Error, Result,
    config::{Config, SecretsConfig, StoreConfig},
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(clap::Args)]
pub struct Args {
    /// The dashboard's name
    dashboard: String,
    /// The file to write: .html for a page, .json for the Bokeh document, .png for a picture (needs Chromium)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Scripts and store as this file says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder `infralogs up` keeps its store in
    #[arg(long, value_name = "DIR", default_value = "data", conflicts_with = "config")]
    data: PathBuf,
    /// A folder with scripts; may be given several times
    #[arg(long = "scripts", value_name = "DIR", conflicts_with = "config")]
    scripts: Vec<PathBuf>,
    /// How far back to look (15m, 6h, 7d), instead of what the dashboard says
    #[arg(long, value_name = "SPAN")]
    last: Option<String>,
    /// Colours
    #[arg(long, default_value = "dark", value_parser = ["light", "dark"])]
    theme: String,
    /// The picture's size in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1440x1600", value_parser = size)]
    size: (u32, u32),
}

/// The least and the most pixels of a side.
const SIDE: std::ops::RangeInclusive<u32> = 200..=8_000;

/// `1440x1600`.
fn size(said: &str) -> Result<(u32, u32), String> {
    let sides = said.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let fits = |(width, height): &(u32, u32)| SIDE.contains(width) && SIDE.contains(height);
    sides
        .filter(fits)
        .ok_or_else(|| format!("write a size such as 1440x1600, {} to {} a side", SIDE.start(), SIDE.end()))
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let (page, picture) = match self.out.extension().and_then(|end| end.to_str()) {
            Some("html") => (true, false),
            Some("json") => (false, false),
            Some("png") => (true, true),
            _ => {
                return Err(Error::invalid("the file's name says neither .html, .json nor .png")
                    .at(self.out.display().to_string())
                    .help("write --out page.html, --out doc.json or --out page.png"));
            }
        };
        let (roots, store, source) = self.sources()?;
        let Some(scripts) = scripts::open(&roots) else { return Ok(ExitCode::from(2)) };
        let store = secrets::supplied(&store, source.as_ref()).await?;
        let text = connect::render(&scripts, store, &self.dashboard, &self.parameters(), page).await?;
        if picture {
            picture::draw(&text, &self.out, self.size).await?;
            eprintln!("wrote {}", self.out.display());
            return Ok(ExitCode::SUCCESS);
        }
        write(&self.out, &text)?;
        eprintln!("wrote {} ({} bytes)", self.out.display(), text.len());
        Ok(ExitCode::SUCCESS)
    }

    fn sources(&self) -> Result<(Vec<PathBuf>, StoreConfig, Option<SecretsConfig>)> {
        if let Some(path) = &self.config {
            let config = Config::load(path)?;
            return Ok((config.scripts, config.read.unwrap_or(config.store), config.secrets));
        }
        let roots = connect::roots(&self.scripts, None)?;
        Ok((roots.clone(), Config::built_in(roots, &self.data)?.store, None))
    }

    /// The view as a URL would say it.
    fn parameters(&self) -> Vec<(String, String)> {
        let last = self.last.iter().map(|last| ("last".to_owned(), last.clone()));
        last.chain([("theme".to_owned(), self.theme.clone())]).collect()
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)
        .map_err(|error| Error::invalid("cannot write the file").at(path.display().to_string()).because(error))
}
