//! Hot. The venue's rate rules, counted on our side: requests of the address, weight and messages of
//! a minute, posts in flight. No clock and no socket: time is an argument.
//!
//! The venue's own count (`userRateLimit`) is read on every connection and once in a minute, more
//! often when little is left; between two answers every entry that leaves is counted on top. Fills
//! earn a request per unit of quote; they are seen at the next answer, so the count errs on the
//! safe side.
//!
//! An address: one request per unit of quote traded and 10000 to begin with; an entry of a batch
//! is one. Cancels may go on to `min(cap + 100000, 2 cap)`. Then one action in 10 s. An internet
//! address: weight of 1200 a minute, an action `1 + entries / 40`; whether a post over the WebSocket
//! has weight is not documented, so it is counted. 2000 messages a minute, 100 posts in flight.

use crate::event::{Event, Stamp};

const WEIGHT_PER_MIN: u64 = 1200;
const MESSAGES_PER_MIN: u64 = 2000;
/// Entries that weigh as much as one action more.
const ENTRIES_PER_WEIGHT: u64 = 40;
/// What a question about the account weighs.
pub const QUESTION_WEIGHT: u64 = 20;
/// Posts that may wait for an answer; the last ones are for cancels. (The venue takes 100.)
pub const IN_FLIGHT: usize = 96;
pub const IN_FLIGHT_FOR_CANCELS: usize = 16;
/// An address without requests has one action in this time, ms.
const TRICKLE_MS: u64 = 10_000;
/// Between two questions, and while little is left.
const ASK_MS: u64 = 60_000;
const ASK_LOW_MS: u64 = 10_000;
/// A question without an answer is asked again.
const ANSWER_MS: u64 = 5_000;
/// Between two reports that say nothing worse.
const REPORT_MS: u64 = 5_000;
const REPORT_LOW_MS: u64 = 1_000;

/// Weight and messages of the last minute, in slots of a second.
#[derive(Clone, Debug)]
struct Minute {
    slots: [[u16; 2]; 60],
    sums: [u64; 2],
    second: u64,
}

impl Minute {
    fn new() -> Minute {
        Minute { slots: [[0; 2]; 60], sums: [0; 2], second: 0 }
    }

    /// Empties what is older than a minute. A time that goes back counts in the newest slot.
    #[inline]
    fn reach(&mut self, now_ms: u64) {
        let second = now_ms / 1000;
        if second <= self.second {
            return;
        }
        if second - self.second >= 60 {
            (self.slots, self.sums) = ([[0; 2]; 60], [0; 2]);
        } else {
            for passed in self.second + 1..=second {
                let slot = &mut self.slots[(passed % 60) as usize];
                for (sum, part) in self.sums.iter_mut().zip(std::mem::take(slot)) {
                    *sum -= u64::from(part);
                }
            }
        }
        self.second = second;
    }

    #[inline]
    fn add(&mut self, weight: u64, now_ms: u64) {
        self.reach(now_ms);
        let slot = &mut self.slots[(self.second % 60) as usize];
        for ((sum, part), n) in self.sums.iter_mut().zip(slot).zip([weight, 1]) {
            // A second has room for 65535 of each; what is above is far beyond every limit.
            let n = n.min(u64::from(u16::MAX - *part));
            *part += n as u16;
            *sum += n;
        }
    }

    fn permille(&self) -> u64 {
        let [weight, messages] = self.sums;
        (weight * 1000 / WEIGHT_PER_MIN).max(messages * 1000 / MESSAGES_PER_MIN)
    }
}

/// What the venue said of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub used: u64,
    pub cap: u64,
    /// Weight that was bought beyond the cap.
    pub surplus: u64,
}

#[derive(Clone, Debug)]
pub struct RateBudget {
    known: Option<Known>,
    /// Entries since the answer, and as many of them as were sent when the open question was.
    since: u64,
    asked_at: u64,
    minute: Minute,
    asked_ms: u64,
    due_ms: u64,
    waits: bool,
    /// The venue has refused for its rate; the time is known at the next look.
    refusal: bool,
    refused_until_ms: u64,
    /// What the last report said, and when the next one is due.
    said: Option<(i64, u16, bool)>,
    report_ms: u64,
    /// Left requests below which the venue is asked more often.
    low: u64,
}

impl RateBudget {
    /// `low`: with fewer requests left the venue is asked more often.
    pub fn new(low: u64) -> RateBudget {
        RateBudget {
            known: None,
            since: 0,
            asked_at: 0,
            minute: Minute::new(),
            asked_ms: 0,
            due_ms: 0,
            waits: false,
            refusal: false,
            refused_until_ms: 0,
            said: None,
            report_ms: 0,
            low,
        }
    }

    /// An action of so many entries leaves.
    #[inline]
    pub fn sent(&mut self, entries: usize, now_ms: u64) {
        let entries = entries as u64;
        self.since += entries;
        self.minute.add(1 + entries / ENTRIES_PER_WEIGHT, now_ms);
    }

    /// A message that is no action leaves.
    #[inline]
    pub fn message(&mut self, weight: u64, now_ms: u64) {
        self.minute.add(weight, now_ms);
    }

    /// The venue has refused an action for its rate.
    #[cold]
    pub fn refused(&mut self) {
        self.refusal = true;
    }

    /// Requests of the address that are left; `i64::MAX` before the venue has said.
    #[inline]
    pub fn left(&self) -> i64 {
        let Some(Known { used, cap, surplus }) = self.known else { return i64::MAX };
        // Counts of requests are far below 2^62; what is not is as good as unlimited.
        let clamp = |n: u64| n.min(1 << 61) as i64;
        clamp(cap) + clamp(surplus) - clamp(used) - clamp(self.since)
    }

    fn used(&self) -> u64 {
        self.known.map_or(0, |k| k.used).saturating_add(self.since)
    }

    /// Is there something to ask or to report?
    #[inline]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.refusal || now_ms >= self.due_ms || now_ms >= self.report_ms
    }

    /// Is the venue to be asked now? Then the question counts as sent.
    pub fn asks(&mut self, now_ms: u64) -> bool {
        if now_ms < self.due_ms {
            return false;
        }
        self.waits = true;
        self.asked_ms = now_ms;
        self.asked_at = self.since;
        self.due_ms = now_ms + ANSWER_MS;
        self.message(QUESTION_WEIGHT, now_ms);
        true
    }

    /// What left while the answer was on its way may be counted in it or not: it is counted twice
    /// rather than not at all.
    pub fn answered(&mut self, known: Known) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        self.known = Some(known);
        self.since -= self.asked_at;
        self.asked_at = 0;
        let little = self.left() < self.low.min(1 << 61) as i64;
        self.due_ms = self.asked_ms + if little { ASK_LOW_MS } else { ASK_MS };
        // Told at the next look.
        self.report_ms = 0;
    }

    /// The connection ended: what was asked has no answer any more.
    pub fn lost(&mut self) {
        self.waits = false;
        self.due_ms = 0;
    }

    /// What the core is told now, if anything: when it is worse, and once in a while.
    pub fn report(&mut self, in_flight: usize, now_ms: u64, recv: Stamp) -> Option<Event> {
        if std::mem::take(&mut self.refusal) {
            self.refused_until_ms = now_ms + TRICKLE_MS;
            // Our count was wrong.
            if !self.waits {
                self.due_ms = 0;
            }
            self.report_ms = 0;
        }
        if now_ms < self.report_ms {
            return None;
        }
        self.minute.reach(now_ms);
        let in_flight = in_flight as u64 * 1000 / IN_FLIGHT as u64;
        let minute = self.minute.permille().max(in_flight).min(u64::from(u16::MAX)) as u16;
        let refused = now_ms < self.refused_until_ms;
        let says = (self.left(), minute, refused);
        let little = self.left() < self.low.min(1 << 61) as i64;
        let soon = refused || little || minute >= 500;
        self.report_ms = now_ms + if soon { REPORT_LOW_MS } else { REPORT_MS };
        if refused {
            self.report_ms = self.report_ms.min(self.refused_until_ms);
        }
        if self.said.replace(says) == Some(says) {
            return None;
        }
        let (left, minute_permille, refused) = says;
        Some(Event::RateBudget { refused, minute_permille, left, used: self.used(), recv })
    }

    /// The ring had no room: it is said again at the next look.
    pub fn unsaid(&mut self) {
        self.said = None;
        self.report_ms = 0;
    }
}

#[cfg(test)]
mod tests;
