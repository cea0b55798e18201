//! Cold. `evenkeel plan`: the engine's decisions as calculators.
//!
//! Each verb builds the same values that the engine builds, asks the same function, and shows what
//! it answered; nothing is decided here. So a doubtful order can be asked about at a desk, without
//! a key, a venue or a run: `evenkeel plan hedge --inventory 0.093 --price 143 ...`.
//!
//! Exit status: 0 for every outcome that was computed, also where it is no order; 2 for arguments
//! that make no sense, with one line on stderr that names the flag; 1 when the output can't be
//! written. With `--json` one object, numbers as decimal strings.

mod hedge;
mod ladder;
mod pair;
mod quantize;

use std::io::Write;

use clap::{Args, Subcommand};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use crate::units::{Bps, Notional, Price, Qty, SCALE, parse_raw};

pub use hedge::HedgeArgs;
pub use ladder::LadderArgs;
pub use pair::PairArgs;
pub use quantize::QuantizeArgs;

/// `evenkeel plan ...`
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    #[command(subcommand)]
    pub command: PlanCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum PlanCommand {
    /// A price and a size as the order that the venue takes, or why there is none
    Quantize(QuantizeArgs),
    /// The order that brings an inventory back
    Hedge(HedgeArgs),
    /// A capacity spread over the levels of one side
    Ladder(LadderArgs),
    /// Two legs of equal notional
    Pair(PairArgs),
}

/// Answers one `plan` on `out`; arguments that make no sense are told on `err`. The exit status.
pub fn run(args: &PlanArgs, out: &mut impl Write, err: &mut impl Write) -> i32 {
    let (verb, json, report) = match &args.command {
        PlanCommand::Quantize(args) => ("quantize", args.json, quantize::report(args)),
        PlanCommand::Hedge(args) => ("hedge", args.json, hedge::report(args)),
        PlanCommand::Ladder(args) => ("ladder", args.json, ladder::report(args)),
        PlanCommand::Pair(args) => ("pair", args.json, pair::report(args)),
    };
    let written = match report {
        Ok(report) => {
            let written = if json { report.write_json(out) } else { report.write_text(out) };
            written.map(|()| 0)
        }
        Err(Nonsense(what)) => writeln!(err, "evenkeel plan {verb}: {what}").map(|()| 2),
    };
    written.unwrap_or(1)
}

/// What is wrong with the arguments, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nonsense(String);

impl Nonsense {
    fn flag(flag: &str, text: &str, why: &str) -> Nonsense {
        // One line, whatever was typed.
        Nonsense(format!("--{flag} {}: {why}", text.escape_debug()))
    }
}

/// An answer: one sentence, then the figures by name.
#[derive(Clone, Debug)]
struct Report {
    summary: String,
    fields: Vec<(&'static str, Value)>,
}

impl Report {
    fn new(summary: String) -> Report {
        Report { summary, fields: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Report {
        self.fields.push((name, value.into()));
        self
    }

    /// A number as its decimal text, or null where there is none.
    fn number(self, name: &'static str, value: Option<impl ToString>) -> Report {
        let value = value.map_or(Value::Null, |v| Value::String(v.to_string()));
        self.with(name, value)
    }

    fn write_json(&self, out: &mut impl Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    fn write_text(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.summary)?;
        for (name, value) in &self.fields {
            match value {
                Value::Null => {}
                Value::String(text) => writeln!(out, "  {name:<12} {text}")?,
                Value::Array(items) => items.iter().try_for_each(|item| write_item(out, item))?,
                other => writeln!(out, "  {name:<12} {other}")?,
            }
        }
        Ok(())
    }
}

/// One entry of a list: its figures on one line.
fn write_item(out: &mut impl Write, item: &Value) -> std::io::Result<()> {
    for (name, value) in item.as_object().into_iter().flatten() {
        write!(out, "  {name} {}", value.as_str().unwrap_or_default())?;
    }
    writeln!(out)
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn raw(flag: &str, text: &str) -> Result<i64, Nonsense> {
    parse_raw(text.as_bytes()).map_err(|why| Nonsense::flag(flag, text, why.name()))
}

fn qty(flag: &str, text: &str) -> Result<Qty, Nonsense> {
    raw(flag, text).map(Qty)
}

fn positive_qty(flag: &str, text: &str) -> Result<Qty, Nonsense> {
    match qty(flag, text)? {
        Qty(..=0) => Err(Nonsense::flag(flag, text, "must be positive")),
        found => Ok(found),
    }
}

fn price(flag: &str, text: &str) -> Result<Price, Nonsense> {
    positive_qty(flag, text).map(|found| Price(found.0))
}

/// An amount in quote units: at most eight decimal places, not negative.
fn amount(flag: &str, text: &str) -> Result<Notional, Nonsense> {
    match raw(flag, text)? {
        ..0 => Err(Nonsense::flag(flag, text, "must not be negative")),
        found => Ok(Notional::from_raw(found)),
    }
}

/// A ratio such as 0.2, not negative.
fn ratio(flag: &str, text: &str) -> Result<Bps, Nonsense> {
    match raw(flag, text)? {
        ..0 => Err(Nonsense::flag(flag, text, "must not be negative")),
        found => Ok(Bps(found)),
    }
}

/// A multiplier of at most three decimal places, in permille.
fn permille(flag: &str, text: &str) -> Result<i64, Nonsense> {
    let found = raw(flag, text)?;
    if found % (SCALE / 1000) != 0 {
        return Err(Nonsense::flag(flag, text, "more than 3 decimal places"));
    }
    Ok(found / (SCALE / 1000))
}

/// What a market needs for a calculation.
#[derive(Clone, Copy, Debug)]
struct Market<'a> {
    tick: &'a str,
    lot: &'a str,
    min_size: &'a str,
    min_notional: &'a str,
}

/// The finest tick there is, for verbs that take their price as it stands.
const ANY_TICK: &str = "0.00000001";

impl Market<'_> {
    fn instrument(&self) -> Result<Instrument, Nonsense> {
        let min_size = match qty("min-size", self.min_size)? {
            Qty(..0) => {
                return Err(Nonsense::flag("min-size", self.min_size, "must not be negative"));
            }
            found => found,
        };
        let spec = InstrumentSpec {
            venue: VenueId::Hyperliquid,
            symbol: Symbol::new("PLAN").expect("four printable letters"),
            asset: 0,
            grid: GridSpec::Tick(price("tick", self.tick)?),
            lot: positive_qty("lot", self.lot)?,
            min_size,
            min_notional: amount("min-notional", self.min_notional)?,
            maker_fee: Bps::ZERO,
            taker_fee: Bps::ZERO,
        };
        Instrument::new(InstId(0), spec).map_err(|why| Nonsense(why.name().to_owned()))
    }
}

/// The floor at a price, which must fit the scale to be worth a plan.
fn floor_at(inst: &Instrument, px: Price) -> Result<Qty, Nonsense> {
    inst.min_qty(px).ok_or_else(|| {
        Nonsense(format!("the smallest size that reaches the minimum at {px} is beyond 10^10"))
    })
}
