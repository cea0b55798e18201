//! Cold. Connecting off the hot threads: a step asks, and finds the connection later.

use super::clock::Clock;
use crate::net::{Conn, Endpoint, Limits, NetError};
use crossbeam::channel::{Receiver, TryRecvError, bounded};

/// When the next connection may be tried. Pure: the caller's real ns are arguments.
///
/// Hyperliquid takes 30 new connections a minute from an address, and an engine has two dialers.
/// The pauses double from 250 ms to 8 s, and whatever happens one dialer makes at most
/// [`TRIES_MAX`] tries in any minute: 24 with both, which leaves 6 for people. Only a connection that
/// has lasted a minute makes the pauses short again: a peer that accepts and hangs up is not tried
/// four times a second.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    pause: u64,
    next_at: u64,
    /// When the current connection was made.
    up_at: Option<u64>,
    /// Times of the last tries, a ring; zero: none yet.
    tries: [u64; TRIES_MAX],
    newest: usize,
}

const SECOND: u64 = 1_000_000_000;
const PAUSE_FIRST: u64 = SECOND / 4;
const PAUSE_MOST: u64 = 8 * SECOND;
const MINUTE: u64 = 60 * SECOND;
/// Tries of one dialer in any minute.
pub const TRIES_MAX: usize = 12;

impl Default for BackOff {
    fn default() -> BackOff {
        BackOff { pause: PAUSE_FIRST, next_at: 0, up_at: None, tries: [0; TRIES_MAX], newest: 0 }
    }
}

impl BackOff {
    /// May a try start now?
    pub fn is_due(&self, now: u64) -> bool {
        let oldest = self.tries[(self.newest + 1) % TRIES_MAX];
        now >= self.next_at && (oldest == 0 || now.saturating_sub(oldest) >= MINUTE)
    }

    /// A try starts.
    pub fn tried(&mut self, now: u64) {
        self.newest = (self.newest + 1) % TRIES_MAX;
        // Zero means "none".
        self.tries[self.newest] = now.max(1);
    }

    /// The try made a connection.
    pub fn up(&mut self, now: u64) {
        self.up_at = Some(now);
    }

    /// The try failed, or the connection ended. Returns the pause, ns.
    pub fn down(&mut self, now: u64) -> u64 {
        if self.up_at.take().is_some_and(|up| now.saturating_sub(up) >= MINUTE) {
            self.pause = PAUSE_FIRST;
        }
        let pause = self.pause;
        self.next_at = now.saturating_add(pause);
        self.pause = (pause * 2).min(PAUSE_MOST);
        pause
    }
}

/// Makes connections, one after the other.
#[derive(Debug)]
pub struct Dialer {
    to: Endpoint,
    limits: Limits,
    clock: Clock,
    pending: Option<Receiver<Result<Conn, NetError>>>,
    back_off: BackOff,
}

impl Dialer {
    pub fn new(to: Endpoint, limits: Limits, clock: Clock) -> Dialer {
        Dialer { to, limits, clock, pending: None, back_off: BackOff::default() }
    }

    /// The connection when there is one; starts a try when one is due. Never blocks.
    pub fn poll(&mut self) -> Option<Result<Conn, NetError>> {
        let now = self.clock.stamp().0;
        let Some(pending) = &self.pending else {
            if self.back_off.is_due(now) {
                self.start(now);
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
                self.back_off.up(now);
            }
            Err(error) => {
                let pause_ms = self.back_off.down(now) / 1_000_000;
                tracing::warn!(host = %self.to.host, %error, pause_ms, "not connected");
            }
        }
        Some(result)
    }

    /// The connection ended: the next try waits a pause, too.
    pub fn lost(&mut self) {
        let pause_ms = self.back_off.down(self.clock.stamp().0) / 1_000_000;
        tracing::warn!(host = %self.to.host, pause_ms, "connection lost");
    }

    /// A connection now, blocking: for the last cancels.
    pub fn dial(&self) -> Result<Conn, NetError> {
        Conn::connect(&self.to.again(), &self.limits, &|| self.clock.stamp().0)
    }

    fn start(&mut self, now: u64) {
        self.back_off.tried(now);
        let (tx, rx) = bounded(1);
        let (to, limits, clock) = (self.to.clone(), self.limits, self.clock.clone());
        let dial = move || {
            let _ = tx.send(Conn::connect(&to.again(), &limits, &|| clock.stamp().0));
        };
        // Without a thread for it the receiver is disconnected, which is a failed try.
        let _ = std::thread::Builder::new().name("dial".into()).spawn(dial);
        self.pending = Some(rx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the tries of 10 minutes start, if each connection lasts `life` ns (`None`: is refused).
    fn tries(life: Option<u64>) -> Vec<u64> {
        let mut back_off = BackOff::default();
        let (mut at, mut now) = (Vec::new(), 1);
        while now < 10 * MINUTE {
            if back_off.is_due(now) {
                at.push(now);
                back_off.tried(now);
                if let Some(life) = life {
                    back_off.up(now);
                    now += life;
                }
                back_off.down(now);
            }
            now += SECOND / 100;
        }
        at
    }

    fn most_in_a_minute(at: &[u64]) -> usize {
        let within = |&from: &u64| at.iter().filter(|&&t| from <= t && t < from + MINUTE).count();
        at.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn pauses_double_up_to_eight_seconds() {
        let at = tries(None);
        let pauses: Vec<u64> = at.windows(2).map(|w| (w[1] - w[0]) / (SECOND / 100)).collect();
        assert_eq!(pauses[..7], [25, 50, 100, 200, 400, 800, 800]);
        assert!(most_in_a_minute(&at) <= TRIES_MAX);
        assert!(at.len() > 70, "it goes on trying: {}", at.len());
    }

    #[test]
    fn a_peer_that_hangs_up_stays_under_the_cap() {
        for life in [0, SECOND / 10, SECOND, 5 * SECOND] {
            assert!(most_in_a_minute(&tries(Some(life))) <= TRIES_MAX);
        }
    }

    #[test]
    fn the_cap_holds_without_pauses_too() {
        let mut back_off = BackOff::default();
        let mut made = 0;
        for now in (1..MINUTE).step_by(SECOND as usize) {
            if back_off.is_due(now) {
                back_off.tried(now);
                made += 1;
            }
        }
        assert_eq!(made, TRIES_MAX);
        assert!(back_off.is_due(MINUTE + 1));
    }

    #[test]
    fn a_connection_that_lasted_makes_the_pause_short() {
        let mut back_off = BackOff::default();
        for _ in 0..8 {
            back_off.down(SECOND);
        }
        back_off.up(2 * SECOND);
        assert_eq!(back_off.down(3 * SECOND), PAUSE_MOST);
        back_off.up(4 * SECOND);
        assert_eq!(back_off.down(4 * SECOND + MINUTE), PAUSE_FIRST);
    }
}
