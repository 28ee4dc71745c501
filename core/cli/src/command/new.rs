//! `infralogs new`: writes a first parser from sample lines.

use crate::sketch::{self, LINES_MAX};
use clap::Subcommand;
use infralogs_core::{Error, Result, script::load};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The most bytes of samples that are read.
const SAMPLE_BYTES_MAX: u64 = 4 << 20;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Writes a working parser with examples, guessed from lines of a log
    Parser(ParserArgs),
}

#[derive(clap::Args)]
struct ParserArgs {
    /// What it is called: small letters, digits and _
    name: String,
    /// Lines of the log, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    from_sample: PathBuf,
    /// Where the script is written; - prints it. Left out: scripts/parsers/NAME.rhai
    #[arg(long, value_name = "FILE|-")]
    out: Option<PathBuf>,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let What::Parser(args) = self.what;
        args.run()
    }
}

impl ParserArgs {
    fn run(self) -> Result<ExitCode> {
        let first = self.name.starts_with(|c: char| c.is_ascii_lowercase());
        if !first || !self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            return Err(Error::invalid(format!("`{}` can't be the name of a parser", self.name.escape_debug()))
                .help("names are small letters, digits and _, and begin with a letter"));
        }
        let place = self.from_sample.display().to_string();
        let text = read(&self.from_sample)?;
        let lines: Vec<&str> =
            text.lines().map(str::trim_end).filter(|line| !line.is_empty()).take(LINES_MAX).collect();
        if lines.is_empty() {
            return Err(Error::invalid("the sample has no lines").at(place));
        }
        let sketch = sketch::guess(&lines);
        if sketch.taken == 0 {
            return Err(Error::failed("these lines have nothing in common that a pattern could be made of")
                .at(place)
                .help("give lines of one program"));
        }
        let script = sketch::write::script(&self.name, &sketch, &lines, &place);
        check(&script)?;
        let out = self.out.unwrap_or_else(|| Path::new("scripts/parsers").join(format!("{}.rhai", self.name)));
        write(&out, &script)?;
        let percent = 100.0 * sketch.taken as f64 / lines.len() as f64;
        eprintln!("takes {} of {} lines ({percent:.0} %)", sketch.taken, lines.len());
        if out != Path::new("-") {
            eprintln!("wrote {}; try it: infralogs dry-run {} --input {place}", out.display(), out.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read(path: &Path) -> Result<String> {
    let failed =
        |error: io::Error| Error::invalid("cannot read the sample").at(path.display().to_string()).because(error);
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut bytes = Vec::new();
    source.take(SAMPLE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.contains(&0) {
        return Err(Error::invalid("this is a binary file, not lines of a log").at(path.display().to_string()));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What is written loads; a guess that does not is a mistake of ours, and nothing is written.
fn check(script: &str) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("infralogs-new-{}", std::process::id()));
    let file = folder.join("new.rhai");
    let loaded = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, script)).map(|()| load(&[file]));
    let _ = fs::remove_dir_all(&folder);
    match loaded {
        Ok(Err(rejected)) => Err(Error::failed(format!("the guessed parser does not load:\n{rejected}"))
            .help("please report this with a few of the lines")),
        _ => Ok(()),
    }
}

fn write(out: &Path, script: &str) -> Result<()> {
    let failed =
        |error: io::Error| Error::failed("cannot write the script").at(out.display().to_string()).because(error);
    if out == Path::new("-") {
        return io::stdout().write_all(script.as_bytes()).map_err(failed);
    }
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // Never over a script that is there.
    let mut file = File::create_new(out).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::invalid("there is a script of that name")
            .at(out.display().to_string())
            .help("give another --out FILE"),
        _ => failed(error),
    })?;
    file.write_all(script.as_bytes()).map_err(failed)
}
