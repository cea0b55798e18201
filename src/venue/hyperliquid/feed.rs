//! Hot. Public market data: l2Book, bbo, trades.
