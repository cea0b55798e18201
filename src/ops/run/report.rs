//! Cold. How a run begins and ends, in text and as one JSON object.

use super::start::Account;
use crate::instrument::InstrumentSpec;
use crate::ops::tally::Tally;
use crate::ops::view::View;
use crate::pipeline::metrics::Metrics;
use crate::session::Ended;
use crate::sim::exchange::{AccountId, Exchange};
use crate::sim::mirror::Counts;
use crate::units::Qty;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
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
    /// By the kill switch.
    Killed,
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
            Ending::Killed => "killed",
            Ending::TimedOut => "timed_out",
            Ending::Broken => "broken",
        }
    }
}

/// The first line.
pub fn title(name: &str, specs: &[InstrumentSpec], paper: bool, journal: Option<&Path>) -> String {
    let markets: Vec<&str> = specs.iter().map(|spec| spec.symbol.as_str()).collect();
    let orders = if paper { "simulated" } else { "REAL" };
    let journal = journal.map_or("none".to_owned(), |path| path.display().to_string());
    let markets = markets.join(" ");
    format!("evenkeel run: {name}, {markets}, orders {orders}, journal {journal}, Ctrl-C stops")
}

/// Of a paper run.
pub type PaperEnd = (Arc<Counts>, AccountId, Option<Exchange>);

/// All that is known at the end.
#[derive(Debug)]
pub struct End {
    ending: Ending,
    /// What the venue says; `None`: it did not answer.
    account: Option<Account>,
    seconds: u64,
    journal: Option<PathBuf>,
    journal_records: u64,
    journal_dropped: u64,
    journal_error: Option<String>,
    panicked: bool,
    illegal: u64,
    reconnects: u64,
    /// `None`: the strategy's thread panicked.
    tally: Option<Tally>,
    paper: Option<Value>,
}

impl End {
    #[expect(clippy::too_many_arguments, reason = "what is known at the end, each once")]
    pub fn new(
        ending: Ending,
        account: Option<Account>,
        seconds: u64,
        journal: Option<PathBuf>,
        ended: Ended,
        metrics: &Metrics,
        exchange: Option<PaperEnd>,
        view: &View,
        specs: &[InstrumentSpec],
    ) -> End {
        let paper = exchange.map(|(counts, account, exchange)| {
            json!({
                "mirrored": counts.played.load(Ordering::Relaxed),
                "late_trades": counts.late_trades.load(Ordering::Relaxed),
                "fills": exchange.as_ref().map(|x| x.fills(account).count()),
            })
        });
        End {
            ending,
            account,
            seconds,
            journal,
            journal_records: ended.journal_records,
            journal_dropped: metrics.journal_dropped.get(),
            journal_error: ended.journal_error,
            panicked: ended.panicked,
            illegal: metrics.egress.illegal.get(),
            reconnects: metrics.feed.reconnects.get() + metrics.egress.reconnects.get(),
            tally: ended.core.map(|core| Tally::new(core, specs, metrics, &view.entered)),
            paper,
        }
    }

    /// The ledger's and the venue's position of each market, by name; empty without both.
    fn positions(&self) -> Vec<(&str, Qty, Qty)> {
        let (Some(tally), Some(account)) = (&self.tally, &self.account) else { return Vec::new() };
        let both = tally.markets.iter().zip(&account.positions);
        both.map(|((symbol, s), venue)| (symbol.as_str(), s.position, *venue)).collect()
    }

    fn agrees(&self) -> bool {
        self.positions().iter().all(|(_, ours, venue)| ours == venue)
    }

    /// Nothing rests at the venue, and it holds what the ledger says.
    fn clean(&self) -> bool {
        self.account.as_ref().is_some_and(|a| a.open_orders == 0) && self.agrees()
    }

    pub fn exit_code(&self) -> i32 {
        super::exit_code(self.ending, self.clean(), self.panicked, self.illegal)
    }

    fn json(&self) -> Value {
        let mut all = self.tally.as_ref().map(Tally::json).unwrap_or_default();
        let venue = self.positions();
        let venue: Vec<Value> = venue
            .iter()
            .map(|(symbol, ours, venue)| {
                json!({
                    "symbol": symbol,
                    "ledger": ours.to_string(),
                    "venue": venue.to_string(),
                })
            })
            .collect();
        let more = json!({
            "ending": self.ending.name(),
            "seconds": self.seconds,
            "open_orders": self.account.as_ref().map(|a| a.open_orders),
            "positions": venue,
            "positions_agree": self.agrees(),
            "reconnects": self.reconnects,
            "journal": self.journal.as_ref().map(|path| path.display().to_string()),
            "journal_records": self.journal_records,
            "journal_dropped": self.journal_dropped,
            "journal_error": self.journal_error,
            "paper": self.paper,
        });
        all.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(all)
    }

    fn text(&self) -> String {
        let mut out = String::from("\n");
        match &self.tally {
            Some(tally) => out.push_str(&tally.text()),
            None => out.push_str("the strategy's thread panicked; its orders were cancelled\n"),
        }
        let _ = writeln!(out, "\n{} after {} s", self.ending.name(), self.seconds);
        let open = match &self.account {
            Some(account) => account.open_orders.to_string(),
            None => "unknown: the venue did not answer".to_owned(),
        };
        let _ = writeln!(out, "open orders at the venue: {open}");
        for (symbol, ours, venue) in self.positions() {
            let told = if ours == venue { "the venue agrees" } else { "THE VENUE DISAGREES" };
            let _ = writeln!(out, "{symbol}: position {ours}, at the venue {venue}: {told}");
        }
        if self.reconnects > 0 {
            let _ = writeln!(out, "connections lost: {}", self.reconnects);
        }
        if let Some(path) = &self.journal {
            let (written, dropped) = (self.journal_records, self.journal_dropped);
            let path = path.display();
            let _ = write!(
                out,
                "journal {path} ({written} records, {dropped} dropped); see: evenkeel replay {path}"
            );
        }
        if let Some(error) = &self.journal_error {
            let _ = write!(out, "\nTHE JOURNAL IS NOT COMPLETE: {error}");
        }
        out.trim_end().to_owned()
    }

    pub fn print(&self, as_json: bool) {
        let text = if as_json { self.json().to_string() } else { self.text() };
        // A closed pipe is not an error of the run.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}
