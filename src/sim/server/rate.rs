//! Cold. The venue's rate rules: weight per minute of an internet address, requests per account.

use super::info::Budget;
use crate::units::{Nanos, Notional, SCALE};

/// Requests that a new account may send before it has traded.
pub const INITIAL_REQUESTS: u64 = 10_000;
/// What a server without this limit says that an account has.
pub const UNLIMITED: u64 = 1_000_000_000;
/// An exhausted account may send one action in this time.
const TRICKLE: Nanos = Nanos::from_secs(10);
const MINUTE: Nanos = Nanos::from_secs(60);

/// Which rules hold. What a rule of the venue counts per internet address is counted here for the
/// whole server: on loopback there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests of a new account; each USDC traded adds one. `None`: no limit.
    pub initial_requests: Option<u64>,
    /// Weight of REST requests per minute. `None`: no limit.
    pub weight_per_min: Option<u32>,
    /// WebSocket messages received per minute. `None`: no limit.
    pub messages_per_min: Option<u32>,
    /// Unanswered posts of one connection.
    pub posts_in_flight: usize,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
}

impl Rates {
    /// As documented for mainnet.
    pub const VENUE: Rates = Rates {
        initial_requests: Some(INITIAL_REQUESTS),
        weight_per_min: Some(1200),
        messages_per_min: Some(2000),
        posts_in_flight: 100,
        subscriptions: 1000,
    };
}

impl Default for Rates {
    /// What protects the server; the budgets of the venue are off, since a demonstration runs
    /// minutes of market in seconds.
    fn default() -> Rates {
        Rates {
            initial_requests: None,
            weight_per_min: None,
            messages_per_min: None,
            ..Rates::VENUE
        }
    }
}

/// A limit per minute, counted in whole minutes of market time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    minute: u64,
    used: u32,
}

impl Window {
    /// `false` when the minute has no `weight` left; a refusal costs nothing.
    pub fn take(&mut self, weight: u32, limit: Option<u32>, now: Nanos) -> bool {
        let Some(limit) = limit else { return true };
        let minute = now.0 / MINUTE.0;
        if minute != self.minute {
            *self = Window { minute, used: 0 };
        }
        let used = self.used.saturating_add(weight);
        if used > limit {
            return false;
        }
        self.used = used;
        true
    }
}

/// What one account used of its requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    pub volume: Notional,
    used: u64,
    trickled: Option<Nanos>,
}

impl Requests {
    /// Counts `n` requests, or answers in the venue's words. Refused ones are free.
    pub fn take(&mut self, n: u64, cancels: bool, rates: &Rates, now: Nanos) -> Result<(), String> {
        let Some(initial) = rates.initial_requests else {
            self.used += n;
            return Ok(());
        };
        let cap = self.cap(initial);
        let limit =
            if cancels { cap.saturating_add(100_000).min(cap.saturating_mul(2)) } else { cap };
        if self.used + n > limit {
            let waits = self.trickled.is_some_and(|last| now.since(last) < TRICKLE);
            if waits {
                return Err(format!(
                    "Too many cumulative requests sent ({} > {cap}) for cumulative volume traded \
                     ${}. Place taker orders to free up 1 request per USDC traded.",
                    self.used + n,
                    super::wire::num(self.volume.to_raw())
                ));
            }
            self.trickled = Some(now);
        }
        self.used += n;
        Ok(())
    }

    pub fn budget(&self, rates: &Rates) -> Budget {
        let cap = self.cap(rates.initial_requests.unwrap_or(UNLIMITED));
        Budget { volume: self.volume, used: self.used, cap }
    }

    fn cap(&self, initial: u64) -> u64 {
        initial.saturating_add(u64::try_from(self.volume.to_raw() / SCALE).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_earns_requests_by_trading() {
        let rates = Rates { initial_requests: Some(2), ..Rates::default() };
        let mut requests = Requests::default();
        let at = Nanos::from_secs;
        assert_eq!(requests.take(2, false, &rates, at(1)), Ok(()));
        // One more goes through, then nothing for ten seconds, but cancels have their own room.
        assert_eq!(requests.take(1, false, &rates, at(1)), Ok(()));
        let text = requests.take(1, false, &rates, at(2)).unwrap_err();
        assert!(
            text.starts_with(
                "Too many cumulative requests sent (4 > 2) for cumulative volume traded $0.0."
            ),
            "{text}"
        );
        assert_eq!(requests.take(1, true, &rates, at(2)), Ok(()));
        assert_eq!(requests.take(1, false, &rates, at(11)), Ok(()));
        requests.volume = Notional::from_raw(100 * SCALE);
        assert_eq!(requests.take(90, false, &rates, at(12)), Ok(()));
        assert_eq!(requests.budget(&rates).cap, 102);
    }

    #[test]
    fn a_minute_has_its_weight() {
        let mut window = Window::default();
        let at = Nanos::from_secs;
        assert!(window.take(20, Some(30), at(1)));
        assert!(!window.take(20, Some(30), at(59)));
        assert!(window.take(10, Some(30), at(59)));
        assert!(window.take(20, Some(30), at(60)));
        assert!(window.take(u32::MAX, None, at(60)));
    }
}
