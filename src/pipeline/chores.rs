//! Cold. What egress has done on cold threads for the core: the venue's rules read again, and the
//! settings proved again. Both answer with one event, which the journal keeps like any other.

use crate::event::{Event, Stamp};
use crate::instrument::{InstId, Instrument, InstrumentSpec};
use crate::units::{Notional, Price};
use crate::venue::rest::Listing;
use crossbeam::channel::{Receiver, TryRecvError, bounded};
use std::sync::Arc;

/// Asks the venue for the rules of these markets, in their order. Blocks.
pub type Ask = Arc<dyn Fn(&[InstrumentSpec]) -> Result<Vec<Listing>, String> + Send + Sync>;
/// Proves the settings of a market around a mid, under the rules of this number.
pub type Prove = Arc<dyn Fn(&Instrument, Price, u16) -> Event + Send + Sync>;

/// The two kinds of chores, with one thread each at a time.
pub struct Chores {
    ask: Ask,
    prove: Prove,
    /// Rules of each market as they were last told to the core.
    known: Vec<InstrumentSpec>,
    /// Whose rules the core waits for.
    wanted: Vec<bool>,
    asking: Option<Receiver<Result<Vec<Listing>, String>>>,
    to_prove: Vec<Option<(Instrument, Price, u16)>>,
    proving: Option<Receiver<Event>>,
    /// Answers that wait for room in the ring.
    answers: Vec<Event>,
    idle: bool,
}

impl std::fmt::Debug for Chores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chores").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Chores {
    pub fn new(ask: Ask, prove: Prove, specs: Vec<InstrumentSpec>) -> Chores {
        Chores {
            ask,
            prove,
            wanted: vec![false; specs.len()],
            to_prove: vec![None; specs.len()],
            known: specs,
            asking: None,
            proving: None,
            answers: Vec::new(),
            idle: true,
        }
    }

    /// Chores that nobody does: a bench, a test of other things.
    pub fn none(specs: Vec<InstrumentSpec>) -> Chores {
        let ask: Ask = Arc::new(|_| Err("nobody is asked".to_owned()));
        let prove: Prove = Arc::new(|_, _, _| unreachable!("nothing is proved"));
        Chores::new(ask, prove, specs)
    }

    /// Nothing is under way: the only question on the hot path.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    pub fn want_rules(&mut self, inst: InstId) {
        if let Some(wanted) = self.wanted.get_mut(usize::from(inst.0)) {
            *wanted = true;
            self.idle = false;
        }
    }

    /// The newest question of a market replaces an older one that has not begun.
    pub fn want_proof(&mut self, inst: &Instrument, px: Price, rules: u16) {
        if let Some(slot) = self.to_prove.get_mut(usize::from(inst.id.0)) {
            *slot = Some((inst.clone(), px, rules));
            self.idle = false;
        }
    }

    /// Goes on with what is asked for; answers go to `put` until it has no room.
    pub fn poll(&mut self, recv: Stamp, mut put: impl FnMut(Event) -> bool) {
        self.poll_rules(recv);
        self.poll_proof();
        while let Some(answer) = self.answers.first() {
            if !put(*answer) {
                return;
            }
            self.answers.remove(0);
        }
        let wanted = self.wanted.iter().any(|w| *w) || self.to_prove.iter().any(Option::is_some);
        self.idle = !wanted && self.asking.is_none() && self.proving.is_none();
    }

    fn poll_rules(&mut self, recv: Stamp) {
        let Some(asking) = &self.asking else {
            if self.wanted.iter().any(|w| *w) {
                let (ask, specs) = (Arc::clone(&self.ask), self.known.clone());
                self.asking = Some(on_a_thread("rules", move || ask(&specs)));
            }
            return;
        };
        let result = match asking.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err("the request's thread ended".to_owned()),
        };
        self.asking = None;
        let listings = match result {
            Ok(listings) if listings.len() == self.known.len() => listings,
            Ok(_) => return self.unread("the answer names other markets"),
            Err(error) => return self.unread(&error),
        };
        for (i, listing) in listings.into_iter().enumerate() {
            // One answer says all: who did not ask is told what is news.
            let news = listing != Listing::Listed(self.known[i]);
            if !std::mem::take(&mut self.wanted[i]) && !news {
                continue;
            }
            if let Listing::Listed(spec) = listing {
                self.known[i] = spec;
            }
            let listed = listing != Listing::Gone;
            self.answers.push(rules_event(InstId(i as u16), &self.known[i], listed, recv));
        }
    }

    /// Nothing is told: the core asks again, and says so when it does in vain.
    fn unread(&mut self, error: &str) {
        tracing::warn!(%error, "the venue's rules could not be read");
        self.wanted.fill(false);
    }

    fn poll_proof(&mut self) {
        if let Some(proving) = &self.proving {
            match proving.try_recv() {
                Ok(event) => self.answers.push(event),
                Err(TryRecvError::Empty) => return,
                // Asked again by the core.
                Err(TryRecvError::Disconnected) => tracing::warn!("a proof came to no end"),
            }
            self.proving = None;
        }
        let next = self.to_prove.iter_mut().find_map(Option::take);
        if let Some((inst, px, rules)) = next {
            let prove = Arc::clone(&self.prove);
            self.proving = Some(on_a_thread("proof", move || prove(&inst, px, rules)));
        }
    }
}

/// Without a thread the receiver is disconnected, which is a failed try.
fn on_a_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Receiver<T> {
    let (tx, rx) = bounded(1);
    let run = move || {
        // Nobody waits any more: the session has ended.
        drop(tx.send(work()));
    };
    if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(run) {
        tracing::warn!(%error, name, "no thread");
    }
    rx
}

/// A market's rules as the core takes them.
pub fn rules_event(inst: InstId, spec: &InstrumentSpec, listed: bool, recv: Stamp) -> Event {
    let InstrumentSpec { grid, lot, min_size, min_notional, .. } = *spec;
    // Exact: a venue states its minimum with at most 8 decimals.
    let min_notional = min_notional.to_raw();
    Event::Rules { inst, listed, grid, lot, min_size, min_notional, recv }
}

/// The rules of an event, on what is known of the market.
pub fn spec_of(event: &Event, known: &InstrumentSpec) -> InstrumentSpec {
    match *event {
        Event::Rules { grid, lot, min_size, min_notional, listed: true, .. } => {
            let min_notional = Notional::from_raw(min_notional);
            InstrumentSpec { grid, lot, min_size, min_notional, ..*known }
        }
        _ => *known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{GridSpec, Symbol, VenueId};
    use crate::units::{Bps, Qty, SCALE};

    fn spec(symbol: &str, lot: i64) -> InstrumentSpec {
        InstrumentSpec {
            venue: VenueId::Hyperliquid,
            symbol: Symbol::new(symbol).expect("short"),
            asset: 1,
            grid: GridSpec::SigFigs { figures: 5, max_decimals: 4 },
            lot: Qty(lot),
            min_size: Qty(lot),
            min_notional: Notional::from_raw(10 * SCALE),
            maker_fee: Bps::ZERO,
            taker_fee: Bps::ZERO,
        }
    }

    /// Polls until so many answers are there.
    fn answers(chores: &mut Chores, count: usize) -> Vec<Event> {
        let mut got = Vec::new();
        while got.len() < count || !chores.is_idle() {
            chores.poll(Stamp(1), |event| {
                got.push(event);
                true
            });
            std::thread::yield_now();
        }
        got
    }

    fn chores(listings: Vec<Result<Vec<Listing>, String>>) -> Chores {
        let left = std::sync::Mutex::new(listings);
        let ask: Ask = Arc::new(move |_| left.lock().expect("one thread at a time").remove(0));
        let prove: Prove = Arc::new(|inst, px, rules| Event::Equity {
            amount: px.0 + i64::from(rules),
            recv: Stamp(u64::from(inst.id.0)),
        });
        Chores::new(ask, prove, vec![spec("A", 100), spec("B", 100)])
    }

    #[test]
    fn who_asks_is_answered_and_who_does_not_hears_what_is_news() {
        use Listing::{Gone, Listed};
        let same = vec![Listed(spec("A", 100)), Listed(spec("B", 100))];
        let other = vec![Listed(spec("A", 100)), Listed(spec("B", 1_000))];
        let gone = vec![Gone, Listed(spec("B", 1_000))];
        let mut chores = chores(vec![Ok(same), Ok(other), Ok(gone), Err("away".into())]);
        assert!(chores.is_idle());
        let told = |chores: &mut Chores, count| -> Vec<(u16, bool, i64)> {
            chores.want_rules(InstId(0));
            let told = answers(chores, count).into_iter().map(|event| match event {
                Event::Rules { inst, listed, lot, .. } => (inst.0, listed, lot.0),
                other => panic!("{other:?}"),
            });
            told.collect()
        };
        assert_eq!(told(&mut chores, 1), [(0, true, 100)]);
        assert_eq!(told(&mut chores, 2), [(0, true, 100), (1, true, 1_000)]);
        assert_eq!(told(&mut chores, 1), [(0, false, 100)]);
        assert_eq!(told(&mut chores, 0), [], "an answer that cannot be read tells nothing");
        assert!(chores.is_idle());
    }

    #[test]
    fn a_proof_is_made_for_each_market_and_waits_for_room() {
        let mut chores = chores(Vec::new());
        for id in [0, 1] {
            let inst = Instrument::new(InstId(id), spec("A", 100)).expect("a market");
            chores.want_proof(&inst, Price(1_000), 7);
        }
        for _ in 0..100 {
            chores.poll(Stamp(1), |_| false);
            std::thread::yield_now();
        }
        assert!(!chores.is_idle(), "no room yet");
        let amounts: Vec<Event> = answers(&mut chores, 2);
        let want = |id| Event::Equity { amount: 1_007, recv: Stamp(id) };
        assert_eq!(amounts, [want(0), want(1)]);
    }

    #[test]
    fn rules_go_into_an_event_and_back() {
        for known in
            [spec("A", 100), InstrumentSpec { grid: GridSpec::Tick(Price(5)), ..spec("A", 3) }]
        {
            let event = rules_event(InstId(0), &known, true, Stamp(1));
            assert_eq!(spec_of(&event, &spec("A", 7)), known);
            let gone = rules_event(InstId(0), &known, false, Stamp(1));
            assert_eq!(spec_of(&gone, &spec("A", 7)), spec("A", 7));
        }
    }
}
