//! Cold. Egress beside its socket: the venue's view of the account, chores of cold threads, and the
//! last cancels.

use super::{EgressStep, RingSink, Standing};
use crate::event::{Action, Event, OrderId, Stamp};
use crate::instrument::{InstId, Instrument, Quantizer};
use crate::net::{Conn, NetError};
use crate::pipeline::chores::spec_of;
use crate::units::{Price, Qty};
use crate::venue::rest::VenueView;

/// How often what rests is cancelled after the core is gone, and the pause between: 10 s, in which
/// a venue that is away for a moment comes back. Where a view costs much of a minute's requests, the
/// pause is the venue's own between two, and there are fewer of them.
const ABANDON_TRIES: u64 = 100;
const ABANDON_TRIES_LEAST: u64 = 10;
/// Empty lists before the one that is believed.
const ABANDON_EMPTY: u32 = 2;
const ABANDON_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// The pause between two views of the end, and how many there are, by the venue's own pause. One of a
/// quarter of a second is for a run that goes on; the end may hurry.
fn abandon_pace(view_every_ns: u64) -> (std::time::Duration, u64) {
    let pause = std::time::Duration::from_nanos(view_every_ns);
    if pause <= ABANDON_PAUSE * 5 {
        return (ABANDON_PAUSE, ABANDON_TRIES);
    }
    // Of a venue's pause, which is not zero.
    let tries = ABANDON_TRIES * ABANDON_PAUSE.as_nanos() as u64 / view_every_ns;
    (pause, tries.max(ABANDON_TRIES_LEAST))
}

impl EgressStep {
    /// What is not sent on this connection, and needs none.
    #[cold]
    pub(super) fn ask_cold(&mut self, action: &Action) {
        match *action {
            Action::CancelAll => self.sweep = true,
            Action::ReadAccount if self.standing == Standing::Ready => {
                self.standing = Standing::Reconciling;
            }
            Action::RefreshRules { inst } => self.chores.want_rules(inst),
            Action::Prove { inst, rules, px } => self.prove(inst, rules, px),
            // Being read already, or to be read as soon as there is a connection; and the
            // sequencer gives snapshots to feed.
            _ => {}
        }
    }

    /// From here on the core decides by the rules of this number: so does the last door.
    fn prove(&mut self, inst: InstId, rules: u16, px: Price) {
        let Some((number, told)) = self.told.get_mut(usize::from(inst.0)) else { return };
        if *number == rules
            && let Some(instrument) = told.take()
        {
            self.markets[usize::from(inst.0)] = Quantizer::new(instrument);
        }
        if px > Price::ZERO {
            let market = self.markets[usize::from(inst.0)].instrument();
            self.chores.want_proof(market, px, rules);
        }
    }

    /// Answers of the cold threads go to the core.
    #[cold]
    pub(super) fn do_chores(&mut self, now: Stamp) {
        let EgressStep { chores, events, told, markets, .. } = self;
        chores.poll(now, |event| {
            if events.push(event).is_err() {
                return false;
            }
            if let Event::Rules { inst, .. } = event {
                let at = usize::from(inst.0);
                let known = told[at].1.as_ref().unwrap_or(markets[at].instrument()).spec;
                told[at].0 = told[at].0.wrapping_add(1);
                // What is none is refused by the core as well, and stays what it was.
                if let Ok(next) = Instrument::new(inst, spec_of(&event, &known)) {
                    told[at].1 = Some(next);
                }
            }
            true
        });
    }

    /// The venue says over REST what became of an order.
    #[cold]
    pub(super) fn want_fate(&mut self, order: OrderId, client: u128) {
        if !self.fates.want(order, client) {
            // The core asks again when its time is over.
            self.metrics.egress.unsent.add(1);
        }
    }

    #[cold]
    pub(super) fn tell_fates(&mut self, now: Stamp) {
        let now_ms = self.clock.time(now).0 / 1_000_000;
        let EgressStep { fates, venue, events, .. } = self;
        fates.poll(now, now_ms, venue, |event| events.push(event).is_ok());
    }

    /// Reads the venue's view until no order rests there that is not of this run.
    #[cold]
    pub(super) fn reconcile(&mut self, conn: &mut Conn, now: Stamp) -> Result<(), NetError> {
        match self.reconciler.poll() {
            None => {
                if now.0 >= self.next_reconcile {
                    self.next_reconcile = now.0 + self.venue.view_every_ns();
                    let pass = self.venue.pass(self.clock.time(now).0 / 1_000_000);
                    self.reconciler.start(pass);
                }
                Ok(())
            }
            // Tried again at the next time.
            Some(Err(_)) => Ok(()),
            Some(Ok(view)) => self.take_view(conn, &view, now),
        }
    }

    fn take_view(&mut self, conn: &mut Conn, view: &VenueView, now: Stamp) -> Result<(), NetError> {
        let now_ms = self.clock.time(now).0 / 1_000_000;
        self.venue.take_view(view);
        // Before the positions that they have made.
        if !self.venue.tell_recovered(&mut RingSink(&mut self.events)) {
            return Ok(());
        }
        let mut foreign = 0;
        for order in view.orders.iter().filter(|order| order.inst.is_some()) {
            if self.venue.is_ours(order) && !self.sweep {
                continue;
            }
            foreign += 1;
            if let Ok(len) = self.venue.cancel_listed(order, now_ms, &mut self.frame[..]) {
                conn.send(&self.frame[..len])?;
            }
        }
        if foreign > 0 {
            return Ok(());
        }
        self.sweep = false;
        if self.standing != Standing::Reconciling {
            return Ok(());
        }
        if self.events.free() < self.markets.len() + 2 {
            return Ok(());
        }
        for i in 0..self.markets.len() {
            let inst = InstId(i as u16);
            let held = view.positions.iter().find(|p| p.inst == Some(inst));
            let (qty, entry) = held.map_or((Qty::ZERO, Price::ZERO), |p| (p.qty, p.entry));
            let _ = self.events.push(Event::Position { inst, qty, entry, recv: now });
        }
        if let Some(amount) = view.equity {
            let _ = self.events.push(Event::Equity { amount, recv: now });
        }
        let open_orders = view.orders.len() as u32;
        let _ = self.events.push(Event::Reconciled { open_orders, recv: now });
        self.standing = Standing::Ready;
        Ok(())
    }

    /// The core is gone: its thread panicked, or its end of the ring was dropped. What rests is
    /// cancelled by the venue's own list, because nobody is left who knows ours. Blocks. A panic of
    /// egress itself has lost the connection: there is another one.
    #[cold]
    pub fn abandon(&mut self) {
        self.abandoned = true;
        let mut empty = 0;
        let (pause, tries) = abandon_pace(self.venue.view_every_ns());
        for _ in 0..tries {
            match self.sweep_once() {
                // What was sent just before may not be listed yet: it must stay empty.
                Ok(true) if empty == ABANDON_EMPTY => return,
                Ok(true) => empty += 1,
                Ok(false) => empty = 0,
                Err(error) => {
                    tracing::error!(%error, "orders may rest at the venue: cancelling them again");
                    self.conn = None;
                    // The second path: it needs no socket.
                    self.rescue.finish(1, &mut self.venue, &mut self.frame[..]);
                }
            }
            std::thread::sleep(pause);
        }
        tracing::error!("orders may rest at the venue: nothing cancels them any more");
    }

    /// Cancels what the venue lists; true when it lists nothing.
    fn sweep_once(&mut self) -> Result<bool, String> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.dialer.dial().map_err(|error| error.to_string())?,
        };
        self.reconciler.forget();
        let pass = self.venue.pass(self.clock.now().0 / 1_000_000);
        let view = self.reconciler.view(&pass)?;
        self.venue.take_view(&view);
        for order in view.orders.iter().filter(|order| order.inst.is_some()) {
            let now_ms = self.clock.now().0 / 1_000_000;
            let encoded = self.venue.cancel_listed(order, now_ms, &mut self.frame[..]);
            let len = encoded.map_err(|reason| reason.name().to_owned())?;
            conn.send(&self.frame[..len]).map_err(|error| error.to_string())?;
        }
        self.conn = Some(conn);
        Ok(view.orders.iter().all(|order| order.inst.is_none()))
    }
}
