//! What of a pod or of endpoints is an agent's address.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Which objects are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Each running pod is an agent.
    #[default]
    Pods,
    /// Each ready address of a service is an agent.
    Endpoints,
}

/// What a target is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NameOf {
    /// As its pod.
    #[default]
    Pod,
    /// As the node its pod runs on, which stays the same when the pod is replaced.
    Node,
}

/// What is made of an object.
pub(crate) struct Shape {
    pub kind: Kind,
    pub name: NameOf,
    pub port: u16,
    pub labels: Vec<String>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub name: String,
    /// `10.0.0.7:7070`
    pub address: String,
    pub labels: BTreeMap<String, String>,
}

/// As much of an object as is needed; the same for pods, endpoints and bookmarks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Object {
    pub metadata: Metadata,
    spec: Spec,
    status: Status,
    subsets: Option<Vec<Subset>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    name: String,
    namespace: String,
    pub resource_version: String,
    labels: BTreeMap<String, String>,
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subset {
    addresses: Option<Vec<Address>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Address {
    ip: String,
    node_name: String,
    target_ref: Reference,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    name: String,
}

impl Object {
    /// Tells objects apart.
    pub fn key(&self) -> String {
        format!("{}/{}", self.metadata.namespace, self.metadata.name)
    }
}

impl Shape {
    /// The agents of an object; none while a pod has no address, ends, or is no more.
    pub fn found(&self, object: &Object) -> Vec<Found> {
        let own = &object.metadata.labels;
        let labels: BTreeMap<String, String> =
            self.labels.iter().filter_map(|name| Some((name.clone(), own.get(name)?.clone()))).collect();
        let one = |ip: &str, pod: &str, node: &str| {
            let name = if self.name == NameOf::Node { node } else { pod };
            let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
            let name = if name.is_empty() { ip.clone() } else { name.to_owned() };
            Found { name, address: format!("{ip}:{}", self.port), labels: labels.clone() }
        };
        if self.kind == Kind::Pods {
            let ip = &object.status.pod_ip;
            let runs = object.status.phase == "Running" && object.metadata.deletion_timestamp.is_none();
            let runs = runs && !ip.is_empty();
            return runs.then(|| one(ip, &object.metadata.name, &object.spec.node_name)).into_iter().collect();
        }
        let addresses = object.subsets.iter().flatten().flat_map(|subset| subset.addresses.iter().flatten());
        addresses.map(|address| one(&address.ip, &address.target_ref.name, &address.node_name)).collect()
    }
}
