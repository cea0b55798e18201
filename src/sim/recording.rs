//! Cold. A recorded market, played into the exchange.
