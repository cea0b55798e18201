//! Cold. `evenkeel pair`: the trades of a pair's run as CSV, read from its journal, and the imbalance
//! of every cycle recomputed from such a file.
//!
//! The file is what an auditor gets: exact decimals, one trade a line, no state of the engine's. So
//! `verify` believes none of it: a notional that is not quantity x price is nonsense.

mod trades;
mod verify;

pub use trades::{HEAD, Row, rows};
pub use verify::{Cycle, Verified, verify};

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use crate::journal::file::Reader;
use crate::ops::{Failure, exit};

#[derive(Clone, Debug, clap::Subcommand)]
pub enum PairVerb {
    /// The trades of a journal's pair as CSV
    Trades {
        /// The journal
        journal: PathBuf,
    },
    /// The imbalance of each cycle, recomputed from a CSV of trades
    Verify {
        /// The CSV
        file: PathBuf,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

pub fn run(verb: &PairVerb, out: &mut impl Write) -> Result<i32, Failure> {
    let text = match verb {
        PairVerb::Trades { journal } => {
            let named =
                |error: String| Failure::environment(format!("{}: {error}", journal.display()));
            let file = File::open(journal).map_err(|error| named(error.to_string()))?;
            let input = BufReader::with_capacity(1 << 18, file);
            let reader = Reader::new(input).map_err(|error| named(error.to_string()))?;
            trades::csv(reader)?
        }
        PairVerb::Verify { file, json } => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
            let found = verify(&text).map_err(|what| Failure::usage(format!("{name}:{what}")))?;
            if *json { found.json().to_string() } else { found.text() }
        }
    };
    // A closed pipe is not an error of the verb.
    let _ = writeln!(out, "{}", text.trim_end());
    Ok(exit::OK)
}
