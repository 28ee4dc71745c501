//! Servers as processes of their own, what they cost by the kernel's count, and a client that draws answers.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

pub const TOKEN: &str = "bench-token";
/// The kernel counts CPU time in steps of a hundredth of a second.
const TICKS_A_SECOND: f64 = 100.0;

/// A server that ends with its value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Our agent, in its own process.
    pub fn agent(journal: &Path, environment: &[(&str, &str)]) -> Self {
        let tokens = journal.parent().expect("it is in a folder").join("tokens");
        fs::write(&tokens, TOKEN).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_infralogs-agent"))
            .args(["--listen", "127.0.0.1:0", "--journal"])
            .arg(journal)
            .arg("--token-file")
            .arg(tokens)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent starts");
        let said = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let mut addresses = said.filter_map(|line| Some(line.split_once("http://")?.1.split_once('/')?.0.to_owned()));
        let address = addresses.next().expect("it says where").parse().expect("an address");
        Self { child, address }
    }

    /// systemd-journal-gatewayd, started by its first connection.
    pub fn gatewayd(journal: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let child = Command::new("systemd-socket-activate")
            .args(["-l", &address.to_string(), "/lib/systemd/systemd-journal-gatewayd", "-D"])
            .arg(journal)
            .stderr(Stdio::null())
            .spawn()
            .expect("systemd-journal-remote is installed");
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    /// Milliseconds of CPU so far.
    pub fn cpu_ms(&self) -> f64 {
        let fields = stat(&self.child.id().to_string());
        (fields[11] + fields[12]) * 1e3 / TICKS_A_SECOND
    }

    /// The most it ever had resident, in MB.
    pub fn resident_mb_max(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        number(&status, "VmHWM:") / 1024.0
    }

    /// How often all its threads went to sleep by themselves, and bytes it made the disk write.
    pub fn wakes_and_writes(&self) -> (f64, f64) {
        let pid = self.child.id();
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
        let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
        let wakes = statuses.map(|status| number(&status, "voluntary_ctxt_switches:")).sum();
        let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("it is ours");
        (wakes, number(&io, "write_bytes:"))
    }

    /// Draws an answer to its end; its bytes, and how many lines it has.
    pub fn draw(&self, path: &str, headers: &str, mut each: impl FnMut(&[u8])) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n{headers}\r\n"
        )
        .expect("it reads");
        let (mut piece, mut first) = (vec![0; 256 << 10], true);
        loop {
            let count = stream.read(&mut piece).expect("it answers");
            assert!(!first || piece.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&piece[..count]));
            first = false;
            if count == 0 {
                return;
            }
            each(&piece[..count]);
        }
    }
}

/// Milliseconds of CPU of a program that is run to its end, its output drawn, and how many lines that had.
pub fn run(command: &mut Command) -> (f64, usize) {
    let before = children_ms();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let (mut output, mut piece, mut lines) = (child.stdout.take().expect("piped"), vec![0; 256 << 10], 0);
    loop {
        let count = output.read(&mut piece).expect("it writes");
        if count == 0 {
            break;
        }
        lines += piece[..count].iter().filter(|byte| **byte == b'\n').count();
    }
    child.wait().expect("it ends");
    (children_ms() - before, lines)
}

/// Milliseconds of CPU of all children that ended.
fn children_ms() -> f64 {
    let fields = stat("self");
    (fields[13] + fields[14]) * 1e3 / TICKS_A_SECOND
}

/// The numbers of `/proc/PID/stat` behind the name (`man 5 proc`).
fn stat(pid: &str) -> Vec<f64> {
    let said = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let numbers = said.rsplit_once(')').expect("a name").1.split_whitespace();
    numbers.map(|number| number.parse().unwrap_or(0.0)).collect()
}

fn number(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says it");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
