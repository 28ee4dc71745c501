//! `upload:` in infralogs.yaml: who may push a journal to the collector, and where.

use crate::{
    error::{Error, Result},
    inventory::{PUSHED, Pusher, TARGETS_MAX, Target},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Where machines push, and which. At least one way to know them is there: certificates, or addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadConfig {
    /// The address to listen on.
    pub listen: String,
    /// HTTPS; left out: HTTP.
    pub tls: Option<UploadTls>,
    /// Who may push; `None`: whoever shows a certificate of the authority, under the name in it.
    pub machines: Option<Vec<UploadMachine>>,
}

/// The files of HTTPS, read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadTls {
    /// PEM, leaf first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// The authorities that sign machines' certificates, PEM. With it nobody is heard who shows none.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// A machine that may push.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadMachine {
    /// Who it is.
    pub pusher: Pusher,
    /// Where it pushes from, if that is how it is known; else a DNS name of its certificate is its name.
    pub address: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "listen")]
    listen: String,
    #[serde(default)]
    tls: Option<UploadTls>,
    #[serde(default)]
    machines: Option<Vec<RawMachine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMachine {
    name: String,
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default)]
    was: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Where systemd-journal-upload pushes when its URL names no port.
fn listen() -> String {
    "0.0.0.0:19532".into()
}

impl UploadConfig {
    /// Reads and checks; relative paths start at the configuration's folder.
    pub(super) fn read(said: serde_json::Value, folder: &Path, place: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_value(said).map_err(|error| Error::invalid(error.to_string()).at(place))?;
        let by_certificate = raw.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if !by_certificate && raw.machines.as_ref().is_none_or(Vec::is_empty) {
            return Err(Error::invalid("nobody could push, or everybody")
                .at(place)
                .help("add `tls: {certificate, key, client_ca}`, or `machines: [{name: web-7, address: 10.0.0.7}]`"));
        }
        let machines = raw.machines.map(|machines| checked(machines, by_certificate, place)).transpose()?;
        let tls = raw.tls.map(|tls| UploadTls {
            certificate: folder.join(tls.certificate),
            key: folder.join(tls.key),
            client_ca: tls.client_ca.map(|file| folder.join(file)),
        });
        Ok(Self { listen: raw.listen, tls, machines })
    }
}

fn checked(machines: Vec<RawMachine>, by_certificate: bool, place: &str) -> Result<Vec<UploadMachine>> {
    if machines.len() > TARGETS_MAX {
        return Err(Error::invalid(format!("{} machines; at most {TARGETS_MAX}", machines.len())).at(place));
    }
    let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    let mut checked = Vec::with_capacity(machines.len());
    for RawMachine { name, address, was, labels } in machines {
        let wrong = |what: String| Err(Error::invalid(what).at(format!("{place}.machines")));
        let address = address.map(|address| address.to_canonical());
        if name.is_empty() || !names.insert(name.clone()) {
            return wrong(format!("machine `{}` has no name of its own", name.escape_debug()));
        }
        match address {
            Some(_) if by_certificate => {
                return wrong(format!("machine `{name}` has an `address`, but `client_ca` asks for its certificate"));
            }
            None if !by_certificate => {
                return wrong(format!("machine `{name}` has no `address`, and no `client_ca` asks for certificates"));
            }
            Some(address) if !addresses.insert(address) => {
                return wrong(format!("two machines push from {address}; one of them is `{name}`"));
            }
            _ => {}
        }
        let target = Target { name: name.into(), url: PUSHED.into(), labels, ..Target::default() };
        checked.push(UploadMachine { pusher: Pusher { target, was }, address });
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(said: serde_json::Value) -> Result<UploadConfig, String> {
        UploadConfig::read(said, Path::new("/etc/il"), "il.yaml: upload").map_err(|error| error.to_string())
    }

    #[test]
    fn nobody_pushes_unknown() {
        let tls = json!({"certificate": "c.pem", "key": "k.pem", "client_ca": "ca.pem"});
        let all = read(json!({"tls": tls})).expect("whoever has a certificate");
        assert_eq!((all.listen.as_str(), &all.machines), ("0.0.0.0:19532", &None));
        assert_eq!(all.tls.and_then(|tls| tls.client_ca), Some("/etc/il/ca.pem".into()));
        let one = json!({"name": "ups", "address": "::ffff:10.0.0.9", "was": ["old"]});
        let one = read(json!({"listen": "[::]:1", "machines": [one]})).expect("by address").machines.expect("one");
        assert_eq!((one[0].address, &one[0].pusher.was[..]), ("10.0.0.9".parse().ok(), &["old".to_owned()][..]));
        let open = json!({"certificate": "c.pem", "key": "k.pem"});
        for (wrong, why) in [
            (json!({}), "nobody could push"),
            (json!({"machines": []}), "nobody could push"),
            (json!({"tls": open}), "nobody could push"),
            (json!({"machines": [{"name": "a"}]}), "has no `address`"),
            (json!({"tls": tls, "machines": [{"name": "a", "address": "10.0.0.1"}]}), "asks for its certificate"),
            (json!({"machines": [{"name": "a", "address": "10.0.0.1"}, {"name": "b", "address": "10.0.0.1"}]}), "two"),
            (json!({"machines": [{"name": "a", "address": "10.0.0.0/8"}]}), "invalid IP address"),
            (json!({"machine": []}), "unknown field `machine`"),
        ] {
            let said = read(wrong.clone()).expect_err("refused");
            assert!(said.contains(why) && said.contains("il.yaml: upload"), "{wrong}: {said}");
        }
    }
}
