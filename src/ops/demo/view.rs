//! Cold. What a person sees while the demo runs: the state of the market, of the engine and the
//! reasons, drawn in place on a terminal and line by line elsewhere.

use super::DemoArgs;
use crate::core::InstSnapshot;
use crate::event::{Action, Component, Event, OrderId, RejectReason};
use crate::explain::Note;
use crate::instrument::InstrumentSpec;
use crate::journal::Record;
use crate::pipeline::metrics::{Metrics, Stage, Summary};
use crate::pipeline::table::Table;
use crate::strategy::ladder::Allocated;
use crate::strategy::maker::{SIZE_FACTORS, SPREAD_PARTS, SizeFactor, SpreadPart};
use crate::strategy::pair::Imbalance;
use crate::strategy::regime::{Mode, Trend};
use crate::units::{Bps, Price, Qty, Side};
use rust_decimal::Decimal;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;

/// Lines of the recent past that are shown.
const RECENT: usize = 10;

/// The last explanation of a side.
#[derive(Clone, Copy, Debug)]
struct Said {
    silence: Option<&'static str>,
    px: Price,
    qty: Qty,
    parts: [i32; SPREAD_PARTS],
    factors: [u16; SIZE_FACTORS],
    raised: bool,
}

#[derive(Debug)]
pub struct View {
    title: String,
    symbol: String,
    seconds: u64,
    pub snapshot: Option<InstSnapshot>,
    said: [Option<Said>; 2],
    hedge: String,
    recent: VecDeque<String>,
    rejects: Vec<(RejectReason, u64)>,
    /// Each held entry of a pair: its cycle, and its imbalance by the fills.
    pub entered: Vec<(u32, Imbalance)>,
    /// Orders' components, so that a fill can say whose it was.
    owners: VecDeque<(OrderId, Component)>,
    drawn: usize,
    shown: usize,
}

impl View {
    pub fn new(args: &DemoArgs, spec: &InstrumentSpec, table: &Table, url: String) -> View {
        let source = match &args.data {
            Some(folder) => format!("recording {}", folder.display()),
            None => format!("seed {}", args.seed),
        };
        let threads = table.threads.len();
        let title = format!(
            "evenkeel demo: {} at {url}, {source}, {}x time, {} on {threads} thread{}, {}",
            spec.symbol.as_str(),
            args.speed,
            table.topology.name(),
            if threads == 1 { "" } else { "s" },
            table.wait.name(),
        );
        View {
            title,
            symbol: spec.symbol.as_str().to_owned(),
            seconds: args.seconds,
            snapshot: None,
            said: [None; 2],
            hedge: "idle".to_owned(),
            recent: VecDeque::with_capacity(RECENT),
            rejects: Vec::new(),
            entered: Vec::new(),
            owners: VecDeque::with_capacity(256),
            drawn: 0,
            shown: 0,
        }
    }

    /// Where health and metrics are served.
    pub fn served(&mut self, address: std::net::SocketAddr) {
        self.tell(format!("http    http://{address}/health and /metrics"));
    }

    pub fn snapshot(&mut self, snapshot: InstSnapshot) {
        self.snapshot = Some(snapshot);
    }

    pub fn record(&mut self, record: &Record) {
        match record {
            Record::Action(
                Action::Place { order, component, side, px, qty, .. }
                | Action::Modify { order, component, side, px, qty, .. },
            ) => {
                if self.owners.len() == 256 {
                    self.owners.pop_front();
                }
                self.owners.push_back((*order, *component));
                if !component.is_quoting() {
                    let who = component.name();
                    self.tell(format!("{who:<7} {side} {qty} @ {px}  #{}", order.counter()));
                }
            }
            Record::Input(input) => self.input(&input.event),
            Record::Note(note) => self.note(note),
            _ => {}
        }
    }

    fn input(&mut self, event: &Event) {
        match *event {
            Event::Fill { side, order, px, qty, taker, fee, .. } => {
                let owner = self.owners.iter().rev().find(|(id, _)| *id == order);
                let who = owner.map_or("late", |(_, c)| c.name());
                let how = if taker { "taker" } else { "maker" };
                let fee = crate::units::raw_text(fee);
                self.tell(format!("fill    {who} {side} {qty} @ {px} as {how}, fee {fee}"));
            }
            Event::Reject { reason, order, .. } => {
                match self.rejects.iter_mut().find(|(r, _)| *r == reason) {
                    Some((_, count)) => *count += 1,
                    None => self.rejects.push((reason, 1)),
                }
                self.tell(format!("reject  #{} {}", order.counter(), reason.name()));
            }
            Event::LinkUp { link, .. } => self.tell(format!("link    {} up", link.name())),
            Event::LinkDown { link, .. } => self.tell(format!("link    {} DOWN", link.name())),
            Event::Reconciled { open_orders, .. } => {
                self.tell(format!("ready   reconciled, {open_orders} orders were open"));
            }
            Event::Gap { reason, .. } => self.tell(format!("gap     {}", reason.name())),
            _ => {}
        }
    }

    fn note(&mut self, note: &Note) {
        match *note {
            Note::Quote { side, silence, raised, px, qty, parts, factors, .. } => {
                let silence = silence.map(|s| s.name());
                let before = self.said[side.index()];
                if before.map(|s| s.silence) != Some(silence) {
                    match silence {
                        Some(why) => self.tell(format!("silent  {side}: {why}")),
                        None => self.tell(format!("quotes  {side} again")),
                    }
                }
                self.said[side.index()] = Some(Said { silence, px, qty, parts, factors, raised });
            }
            Note::Hedge { phase, reason, inventory, residual, .. } => {
                self.hedge = format!(
                    "{} ({}), inventory {inventory}, would leave {residual}",
                    phase.name(),
                    reason.name()
                );
            }
            Note::Refused { component, side, reason, px, qty, .. } => {
                let who = component.name();
                self.tell(format!("refused {who} {side} {qty} @ {px}: {}", reason.name()));
            }
            Note::FastCancel { order, edge, .. } => {
                self.tell(format!("pulled  #{}: edge {} bps left", order.counter(), Bps(edge)));
            }
            Note::Alarm { alarm, .. } => self.tell(format!("ALARM   {}", alarm.name())),
            Note::Adopted { ours, venue, .. } => {
                self.tell(format!("ADOPTED position {venue} of the venue, ours was {ours}"));
            }
            Note::Ladder { side, how, levels, capacity, floor, total, .. } => {
                let how = match how {
                    Allocated::BelowFloor => "WARNING all levels filtered",
                    other => other.name(),
                };
                self.tell(format!(
                    "ladder  {side} {how}: {levels} levels, {total} of {capacity}, floor {floor}"
                ));
            }
            Note::Pair { cycle, phase, reason, positions: [a, b], .. } => {
                let (phase, why) = (phase.name(), reason.name());
                self.tell(format!("pair    cycle {cycle} {phase}: {why}; holds {a} and {b}"));
            }
            Note::PairEntered { cycle, notional, .. } => {
                let ratio = Imbalance::of(notional[0], notional[1]);
                self.entered.extend(ratio.map(|r| (cycle, r)));
                let ratio = ratio.map_or("not known".to_owned(), |r| r.to_string());
                self.tell(format!("pair    cycle {cycle} filled, imbalance {ratio}"));
            }
            Note::PairSolved { .. } | Note::PairSent { .. } | Note::Level { .. } => {}
            Note::Proof { holds: true, lo, hi, .. } => {
                self.tell(format!("proved  for mids {lo} to {hi}"));
            }
            Note::Proof { line, component, size, px, floor, .. } => {
                let (who, line) = (component.name(), line.name());
                self.tell(format!("UNPROVED {who} {line}: {size} at {px}, least {floor}"));
            }
            Note::Tier { advised, .. } => {
                let not = if advised { "" } else { "no longer " };
                self.tell(format!("fee-paying tier {not}advised"));
            }
            Note::Markout { .. } | Note::Hash { .. } => {}
        }
    }

    fn tell(&mut self, line: String) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
            self.shown = self.shown.saturating_sub(1);
        }
        self.recent.push_back(line);
    }

    /// Draws the state: in place on a terminal, one status line and the news elsewhere.
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
            if self.drawn == 0 {
                let _ = writeln!(out, "{}", self.title);
                self.drawn = 1;
            }
            for line in self.recent.iter().skip(self.shown) {
                let _ = writeln!(out, "        {line}");
            }
            self.shown = self.recent.len();
            let _ = writeln!(out, "{}", self.status(metrics, elapsed_ns));
        }
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(out.as_bytes());
        let _ = stdout.flush();
    }

    fn status(&self, metrics: &Metrics, elapsed_ns: u64) -> String {
        let Some(s) = &self.snapshot else {
            return format!("{:>5.1} s  connecting", seconds(elapsed_ns));
        };
        let latency = metrics.stage(Stage::TickToOrder).summary();
        format!(
            "{:>5.1} s  mid {}  inventory {} {}  fills {}  pnl {}  orders {}  tick-to-order p50 {}",
            seconds(elapsed_ns),
            s.top.map_or("-".to_owned(), |t| t.mid().to_string()),
            s.position,
            self.symbol,
            s.fills,
            quote(s.pnl.total.to_raw()),
            metrics.egress.orders.get(),
            time(latency.p50),
        )
    }

    fn frame(&self, metrics: &Metrics, elapsed_ns: u64) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{}   {:.0} / {} s", self.title, seconds(elapsed_ns), self.seconds);
        let Some(s) = &self.snapshot else {
            let _ = writeln!(out, "connecting");
            return out;
        };
        match s.top {
            Some(t) => {
                let _ = writeln!(
                    out,
                    "book       bid {:>10} x {:<10} ask {:>10} x {:<10} spread {} bps",
                    t.bid.px,
                    t.bid.qty,
                    t.ask.px,
                    t.ask.qty,
                    bps(t.bid.px.bps_to(t.ask.px))
                );
            }
            None => {
                let _ = writeln!(out, "book       not valid");
            }
        }
        let _ = writeln!(
            out,
            "market     volatility {} bps   trend {} bps   regime {}{}{}",
            s.volatility.map_or("warming up".to_owned(), bps),
            bps(s.trend),
            if s.maker.regime.mode == Mode::Aggressive { "aggressive" } else { "defensive" },
            match s.maker.regime.trend {
                Trend::None => "",
                Trend::Down => "   TREND DOWN",
                Trend::Up => "   TREND UP",
            },
            if s.maker.regime.paused { "   PAUSED" } else { "" },
        );
        for side in Side::BOTH {
            let _ = writeln!(out, "{}", self.quote_line(side));
        }
        let _ = writeln!(
            out,
            "inventory  {} {}   max {}   open orders {}   pnl guard {}",
            s.position,
            self.symbol,
            s.max_abs_position,
            s.open_orders,
            if s.maker.pnl_guard.is_active() { "ACTIVE" } else { "clear" }
        );
        let _ = writeln!(out, "hedger     {}", self.hedge);
        let p = &s.pnl;
        let _ = writeln!(
            out,
            "pnl        {} = spread {} + inventory {} + hedge {} + fees {} + funding {}",
            quote(p.total.to_raw()),
            quote(p.spread.to_raw()),
            quote(p.inventory.to_raw()),
            quote(p.hedge.to_raw()),
            quote(p.fees.to_raw()),
            quote(p.funding.to_raw())
        );
        let rejects: Vec<String> =
            self.rejects.iter().map(|(r, n)| format!("{} {n}", r.name())).collect();
        let _ = writeln!(
            out,
            "orders     sent {}   cancels {}   fills {}   rejected: {}",
            metrics.egress.orders.get(),
            metrics.egress.cancels.get(),
            s.fills,
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

    fn quote_line(&self, side: Side) -> String {
        let name = if side == Side::Buy { "bid" } else { "ask" };
        let Some(said) = &self.said[side.index()] else {
            return format!("{name}        -");
        };
        if let Some(why) = said.silence {
            return format!("{name}        silent: {why}");
        }
        let parts: Vec<String> = SpreadPart::NAMES
            .iter()
            .zip(said.parts)
            .filter(|(_, raw)| *raw != 0)
            .map(|(part, raw)| format!("{part} {}", bps(Bps(i64::from(raw)))))
            .collect();
        let factors: Vec<String> = SizeFactor::NAMES
            .iter()
            .zip(said.factors)
            .filter(|(_, permille)| *permille != 1000)
            .map(|(factor, permille)| format!(" x{} {factor}", rounded(i64::from(permille), 3, 2)))
            .collect();
        let sum: i64 = said.parts.iter().map(|p| i64::from(*p)).sum();
        format!(
            "{name}        {:>10} x {:<8} spread {} = {}{}{}",
            said.px,
            said.qty,
            bps(Bps(sum)),
            parts.join(" + "),
            factors.concat(),
            if said.raised { " (raised to the minimum)" } else { "" }
        )
    }
}

fn clip(line: &str) -> String {
    line.chars().take(118).collect()
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Basis points with two places, for people.
pub fn bps(value: Bps) -> String {
    // Raw 10^-4 bps.
    rounded(value.0, 4, 2)
}

/// Raw 10^-8 quote with four places and its sign, for people.
pub fn quote(raw: i64) -> String {
    let sign = if raw < 0 { "" } else { "+" };
    format!("{sign}{}", rounded(raw, 8, 4))
}

/// An integer of 10^-`scale` as text with so many places: a report's rounding, never a decision's.
pub fn rounded(raw: i64, scale: u32, places: u32) -> String {
    let exact = Decimal::from_i128_with_scale(i128::from(raw), scale);
    format!("{:.*}", places as usize, exact.round_dp(places))
}

/// A span for people.
pub fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

/// One line of the latency table.
pub fn latency_row(stage: Stage, s: &Summary) -> String {
    format!(
        "  {:<14} {:>8} {:>11} {:>11} {:>11} {:>11}",
        stage.name(),
        s.count,
        time(s.p50),
        time(s.p99),
        time(s.p999),
        time(s.max)
    )
}
