//! Hot. The pair: two legs of equal notional.
