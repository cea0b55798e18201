//! Cold. `evenkeel calibrate`: a recorded market beside the simulated one, by the same statistics.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::instrument::{InstId, SpecError, Symbol};
use crate::sim::calibrate::measure;
use crate::sim::exchange::{Exchange, Market, Rules, hyperliquid_perp};
use crate::sim::flow::{Flow, FlowParams, ParamsError, Scenario};
use crate::sim::probe::probe;
use crate::sim::recording::{Recording, RecordingError};
use crate::units::Nanos;

/// Compare the simulated market with a recording of the real one.
#[derive(Clone, Debug, clap::Args)]
pub struct CalibrateArgs {
    /// Folder with orderbooks_SYMBOL.csv.gz, prices_SYMBOL.csv.gz and trades_SYMBOL.csv.gz.
    #[arg(long)]
    pub data: PathBuf,
    /// Market, as in config/flow.toml.
    #[arg(long)]
    pub symbol: String,
    /// Simulated runs, each of the recording's length; the table shows their mean.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Seed of the first run; the next ones count up.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Why there is no comparison.
#[derive(Debug)]
pub enum CalibrateError {
    Recording(RecordingError),
    Params(ParamsError),
    Spec(SpecError),
    /// Not a name that a market can have.
    Symbol(String),
    Output(io::Error),
}

impl fmt::Display for CalibrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CalibrateError::Recording(e) => e.fmt(f),
            CalibrateError::Params(e) => e.fmt(f),
            CalibrateError::Spec(e) => f.write_str(e.name()),
            CalibrateError::Symbol(name) => write!(f, "`{name}` is not a market's name"),
            CalibrateError::Output(e) => write!(f, "the table cannot be written: {e}"),
        }
    }
}

impl std::error::Error for CalibrateError {}

/// One statistic of both markets.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Line {
    pub statistic: &'static str,
    pub recorded: f64,
    /// Mean over the runs.
    pub simulated: f64,
    /// simulated / recorded; of little meaning where the recorded one is about zero.
    pub ratio: f64,
}

/// Plays the recording and `runs` simulated markets and compares them.
pub fn compare(args: &CalibrateArgs) -> Result<Vec<Line>, CalibrateError> {
    let symbol =
        Symbol::new(&args.symbol).ok_or_else(|| CalibrateError::Symbol(args.symbol.clone()))?;
    let params = FlowParams::built_in(&args.symbol, Scenario::Calm);
    let params = params.map_err(CalibrateError::Params)?;
    let mut recording =
        Recording::open(&args.data, &args.symbol).map_err(CalibrateError::Recording)?;
    let inst = hyperliquid_perp(InstId(0), symbol, params.asset, params.sz_decimals)
        .map_err(CalibrateError::Spec)?;
    let (start, end) = (recording.start(), recording.end());
    let venue = || Exchange::new(vec![inst.clone()], Rules::default());
    // A second before the start, so that the first book stands when measuring begins.
    let early = Nanos(start.0.saturating_sub(1_000_000_000));
    let recorded = look(&mut recording.clone(), &mut recording, &venue, start, end);
    let runs: Vec<Vec<(&'static str, f64)>> = (0..u64::from(args.runs))
        .map(|i| {
            let flow = || Flow::new(&inst, params.clone(), args.seed.wrapping_add(i), early);
            look(&mut flow(), &mut flow(), &venue, start, end)
        })
        .collect();
    let line = |(i, (statistic, recorded)): (usize, (&'static str, f64))| {
        let sum: f64 = runs.iter().map(|run| run[i].1).sum();
        let simulated = sum / runs.len() as f64;
        Line { statistic, recorded, simulated, ratio: simulated / recorded }
    };
    Ok(recorded.into_iter().enumerate().map(line).collect())
}

/// The statistics of a market, and how it treats a naive maker: twice the same market, because the
/// maker is in the way of the first measurement.
fn look(
    market: &mut dyn Market,
    again: &mut dyn Market,
    venue: &dyn Fn() -> Exchange,
    start: Nanos,
    end: Nanos,
) -> Vec<(&'static str, f64)> {
    let stats = measure(market, &mut venue(), InstId(0), start, end);
    let met = probe(again, &mut venue(), InstId(0), start, end);
    let mut rows = stats.rows().to_vec();
    rows.extend([
        ("fills / h of a 3 bps quote", met.fills_per_hour),
        ("its markout after 1 s, bps", met.markout_1s_bps),
        ("its markout after 30 s, bps", met.markout_30s_bps),
    ]);
    rows
}

/// Compares and prints.
pub fn run(args: &CalibrateArgs, out: &mut dyn Write) -> Result<(), CalibrateError> {
    let lines = compare(args)?;
    let printed = if args.json {
        serde_json::to_writer_pretty(&mut *out, &lines)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        table(args, &lines, out)
    };
    printed.map_err(CalibrateError::Output)
}

fn table(args: &CalibrateArgs, lines: &[Line], out: &mut dyn Write) -> io::Result<()> {
    let title = format!("{}, mean of {} runs", args.symbol, args.runs);
    writeln!(out, "{title:28} {:>12} {:>12} {:>7}", "recorded", "simulated", "ratio")?;
    for Line { statistic, recorded, simulated, ratio } in lines {
        writeln!(out, "{statistic:28} {recorded:12.4} {simulated:12.4} {ratio:7.2}")?;
    }
    Ok(())
}
