//! Cold. How long an action is on its way, and what can go wrong on it: both seeded.
//!
//! Hyperliquid collects actions and executes them at block boundaries, about every 70 ms; inside a
//! block, actions without GTC or IOC come first, then cancels, then the rest (docs, "Optimizing
//! latency"). So a quote or a cancel overtakes the aggressor that was sent with it, and a hedge by
//! IOC is structurally late.

use crate::event::RejectReason;
use crate::instrument::InstId;
use crate::units::Nanos;

use super::rng::Rng;
use super::types::AccountId;

/// The way of an action to the matching engine and of its answer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Executed and answered at the next `advance`.
    Instant,
    /// `entry` + 0..`jitter` to the engine, `response` back.
    Fixed { entry: Nanos, response: Nanos, jitter: Nanos },
    /// As `Fixed`, and then held to the next block boundary (a multiple of `interval`). Actions
    /// with a GTC or IOC wait `taker_blocks` blocks more.
    Blocks { interval: Nanos, entry: Nanos, response: Nanos, jitter: Nanos, taker_blocks: u32 },
    /// As `Fixed`, and then held back before the book: for `takes` what may take, for `rests` what
    /// can only rest, and cancels ("speed bumps").
    Bumps { entry: Nanos, response: Nanos, jitter: Nanos, rests: Nanos, takes: Nanos },
}

impl Latency {
    /// 20..40 ms on the way, the next 70 ms block, 20 ms back: an order is answered after 75..130
    /// ms, mean about 95. For a demonstration; a colocated maker sees the same blocks.
    pub const DEMO: Latency = Latency::Blocks {
        interval: Nanos::from_millis(70),
        entry: Nanos::from_millis(20),
        response: Nanos::from_millis(20),
        jitter: Nanos::from_millis(20),
        taker_blocks: 0,
    };

    /// As published for mainnet: a quote or a cancel needs about 380 ms end to end, and an IOC
    /// waits for several blocks longer.
    pub const VENUE: Latency = Latency::Blocks {
        interval: Nanos::from_millis(70),
        entry: Nanos::from_millis(180),
        response: Nanos::from_millis(120),
        jitter: Nanos::from_millis(20),
        taker_blocks: 3,
    };

    /// Lighter's standard tier (docs of 2026-07): a taker waits 300 ms, all else 200 ms. The way there
    /// and back makes 330..345 ms of a taker's order; one recorded from outside took 357 ms.
    pub const LIGHTER: Latency = Latency::Bumps {
        entry: Nanos::from_millis(15),
        response: Nanos::from_millis(15),
        jitter: Nanos::from_millis(15),
        rests: Nanos::from_millis(200),
        takes: Nanos::from_millis(300),
    };

    /// When an action that leaves at `now` is executed.
    pub(super) fn due(self, now: Nanos, takes: bool, rng: &mut Rng) -> Nanos {
        match self {
            Latency::Instant => now,
            Latency::Fixed { entry, jitter, .. } => {
                now.after(entry).after(Nanos(rng.below(jitter.0)))
            }
            Latency::Blocks { interval, entry, jitter, taker_blocks, .. } => {
                let at = now.after(entry).after(Nanos(rng.below(jitter.0))).0;
                let block = at.div_ceil(interval.0.max(1));
                let wait = if takes { u64::from(taker_blocks) } else { 0 };
                Nanos(block.saturating_add(wait).saturating_mul(interval.0.max(1)))
            }
            Latency::Bumps { entry, jitter, rests, takes: taker, .. } => {
                let bump = if takes { taker } else { rests };
                now.after(entry).after(Nanos(rng.below(jitter.0))).after(bump)
            }
        }
    }

    /// How long an answer needs.
    pub(super) fn response(self) -> Nanos {
        match self {
            Latency::Instant => Nanos::ZERO,
            Latency::Fixed { response, .. }
            | Latency::Blocks { response, .. }
            | Latency::Bumps { response, .. } => response,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The order is refused for this reason although it is legal.
    Reject(RejectReason),
    /// The action never arrives and is never answered.
    DropAction,
    /// The action is executed, its answer is lost: outcome unknown. Order updates and fills come.
    DropResponse,
    /// The action arrives this much later.
    Delay(Nanos),
    /// A fill is told twice, with the same trade id.
    DuplicateFill,
}

/// A fault with the condition under which it happens. Every match first uses up `skip`, then
/// happens at most `times` times, each with probability `permille` / 1000 (seeded).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRule {
    pub fault: Fault,
    /// `None`: any account (never the crowd).
    pub account: Option<AccountId>,
    /// `None`: any market. Concerns `Reject` and `DuplicateFill` only; an action may be on several.
    pub inst: Option<InstId>,
    pub skip: u32,
    pub times: u32,
    pub permille: u16,
}

impl FaultRule {
    /// The next occasion, once, on any account and market.
    pub fn once(fault: Fault) -> FaultRule {
        FaultRule { fault, account: None, inst: None, skip: 0, times: 1, permille: 1000 }
    }

    /// Every occasion with this probability.
    pub fn always(fault: Fault, permille: u16) -> FaultRule {
        FaultRule { times: u32::MAX, permille, ..FaultRule::once(fault) }
    }
}

/// The active fault rules with their own generator, so that faults do not shift latencies.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<FaultRule>,
    rng: Rng,
}

impl Faults {
    pub fn new(seed: u64) -> Faults {
        Faults { rules: Vec::new(), rng: Rng::new(seed ^ 0x6661_756c_7473) }
    }

    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The first rule that `wanted` accepts and that strikes now.
    pub fn strike(
        &mut self,
        account: AccountId,
        inst: Option<InstId>,
        wanted: impl Fn(Fault) -> bool,
    ) -> Option<Fault> {
        let Faults { rules, rng } = self;
        for rule in rules.iter_mut().filter(|r| r.times > 0 && wanted(r.fault)) {
            let of_account = rule.account.is_none_or(|a| a == account);
            let of_inst = rule.inst.is_none() || inst.is_none() || rule.inst == inst;
            if !of_account || !of_inst {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rng.chance(u64::from(rule.permille)) {
                rule.times -= 1;
                return Some(rule.fault);
            }
        }
        None
    }
}
