//! Hot. Feed: public market data from its socket to the core's ring. It owns nothing of our account
//! and may lose data, but never in silence: what is lost ends in a `Gap`.

use super::Step;
use super::clock::Clock;
use super::dial::Dialer;
use super::metrics::{Metrics, Stage};
use crate::event::{Event, GapReason, Link, Stamp};
use crate::instrument::InstId;
use crate::net::{Conn, NetError};
use crate::venue::{FeedFrame, MarketFeed, Sink};
use ring::spsc::{Consumer, Producer};
use std::sync::Arc;

/// Real time between pings while nothing is heard: well under the venue's 60 s.
const PING_NS: u64 = 15_000_000_000;
/// Silence after which a connection is taken for dead: two pings without an answer.
const SILENCE_NS: u64 = 32_000_000_000;
/// Shortest time between two snapshot requests of a market.
const ASK_NS: u64 = 1_000_000_000;

/// The feed of one venue connection.
#[derive(Debug)]
pub struct FeedStep {
    codec: MarketFeed,
    conn: Option<Conn>,
    dialer: Dialer,
    ring: Producer<Event>,
    /// Markets whose snapshot the core asks for.
    asks: Consumer<InstId>,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Gaps that wait for room in the ring, by instrument.
    owed: Vec<Option<GapReason>>,
    owes: bool,
    owed_link: Option<bool>,
    heard: u64,
    pinged: u64,
    /// The venue waits for our pong.
    owes_pong: bool,
    /// The venue is about to close the connection.
    closing: bool,
    asked: Vec<u64>,
}

/// The ring as a decoder's sink: it stamps what completes a message.
struct RingSink<'a> {
    ring: &'a mut Producer<Event>,
    clock: &'a Clock,
    metrics: &'a Metrics,
}

impl Sink for RingSink<'_> {
    #[inline]
    fn put(&mut self, mut event: Event) -> bool {
        if let Event::BookEnd { decode_ns, recv, .. } | Event::Bbo { decode_ns, recv, .. } =
            &mut event
        {
            let took = self.clock.stamp().0 - recv.0;
            *decode_ns = took.min(u64::from(u32::MAX)) as u32;
            self.metrics.stage(Stage::Decode).record(took);
        }
        self.ring.push(event).is_ok()
    }
}

impl FeedStep {
    pub fn new(
        codec: MarketFeed,
        dialer: Dialer,
        ring: Producer<Event>,
        asks: Consumer<InstId>,
        instruments: usize,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> FeedStep {
        FeedStep {
            codec,
            conn: None,
            dialer,
            ring,
            asks,
            clock,
            metrics,
            owed: vec![None; instruments],
            owes: false,
            owed_link: None,
            heard: 0,
            pinged: 0,
            owes_pong: false,
            closing: false,
            asked: vec![0; instruments],
        }
    }

    /// One read and everything in it.
    #[inline]
    fn read(&mut self, conn: &mut Conn) -> Result<usize, NetError> {
        let bytes = conn.fill()?;
        if bytes == 0 {
            return Ok(0);
        }
        let recv = self.clock.stamp();
        self.heard = recv.0;
        let mut frames = 0;
        while let Some(text) = conn.next_text()? {
            self.frame(text, recv);
            frames += 1;
        }
        self.metrics.feed.frames.add(frames);
        self.metrics.feed.bytes.add(bytes as u64);
        Ok(frames as usize)
    }

    /// Decodes one frame into the ring. Public so that a bench can run it without a socket.
    #[inline]
    pub fn frame(&mut self, text: &[u8], recv: Stamp) {
        let counts = &self.metrics.feed;
        let mut sink =
            RingSink { ring: &mut self.ring, clock: &self.clock, metrics: &self.metrics };
        match self.codec.decode(text, recv, &mut sink) {
            Ok(FeedFrame::Book) => counts.books.add(1),
            Ok(FeedFrame::Bbo) => counts.bbos.add(1),
            Ok(FeedFrame::Trades(n)) => counts.trades.add(u64::from(n)),
            Ok(FeedFrame::Context) => counts.contexts.add(1),
            Ok(FeedFrame::Control | FeedFrame::Silent) => {}
            Ok(FeedFrame::Unknown) => counts.unknown.add(1),
            Ok(FeedFrame::Ping) => self.owes_pong = true,
            Ok(FeedFrame::Closing) => self.closing = true,
            Ok(FeedFrame::Full(inst)) => {
                counts.dropped.add(1);
                self.owe(inst, GapReason::RingFull);
            }
            Err(_) => self.malformed(),
        }
    }

    /// Which market a malformed frame was about is not known, so no book of this connection can be
    /// trusted.
    #[cold]
    fn malformed(&mut self) {
        self.metrics.feed.malformed.add(1);
        for i in 0..self.owed.len() {
            self.owe(InstId(i as u16), GapReason::Malformed);
        }
        self.pay(self.clock.stamp());
    }

    #[cold]
    fn owe(&mut self, inst: InstId, reason: GapReason) {
        if let Some(slot) = self.owed.get_mut(usize::from(inst.0)) {
            *slot = Some(reason);
            self.owes = true;
        }
    }

    /// Tells the core what it must know, as soon as the ring has room.
    #[cold]
    fn pay(&mut self, now: Stamp) {
        if let Some(up) = self.owed_link {
            let link = Link::Market;
            let event = if up {
                Event::LinkUp { link, recv: now }
            } else {
                Event::LinkDown { link, recv: now }
            };
            if self.ring.push(event).is_err() {
                return;
            }
            self.owed_link = None;
        }
        for (i, slot) in self.owed.iter_mut().enumerate() {
            let Some(reason) = *slot else { continue };
            let gap = Event::Gap { inst: InstId(i as u16), reason, recv: now };
            if self.ring.push(gap).is_err() {
                return;
            }
            *slot = None;
        }
        self.owes = false;
    }

    #[cold]
    fn connect(&mut self, now: Stamp) -> usize {
        let Some(Ok(mut conn)) = self.dialer.poll() else { return 0 };
        self.codec.connected();
        (self.owes_pong, self.closing) = (false, false);
        for frame in self.codec.subscriptions() {
            if conn.send(frame.as_bytes()).is_err() {
                self.dialer.lost();
                return 0;
            }
        }
        self.conn = Some(conn);
        self.heard = now.0;
        self.pinged = now.0;
        self.owed_link = Some(true);
        self.owes = true;
        1
    }

    #[cold]
    fn lost(&mut self) {
        self.conn = None;
        self.dialer.lost();
        self.metrics.feed.reconnects.add(1);
        self.owed_link = Some(false);
        self.owes = true;
    }

    /// Pings and pongs, half-open detection, snapshot requests.
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
            conn.send(self.codec.pong().as_bytes())?;
            self.owes_pong = false;
        }
        if now.0.saturating_sub(self.heard.max(self.pinged)) > PING_NS
            || now.0.saturating_sub(self.pinged) > self.codec.heard_within_ns()
        {
            self.pinged = now.0;
            conn.send(self.codec.ping().as_bytes())?;
        }
        while let Some(inst) = self.asks.pop() {
            let at = &mut self.asked[usize::from(inst.0)];
            if *at == 0 || now.0 - *at >= ASK_NS {
                *at = now.0;
                for frame in self.codec.resubscribe(inst) {
                    conn.send(frame.as_bytes())?;
                }
            }
        }
        Ok(())
    }
}

impl Step for FeedStep {
    #[inline]
    fn step(&mut self, now: Stamp) -> usize {
        if self.owes {
            self.pay(now);
        }
        let Some(mut conn) = self.conn.take() else {
            return self.connect(now);
        };
        let read = self.read(&mut conn).and_then(|n| self.keep(&mut conn, now).map(|()| n));
        match read {
            Ok(frames) => {
                self.conn = Some(conn);
                frames
            }
            Err(_) => {
                self.lost();
                1
            }
        }
    }
}
