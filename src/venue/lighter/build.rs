//! Cold. What a session needs of Lighter, from its markets: so far the public side.

use super::feed::FeedCodec;
use crate::instrument::{InstId, InstrumentSpec};

/// Instrument `i` is `specs[i]`, known by its number there.
pub fn feed(specs: &[InstrumentSpec]) -> FeedCodec {
    let markets: Vec<_> = (0..).map(InstId).zip(specs.iter().map(|s| s.asset)).collect();
    FeedCodec::new(&markets)
}
