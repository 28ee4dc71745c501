//! Reads an agent over HTTP: the same trait as any source, through `/logs`.

mod token;

use infralogs_core::{
    Error, Kind, Result,
    entry::Batch,
    inventory::{Target, TokenFrom},
    plugin::{Ask, Build, LOGS, Later, Plugin, Settings, Source},
    rotate::Values,
    wire::{Limits, Reader},
};
use infralogs_http::{Client, client};
use serde::Deserialize;
use std::{sync::OnceLock, time::Duration};
use token::{Presented, Token};

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "agent_api",
    about: "Reads an infralogs-agent over HTTP.",
    sample: include_str!("../sample.yaml"),
    build: Build::Source(|settings| Ok(Box::new(build(settings)?))),
};

/// The longest one answer may take when the caller sets no shorter time.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    url: String,
    #[serde(default)]
    token_file: Option<String>,
    #[serde(default)]
    stream: Option<String>,
}

/// One stream of one agent.
#[derive(Debug)]
pub struct AgentApi {
    client: Client,
    /// `http://web-1:7070/logs`
    url: String,
    token: Token,
}

fn build(settings: &Settings) -> Result<AgentApi> {
    let raw: Raw = settings.read()?;
    let token = raw.token_file.map_or(TokenFrom::Open, TokenFrom::File);
    let target = Target { name: raw.url.clone().into(), url: raw.url, token, ..Target::default() };
    AgentApi::open(&target, raw.stream.as_deref().unwrap_or(LOGS), None)
}

impl AgentApi {
    /// A stream of a target: `logs`, or a report by name. Checks, never connects.
    /// `values` is where secrets are read that targets name.
    pub fn open(target: &Target, stream: &str, values: Option<&Values>) -> Result<Self> {
        let path = if stream == LOGS { "logs".to_owned() } else { format!("reports/{stream}") };
        Ok(Self {
            client: client()?,
            url: format!("{}/{path}", target.url.trim_end_matches('/')),
            token: Token::new(&target.token, values)?,
        })
    }

    /// Asks once; the batch counts only with its closing line.
    async fn ask(&self, url: &str, token: Option<&Presented>) -> Result<Batch> {
        let get = client::Get {
            url,
            bearer: token.map(Presented::text),
            headers: &[("accept", "application/x-ndjson")],
            timeout: TIMEOUT,
            bytes_max: BODY_BYTES_MAX,
        };
        let mut answer = self.client.fetch(get).await?.success().await?;
        let place = answer.place().to_owned();
        let mut reader = Reader::new(Limits::default());
        while let Some(chunk) = answer.chunk().await? {
            reader.push(&chunk).map_err(|error| error.at(&place))?;
        }
        reader.finish().map_err(|error| error.at(&place))
    }
}

/// The most bytes of one answer: a full batch with its punctuation.
const BODY_BYTES_MAX: u64 = 256 << 20;

impl Source for AgentApi {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(async move {
            let url = with_query(&self.url, ask);
            let token = self.token.read().await?;
            match self.ask(&url, token.as_ref()).await {
                // The token may have been rotated: read it again, once.
                Err(error) if error.kind == Kind::Denied => match self.token.refused(token.as_ref()).await? {
                    true => self.ask(&url, self.token.read().await?.as_ref()).await,
                    false => Err(error),
                },
                answer => answer,
            }
        })
    }
}

/// One client for all targets of this process: it keeps connections.
fn client() -> Result<Client> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    infralogs_http::install_crypto();
    let client = Client::new(&client::Settings::default())?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// The question as a URL.
fn with_query(url: &str, ask: &Ask) -> String {
    let mut pairs = vec![("limit", ask.limit.to_string())];
    let mut add = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    add("after", ask.after.map(|after| after.to_string()));
    add("since", ask.since.map(|since| since.0.to_string()));
    add("until", ask.until.map(|until| until.0.to_string()));
    add("wait", Some(ask.wait.as_secs()).filter(|wait| *wait > 0).map(|wait| wait.to_string()));
    add("priority", ask.filter.priority_max.map(|priority| priority.to_string()));
    ask.filter.units.iter().for_each(|unit| add("unit", Some(unit.clone())));
    for (name, value) in &ask.filter.matches {
        add("match", Some(format!("{name}={}", String::from_utf8_lossy(value))));
    }
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    format!("{url}?{}", query.join("&"))
}

/// Percent-encoded but for what RFC 3986 calls unreserved.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A secret by path needs a secrets plugin.
pub(crate) fn no_secrets(path: &str) -> Error {
    Error::invalid(format!("the token is the secret `{path}`, and no secrets plugin is configured"))
        .help("add `secrets:` to infralogs.yaml, or use `token_file`")
}
