//! Cold. The gate that noise does not move: instructions an event takes on the fused path, counted
//! by valgrind's callgrind, against the numbers in `benches/instructions/reference.toml`.
//!
//! `cargo bench --bench instructions` runs itself under callgrind once a part, prints a table, and
//! exits with 1 when a part takes more than the tolerance above its reference; `-- --write` writes
//! the reference anew. The clock is a counter that moves 50 us an event, the market is seeded, and
//! only the measured loop is collected, so that two runs differ by a few instructions in a million.
//! valgrind shows a CPU without AVX-512: the counts are those of the AVX2 code.

#[path = "../tick_to_order/market.rs"]
#[expect(dead_code, reason = "the other bench uses more of it")]
mod market;
#[path = "../tick_to_order/rig.rs"]
#[expect(dead_code, reason = "the other bench uses more of it")]
mod rig;

use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::units::Nanos;
use market::{Feed, Market};
use rig::Rig;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const EVENT_NS: u64 = 50_000;
const WARM_UP: usize = 300;
const EVENTS: usize = 1_000;
/// More nonces than the run takes.
const POOL: usize = 2_048;

/// The parts, each collected in a run of its own; all of them run in every run.
const PARTS: [&str; 3] = ["decode", "decide", "encode_sign"];

/// What is collected: callgrind switches on at the entry of a function of this name and off at its
/// end.
#[inline(never)]
fn collected<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

fn part<T>(on: bool, work: impl FnOnce() -> T) -> T {
    if on { collected(work) } else { work() }
}

/// The child's work. Prints how many orders and cancels left.
fn child(which: &str, feed: Feed) {
    let (counter, time) = quanta::Clock::mock();
    let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
    let mut rig = Rig::new(&clock, Some(POOL));
    let mut market = Market::new(feed, 0x5eed);
    rig.fill_pool();
    for i in 0..WARM_UP + EVENTS {
        time.increment(EVENT_NS);
        let (frame, _) = market.next();
        let on = |name: &str| i >= WARM_UP && which == name;
        let recv = part(on("decode"), || rig.feed.take(frame));
        part(on("decide"), || rig.strategy.step(recv));
        part(on("encode_sign"), || rig.egress.step());
        // The answers' own decisions.
        part(on("decide"), || rig.strategy.step(recv));
        part(on("encode_sign"), || rig.egress.step());
        rig.journal.drain(4096, |_| {});
    }
    let counts = &rig.metrics.egress;
    assert_eq!(counts.unsent.get() + counts.illegal.get(), 0, "all was sent");
}

fn feed_of(name: &str) -> Feed {
    if name == Feed::Book.name() { Feed::Book } else { Feed::Bbo }
}

/// Instructions an event of one part, from callgrind's own total.
fn count(which: &str, feed: Feed) -> Result<f64, String> {
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = std::env::temp_dir().join(format!("callgrind.{}.{which}", std::process::id()));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*collected*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(exe)
        .args(["--child", which, feed.name()])
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if !run.status.success() {
        return Err(said);
    }
    let profile = std::fs::read_to_string(&out).map_err(|error| error.to_string())?;
    let _ = std::fs::remove_file(&out);
    let total =
        profile.lines().find_map(|l| l.strip_prefix("summary: ").or(l.strip_prefix("totals: ")));
    let total: f64 = total
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("callgrind gave no total: {said}"))?;
    if total == 0.0 {
        return Err("callgrind collected nothing: is `collected` inlined?".to_owned());
    }
    Ok(total / EVENTS as f64)
}

fn reference_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/reference.toml")
}

fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|out| out.status.success())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--child") {
        return child(&args[at + 1], feed_of(&args[at + 2]));
    }
    if args.iter().any(|arg| arg == "--smoke" || arg == "--test") {
        PARTS.iter().for_each(|which| child(which, Feed::Bbo));
        println!("instructions: the path runs (nothing is counted in a smoke run)");
        return;
    }
    if !is_there() {
        println!("SKIPPED: no valgrind on this machine: install it to count instructions");
        return;
    }
    let text = std::fs::read_to_string(reference_path()).unwrap_or_default();
    let reference: toml::Table = text.parse().expect("the reference is TOML");
    let percent =
        reference.get("tolerance_percent").and_then(toml::Value::as_integer).unwrap_or(10);
    let mut new = String::from(
        "# Instructions an event, AVX2, by `cargo bench --bench instructions -- --write`.\n",
    );
    let _ = writeln!(new, "tolerance_percent = {percent}");
    let mut broken = false;
    println!("{:<8}{:<14}{:>12}{:>12}", "feed", "part", "an event", "reference");
    for feed in [Feed::Book, Feed::Bbo] {
        let _ = writeln!(new, "\n[{}]", feed.name());
        let mut sum = 0.0;
        for which in PARTS {
            let now = count(which, feed).unwrap_or_else(|error| panic!("{which}: {error}"));
            sum += now;
            let _ = writeln!(new, "{which} = {now:.0}");
            let old = reference.get(feed.name()).and_then(|t| t.get(which)?.as_integer());
            broken |= row(feed.name(), which, now, old, percent);
        }
        println!("{:<8}{:<14}{sum:>12.0}", feed.name(), "all");
    }
    if args.iter().any(|arg| arg == "--write") {
        std::fs::write(reference_path(), new).expect("the repository is writable");
        println!("written: benches/instructions/reference.toml");
    } else if broken {
        println!("a part takes more than {percent} % above its reference");
        std::process::exit(1);
    }
}

/// Prints a row; true when it is above what is tolerated.
fn row(feed: &str, which: &str, now: f64, old: Option<i64>, percent: i64) -> bool {
    let Some(old) = old else {
        println!("{feed:<8}{which:<14}{now:>12.0}{:>12}", "none");
        return false;
    };
    let ratio = now / old.max(1) as f64;
    let above = ratio > 1.0 + percent as f64 / 100.0;
    let verdict = if above { "ABOVE" } else { "ok" };
    println!("{feed:<8}{which:<14}{now:>12.0}{old:>12}   x{ratio:.3} {verdict}");
    above
}
