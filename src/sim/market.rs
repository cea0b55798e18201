//! Cold. What drives an exchange: one market, or several in step.

use crate::units::Nanos;

use super::exchange::Exchange;

/// A source of market activity that trades on an exchange as the crowd.
pub trait Market {
    /// When it does something next; `None` at its end.
    fn next_at(&self) -> Option<Nanos>;

    /// Plays everything due until `now` in time order. It advances the exchange before each of its
    /// moments and at the end to `now`, so actions of accounts that are due at the same instant
    /// come first.
    fn step(&mut self, exchange: &mut Exchange, now: Nanos);
}

/// Several markets on one exchange, played in the order of time; at one instant, in the order in
/// which they were added.
#[derive(Default)]
pub struct Markets {
    list: Vec<Box<dyn Market + Send>>,
}

impl std::fmt::Debug for Markets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Markets").field("count", &self.list.len()).finish()
    }
}

impl Markets {
    pub fn new() -> Markets {
        Markets::default()
    }

    pub fn add(&mut self, market: impl Market + Send + 'static) {
        self.list.push(Box::new(market));
    }
}

impl Market for Markets {
    fn next_at(&self) -> Option<Nanos> {
        self.list.iter().filter_map(|m| m.next_at()).min()
    }

    fn step(&mut self, exchange: &mut Exchange, now: Nanos) {
        while let Some(at) = self.next_at().filter(|at| *at <= now) {
            for market in &mut self.list {
                if market.next_at() == Some(at) {
                    market.step(exchange, at);
                }
            }
        }
        exchange.advance(now);
    }
}
