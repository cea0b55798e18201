//! Cold. The rules of the house as tests. A violation is one line: where, what, what instead.
//!
//! `rules` and `docs` hold the checks, `examples` shows that each one fails on a bad example, and
//! here they meet the tree. That every key of the configuration is explained is tested in
//! `tests/config.rs`.

mod docs;
mod examples;
mod rules;
mod source;

use source::Source;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Files longer than the limit. Take them off as they shrink; none may be added or grow.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions longer than the limit, under the same rule.
const LONG_FUNCTIONS: &[(&str, usize)] = &[("benches/tick_to_order/rig.rs::new", 74)];

/// Folders of the repository. What lies beside them in a checkout is somebody's own.
const FOLDERS: &[&str] = &[".ci", "benches", "config", "ring", "src", "tests", "tools"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text of the repository with its path, in the order of the paths: the files at the root, the
/// folders, and whatever else git tracks.
fn texts() -> Vec<(String, String)> {
    let mut paths = tracked();
    walk("", &mut paths);
    paths.sort();
    paths.dedup();
    // What is gone is not read, what is not text has no lines to check.
    let read = |path: String| Some((fs::read_to_string(root().join(&path)).ok()?, path));
    paths.into_iter().filter_map(read).map(|(text, path)| (path, text)).collect()
}

/// What git tracks; nothing where there is no git: an archive of the tree has the folders alone.
fn tracked() -> Vec<String> {
    let listed = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output();
    let Ok(listed) = listed else { return Vec::new() };
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    names.split_terminator('\0').map(str::to_owned).collect()
}

fn walk(folder: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(folder)).expect("a folder of the repository") {
        let entry = entry.expect("an entry of the repository");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let kind = entry.file_type().expect("a type");
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if kind.is_dir() && (!folder.is_empty() || FOLDERS.contains(&path.as_str())) {
            walk(&path, paths);
        } else if kind.is_file() && path != ".git" {
            paths.push(path);
        }
    }
}

fn sources(of: impl Fn(&str) -> bool) -> Vec<Source> {
    let texts = texts().into_iter().filter(|(path, _)| path.ends_with(".rs") && of(path));
    let sources: Vec<Source> = texts.map(|(path, text)| Source::new(&path, &text)).collect();
    assert!(!sources.is_empty(), "the tree was not found");
    sources
}

/// Files of the engine and of the ring.
fn is_engine(path: &str) -> bool {
    path.starts_with("src/") || path.starts_with("ring/src/")
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn source(path: &str) -> Source {
    Source::new(path, &document(path))
}

/// Top-level modules as the map names them: `net.rs`, `core/`.
fn modules() -> Vec<String> {
    let mut all: Vec<String> = sources(|path| path.starts_with("src/"))
        .iter()
        .filter_map(|s| {
            let inner = s.path.strip_prefix("src/")?;
            match inner.split_once('/') {
                None => Some(inner.to_owned()),
                Some((folder, "mod.rs")) => Some(format!("{folder}/")),
                Some(_) => None,
            }
        })
        .collect();
    all.dedup();
    all
}

fn expect_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn modules_name_only_what_is_left_of_them() {
    expect_none(sources(|p| p.starts_with("src/")).iter().flat_map(rules::imports).collect());
}

#[test]
fn only_the_faces_name_a_venue() {
    let all = sources(|p| p.starts_with("src/"));
    let module = |s: &Source| {
        let venue = rules::venue_of(&s.path)?;
        (s.path == format!("src/venue/{venue}/mod.rs")).then(|| venue.to_owned())
    };
    let venues: Vec<String> = all.iter().filter_map(module).collect();
    assert!(venues.iter().any(|v| v == "hyperliquid"), "the venues were not found: {venues:?}");
    expect_none(all.iter().flat_map(|source| rules::boundary(source, &venues)).collect());
}

#[test]
fn every_module_says_whether_it_is_hot() {
    expect_none(sources(is_engine).iter().flat_map(rules::temperature).collect());
}

#[test]
fn hot_modules_hold_nothing_slow() {
    expect_none(sources(is_engine).iter().flat_map(rules::hot_bans).collect());
}

#[test]
fn files_are_short() {
    let long: Vec<_> = sources(|_| true).iter().flat_map(rules::long_file).collect();
    expect_none(rules::ratchet(&long, LONG_FILES, rules::FILE_LINES));
}

#[test]
fn functions_are_short() {
    let long: Vec<_> = sources(|_| true).iter().flat_map(rules::long_functions).collect();
    expect_none(rules::ratchet(&long, LONG_FUNCTIONS, rules::FUNCTION_LINES));
}

#[test]
fn nothing_is_left_unfinished() {
    let all = texts();
    expect_none(all.iter().flat_map(|(path, text)| rules::leftovers(path, text)).collect());
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let all = texts();
    expect_none(all.iter().flat_map(|(path, text)| rules::local_places(path, text)).collect());
}

#[test]
fn the_map_is_complete() {
    let exists = |path: &str| root().join(path).exists();
    let text = document("ARCHITECTURE.md");
    expect_none(docs::map("ARCHITECTURE.md", &text, &modules(), exists));
}

#[test]
fn the_readme_names_what_exists() {
    let exists = |path: &str| root().join(path).exists();
    expect_none(docs::map("README.md", &document("README.md"), &[], exists));
}

#[test]
fn the_readme_knows_every_verb() {
    let verbs = docs::verbs(&source("src/main.rs"));
    assert!(verbs.iter().any(|v| v == "demo"), "the verbs were not found: {verbs:?}");
    expect_none(docs::commands("README.md", &document("README.md"), &verbs));
}

#[test]
fn the_readme_knows_every_exit_code() {
    let ops = source("src/ops/mod.rs");
    expect_none(docs::exit_codes("README.md", &document("README.md"), &ops));
    // The check found the constants at all.
    assert!(!docs::exit_codes("", "", &ops).is_empty());
}
