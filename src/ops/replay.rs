//! Cold. `evenkeel replay`: re-runs a journal and compares every decision and the state hash.

use crate::config::Config;
use crate::journal::file::Reader;
use crate::journal::header::Header;
use crate::ops::{Failure, exit};
use crate::replay::{self, Report};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// The journal.
    pub file: PathBuf,
    #[arg(long)]
    pub json: bool,
}

/// Replays a journal file through a fresh core.
pub fn file(path: &Path) -> Result<Report, Failure> {
    let named = |error: String| Failure::environment(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let input = BufReader::with_capacity(1 << 18, file);
    let mut reader = Reader::new(input).map_err(|error| named(error.to_string()))?;
    let header = Header::parse(reader.header()).map_err(named)?;
    let config = Config::parse(&header.config, "the journal's configuration");
    let config = config.map_err(Failure::config)?;
    let core = config.core(&header.specs).map_err(Failure::config)?;
    replay::replay(&mut reader, &core).map_err(Failure::bug)
}

pub fn run(args: &ReplayArgs, out: &mut impl Write) -> Result<i32, Failure> {
    let report = file(&args.file)?;
    let text = if args.json { json(&report) } else { text(&report) };
    // A closed pipe is not an error of the replay.
    let _ = writeln!(out, "{text}");
    let sound = report.identical() && report.damage.is_none();
    Ok(if sound { exit::OK } else { exit::FAILED })
}

/// The line that ends a run: 'replayed: N decisions, identical'.
pub fn line(report: &Report) -> String {
    let verdict = match (&report.difference, &report.damage) {
        (Some(difference), _) => format!("DIFFERENT: {difference}"),
        (None, Some(damage)) => format!("identical up to the damage: {damage}"),
        (None, None) => "identical".to_owned(),
    };
    format!("replayed: {} decisions, {verdict}", report.decisions)
}

fn text(report: &Report) -> String {
    format!(
        "{}\n{} inputs, {} recorded actions and explanations compared, state hash {:016x}",
        line(report),
        report.inputs,
        report.compared,
        report.state_hash
    )
}

fn json(report: &Report) -> String {
    serde_json::json!({
        "identical": report.identical() && report.damage.is_none(),
        "decisions": report.decisions,
        "inputs": report.inputs,
        "compared": report.compared,
        "state_hash": format!("{:016x}", report.state_hash),
        "difference": report.difference,
        "damage": report.damage,
    })
    .to_string()
}
