//! Follows a small API server over TLS: pods that come and go, bookmarks, watches that end or expire, a token that is
//! replaced.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api_server;

use api_server::Cluster;
use infralogs_core::plugin::{Inventory, Settings};
use infralogs_kubernetes::Kubernetes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A running pod of the agents' daemon set.
fn pod(name: &str, ip: &str, node: &str) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "logging", "labels": { "app": "agent", "zone": "b" } },
        "spec": { "nodeName": node },
        "status": { "phase": "Running", "podIP": ip }
    })
}

fn open(cluster: &Cluster, more: Value) -> Kubernetes {
    let mut value = json!({ "selector": "app=agent", "api": cluster.url(), "account": cluster.account() });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Kubernetes::new(&Settings::of(value)).unwrap()
}

/// Asks until it answers these targets by name and URL.
async fn becomes(inventory: &mut Kubernetes, wanted: &[(&str, &str)]) {
    let begun = Instant::now();
    loop {
        let answer = inventory.targets().await.map_err(|error| error.to_string());
        let targets = answer
            .as_ref()
            .map(|targets| targets.iter().map(|target| (&*target.name, target.url.as_str())).collect::<Vec<_>>());
        if targets.as_deref() == Ok(wanted) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{targets:?} never becomes {wanted:?}");
        if targets.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn pods_are_listed_in_pages_and_watched() {
    let cluster = Cluster::start();
    for number in 0..7 {
        cluster.put("pods", pod(&format!("agent-{number}"), &format!("10.0.0.{number}"), "n"));
    }
    cluster.put(
        "pods",
        json!({ "metadata": { "name": "pending", "namespace": "logging" }, "status": { "phase": "Pending" } }),
    );
    let mut inventory = open(&cluster, json!({ "labels": ["zone"], "port": 7071 }));
    let targets = inventory.targets().await.unwrap();
    assert_eq!(targets.len(), 7, "three pages of three");
    assert_eq!((&*targets[0].name, &*targets[0].url), ("agent-0", "http://10.0.0.0:7071"));
    assert_eq!(targets[0].labels["zone"], "b");
    (0..6).for_each(|number| cluster.remove("pods", &format!("agent-{number}")));
    becomes(&mut inventory, &[("agent-6", "http://10.0.0.6:7071")]).await;
    cluster.put("pods", pod("pending", "10.0.0.9", "n"));
    becomes(&mut inventory, &[("agent-6", "http://10.0.0.6:7071"), ("pending", "http://10.0.0.9:7071")]).await;
    assert_eq!(cluster.lists(), 3, "it watches, it does not list again");
    assert!(cluster.asked().iter().all(|path| path.contains("labelSelector=app%3Dagent")), "{:?}", cluster.asked());
}

#[tokio::test]
async fn a_watch_goes_on_where_it_ended_and_after_a_bookmark() {
    let cluster = Cluster::start();
    cluster.put("pods", pod("a", "10.0.0.1", "node-1"));
    let mut inventory = open(&cluster, json!({ "name": "node" }));
    becomes(&mut inventory, &[("node-1", "http://10.0.0.1:7070")]).await;
    cluster.put("pods", pod("b", "10.0.0.2", "node-2"));
    becomes(&mut inventory, &[("node-1", "http://10.0.0.1:7070"), ("node-2", "http://10.0.0.2:7070")]).await;
    // Much happens elsewhere; a bookmark says so, and what was before is forgotten.
    cluster.bookmark(1_000);
    cluster.put("pods", pod("b", "10.0.0.22", "node-2"));
    becomes(&mut inventory, &[("node-1", "http://10.0.0.1:7070"), ("node-2", "http://10.0.0.22:7070")]).await;
    let lists = cluster.lists();
    cluster.end_watches();
    cluster.forget();
    cluster.remove("pods", "a");
    becomes(&mut inventory, &[("node-2", "http://10.0.0.22:7070")]).await;
    assert_eq!(cluster.lists(), lists, "the next watch goes on behind the bookmark");
}

#[tokio::test]
async fn an_expired_watch_is_listed_anew() {
    for as_event in [false, true] {
        let cluster = Cluster::start();
        cluster.put("pods", pod("a", "10.0.0.1", "n"));
        let mut inventory = open(&cluster, json!({}));
        becomes(&mut inventory, &[("a", "http://10.0.0.1:7070")]).await;
        cluster.expire_as_event(as_event);
        cluster.end_watches();
        // Missed by every watch.
        cluster.remove("pods", "a");
        cluster.put("pods", pod("b", "10.0.0.2", "n"));
        cluster.forget();
        cluster.bump(500);
        becomes(&mut inventory, &[("b", "http://10.0.0.2:7070")]).await;
        assert!(cluster.lists() >= 2);
    }
}

#[tokio::test]
async fn a_replaced_token_is_read_again() {
    let cluster = Cluster::start();
    cluster.put("pods", pod("a", "10.0.0.1", "n"));
    let mut inventory = open(&cluster, json!({}));
    becomes(&mut inventory, &[("a", "http://10.0.0.1:7070")]).await;
    cluster.expect_token("second");
    cluster.end_watches();
    let said = loop {
        if let Err(error) = inventory.targets().await {
            break error.to_string();
        }
    };
    assert!(said.contains("the token was refused") && said.contains("list and watch"), "{said}");
    cluster.write_token("second");
    cluster.put("pods", pod("b", "10.0.0.2", "n"));
    becomes(&mut inventory, &[("a", "http://10.0.0.1:7070"), ("b", "http://10.0.0.2:7070")]).await;
}

#[tokio::test]
async fn endpoints_give_their_ready_addresses() {
    let cluster = Cluster::start();
    let service = |addresses: Value| {
        json!({ "metadata": { "name": "agents", "namespace": "logging" }, "subsets": [
            { "addresses": addresses, "notReadyAddresses": [{ "ip": "10.0.0.99" }] }
        ] })
    };
    let address =
        |ip: &str, pod: &str| json!({ "ip": ip, "nodeName": "n", "targetRef": { "kind": "Pod", "name": pod } });
    cluster.put("endpoints", service(json!([address("10.0.0.1", "x"), { "ip": "fd00::2" }])));
    let mut inventory = open(&cluster, json!({ "kind": "endpoints", "tls": true }));
    becomes(&mut inventory, &[("[fd00::2]", "https://[fd00::2]:7070"), ("x", "https://10.0.0.1:7070")]).await;
    cluster.put("endpoints", service(Value::Null));
    becomes(&mut inventory, &[]).await;
}

#[test]
fn outside_a_cluster_it_says_what_is_missing() {
    let said = |value| Kubernetes::new(&Settings::of(value)).err().expect("refused").to_string();
    assert!(said(json!({ "selector": "a=b", "account": "/nowhere", "api": "https://k" })).contains("which namespace"));
    assert!(said(json!({ "selector": " ", "namespace": "n" })).contains("chooses everything"));
    assert!(said(json!({ "selector": "a=b", "kind": "nodes" })).contains("unknown variant `nodes`"));
}
