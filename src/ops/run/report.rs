//! Cold. How a run begins and ends, in text and as one JSON object.

use crate::instrument::{InstId, InstrumentSpec};
use crate::pipeline::metrics::Metrics;
use crate::session::Ended;
use crate::sim::exchange::{AccountId, Exchange};
use crate::sim::mirror::Counts;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order: nothing is open and nothing is left to unwind.
    Stopped,
    /// At the second signal: cancelled, positions stay.
    Aborted,
    /// The unwinding did not end in its time: cancelled, positions stay.
    TimedOut,
    /// A thread panicked.
    Broken,
}

impl Ending {
    pub fn name(self) -> &'static str {
        match self {
            Ending::Stopped => "stopped",
            Ending::Aborted => "aborted",
            Ending::TimedOut => "timed_out",
            Ending::Broken => "broken",
        }
    }
}

pub fn started(specs: &[InstrumentSpec], paper: bool, journal: Option<&Path>) {
    let markets: Vec<&str> = specs.iter().map(|spec| spec.symbol.as_str()).collect();
    let orders = if paper { "simulated" } else { "REAL" };
    let journal = journal.map_or("none".to_owned(), |path| path.display().to_string());
    let mut out = std::io::stdout().lock();
    // A closed pipe is not an error of the run.
    let _ = writeln!(out, "trading {}, orders {orders}, journal {journal}", markets.join(" "));
    let _ = writeln!(out, "Ctrl-C stops in order; a second one cancels everything at once");
}

/// All that is known at the end.
pub struct End<'a> {
    pub ending: Ending,
    /// Orders that the venue still has; `None`: it did not say.
    pub open_orders: Option<usize>,
    pub seconds: u64,
    pub journal: Option<PathBuf>,
    pub ended: Ended,
    pub metrics: Arc<Metrics>,
    /// Of a paper run.
    pub exchange: Option<(Arc<Counts>, AccountId, Option<Exchange>)>,
    pub specs: &'a [InstrumentSpec],
}

impl End<'_> {
    pub fn exit_code(&self) -> i32 {
        let illegal = self.metrics.egress.illegal.get();
        super::exit_code(self.ending, self.open_orders, self.ended.panicked, illegal)
    }

    fn json(&self) -> Value {
        let markets = |core: &crate::core::Core| {
            let rows = self.specs.iter().enumerate().map(|(i, spec)| {
                let seen = core.snapshot(InstId(i as u16));
                json!({
                    "symbol": spec.symbol.as_str(),
                    "fills": seen.fills,
                    "position": seen.position.to_string(),
                })
            });
            rows.collect::<Vec<Value>>()
        };
        let core = self.ended.core.as_ref();
        let egress = &self.metrics.egress;
        json!({
            "ending": self.ending.name(),
            "seconds": self.seconds,
            "open_orders": self.open_orders,
            "markets": core.map(markets),
            "orders_sent": egress.orders.get(),
            "cancels_sent": egress.cancels.get(),
            "illegal": egress.illegal.get(),
            "reconnects": self.metrics.feed.reconnects.get() + egress.reconnects.get(),
            "state_hash": core.map(|core| format!("{:016x}", core.hash())),
            "journal": self.journal.as_ref().map(|path| path.display().to_string()),
            "journal_records": self.ended.journal_records,
            "journal_error": self.ended.journal_error,
            "paper": self.exchange.as_ref().map(|(counts, account, exchange)| json!({
                "mirrored": counts.played.load(Ordering::Relaxed),
                "late_trades": counts.late_trades.load(Ordering::Relaxed),
                "fills": exchange.as_ref().map(|x| x.fills(*account).count()),
            })),
        })
    }

    pub fn print(&self, as_json: bool) {
        let value = self.json();
        let mut out = std::io::stdout().lock();
        if as_json {
            let _ = writeln!(out, "{value}");
            return;
        }
        let open = match self.open_orders {
            Some(n) => format!("{n}"),
            None => "unknown: the venue did not answer".to_owned(),
        };
        let _ = writeln!(out, "{} after {} s", self.ending.name(), self.seconds);
        let _ = writeln!(out, "open orders at the venue: {open}");
        for market in value["markets"].as_array().into_iter().flatten() {
            let text = |key: &str| market[key].as_str().unwrap_or("?").to_owned();
            let (symbol, position) = (text("symbol"), text("position"));
            let _ = writeln!(out, "{symbol}: position {position}, {} fills", market["fills"]);
        }
        let _ = writeln!(
            out,
            "{} orders and {} cancels sent, {} illegal",
            value["orders_sent"], value["cancels_sent"], value["illegal"]
        );
        if let Some(path) = &self.journal {
            let records = self.ended.journal_records;
            let _ = writeln!(out, "journal {}: {records} records", path.display());
        }
    }
}
