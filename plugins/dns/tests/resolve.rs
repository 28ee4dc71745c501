//! Asks a small real name server over UDP whose answers change, fail and vanish.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use hickory_resolver::proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, SRV},
    },
};
use infralogs_core::{
    inventory::TokenFrom,
    plugin::{Inventory, Settings},
};
use infralogs_dns::Dns;
use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// What the name server says now.
#[derive(Clone)]
enum Says {
    Addresses(Vec<Ipv4Addr>),
    Hosts(Vec<(&'static str, u16)>),
    Code(ResponseCode),
    Nothing,
}

/// A name server on a port of its own; ends with the test.
fn serve(says: Arc<Mutex<Says>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut datagram = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let Ok(mut message) = Message::from_vec(&datagram[..length]) else { continue };
            let query = message.queries[0].clone();
            message.metadata.message_type = MessageType::Response;
            let record = |data| Record::from_rdata(query.name().clone(), 1, data);
            match &*says.lock().unwrap() {
                Says::Nothing => continue,
                Says::Code(code) => message.metadata.response_code = *code,
                Says::Addresses(addresses) if query.query_type() == RecordType::A => {
                    message.add_answers(addresses.iter().map(|address| record(RData::A(A(*address)))));
                }
                Says::Hosts(hosts) if query.query_type() == RecordType::SRV => {
                    let srv = |(host, port): &(&str, u16)| {
                        RData::SRV(SRV::new(0, 0, *port, Name::from_ascii(format!("{host}.")).unwrap()))
                    };
                    message.add_answers(hosts.iter().map(|host| record(srv(host))));
                }
                _ => {}
            }
            socket.send_to(&message.to_vec().unwrap(), from).unwrap();
        }
    });
    address
}

fn dns(name: &str, server: SocketAddr) -> Dns {
    let value = serde_json::json!({ "name": name, "server": server.to_string(), "token_file": "tokens/agents" });
    Dns::new(&Settings { folder: "/etc/infralogs".into(), ..Settings::of(value) }).unwrap()
}

/// Asks until it answers this; the records live for one second.
async fn becomes(dns: &mut Dns, wanted: &[(&str, &str)]) {
    let begun = Instant::now();
    loop {
        let targets = dns.targets().await.map_err(|error| error.to_string());
        let named = targets.as_ref().map(|targets| {
            let mut named: Vec<_> = targets.iter().map(|target| (&*target.name, &*target.url)).collect();
            named.sort_unstable();
            named
        });
        if named.as_deref() == Ok(wanted) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{named:?} never becomes {wanted:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn addresses_appear_and_vanish() {
    let says = Arc::new(Mutex::new(Says::Addresses(vec![[10, 0, 0, 7].into()])));
    let mut dns = dns("agents.infra.svc.:7071", serve(says.clone()));
    becomes(&mut dns, &[("10.0.0.7:7071", "http://10.0.0.7:7071")]).await;
    *says.lock().unwrap() = Says::Addresses(vec![[10, 0, 0, 7].into(), [10, 0, 0, 8].into()]);
    becomes(&mut dns, &[("10.0.0.7:7071", "http://10.0.0.7:7071"), ("10.0.0.8:7071", "http://10.0.0.8:7071")]).await;
    let targets = dns.targets().await.unwrap();
    assert_eq!(targets[0].token, TokenFrom::File("/etc/infralogs/tokens/agents".into()));
    // A service without agents has no name in a cluster.
    *says.lock().unwrap() = Says::Code(ResponseCode::NXDomain);
    becomes(&mut dns, &[]).await;
}

#[tokio::test]
async fn services_name_hosts_and_ports() {
    let says = Arc::new(Mutex::new(Says::Hosts(vec![("web-1.infra", 7070), ("web-2.infra", 9000)])));
    let mut dns = dns("_infralogs._tcp.infra.", serve(says.clone()));
    let both = [("web-1.infra", "http://web-1.infra:7070"), ("web-2.infra:9000", "http://web-2.infra:9000")];
    becomes(&mut dns, &both).await;
    *says.lock().unwrap() = Says::Hosts(vec![("web-2.infra", 9000)]);
    becomes(&mut dns, &both[1..]).await;
}

#[tokio::test]
async fn a_server_that_fails_is_an_error_and_no_empty_fleet() {
    let says = Arc::new(Mutex::new(Says::Code(ResponseCode::ServFail)));
    let server = serve(says.clone());
    let mut failing = dns("agents.infra.svc.", server);
    assert!(failing.targets().await.unwrap_err().to_string().contains("can't resolve `agents.infra.svc.`"));
    *says.lock().unwrap() = Says::Code(ResponseCode::NXDomain);
    let said = dns("typo.infra.svc.", server).targets().await.unwrap_err().to_string();
    assert!(said.contains("`typo.infra.svc.` has no records"), "{said}");
    *says.lock().unwrap() = Says::Nothing;
    let mut silent = dns("silent.infra.svc.", server);
    let answer = tokio::time::timeout(Duration::from_secs(60), silent.targets()).await;
    assert!(answer.expect("it gives up by itself").is_err());
}

#[test]
fn wrong_settings_are_named() {
    let said = |value| Dns::new(&Settings::of(value)).err().expect("refused").to_string();
    assert!(said(serde_json::json!({ "name": "a:b" })).contains("`b` is no port"));
    assert!(said(serde_json::json!({ "name": "http://a" })).contains("no port"));
    assert!(said(serde_json::json!({ "name": "a", "sever": "1.2.3.4:53" })).contains("unknown field `sever`"));
    let both = serde_json::json!({ "name": "a", "token_file": "t", "secret": "s" });
    assert!(said(both).contains("both `token_file` and `secret`"));
}
