//! Cold. Scenario `pair-entry`: delta-neutral cycles of the pair on two simulated markets, through
//! core, risk and the embedded exchange, and the same with one leg half filled, taken away, refused,
//! or its answer lost.

use super::{CASH, EPOCH, Stage};
use crate::backtest::{Backtest, Setup};
use crate::config::{Config, PairSettings};
use crate::core::PairSnapshot;
use crate::event::{RejectReason, Tif};
use crate::explain::{Alarm, Note};
use crate::instrument::{InstId, Instrument, Symbol};
use crate::ops::Failure;
use crate::sim::exchange::{
    Exchange, Fault, FaultRule, Market, Markets, Rules, hyperliquid_perp, order,
};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario as Mood};
use crate::strategy::pair::Imbalance;
use crate::strategy::pair_exec::PairPhase;
use crate::units::{Bps, Nanos, Notional, Qty, SCALE, Side};

pub const NAME: &str = "pair-entry";
/// Over `config/demo.toml`, with its file's name.
pub const LAYER: (&str, &str) =
    (include_str!("../../../config/scenarios/pair-entry.toml"), "config/scenarios/pair-entry.toml");
/// 0.1 %: the goal for what was filled.
pub const MAX_IMBALANCE: Bps = Bps::whole(10);
/// Steps in which the run looks at the pair: shorter than an order's way to the exchange.
const LOOK: Nanos = Nanos::from_millis(5);

/// What goes wrong with leg b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    Plain,
    /// Somebody takes what was there, and leaves half of the leg.
    HalfFilled,
    /// Somebody takes all of it.
    LegGone,
    /// The venue refuses the leg three times in ten.
    LegRejected,
    /// Three answers in ten are lost, and one action in ten.
    AnswerLost,
}

impl Variant {
    pub const ALL: [Variant; 5] = [
        Variant::Plain,
        Variant::HalfFilled,
        Variant::LegGone,
        Variant::LegRejected,
        Variant::AnswerLost,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Variant::Plain => "plain",
            Variant::HalfFilled => "half-filled",
            Variant::LegGone => "leg-gone",
            Variant::LegRejected => "leg-rejected",
            Variant::AnswerLost => "answer-lost",
        }
    }

    fn faults(self) -> Vec<FaultRule> {
        match self {
            Variant::LegRejected => {
                let refused = Fault::Reject(RejectReason::Margin);
                vec![FaultRule { inst: Some(InstId(1)), ..FaultRule::always(refused, 300) }]
            }
            Variant::AnswerLost => vec![
                FaultRule::always(Fault::DropResponse, 300),
                FaultRule::always(Fault::DropAction, 100),
            ],
            _ => Vec::new(),
        }
    }

    /// The part of a leg that is left to it, in permille; `None`: all.
    fn left(self) -> Option<i64> {
        match self {
            Variant::HalfFilled => Some(500),
            Variant::LegGone => Some(0),
            _ => None,
        }
    }
}

/// What a run of cycles came to.
#[derive(Clone, Debug)]
pub struct PairRun {
    pub seen: PairSnapshot,
    /// The imbalance of each held entry, from its fills.
    pub entered: Vec<(u32, Imbalance)>,
    /// What both legs hold at the end, at the venue and by the ledger.
    pub left: [Qty; 2],
    pub ledger: [Qty; 2],
    /// The venue's floors at the last prices.
    pub floors: [Qty; 2],
    /// `pair_stuck` and `pair_residual`.
    pub alarms: u64,
    /// Orders that the venue's rules forbid.
    pub illegal: u64,
    pub state_hash: u64,
}

impl PairRun {
    pub fn worst(&self) -> Option<Imbalance> {
        self.entered.iter().map(|e| e.1).max()
    }
}

/// The scenario's configuration: both legs' markets, and nothing else.
pub fn config() -> Result<Config, Failure> {
    let layers = [(include_str!("../../../config/demo.toml"), "config/demo.toml"), LAYER];
    let mut config = Config::layered(&layers, &[], &[]).map_err(Failure::config)?;
    keep_legs(&mut config)?;
    Ok(config)
}

/// Of the configured markets only the pair's, leg a first.
pub fn keep_legs(config: &mut Config) -> Result<[Symbol; 2], Failure> {
    let pair = config.pair.as_ref().ok_or_else(|| Failure::usage("no pair is configured"))?;
    let PairSettings { long, short, .. } = *pair;
    config.markets.retain(|m| m.symbol == long || m.symbol == short);
    config.markets.sort_by_key(|m| m.symbol != long);
    Ok([long, short])
}

/// The exchange with both markets and an account.
pub fn stage(symbols: [Symbol; 2], seed: u64, now: Nanos) -> Result<Stage, Failure> {
    let bug = |error: crate::instrument::SpecError| Failure::bug(error.name());
    let (mut instruments, mut markets) = (Vec::new(), Markets::new());
    for (i, symbol) in symbols.into_iter().enumerate() {
        let params = FlowParams::built_in(symbol.as_str(), Mood::Calm).map_err(Failure::usage)?;
        let id = InstId(i as u16);
        let inst: Instrument =
            hyperliquid_perp(id, symbol, params.asset, params.sz_decimals).map_err(bug)?;
        markets.add(Flow::new(&inst, params, seed + i as u64, now));
        instruments.push(inst);
    }
    let mut exchange = Exchange::new(instruments, Rules { seed, ..Rules::default() });
    exchange.advance(now);
    let account = exchange.open_account(Notional::from_raw(CASH * SCALE));
    let market: Box<dyn Market + Send> = Box::new(markets);
    Ok(Stage { exchange, account, market })
}

/// Runs for this many cycles, at most for two hours of market time, and on until the pair rests.
pub fn run(variant: Variant, seed: u64, cycles: u32) -> Result<PairRun, Failure> {
    let mut config = config()?;
    if let Some(pair) = &mut config.pair {
        pair.max_cycles = cycles;
    }
    let symbols = keep_legs(&mut config)?;
    let Stage { mut exchange, account, market } = stage(symbols, seed, EPOCH)?;
    variant.faults().into_iter().for_each(|rule| exchange.add_fault(rule));
    let specs: Vec<_> = exchange.instruments().map(|i| i.spec).collect();
    let core = config.core(&specs).map_err(Failure::config)?;
    let ask_latency = Nanos::from_millis(100);
    let setup = Setup { exchange, market, account, ask_latency };
    let mut test = Backtest::new(&core, setup).map_err(|error| Failure::bug(error.name()))?;
    let end = EPOCH.after(Nanos::from_secs(7200));
    let mut met = 0;
    while test.now() < end {
        let next = test.now().after(LOOK);
        test.run(next);
        let seen = test.core().pair(0).ok_or_else(|| Failure::bug("no pair"))?;
        if seen.phase == PairPhase::Done {
            break;
        }
        if seen.phase == PairPhase::Entering && seen.cycle > met {
            met = seen.cycle;
            if let Some(left) = variant.left() {
                take_bids(&mut test, left);
            }
        }
    }
    Ok(found(&mut test))
}

/// Somebody sells into the bids that leg b was to meet, until `permille` of its size is left.
fn take_bids(test: &mut Backtest, permille: i64) {
    let leg = InstId(1);
    let Some((px, qty)) = test.core().open_orders(leg).next().map(|o| (o.px, o.qty)) else {
        return;
    };
    let levels = test.exchange().levels(leg, Side::Buy, usize::MAX).filter(|l| l.px >= px);
    let there: i64 = levels.map(|l| l.qty.0).sum();
    let Some(inst) = test.exchange().instruments().nth(1) else { return };
    let kept = inst.round_qty(Qty(qty.0 / 1000 * permille), crate::units::Round::Down);
    let taken = Qty(there - kept.0);
    if taken.0 > 0 {
        test.exchange_mut().crowd_place(order(leg, Side::Sell, px, taken, Tif::Ioc));
    }
}

fn found(test: &mut Backtest) -> PairRun {
    let report = test.report();
    let core = test.core();
    let seen = core.pair(0).expect("checked in the loop");
    let entered = test.pair_notes().iter().filter_map(|note| match *note {
        Note::PairEntered { cycle, notional: [a, b], .. } => {
            Imbalance::of(a, b).map(|imbalance| (cycle, imbalance))
        }
        _ => None,
    });
    let floor = |leg: InstId| {
        let mid = core.book(leg).top().map(|top| top.mid())?;
        test.exchange().instruments().nth(usize::from(leg.0))?.min_qty(mid)
    };
    PairRun {
        seen,
        entered: entered.collect(),
        left: seen.legs.map(|leg| report.venue_positions[usize::from(leg.0)]),
        ledger: seen.positions,
        floors: seen.legs.map(|leg| floor(leg).unwrap_or(Qty::ZERO)),
        alarms: report.alarmed(Alarm::PairStuck) + report.alarmed(Alarm::PairResidual),
        illegal: report.illegal,
        state_hash: report.state_hash,
    }
}

/// One line for each variant.
pub fn lines(seed: u64, as_json: bool) -> Result<Vec<String>, Failure> {
    let line = |variant: Variant| {
        let run = run(variant, seed, 40)?;
        let worst = run.worst().map_or_else(|| "none".to_owned(), |i| i.to_string());
        let counts = &run.seen.counts;
        Ok(if as_json {
            serde_json::json!({
                "scenario": NAME, "variant": variant.name(), "cycles": counts.cycles,
                "succeeded": counts.succeeded, "entered": counts.entered,
                "within_limit": counts.level, "legs_sent": counts.legs_sent,
                "legs_filled": counts.legs_filled, "worst_imbalance": worst,
                "alarms": run.alarms, "left": run.left.map(|q| q.to_string()),
            })
            .to_string()
        } else {
            format!(
                "{NAME:<16}{:<13}{} cycles of 100 quote: {} in and out in balance; {} of {} legs \
                 filled whole; {} of {} entries within 0.1 %, worst {worst}; {} alarms",
                variant.name(),
                counts.cycles,
                counts.succeeded,
                counts.legs_filled,
                counts.legs_sent,
                counts.level,
                counts.entered,
                run.alarms
            )
        })
    };
    Variant::ALL.into_iter().map(line).collect()
}
