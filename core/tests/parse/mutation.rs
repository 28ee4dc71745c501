//! Damaged input: every extractor over lines that were cut, doubled and mixed, from a fixed seed.
//!
//! None may panic, read what is not there or make text that is no UTF-8 (columns hold `str`, checked by the type); what
//! a batch counts must add up. Runs some seconds; `INFRALOGS_FUZZ_SECONDS=600` runs as long as it says, from another seed.

use crate::common::{Dice, NOW, compiled, entries, pattern, picks, regex, set, with};
use infralogs_core::{
    expr::{Expr, Function},
    parse::{
        Outcome, Plan,
        spec::{Extractor, Lines, ParserSpec},
    },
    value::Value,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Good lines of every kind, to be damaged.
const SEEDS: [&str; 12] = [
    r#"203.0.113.7 - alice [31/Jan/2026:12:00:00 +0000] "GET /i?a=1 HTTP/1.1" 200 5120 "-" "curl \"8\"""#,
    r#"{"a":{"b":[1,2.5e3,{"c":"\ud83d\ude00\n"}],"\u0061":null},"time":"2026-01-31T12:00:00.5+01:00","ok":true}"#,
    r#"at=2026-01-31T12:00:00Z msg="two \"words\"" n=5 flag took=1h30m size=1.5GiB ip=fe80::1%eth0"#,
    "mon,\"a \"\"b\"\"\",5,-1.5\r\n",
    r#"<165>1 2026-01-31T12:00:00.003Z host app 12 ID47 [x@1 k="a\]b"][y z="1"] text é"#,
    "<34>Jan 31 22:14:15 host su[12]: 'su root' failed",
    "2026-01-31T12:00:00+00:00 host su: text",
    "Sat 2026-01-31 12:00:00.000000 UTC [s=0123456789abcdef0123456789abcdef;i=1f;b=0123456789abcdef0123456789abcdef;m=1;t=62c0f0a1b2c3d;x=1]\n    PRIORITY=6\n    MESSAGE=one\n            two\n    _PID=12\n",
    "2026-01-31 12:00:00,123 ERROR [main] a.B - failed\njava.lang.E: x\n\tat a.B.c(B.java:1)",
    "Failed password for invalid user ü from 2001:DB8::1 port 52144 ssh2 [preauth]",
    "12:05 am, 2024-366 1767614400.5 1767614400001",
    "\u{feff}\u{0}\t= \"{}[]<>",
];

fn parsers() -> Vec<ParserSpec> {
    let words =
        ["a=a.b.2.c", "b=a.a", "time:time", "msg", "n:int", "took:duration", "size:bytes", "ip:ip", "flag:bool"];
    let csv = ["day:text", "what:text", "n:int", "x:float"].map(|word| {
        let pick = picks(&[word]).remove(0);
        (pick.name, pick.kind)
    });
    let readers = [
        vec![Extractor::Json(picks(&words))],
        vec![Extractor::Logfmt(picks(&words[2..]))],
        vec![Extractor::Csv { separator: b',', columns: csv.to_vec() }],
        vec![Extractor::Syslog(picks(&["k", "zz=y.z"]))],
        vec![Extractor::Nginx],
        vec![Extractor::Apache],
        vec![Extractor::Verbose],
        vec![
            pattern("Failed {how} for {x:flag(invalid user )}{user} from {ip:ip} port {port:int} ssh2{? [{_}]?}"),
            pattern("{at:time(%Y-%m-%d %H:%M:%S,%f)} {level} {(a{|}[{thread}])} {rest}"),
            pattern("{half:time(%I:%M %p, %Y-%j)} {s:time(unix)} {ms:time(unix_ms)}"),
            pattern("{when:time(syslog)} {node} {rest}"),
        ],
        vec![regex(r"(?<a>\S+)\s+(?<b>\d+)?.*?(?<c>[^\x00-\x7f])", &[("b", "int")])],
        vec![
            pattern("{d:duration}"),
            pattern("{b:bytes}"),
            pattern("{i:ip}"),
            pattern("{t:time}"),
            pattern("{f:float}"),
        ],
    ];
    let mut all: Vec<ParserSpec> = Vec::new();
    for (nth, reader) in readers.into_iter().enumerate() {
        let upper = Expr::Call(Function::Upper, Box::new(Expr::Call(Function::Trim, Box::new(Expr::field("message")))));
        let steps = vec![set("shout", upper)];
        let name = format!("fuzzed_{nth}").as_str().into();
        all.push(ParserSpec { name, steps, strict: nth % 2 == 0, ..with(reader) });
    }
    let lines = Lines { start: "^[<{0-9]".into(), lines_max: 4 };
    all.push(ParserSpec { name: "joined".into(), lines: Some(lines), ..with(vec![pattern("{a} {b}")]) });
    all
}

impl Dice {
    /// A good line with some damage.
    fn damaged(&mut self) -> Vec<u8> {
        let mut line = SEEDS[self.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..self.below(6) {
            let (at, to) = (self.below(line.len() + 1), self.below(line.len() + 1));
            let (from, to) = (at.min(to), at.max(to));
            match self.below(7) {
                0 => line.truncate(at),
                1 => drop(line.drain(from..to)),
                2 => line.insert(at, self.below(256) as u8),
                3 if at < line.len() => line[at] ^= 1 << self.below(8),
                4 => {
                    let piece = line[from..to].to_vec();
                    line.splice(at..at, piece);
                }
                5 => {
                    let other = SEEDS[self.below(SEEDS.len())].as_bytes();
                    let cut = self.below(other.len());
                    line.splice(at..at, other[cut..].iter().copied());
                }
                _ => {
                    let odd = [&b"\\u"[..], b"\"", b"\\", b"99999999999999999999", b"\xff", b"\n    ", b"%", b"[["];
                    line.splice(at..at, odd[self.below(odd.len())].iter().copied());
                }
            }
        }
        line
    }
}

#[test]
fn damaged_lines_are_read_or_refused() {
    let asked = std::env::var("INFRALOGS_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let seed = if asked.is_some() { u64::from(std::process::id()) << 20 | 1 } else { 0x5eed };
    println!("seed {seed}");
    let until = Instant::now() + Duration::from_secs(asked.unwrap_or(3));
    let plan = Plan::new(parsers().into_iter().map(|spec| Arc::new(compiled(spec))).collect());
    let mut dice = Dice(seed);
    while Instant::now() < until {
        let lines: Vec<Vec<u8>> = (0..100).map(|_| dice.damaged()).collect();
        let fields: Vec<[(&str, &[u8]); 1]> = lines.iter().map(|line| [("MESSAGE", &line[..])]).collect();
        let batch = entries(&fields.iter().map(|fields| &fields[..]).collect::<Vec<_>>());
        let parsed = plan.run(&batch, NOW);
        let mut quarantined = 0;
        for (parser, counts) in plan.parsers.iter().zip(&parsed.counts) {
            let ended = counts.joined + counts.matched + counts.unmatched + counts.dropped + counts.failed;
            assert_eq!((counts.selected, ended), (100, 100), "{}: {counts:?}", parser.spec.name);
            quarantined += counts.failed + if parser.spec.strict { counts.unmatched } else { 0 };
            let rows = parsed.rows.iter().find(|rows| rows.parser == parser.spec.name);
            assert_eq!(rows.map_or(0, |rows| rows.rows.len()) as u64, counts.matched, "{}", parser.spec.name);
        }
        assert_eq!(parsed.quarantined.len() as u64, quarantined);
        for parser in &plan.parsers {
            for (first, text) in parser.records(&batch, true, NOW).iter().take(10) {
                parser.trace(text, &batch.get(*first), NOW);
            }
        }
    }
}

/// Parsers without steps read many texts and then fill one column after the other: with the rows, and the reasons, that
/// each text gives alone.
#[test]
fn a_batch_gives_what_its_entries_give_alone() {
    let alone = parsers().into_iter().filter(|spec| spec.lines.is_none()).flat_map(|spec| {
        let one = |(nth, extractor)| {
            let name = format!("{}_{nth}", spec.name).as_str().into();
            ParserSpec { name, steps: Vec::new(), strict: spec.strict, ..with(vec![extractor]) }
        };
        spec.extractors.into_iter().enumerate().map(one).collect::<Vec<_>>()
    });
    let plan = Plan::new(alone.map(|spec| Arc::new(compiled(spec))).collect());
    let mut dice = Dice(0xb10c);
    let (mut rows, mut reasons) = (0, 0);
    // From batches without damage to such in which every second line has some.
    for damage in 0..10 {
        let mut line = || match dice.below(20) < damage {
            true => dice.damaged(),
            false => SEEDS[dice.below(SEEDS.len())].into(),
        };
        let lines: Vec<Vec<u8>> = (0..900).map(|_| line()).collect();
        let fields: Vec<[(&str, &[u8]); 1]> = lines.iter().map(|line| [("MESSAGE", &line[..])]).collect();
        let batch = entries(&fields.iter().map(|fields| &fields[..]).collect::<Vec<_>>());
        let parsed = plan.run(&batch, NOW);
        for parser in &plan.parsers {
            let of_batch = parsed.rows.iter().filter(|rows| rows.parser == parser.spec.name).flat_map(|of| {
                let row = |at| of.rows.columns.iter().map(|column| column.get(at)).collect::<Vec<_>>();
                of.entry.iter().enumerate().map(move |(at, entry)| (*entry, row(at)))
            });
            let outcomes: Vec<Outcome> = batch.iter().map(|entry| parser.run(&entry, NOW)).collect();
            let own = outcomes.iter().zip(0_u32..).filter_map(|(outcome, entry)| match outcome {
                Outcome::Matched(row) => Some((entry, row.clone())),
                _ => None,
            });
            let own: Vec<_> = own.collect();
            assert_eq!(of_batch.collect::<Vec<_>>(), own, "{}", parser.spec.name);
            let quarantined = parsed.quarantined.iter().filter(|one| one.parser == parser.spec.name);
            let failed = outcomes.iter().zip(0_u32..).filter_map(|(outcome, entry)| match outcome {
                Outcome::Failed(reason) => Some((entry, reason)),
                Outcome::Unmatched(reason) if parser.spec.strict => Some((entry, reason)),
                _ => None,
            });
            let failed: Vec<_> = failed.collect();
            assert_eq!(quarantined.map(|one| (one.entry, &one.reason)).collect::<Vec<_>>(), failed);
            rows += own.len();
            reasons += failed.len();
        }
    }
    assert!(rows > 10_000 && reasons > 10_000, "{rows} rows, {reasons} reasons");
}

/// What one text had is in no other: pieces are read in turn into the same room.
#[test]
fn an_optional_part_is_of_its_own_text() {
    let plan = Plan::new(vec![Arc::new(compiled(with(vec![pattern("{user}{? [{why}]?} end")])))]);
    let mut dice = Dice(0x0b7);
    let texts: Vec<(Option<String>, bool)> =
        (0..2_000).map(|nth| (dice.below(2).eq(&0).then(|| format!("why {nth}")), dice.below(3) > 0)).collect();
    let line = |(nth, (why, ends)): (usize, &(Option<String>, bool))| {
        let why = why.as_ref().map_or(String::new(), |why| format!(" [{why}]"));
        format!("user{nth}{why}{}", if *ends { " end" } else { " and" })
    };
    let lines: Vec<String> = texts.iter().enumerate().map(line).collect();
    let fields: Vec<[(&str, &[u8]); 1]> = lines.iter().map(|line| [("MESSAGE", line.as_bytes())]).collect();
    let batch = entries(&fields.iter().map(|fields| &fields[..]).collect::<Vec<_>>());
    let parsed = plan.run(&batch, NOW);
    let rows = &parsed.rows[0].rows;
    let wanted: Vec<&Option<String>> = texts.iter().filter(|(_, ends)| *ends).map(|(why, _)| why).collect();
    assert_eq!(rows.len(), wanted.len());
    for (at, why) in wanted.into_iter().enumerate() {
        let got = rows.column("why").expect("a column").get(at);
        assert_eq!(got, why.as_deref().map_or(Value::Missing, |why| Value::Text(why.into())), "row {at}");
    }
}

/// The same parser as a pattern and as a regular expression. They may differ where ` [` stands inside: a pattern tries
/// nothing again.
#[test]
fn pattern_and_regex_agree() {
    let dissect = with(vec![pattern("{user} from {ip:ip} port {port:int}{? [{why}]?}")]);
    let regexed = with(vec![regex(
        r"(?s)\A(?<user>.*?) from (?<ip>.*?) port (?<port>.*?)(?: \[(?<why>.*?)\])?\z",
        &[("ip", "ip"), ("port", "int")],
    )]);
    let (dissect, regexed) = (compiled(dissect), compiled(regexed));
    let pieces = ["root", " from ", "1.2.3.4", "::1", " port ", "22", "x", "ü", "\n", ""];
    let mut dice = Dice(7);
    let (mut rows, mut refused) = (0, 0);
    for _ in 0..20_000 {
        // Mostly in the right order, with something odd now and then.
        let good = ["root", " from ", "1.2.3.4", " port ", "22", " [preauth]"];
        let text: String = good
            .iter()
            .map(|piece| if dice.below(8) == 0 { pieces[dice.below(pieces.len())] } else { piece })
            .collect();
        let (one, other) = (crate::common::outcome(&dissect, &text), crate::common::outcome(&regexed, &text));
        let kind = |outcome: &str| outcome.split('(').next().filter(|word| word.len() < 10).map(str::to_owned);
        if one.starts_with("user=") {
            rows += 1;
            assert_eq!(one, other, "{text:?}");
        } else {
            refused += 1;
            assert_eq!(kind(&one), kind(&other), "{text:?}");
        }
    }
    assert!(rows > 5_000 && refused > 1_000, "{rows} rows, {refused} refused");
}
