//! Hot. Egress: everything that concerns our account. It alone has keys, nonces and the user stream.
//!
//! Actions come from the core in order and leave in order; neighbours of one kind share a frame.
//! What the venue says goes to the core and is never dropped: without room in the ring the socket
//! is not read, and TCP makes the venue wait. When the core is gone, egress cancels everything.

mod batch;
mod beat;
mod cold;

use super::Step;
use super::chores::Chores;
use super::clock::Clock;
use super::dial::Dialer;
use super::fates::Fates;
use super::metrics::{Metrics, Stage};
use super::reconcile::Reconciler;
use super::rescue::Rescue;
use crate::event::{Action, Event, Link, Refused, Stamp, Timed};
use crate::instrument::{Instrument, Quantizer};
use crate::net::{Conn, NetError};
use crate::risk::Approved;
use crate::venue::account::{AccountFrame, Asked};
use crate::venue::{Sink, VenueAccount};
use batch::{is_legal, is_order, same_frame};
use ring::spsc::{Consumer, Producer};
use std::sync::Arc;

/// Entries of one frame at most; the venue's own limit may be lower.
const BATCH: usize = crate::venue::BATCH_MAX;
/// Bytes of the longest frame.
const FRAME: usize = crate::venue::FRAME_MAX;
/// Room that the account ring must have before a frame is read: an answer has at most one event an
/// entry. Longer frames (fill snapshots) pass in pieces.
const ROOM: usize = 64;
/// Questions have post numbers of their own, far above those of orders.
const ASK_BASE: u64 = 1 << 40;
const PING_NS: u64 = 15_000_000_000;
const SILENCE_NS: u64 = 32_000_000_000;

/// Where the account stands with the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// No connection.
    Down,
    /// The venue's view was asked for; the core may not quote yet.
    Reconciling,
    Ready,
}

#[derive(Debug)]
pub struct EgressStep {
    venue: VenueAccount,
    /// Entries of one frame at this venue.
    batch_max: usize,
    markets: Vec<Quantizer>,
    /// Rules that the core was told of: markets as they will be, once it decides by them, and how
    /// many answers about each there were.
    told: Vec<(u16, Option<Instrument>)>,
    chores: Chores,
    conn: Option<Conn>,
    dialer: Dialer,
    reconciler: Reconciler,
    rescue: Rescue,
    fates: Fates,
    standing: Standing,
    actions: Consumer<Timed<Approved<Action>>>,
    events: Producer<Event>,
    clock: Clock,
    metrics: Arc<Metrics>,
    frame: Box<[u8; FRAME]>,
    batch: Vec<Timed<Action>>,
    /// The batch without its stamps.
    plain: Vec<Action>,
    /// Cause and signature's stamp of what waits for the socket.
    posted: Vec<(Stamp, Stamp)>,
    /// A frame whose events did not all fit, and how many did.
    stalled: Option<(Vec<u8>, u32)>,
    /// An action that was taken from the ring and begins the next frame.
    ahead: Option<Timed<Action>>,
    owed_link: Option<bool>,
    /// The venue waits for our pong.
    owes_pong: bool,
    /// The venue is about to close the connection.
    closing: bool,
    next_ask: u64,
    next_reconcile: u64,
    heard: u64,
    pinged: u64,
    /// Everything that the venue lists is cancelled, ours too.
    sweep: bool,
    /// Cancelled everything after the core was gone.
    abandoned: bool,
}

struct RingSink<'a>(&'a mut Producer<Event>);

impl Sink for RingSink<'_> {
    #[inline]
    fn put(&mut self, event: Event) -> bool {
        self.0.push(event).is_ok()
    }
}

/// What egress is made of.
#[derive(Debug)]
pub struct Parts {
    pub venue: VenueAccount,
    pub instruments: Vec<Instrument>,
    pub dialer: Dialer,
    pub reconciler: Reconciler,
    pub chores: Chores,
    pub actions: Consumer<Timed<Approved<Action>>>,
    pub events: Producer<Event>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
}

impl EgressStep {
    pub fn new(parts: Parts) -> EgressStep {
        let reconciler = parts.reconciler;
        let (rescue, fates) = (reconciler.rescue(), reconciler.fates());
        EgressStep {
            batch_max: parts.venue.batch_max().min(BATCH),
            venue: parts.venue,
            told: vec![(0, None); parts.instruments.len()],
            markets: parts.instruments.into_iter().map(Quantizer::new).collect(),
            chores: parts.chores,
            conn: None,
            dialer: parts.dialer,
            reconciler,
            rescue,
            fates,
            standing: Standing::Down,
            actions: parts.actions,
            events: parts.events,
            clock: parts.clock,
            metrics: parts.metrics,
            frame: Box::new([0; FRAME]),
            batch: Vec::with_capacity(BATCH),
            plain: Vec::with_capacity(BATCH),
            posted: Vec::with_capacity(1024),
            stalled: None,
            ahead: None,
            owed_link: None,
            owes_pong: false,
            closing: false,
            next_ask: ASK_BASE,
            next_reconcile: 0,
            heard: 0,
            pinged: 0,
            sweep: false,
            abandoned: false,
        }
    }

    /// The next run of actions that share a frame.
    #[inline]
    fn collect(&mut self) {
        self.batch.clear();
        while self.batch.len() < self.batch_max {
            let Some(next) = self.ahead.take().or_else(|| {
                let timed = self.actions.pop()?;
                Some(Timed {
                    action: timed.action.get(),
                    cause: timed.cause,
                    decided: timed.decided,
                })
            }) else {
                return;
            };
            if self.batch.first().is_some_and(|first| !same_frame(&first.action, &next.action)) {
                self.ahead = Some(next);
                return;
            }
            self.batch.push(next);
        }
    }

    /// Sends what the core wants: a signed frame for each run of one kind, all in one write, so
    /// that a quote does not wait for the system call of the cancel before it. Returns how many
    /// actions.
    #[inline]
    fn send(&mut self, conn: &mut Conn) -> Result<usize, NetError> {
        let mut sent = 0;
        self.posted.clear();
        loop {
            self.collect();
            if self.batch.is_empty() {
                break;
            }
            sent += self.batch.len();
            let taken = self.clock.stamp();
            match self.batch[0].action {
                Action::Place { .. } | Action::Modify { .. } | Action::Cancel { .. } => {
                    self.send_orders(conn, taken)?;
                }
                Action::Query { order, .. } => {
                    self.metrics.egress.queries.add(1);
                    self.next_ask += 1;
                    match self.venue.ask(order, self.next_ask, &mut self.frame[..]) {
                        Ok(Asked::Frame(len)) => conn.post(&self.frame[..len])?,
                        Ok(Asked::Rest(client)) => self.want_fate(order, client),
                        // The core asks again when its time is over.
                        Err(_) => self.metrics.egress.unsent.add(1),
                    }
                }
                cold => self.ask_cold(&cold),
            }
        }
        if sent > 0 {
            conn.flush()?;
            self.measure_written();
        }
        self.venue.prepare();
        Ok(sent)
    }

    #[inline]
    fn send_orders(&mut self, conn: &mut Conn, taken: Stamp) -> Result<(), NetError> {
        if let Some((len, signed)) = self.sign_batch(taken) {
            conn.post(&self.frame[..len])?;
            self.measure_signed(taken, signed);
        }
        Ok(())
    }

    /// Encodes and signs the batch: the frame's length and when it was done. `None` when nothing
    /// of it can be sent, which the core was told.
    #[inline]
    fn sign_batch(&mut self, taken: Stamp) -> Option<(usize, Stamp)> {
        self.check_batch(taken);
        if self.batch.is_empty() {
            return None;
        }
        let now_ms = self.clock.time(taken).0 / 1_000_000;
        self.plain.clear();
        self.plain.extend(self.batch.iter().map(|timed| timed.action));
        let encoded = self.venue.encode(&self.plain, now_ms, &mut self.frame[..]);
        let signed = self.clock.stamp();
        self.metrics.egress.pool_empty.set(self.venue.pool_fallbacks());
        match encoded {
            Ok(len) => Some((len, signed)),
            Err(reason) => {
                self.unsent(reason, taken);
                None
            }
        }
    }

    /// What [`Step::step`] sends, without a connection: each signed text goes to `each` with its
    /// actions, and is forgotten, for no answer will come. Actions that need no signature come
    /// with an empty text. For benches and for the test that counts allocations.
    pub fn drain_to(&mut self, mut each: impl FnMut(&[u8], &[Timed<Action>])) -> usize {
        let mut sent = 0;
        self.posted.clear();
        loop {
            self.collect();
            let Some(first) = self.batch.first() else { break };
            sent += self.batch.len();
            let taken = self.clock.stamp();
            if !is_order(&first.action) {
                each(&[], &self.batch);
            } else if let Some((len, signed)) = self.sign_batch(taken) {
                each(&self.frame[..len], &self.batch);
                self.measure_signed(taken, signed);
            }
        }
        if sent > 0 {
            self.venue.lost(self.clock.now().0 / 1_000_000);
        }
        self.venue.prepare();
        sent
    }

    /// What an answer would have taught, had it come over a socket. For benches.
    pub fn heard(&mut self, event: &Event) {
        self.venue.heard(event);
    }

    #[inline]
    fn measure_signed(&mut self, taken: Stamp, signed: Stamp) {
        for timed in &self.batch {
            let stage = |s| self.metrics.stage(s);
            stage(Stage::OrderRing).record(taken.0.saturating_sub(timed.decided.0));
            stage(Stage::Sign).record(signed.0 - taken.0);
            // Zero: no bytes caused it (a timer, a command).
            if timed.cause != Stamp(0) {
                stage(Stage::TickToOrder).record(signed.0 - timed.cause.0);
            }
            let counts = &self.metrics.egress;
            match timed.action {
                Action::Cancel { .. } => counts.cancels.add(1),
                _ => counts.orders.add(1),
            }
            // Past its room, which is that of the largest burst, a frame is only not measured.
            if self.posted.len() < self.posted.capacity() {
                self.posted.push((timed.cause, signed));
            }
        }
    }

    /// The socket has taken what was signed.
    #[inline]
    fn measure_written(&mut self) {
        let written = self.clock.stamp();
        for (cause, signed) in &self.posted {
            self.metrics.stage(Stage::Write).record(written.0 - signed.0);
            if *cause != Stamp(0) {
                self.metrics.stage(Stage::TickToWire).record(written.0 - cause.0);
            }
        }
    }

    /// The last door: what risk promised is asked for once more. A failure is a bug of ours, so it
    /// is counted apart and never sent.
    #[inline]
    fn check_batch(&mut self, now: Stamp) {
        let mut at = 0;
        while at < self.batch.len() {
            if is_legal(&mut self.markets, &self.batch[at].action) {
                at += 1;
                continue;
            }
            self.metrics.egress.illegal.add(1);
            let timed = self.batch.remove(at);
            self.tell_unsent(&timed.action, Refused::Encode, now);
        }
    }

    #[cold]
    fn unsent(&mut self, reason: Refused, now: Stamp) {
        for i in 0..self.batch.len() {
            let action = self.batch[i].action;
            self.tell_unsent(&action, reason, now);
        }
    }

    #[cold]
    fn tell_unsent(&mut self, action: &Action, reason: Refused, recv: Stamp) {
        self.metrics.egress.unsent.add(1);
        let event = match *action {
            Action::Place { order, .. } | Action::Modify { order, .. } => {
                Event::Unsent { order, reason, recv }
            }
            Action::Cancel { order, .. } => Event::CancelReject { order, gone: false, recv },
            _ => return,
        };
        // The core counts a missing answer as unknown and asks; so a full ring loses nothing but
        // time here.
        let _ = self.events.push(event);
    }

    /// One read and everything in it, as long as the core's ring has room.
    #[inline]
    fn read(&mut self, conn: &mut Conn) -> Result<usize, NetError> {
        if !self.unstall() || self.events.free() < ROOM {
            return Ok(0);
        }
        if conn.fill()? > 0 {
            self.heard = self.clock.stamp().0;
        }
        let mut frames = 0;
        while self.events.free() >= ROOM {
            let recv = self.clock.stamp();
            let Some(text) = conn.next_text()? else { break };
            frames += 1;
            let sink = &mut RingSink(&mut self.events);
            match self.venue.decode(0, text, recv, sink) {
                Ok(done) if done.full => {
                    self.stalled = Some((text.to_vec(), done.taken));
                    break;
                }
                Ok(done) => {
                    self.metrics.egress.answers.add(u64::from(done.answers));
                    if done.ping || done.closing || done.stale {
                        self.note(&done);
                    }
                }
                Err(_) => self.metrics.egress.malformed.add(1),
            }
        }
        self.metrics.egress.frames_in.add(frames);
        Ok(frames as usize)
    }

    /// Goes on with a frame whose events did not fit; true when there is none (any more).
    #[inline]
    fn unstall(&mut self) -> bool {
        let Some((text, taken)) = self.stalled.take() else { return true };
        let recv = self.clock.stamp();
        match self.venue.decode(taken, &text, recv, &mut RingSink(&mut self.events)) {
            Ok(done) if done.full => {
                self.stalled = Some((text, done.taken));
                false
            }
            Ok(done) => {
                self.note(&done);
                true
            }
            Err(_) => {
                self.metrics.egress.malformed.add(1);
                true
            }
        }
    }

    /// What a frame asks of us.
    #[cold]
    fn note(&mut self, done: &AccountFrame) {
        self.owes_pong |= done.ping;
        self.closing |= done.closing;
        if done.stale && self.standing == Standing::Ready {
            self.standing = Standing::Reconciling;
        }
    }

    #[cold]
    fn connect(&mut self, now: Stamp) -> usize {
        self.refuse_all(now);
        let Some(Ok(mut conn)) = self.dialer.poll() else { return self.rescue() };
        self.rescue.end();
        (self.owes_pong, self.closing) = (false, false);
        for frame in self.venue.subscriptions(self.clock.time(now).0 / 1_000_000) {
            if conn.send(frame.as_bytes()).is_err() {
                self.dialer.lost();
                return 0;
            }
        }
        self.conn = Some(conn);
        self.heard = now.0;
        self.pinged = now.0;
        self.owed_link = Some(true);
        self.standing = Standing::Reconciling;
        self.next_reconcile = 0;
        1
    }

    /// Without a connection nothing leaves, and the core is told so order by order.
    #[cold]
    fn refuse_all(&mut self, now: Stamp) {
        loop {
            self.collect();
            let Some(first) = self.batch.first() else { return };
            if is_order(&first.action) {
                self.unsent(Refused::NotConnected, now);
            } else {
                // A question about an order is asked again by the core.
                let cold = first.action;
                self.ask_cold(&cold);
            }
        }
    }

    /// Cancels by REST what rests while there is no connection.
    fn rescue(&mut self) -> usize {
        let sent = self.rescue.step(&mut self.venue, &mut self.frame[..]);
        self.metrics.egress.rest_cancels.add(sent as u64);
        sent
    }

    #[cold]
    fn lost(&mut self) {
        self.conn = None;
        self.dialer.lost();
        self.reconciler.forget();
        self.rescue.begin();
        self.standing = Standing::Down;
        self.venue.lost(self.clock.now().0 / 1_000_000);
        self.metrics.egress.reconnects.add(1);
        self.owed_link = Some(false);
    }

    /// Tells the core that the link went up or down; true when nothing is owed.
    #[inline]
    fn pay(&mut self, now: Stamp) -> bool {
        let Some(up) = self.owed_link else { return true };
        let link = Link::Orders;
        let event = if up {
            Event::LinkUp { link, recv: now }
        } else {
            Event::LinkDown { link, recv: now }
        };
        if self.events.push(event).is_ok() {
            self.owed_link = None;
        }
        self.owed_link.is_none()
    }

    /// Pings and pongs, half-open detection.
    fn keep(&mut self, conn: &mut Conn, now: Stamp) -> Result<(), NetError> {
        if now.0.saturating_sub(self.heard) > SILENCE_NS {
            conn.close();
            return Err(NetError::Timeout);
        }
        if self.closing {
            conn.close();
            return Err(NetError::Closed);
        }
        if self.owes_pong {
            conn.send(self.venue.pong().as_bytes())?;
            self.owes_pong = false;
        }
        if now.0.saturating_sub(self.heard.max(self.pinged)) > PING_NS
            || now.0.saturating_sub(self.pinged) > self.venue.heard_within_ns()
        {
            self.pinged = now.0;
            conn.send(self.venue.ping().as_bytes())?;
        }
        Ok(())
    }

    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    fn work(&mut self, conn: &mut Conn, now: Stamp) -> Result<usize, NetError> {
        let mut work = self.send(conn)?;
        if conn.waits() {
            // Half a frame that the socket had no room for.
            conn.flush()?;
        }
        if self.pay(now) {
            work += self.read(conn)?;
        }
        self.keep(conn, now)?;
        if self.owed_link.is_none() && self.venue.wants_beat(self.clock.time(now)) {
            self.beat(conn, now)?;
        }
        let wants_view = self.sweep || self.standing == Standing::Reconciling;
        if wants_view && self.owed_link.is_none() {
            self.reconcile(conn, now)?;
        }
        Ok(work)
    }
}

impl Step for EgressStep {
    #[inline]
    fn step(&mut self, now: Stamp) -> usize {
        if self.actions.is_abandoned() && !self.abandoned {
            self.abandon();
            return 0;
        }
        if !self.chores.is_idle() {
            self.do_chores(now);
        }
        if !self.fates.is_idle() {
            self.tell_fates(now);
        }
        let Some(mut conn) = self.conn.take() else {
            self.pay(now);
            return if self.abandoned { 0 } else { self.connect(now) };
        };
        match self.work(&mut conn, now) {
            Ok(work) => {
                self.conn = Some(conn);
                work
            }
            Err(_) => {
                self.lost();
                1
            }
        }
    }
}
