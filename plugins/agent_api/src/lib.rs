//! Reads an agent over HTTP: the same trait as any source, through `/logs`, or a stock systemd-journal-gatewayd.

mod gatewayd;
mod token;

use gatewayd::Gatewayd;
use infralogs_core::{
    Error, Kind, Result,
    entry::Batch,
    inventory::{Target, TokenFrom},
    plugin::{Ask, Build, LOGS, Later, Plugin, Settings, Source},
    room::Room,
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
    about: "Reads an infralogs-agent, or a systemd-journal-gatewayd, over HTTP.",
    sample: include_str!("../sample.yaml"),
    build: Build::Source(|settings| Ok(Box::new(build(settings)?))),
};

/// The longest one answer may take when the caller sets no shorter time.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    url: String,
    #[serde(default)]
    token_file: Option<String>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    api: Api,
}

/// What answers at the URL.
#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Api {
    #[default]
    Agent,
    Gatewayd,
}

/// One stream of one agent, or one gatewayd.
#[derive(Debug)]
pub struct AgentApi {
    from: From,
    token: Token,
}

#[derive(Debug)]
enum From {
    Agent {
        client: Client,
        /// `http://web-1:7070/logs`
        url: String,
    },
    Gatewayd(Gatewayd),
}

fn build(settings: &Settings) -> Result<AgentApi> {
    let raw: Raw = settings.read()?;
    let in_folder = |file: String| TokenFrom::File(settings.folder.join(file).display().to_string());
    let token = raw.token_file.map_or(TokenFrom::Open, in_folder);
    if raw.api == Api::Gatewayd {
        if raw.stream.is_some_and(|stream| stream != LOGS) {
            return Err(Error::invalid("a gatewayd has no reports").at(&settings.place).help("leave out `stream`"));
        }
        let from = From::Gatewayd(Gatewayd::new(client()?, &raw.url));
        return Ok(AgentApi { from, token: Token::new(&token, None)? });
    }
    let target = Target { name: raw.url.clone().into(), url: raw.url, token, ..Target::default() };
    AgentApi::open(&target, raw.stream.as_deref().unwrap_or(LOGS), None)
}

impl AgentApi {
    /// A stream of a target: `logs`, or a report by name. Checks, never connects.
    /// `values` is where secrets are read that targets name.
    pub fn open(target: &Target, stream: &str, values: Option<&Values>) -> Result<Self> {
        let path = if stream == LOGS { "logs".to_owned() } else { format!("reports/{stream}") };
        let url = format!("{}/{path}", target.url.trim_end_matches('/'));
        Ok(Self { from: From::Agent { client: client()?, url }, token: Token::new(&target.token, values)? })
    }

    async fn ask(&mut self, ask: &Ask, token: Option<&Presented>) -> Result<Batch> {
        let token = token.map(Presented::text);
        match &mut self.from {
            From::Agent { client, url } => read_agent(client, &with_query(url, ask), token, &ask.room).await,
            From::Gatewayd(gatewayd) => gatewayd.read(ask, token).await,
        }
    }
}

/// Asks once; the batch counts only with its closing line.
async fn read_agent(client: &Client, url: &str, token: Option<&str>, room: &Room) -> Result<Batch> {
    let get = client::Get {
        url,
        bearer: token,
        headers: &[("accept", "application/x-ndjson")],
        timeout: TIMEOUT,
        bytes_max: BODY_BYTES_MAX,
    };
    let mut answer = client.fetch(get).await?.success().await?;
    let place = answer.place().to_owned();
    let (mut reader, mut bytes) = (Reader::new(Limits::default()), 0);
    while let Some(chunk) = answer.chunk().await? {
        bytes += chunk.len();
        room.hold(bytes).await;
        reader.push(&chunk).map_err(|error| error.at(&place))?;
    }
    reader.finish().map_err(|error| error.at(&place))
}

/// The most bytes of one answer: a full batch with its punctuation.
pub(crate) const BODY_BYTES_MAX: u64 = 256 << 20;

impl Source for AgentApi {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(async move {
            let token = self.token.read().await?;
            match self.ask(ask, token.as_ref()).await {
                // The token may have been rotated: read it again, once.
                Err(error) if error.kind == Kind::Denied => match self.token.refused(token.as_ref()).await? {
                    true => {
                        let token = self.token.read().await?;
                        self.ask(ask, token.as_ref()).await
                    }
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
