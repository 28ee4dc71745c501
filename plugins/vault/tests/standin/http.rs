//! The least HTTP a test needs: one request a connection, answered by a closure.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// `Null`: no body.
    pub body: Value,
}

/// Serves on a free port for as long as the process lives. `None` closes the connection without a word.
pub fn serve(answer: impl Fn(Request) -> Option<Answer> + Send + Sync + 'static) -> String {
    serve_on(TcpListener::bind("127.0.0.1:0").expect("a port"), answer)
}

/// The same where somebody listens already.
pub fn serve_on(listener: TcpListener, answer: impl Fn(Request) -> Option<Answer> + Send + Sync + 'static) -> String {
    let address = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || one(stream, &*answer));
        }
    });
    format!("http://{address}")
}

fn one(mut stream: TcpStream, answer: &dyn Fn(Request) -> Option<Answer>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let Answer { status, headers, body } = answer(Request { method, path, headers, body })?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    headers.iter().filter(|(name, _)| name != "content-length").for_each(|(name, value)| {
        head.push_str(&format!("{name}: {value}\r\n"));
    });
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()
}

/// What a client asks.
pub struct Asked {
    /// `http://127.0.0.1:8200`
    pub address: String,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Asks; the status and the body.
pub fn ask(asked: &Asked) -> Option<(u16, String)> {
    let Asked { address, method, path, headers, body } = asked;
    let host = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).ok()?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
