//! Hot. The user stream: orderUpdates, userFills.
