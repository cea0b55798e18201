//! Hot. Standing guards: what must hold for as long as something is quoted, whatever was true at the
//! start. The venue's rules, the proof of the settings around the price, the account's margin, the
//! clocks, and the advice on the fee tier.
//!
//! Each question leaves as an action and each answer is an input: replay sees the same. On the hot
//! path it costs two compares of the mid with the proved band, and one with the time of the next
//! chore. What only reduces inventory survives all of it, except a delisting.

use super::{Core, InstState, Outputs};
use crate::event::{
    Action, Component, Event, GapReason, OrderId, RejectReason, Room, Setting, Stamp,
};
use crate::explain::{Alarm, Note};
use crate::instrument::{InstId, Instrument, InstrumentSpec, Quantizer};
use crate::strategy::tier::TierGate;
use crate::units::{Nanos, Notional, Price, Side, StateHasher};

/// An answer to a question about rules or a proof is awaited for this long before it is asked anew.
const ANSWER: Nanos = Nanos::from_secs(5);
/// Questions in a row without an answer that are an alarm.
const UNANSWERED: u32 = 3;
/// Time between two looks at the fee-tier gate.
const LOOK: Nanos = Nanos::from_secs(1);
/// 2 x 10^10 x 10^8, above every doubled price.
const MID2_MAX: i64 = i64::MAX;

/// Settings of the standing guards. Zero switches one off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandingParams {
    /// Half of the band of prices that is proved at a time, in permille of the price.
    pub proof_permille: i64,
    /// Time between two readings of the venue's rules.
    pub meta_refresh: Nanos,
    /// Most notional that equity carries, in permille of it: 3000 is three times the equity.
    pub leverage_permille: i64,
    /// A clock that moves by more than this against another has jumped.
    pub clock_jump: Nanos,
    /// Time without loss and guard after which the fee-paying tier is advised.
    pub premium_after: Nanos,
    /// With fewer requests of the address left quotes move less; with fewer than the other nothing
    /// leaves but cancels and what reduces.
    pub requests_low: u64,
    pub requests_last: u64,
    /// How much less: a factor of tolerance and shortest rest.
    pub low_permille: i64,
}

/// What is known of one instrument's rules, proof, clock and margin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    /// Twice the mids for which the settings are proved; all of them where proofs are off.
    lo2: i64,
    hi2: i64,
    /// Twice the mids for which they are known not to hold: not asked again there.
    failed: (i64, i64),
    /// How many answers about the rules there were.
    pub rules: u16,
    pub delisted: bool,
    /// The next look at what follows; one compare on the hot path.
    next: Nanos,
    /// When the rules are read again although nobody asks; `MAX` for never.
    refresh: Nanos,
    /// A question about the rules that is not answered, and how often it was asked.
    asked_rules: Option<Nanos>,
    asks: u32,
    asked_proof: Option<Nanos>,
    /// This machine's time less the venue's, in ms, when they were last found to agree.
    skew: Option<i64>,
    /// Notional that this instrument carries at the worst.
    carried: i128,
}

impl Watch {
    pub fn new(params: &StandingParams) -> Watch {
        let proofs = params.proof_permille > 0;
        Watch {
            lo2: if proofs { MID2_MAX } else { 0 },
            hi2: if proofs { 0 } else { MID2_MAX },
            failed: (MID2_MAX, 0),
            rules: 0,
            delisted: false,
            next: Nanos::ZERO,
            refresh: Nanos::ZERO,
            asked_rules: None,
            asks: 0,
            asked_proof: None,
            skew: None,
            carried: 0,
        }
    }

    /// Are the settings proved at this mid?
    #[inline]
    pub fn is_proved(&self, mid2: i64) -> bool {
        self.lo2 <= mid2 && mid2 <= self.hi2
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.signed(self.lo2);
        h.signed(self.hi2);
        h.signed(self.failed.0);
        h.word(u64::from(self.rules) << 1 | u64::from(self.delisted));
        h.word(self.next.0);
        h.word(self.asked_rules.map_or(0, |t| t.0 + 1));
        h.word(self.asked_proof.map_or(0, |t| t.0 + 1));
        h.signed(self.skew.unwrap_or(i64::MIN));
        h.wide(self.carried);
    }
}

/// What concerns the account as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub params: StandingParams,
    /// Equity at the venue less the session's total when it was told.
    equity: Option<i128>,
    /// Notional that all instruments carry at the worst.
    carried: i128,
    tier: TierGate,
    looked: Nanos,
    pub room: Room,
}

impl Standing {
    pub fn new(params: StandingParams) -> Standing {
        Standing {
            params,
            equity: None,
            carried: 0,
            tier: TierGate::default(),
            looked: Nanos::ZERO,
            room: Room::Ample,
        }
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.wide(self.equity.unwrap_or(i128::MIN));
        h.wide(self.carried);
        h.word(self.room as u64);
        self.tier.digest(h);
    }
}

impl Core {
    /// Is the fee-paying tier advised now?
    pub fn is_premium_advised(&self) -> bool {
        self.standing.tier.is_advised()
    }

    /// Why an instrument is degraded: what keeps it from quoting both sides until somebody or
    /// something acts. `None` for a healthy one.
    pub fn degraded(&self, inst: InstId) -> Option<&'static str> {
        let state = &self.insts[usize::from(inst.0)];
        let mid2 = state.marked_mid2();
        if self.risk.is_killed() {
            Some("halted")
        } else if state.watch.delisted {
            Some("delisted")
        } else if Component::ALL.iter().any(|c| self.risk.breaker_open(inst, *c)) {
            Some("breaker")
        } else if state.mismatch.is_some() {
            Some("position_mismatch")
        } else if mid2 > 0 && !state.watch.is_proved(mid2) {
            Some("unproved")
        } else if state.watch.asks >= UNANSWERED {
            Some("rules_unread")
        } else if state.hedged_on.is_some_and(|on| self.degraded(on).is_some()) {
            Some("hedge_market")
        } else {
            None
        }
    }

    // -- chores ----------------------------------------------------------------------------------

    /// What is due of an instrument's questions. Not more than a compare while nothing is.
    #[inline]
    pub(super) fn stand(&mut self, inst: InstId, out: &mut Outputs) {
        if self.now >= self.insts[usize::from(inst.0)].watch.next {
            self.chores(inst, out);
        }
        if self.standing.equity.is_some() {
            self.carry(inst);
        }
    }

    #[cold]
    fn chores(&mut self, inst: InstId, out: &mut Outputs) {
        let (now, params) = (self.now, self.standing.params);
        let watch = &mut self.insts[usize::from(inst.0)].watch;
        if watch.refresh == Nanos::ZERO {
            watch.refresh = later(now, params.meta_refresh);
        }
        let overdue = watch.asked_rules.is_some_and(|at| now >= at.after(ANSWER));
        if overdue || now >= watch.refresh {
            self.ask_rules(inst, out);
        }
        if params.premium_after > Nanos::ZERO && now >= self.standing.looked.after(LOOK) {
            self.look_at_tier(out);
        }
        let watch = &mut self.insts[usize::from(inst.0)].watch;
        let answer = watch.asked_rules.map_or(Nanos::MAX, |at| at.after(ANSWER));
        let look = if params.premium_after > Nanos::ZERO { now.after(LOOK) } else { Nanos::MAX };
        watch.next = watch.refresh.min(answer).min(look);
        if answer != Nanos::MAX {
            self.wake(inst, answer);
        }
    }

    /// The venue refused something that its rules, as we hold them, allow; or its connection is new.
    #[cold]
    pub(super) fn doubt_rules(&mut self, inst: InstId, out: &mut Outputs) {
        if self.insts[usize::from(inst.0)].watch.asked_rules.is_none() {
            self.ask_rules(inst, out);
        }
    }

    fn ask_rules(&mut self, inst: InstId, out: &mut Outputs) {
        let (now, refresh) = (self.now, self.standing.params.meta_refresh);
        let watch = &mut self.insts[usize::from(inst.0)].watch;
        watch.asked_rules = Some(now);
        watch.asks = watch.asks.saturating_add(1);
        watch.refresh = later(now, refresh);
        watch.next = now.after(ANSWER);
        let unanswered = watch.asks == UNANSWERED + 1;
        out.actions.push((self.risk.pass(Action::RefreshRules { inst }, now), Stamp(0)));
        if unanswered {
            self.alarm(inst, Alarm::RulesUnread, OrderId::EXTERNAL, out);
        }
        self.wake(inst, now.after(ANSWER));
    }

    /// Rejects that say that the venue's rules are not the ones we hold.
    pub(super) fn is_about_rules(reason: RejectReason) -> bool {
        matches!(
            reason,
            RejectReason::Tick
                | RejectReason::Lot
                | RejectReason::MinNotional
                | RejectReason::UnknownAsset
        )
    }

    // -- rules -----------------------------------------------------------------------------------

    /// The venue's rules, read again. Other rules make another quantizer, end the proof, and let the
    /// refused sizes be tried again; the same rules change nothing of that.
    #[cold]
    pub(super) fn rules(&mut self, event: &Event, out: &mut Outputs) {
        let Event::Rules { inst, listed, grid, lot, min_size, min_notional, .. } = *event else {
            return;
        };
        let (now, params) = (self.now, self.standing.params);
        let Some(state) = self.routed(inst) else { return };
        let watch = &mut state.watch;
        watch.rules = watch.rules.wrapping_add(1);
        (watch.asked_rules, watch.asks) = (None, 0);
        watch.refresh = later(now, params.meta_refresh);
        watch.next = Nanos::ZERO;
        let was_listed = !std::mem::replace(&mut watch.delisted, !listed);
        if !listed {
            if was_listed {
                self.alarm(inst, Alarm::Delisted, OrderId::EXTERNAL, out);
                self.pull_all(inst, out);
            }
            return;
        }
        let known = state.quantizer.instrument().spec;
        let min_notional = Notional::from_raw(min_notional);
        let spec = InstrumentSpec { grid, lot, min_size, min_notional, ..known };
        if spec == known {
            return;
        }
        let Ok(instrument) = Instrument::new(inst, spec) else {
            self.counts.nonsense += 1;
            self.alarm(inst, Alarm::RulesUnread, OrderId::EXTERNAL, out);
            return;
        };
        state.quantizer = Quantizer::new(instrument);
        state.config.spec = spec;
        let fresh = Watch::new(&params);
        (state.watch.lo2, state.watch.hi2) = (fresh.lo2, fresh.hi2);
        state.watch.failed = fresh.failed;
        let px = Price(state.marked_mid2() / 2);
        self.risk.rules_refreshed(inst);
        self.alarm(inst, Alarm::RulesChanged, OrderId::EXTERNAL, out);
        // They are priced and sized by the old rules.
        self.pull(inst, Stamp(0), out, |o| o.component == Component::Maker);
        self.ask_proof(inst, px, out);
    }

    // -- proof -----------------------------------------------------------------------------------

    /// The price is not where the settings were proved: they are proved anew, unless that is under
    /// way, or known to fail here.
    #[cold]
    pub(super) fn unproved(&mut self, inst: InstId, mid2: i64, out: &mut Outputs) {
        let now = self.now;
        let watch = &self.insts[usize::from(inst.0)].watch;
        if watch.failed.0 <= mid2 && mid2 <= watch.failed.1 {
            return;
        }
        match watch.asked_proof.map(|at| at.after(ANSWER)) {
            Some(again) if now < again => self.wake(inst, again),
            _ => self.ask_proof(inst, Price(mid2 / 2), out),
        }
    }

    fn ask_proof(&mut self, inst: InstId, px: Price, out: &mut Outputs) {
        let now = self.now;
        let watch = &mut self.insts[usize::from(inst.0)].watch;
        let rules = watch.rules;
        if px > Price::ZERO && self.standing.params.proof_permille > 0 {
            watch.asked_proof = Some(now);
            self.wake(inst, now.after(ANSWER));
        }
        out.actions.push((self.risk.pass(Action::Prove { inst, rules, px }, now), Stamp(0)));
    }

    /// The answer of a proof. One about older rules says nothing.
    #[cold]
    pub(super) fn proved(&mut self, event: &Event, out: &mut Outputs) {
        let Event::Proved { inst, holds, line, component, rules, lo, hi, size, px, floor } = *event
        else {
            return;
        };
        let Some(state) = self.routed(inst) else { return };
        let watch = &mut state.watch;
        if rules != watch.rules {
            return;
        }
        watch.asked_proof = None;
        // Prices are below 10^18 raw: doubled they fit.
        let band = (lo.0.saturating_mul(2), hi.0.saturating_mul(2));
        if holds {
            (watch.lo2, watch.hi2) = band;
        } else {
            watch.failed = band;
        }
        out.notes.push(Note::Proof { inst, holds, line, component, lo, hi, size, px, floor });
        if !holds {
            self.alarm(inst, Alarm::ProofFailed, OrderId::EXTERNAL, out);
        }
    }

    // -- margin ----------------------------------------------------------------------------------

    pub(super) fn tell_equity(&mut self, amount: i64) {
        if self.standing.params.leverage_permille > 0 {
            self.standing.equity = Some(Notional::from_raw(amount).0 - self.total);
            for i in 0..self.insts.len() {
                self.carry(InstId(i as u16));
            }
        }
    }

    /// Books what an instrument carries at the worst: everything open on one side filled.
    fn carry(&mut self, inst: InstId) {
        let state = &mut self.insts[usize::from(inst.0)];
        let mid2 = state.marked_mid2();
        let worst = |side: Side| {
            let ours = side.sign() * state.ledger.position().0;
            i128::from(ours) + i128::from(state.orders.exposure(side).0)
        };
        let qty = worst(Side::Buy).max(worst(Side::Sell)).max(0);
        // At most 2^64 x 2^63, which fits.
        let carried = qty * i128::from(mid2) / 2;
        self.standing.carried += carried - state.watch.carried;
        state.watch.carried = carried;
    }

    /// The notional that the account's equity leaves to this instrument. Without a word of the venue
    /// about its equity nothing is held back.
    #[inline]
    pub(super) fn margin(&self, inst: InstId) -> Notional {
        let standing = &self.standing;
        let Some(equity) = standing.equity else { return Notional(i128::MAX) };
        let others = standing.carried - self.insts[usize::from(inst.0)].watch.carried;
        let most = (equity + self.total) * i128::from(standing.params.leverage_permille) / 1000;
        Notional(most - others)
    }

    /// What the venue has not set stays as it was, and is told.
    #[cold]
    pub(super) fn not_set(&mut self, setting: Setting, out: &mut Outputs) {
        let alarm = match setting {
            Setting::DeadMan | Setting::DeadManVolume => Alarm::DeadManRefused,
            Setting::Leverage => Alarm::LeverageRefused,
        };
        self.alarm(InstId(0), alarm, OrderId::EXTERNAL, out);
    }

    // -- clocks ----------------------------------------------------------------------------------

    /// The venue's time against ours: both advance alike, or one of them jumped.
    #[inline]
    pub(super) fn compare_clocks(&mut self, inst: InstId, exch_ms: u64, out: &mut Outputs) {
        let bound = self.standing.params.clock_jump;
        if bound == Nanos::ZERO || exch_ms == 0 {
            return;
        }
        let skew = (self.now.0 / 1_000_000).wrapping_sub(exch_ms) as i64;
        let Some(state) = self.insts.get_mut(usize::from(inst.0)) else { return };
        let Some(known) = state.watch.skew else {
            state.watch.skew = Some(skew);
            return;
        };
        let moved = skew.wrapping_sub(known);
        if moved.unsigned_abs() > bound.0 / 1_000_000 {
            self.clock_jumped(Some(inst), out);
        }
    }

    /// Nobody knows how old the books are: they are torn, which pulls what rests on them, and asked
    /// for anew. Quoting goes on with the first fresh one.
    #[cold]
    pub(super) fn clock_jumped(&mut self, only: Option<InstId>, out: &mut Outputs) {
        self.alarm(only.unwrap_or(InstId(0)), Alarm::ClockJump, OrderId::EXTERNAL, out);
        for i in 0..self.insts.len() {
            let inst = InstId(i as u16);
            if only.is_none_or(|o| o == inst) {
                self.insts[i].watch.skew = None;
                let gap = GapReason::ClockJump;
                self.market(inst, Stamp(0), out, |s| s.book.tear(gap));
            }
        }
    }

    // -- fee tier --------------------------------------------------------------------------------

    fn look_at_tier(&mut self, out: &mut Outputs) {
        self.standing.looked = self.now;
        let realized = Notional(self.insts.iter().map(|i| i.ledger.realized().0).sum());
        let quiet = (0..self.insts.len()).all(|i| {
            let guard = self.insts[i].maker.pnl_guard.is_active();
            !guard && self.degraded(InstId(i as u16)).is_none()
        });
        let hold = self.standing.params.premium_after;
        if let Some(advised) = self.standing.tier.update(self.now, realized, quiet, hold) {
            out.notes.push(Note::Tier { advised, realized });
        }
    }
}

impl InstState {
    /// May something that adds inventory be placed at the price of now? Without a book risk refuses
    /// it for that.
    #[inline]
    pub(super) fn may_add(&self) -> bool {
        let proved = self.book.top().is_none_or(|top| self.watch.is_proved(top.mid2()));
        proved && !self.watch.delisted
    }
}

/// A span from now on; never when it is zero.
fn later(now: Nanos, span: Nanos) -> Nanos {
    if span == Nanos::ZERO { Nanos::MAX } else { now.after(span) }
}
