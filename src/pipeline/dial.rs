//! Cold. Connecting off the hot threads: a step asks, and finds the connection later.

use super::clock::Clock;
use crate::net::{Conn, Endpoint, Limits, NetError};
use crate::units::Nanos;
use crossbeam::channel::{Receiver, TryRecvError, bounded};

/// Reconnects with back-off. Hyperliquid takes 30 new connections a minute and address, so the
/// pauses grow from 250 ms to 8 s: at most 5 tries in the first 8 s and 8 a minute after.
#[derive(Debug)]
pub struct Dialer {
    to: Endpoint,
    limits: Limits,
    clock: Clock,
    pending: Option<Receiver<Result<Conn, NetError>>>,
    /// Real ns at which the next try may start.
    next_at: u64,
    pause: Nanos,
}

const PAUSE_FIRST: Nanos = Nanos::from_millis(250);
const PAUSE_MOST: Nanos = Nanos::from_secs(8);

impl Dialer {
    pub fn new(to: Endpoint, limits: Limits, clock: Clock) -> Dialer {
        Dialer { to, limits, clock, pending: None, next_at: 0, pause: PAUSE_FIRST }
    }

    /// The connection when there is one; starts a try when one is due. Never blocks.
    pub fn poll(&mut self) -> Option<Result<Conn, NetError>> {
        let Some(pending) = &self.pending else {
            if self.clock.stamp().0 >= self.next_at {
                self.start();
            }
            return None;
        };
        let result = match pending.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(NetError::Timeout),
        };
        self.pending = None;
        match &result {
            Ok(_) => {
                tracing::info!(host = %self.to.host, "connected");
                self.pause = PAUSE_FIRST;
            }
            Err(error) => {
                let pause_ms = self.pause.0 / 1_000_000;
                tracing::warn!(host = %self.to.host, %error, pause_ms, "not connected");
                self.next_at = self.clock.stamp().0 + self.pause.0;
                self.pause = Nanos((self.pause.0 * 2).min(PAUSE_MOST.0));
            }
        }
        Some(result)
    }

    /// The connection ended: the next try waits a pause, too.
    pub fn lost(&mut self) {
        tracing::warn!(host = %self.to.host, "connection lost");
        self.next_at = self.clock.stamp().0 + self.pause.0;
        self.pause = Nanos((self.pause.0 * 2).min(PAUSE_MOST.0));
    }

    /// A connection now, blocking: for the last cancels.
    pub fn dial(&self) -> Result<Conn, NetError> {
        Conn::connect(&self.to, &self.limits, &|| self.clock.stamp().0)
    }

    fn start(&mut self) {
        let (tx, rx) = bounded(1);
        let (to, limits, clock) = (self.to.clone(), self.limits, self.clock.clone());
        let dial = move || {
            let _ = tx.send(Conn::connect(&to, &limits, &|| clock.stamp().0));
        };
        // Without a thread for it the receiver is disconnected, which is a failed try.
        let _ = std::thread::Builder::new().name("dial".into()).spawn(dial);
        self.pending = Some(rx);
    }
}
