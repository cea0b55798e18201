//! Hot. What kind of market it is: volatility regime, trend filter, volatility pause. Each is a
//! two-threshold switch.

use crate::units::{Bps, Nanos, Qty, StateHasher};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegimeParams {
    /// Defensive above this volatility, aggressive again below 80 % of it.
    pub defensive: Bps,
    /// |trend| beyond which the trend filter engages.
    pub trend_engage: Bps,
    /// |trend| below which it releases.
    pub trend_release: Bps,
    /// Shortest time it stays after a down move.
    pub trend_hold: Nanos,
    /// Volatility at which all quoting that adds inventory stops.
    pub pause: Bps,
    /// Inventory below which a pause may end.
    pub pause_inventory: Qty,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    #[default]
    Defensive = 0,
    Aggressive = 1,
}

/// Which way the market runs, as the trend filter sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Trend {
    #[default]
    None = 0,
    /// Bids would be run over.
    Down = 1,
    /// Asks would be run over.
    Up = 2,
}

/// The regime of one instrument. Starts defensive: nothing is known yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Regime {
    pub mode: Mode,
    pub trend: Trend,
    pub paused: bool,
    trend_since: Nanos,
}

impl Regime {
    pub fn update(
        &mut self,
        now: Nanos,
        volatility: Option<Bps>,
        trend: Bps,
        inventory: Qty,
        params: &RegimeParams,
    ) {
        // Unknown volatility leaves mode and pause as they are.
        if let Some(vol) = volatility {
            self.mode = match self.mode {
                Mode::Aggressive if vol > params.defensive => Mode::Defensive,
                Mode::Defensive if vol.0 < params.defensive.0 * 8 / 10 => Mode::Aggressive,
                mode => mode,
            };
            self.paused = if self.paused {
                // "Recovered" is below 80 % of the pause, by the same rule as the regime.
                let recovered = vol.0 < params.pause.0 * 8 / 10;
                !(recovered && inventory.abs() < params.pause_inventory)
            } else {
                vol >= params.pause
            };
        }
        let held = now.since(self.trend_since) < params.trend_hold;
        let wanted = match trend.0 {
            t if t <= -params.trend_engage.0 => Trend::Down,
            t if t >= params.trend_engage.0 => Trend::Up,
            _ => Trend::None,
        };
        if wanted != Trend::None && wanted != self.trend {
            self.trend = wanted;
            self.trend_since = now;
        } else if trend.0.abs() < params.trend_release.0 && !(self.trend == Trend::Down && held) {
            self.trend = Trend::None;
        }
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word((self.mode as u64) << 16 | (self.trend as u64) << 8 | u64::from(self.paused));
        h.word(self.trend_since.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> RegimeParams {
        RegimeParams {
            defensive: Bps::whole(6),
            trend_engage: Bps::whole(12),
            trend_release: Bps::whole(6),
            trend_hold: Nanos::from_secs(60),
            pause: Bps::whole(30),
            pause_inventory: Qty(1_250_000),
        }
    }

    fn step(r: &mut Regime, secs: u64, vol: i64, trend: i64, inventory: i64) -> Regime {
        let vol = Some(Bps::whole(vol));
        r.update(Nanos::from_secs(secs), vol, Bps::whole(trend), Qty(inventory), &params());
        *r
    }

    #[test]
    fn defensive_above_six_and_back_below_four_point_eight() {
        let mut r = Regime::default();
        assert_eq!(step(&mut r, 1, 4, 0, 0).mode, Mode::Aggressive);
        assert_eq!(step(&mut r, 2, 6, 0, 0).mode, Mode::Aggressive);
        assert_eq!(step(&mut r, 3, 7, 0, 0).mode, Mode::Defensive);
        assert_eq!(step(&mut r, 4, 5, 0, 0).mode, Mode::Defensive);
        assert_eq!(step(&mut r, 5, 4, 0, 0).mode, Mode::Aggressive);
    }

    #[test]
    fn a_down_trend_holds_a_minute() {
        let mut r = Regime::default();
        assert_eq!(step(&mut r, 100, 4, -13, 0).trend, Trend::Down);
        assert_eq!(step(&mut r, 110, 4, -8, 0).trend, Trend::Down);
        assert_eq!(step(&mut r, 120, 4, 0, 0).trend, Trend::Down);
        assert_eq!(step(&mut r, 161, 4, 0, 0).trend, Trend::None);
        assert_eq!(step(&mut r, 170, 4, 12, 0).trend, Trend::Up);
        assert_eq!(step(&mut r, 171, 4, 5, 0).trend, Trend::None);
    }

    #[test]
    fn a_pause_ends_when_volatility_and_inventory_have_recovered() {
        let mut r = Regime::default();
        assert!(step(&mut r, 1, 30, 0, 0).paused);
        assert!(step(&mut r, 2, 25, 0, 0).paused);
        assert!(step(&mut r, 3, 20, 0, 2_000_000).paused);
        assert!(!step(&mut r, 4, 20, 0, 1_000_000).paused);
    }
}
