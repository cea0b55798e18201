//! Cold. What a scenario breaks of this dialect; what it breaks of connections is the sockets' part.

use super::super::PeerId;
use super::super::dialect::Out;
use crate::units::Nanos;

/// What can be broken here. Faults of orders and fills are the exchange's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LighterFault {
    /// The next change of each book is not sent: the one after it does not begin where the last ended.
    Gap,
    /// Tickers are not sent. Until [`LighterFault::Heal`].
    StaleTicker,
    /// A planned end: the frame at once, the end of every WebSocket so much later.
    Shutdown { close_in: Nanos },
    /// So many transactions are refused with 21104, whatever their nonces; none is used.
    RefuseNonces(u32),
    /// So many transactions are refused with 23000 (429 over HTTP).
    RefuseRate(u32),
    /// So many messages with transactions over the WebSocket are lost on their way: neither executed nor
    /// answered, and no nonce is used, so that the ones behind them are out of step.
    LoseTransactions(u32),
    /// Answers to transactions over the WebSocket come so much later than what the stream says of them.
    /// Until [`LighterFault::Heal`].
    LateAnswers(Nanos),
    /// Answers to transactions over the WebSocket are not sent; the stream is. Until
    /// [`LighterFault::Heal`].
    NoAnswers,
    /// Ends what lasts.
    Heal,
}

/// An answer that waits.
#[derive(Debug)]
pub(super) struct Late {
    pub at: Nanos,
    pub peer: PeerId,
    pub text: String,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub gap: bool,
    pub stale_ticker: bool,
    pub refuse_nonces: u32,
    pub refuse_rate: u32,
    pub lose: u32,
    pub late_answers: Option<Nanos>,
    pub no_answers: bool,
    pub late: Vec<Late>,
    pub close_at: Option<Nanos>,
}

impl Faults {
    pub fn set(&mut self, fault: LighterFault) {
        match fault {
            LighterFault::Gap => self.gap = true,
            LighterFault::StaleTicker => self.stale_ticker = true,
            // The hub has the connections.
            LighterFault::Shutdown { .. } => {}
            LighterFault::RefuseNonces(n) => self.refuse_nonces = n,
            LighterFault::RefuseRate(n) => self.refuse_rate = n,
            LighterFault::LoseTransactions(n) => self.lose = n,
            LighterFault::LateAnswers(by) => self.late_answers = Some(by),
            LighterFault::NoAnswers => self.no_answers = true,
            LighterFault::Heal => {
                let late = std::mem::take(&mut self.late);
                *self = Faults { late, close_at: self.close_at, ..Faults::default() };
            }
        }
    }

    /// Sends the answers whose time has come.
    pub fn release(&mut self, now: Nanos, out: &mut Vec<(PeerId, Out)>) {
        self.late.retain_mut(|late| {
            let due = late.at <= now;
            if due {
                out.push((late.peer, Out::Text(std::mem::take(&mut late.text))));
            }
            !due
        });
    }
}
