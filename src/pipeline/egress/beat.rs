//! Cold. What the account's thread does beside orders: the venue's dead man's switch, leverages at the
//! start, what the rate rules leave, and subscriptions whose token ends.

use super::{EgressStep, Standing};
use crate::event::{Event, Setting, Stamp};
use crate::net::{Conn, NetError};
use crate::pipeline::metrics::Metrics;
use crate::venue::Sink;
use crate::venue::account::Switch;
use ring::spsc::Producer;

/// The core's ring; what passes is shown too.
struct Told<'a> {
    events: &'a mut Producer<Event>,
    metrics: &'a Metrics,
}

impl Sink for Told<'_> {
    fn put(&mut self, event: Event) -> bool {
        if let Event::RateBudget { left, minute_permille, .. } = event {
            let egress = &self.metrics.egress;
            // Not known, or none: zero is told by the room that the core sees.
            egress.requests_left.set(if left == i64::MAX { 0 } else { left.max(0) as u64 });
            egress.minute_permille.set(u64::from(minute_permille));
        }
        self.events.push(event).is_ok()
    }
}

impl EgressStep {
    /// Puts the switch off when that is due; sets leverages before the first order; asks for and
    /// tells what the rate rules leave; renews what ends.
    ///
    /// Nothing is asked or taken while the core's ring is nearly full: a refusal has to reach it.
    pub(super) fn beat(&mut self, conn: &mut Conn, now: Stamp) -> Result<(), NetError> {
        if self.events.free() < super::ROOM {
            return Ok(());
        }
        let now_ms = self.clock.time(now).0 / 1_000_000;
        while let Some(len) = {
            self.next_ask += 1;
            self.venue.housekeep(self.next_ask, now_ms, &mut self.frame[..])
        } {
            conn.send(&self.frame[..len])?;
        }
        if let Some(reason) = self.venue.take_leverage_refused() {
            self.metrics.egress.leverage_refused.add(1);
            tracing::error!(reason = reason.name(), "the venue has not set a leverage");
            self.tell_not_set(Setting::Leverage, now);
        }
        self.tell_rate(now_ms, now);
        let egress = &self.metrics.egress;
        egress.unanswered.set(self.venue.unanswered());
        egress.unread_fills.set(self.venue.unread_fills());
        if self.standing != Standing::Ready {
            return Ok(());
        }
        let beat = self.venue.beat(now_ms, &mut self.frame[..]);
        let switch = self.venue.switch();
        if self.metrics.egress.dead_man.get() != switch as u64 {
            self.metrics.egress.dead_man.set(switch as u64);
            tracing::info!(switch = switch.name(), "the venue's dead man's switch");
            match switch {
                Switch::TooLittleVolume => self.tell_not_set(Setting::DeadManVolume, now),
                Switch::Refused => self.tell_not_set(Setting::DeadMan, now),
                Switch::Unknown | Switch::Armed => {}
            }
        }
        if let Some(len) = beat {
            conn.send(&self.frame[..len])?;
        }
        for frame in self.venue.renewals(now_ms) {
            conn.send(frame.as_bytes())?;
        }
        Ok(())
    }

    /// The core makes an alarm of it. (There is room: [`EgressStep::beat`] has looked.)
    fn tell_not_set(&mut self, setting: Setting, recv: Stamp) {
        if self.events.push(Event::NotSet { setting, recv }).is_err() {
            self.metrics.egress.unsent.add(1);
        }
    }

    fn tell_rate(&mut self, now_ms: u64, now: Stamp) {
        let mut told = Told { events: &mut self.events, metrics: &self.metrics };
        self.venue.rate_report(now_ms, now, &mut told);
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
