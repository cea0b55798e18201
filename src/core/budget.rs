//! Hot. What the venue's rate rules leave us, and what follows: with little left quotes move less, with
//! less nothing leaves but cancels and what reduces.
//!
//! An address earns a request with each unit of quote that it trades, so a quoter that moves more
//! than it trades runs dry, and then has one action in 10 s for as long as it does not trade. What
//! rests is therefore kept while it fits: only fills earn requests again.

use super::{Core, Outputs};
use crate::event::{Event, OrderId, Room};
use crate::explain::{Alarm, Note};
use crate::instrument::InstId;
use crate::strategy::requote::RequoteParams;
use crate::units::{Bps, Nanos};

/// Shares of the fullest limit of a minute, in permille, from which on little and nothing is left.
const MINUTE_LOW: u16 = 800;
const MINUTE_LAST: u16 = 950;

impl Core {
    /// What the rate rules leave, as far as the venue and our own count say.
    pub fn room_for_actions(&self) -> Room {
        self.standing.room
    }

    /// The count of egress: what it means for us is decided here, so that replay sees the same.
    #[cold]
    pub(super) fn rate_budget(&mut self, event: &Event, out: &mut Outputs) {
        let Event::RateBudget { left, minute_permille, refused, .. } = *event else { return };
        let params = self.standing.params;
        // A threshold of zero is none: what the venue refuses counts all the same.
        let below = |least: u64| least > 0 && i128::from(left) < i128::from(least);
        let room = if refused || below(params.requests_last) || minute_permille >= MINUTE_LAST {
            Room::Last
        } else if below(params.requests_low) || minute_permille >= MINUTE_LOW {
            Room::Low
        } else {
            Room::Ample
        };
        let before = std::mem::replace(&mut self.standing.room, room);
        if room == before {
            return;
        }
        out.notes.push(Note::Budget { room, left, minute_permille, refused });
        if room == Room::Last {
            self.alarm(InstId(0), Alarm::RateBudget, OrderId::EXTERNAL, out);
        }
        self.touch_all();
    }

    /// May something that adds inventory leave?
    #[inline]
    pub(super) fn affords(&self) -> bool {
        self.standing.room != Room::Last
    }

    /// The discipline by which quotes are moved now.
    #[inline]
    pub(super) fn discipline(&self, inst: InstId) -> RequoteParams {
        let params = self.insts[usize::from(inst.0)].config.requote;
        if self.standing.room == Room::Ample {
            return params;
        }
        // At most 100 bps and a minute, ten times: far from the ends of their types.
        let more = |value: i64| value * self.standing.params.low_permille.max(1000) / 1000;
        RequoteParams {
            tolerance: Bps(more(params.tolerance.0)),
            min_rest: Nanos(more(params.min_rest.0 as i64) as u64),
            ..params
        }
    }
}
