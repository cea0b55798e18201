//! Hot. Guards with memory: the PnL guard and self-healing. Each has hysteresis, because a guard
//! that flaps (engages, clears, engages) moves quotes back and forth and pays for it.

use crate::units::{Nanos, Notional, StateHasher};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PnlGuardParams {
    /// Engages when the window's realized PnL is at or below this (negative) amount.
    pub trigger: Notional,
    /// Shortest time it stays engaged.
    pub hold: Nanos,
    /// Share of the trigger above which it clears, 0..=1000. At 1000 it clears where it engages,
    /// and flaps.
    pub clear_permille: i64,
}

/// Widens and shrinks quotes after losses.
#[derive(Clone, Copy, Debug, Default)]
pub struct PnlGuard {
    since: Option<Nanos>,
    engaged: u64,
}

impl PnlGuard {
    /// Clears only after the hold and only above its share (half by default) of the trigger.
    pub fn update(&mut self, now: Nanos, realized: Notional, params: &PnlGuardParams) -> bool {
        // Below 2^97: a quote amount is at most 10^10 x 10^16 raw.
        let above = || realized.0 * 1000 > params.trigger.0 * i128::from(params.clear_permille);
        match self.since {
            None if realized <= params.trigger => {
                self.since = Some(now);
                self.engaged += 1;
            }
            Some(since) if now.since(since) >= params.hold && above() => self.since = None,
            _ => {}
        }
        self.is_active()
    }

    #[inline]
    pub fn is_active(&self) -> bool {
        self.since.is_some()
    }

    /// How often it engaged.
    pub fn engaged(&self) -> u64 {
        self.engaged
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.since.map_or(0, |t| t.0 + 1));
        h.word(self.engaged);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealingParams {
    pub slice: Nanos,
    /// Losing slices in a row that make one step.
    pub losses: u32,
    pub steps_max: u32,
}

/// One step wider after a run of losing slices, one back after each winning slice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Healing {
    started: Nanos,
    realized: Notional,
    losses: u32,
    steps: u32,
}

impl Healing {
    pub fn update(&mut self, now: Nanos, realized: Notional, params: &HealingParams) -> u32 {
        if self.started == Nanos::ZERO {
            self.started = now;
            self.realized = realized;
        }
        if now.since(self.started) < params.slice {
            return self.steps;
        }
        // However long ago the slice ended, it is judged once: silence is neither a loss nor a win.
        match realized.0 - self.realized.0 {
            0 => {}
            loss if loss < 0 => {
                self.losses += 1;
                if self.losses >= params.losses {
                    self.losses = 0;
                    self.steps = (self.steps + 1).min(params.steps_max);
                }
            }
            _ => {
                self.losses = 0;
                self.steps = self.steps.saturating_sub(1);
            }
        }
        self.started = now;
        self.realized = realized;
        self.steps
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.started.0);
        h.wide(self.realized.0);
        h.word(u64::from(self.losses) << 32 | u64::from(self.steps));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(c: i64) -> Notional {
        Notional::from_raw(c * 1_000_000)
    }

    #[test]
    fn the_guard_does_not_flap() {
        let hold = Nanos::from_secs(60);
        let params = PnlGuardParams { trigger: cents(-20), hold, clear_permille: 500 };
        let mut guard = PnlGuard::default();
        let at = Nanos::from_secs;
        assert!(!guard.update(at(1), cents(-19), &params));
        assert!(guard.update(at(2), cents(-20), &params));
        // Back above the trigger at once: held.
        assert!(guard.update(at(3), cents(-5), &params));
        // Past the hold but not above half of the trigger: held.
        assert!(guard.update(at(70), cents(-10), &params));
        assert!(!guard.update(at(71), cents(-9), &params));
        // It needs the full trigger again.
        assert!(!guard.update(at(72), cents(-19), &params));
        assert_eq!(guard.engaged(), 1);
        // Without hysteresis the same losses engage it twice.
        let bare = PnlGuardParams { hold: Nanos(1), clear_permille: 1000, ..params };
        let mut guard = PnlGuard::default();
        for (s, c) in [(1, -20), (2, -19), (3, -20), (4, -19)] {
            guard.update(at(s), cents(c), &bare);
        }
        assert_eq!(guard.engaged(), 2);
    }

    #[test]
    fn healing_steps_out_and_back() {
        let params = HealingParams { slice: Nanos::from_secs(30), losses: 3, steps_max: 4 };
        let mut healing = Healing::default();
        let mut pnl = 0;
        let mut steps = Vec::new();
        for (i, delta) in [0, -1, -1, -1, -1, 2, 1].into_iter().enumerate() {
            pnl += delta;
            steps.push(healing.update(Nanos::from_secs(1 + 30 * i as u64), cents(pnl), &params));
        }
        assert_eq!(steps, [0, 0, 0, 1, 1, 0, 0]);
    }
}
