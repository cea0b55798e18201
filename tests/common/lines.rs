//! Cold. The line language of decision tests: one input a line, what follows from it behind `->`.
//!
//! ```text
//! up                                          // links up, flat, reconciled
//! book SOL bid 99.98 x 20 ask 100.02 x 20
//! decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
//! ack #1
//! why buy           -> volatility 12
//! at +500ms
//! ```
//! A line without an arrow must have no consequence. Consequences are actions and alarms in their
//! order; reasons are asked for with `why buy`, `why sell`, `why hedge` and `why refused`, which
//! show the newest explanation of that kind. The first instrument is not named in consequences.
//! A scenario that does not hold prints itself as it really went.

use evenkeel::core::{Core, CoreConfig, InstConfig, Outputs};
use evenkeel::event::{
    Action, CancelReason, Command, Component, Event, GapReason, Input, LEVELS_PER_EVENT, Level,
    Link, OrderId, ProofLine, Refused, RejectReason, Stamp, Tif, VenueOrderState,
};
use evenkeel::explain::Note;
use evenkeel::instrument::{GridSpec, InstId};
use evenkeel::strategy::pair_exec::{PairParams, PairReason};
use evenkeel::units::{Nanos, Price, Qty, Side};

use super::config::{p, q};
use super::told::explain;

/// When scenarios begin.
pub const START: Nanos = Nanos::from_secs(1_700_000_000);

#[derive(Debug)]
pub struct Desk {
    pub core: Core,
    pub now: Nanos,
    symbols: Vec<String>,
    exch_ms: u64,
    trade_id: u64,
    notes: Vec<Note>,
    /// Answers about the rules of each market.
    rules: Vec<u16>,
    pub log: Vec<Input>,
}

impl Desk {
    pub fn new(config: &CoreConfig) -> Desk {
        let symbols = config.instruments.iter().map(|i| i.spec.symbol.as_str().to_owned());
        Desk {
            core: Core::new(config).expect("a valid config"),
            now: START,
            symbols: symbols.collect(),
            exch_ms: 1,
            trade_id: 1,
            notes: Vec::new(),
            rules: vec![0; config.instruments.len()],
            log: Vec::new(),
        }
    }

    /// Runs a scenario; panics with what really happened when a line's consequence differs.
    pub fn run(&mut self, scenario: &str) -> &mut Desk {
        let mut real = String::new();
        let mut differs = None;
        for (number, line) in scenario.lines().enumerate() {
            let (text, comment) = match line.find("//") {
                Some(at) => (&line[..at], &line[at..]),
                None => (line, ""),
            };
            let (input, want) = text.split_once("->").unwrap_or((text, ""));
            let input = input.trim();
            if input.is_empty() {
                real += &format!("{line}\n");
                continue;
            }
            let got = self.line(input);
            if squeeze(&got) != squeeze(want) && differs.is_none() {
                differs = Some(number + 1);
            }
            let arrow = if got.is_empty() { String::new() } else { format!(" -> {got}") };
            let gap = if comment.is_empty() { "" } else { "   " };
            real += &format!("            {input:<24}{arrow}{gap}{comment}\n");
        }
        if let Some(number) = differs {
            panic!("line {number} went otherwise; the scenario as it went:\n{real}");
        }
        self
    }

    /// One input line; its consequences.
    fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "at" => {
                self.now = self.now.after(span(words[1]));
                String::new()
            }
            "wake" => match self.core.wake_at() {
                Nanos::MAX => "never".into(),
                at => format!("+{}", span_text(at.0 as i64 - self.now.0 as i64)),
            },
            // Time goes on to the next timer, which fires.
            "timer" => {
                assert_ne!(self.core.wake_at(), Nanos::MAX, "there is a timer");
                self.now = self.now.max(self.core.wake_at());
                self.apply(&[Event::Decide { drained: 0 }])
            }
            "why" => self.why(words[1]),
            "shows" => self.shows(words[1], words[2]),
            _ => {
                let events = self.events(&words);
                self.apply(&events)
            }
        }
    }

    pub fn apply(&mut self, events: &[Event]) -> String {
        let mut out = Outputs::default();
        for event in events {
            let input = Input { now: self.now, event: *event };
            self.log.push(input);
            self.core.apply(&input, &mut out);
        }
        self.notes.extend(out.notes.iter().copied());
        let mut said = Vec::new();
        for (action, _) in &out.actions {
            said.push(self.action(action.get()));
        }
        for note in &out.notes {
            match *note {
                Note::Alarm { alarm, .. } => said.push(format!("alarm {}", alarm.name())),
                Note::Adopted { venue, .. } => said.push(format!("adopt {venue}")),
                _ => {}
            }
        }
        said.join(", ")
    }

    fn events(&mut self, words: &[&str]) -> Vec<Event> {
        let recv = Stamp(self.now.0);
        match words[0] {
            "decide" => vec![Event::Decide { drained: 1 }],
            "up" => {
                let mut events = vec![
                    Event::LinkUp { link: Link::Market, recv },
                    Event::LinkUp { link: Link::Orders, recv },
                ];
                for i in 0..self.symbols.len() {
                    // `up 0.3 @ 99` opens the first instrument with a position, and
                    // `up 0.3 @ 99 -1 @ 50` the second one too.
                    let given = words.get(3 * i + 1).zip(words.get(3 * i + 3));
                    let (qty, entry) =
                        given.map_or((Qty(0), Price(0)), |(qty, px)| (q(qty), p(px)));
                    events.push(Event::Position { inst: InstId(i as u16), qty, entry, recv });
                }
                events.push(Event::Reconciled { open_orders: 0, recv });
                events
            }
            "link" => {
                let link = if words[2] == "market" { Link::Market } else { Link::Orders };
                match words[1] {
                    "up" => vec![Event::LinkUp { link, recv }],
                    _ => vec![Event::LinkDown { link, recv }],
                }
            }
            "reconciled" => vec![Event::Reconciled { open_orders: 0, recv }],
            "position" => vec![Event::Position {
                inst: self.inst(words[1]),
                qty: q(words[2]),
                entry: p(words[4]),
                recv,
            }],
            "book" => self.book(&words[1..]),
            "bbo" => {
                self.exch_ms += 1;
                vec![Event::Bbo {
                    inst: self.inst(words[1]),
                    decode_ns: 0,
                    bid: level(words[2], words[4]),
                    ask: level(words[6], words[8]),
                    exch_ms: self.exch_ms,
                    recv,
                }]
            }
            "gap" => {
                let reason = named(GapReason::ALL, |r| r.name(), words[2]);
                vec![Event::Gap { inst: self.inst(words[1]), reason, recv }]
            }
            "kill" | "flatten" | "resume" | "stop" => {
                let command = named(Command::ALL, |c| c.name(), words[0]);
                vec![Event::Command { command }]
            }
            "funding" => vec![Event::Funding {
                inst: self.inst(words[1]),
                amount: q(words[2]).0,
                exch_ms: self.exch_ms,
            }],
            "equity" => vec![Event::Equity { amount: q(words[1]).0, recv }],
            "fill" => vec![self.fill(words)],
            _ => self
                .standing_event(words, recv)
                .unwrap_or_else(|| vec![self.order_event(words, recv)]),
        }
    }

    fn standing_event(&mut self, words: &[&str], recv: Stamp) -> Option<Vec<Event>> {
        Some(match words[0] {
            "equity" => vec![Event::Equity { amount: q(words[1]).0, recv }],
            "jump" => vec![Event::ClockJump { by: span(words[1]).0 as i64, recv }],
            "rules" => vec![self.rules(words, recv)],
            "proved" | "disproved" => vec![self.proof(words)],
            // `requests 150 [minute 900] [refused]`
            "requests" => {
                let option = |name| words.iter().position(|w| *w == name);
                let minute = option("minute").map_or("0", |at| words[at + 1]);
                vec![Event::RateBudget {
                    refused: option("refused").is_some(),
                    minute_permille: minute.parse().expect("permille"),
                    left: words[1].parse().expect("requests"),
                    used: 0,
                    recv,
                }]
            }
            // The venue's clock moves on by so much.
            "venue" => {
                self.exch_ms += span(words[1]).0 / 1_000_000;
                Vec::new()
            }
            _ => return None,
        })
    }

    /// `rules SOL lot 0.1 notional 20`, over the market of round numbers; `rules SOL delisted`
    fn rules(&mut self, words: &[&str], recv: Stamp) -> Event {
        let inst = self.inst(words[1]);
        self.rules[usize::from(inst.0)] += 1;
        let option = |name| words.iter().position(|w| *w == name).map(|at| words[at + 1]);
        let known = super::config::spec("?");
        Event::Rules {
            inst,
            listed: words.get(2) != Some(&"delisted"),
            grid: option("tick").map_or(known.grid, |w| GridSpec::Tick(p(w))),
            lot: option("lot").map_or(known.lot, q),
            min_size: option("min").map_or(known.min_size, q),
            min_notional: option("notional").map_or(known.min_notional.to_raw(), |w| q(w).0),
            recv,
        }
    }

    /// `proved SOL 80 to 120 [late]`, `disproved SOL 99 to 101`: an answer about the newest rules;
    /// a late one is about those before.
    fn proof(&self, words: &[&str]) -> Event {
        let inst = self.inst(words[1]);
        let late = u16::from(words.last() == Some(&"late"));
        Event::Proved {
            inst,
            holds: words[0] == "proved",
            line: ProofLine::Cap,
            component: Component::Maker,
            rules: self.rules[usize::from(inst.0)].wrapping_sub(late),
            lo: p(words[2]),
            hi: p(words[4]),
            size: q("0.05"),
            px: p(words[2]),
            floor: q("0.1"),
        }
    }

    /// `book SOL bid 99.98 x 20 99.97 x 5 ask 100.02 x 20`
    fn book(&mut self, words: &[&str]) -> Vec<Event> {
        let inst = self.inst(words[0]);
        let asks = words.iter().position(|w| *w == "ask").expect("a book has asks");
        let sides = [(Side::Buy, &words[2..asks]), (Side::Sell, &words[asks + 1..])];
        let mut events = Vec::new();
        let mut counts = [0; 2];
        for (side, rows) in sides {
            let rows: Vec<Level> = rows.chunks(3).map(|r| level(r[0], r[2])).collect();
            counts[side.index()] = rows.len() as u8;
            for (i, chunk) in rows.chunks(LEVELS_PER_EVENT).enumerate() {
                let mut levels = [Level::default(); LEVELS_PER_EVENT];
                levels[..chunk.len()].copy_from_slice(chunk);
                let (start, count) = ((i * LEVELS_PER_EVENT) as u8, chunk.len() as u8);
                events.push(Event::Levels { inst, side, start, count, levels });
            }
        }
        self.exch_ms += 1;
        events.push(Event::BookEnd {
            inst,
            bids: counts[0],
            asks: counts[1],
            decode_ns: 0,
            exch_ms: self.exch_ms,
            recv: Stamp(self.now.0),
        });
        events
    }

    /// `fill #1 buy 0.5 @ 99.94 maker [id 7] [fee 0.01]`, `fill SOL buy 0.5 @ 99 taker`
    fn fill(&mut self, words: &[&str]) -> Event {
        let (order, inst) = match words[1].contains('#') {
            true => (self.order(words[1]), self.order(words[1]).inst()),
            false => (OrderId::EXTERNAL, self.inst(words[1])),
        };
        let option = |name| words.iter().position(|w| *w == name).map(|at| words[at + 1]);
        self.trade_id += 1;
        let id = option("id").map_or(self.trade_id, |w| w.parse().expect("a trade id"));
        Event::Fill {
            inst,
            side: if words[2] == "buy" { Side::Buy } else { Side::Sell },
            taker: words[6] == "taker",
            order,
            px: p(words[5]),
            qty: q(words[3]),
            fee: option("fee").map_or(0, |w| q(w).0),
            trade_id: id,
            exch_ms: self.exch_ms,
        }
    }

    fn order_event(&mut self, words: &[&str], recv: Stamp) -> Event {
        let order = self.order(words[1]);
        let rest = words.get(2).copied().unwrap_or_default();
        match words[0] {
            "ack" => Event::Ack { order, venue_oid: order.0, resting: rest != "ioc", recv },
            "reject" => {
                let reason = named(RejectReason::ALL, |r| r.name(), rest);
                Event::Reject { order, reason, code: 0, recv }
            }
            "canceled" => {
                let reason = if rest.is_empty() { "by_us" } else { rest };
                let reason = named(CancelReason::ALL, |r| r.name(), reason);
                Event::Canceled { order, reason, recv }
            }
            "cancel_reject" => Event::CancelReject { order, gone: rest == "gone", recv },
            "unknown" => Event::OutcomeUnknown { order, recv },
            "unsent" => {
                let reason = named(Refused::ALL, |r| r.name(), rest);
                Event::Unsent { order, reason, recv }
            }
            "state" => {
                let state = match rest {
                    "open" => VenueOrderState::Open,
                    "filled" => VenueOrderState::Filled,
                    "canceled" => VenueOrderState::Canceled,
                    "rejected" => VenueOrderState::Rejected,
                    "not_found" => VenueOrderState::NotFound,
                    other => panic!("no such state: {other}"),
                };
                let filled = words.get(3).map_or(Qty(0), |w| q(w));
                Event::OrderState { order, state, filled, venue_oid: 0, recv }
            }
            other => panic!("no such line: {other}"),
        }
    }

    fn inst(&self, symbol: &str) -> InstId {
        let at = self.symbols.iter().position(|s| s == symbol);
        InstId(at.unwrap_or_else(|| panic!("no instrument {symbol}")) as u16)
    }

    /// `#3` of the first instrument, `ETH#3` of another.
    fn order(&self, word: &str) -> OrderId {
        let (symbol, number) = word.split_once('#').expect("an order is #number");
        let inst = if symbol.is_empty() { InstId(0) } else { self.inst(symbol) };
        OrderId::new(number.parse().expect("a number"), inst)
    }

    fn tag(&self, inst: InstId) -> String {
        match inst.0 {
            0 => String::new(),
            i => self.symbols[usize::from(i)].clone(),
        }
    }

    fn id(&self, order: OrderId) -> String {
        format!("{}#{}", self.tag(order.inst()), order.counter())
    }

    fn action(&self, action: Action) -> String {
        match action {
            Action::Place { side, tif, reduce_only, component, order, px, qty, .. } => {
                let who = match component {
                    Component::Maker => String::new(),
                    other => format!("{} ", other.name()),
                };
                let tif = match tif {
                    Tif::Alo => "alo",
                    Tif::Ioc => "ioc",
                    Tif::Gtc => "gtc",
                };
                let reduce = if reduce_only { " reduce" } else { "" };
                let side = side.name();
                format!("place {who}{side} {px} x {qty} {} {tif}{reduce}", self.id(order))
            }
            Action::Cancel { order, .. } => format!("cancel {}", self.id(order)),
            Action::Query { order, .. } => format!("query {}", self.id(order)),
            Action::CancelAll => "cancel all".into(),
            Action::ReadAccount => "read account".into(),
            Action::RefreshRules { inst } => {
                format!("refresh {}", self.symbols[usize::from(inst.0)])
            }
            Action::Prove { inst, px, .. } => {
                format!("prove {} {px}", self.symbols[usize::from(inst.0)])
            }
            Action::Resnapshot { inst } => {
                format!("resnapshot {}", self.symbols[usize::from(inst.0)])
            }
            Action::Modify { side, order, old, px, qty, .. } => {
                let side = side.name();
                format!("modify {} {side} {px} x {qty} {}", self.id(old), self.id(order))
            }
        }
    }

    /// The newest explanation of a kind; `ETH:buy` of another instrument.
    fn why(&self, what: &str) -> String {
        let (inst, what) = match what.split_once(':') {
            Some((symbol, what)) => (self.inst(symbol), what),
            None => (InstId(0), what),
        };
        let of = |note: &&Note| match (**note, what) {
            (Note::Quote { inst: i, side, .. }, _) => i == inst && side.name() == what,
            (Note::Hedge { inst: i, .. }, "hedge") => i == inst,
            (Note::Refused { inst: i, .. }, "refused") => i == inst,
            (Note::FastCancel { inst: i, .. }, "fast") => i == inst,
            (Note::Markout { inst: i, .. }, "markout") => i == inst,
            (Note::Ladder { inst: i, .. }, "ladder") => i == inst,
            (Note::Level { inst: i, .. }, "level") => i == inst,
            (Note::Pair { inst: i, .. }, "pair") => i == inst,
            (Note::PairSolved { inst: i, .. }, "solved") => i == inst,
            (Note::PairEntered { inst: i, .. }, "entered") => i == inst,
            (Note::PairSent { inst: i, .. }, "sent") => i == inst,
            (Note::Proof { inst: i, .. }, "proof") => i == inst,
            (Note::Tier { .. }, "tier") | (Note::Budget { .. }, "requests") => true,
            _ => false,
        };
        match self.notes.iter().rev().find(of) {
            None => "nothing".into(),
            Some(note) => explain(note),
        }
    }

    /// A figure that people see.
    fn shows(&mut self, symbol: &str, what: &str) -> String {
        if symbol == "pair" {
            let seen = self.core.pair(0).expect("a pair");
            return match what {
                "phase" => seen.phase.name().into(),
                "cycles" => seen.counts.cycles.to_string(),
                "succeeded" => seen.counts.succeeded.to_string(),
                "level" => seen.counts.level.to_string(),
                "legs" => format!("{} of {}", seen.counts.legs_filled, seen.counts.legs_sent),
                reason => {
                    let reason = named(PairReason::ALL, |r| r.name(), reason);
                    seen.counts.reasons[reason as usize].to_string()
                }
            };
        }
        let seen = self.core.snapshot(self.inst(symbol));
        match what {
            "position" => seen.position.to_string(),
            "orders" => seen.open_orders.to_string(),
            "phase" => seen.hedger.phase().name().into(),
            "guard" => if seen.maker.pnl_guard.is_active() { "on" } else { "off" }.into(),
            "total" => seen.pnl.total.to_string(),
            "spread" => seen.pnl.spread.to_string(),
            "hedge" => seen.pnl.hedge.to_string(),
            "concentrated" => self.core.counts().ladder_concentrated.to_string(),
            "filtered" => self.core.counts().ladder_filtered.to_string(),
            "quiet" => self.core.is_flat_and_quiet().to_string(),
            "halted" => self.core.is_halted().to_string(),
            "health" => self.core.degraded(self.inst(symbol)).unwrap_or("ok").into(),
            other => panic!("nothing shows {other}"),
        }
    }
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn level(px: &str, qty: &str) -> Level {
    Level { px: p(px), qty: q(qty) }
}

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, word: &str) -> T {
    let found = all.iter().copied().find(|t| name(*t) == word);
    found.unwrap_or_else(|| panic!("no such name: {word}"))
}

fn span(word: &str) -> Nanos {
    let word = word.trim_start_matches('+');
    let (digits, unit) = word.split_at(word.find(char::is_alphabetic).expect("a unit"));
    let count: u64 = digits.parse().expect("a whole number");
    match unit {
        "us" => Nanos(count * 1_000),
        "ms" => Nanos::from_millis(count),
        "s" => Nanos::from_secs(count),
        other => panic!("no such unit: {other}"),
    }
}

fn span_text(ns: i64) -> String {
    match ns {
        n if n % 1_000_000_000 == 0 => format!("{}s", n / 1_000_000_000),
        n if n % 1_000_000 == 0 => format!("{}ms", n / 1_000_000),
        n => format!("{}us", n / 1_000),
    }
}

/// One market with a maker.
pub fn sol(change: impl FnOnce(&mut InstConfig)) -> Desk {
    let mut inst = super::config::inst("SOL");
    change(&mut inst);
    Desk::new(&super::config::core(vec![inst]))
}

pub fn plain() -> Desk {
    sol(|_| {})
}

/// One market with a hedger and no maker.
pub fn hedged(change: impl FnOnce(&mut InstConfig)) -> Desk {
    sol(|i| {
        i.hedger = Some(super::config::hedger());
        i.maker = None;
        change(i);
    })
}

/// SOL is made, and hedged on ETH: 0.05 of it for one. No maker, so that all inventory is given.
pub fn hedged_on(change: impl FnOnce(&mut [InstConfig])) -> Desk {
    let mut config = super::config::hedged_on();
    change(&mut config.instruments);
    Desk::new(&config)
}

/// Long ETH, short SOL, and nothing else.
pub fn paired(change: impl FnOnce(&mut PairParams, &mut [InstConfig])) -> Desk {
    Desk::new(&super::config::pair(change))
}
