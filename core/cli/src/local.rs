//! The agents that `up` starts on this machine: one on its journal, or the demo fleet.

use infralogs_agent::{Agent, disk::Disk};
use infralogs_core::{
    Error, Result,
    id::Id128,
    inventory::{Target, TokenFrom},
    script::Scripts,
    time::Time,
};
use infralogs_demo::{Demo, HISTORY, HOSTS, Stream};
use infralogs_http::{Limits, Tokens};
use infralogs_journal::Journal;
use std::{path::PathBuf, sync::Arc};
use tokio::{sync::watch, task::JoinSet};

/// What a person chose, if anything.
pub struct Choice {
    /// `--journal`
    pub journal: Option<PathBuf>,
    /// `--demo`
    pub demo: bool,
    /// `--seed`
    pub seed: u64,
}

/// Agents that run in this process.
pub struct Fleet {
    /// How they are reached.
    pub targets: Vec<Target>,
    /// What they read, for a person.
    pub about: String,
    running: JoinSet<Result<()>>,
}

/// Starts agents on loopback ports of their own, each with a token nobody else knows.
pub async fn start(choice: Choice, scripts: &Arc<Scripts>, stop: watch::Receiver<bool>) -> Result<Fleet> {
    let mut fleet = Fleet { targets: Vec::new(), about: String::new(), running: JoinSet::new() };
    let journal = match (&choice.journal, choice.demo) {
        (Some(path), _) => Some(infralogs_journal::open(std::slice::from_ref(path))?),
        (None, true) => None,
        (None, false) => own_journal().await,
    };
    if let Some(journal) = journal {
        let disk = Disk::of_this_machine();
        let host = disk.host().to_owned();
        fleet.about = match &choice.journal {
            Some(path) => format!("the journal in {}", path.display()),
            None => format!("this machine's journal ({host})"),
        };
        let agent = |tokens| {
            let files = journal.clone();
            Agent::new(Arc::new(move || Ok(Box::new(journal.clone()))), tokens)
                .files(Arc::new(move || files.noted()))
                .disk(Arc::new(move || Ok(Box::new(disk.clone()))))
        };
        fleet.add(&host, agent, scripts, stop).await?;
        return Ok(fleet);
    }
    for host in HOSTS {
        let open = move |stream: Stream| Demo::new(host, choice.seed, HISTORY, stream, Time::now);
        let agent = |tokens| {
            Agent::new(Arc::new(move || Ok(Box::new(open(Stream::Logs)))), tokens)
                .disk(Arc::new(move || Ok(Box::new(open(Stream::Disk)))))
        };
        fleet.add(host, agent, scripts, stop.clone()).await?;
    }
    fleet.about = format!("the demo fleet {} (--journal DIR reads a journal)", HOSTS.join(", "));
    Ok(fleet)
}

/// This machine's journal, if it has entries that we may read.
async fn own_journal() -> Option<Journal> {
    let look = || infralogs_journal::open(&[]).ok().filter(Journal::has_entries);
    tokio::task::spawn_blocking(look).await.ok().flatten()
}

impl Fleet {
    async fn add(
        &mut self,
        host: &str,
        agent: impl FnOnce(Tokens) -> Agent,
        scripts: &Arc<Scripts>,
        stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let listener = infralogs_http::bind("127.0.0.1:0").await?;
        let address = listener.local_addr().map_err(|error| Error::failed("no loopback address").because(error))?;
        let token = Id128(rand::random()).to_string();
        let app = agent(Tokens::held(&token)).scripts(scripts.clone()).app();
        self.running.spawn(infralogs_http::serve(listener, app, Limits::default(), None, stop));
        self.targets.push(Target {
            name: host.into(),
            url: format!("http://{address}"),
            token: TokenFrom::Held(token.into()),
            ..Target::default()
        });
        Ok(())
    }

    /// Waits until all have ended.
    pub async fn ended(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}
