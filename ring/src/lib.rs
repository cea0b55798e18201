//! Hot. The two ways in which threads of Evenkeel talk, and the only crate of the project with
//! `unsafe` code.
//!
//! A **ring** ([`spsc`]) carries messages from one thread to one other thread: every message, in
//! order, up to a fixed number in flight. A **cell** ([`latest`]) carries one value from one thread
//! to any number of others: the newest wins and the ones in between are lost on purpose. Neither
//! blocks, locks, allocates after its creation, or calls the system.
//!
//! # Which one
//!
//! | You have                                       | Take                                   |
//! |------------------------------------------------|----------------------------------------|
//! | messages that must all arrive, between two     | [`spsc`]; the writer decides on full   |
//! | a batch that goes in whole or not at all       | [`spsc`] with `Producer::has_room`     |
//! | gauges for a dashboard, a clock, a top of book | [`latest`]; readers cannot slow it     |
//! | several writers                                | one ring each, polled in a fixed order |
//! | several readers that each need everything      | one ring each, all written to          |
//! | a reader that must sleep                       | not this crate: both sides poll        |
//!
//! The last line is the price of the rest. A thread that polls needs a core of its own, or has to
//! share its loop with the other side, which works too: a ring whose two ends live on one thread is
//! just a queue.
//!
//! # What it costs
//!
//! What costs time between two cores is the cache line that moves: 50 to 110 ns one way inside a
//! chiplet, 250 across. A classic ring moves two per message, the index and the data. Here a
//! message of up to 56 bytes and its sequence number share *one* line, so a message costs one move,
//! the least that is physically possible. What that gives up is density: an index ring packs eight
//! 8-byte messages into a line, and at saturation passes more of them per second. A market's
//! messages fill the line anyway, and they come one by one.
//!
//! `benches/ring.rs` measures the least (a bare line, bounced) in the same run, beside this ring
//! and four other queues, and prints the ratios against the goals, also where they are not met.
//!
//! # How the unsafe code is kept honest
//!
//! `unsafe` stands in [`spsc`] alone: the cell is written in safe code, at the price of spelling
//! its payload out in words. Each `unsafe` block carries its argument, and so does each memory
//! ordering. Orderings are the part that a test on x86 cannot see, since the hardware there
//! forgives nearly all of them. So `tests/loom.rs` runs both types under loom, which explores the
//! interleavings *and* the reorderings that the memory model allows, and does it once more for
//! every ordering in the crate with just that one taken away: loom has to notice, or the ordering
//! was never tested. `check.sh` runs all that and Miri.

#![deny(missing_docs)]
#![deny(clippy::undocumented_unsafe_blocks, clippy::unnecessary_safety_comment)]

pub mod latest;
pub mod spsc;
mod sync;

#[cfg(loom)]
pub use sync::sabotage;
