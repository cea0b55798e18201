//! Cold. What a person sees while a session runs: each market, what the engine does there and why,
//! drawn in place on a terminal and line by line elsewhere.

mod market;
pub mod text;

use crate::core::InstSnapshot;
use crate::event::{Action, Component, Event, OrderId, RejectReason};
use crate::explain::Note;
use crate::instrument::{InstId, InstrumentSpec};
use crate::journal::Record;
use crate::pipeline::metrics::{Metrics, Stage};
use crate::strategy::ladder::Allocated;
use crate::strategy::pair::Imbalance;
use crate::units::Bps;
use market::Market;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use text::{seconds, time};

/// Lines of the recent past that are shown.
const RECENT: usize = 10;
/// Markets that are drawn in full; more of them take three lines each.
const IN_FULL: usize = 2;
/// Orders whose component is known, so that a fill can say whose it was.
const OWNERS: usize = 256;
/// Refused orders of which the second telling is known as that.
const REJECTED: usize = 64;

#[derive(Debug)]
pub struct View {
    title: String,
    seconds: Option<u64>,
    markets: Vec<Market>,
    recent: VecDeque<String>,
    rejects: Vec<(RejectReason, u64)>,
    /// The last orders that were refused: the answer and the order's stream both say it.
    rejected: VecDeque<OrderId>,
    alarms: u64,
    /// Each held entry of a pair: its cycle, and its imbalance by the fills.
    pub entered: Vec<(u32, Imbalance)>,
    owners: VecDeque<(OrderId, Component)>,
    drawn: usize,
    shown: usize,
}

impl View {
    /// `seconds`: how long it will take, when that is known.
    pub fn new(title: String, seconds: Option<u64>, specs: &[InstrumentSpec]) -> View {
        View {
            title,
            seconds,
            markets: specs.iter().map(|spec| Market::new(spec.symbol.as_str())).collect(),
            recent: VecDeque::with_capacity(RECENT),
            rejects: Vec::new(),
            rejected: VecDeque::with_capacity(REJECTED),
            alarms: 0,
            entered: Vec::new(),
            owners: VecDeque::with_capacity(OWNERS),
            drawn: 0,
            shown: 0,
        }
    }

    /// Where health and metrics are served.
    pub fn served(&mut self, address: std::net::SocketAddr) {
        self.tell(None, "http", format!("http://{address}/health and /metrics"));
    }

    pub fn snapshot(&mut self, snapshot: InstSnapshot) {
        if let Some(market) = self.markets.get_mut(usize::from(snapshot.inst.0)) {
            market.snapshot = Some(snapshot);
        }
    }

    /// The position of a market as it was last seen.
    pub fn position(&self, inst: InstId) -> Option<crate::units::Qty> {
        Some(self.markets.get(usize::from(inst.0))?.snapshot?.position)
    }

    pub fn record(&mut self, record: &Record) {
        match record {
            Record::Action(
                Action::Place { inst, order, component, side, px, qty, .. }
                | Action::Modify { inst, order, component, side, px, qty, .. },
            ) => {
                if self.owners.len() == OWNERS {
                    self.owners.pop_front();
                }
                self.owners.push_back((*order, *component));
                if !component.is_quoting() {
                    let what = format!("{side} {qty} @ {px}  #{}", order.counter());
                    self.tell(Some(*inst), component.name(), what);
                }
            }
            Record::Input(input) => self.input(&input.event),
            Record::Note(note) => self.note(note),
            _ => {}
        }
    }

    fn input(&mut self, event: &Event) {
        match *event {
            Event::Fill { inst, side, order, px, qty, taker, fee, .. } => {
                let owner = self.owners.iter().rev().find(|(id, _)| *id == order);
                let who = owner.map_or("late", |(_, c)| c.name());
                let how = if taker { "taker" } else { "maker" };
                let fee = crate::units::raw_text(fee);
                let what = format!("{who} {side} {qty} @ {px} as {how}, fee {fee}");
                self.tell(Some(inst), "fill", what);
            }
            Event::Reject { order, .. } if self.rejected.contains(&order) => {}
            Event::Reject { reason, order, .. } => {
                self.rejected.truncate(REJECTED - 1);
                self.rejected.push_front(order);
                match self.rejects.iter_mut().find(|(r, _)| *r == reason) {
                    Some((_, count)) => *count += 1,
                    None => self.rejects.push((reason, 1)),
                }
                let what = format!("#{} {}", order.counter(), reason.name());
                self.tell(Some(order.inst()), "reject", what);
            }
            Event::LinkUp { link, .. } => self.tell(None, "link", format!("{} up", link.name())),
            Event::LinkDown { link, .. } => {
                self.tell(None, "link", format!("{} DOWN", link.name()));
            }
            Event::Reconciled { open_orders, .. } => {
                self.tell(None, "ready", format!("reconciled, {open_orders} orders were open"));
            }
            Event::Gap { inst, reason, .. } => {
                self.tell(Some(inst), "gap", reason.name().to_owned());
            }
            _ => {}
        }
    }

    fn note(&mut self, note: &Note) {
        match *note {
            Note::Quote { inst, .. } | Note::Hedge { inst, .. } => {
                let Some(market) = self.markets.get_mut(usize::from(inst.0)) else { return };
                match market.explained(note) {
                    Some((side, Some(why))) => {
                        self.tell(Some(inst), "silent", format!("{side}: {why}"))
                    }
                    Some((side, None)) => self.tell(Some(inst), "quotes", format!("{side} again")),
                    None => {}
                }
            }
            Note::Refused { inst, component, side, reason, px, qty } => {
                let (who, why) = (component.name(), reason.name());
                self.tell(Some(inst), "refused", format!("{who} {side} {qty} @ {px}: {why}"));
            }
            Note::FastCancel { inst, order, edge, against } => {
                let (n, edge, whom) = (order.counter(), Bps(edge), against.name());
                let what = format!("#{n}: edge {edge} bps left against {whom}");
                self.tell(Some(inst), "pulled", what);
            }
            Note::Alarm { inst, alarm, .. } => {
                self.alarms += 1;
                self.tell(Some(inst), "ALARM", alarm.name().to_owned());
            }
            Note::Adopted { inst, ours, venue, .. } => {
                let what = format!("position {venue} of the venue, ours was {ours}");
                self.tell(Some(inst), "ADOPTED", what);
            }
            Note::Ladder { inst, side, how, levels, capacity, floor, total } => {
                let how = match how {
                    Allocated::BelowFloor => "WARNING all levels filtered",
                    other => other.name(),
                };
                let what =
                    format!("{side} {how}: {levels} levels, {total} of {capacity}, floor {floor}");
                self.tell(Some(inst), "ladder", what);
            }
            Note::Proof { inst, holds: true, lo, hi, .. } => {
                self.tell(Some(inst), "proved", format!("for mids {lo} to {hi}"));
            }
            Note::Proof { inst, line, component, size, px, floor, .. } => {
                let (who, line) = (component.name(), line.name());
                let what = format!("{who} {line}: {size} at {px}, least {floor}");
                self.tell(Some(inst), "UNPROVED", what);
            }
            Note::Budget { room, .. } => {
                self.tell(None, "budget", format!("the rate rules leave {}", room.name()));
            }
            Note::Tier { advised, .. } => {
                let not = if advised { "" } else { "no longer " };
                self.tell(None, "tier", format!("the fee-paying one is {not}advised"));
            }
            Note::Level { .. } | Note::Markout { .. } | Note::Hash { .. } => {}
            Note::Pair { .. }
            | Note::PairEntered { .. }
            | Note::PairSolved { .. }
            | Note::PairSent { .. } => self.pair_note(note),
        }
    }

    /// How a pair's cycle goes; its orders are told as all orders are.
    fn pair_note(&mut self, note: &Note) {
        match *note {
            Note::Pair { cycle, phase, reason, positions: [a, b], .. } => {
                let (phase, why) = (phase.name(), reason.name());
                let what = format!("cycle {cycle} {phase}: {why}; holds {a} and {b}");
                self.tell(None, "pair", what);
            }
            Note::PairEntered { cycle, notional, .. } => {
                let ratio = Imbalance::of(notional[0], notional[1]);
                self.entered.extend(ratio.map(|r| (cycle, r)));
                let ratio = ratio.map_or("not known".to_owned(), |r| r.to_string());
                self.tell(None, "pair", format!("cycle {cycle} filled, imbalance {ratio}"));
            }
            _ => {}
        }
    }

    /// One line of news; with several markets it names its own.
    fn tell(&mut self, inst: Option<InstId>, kind: &str, what: String) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
            self.shown = self.shown.saturating_sub(1);
        }
        let market = inst.filter(|_| self.markets.len() > 1);
        let market = market.and_then(|inst| self.markets.get(usize::from(inst.0)));
        let symbol = market.map_or(String::new(), |m| format!("{} ", m.symbol));
        self.recent.push_back(format!("{kind:<7} {symbol}{what}"));
    }

    /// Draws the state: in place on a terminal, status lines and the news elsewhere.
    pub fn draw(&mut self, metrics: &Metrics, elapsed_ns: u64, redraw: bool) {
        let mut out = String::new();
        if redraw {
            if self.drawn > 0 {
                let _ = write!(out, "\x1b[{}A", self.drawn);
            }
            let frame = self.frame(metrics, elapsed_ns);
            self.drawn = frame.lines().count();
            for line in frame.lines() {
                let _ = writeln!(out, "\x1b[2K{}", clip(line));
            }
        } else {
            self.write_news(&mut out);
            out.push_str(&self.status(metrics, elapsed_ns));
        }
        print(&out);
    }

    /// Prints what is new since the last line, where nothing is drawn in place: only the last few are
    /// kept, so it is asked after each.
    pub fn news(&mut self) {
        if self.shown < self.recent.len() {
            let mut out = String::new();
            self.write_news(&mut out);
            print(&out);
        }
    }

    fn write_news(&mut self, out: &mut String) {
        if self.drawn == 0 {
            let _ = writeln!(out, "{}", self.title);
            self.drawn = 1;
        }
        for line in self.recent.iter().skip(self.shown) {
            let _ = writeln!(out, "        {line}");
        }
        self.shown = self.recent.len();
    }

    /// A line for each market, and one for all of them.
    fn status(&self, metrics: &Metrics, elapsed_ns: u64) -> String {
        let mut out = String::new();
        for market in &self.markets {
            let _ = writeln!(out, "{:>5.1} s  {}", seconds(elapsed_ns), market.line());
        }
        let _ = writeln!(
            out,
            "{:>5.1} s  orders {}  cancels {}  rejected {}  alarms {}  tick-to-order p50 {}",
            seconds(elapsed_ns),
            metrics.egress.orders.get(),
            metrics.egress.cancels.get(),
            self.rejects.iter().map(|(_, n)| n).sum::<u64>(),
            self.alarms,
            time(metrics.stage(Stage::TickToOrder).summary().p50),
        );
        out
    }

    fn frame(&self, metrics: &Metrics, elapsed_ns: u64) -> String {
        let of = self.seconds.map_or(String::new(), |s| format!("/ {s} "));
        let mut out = format!("{}   {:.0} {of}s\n", self.title, seconds(elapsed_ns));
        for market in &self.markets {
            if self.markets.len() > 1 {
                let _ = writeln!(out, "-- {}", market.symbol);
            }
            out.push_str(&if self.markets.len() > IN_FULL {
                market.brief()
            } else {
                market.full()
            });
        }
        let rejects: Vec<String> =
            self.rejects.iter().map(|(r, n)| format!("{} {n}", r.name())).collect();
        let _ = writeln!(
            out,
            "orders     sent {}   cancels {}   alarms {}   rejected: {}",
            metrics.egress.orders.get(),
            metrics.egress.cancels.get(),
            self.alarms,
            if rejects.is_empty() { "none".to_owned() } else { rejects.join(", ") }
        );
        let t = metrics.stage(Stage::TickToOrder).summary();
        let _ = writeln!(
            out,
            "latency    tick to signed order p50 {} p99 {} max {} ({} orders)",
            time(t.p50),
            time(t.p99),
            time(t.max),
            t.count
        );
        for i in 0..RECENT {
            let _ = writeln!(out, "  {}", self.recent.get(i).map_or("", String::as_str));
        }
        out
    }
}

/// A reader that has gone away ends nothing.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

fn clip(line: &str) -> String {
    line.chars().take(118).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stamp;
    use crate::instrument::InstId;

    #[test]
    fn a_refusal_that_is_told_twice_counts_once() {
        let mut view = View::new(String::new(), None, &[]);
        let reason = RejectReason::WouldCross;
        let told = |n| Event::Reject {
            order: OrderId::new(n, InstId(0)),
            reason,
            code: 0,
            recv: Stamp(1),
        };
        for n in [1, 1, 2, 1, 2] {
            view.input(&told(n));
        }
        assert_eq!(view.rejects, [(reason, 2)]);
    }
}
