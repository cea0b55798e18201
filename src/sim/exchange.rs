//! Cold. The matching engine: price-time priority, the venue's rules and its texts.
