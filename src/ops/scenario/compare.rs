//! Cold. `evenkeel scenarios`: every scenario with and without what it shows, as one table.

use super::parts::{self, Ground};
use super::study::{self, Study};
use super::{ALL, Scenario};
use crate::backtest::BacktestReport;
use crate::ops::{Failure, exit};
use crate::sim::params::Scenario as Mood;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub struct ScenariosArgs {
    /// Only this one.
    #[arg(long)]
    pub scenario: Option<String>,
    /// Runs of each, with seeds from the scenario's own on; more than one prints means and in how
    /// many pairs the run with the part was ahead.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub seeds: u32,
    /// Instead: every part of maker and hedger switched off, one at a time, on one market.
    #[arg(long, conflicts_with = "scenario")]
    pub parts: bool,
    /// The market of `--parts`: a folder with a recording of SOL instead of the simulated one.
    #[arg(long, requires = "parts")]
    pub data: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// One scenario's two runs.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub scenario: &'static Scenario,
    pub with: BacktestReport,
    pub without: BacktestReport,
}

impl Comparison {
    pub fn of(scenario: &'static Scenario) -> Result<Comparison, Failure> {
        Ok(Comparison { scenario, with: scenario.run(true)?, without: scenario.run(false)? })
    }

    /// Both runs as lines of the table.
    pub fn lines(&self) -> String {
        let with = self.line("with", &self.with);
        let without = self.line("without", &self.without);
        format!("{with}\n{without}")
    }

    fn line(&self, run: &str, report: &BacktestReport) -> String {
        let inst = &report.instruments[0];
        let percent = |part: crate::units::Nanos| part.0 * 100 / self.scenario.span().0.max(1);
        let rejects: u64 = report.rejects.iter().map(|r| r.1).sum();
        let refused: u64 = report.refusals.iter().map(|r| r.2).sum();
        format!(
            "{:<16}{run:<8}{:>6}{:>7}{:>8}{:>8}{:>10}{:>6}%{:>6}%{:>9}{:>9}{:>7}{:>8}  {:016x}",
            self.scenario.name,
            report.fills,
            report.hedge_fills,
            short(inst.max_abs_inventory.0, 3),
            short(inst.final_inventory.0, 3),
            short(inst.mean_inventory(self.scenario.span()).0, 4),
            percent(inst.above_asymmetric),
            percent(inst.above_trigger),
            rejects,
            refused,
            inst.guard_engaged,
            short(report.total().to_raw(), 2),
            report.state_hash,
        )
    }

    pub fn json(&self) -> Value {
        json!({
            "scenario": self.scenario.name,
            "about": self.scenario.about,
            "off": self.scenario.off,
            "seconds": self.scenario.seconds,
            "seed": self.scenario.seed,
            "with": self.report_json(&self.with),
            "without": self.report_json(&self.without),
        })
    }

    fn report_json(&self, report: &BacktestReport) -> Value {
        let inst = &report.instruments[0];
        let markouts: Vec<_> =
            (0..inst.markouts.len()).map(|h| inst.mean_markout(h).map(|b| b.to_string())).collect();
        let map = |rows: &[(&'static str, u64)]| {
            Value::Object(rows.iter().map(|(n, c)| ((*n).to_owned(), json!(c))).collect())
        };
        let refusals: Vec<_> =
            report.refusals.iter().map(|(c, r, n)| (format!("{c}.{r}"), json!(n))).collect();
        json!({
            "fills": report.fills,
            "hedges": inst.hedges,
            "hedge_fills": report.hedge_fills,
            "orders_sent": report.orders_sent,
            "rejects": map(&report.rejects),
            "refusals": Value::Object(refusals.into_iter().collect()),
            "alarms": map(&report.alarms),
            "silences": map(&report.silences),
            "illegal": report.illegal,
            "max_abs_inventory": inst.max_abs_inventory.to_string(),
            "mean_abs_inventory": inst.mean_inventory(self.scenario.span()).to_string(),
            "final_inventory": inst.final_inventory.to_string(),
            "above_asymmetric_ms": inst.above_asymmetric.0 / 1_000_000,
            "above_trigger_ms": inst.above_trigger.0 / 1_000_000,
            "silent_exit_ms": inst.silent_exit.0 / 1_000_000,
            "guard_engaged": inst.guard_engaged,
            "breakers": inst.breakers.iter().map(|c| c.name()).collect::<Vec<_>>(),
            "pnl": {
                "spread": inst.pnl.spread.to_string(),
                "inventory": inst.pnl.inventory.to_string(),
                "hedge": inst.pnl.hedge.to_string(),
                "fees": inst.pnl.fees.to_string(),
                "total": inst.pnl.total.to_string(),
            },
            "markout_bps": markouts,
            "state_hash": format!("{:016x}", report.state_hash),
        })
    }
}

/// The table's head.
pub fn head() -> String {
    format!(
        "{:<16}{:<8}{:>6}{:>7}{:>8}{:>8}{:>10}{:>7}{:>7}{:>9}{:>9}{:>7}{:>8}  {}",
        "scenario",
        "run",
        "fills",
        "hedged",
        "max|q|",
        "end q",
        "mean|q|",
        ">asym",
        ">trig",
        "rejects",
        "refused",
        "guard",
        "pnl",
        "state"
    )
}

/// A raw 10^-8 number with this many decimals, cut.
fn short(raw: i64, decimals: u32) -> String {
    let unit = 10i64.pow(8 - decimals);
    let cut = raw / unit;
    let scale = 10i64.pow(decimals);
    let sign = if raw < 0 && cut != 0 { "-" } else { "" };
    let (whole, rest) = (cut.abs() / scale, cut.abs() % scale);
    format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
}

/// A scenario over several seeds, from its own on.
pub fn study(scenario: &'static Scenario, seeds: u32) -> Result<Study, Failure> {
    let mut study = Study::default();
    for seed in scenario.seed..scenario.seed + u64::from(seeds) {
        let (with, without) = (scenario.run_seed(true, seed)?, scenario.run_seed(false, seed)?);
        study.add(&with, &without, scenario.span());
    }
    Ok(study)
}

/// What `--seeds` prints of a scenario.
fn study_lines(scenario: &'static Scenario, args: &ScenariosArgs) -> Result<String, Failure> {
    let found = study(scenario, args.seeds)?;
    if args.json {
        let (name, off) = (scenario.name, scenario.off);
        return Ok(json!({"scenario": name, "off": off, "study": found.json()}).to_string());
    }
    let with = format!("{:<16}{:<8}{}", scenario.name, "with", found.with.cells());
    let without = format!("{:<16}{:<8}{}", "", "without", found.without.cells());
    Ok(format!("{with}\n{without}  {}", found.ahead()))
}

pub fn run(args: &ScenariosArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if args.parts {
        let ground = match &args.data {
            Some(folder) => Ground::recorded(folder)?,
            None => Ground::flow(Mood::Calm),
        };
        for line in parts::lines(&ground, args.seeds, args.json)? {
            let _ = writeln!(out, "{line}");
        }
        return Ok(exit::OK);
    }
    let chosen: Vec<&'static Scenario> = match &args.scenario {
        Some(name) => vec![super::find(name)?],
        None => ALL.iter().collect(),
    };
    // A closed pipe is not an error of the run.
    let mut say = |line: String| {
        let _ = writeln!(out, "{line}");
    };
    let many = args.seeds > 1;
    if !args.json {
        say(if many {
            format!("{:<24}{}   |q| max|q| guard total ahead", "scenario", study::head())
        } else {
            head()
        });
    }
    for scenario in chosen {
        if many {
            say(study_lines(scenario, args)?);
            continue;
        }
        let compared = Comparison::of(scenario)?;
        if args.json {
            say(compared.json().to_string());
        } else {
            say(compared.lines());
        }
    }
    if args.scenario.is_none() && !many {
        for line in super::pair_entry::lines(7, args.json)? {
            say(line);
        }
    }
    Ok(exit::OK)
}
