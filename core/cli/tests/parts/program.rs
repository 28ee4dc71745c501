//! Our programs as a user starts them, with what they print.

use super::{repository, wait_for};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Once,
};

/// A running program; killed when dropped.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it in `folder`, with standard output and error in a file there.
    pub fn start<A: AsRef<OsStr>>(binary: &Path, args: &[A], folder: &Path) -> Self {
        let log =
            folder.join(format!("{}-{}.log", binary.file_name().unwrap_or_default().display(), super::free_port()));
        let file = std::fs::File::create(&log).expect("a log file");
        let child = Command::new(binary)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same file"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self { child, log }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most it ever had resident, in MB.
    pub fn resident_mb_max(&self) -> f64 {
        self.status("VmHWM:") / 1024.0
    }

    /// What it has resident now, in MB.
    pub fn resident_mb(&self) -> f64 {
        self.status("VmRSS:") / 1024.0
    }

    fn status(&self, name: &str) -> f64 {
        let said = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = said.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says it");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }

    /// Seconds of CPU so far, by the kernel's count in hundredths.
    pub fn cpu_s(&self) -> f64 {
        let said = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let numbers = said.rsplit_once(')').expect("a name").1.split_whitespace();
        let numbers: Vec<f64> = numbers.map(|number| number.parse().unwrap_or(0.0)).collect();
        (numbers[11] + numbers[12]) / 100.0
    }

    /// What it printed so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it printed this.
    pub fn wait_for(&mut self, words: &str) {
        wait_for(&format!("`{words}`; it said:\n{}", self.said()), || {
            let said = self.said();
            let ended = self.child.try_wait().expect("its state").is_some();
            assert!(!ended || said.contains(words), "it ended, saying:\n{said}");
            said.contains(words).then_some(())
        });
    }

    /// Whether it ends by itself so soon.
    pub fn ended_within(&mut self, span: std::time::Duration) -> bool {
        let until = std::time::Instant::now() + span;
        loop {
            let ended = self.child.try_wait().expect("its state").is_some();
            if ended || std::time::Instant::now() >= until {
                return ended;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Ends it as Ctrl-C does and waits; says whether it ended well.
    pub fn interrupt(mut self) -> bool {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        wait_for("the program to end after Ctrl-C", || self.child.try_wait().expect("its state")).success()
    }

    /// Kills it at once, as `kill -9` does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `infralogs` binary under test.
pub fn infralogs() -> PathBuf {
    env!("CARGO_BIN_EXE_infralogs").into()
}

/// The agent's binary, which belongs to another package: built if it is not there yet.
pub fn agent() -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(build_agent);
    infralogs().with_file_name("infralogs-agent")
}

fn build_agent() {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "infralogs-agent", "--bin", "infralogs-agent"])
        .current_dir(repository())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the agent does not build");
}

/// Runs `infralogs` to its end.
pub fn run<A: AsRef<OsStr>>(args: &[A], folder: &Path) -> Output {
    Command::new(infralogs()).args(args).current_dir(folder).stdin(Stdio::null()).output().expect("infralogs runs")
}

/// Runs `infralogs` to its end with this on its standard input.
pub fn run_with_input<A: AsRef<OsStr>>(args: &[A], folder: &Path, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = Command::new(infralogs())
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("infralogs runs");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

/// Standard output of a run that must have gone well.
pub fn stdout(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "exit {:?}, saying:\n{said}", output.status.code());
    String::from_utf8(output.stdout).expect("UTF-8")
}
