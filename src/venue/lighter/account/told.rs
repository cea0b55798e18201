//! Hot. What the venue says on the account's connection.

use super::{
    Account, AccountFrame, Action, Answer, Channel, Control, Lane, Malformed, Outcome, Reaction,
    RejectReason, Sink, Stamp, UserFrame, Waiting, What, answer_events, decode_answer, errors,
};
use crate::venue::lighter::errors::INVALID_PARAM;
use crate::venue::lighter::tx::CancelAll;

/// How a frame of data begins as the venue writes it: no answer does.
const DATA: &[u8] = b"{\"channel\":";
/// The server's own fault: what it has done with the frame is not known.
const OWN_FAULT: u32 = 29_500;

impl Account {
    /// Decodes one frame; does not emit the first `taken` events.
    ///
    /// What a frame says is taken in once, and its events are kept until the sink has them all.
    pub fn decode(
        &mut self,
        taken: u32,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<AccountFrame, Malformed> {
        let mut done = AccountFrame::default();
        let mut result = Ok(());
        if !self.stalled {
            self.events.clear();
            result = self.take(frame, recv, &mut done);
        }
        let left = self.events.iter().skip(taken as usize);
        done.taken = taken + left.take_while(|event| sink.put(**event)).count() as u32;
        // What a malformed frame has told before its fault is told.
        done.full = (done.taken as usize) < self.events.len();
        self.stalled = done.full;
        // Before the last answer what the venue counts is not what it will count.
        let at_work = |key| self.waiting.iter().any(|w| w.key == key);
        let lost = |lane: &Lane| !lane.is_synced() && !at_work(lane.codec.sender().api_key);
        done.stale = self.wants_view || self.lanes.iter().any(lost);
        if done.full { Ok(done) } else { result.map(|()| done) }
    }

    fn take(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        done: &mut AccountFrame,
    ) -> Result<(), Malformed> {
        if !frame.starts_with(DATA)
            && let Some(answer) = decode_answer(frame)?
        {
            match self.waiting_for(&answer) {
                Some(at) => {
                    done.answers = 1;
                    self.answered(at, &answer, recv);
                }
                None => {
                    self.unanswered += 1;
                    done.ignored += 1;
                }
            }
            return Ok(());
        }
        let (names, events) = (&mut self.names, &mut self.events);
        let user = self.user.decode_named(frame, recv, names, events)?;
        done.ignored = user.unknown_markets + user.unknown_statuses;
        done.liquidations = user.liquidations;
        if let UserFrame::Control(control) = user.frame {
            self.control(control, done);
        }
        Ok(())
    }

    fn control(&mut self, control: Control, done: &mut AccountFrame) {
        match control {
            Control::Ping => done.ping = true,
            Control::Shutdown { .. } => done.closing = true,
            Control::Error { code, channel, .. } => {
                done.ignored += 1;
                let ours = !matches!(
                    channel,
                    Channel::Book | Channel::Ticker | Channel::Trades | Channel::Stats
                );
                match control.reaction() {
                    Some(Reaction::NewToken | Reaction::Resubscribe) if ours => self.renew = true,
                    Some(Reaction::BackOff) => self.rate.refused(),
                    _ if code == INVALID_PARAM && ours => self.renew = true,
                    _ => {}
                }
            }
            Control::Unknown => done.ignored += 1,
            Control::Connected | Control::Pong | Control::Unsubscribed(..) => {}
        }
    }

    /// The frame that an answer is to: by its number, by its hash, or the only one that waits.
    fn waiting_for(&self, answer: &Answer) -> Option<usize> {
        let by = |is_it: &dyn Fn(&Waiting) -> bool| self.waiting.iter().position(is_it);
        match (answer.id, answer.hash) {
            (Some(id), _) => by(&|w| w.id == id),
            (None, Some(hash)) => by(&|w| w.hash == hash),
            (None, None) if self.waiting.len() == 1 => Some(0),
            (None, None) => None,
        }
    }

    fn answered(&mut self, at: usize, answer: &Answer, recv: Stamp) {
        let waiting = self.waiting.swap_remove(at);
        match answer.outcome {
            Outcome::Accepted { quota, .. } => {
                if let Some(left) = quota {
                    self.rate.told(left);
                }
            }
            Outcome::Refused { code, reaction, .. } => self.refused(&waiting, code, reaction),
        }
        match waiting.what {
            What::Orders => self.tell_orders(&waiting, answer.outcome, recv),
            What::Switch(CancelAll::Scheduled(_)) => self.dead_man.scheduled(&answer.outcome),
            What::Switch(_) => self.dead_man.aborted(&answer.outcome),
            What::Leverage => {
                if let Outcome::Refused { reason, .. } = answer.outcome {
                    self.leverage_refused = Some(reason);
                }
            }
            What::Listed => {}
        }
        self.answered |= waiting.what != What::Orders;
    }

    /// What a refusal means for the key and for the rate.
    #[cold]
    fn refused(&mut self, waiting: &Waiting, code: u32, reaction: Reaction) {
        let lane = &mut self.lanes[waiting.lane];
        match reaction {
            Reaction::Resync => lane.desync(),
            // Taken or not, nobody knows; nor of which of several.
            _ if is_unknown(code) || waiting.count > 1 => lane.unclear(),
            _ => lane.refused(waiting.nonce, waiting.count),
        }
        match reaction {
            Reaction::BackOff if errors::reject_reason(code) == RejectReason::RateLimit => {
                self.rate.refused()
            }
            Reaction::Stop => self.lanes[waiting.lane].stopped = true,
            Reaction::NewToken => self.renew = true,
            _ => {}
        }
    }

    fn tell_orders(&mut self, waiting: &Waiting, outcome: Outcome, recv: Stamp) {
        let Outcome::Refused { code, reaction, .. } = outcome else { return };
        let vague = waiting.count > 1 && !is_of_the_frame(reaction);
        let outcome = match outcome {
            Outcome::Refused { reason, reaction, .. } if vague => {
                Outcome::Refused { code: OWN_FAULT, reason, reaction }
            }
            other => other,
        };
        // A list takes everything.
        answer_events(waiting.actions(), outcome, recv, &mut self.events);
        if vague || is_unknown(code) {
            return;
        }
        for action in waiting.actions() {
            if let Action::Place { order, .. } | Action::Modify { order, .. } = *action {
                self.names.refused(order);
            }
        }
    }
}

/// Is what became of the frame not known after this code?
fn is_unknown(code: u32) -> bool {
    matches!(code, 29_500 | 29_501)
}

/// Is a refusal with this reaction one of the whole frame, before any of it was looked at?
fn is_of_the_frame(reaction: Reaction) -> bool {
    matches!(reaction, Reaction::Resync | Reaction::BackOff | Reaction::Stop)
}
