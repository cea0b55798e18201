//! Cold. Operation: the command line, health, metrics, reports.

pub mod calibrate;
pub mod check;
pub mod demo;
pub mod explain;
pub mod local;
pub mod metrics;
pub mod pair;
pub mod plan;
pub mod replay;
pub mod run;
pub mod scenario;
pub mod serve;
pub mod show_config;
pub mod sign;
pub mod tally;
pub mod token;
pub mod venue;
pub mod view;
pub mod watch;

use crate::config::{BOOK_LEVELS_MAX, Config, MarketConfig};
use crate::venue::build::{Leverage, Options};

/// Exit codes of the binary. Documented in README.md.
pub mod exit {
    pub const OK: i32 = 0;
    /// The run was made and something in it is not as it must be: an illegal order, a replay that
    /// differs, a damaged journal, a configuration that is not proved.
    pub const FAILED: i32 = 1;
    /// The command line is wrong.
    pub const USAGE: i32 = 2;
    /// The configuration is refused.
    pub const CONFIG: i32 = 3;
    /// Something outside is missing: a folder, a port, cores, the venue.
    pub const ENVIRONMENT: i32 = 4;
    /// A thread of the engine panicked; everything was cancelled.
    pub const PANICKED: i32 = 5;
    /// The kill switch: a signal or the kill file ended the run, or does not let it begin.
    pub const KILLED: i32 = 6;
    /// A second signal: everything was cancelled at once, positions stay.
    pub const ABORTED: i32 = 7;
}

/// Why a verb could not do its work: one message, one exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: i32,
    pub message: String,
}

impl Failure {
    pub fn usage(message: impl ToString) -> Failure {
        Failure { code: exit::USAGE, message: message.to_string() }
    }

    pub fn config(message: impl ToString) -> Failure {
        Failure { code: exit::CONFIG, message: message.to_string() }
    }

    pub fn environment(message: impl ToString) -> Failure {
        Failure { code: exit::ENVIRONMENT, message: message.to_string() }
    }

    /// The kill switch, or the system that has no room for it.
    pub fn switch(error: crate::switch::SwitchError) -> Failure {
        let signal = matches!(error, crate::switch::SwitchError::Signal(_));
        let code = if signal { exit::ENVIRONMENT } else { exit::KILLED };
        Failure { code, message: error.to_string() }
    }

    /// Something that cannot be, by our own doing.
    pub fn bug(message: impl ToString) -> Failure {
        let message = format!("{} (this is a bug of Evenkeel)", message.to_string());
        Failure { code: exit::FAILED, message }
    }
}

/// What a configuration asks of the venue beside orders.
pub fn options(config: &Config) -> Options {
    let leverage = |m: &MarketConfig| {
        (m.leverage > 0).then_some(Leverage { times: m.leverage, isolated: m.isolated })
    };
    // What a pair's orders cost is walked through the levels of its legs.
    let is_leg = |m: &MarketConfig| {
        config.pair.as_ref().is_some_and(|pair| [pair.long, pair.short].contains(&m.symbol))
    };
    let levels = |m: &MarketConfig| if is_leg(m) { BOOK_LEVELS_MAX } else { m.book_levels };
    let levels = |m: &MarketConfig| u8::try_from(levels(m)).unwrap_or(u8::MAX);
    Options {
        book_levels: config.markets.iter().map(levels).collect(),
        fast_books: config.venue.fast_books,
        l2_deltas: config.venue.l2_deltas,
        batches: config.venue.batches,
        skip_nonces: config.venue.skip_nonces,
        dead_man: config.venue.dead_man,
        leverage: config.markets.iter().map(leverage).collect(),
        requests_low: config.guards.standing.requests_low,
    }
}
