//! Writes the gallery of panels as Bokeh documents, to look at: `cargo run --example gallery -- FOLDER`.

#[path = "../tests/scenes/mod.rs"]
mod scenes;

use infralogs_core::{dashboard::Answer, plugin::Theme};
use serde_json::json;
use std::{error::Error, fs, path::Path, sync::Arc};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: gallery FOLDER")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let empty = Answer::Rows(Arc::default());
    let trouble = Answer::Trouble("The table `logs` is not there yet".into());
    let samples = [
        ("gallery", scenes::gallery()),
        ("empty", scenes::without_data(&empty)),
        ("trouble", scenes::without_data(&trouble)),
    ];
    let mut tasks = Vec::new();
    for (name, sample) in &samples {
        for (theme, word) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
            let file = folder.join(format!("{name}-{word}.json"));
            fs::write(&file, sample.page(theme).to_string())?;
            tasks.push(json!({"name": format!("{name}-{word}"), "document": file, "theme": word,
                              "shot": folder.join(format!("{name}-{word}.png")), "hover": "errors-by-host"}));
        }
    }
    fs::write(folder.join("tasks.json"), json!(tasks).to_string())?;
    Ok(())
}
