//! Cold. What is done again and again on the account's connection: the venue's dead man's switch, and
//! subscriptions whose token ends.

use super::EgressStep;
use crate::event::Stamp;
use crate::net::{Conn, NetError};

impl EgressStep {
    /// Puts the switch off when that is due, and renews what ends.
    pub(super) fn beat(&mut self, conn: &mut Conn, now: Stamp) -> Result<(), NetError> {
        let now_ms = self.clock.time(now).0 / 1_000_000;
        let beat = self.venue.beat(now_ms, &mut self.frame[..]);
        let switch = self.venue.switch();
        if self.metrics.egress.dead_man.get() != switch as u64 {
            self.metrics.egress.dead_man.set(switch as u64);
            tracing::info!(switch = switch.name(), "the venue's dead man's switch");
        }
        if let Some(len) = beat {
            conn.send(&self.frame[..len])?;
        }
        for frame in self.venue.renewals(now_ms) {
            conn.send(frame.as_bytes())?;
        }
        Ok(())
    }

    /// The run has ended in order: what was put off shall not come to pass.
    pub fn farewell(&mut self) {
        let now_ms = self.clock.now().0 / 1_000_000;
        let Some(conn) = &mut self.conn else { return };
        let Some(len) = self.venue.disarm(now_ms, &mut self.frame[..]) else { return };
        if let Err(error) = conn.send(&self.frame[..len]).and_then(|_| conn.flush()) {
            tracing::warn!(%error, "the dead man's switch could not be taken back");
        }
    }
}
