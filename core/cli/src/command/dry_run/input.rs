//! What a dry run reads: a file, standard input, a journal, a live agent. Only ever reads.

use infralogs_agent_api::AgentApi;
use infralogs_core::{
    Error, Result,
    entry::Batch,
    inventory::{Target, TokenFrom},
    parse::{
        input::{Format, Input, Read},
        spec::ParserSpec,
    },
    plugin::{Ask, LOGS, Source},
    time::Time,
};
use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

/// The most input read, in bytes.
const INPUT_BYTES_MAX: usize = 256 << 20;
/// The most entries asked of an agent or a journal at once.
const ASK_ENTRIES: usize = 5_000;
/// The most odd lines told of.
const ODD_MAX: usize = 10;

/// The whole input, within its limit. The format is guessed if none is said.
pub fn file(path: &Path, format: Option<Format>, given: &[(String, String)]) -> Result<(Format, Read)> {
    let place = path.display().to_string();
    let source: Box<dyn io::Read> = if place == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| Error::invalid("cannot read the input").at(&place).because(error))?)
    };
    from(source, format, given).map_err(|error| error.at(place))
}

/// One text as one record.
pub fn text(text: &str, given: &[(String, String)]) -> Result<Read> {
    let line = format!("{}\n", text.replace('\n', " "));
    Ok(from(io::Cursor::new(line), Some(Format::Text), given)?.1)
}

/// Everything a reader gives.
pub fn from(source: impl io::Read, format: Option<Format>, given: &[(String, String)]) -> Result<(Format, Read)> {
    let mut input = Input::new(BufReader::new(source), format, given, Time::now())?;
    let mut all = Read::default();
    while let Some(batch) = input.next_batch()? {
        for entry in batch.entries.iter() {
            entry.fields().for_each(|(name, value)| all.entries.push_field(name, value));
            all.entries.end(entry.cursor);
        }
        all.lines.extend(batch.lines);
        all.odd.extend(batch.odd);
        if all.entries.bytes() > INPUT_BYTES_MAX {
            return Err(
                Error::invalid(format!("the input is larger than {INPUT_BYTES_MAX} bytes")).help("give a part of it")
            );
        }
    }
    for (line, why) in all.odd.iter().take(ODD_MAX) {
        eprintln!("line {line}: {why}");
    }
    Ok((input.format(), all))
}

/// The newest entries of a journal: this machine's, or the one in a folder.
pub async fn journal(folder: Option<&Path>, since: Time, limit: usize, given: &[(String, String)]) -> Result<Read> {
    let paths: Vec<PathBuf> = folder.map(Path::to_owned).into_iter().collect();
    let journal = tokio::task::spawn_blocking(move || infralogs_journal::open(&paths))
        .await
        .map_err(|error| Error::failed("the journal can't be opened").because(error))??;
    ask(Box::new(journal), since, limit, given).await
}

/// The newest entries of a live agent.
pub async fn agent(
    url: &str,
    token_file: Option<&Path>,
    since: Time,
    limit: usize,
    given: &[(String, String)],
) -> Result<Read> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let token = token_file.map_or(TokenFrom::Open, |file| TokenFrom::File(file.display().to_string()));
    let target = Target { name: url.as_str().into(), url, token, ..Target::default() };
    ask(Box::new(AgentApi::open(&target, LOGS, None)?), since, limit, given).await
}

async fn ask(mut source: Box<dyn Source>, since: Time, limit: usize, given: &[(String, String)]) -> Result<Read> {
    let mut all = Read::default();
    let mut after = None;
    while all.entries.len() < limit {
        let limit = ASK_ENTRIES.min(limit - all.entries.len());
        let ask = Ask { after, since: Some(since), limit, ..Ask::default() };
        let Batch { entries, next, more, .. } = source.read(&ask).await?;
        for entry in entries.iter() {
            let wins = |name: &[u8]| given.iter().any(|(own, _)| own.as_bytes() == name);
            entry
                .fields()
                .filter(|(name, _)| !wins(name))
                .for_each(|(name, value)| all.entries.push_field(name, value));
            for (name, value) in given {
                all.entries.push_field(name.as_bytes(), value.as_bytes());
            }
            all.entries.end(entry.cursor);
            all.lines.push(all.entries.len() as u64);
        }
        if !more || next.is_none() || all.entries.bytes() > INPUT_BYTES_MAX {
            break;
        }
        after = next;
    }
    Ok(all)
}

/// `--set` pairs as journal fields.
pub fn fields(set: &[String]) -> Result<Vec<(String, String)>> {
    set.iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Error::invalid(format!("`--set {}` has no `=`", pair.escape_debug()))
                    .help("write --set identifier=sshd")
            })?;
            let journal = infralogs_core::fields::journal_names(name).first().map_or(name, |first| first);
            Ok((journal.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A parser of nothing but the entry's own fields.
pub fn bare_spec() -> ParserSpec {
    ParserSpec {
        name: "record".into(),
        place: "record".into(),
        script: "".into(),
        from: None,
        input: "message".into(),
        lines: None,
        extractors: Vec::new(),
        steps: Vec::new(),
        strict: false,
        columns: None,
        table: "record".into(),
        keep_for: None,
        keep_size: None,
        rollups: Vec::new(),
        examples: Vec::new(),
    }
}
