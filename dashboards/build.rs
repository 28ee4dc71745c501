//! Embeds what a page needs, compressed beforehand: BokehJS from its package (sums pinned) and our own assets.
//!
//! BokehJS is looked for in `INFRALOGS_BOKEHJS_DIR`, then in `node_modules` (made by `npm ci` if it is not there),
//! then in the Python wheel of the same version (`pip download`; its bundles are the same bytes). Without any of
//! them the build succeeds and pages show tables and how to add it.

use sha2::{Digest, Sha256};
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The version whose bundles are pinned below; the document's `version` must be the same.
const VERSION: &str = "3.9.2";

/// The bundles we serve, in loading order, and their SHA-256.
const BUNDLES: [(&str, &str); 3] = [
    ("bokeh.min.js", "532c29e9d071a023b60ca0fea169a1195e100cbd0eb85fe20ba1fc0587fefd48"),
    ("bokeh-widgets.min.js", "89027271317ca968005271c5fd702c9d8fcdf90a25b1461de17443d0bba47954"),
    ("bokeh-tables.min.js", "cd8b5a6ef8f610dbce82066156e6d2b903ff2c16bf7a1ecd9cc7c2e314da7dc7"),
];

/// Brotli's effort, 0 to 11: 9 takes 1.4 s of CPU, 11 would take 16 s for 8 % fewer bytes.
const BROTLI_QUALITY: i32 = 9;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for changed in ["build.rs", "package-lock.json", "assets"] {
        println!("cargo::rerun-if-changed={changed}");
    }
    println!("cargo::rerun-if-env-changed=INFRALOGS_BOKEHJS_DIR");

    let mut code = String::new();
    writeln!(code, "/// The pinned version of BokehJS.\npub const BOKEH_VERSION: &str = {VERSION:?};")?;
    writeln!(code, "/// BokehJS in loading order; empty if the build found none.\npub static BOKEH: &[Asset] = &[")?;
    for (name, bytes) in bundles(&out)? {
        asset(&mut code, &out, &name, &bytes)?;
    }
    writeln!(code, "];\n/// Our own script, style and pictures.\npub static OWN: &[Asset] = &[")?;
    let mut own: Vec<_> = fs::read_dir("assets")?.collect::<std::io::Result<_>>()?;
    own.sort_by_key(fs::DirEntry::file_name);
    for entry in own {
        let name = entry.file_name().into_string().map_err(|_| "an asset's name is no text")?;
        asset(&mut code, &out, &name, &fs::read(entry.path())?)?;
    }
    writeln!(code, "];")?;
    fs::write(out.join("assets.rs"), code)?;
    Ok(())
}

/// Writes one asset's compressed forms (unless they are there already: names carry the sum) and its table entry.
fn asset(code: &mut String, out: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let sum = sum(bytes);
    let stem = out.join(format!("{sum}-q{BROTLI_QUALITY}"));
    let (br, gz) = (stem.with_extension("br"), stem.with_extension("gz"));
    if !br.exists() {
        let mut packed = Vec::new();
        let params = brotli::enc::BrotliEncoderParams { quality: BROTLI_QUALITY, lgwin: 22, ..Default::default() };
        brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params)?;
        fs::write(&br, packed)?;
    }
    if !gz.exists() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(bytes)?;
        fs::write(&gz, packed.finish()?)?;
    }
    writeln!(
        code,
        "    Asset {{ name: {name:?}, sum: {sum:?}, len: {}, br: include_bytes!({br:?}), gz: include_bytes!({gz:?}) }},",
        bytes.len()
    )?;
    Ok(())
}

/// The pinned bundles, or none with a warning how to add them. Bundles with other bytes are an error.
fn bundles(out: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let Some(dir) = bokehjs(out) else {
        println!(
            "cargo::warning=BokehJS {VERSION} was not found: pages will show tables. Run `npm ci` in dashboards/, \
             then build with INFRALOGS_BOKEHJS_DIR=<repository>/dashboards/node_modules/@bokeh/bokehjs/build/js"
        );
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (name, pinned) in BUNDLES {
        let path = dir.join(name);
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if sum(&bytes) != pinned {
            return Err(format!("{} is not the pinned BokehJS {VERSION} (SHA-256 differs)", path.display()).into());
        }
        found.push((name.to_owned(), bytes));
    }
    Ok(found)
}

/// The folder that holds the bundles.
fn bokehjs(out: &Path) -> Option<PathBuf> {
    if let Some(dir) = env::var_os("INFRALOGS_BOKEHJS_DIR").filter(|dir| !dir.is_empty()) {
        return Some(dir.into());
    }
    let installed = PathBuf::from("node_modules/@bokeh/bokehjs/build/js");
    let complete = |dir: &Path| BUNDLES.iter().all(|(name, _)| dir.join(name).is_file());
    if complete(&installed) {
        return Some(installed);
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--omit=dev", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"]);
    if ran(npm) && complete(&installed) {
        return Some(installed);
    }
    let wheel = out.join("wheel");
    complete_from_wheel(&wheel).filter(|dir| complete(dir))
}

/// Downloads and unpacks the Python wheel, which carries the same bundles.
fn complete_from_wheel(into: &Path) -> Option<PathBuf> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--timeout=30"]);
    pip.arg(format!("bokeh=={VERSION}")).arg("--dest").arg(into);
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(into.join(format!("bokeh-{VERSION}-py3-none-any.whl"))).arg(into);
    (ran(pip) && ran(unzip)).then(|| into.join("bokeh/server/static/js"))
}

/// Whether a program is there and succeeded; it says itself why not.
fn ran(mut command: Command) -> bool {
    command.stdout(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
