//! Hot. The loop of a thread: step, book the time, wait, until told to stop.

use super::Step;
use super::clock::Clock;
use super::metrics::Duty;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a thread does when no step had work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Looks again at once: for a core of its own.
    Spin,
    /// Gives the core away and looks again.
    Yield,
    /// Spins, then yields, then sleeps 50 us at a time: for shared cores.
    BackOff,
}

impl Wait {
    pub fn parse(name: &str) -> Option<Wait> {
        match name {
            "spin" => Some(Wait::Spin),
            "yield" => Some(Wait::Yield),
            "sleep" => Some(Wait::BackOff),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Wait::Spin => "spin",
            Wait::Yield => "yield",
            Wait::BackOff => "sleep",
        }
    }

    #[inline]
    fn idle(self, rounds: u32) {
        match self {
            Wait::Spin => std::hint::spin_loop(),
            Wait::Yield => std::thread::yield_now(),
            Wait::BackOff => match rounds {
                0..64 => std::hint::spin_loop(),
                64..80 => std::thread::yield_now(),
                _ => doze(),
            },
        }
    }
}

/// Nothing came for 80 rounds: the core is given away.
#[cold]
fn doze() {
    std::thread::sleep(Duration::from_micros(50));
}

/// A cycle longer than this is counted: half of the rings' reserve of 1 ms.
const BUDGET_NS: u64 = 500_000;

/// Runs the steps in order until `stop` is set and none of them had work.
pub fn run(steps: &mut [&mut dyn Step], clock: &Clock, wait: Wait, duty: &Duty, stop: &AtomicBool) {
    let mut rounds = 0u32;
    let mut last = clock.stamp();
    loop {
        let mut work = 0;
        for step in steps.iter_mut() {
            work += step.step(last);
        }
        let now = clock.stamp();
        let cycle = now.0 - last.0;
        last = now;
        duty.cycles.add(1);
        if work > 0 {
            rounds = 0;
            duty.working.add(1);
            duty.working_ns.add(cycle);
            duty.longest_ns.raise(cycle);
            duty.over_budget.add(u64::from(cycle > BUDGET_NS));
        } else {
            duty.idle_ns.add(cycle);
            if stop.load(Ordering::Acquire) {
                return;
            }
            wait.idle(rounds);
            rounds = rounds.saturating_add(1);
        }
    }
}

/// Pins the calling thread. `false` when the machine refuses.
pub fn pin(cpu: Option<usize>) -> bool {
    cpu.is_none_or(|id| core_affinity::set_for_current(core_affinity::CoreId { id }))
}

/// The cores that this process may use, in ascending order.
pub fn cores() -> Vec<usize> {
    let mut ids: Vec<usize> =
        core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|c| c.id).collect();
    ids.sort_unstable();
    ids
}
