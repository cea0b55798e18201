//! Cold. The documents against the tree: the map names what is there, the manual what can be typed.

use crate::source::{Source, words};

/// Paths in backquotes: something with a `/` or a known ending, no blank, no placeholder.
fn paths(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let ending = quoted.rsplit_once('.').map_or("", |(_, e)| e);
            let is_file = ["rs", "toml", "sh", "md"].contains(&ending) || quoted.ends_with('/');
            let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
            let made = quoted.starts_with("out/") || quoted.starts_with("target/");
            if is_file && quoted.chars().all(plain) && !quoted.starts_with('/') && !made {
                found.push((i + 1, quoted));
            }
        }
    }
    found
}

/// Every module of the crate has its heading in the map, and every path that a document names is
/// there. `exists` takes a path from the repository's root.
pub fn map(
    document: &str,
    text: &str,
    modules: &[String],
    exists: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut bad = Vec::new();
    for module in modules {
        let heading = format!("### `src/{module}`");
        if !text.lines().any(|line| line.starts_with(&heading)) {
            bad.push(format!("{document}: no section '{heading}'"));
        }
    }
    for (line, path) in paths(text) {
        // Inside the map a file may be named without its folder, or without its section's.
        let folder = folder_at(text, line);
        let places = [path.to_owned(), format!("src/{path}"), format!("{folder}{path}")];
        if !places.iter().any(|place| exists(place)) {
            bad.push(format!("{document}:{line}: {path} does not exist"));
        }
    }
    bad
}

/// The folder of the section in which a line lies: of the first path in its heading.
fn folder_at(text: &str, line: usize) -> &str {
    let heading = text.lines().take(line).filter(|l| l.starts_with('#')).last();
    let path = heading.and_then(|h| h.split('`').nth(1)).unwrap_or("");
    &path[..path.rfind('/').map_or(0, |i| i + 1)]
}

/// The verbs of the command line: variants of `enum Verb`, as clap spells them.
pub fn verbs(main: &Source) -> Vec<String> {
    let Some(start) = main.code.find("enum Verb") else { return Vec::new() };
    let body = &main.code[start..];
    let body = &body[..body.find("\n}").unwrap_or(body.len())];
    let mut verbs = Vec::new();
    for line in body.lines().skip(1) {
        let name: String = line.trim().chars().take_while(|c| c.is_alphanumeric()).collect();
        if !name.starts_with(|c: char| c.is_uppercase()) {
            continue;
        }
        let mut verb = String::new();
        for (i, c) in name.chars().enumerate() {
            if c.is_uppercase() && i > 0 {
                verb.push('-');
            }
            verb.extend(c.to_lowercase());
        }
        verbs.push(verb);
    }
    verbs
}

/// Every verb in the text exists, and every verb that exists is in the text.
pub fn commands(document: &str, text: &str, verbs: &[String]) -> Vec<String> {
    let mut bad = Vec::new();
    let mut told = Vec::new();
    for (i, line) in text.lines().enumerate() {
        for lead in ["evenkeel ", "cargo run --release -- "] {
            for quoted in commands_of(line) {
                let Some(rest) = quoted.trim_start_matches("target/release/").strip_prefix(lead)
                else {
                    continue;
                };
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '-');
                let verb = &rest[..end.unwrap_or(rest.len())];
                // A flag, or a placeholder.
                if verb.is_empty() || verb.starts_with('-') {
                    continue;
                }
                if verbs.iter().any(|v| v == verb) {
                    told.push(verb.to_owned());
                } else {
                    bad.push(format!("{document}:{}: no verb {verb:?}", i + 1));
                }
            }
        }
    }
    for verb in verbs.iter().filter(|v| !told.contains(v)) {
        bad.push(format!("{document}: says nothing of `evenkeel {verb}`"));
    }
    bad
}

/// What can be typed in a line of a document: text in backquotes, or a line of a command block.
fn commands_of(line: &str) -> Vec<&str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let block = line.trim_start_matches("$ ");
    quoted.chain((!line.contains('`')).then_some(block)).collect()
}

/// Every exit code has its row: `| code |`.
pub fn exit_codes(document: &str, text: &str, ops: &Source) -> Vec<String> {
    let mut bad = Vec::new();
    for line in ops.code.lines().filter(|l| words(l, "i32").next().is_some()) {
        let Some((_, value)) =
            line.trim().strip_prefix("pub const ").and_then(|l| l.split_once("= "))
        else {
            continue;
        };
        let row = format!("| {} |", value.trim_end_matches(';'));
        if !text.lines().any(|l| l.starts_with(&row)) {
            bad.push(format!("{document}: no row '{row}' for an exit code"));
        }
    }
    bad
}
