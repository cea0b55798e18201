//! Cold. The rules. Each takes text and returns what is wrong with it, one line a violation:
//! `file:line: what: what to do instead`.

use crate::source::{Source, line_of, words};

/// Which modules of ours a module may name. Data flows from the top down, names point up.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("instrument", &["units"]),
    ("event", &["units", "instrument"]),
    ("book", &["units", "instrument", "event"]),
    ("orders", &["units", "instrument", "event"]),
    ("ledger", &["units", "instrument", "event"]),
    // Values and read-only state; never risk, core or venue.
    ("strategy", &["units", "instrument", "event", "book", "orders"]),
    // Notes carry the reasons of the strategies, so their names are part of its vocabulary.
    ("explain", &["units", "instrument", "event", "strategy"]),
    ("risk", &["units", "instrument", "event", "book", "orders", "ledger", "explain"]),
    (
        "core",
        &[
            "units",
            "instrument",
            "event",
            "book",
            "orders",
            "ledger",
            "strategy",
            "explain",
            "risk",
        ],
    ),
    // Codecs: no socket, no clock, no book.
    ("venue", &["units", "instrument", "event"]),
    ("net", &[]),
    // A key is known by its address, which is the signer's arithmetic.
    ("keys", &["venue"]),
    // The venue's side shares no code with our side, so that a mistake cannot cancel itself out.
    ("sim", &["units", "instrument", "event", "book"]),
    // A note's reasons are written by their place in the strategies' lists.
    ("journal", &["units", "instrument", "event", "explain", "strategy"]),
    ("replay", &["event", "core", "journal"]),
    // A driver of the core against the embedded venue: what a session is, without its sockets.
    (
        "backtest",
        &[
            "units",
            "instrument",
            "event",
            "ledger",
            "strategy",
            "explain",
            "risk",
            "core",
            "venue",
            "sim",
            "proved",
        ],
    ),
    // The settings of a market as the proof's chains.
    ("proved", &["units", "instrument", "event", "strategy", "core"]),
    ("config", &["units", "instrument", "orders", "strategy", "risk", "core"]),
    // Everything left of it, and no strategy by name.
    (
        "pipeline",
        &[
            "units",
            "instrument",
            "event",
            "book",
            "orders",
            "ledger",
            "explain",
            "risk",
            "core",
            "venue",
            "net",
            "journal",
        ],
    ),
    // Signals and a file: nothing of the engine but its commands.
    ("switch", &["event"]),
    (
        "session",
        &[
            "units",
            "instrument",
            "event",
            "explain",
            "risk",
            "core",
            "venue",
            "net",
            "journal",
            "replay",
            "proved",
            "config",
            "pipeline",
        ],
    ),
    // On top: it may see everything that is not itself a top.
    (
        "ops",
        &[
            "units",
            "instrument",
            "event",
            "book",
            "orders",
            "ledger",
            "strategy",
            "explain",
            "risk",
            "core",
            "venue",
            "net",
            "sim",
            "journal",
            "proved",
            "replay",
            "backtest",
            "config",
            "pipeline",
            "session",
            "switch",
            "keys",
        ],
    ),
    ("main", &["ops"]),
];

/// Modules without I/O, clock or thread.
const PURE: &[&str] = &[
    "units",
    "instrument",
    "event",
    "book",
    "orders",
    "ledger",
    "strategy",
    "explain",
    "risk",
    "core",
];

/// What a pure module may not name, and why.
const PURE_BANS: &[(&str, &str)] = &[
    ("std::time", "time is in the input"),
    ("std::thread", "the pipeline has the threads"),
    ("std::net", "net has the sockets"),
    ("std::fs", "journal and ops have the files"),
    ("std::env", "config reads the environment"),
    ("std::sync", "the core is one thread's"),
    ("tracing", "a note says it, and the journal keeps it"),
];

/// What a hot module may not contain, and what to use instead.
const HOT_BANS: &[(&str, &str)] = &[
    ("println!", "a metric or a journal record"),
    ("eprintln!", "a metric or a journal record"),
    ("dbg!", "nothing"),
    ("format!", "a named value; text is made by ops"),
    ("Mutex", "a ring, or a cell with one writer"),
    ("RwLock", "ring::latest, a cell with one writer"),
    ("Condvar", "a step that is called again"),
    ("Instant", "the stamp in the argument"),
    ("SystemTime", "the time in the argument"),
    ("f32", "units, or fxmath"),
    ("f64", "units, or fxmath"),
    ("HashMap", "a slot array, a sorted Vec or a BTreeMap"),
    ("HashSet", "a slot array, a sorted Vec or a BTreeSet"),
    ("thread::sleep", "a step that is called again"),
    ("rust_decimal", "units"),
    ("Decimal", "units"),
];

/// Words that mean unfinished work. In pieces, so that this file passes its own rule.
const LEFTOVERS: &[&str] =
    &[concat!("to", "do!"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[ig", "nore")];

/// Places of one machine, which mean nothing on another.
const LOCAL_PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("sha", "red/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
];

pub const FILE_LINES: usize = 600;
pub const FUNCTION_LINES: usize = 70;

/// The top-level module of a file of src, and how deep in it the file's own module lies.
fn module(path: &str) -> Option<(&str, usize)> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    let top = inner.split('/').next()?;
    (top != "lib").then(|| (top, inner.split('/').count()))
}

/// Modules of ours that `code` names, with their places: `crate::x`, `crate::{x, y::z}`, as many
/// `super::` as lead to the root, and `evenkeel::x` in main.
fn named<'a>(code: &'a str, root: &str, depth: usize) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in words(code, root) {
        if let Some(rest) = code[at + root.len()..].trim_start().strip_prefix("::") {
            heads(rest, &mut |head| found.push((at, head)));
        }
    }
    for at in words(code, "super") {
        let mut rest = &code[at..];
        let mut up = 0;
        while let Some(tail) = rest.strip_prefix("super").and_then(|r| r.strip_prefix("::")) {
            (rest, up) = (tail, up + 1);
        }
        let inner = code[..at].ends_with("super::");
        if up >= depth && !inner {
            heads(rest, &mut |head| found.push((at, head)));
        }
    }
    found
}

/// First names of a path or of a group of paths.
fn heads<'a>(rest: &'a str, found: &mut impl FnMut(&'a str)) {
    let rest = rest.trim_start();
    let name = |text: &'a str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        if end == 0 { &text[..text.len().min(1)] } else { &text[..end] }
    };
    let Some(group) = rest.strip_prefix('{') else { return found(name(rest)) };
    let (mut depth, mut start) = (0, 0);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                let last = group[start..i].trim();
                if !last.is_empty() {
                    found(name(last));
                }
                return;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found(name(group[start..i].trim()));
                start = i + 1;
            }
            _ => {}
        }
    }
}

/// Names that a module may not use, by the table; and what the pure modules may not use.
pub fn imports(source: &Source) -> Vec<String> {
    let Some((top, depth)) = module(&source.path) else { return Vec::new() };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == top) else {
        return vec![format!("{}:1: module {top} has no row in MAY_USE", source.path)];
    };
    let code = source.shipped();
    let mut bad = Vec::new();
    let root = if top == "main" { "evenkeel" } else { "crate" };
    for (at, name) in named(&code, root, depth) {
        // A crate-root item other than a module (a macro) has no lower-case name.
        if name != top && !allowed.contains(&name) {
            let line = line_of(&code, at);
            bad.push(format!("{}:{line}: {top} may not use {name}", source.path));
        }
    }
    if PURE.contains(&top) {
        for (ban, instead) in PURE_BANS {
            for at in words(&code, ban) {
                let line = line_of(&code, at);
                bad.push(format!("{}:{line}: {top} is pure, no {ban}: {instead}", source.path));
            }
        }
    }
    bad
}

/// Files besides the venues' own that may name one: the faces, what makes them, the tool that
/// compares signatures with another implementation's, and those that serve a dialect.
const NAMES_VENUES: &[&str] = &[
    "src/venue/mod.rs",
    "src/venue/rest.rs",
    "src/venue/build.rs",
    "src/ops/local.rs",
    "src/ops/sign.rs",
    "src/ops/sign/lighter.rs",
    "src/ops/venue.rs",
    "src/ops/venue/lighter.rs",
];

/// The venue of a path below `src/venue/`.
pub fn venue_of(path: &str) -> Option<&str> {
    path.strip_prefix("src/venue/")?.split_once('/').map(|(venue, _)| venue)
}

/// The engine knows a venue by its faces: nothing else names its module, nor a venue another one.
pub fn boundary(source: &Source, venues: &[String]) -> Vec<String> {
    let path = source.path.as_str();
    // What the simulator names so is its own dialect: it may not use `venue` at all (`MAY_USE`).
    let dialect = path.starts_with("src/sim/");
    if !path.starts_with("src/") || dialect || NAMES_VENUES.contains(&path) {
        return Vec::new();
    }
    let code = source.shipped();
    let mut bad = Vec::new();
    for venue in venues.iter().filter(|venue| venue_of(path) != Some(venue.as_str())) {
        for at in words(&code, venue) {
            let line = line_of(&code, at);
            bad.push(format!("{path}:{line}: names {venue}: use a face of src/venue/"));
        }
    }
    bad
}

/// The first line says how a module is held: hot or cold.
pub fn temperature(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or("");
    if first.starts_with("//! Hot") || first.starts_with("//! Cold.") {
        return Vec::new();
    }
    vec![format!("{}:1: begins with neither '//! Hot.' nor '//! Cold.'", source.path)]
}

/// What a hot module may not contain.
pub fn hot_bans(source: &Source) -> Vec<String> {
    if !source.text.starts_with("//! Hot") {
        return Vec::new();
    }
    let code = source.hot();
    let mut bad = Vec::new();
    for (ban, instead) in HOT_BANS {
        for at in words(&code, ban) {
            let line = line_of(&code, at);
            bad.push(format!("{}:{line}: {ban} in a hot module: use {instead}", source.path));
        }
    }
    bad
}

/// Lines of the file, when it is too long.
pub fn long_file(source: &Source) -> Vec<(String, usize)> {
    let lines = source.text.lines().count();
    if lines > FILE_LINES { vec![(source.path.clone(), lines)] } else { Vec::new() }
}

/// Functions that are too long, as `file::name`.
pub fn long_functions(source: &Source) -> Vec<(String, usize)> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut long = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let Some(at) = words(line, "fn").next() else { continue };
        let name = line[at + 2..].trim_start();
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        if end == 0 {
            continue;
        }
        // rustfmt closes a body in the column in which its function begins.
        let indent = &line[..line.len() - line.trim_start().len()];
        let closing = format!("{indent}}}");
        let declared = |l: &&str| l.trim_end().ends_with(';') && l.starts_with(indent);
        let one_line = line.trim_end().ends_with('}') || declared(line);
        let body = lines[i..].iter().position(|l| l.trim_end() == closing);
        if let (false, Some(more)) = (one_line, body)
            && more + 1 > FUNCTION_LINES
        {
            long.push((format!("{}::{}", source.path, &name[..end]), more + 1));
        }
    }
    long
}

/// Compares what is too long with the known exceptions: none may grow, and one that shrank or
/// went is taken off the list.
pub fn ratchet(found: &[(String, usize)], known: &[(&str, usize)], limit: usize) -> Vec<String> {
    let mut bad = Vec::new();
    for (name, lines) in found {
        match known.iter().find(|(k, _)| k == name) {
            None => bad.push(format!("{name}: {lines} lines, at most {limit}: split it")),
            Some((_, most)) if lines > most => {
                bad.push(format!("{name}: {lines} lines, was {most}: exceptions only shrink"));
            }
            Some((_, most)) if lines < most => {
                bad.push(format!("{name}: {lines} lines, was {most}: lower its exception"));
            }
            Some(_) => {}
        }
    }
    for (name, _) in known.iter().filter(|(k, _)| !found.iter().any(|(f, _)| f == k)) {
        bad.push(format!("{name}: no longer too long: take it off the list"));
    }
    bad
}

fn occurrences(path: &str, text: &str, words: &[&str], what: &str) -> Vec<String> {
    let mut bad = Vec::new();
    for (i, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            bad.push(format!("{path}:{}: {word}: {what}", i + 1));
        }
    }
    bad
}

/// Unfinished work.
pub fn leftovers(path: &str, text: &str) -> Vec<String> {
    occurrences(path, text, LEFTOVERS, "finish it or leave it out")
}

/// Places that exist on one machine only.
pub fn local_places(path: &str, text: &str) -> Vec<String> {
    occurrences(path, text, LOCAL_PLACES, "a place of one machine")
}
