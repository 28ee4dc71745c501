//! Asks our programs over HTTP as an operator does, with curl.

use std::process::Command;

/// The status and the body; status 0 if there is no answer.
pub fn ask(url: &str, headers: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--max-time", "10", "--write-out", "\n%{http_code}", url]);
    for header in headers {
        curl.args(["--header", header]);
    }
    let said = String::from_utf8(curl.output().expect("curl is installed").stdout).expect("UTF-8");
    let (body, status) = said.rsplit_once('\n').unwrap_or(("", &said));
    (status.parse().unwrap_or(0), body.to_owned())
}

/// A figure of `/metrics`; the sum over its labels.
pub fn figure(base: &str, name: &str) -> f64 {
    let (_, page) = ask(&format!("{base}/metrics"), &[]);
    let own = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    page.lines().filter(own).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
