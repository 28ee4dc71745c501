//! A TCP proxy that misbehaves when told to: slow, deaf on the way back, or cutting everything.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread::sleep,
    time::Duration,
};

/// How it behaves from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Bytes pass.
    Fair,
    /// Each piece waits a little.
    Slow,
    /// What the client says arrives; no answer comes back. So a COMMIT is carried out and nobody hears of it.
    Deaf,
}

/// Listens on a port of its own and passes bytes on to another.
pub struct Proxy {
    port: u16,
    mood: Arc<AtomicU8>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of a port of this machine.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = Self {
            port: listener.local_addr().expect("its address").port(),
            mood: Arc::default(),
            streams: Arc::default(),
            ended: Arc::default(),
        };
        let (mood, streams, ended) = (proxy.mood.clone(), proxy.streams.clone(), proxy.ended.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // Where nobody listens the client is cut off, as by a host that is away.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) else { continue };
                let mut open = streams.lock().unwrap_or_else(PoisonError::into_inner);
                open.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
                let (there, back) = (mood.clone(), mood.clone());
                std::thread::spawn(move || pass(client, server, &there, false));
                std::thread::spawn(move || pass(server2, client2, &back, true));
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes how it behaves, for open connections as well.
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mood: &AtomicU8, back: bool) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let now = mood.load(Ordering::Relaxed);
        if now == Mood::Slow as u8 {
            sleep(Duration::from_millis(20));
        }
        if now == Mood::Deaf as u8 && back {
            continue;
        }
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
