//! What a policy allows: its paths, exact or with `*` at the end, the longest that fits, as Vault reads them.

/// Whether this policy allows the method there.
pub fn allows(hcl: &str, method: &str, path: &str) -> bool {
    let needed: &[&str] = match method {
        "GET" => &["read"],
        "LIST" => &["list"],
        "DELETE" => &["delete"],
        "PATCH" => &["patch"],
        _ => &["create", "update"],
    };
    let plain: String = hcl.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let rules = plain.split("path \"").skip(1).filter_map(|rule| {
        let (own, rest) = rule.split_once('"')?;
        let list = rest.split_once('[')?.1.split_once(']')?.0;
        let fits = own == path || own.strip_suffix('*').is_some_and(|start| path.starts_with(start));
        fits.then(|| (own.len(), list.to_owned()))
    });
    let best = rules.max_by_key(|(length, _)| *length);
    best.is_some_and(|(_, list)| needed.iter().any(|word| list.contains(&format!("\"{word}\""))))
}
