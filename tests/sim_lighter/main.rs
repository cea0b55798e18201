//! The embedded venue's second dialect over real sockets: signatures, channels, transactions, faults,
//! and the engine's own codecs on the other side.

mod bed;
mod crypto;
mod engine;
mod faults;
mod feed;
mod hostile;
mod trading;
