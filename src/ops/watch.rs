//! Cold. A running session and all that people have on it: the view, the door over HTTP, the switch.
//! `demo` and `run` trade with it and end it in the same way.

use super::Failure;
use super::serve::{Bound, Door};
use super::view::View;
use crate::event::Command;
use crate::instrument::InstrumentSpec;
use crate::pipeline::clock::Clock;
use crate::session::{Session, Spec};
use crate::switch::{Asked, Switch};
use std::io::IsTerminal;
use std::time::Duration;

/// Between two looks at the session.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two drawings on a terminal.
const REDRAW_NS: u64 = 100_000_000;
/// After a command, the quiet flag is of the time before it for so long: the strategy writes it
/// every 100 ms.
const FLAG_NS: u64 = 300_000_000;

/// How waiting for quiet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nothing is open and nothing is left to unwind.
    Reached,
    /// Something more urgent was asked.
    Asked(Asked),
    TimedOut,
    /// A thread has panicked.
    Broken,
}

/// When the view is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    on: bool,
    redraw: bool,
    every_ns: u64,
}

impl Drawing {
    /// In place on a terminal; elsewhere lines, so far apart. Not `on`: never.
    pub fn new(on: bool, lines_every: Duration) -> Drawing {
        let redraw = on && std::io::stdout().is_terminal();
        let every_ns = if redraw { REDRAW_NS } else { lines_every.as_nanos() as u64 };
        Drawing { on, redraw, every_ns }
    }
}

#[derive(Debug)]
pub struct Watch {
    pub session: Session,
    pub view: View,
    pub switch: Switch,
    door: Option<Door>,
    clock: Clock,
    begun: u64,
    drawing: Drawing,
    next_draw: u64,
}

impl Watch {
    /// Starts the session. `bound`, `switch`: taken before, for both can refuse.
    pub fn start(
        spec: Spec,
        bound: Option<Bound>,
        switch: Switch,
        mut view: View,
        drawing: Drawing,
    ) -> Result<Watch, Failure> {
        let clock = spec.clock.clone();
        let specs: Vec<InstrumentSpec> = spec.specs.clone();
        let session = Session::start(spec).map_err(Failure::environment)?;
        let door = bound.map(|b| b.open(&specs, &session.metrics, &clock)).transpose()?;
        if let Some(door) = &door {
            view.served(door.address());
        }
        let begun = clock.stamp().0;
        Ok(Watch { session, view, switch, door, clock, begun, drawing, next_draw: begun })
    }

    /// Since the session began.
    pub fn elapsed_ns(&self) -> u64 {
        self.clock.stamp().0 - self.begun
    }

    /// Takes what the engine tells people and people tell the engine; draws when it is time.
    pub fn look(&mut self) {
        if let Some(door) = &self.door {
            door.pass(&mut self.session);
        }
        while let Some(snapshot) = self.session.snapshot() {
            if let Some(door) = &self.door {
                door.put(snapshot);
            }
            self.view.snapshot(snapshot);
        }
        while let Ok(record) = self.session.tap.try_recv() {
            self.view.record(&record);
            if self.drawing.on && !self.drawing.redraw {
                self.view.news();
            }
        }
        if self.drawing.on && self.clock.stamp().0 >= self.next_draw {
            self.next_draw = self.clock.stamp().0 + self.drawing.every_ns;
            self.draw();
        }
    }

    /// Looks, and gives the cpu away for a while.
    pub fn pass(&mut self) {
        self.look();
        std::thread::sleep(PAUSE);
    }

    fn draw(&mut self) {
        let elapsed = self.elapsed_ns();
        self.view.draw(&self.session.metrics, elapsed, self.drawing.redraw);
    }

    /// The ring of commands is full for a moment at most.
    pub fn command(&mut self, command: Command) {
        while !self.session.command(command) && !self.session.is_broken() {
            std::thread::yield_now();
        }
    }

    /// Trades so many seconds, or until something is asked or a thread breaks. Returns what was
    /// asked.
    pub fn trade(&mut self, seconds: Option<u64>) -> Option<Asked> {
        let end = seconds.map_or(u64::MAX, |s| s.saturating_mul(1_000_000_000));
        while self.elapsed_ns() < end && !self.session.is_broken() {
            let asked = self.switch.poll();
            if asked.is_some() {
                return asked;
            }
            self.pass();
        }
        None
    }

    /// Tells the core to end, and waits until it has nothing open, is asked for something more
    /// urgent, or `patience` is over.
    pub fn wait_quiet(&mut self, command: Command, patience: Duration) -> Quiet {
        self.command(command);
        let told = self.elapsed_ns();
        let quiet = loop {
            self.pass();
            let waited = self.elapsed_ns() - told;
            if self.session.is_broken() {
                break Quiet::Broken;
            }
            if let Some(asked) = self.switch.poll() {
                break Quiet::Asked(asked);
            }
            if waited > FLAG_NS && self.session.is_quiet() {
                break Quiet::Reached;
            }
            if waited > patience.as_nanos() as u64 {
                break Quiet::TimedOut;
            }
        };
        self.look();
        quiet
    }

    /// What was to be seen last.
    pub fn last_look(&mut self) {
        self.look();
        if self.drawing.on {
            self.draw();
        }
    }
}
