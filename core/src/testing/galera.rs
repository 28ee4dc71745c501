//! A private Galera cluster of three nodes: killed and started again one by one.

use super::mariadb::Server;
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

const PROVIDERS: [&str; 2] = ["/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so"];
/// How long a node may take to be part of the cluster, on a slow and busy machine.
const JOIN_MAX: Duration = Duration::from_secs(180);

/// Three nodes that hold the same rows.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes.
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts three nodes; panics where there is no `galera-4`.
    pub fn start() -> Self {
        let provider = PROVIDERS.into_iter().find(|path| std::path::Path::new(path).exists());
        let provider = provider.expect("libgalera_smm.so: is galera-4 installed?");
        let ports: Vec<[u16; 3]> = (0..3).map(|_| [free_port(), free_port(), free_port()]).collect();
        let members: Vec<String> = ports.iter().map(|[group, ..]| format!("127.0.0.1:{group}")).collect();
        let options = |[group, incremental, whole]: [u16; 3]| {
            vec![
                "--wsrep-on=ON".to_owned(),
                format!("--wsrep-provider={provider}"),
                format!("--wsrep-cluster-address=gcomm://{}", members.join(",")),
                "--wsrep-node-address=127.0.0.1".to_owned(),
                "--wsrep-sst-method=rsync".to_owned(),
                format!("--wsrep-sst-receive-address=127.0.0.1:{whole}"),
                format!(
                    "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{group};\
                     ist.recv_addr=127.0.0.1:{incremental};gcache.size=32M"
                ),
                "--binlog-format=ROW".to_owned(),
                "--innodb-autoinc-lock-mode=2".to_owned(),
                "--wsrep-slave-threads=2".to_owned(),
            ]
        };
        let mut nodes: Vec<Server> = Vec::new();
        for (at, ports) in ports.into_iter().enumerate() {
            let node = Server::with("mysql", options(ports));
            if at == 0 {
                node.run_with(&["--wsrep-new-cluster"]);
            } else {
                node.run();
            }
            nodes.push(node);
            let cluster = Self { nodes };
            cluster.wait_size(at, at + 1);
            nodes = cluster.nodes;
        }
        Self { nodes }
    }

    /// Waits until a node is ready in a cluster of so many.
    pub fn wait_size(&self, node: usize, size: usize) {
        let sql = "SELECT GROUP_CONCAT(variable_value ORDER BY variable_name) FROM information_schema.global_status \
                   WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_ready')";
        let until = Instant::now() + JOIN_MAX;
        while self.nodes[node].sql(sql).trim() != format!("{size},ON") {
            assert!(Instant::now() < until, "node {node} never joins: {}", self.nodes[node].log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}
