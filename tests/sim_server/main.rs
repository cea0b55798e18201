//! The embedded venue over real sockets: protocol, signatures, refusals, faults.

mod bed;
mod engine;
mod hostile;
mod protocol;
mod trading;
