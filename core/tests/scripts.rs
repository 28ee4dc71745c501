//! Scripts: the shipped ones load, every mistake has its message.

use infralogs_core::{
    schedule::{self, Polled},
    script::load,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The shipped scripts.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}

#[test]
fn shipped_scripts_load() {
    let definitions = load(&[shipped()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    let names: Vec<_> = definitions.parsers.iter().map(|parser| &*parser.spec.name).collect();
    assert_eq!(
        names,
        ["agent_scripts", "critical_logs", "failed_services", "failed_ssh", "failed_units", "nginx_access", "storage"]
    );
    let fleet = definitions.dashboard("fleet").expect("the fleet dashboard");
    assert_eq!(fleet.rows.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 3, 1, 1, 2, 1]);
    assert_eq!(definitions.schedules.len(), 1);
    assert_eq!(definitions.rules.len(), 3);
}

/// Every `errors/<name>.rhai` (a script, or a folder of scripts) has the message in `errors/<name>.expected`.
#[test]
fn every_mistake_has_its_message() {
    let folder = Path::new("tests/scripts/errors");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    names.retain(|path| match path.extension() {
        Some(extension) => extension == "rhai",
        None => !path.ends_with("lib"), // the library that some of them import
    });
    names.sort();
    let mut wrong = Vec::new();
    for path in &names {
        let drawn = match load(std::slice::from_ref(path)) {
            Ok(_) => "loads without a problem\n".to_owned(),
            Err(rejected) => format!("{rejected}\n"),
        };
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &drawn).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != drawn {
            wrong.push(format!("--- {}\n{drawn}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 rewrites these:\n{}", wrong.join("\n"));
}

/// What a schedule says of its moments, and what its closure decides.
#[test]
fn schedules_adapt_and_keep_to_the_calendar() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        let slow = 2.minutes;
        schedule("a").targets(["http://a:7070"]).every(10.seconds)
            .during("mon-fri 08:00-18:00 Europe/Berlin").per_host(1).per_second(20)
            .adapt(|poll| if poll.entries == 0 && poll.labels.tier != "gold" { slow } else if poll.lag > 1.minutes { 0.seconds });
        schedule("b").targets(["http://b:7070"]).cron("0 3 * * mon");
        schedule("c").targets(["http://c:7070"]).adapt(|poll| { loop {} });
    "#;
    fs::write(folder.path().join("s.rhai"), script).unwrap();
    let definitions = load(&[folder.path().to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    let [a, b, c] = definitions.schedules.as_slice() else { panic!("{:?}", definitions.schedules) };
    assert_eq!((a.per_host, a.per_second, a.during.len()), (Some(1), Some(20.0), 1));
    assert!(b.cron.is_some());
    let polled = |tier: &str, entries, lag| {
        let labels = [("tier".to_owned(), tier.to_owned())].into();
        let polled = Polled { target: "a", labels: &labels, entries, lag, took: Duration::ZERO };
        a.adapt.as_ref().unwrap().0(&polled).unwrap()
    };
    assert_eq!(polled("iron", 0, Duration::ZERO), Some(Duration::from_secs(120)));
    assert_eq!(polled("gold", 0, Duration::ZERO), None);
    assert_eq!(polled("gold", 5, Duration::from_secs(90)), Some(schedule::ADAPT_MIN));
    let labels = Default::default();
    let polled = Polled { target: "c", labels: &labels, entries: 0, lag: Duration::ZERO, took: Duration::ZERO };
    let error = c.adapt.as_ref().unwrap().0(&polled).unwrap_err();
    assert_eq!(error.kind, infralogs_core::Kind::Limit, "{error:?}");
}
