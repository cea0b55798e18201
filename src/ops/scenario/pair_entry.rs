//! Cold. Scenario `pair-entry`: delta-neutral cycles on two simulated markets.
//!
//! A cycle: both books are read, the solver sizes long ETH against short SOL at the prices that an
//! order would meet, both legs leave together as IOC with a slippage bound, and what filled decides:
//! both whole, and the pair is held and closed the same way; otherwise what filled is unwound at
//! once and the cycle has failed. The sizes that leave are the solver's, read from its answer and
//! computed nowhere else.

use crate::event::Tif;
use crate::instrument::{InstId, Instrument, Symbol};
use crate::ops::Failure;
use crate::sim::exchange::{
    AccountId, Exchange, Market, Markets, Notice, Request, Rules, hyperliquid_perp, order,
};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario as Mood};
use crate::strategy::pair::{
    BalancedPair, Imbalance, PairLeg, PairLimits, PairOutcome, PairPolicy, balance,
};
use crate::units::{Bps, Nanos, Notional, Price, Qty, Round, SCALE, Side};

const LEGS: [(&str, Side); 2] = [("ETH", Side::Buy), ("SOL", Side::Sell)];
/// Notional of each leg.
const TARGET: Notional = Notional((100 * SCALE) as i128 * SCALE as i128);
/// 0.1 %: the goal for what was solved and for what was filled.
pub const MAX_IMBALANCE: Bps = Bps::whole(10);
/// Bound of each leg's price from the best price at the decision.
const SLIPPAGE: Bps = Bps::whole(20);
/// The notional minimum is raised by this, so that the exit clears it too.
const EXIT_MARGIN_PERMILLE: i64 = 1150;
/// For the answers of both legs: a block, the way there and the way back.
const ANSWER: Nanos = Nanos::from_secs(1);
const HOLD: Nanos = Nanos::from_secs(20);

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct Cycle {
    /// As solved.
    pub qty: [Qty; 2],
    pub solved: Imbalance,
    /// What filled, and for how much.
    pub filled: [Qty; 2],
    pub notional: [Notional; 2],
    /// From the fills; `None` when a leg did not fill.
    pub achieved: Option<Imbalance>,
    pub exit_filled: [Qty; 2],
}

impl Cycle {
    /// Both legs filled whole, in and out.
    pub fn succeeded(&self) -> bool {
        self.filled == self.qty && self.exit_filled == self.qty
    }
}

/// What a run of cycles came to.
#[derive(Clone, Debug)]
pub struct PairRun {
    pub cycles: Vec<Cycle>,
    /// Times that the prices allowed no pair within the limit.
    pub waits: u32,
    pub left: [Qty; 2],
}

struct Desk {
    exchange: Exchange,
    market: Markets,
    account: AccountId,
    instruments: [Instrument; 2],
    now: Nanos,
    requests: u64,
}

/// Runs this many cycles; an hour of market time is the most.
pub fn run(seed: u64, cycles: usize) -> Result<PairRun, Failure> {
    let mut desk = Desk::new(seed)?;
    let mut run = PairRun { cycles: Vec::new(), waits: 0, left: [Qty::ZERO; 2] };
    let end = desk.now.after(Nanos::from_secs(3600));
    desk.play(Nanos::from_secs(2));
    while run.cycles.len() < cycles && desk.now < end {
        match desk.solve()? {
            Some(pair) => run.cycles.push(desk.cycle(&pair)),
            None => run.waits += 1,
        }
        desk.play(HOLD);
    }
    run.left = [0, 1].map(|i| desk.exchange.position(desk.account, InstId(i)).qty);
    Ok(run)
}

impl Desk {
    fn new(seed: u64) -> Result<Desk, Failure> {
        let bug = |error: crate::instrument::SpecError| Failure::bug(error.name());
        let (mut instruments, mut flows) = (Vec::new(), Vec::new());
        let now = super::EPOCH;
        for (i, (name, _)) in LEGS.iter().enumerate() {
            let params = FlowParams::built_in(name, Mood::Calm).map_err(Failure::usage)?;
            let symbol = Symbol::new(name).ok_or_else(|| Failure::bug("a leg's symbol"))?;
            let id = InstId(i as u16);
            let inst =
                hyperliquid_perp(id, symbol, params.asset, params.sz_decimals).map_err(bug)?;
            flows.push(Flow::new(&inst, params, seed + i as u64, now));
            instruments.push(inst);
        }
        let mut market = Markets::new();
        flows.into_iter().for_each(|flow| market.add(flow));
        let rules = Rules { seed, ..Rules::default() };
        let mut exchange = Exchange::new(instruments.clone(), rules);
        exchange.advance(now);
        let account = exchange.open_account(Notional::from_raw(super::CASH * SCALE));
        let instruments = instruments.try_into().map_err(|_| Failure::bug("two legs"))?;
        Ok(Desk { exchange, market, account, instruments, now, requests: 0 })
    }

    /// The price that an order of this side would meet.
    fn touch(&self, leg: usize, side: Side) -> Option<Price> {
        let bbo = self.exchange.bbo(InstId(leg as u16));
        let level = if side == Side::Buy { bbo.ask } else { bbo.bid };
        level.map(|l| l.px)
    }

    fn solve(&self) -> Result<Option<BalancedPair>, Failure> {
        let leg = |i: usize| {
            let px = self.touch(i, LEGS[i].1)?;
            PairLeg::of(&self.instruments[i], px, EXIT_MARGIN_PERMILLE)
        };
        // A side may be empty for a moment: both books have to be ready.
        let (Some(a), Some(b)) = (leg(0), leg(1)) else { return Ok(None) };
        let policy = PairPolicy::Wait { max_imbalance: MAX_IMBALANCE };
        let limits = PairLimits { tolerance: Bps::whole(2000), policy };
        match balance(TARGET, &a, &b, &limits).map_err(|error| Failure::bug(error.name()))? {
            PairOutcome::Balanced(pair) => Ok(Some(pair)),
            PairOutcome::Wait { .. } | PairOutcome::Infeasible { .. } => Ok(None),
        }
    }

    fn cycle(&mut self, pair: &BalancedPair) -> Cycle {
        let qty = [pair.qty_a(), pair.qty_b()];
        let (filled, notional) = self.send(qty, false);
        let whole = filled == qty;
        if whole {
            self.play(HOLD);
        }
        let (exit_filled, _) = self.send(filled, true);
        Cycle {
            qty,
            solved: pair.figures().imbalance(),
            filled,
            notional,
            achieved: Imbalance::of(notional[0], notional[1]),
            exit_filled,
        }
    }

    /// Both legs at once; what filled of each. Out: the other way, reduce-only.
    fn send(&mut self, qty: [Qty; 2], out: bool) -> ([Qty; 2], [Notional; 2]) {
        for leg in 0..2 {
            let side = if out { LEGS[leg].1.opposite() } else { LEGS[leg].1 };
            let Some(touch) = self.touch(leg, side).filter(|_| qty[leg].0 > 0) else { continue };
            let bound = touch.shift(Bps(side.sign() * SLIPPAGE.0));
            let round = if side == Side::Buy { Round::Down } else { Round::Up };
            let Some(px) = self.instruments[leg].round_price(bound, round) else { continue };
            let mut new = order(InstId(leg as u16), side, px, qty[leg], Tif::Ioc);
            new.reduce_only = out;
            self.requests += 1;
            self.exchange.submit(self.now, self.account, self.requests, &[Request::Place(new)]);
        }
        self.play(ANSWER)
    }

    /// Plays on; what our fills were by leg.
    fn play(&mut self, span: Nanos) -> ([Qty; 2], [Notional; 2]) {
        self.now = self.now.after(span);
        self.market.step(&mut self.exchange, self.now);
        let (mut qty, mut notional) = ([Qty::ZERO; 2], [Notional::ZERO; 2]);
        while let Some((_, notice)) = self.exchange.poll(self.now) {
            if let Notice::Fill(fill) = notice
                && fill.account == self.account
            {
                let leg = usize::from(fill.inst.0);
                qty[leg].0 += fill.qty.0;
                notional[leg].0 += Notional::of(fill.px, fill.qty).0;
            }
        }
        (qty, notional)
    }
}

/// The scenario's line.
pub fn line(seed: u64, as_json: bool) -> Result<String, Failure> {
    let run = run(seed, 40)?;
    let good = run.cycles.iter().filter(|c| c.succeeded()).count();
    let worst = run.cycles.iter().filter_map(|c| c.achieved).max();
    let worst = worst.map_or_else(|| "none".to_owned(), |i| i.to_string());
    let count = run.cycles.len();
    Ok(if as_json {
        serde_json::json!({
            "scenario": "pair-entry", "cycles": count, "succeeded": good, "waits": run.waits,
            "worst_imbalance": worst, "left": run.left.map(|q| q.to_string()),
        })
        .to_string()
    } else {
        format!(
            "pair-entry      {count} cycles of 100 quote, {good} whole in and out, {} waits, worst \
             imbalance from fills {worst}",
            run.waits
        )
    })
}
