//! The overlay for development as a cluster would run it: its configuration, its scripts and its command lines, in
//! volumes as the kubelet keeps them, and agents on nodes that come and go at the API server. Stand-ins are the API
//! server and one database for the pair.
#![allow(clippy::unwrap_used, reason = "the API server of the plugin's own tests")]

#[path = "../../../plugins/kubernetes/tests/api_server/mod.rs"]
mod api_server;
mod parts;

use api_server::Cluster;
use infralogs_core::testing::mariadb::Server;
use parts::{
    ask::{ask, figure},
    free_port, journal,
    program::{Program, agent, infralogs},
    repository,
    volume::Volume,
    wait_for,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

const ENTRIES: u64 = 100;
const TOKEN: &str = "token-of-all-nodes";

/// The objects of an overlay, as kubectl builds them.
fn rendered(overlay: &str) -> Vec<Value> {
    let script = "import json,subprocess,sys,yaml\n\
                  text = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout\n\
                  json.dump(list(yaml.safe_load_all(text)), sys.stdout)";
    let own = |path: &str| repository().join(path);
    let done = Command::new(own("target/venv/bin/python"))
        .args(["-c", script])
        .arg(own("target/kubectl/usr/bin/kubectl"))
        .arg("kustomize")
        .arg(own("deploy/kubernetes/overlays").join(overlay))
        .output()
        .expect("target/venv and kubectl, which .ci/test puts there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// The cluster, as far as our programs see it.
struct World {
    folder: tempfile::TempDir,
    objects: Vec<Value>,
    cluster: Cluster,
    server: Server,
    schema: String,
    /// Addresses of pods, as many as one likes on one port: the loopback's.
    network: String,
}

impl World {
    fn new() -> Self {
        let (folder, server) = (tempfile::tempdir().expect("a folder"), Server::start(&[]));
        let (schema, id) = (server.database(), std::process::id());
        let network = format!("127.{}.{}", 64 + (id >> 8) % 64, id % 256);
        for (user, rights) in [("writer", "ALL"), ("reader", "SELECT")] {
            let made = format!("CREATE USER 'il-{user}'@'%' IDENTIFIED BY 'of-{user}'");
            server.sql(&format!("{made}; GRANT {rights} ON {schema}.* TO 'il-{user}'@'%'"));
        }
        let world = Self {
            folder,
            objects: rendered("dev"),
            cluster: Cluster::start_in("infralogs-agents"),
            server,
            schema,
            network,
        };
        let account = world.place("/var/run/secrets/infralogs/api");
        fs::create_dir_all(&account).expect("a folder");
        for name in ["token", "ca.crt"] {
            fs::copy(world.cluster.account().join(name), Path::new(&account).join(name)).expect("copied");
        }
        world
    }

    fn object(&self, kind: &str, name: &str) -> &Value {
        let is = |one: &&Value| {
            one["kind"] == kind && one["metadata"]["name"].as_str().is_some_and(|own| own.starts_with(name))
        };
        self.objects.iter().find(is).unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// Where a path of a pod is here; all other text stays, but for the databases' addresses.
    fn place(&self, text: &str) -> String {
        let here = self.folder.path().display();
        let database = format!("@127.0.0.1:{}/{}", self.server.port(), self.schema);
        ["primary", "replica"]
            .iter()
            .fold(text.to_owned(), |text, name| {
                text.replace(&format!("@infralogs-mysql-{name}:3306/infralogs"), &database)
            })
            .replace("/etc/infralogs", &format!("{here}/etc/infralogs"))
            .replace("/var/run", &format!("{here}/var/run"))
    }

    /// The files of a ConfigMap.
    fn files(&self, name: &str) -> BTreeMap<String, String> {
        let data = self.object("ConfigMap", name)["data"].as_object().expect("files");
        data.iter().map(|(key, text)| (key.clone(), self.place(text.as_str().expect("text")))).collect()
    }

    /// A volume of a program, where its pod has it.
    fn volume(&self, program: &str, at: &str, files: &BTreeMap<String, String>) -> Volume {
        let folder = self.place(at).replace("/etc/infralogs", &format!("/{program}/etc/infralogs"));
        let mut volume = Volume::new(folder.into());
        let own = |text: &String| text.replace("/etc/infralogs", &format!("/{program}/etc/infralogs"));
        volume.push(&files.iter().map(|(name, text)| (name.clone(), own(text))).collect());
        volume
    }

    /// A program with its volumes and the command line of its pod; its scripts' volume, and where it answers.
    fn start(&self, program: &str, password: &str, tokens: &[(&str, &str)]) -> (Program, Volume, String) {
        let password = BTreeMap::from([("mysql-password".to_owned(), password.to_owned())]);
        let (scripts, mut config) = (self.files("infralogs-scripts"), self.files("infralogs-config"));
        let listen = format!("127.0.0.1:{}", free_port());
        config.values_mut().for_each(|text| *text = text.replace("0.0.0.0:8080", &listen));
        let mut targets = self.files("infralogs-targets");
        targets.extend(tokens.iter().map(|(name, token)| ((*name).to_owned(), (*token).to_owned())));
        let scripts = self.volume(program, "/etc/infralogs/scripts", &scripts);
        for (at, files) in [("config", &config), ("secrets", &password), ("targets", &targets)] {
            self.volume(program, &format!("/etc/infralogs/{at}"), files);
        }
        let pod = &self.object("Deployment", &format!("infralogs-{program}"))["spec"]["template"]["spec"];
        let args = pod["containers"][0]["args"].as_array().expect("a command line");
        let own = |arg: &Value| {
            let arg = self.place(arg.as_str().expect("text")).replace("0.0.0.0:8080", &listen);
            arg.replace("/etc/infralogs", &format!("/{program}/etc/infralogs"))
        };
        let port = self.cluster.url().rsplit_once(':').expect("a port").1.to_owned();
        let mut all = vec!["KUBERNETES_SERVICE_HOST=127.0.0.1".into(), format!("KUBERNETES_SERVICE_PORT={port}")];
        all.push(infralogs().display().to_string());
        all.extend(args.iter().map(own));
        (Program::start(Path::new("env"), &all, self.folder.path()), scripts, format!("http://{listen}"))
    }

    /// A node with a journal and a pod of the agents' DaemonSet.
    fn node(&self, number: u8) -> Program {
        let name = format!("node-{number}");
        let (here, at) = (self.folder.path().join(&name), format!("{}.{number}", self.network));
        fs::create_dir(&here).expect("a folder");
        journal::write(&here, &name, u128::from(number) << 64 | 1, 1, ENTRIES);
        fs::write(here.join("tokens"), format!("{TOKEN}\n")).expect("written");
        let template = &self.object("DaemonSet", "infralogs-agent")["spec"]["template"];
        let args = template["spec"]["containers"][0]["args"].as_array().expect("a command line");
        let own = |arg: &Value| {
            let arg = arg.as_str().expect("text").replace("0.0.0.0", &at);
            arg.replace("/etc/infralogs/tokens", &here.display().to_string())
                .replace("/var/log/journal", &here.display().to_string())
        };
        let mut running = Program::start(&agent(), &args.iter().map(own).collect::<Vec<_>>(), self.folder.path());
        running.wait_for(&at);
        self.cluster.put("pods", json!({
            "metadata": { "name": format!("infralogs-agent-{number}x"), "namespace": "infralogs-agents", "labels": template["metadata"]["labels"] },
            "spec": { "nodeName": name },
            "status": { "phase": "Running", "podIP": at },
        }));
        running
    }

    fn stored(&self, host: &str) -> u64 {
        let sql = format!(
            "SELECT COUNT(DISTINCT seqnum) FROM {}.logs WHERE host = '{host}' AND identifier NOT LIKE 'infralogs-%'",
            self.schema
        );
        self.server.try_sql(&sql).ok().and_then(|said| said.trim().parse().ok()).unwrap_or(0)
    }
}

#[test]
fn the_rendered_overlay_polls_nodes_that_come_and_go_and_reloads_its_scripts() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let _entered = runtime.enter();
    let world = World::new();
    let _first = world.node(1);
    let (_collecting, mut scripts, collector) = world.start("collector", "of-writer", &[("nodes", TOKEN)]);
    wait_for("the first node's entries", || (world.stored("node-1") == ENTRIES).then_some(()));
    let labels = "labelSelector=app.kubernetes.io%2Fname%3Dinfralogs%2Capp.kubernetes.io%2Fcomponent%3Dagent";
    let asked = world.cluster.asked();
    assert!(asked.iter().all(|path| path.contains(labels)), "{asked:?}");

    // Another node joins, and leaves.
    let second = world.node(2);
    wait_for("the node that joined", || (world.stored("node-2") == ENTRIES).then_some(()));
    let polls = || figure(&collector, "infralogs_polls");
    let of_both = polls();
    drop(second);
    world.cluster.remove("pods", "infralogs-agent-2x");
    wait_for("one node's polls", || (polls() == of_both / 2.0).then_some(()));

    // Dashboards read what was stored; both take a script that the kubelet swaps in.
    let (_serving, mut pages, page) = world.start("dashboard", "of-reader", &[]);
    wait_for("the dashboards", || (ask(&format!("{page}/ready"), &[]).0 == 200).then_some(()));
    let whole = ask(&format!("{page}/d/health.json"), &[]);
    assert!(whole.0 == 200 && whole.1.contains("node-1"), "{} without the node that was stored", whole.0);
    let mut files = world.files("infralogs-scripts");
    let old = |base: &str| {
        serde_json::from_str::<Value>(&ask(&format!("{base}/health"), &[]).1).unwrap_or_default()["scripts"].clone()
    };
    let before = [old(&collector), old(&page)];
    assert!(before[0].is_string() && before[0] == before[1], "{before:?}");
    files.insert("dashboards.mine.rhai".into(), "dashboard(\"mine\").row([stat(\"All\", logs.count())]);".into());
    scripts.push(&files);
    pages.push(&files);
    wait_for("the new page", || (ask(&format!("{page}/d/mine.json"), &[]).0 == 200).then_some(()));
    wait_for("the new generation", || (old(&collector) != before[0] && old(&collector) == old(&page)).then_some(()));
    assert_eq!(figure(&collector, "infralogs_scripts_rejected"), 0.0);
}
