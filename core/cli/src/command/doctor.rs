//! `infralogs doctor`: looks at the whole chain as an operator would, from Vault to the database.

use crate::{configured::Configured, connect, secrets::Keys};
use infralogs_core::{
    Error, Result,
    config::{Config, InventoryConfig, StoreConfig, read_targets},
    inventory::TokenFrom,
    plugin::Finding,
};
use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};

/// The most agents' tokens looked at: one tells about the policy, a few about typing mistakes.
const TOKENS_MAX: usize = 5;
/// How long a database may take to let new credentials in; on a replica they arrive a little later.
const REACH_MAX: Duration = Duration::from_secs(10);

/// Where dashboards say how they do.
const REPORT: &str = "report";

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    configured: Configured,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let config = self.configured.load()?;
        let keys = Keys::of(config.secrets.as_ref())?;
        let mut sound = true;
        if let Some(secrets) = keys.source() {
            let paths: Vec<String> = paths(&config).into_iter().collect();
            for finding in secrets.examine(&paths).await {
                sound &= said(&finding);
            }
        }
        let _ = match keys.source() {
            Some(secrets) => secrets.end().await,
            None => Ok(()),
        };
        let more = [("read", &config.read), (REPORT, &config.report)];
        let more = more.into_iter().filter_map(|(name, store)| Some((name, store.as_ref()?)));
        let stores = std::iter::once(("store", &config.store)).chain(more);
        for (name, store) in stores {
            // Nothing that builds on a failure is tried: it would only wait for the same.
            if let Some(path) = store.secret().filter(|_| !sound) {
                println!("skip  {name}: it logs in with the secret {path}: mend what failed above first");
                continue;
            }
            sound &= said(&reach(&config, name, store).await);
        }
        Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Every secret the configuration names; of the agents' only a few.
fn paths(config: &Config) -> BTreeSet<String> {
    let stores = [Some(&config.store), config.read.as_ref(), config.report.as_ref()];
    let mut paths: BTreeSet<String> =
        stores.into_iter().flatten().filter_map(|store| store.secret().map(str::to_owned)).collect();
    let targets = config.inventories.values().flat_map(|inventory| match inventory {
        InventoryConfig::List(targets) => targets.clone(),
        InventoryConfig::File(path) => read_targets(path).unwrap_or_default(),
        InventoryConfig::Asked(_) => Vec::new(),
    });
    let tokens = targets.filter_map(|target| match target.token {
        TokenFrom::Secret(path) => Some(path),
        _ => None,
    });
    paths.extend(tokens.take(TOKENS_MAX));
    if let Some(sign_in) = &config.sign_in {
        paths.extend([&sign_in.token_secret, &sign_in.cookie_keys_secret].into_iter().flatten().cloned());
    }
    paths
}

/// Logs in to the database with the credentials it would get, and asks it something.
async fn reach(config: &Config, name: &str, chosen: &StoreConfig) -> Finding {
    let asked = async {
        let store = connect::store(chosen)?;
        let keys = Keys::of(config.secrets.as_ref())?.keep(&[(chosen, &store)])?;
        let asked = match keys.ready(REACH_MAX).await {
            Ok(()) => {
                let (asked, writes_only) = (Arc::clone(&store), name == REPORT);
                // Who reports may write how it does, and read nothing.
                let ask = move || match writes_only {
                    true => asked.bytes().map(drop),
                    false => asked.last_stream("doctor").map(drop),
                };
                tokio::task::spawn_blocking(ask)
                    .await
                    .unwrap_or_else(|error| Err(Error::failed("broke off").because(error)))
            }
            Err(error) => {
                Err(Error { help: None, ..error }.help("check that it runs, its address, and what the user may"))
            }
        };
        keys.end().await;
        asked.map(|()| format!("{} answers", store.name()))
    };
    Finding { step: name.to_owned(), result: asked.await, warning: None }
}

/// Prints a finding; whether it is no failure.
fn said(finding: &Finding) -> bool {
    let Finding { step, result, warning } = finding;
    match (result, warning) {
        (Ok(what), None) => println!("ok    {step}: {what}"),
        (Ok(what), Some(warning)) => println!("warn  {step}: {what}; but {warning}"),
        (Err(error), _) => println!("FAIL  {step}: {error}"),
    }
    result.is_ok()
}
