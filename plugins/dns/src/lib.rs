//! Finds agents by DNS: every address of a name, or the hosts of an SRV name. Asked again when a record's time to
//! live ends.

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};
use infralogs_core::{
    error::{Error, Result},
    inventory::{AGENT_PORT, Reach, Target},
    plugin::{Build, Inventory, Later, Plugin, Settings},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "dns",
    about: "Finds agents by DNS: every address of a name, or the hosts of an SRV name.",
    sample: include_str!("../sample.yaml"),
    build: Build::Inventory(|settings| Ok(Box::new(Dns::new(settings)?))),
};

/// The longest an answer is believed, whatever its own time to live.
const BELIEVED_MAX: Duration = Duration::from_secs(30);
/// The longest it is believed that there is no answer.
const DENIED_MAX: Duration = Duration::from_secs(5);
/// The longest one server may take, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// `agents.infra.svc:7070`, or `_infralogs._tcp.infra.svc`, which is asked for SRV records.
    name: String,
    /// Whom to ask, `10.0.0.10:53`; left out: the servers of this machine.
    #[serde(default)]
    server: Option<SocketAddr>,
    /// Labels of all its targets.
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// One name that stands for many agents.
pub struct Dns {
    name: String,
    port: u16,
    resolver: TokioResolver,
    reach: Reach,
    labels: BTreeMap<String, String>,
    folder: PathBuf,
    /// Whether it ever had targets: a name that is gone then means that they are.
    found: bool,
}

impl Dns {
    /// Checks, never asks.
    pub fn new(settings: &Settings) -> Result<Self> {
        let (reach, rest) = Reach::take(settings)?;
        let chosen: Chosen = rest.read()?;
        let wrong = |what: String| Error::invalid(what).at(&settings.place).help("write `agents.infra.svc:7070`");
        let (name, port) = match chosen.name.rsplit_once(':') {
            None => (chosen.name.as_str(), AGENT_PORT),
            Some((name, port)) => {
                (name, port.parse().map_err(|_| wrong(format!("`{}` is no port", port.escape_debug())))?)
            }
        };
        if name.is_empty() || name.contains('/') || !name.is_ascii() {
            return Err(wrong(format!("`{}` is no name to resolve", chosen.name.escape_debug())));
        }
        let resolver = resolver(chosen.server).map_err(|error| {
            Error::invalid("no name servers to ask")
                .at(&settings.place)
                .because(error)
                .help("give `server: 10.0.0.10:53`")
        })?;
        let (labels, folder) = (chosen.labels, settings.folder.clone());
        Ok(Self { name: name.to_owned(), port, resolver, reach, labels, folder, found: false })
    }

    /// `host` and port of each agent, sorted.
    async fn hosts(&self) -> std::result::Result<BTreeSet<(String, u16)>, NetError> {
        if self.name.starts_with('_') {
            let found = self.resolver.lookup(&*self.name, RecordType::SRV).await?;
            let hosts = found.answers().iter().filter_map(|record| match &record.data {
                RData::SRV(srv) => Some((srv.target.to_string().trim_end_matches('.').to_owned(), srv.port)),
                _ => None,
            });
            // A target of `.` says that the service is decidedly not there.
            return Ok(hosts.filter(|(host, _)| !host.is_empty()).collect());
        }
        let found = self.resolver.lookup_ip(&*self.name).await?;
        let host = |address: IpAddr| match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        Ok(found.iter().map(|address| (host(address), self.port)).collect())
    }

    fn target(&self, host: &str, port: u16) -> Target {
        let address = format!("{host}:{port}");
        let name = if port == AGENT_PORT { host } else { &address };
        self.reach.target(name, &address, self.labels.clone(), &self.folder)
    }
}

fn resolver(server: Option<SocketAddr>) -> std::result::Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(server) => {
            let at = |mut connection: ConnectionConfig| {
                connection.port = server.port();
                connection
            };
            let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
            let servers = vec![NameServerConfig::new(server.ip(), true, connections)];
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    limit(builder.options_mut());
    builder.build()
}

fn limit(options: &mut ResolverOpts) {
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    options.positive_max_ttl = Some(BELIEVED_MAX);
    options.negative_max_ttl = Some(DENIED_MAX);
    // One address of each agent is enough.
    options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
}

impl Inventory for Dns {
    fn targets(&mut self) -> Later<'_, Result<Vec<Target>>> {
        Box::pin(async move {
            let hosts = match self.hosts().await {
                Ok(hosts) => hosts,
                Err(error) if error.is_no_records_found() && self.found => BTreeSet::new(),
                Err(error) if error.is_no_records_found() => {
                    let what = format!("`{}` has no records", self.name);
                    return Err(Error::unavailable(what).help("check the name, and that the agents' service exists"));
                }
                Err(error) => {
                    return Err(Error::unavailable(format!("can't resolve `{}`", self.name)).because(error));
                }
            };
            self.found |= !hosts.is_empty();
            Ok(hosts.iter().map(|(host, port)| self.target(host, *port)).collect())
        })
    }
}
