//! Cold. Whether a running engine is well, and every reason why not.

use crate::core::InstSnapshot;
use crate::explain::Alarm;
use crate::pipeline::metrics::Metrics;
use serde_json::json;

/// Without news from the strategy's thread for this long the engine counts as down: it writes ten
/// times a second.
const SILENT_NS: u64 = 2_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Ok,
    /// It runs, and something is not as it should be.
    Degraded,
    /// It does not trade.
    Down,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Degraded => "degraded",
            State::Down => "down",
        }
    }
}

/// The state and its reasons; no reason without a state below `Ok`, and the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: State,
    pub reasons: Vec<String>,
}

impl Health {
    pub(super) fn of(
        metrics: &Metrics,
        symbols: &[String],
        snapshots: &[Option<InstSnapshot>],
        now: u64,
    ) -> Health {
        let mut health = Health { state: State::Ok, reasons: Vec::new() };
        let core = &metrics.core;
        let written = core.written.get();
        if written == 0 || now.saturating_sub(written) > SILENT_NS {
            health.add(State::Down, "the strategy's thread is silent".to_owned());
        }
        if core.halted.get() != 0 {
            health.add(
                State::Down,
                "halted: killed, stopped, or a loss limit was reached".to_owned(),
            );
        }
        if core.ready.get() == 0 {
            health
                .add(State::Down, "the orders link is down or the account is not known".to_owned());
        }
        let breakers = core.breakers_open.get();
        if breakers > 0 {
            health.add(State::Degraded, format!("{breakers} breakers are open"));
        }
        for (i, symbol) in symbols.iter().enumerate() {
            let Some(shot) = snapshots.get(i).and_then(Option::as_ref) else { continue };
            if shot.top.is_none() {
                health.add(State::Degraded, format!("{symbol}: no valid book"));
            }
        }
        // What never may be, however long ago.
        let never = [
            (metrics.egress.illegal.get(), "orders failed the last check before the wire"),
            (metrics.journal_dropped.get(), "records of the journal were dropped"),
            (core.alarms[Alarm::HedgerStuck as usize].get(), "times a hedge was stuck"),
            (core.alarms[Alarm::Overfill as usize].get(), "orders filled for more than was open"),
            (core.alarms[Alarm::LeverageRefused as usize].get(), "leverages were not set"),
        ];
        for (count, what) in never {
            if count > 0 {
                health.add(State::Degraded, format!("{count} {what}"));
            }
        }
        health
    }

    fn add(&mut self, state: State, reason: String) {
        self.state = self.state.max(state);
        self.reasons.push(reason);
    }

    pub fn json(&self) -> serde_json::Value {
        json!({ "status": self.state.name(), "reasons": self.reasons })
    }
}
