//! Cold. A journal's pair as trades.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use crate::config::Config;
use crate::core::CoreConfig;
use crate::event::{Action, Component, Event, OrderId};
use crate::explain::Note;
use crate::instrument::InstId;
use crate::journal::Record;
use crate::journal::file::Reader;
use crate::journal::header::Header;
use crate::ops::Failure;
use crate::ops::explain::pair::exact;
use crate::units::{Nanos, Notional, Price, Qty, Side, raw_text};

/// The columns. `intent` says what the order was for: enter, complete, rebalance, exit, unwind, or
/// flatten for a leg that a stop or a kill took out.
pub const HEAD: &str = "timestamp,leg,side,quantity,price,notional,fee,cycle,intent";

/// One trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The engine's time, in ns since the Unix epoch.
    pub now: Nanos,
    /// The leg's symbol.
    pub leg: String,
    pub side: Side,
    pub qty: Qty,
    pub px: Price,
    /// Raw 10^-8 quote.
    pub fee: i64,
    pub cycle: u32,
    pub intent: &'static str,
}

impl Row {
    pub fn line(&self) -> String {
        let Row { now, leg, side, qty, px, fee, cycle, intent } = self;
        let (notional, fee) = (exact(Notional::of(*px, *qty)), raw_text(*fee));
        format!("{},{leg},{},{qty},{px},{notional},{fee},{cycle},{intent}", now.0, side.name())
    }
}

/// What an order of the pair was for.
#[derive(Clone, Copy)]
struct Sent {
    cycle: u32,
    intent: &'static str,
}

/// The pair's trades in `records`. A fill that was told twice is one trade.
pub fn rows(records: impl Iterator<Item = Record>, config: &CoreConfig) -> Vec<Row> {
    let legs: Vec<InstId> = config.pairs.iter().flat_map(|p| p.legs).collect();
    let mut sent: BTreeMap<OrderId, Sent> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut cycle = 0;
    let mut rows = Vec::new();
    // A fill may be recorded before the note of its order only in a file that was tampered with.
    for record in records {
        match record {
            Record::Note(Note::PairSent { cycle: now, order, intent, .. }) => {
                cycle = now;
                sent.insert(order, Sent { cycle, intent: intent.name() });
            }
            Record::Action(Action::Place { inst, component: Component::Unwind, order, .. })
                if legs.contains(&inst) =>
            {
                sent.insert(order, Sent { cycle, intent: "flatten" });
            }
            Record::Input(input) => {
                let Event::Fill { inst, side, order, px, qty, fee, trade_id, .. } = input.event
                else {
                    continue;
                };
                let Some(Sent { cycle, intent }) = sent.get(&order).copied() else { continue };
                if trade_id != 0 && !told.insert((inst.0, trade_id, side as u8)) {
                    continue;
                }
                let leg = config.instruments.get(usize::from(inst.0));
                let leg = leg.map_or("?", |i| i.spec.symbol.as_str()).to_owned();
                rows.push(Row { now: input.now, leg, side, qty, px, fee, cycle, intent });
            }
            _ => {}
        }
    }
    rows
}

/// The CSV of a journal.
///
/// # Errors
/// Damage and holes: a trade that is missing would make every figure wrong in silence.
pub(super) fn csv<R: Read>(mut reader: Reader<R>) -> Result<String, Failure> {
    let header = Header::parse(reader.header()).map_err(Failure::environment)?;
    let config = Config::parse(&header.config, "the journal's configuration");
    let config = config.and_then(|c| c.core(&header.specs)).map_err(Failure::config)?;
    if config.pairs.is_empty() {
        return Err(Failure::usage("this journal's run had no pair"));
    }
    let mut records = Vec::new();
    for record in reader.by_ref() {
        match record.map_err(|error| Failure::environment(format!("damaged: {error}")))? {
            Record::Torn { missing } => {
                let what = format!("{missing} records are missing: trades may be among them");
                return Err(Failure::environment(what));
            }
            record => records.push(record),
        }
    }
    let mut out = format!("{HEAD}\n");
    for row in rows(records.into_iter(), &config) {
        out.push_str(&row.line());
        out.push('\n');
    }
    Ok(out)
}
