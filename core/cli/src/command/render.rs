//! `infralogs render`: writes a dashboard as one self-contained page, or as the Bokeh document.

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
    /// The file to write: .html for a page, .json for the Bokeh document
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
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let page = match self.out.extension().and_then(|end| end.to_str()) {
            Some("html") => true,
            Some("json") => false,
            _ => {
                return Err(Error::invalid("the file's name says neither .html nor .json")
                    .at(self.out.display().to_string())
                    .help("write --out page.html or --out doc.json"));
            }
        };
        let (roots, store, source) = self.sources()?;
        let Some(scripts) = scripts::open(&roots) else { return Ok(ExitCode::from(2)) };
        let store = secrets::supplied(&store, source.as_ref()).await?;
        let text = connect::render(&scripts, store, &self.dashboard, &self.parameters(), page).await?;
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
