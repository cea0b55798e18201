//! Cold. A hedge on another market, line by line: SOL is made, ETH hedges it, 0.05 for one. The
//! language is described in `common/lines.rs`, the rule in `common/config.rs`.

mod common;

use common::audit::{Auditor, LOT, book, go_up};
use common::config::{self, n, q};
use common::lines::hedged_on;
use common::rng::Rng;
use evenkeel::event::{
    Action, CancelReason, Component, Event, OrderId, RejectReason, Stamp, VenueOrderState,
};
use evenkeel::instrument::InstId;
use evenkeel::strategy::exposure::Ratio;
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};

/// Long 1.6 SOL: an exposure of 0.08 ETH, a clip of 0.025 of it.
const SENT: &str = "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#1 alo
";

#[test]
fn inventory_of_one_market_is_hedged_on_the_other_and_not_hedged_again() {
    // 1.6 x 0.05 = 0.08, above the trigger of 0.05; min(0.08 - 0.005, 0.025). The cross is bound to
    // 2000 less 7 bps, 1998.6.
    hedged_on(|_| {}).run(SENT).run(
        "
            why ETH:hedge            -> passive_first, residual 0.055
            why hedge                -> nothing
            shows ETH phase          -> resting
            ack ETH#1
            at +400ms
            decide                   -> cancel ETH#1
            canceled ETH#1
            decide                   -> place hedger sell 1998.6 x 0.025 ETH#2 ioc
            fill ETH#2 sell 0.025 @ 1999.6 taker
            decide
            shows ETH phase          -> cooldown
            shows SOL position       -> 1.6
            shows ETH position       -> -0.025
            at +2s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#3 alo   // 0.055 are left
            why ETH:hedge            -> passive_first, residual 0.03
            ack ETH#3
            fill ETH#3 sell 0.025 @ 2000.4 maker
            decide
            at +2s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                     // 0.03 are within the trigger
            why ETH:hedge            -> within_trigger, residual 0.03
            shows ETH position       -> -0.05
        ",
    );
}

#[test]
fn what_the_hedge_holds_counts_and_goes_when_the_inventory_goes() {
    // Neutral at the start: 1.6 x 0.05 - 0.08. Then 1.2 SOL are sold: 0.4 x 0.05 - 0.08 = -0.06, of
    // which 0.025 are bought. That closes, so it only reduces.
    hedged_on(|_| {}).run(
        "
            up 1.6 @ 100 -0.08 @ 2000
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            why ETH:hedge            -> within_trigger, residual 0
            fill SOL sell 1.2 @ 100.02 taker -> alarm external_fill
            decide                   -> place hedger buy 1999.6 x 0.025 ETH#1 alo reduce
            why ETH:hedge            -> passive_first, residual 0.035
            ack ETH#1
            fill ETH#1 buy 0.025 @ 1999.6 maker
            decide
            shows ETH position       -> -0.055
        ",
    );
    // Through zero: short 1.6 SOL with 0.01 ETH short already is 0.09 to buy; 0.025 > 0.01.
    hedged_on(|_| {}).run(
        "
            up -1.6 @ 100 -0.01 @ 2000
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger buy 1999.6 x 0.025 ETH#1 alo
            why ETH:hedge            -> passive_first, residual 0.065
        ",
    );
}

#[test]
fn a_torn_book_of_the_made_market_does_not_stop_its_hedge() {
    hedged_on(|_| {}).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            gap SOL sequence         -> resnapshot SOL
            fill SOL buy 1.6 @ 100 taker -> alarm external_fill
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#1 alo
        ",
    );
}

#[test]
fn a_hedge_market_without_a_book_is_stuck_at_the_deadline() {
    hedged_on(|_| {}).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            why ETH:hedge            -> no_market, residual 0.08
            at +9s
            decide
            at +1s
            decide                   -> alarm hedger_stuck
            at +1s
            decide                     // said once
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#1 alo
            ack ETH#1
            gap ETH ring_full        -> cancel ETH#1, resnapshot ETH
            canceled ETH#1
            at +1s
            decide                   -> resnapshot ETH
            why ETH:hedge            -> no_market, residual 0.08
        ",
    );
}

#[test]
fn a_reject_cools_down_and_three_open_the_hedgers_breaker() {
    hedged_on(|_| {}).run(SENT).run(
        "
            reject ETH#1 margin
            decide
            shows ETH phase          -> cooldown
            at +2s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#2 alo
            reject ETH#2 margin
            at +2s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#3 alo
            reject ETH#3 margin      -> alarm breaker_opened
            shows ETH health         -> breaker
            shows SOL health         -> hedge_market
            at +2s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            why ETH:refused          -> hedger sell breaker_open
            at +4s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> alarm hedger_stuck
        ",
    );
}

#[test]
fn a_hedge_of_unknown_fate_is_asked_about_and_never_sent_again() {
    hedged_on(|_| {}).run(SENT).run(
        "
            unknown ETH#1            -> query ETH#1, alarm order_unknown
            at +400ms
            decide                     // whose cancel nobody can send: it is being asked about
            fill SOL buy 1 @ 100 taker -> alarm external_fill
            decide
            why ETH:hedge            -> in_flight, residual 0.13
            state ETH#1 filled 0.025
            decide
            fill ETH#1 sell 0.025 @ 2000.4 maker
            decide                   -> place hedger sell 1998.6 x 0.025 ETH#2 ioc   // 0.105 are left
            why ETH:hedge            -> cross, residual 0.08
        ",
    );
}

#[test]
fn a_position_in_doubt_pulls_the_hedge_of_it() {
    hedged_on(|_| {}).run(SENT).run(
        "
            ack ETH#1
            position SOL 0.4 @ 100   -> alarm position_mismatch
            decide                   -> cancel ETH#1
            canceled ETH#1
            decide
            position SOL 1.6 @ 100
            decide                   -> place hedger sell 1998.6 x 0.025 ETH#2 ioc
        ",
    );
}

#[test]
fn both_are_flattened_by_a_stop_and_neither_is_hedged_meanwhile() {
    hedged_on(|_| {}).run(
        "
            up 1.6 @ 100 -0.08 @ 2000
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            stop
            decide                   -> place unwind sell 98 x 1.6 #1 ioc reduce, place unwind buy 2001.4 x 0.08 ETH#2 ioc reduce
            fill #1 sell 1.6 @ 99.98 taker
            decide                     // ETH is short 0.08 alone now, and no hedge is made of it
            fill ETH#2 buy 0.08 @ 2000.4 taker
            decide
            shows SOL quiet          -> true
        ",
    );
    hedged_on(|_| {}).run(SENT).run(
        "
            ack ETH#1
            kill                     -> cancel ETH#1, cancel all, alarm killed
            canceled ETH#1
            decide                     // both stay as they are
            resume
            decide                   -> place hedger sell 2000.4 x 0.025 ETH#2 alo
        ",
    );
}

#[test]
fn a_dry_run_decides_and_sends_nothing() {
    hedged_on(|i| i[1].hedger.as_mut().expect("a hedger").dry_run = true).run(
        "
            up 1.6 @ 100
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            why ETH:hedge            -> dry_run, residual 0.055
        ",
    );
}

#[test]
fn the_other_markets_floor_and_limits_are_the_hedges() {
    // A floor of 100 quote is 0.051 ETH at 1997.2, the least favourable price: more than the clip of
    // 0.025, less than 0.08; 0.029 would be left, within the trigger.
    hedged_on(|i| {
        i[1].spec.min_notional = n("100");
        i[1].hedger.as_mut().expect("a hedger").passive_wait = Nanos::ZERO;
    })
    .run(
        "
            up 1.6 @ 100
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 1998.6 x 0.051 ETH#1 ioc
            why ETH:hedge            -> cross, residual 0.029
        ",
    );
    // 160 quote are 0.081: above all there is. SOL's own minimum of 10 says nothing.
    hedged_on(|i| i[1].spec.min_notional = n("160")).run(
        "
            up 1.6 @ 100
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            why ETH:hedge            -> residual_below_minimum, residual 0.08
        ",
    );
    // Short 0.01 of 0.02 at most: there is room for another 0.01.
    hedged_on(|i| i[1].limits.position = q("0.02")).run(
        "
            up 1.8 @ 100 -0.01 @ 2000
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.01 ETH#1 alo
            why ETH:hedge            -> passive_first, residual 0.07
        ",
    );
    // No room at all: refused by name, and stuck at the deadline.
    hedged_on(|i| i[1].limits.position = q("0.02")).run(
        "
            up 1.8 @ 100 -0.02 @ 2000
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide
            why ETH:refused          -> hedger sell position_limit
            at +10s
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> alarm hedger_stuck
        ",
    );
}

#[test]
fn the_makers_guard_shrinks_the_clip() {
    // While it is engaged a clip is 0.35 x 0.025 = 0.00875, whole lots 0.008; the floor is 0.006.
    hedged_on(|i| {
        let mut maker = config::maker();
        maker.pnl_guard.trigger = n("1000000");
        // A maker only for its guard: it never finds a price.
        maker.spread_base = evenkeel::units::Bps::whole(30_000);
        i[0].maker = Some(maker);
    })
    .run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place hedger sell 2000.4 x 0.008 ETH#1 alo
            why ETH:hedge            -> passive_first, residual 0.072
        ",
    );
}

#[test]
fn a_maker_and_its_hedge_elsewhere_need_not_make_way_for_each_other() {
    hedged_on(|i| {
        i[0].maker = Some(config::maker());
        let hedger = i[1].hedger.as_mut().expect("a hedger");
        hedger.passive_wait = Nanos::ZERO;
        hedger.rule.trigger = q("0.01");
    })
    .run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.6 x 20 ask 2000.4 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            fill #1 buy 0.3 @ 99.94 maker
            decide                   -> place hedger sell 1998.6 x 0.01 ETH#3 ioc   // 0.3 x 0.05 - 0.005
            fill ETH#3 sell 0.01 @ 1999.6 taker
            decide
            shows ETH position       -> -0.01
            shows SOL position       -> 0.3
        ",
    );
}

#[test]
fn a_late_fill_of_the_hedge_is_the_hedgers() {
    hedged_on(|_| {}).run(SENT).run(
        "
            ack ETH#1
            at +400ms
            decide                   -> cancel ETH#1
            canceled ETH#1
            fill ETH#1 sell 0.01 @ 2000.4 maker
            decide                   -> place hedger sell 1998.6 x 0.025 ETH#2 ioc
            why ETH:hedge            -> cross, residual 0.045
        ",
    );
}

const SOL: InstId = InstId(0);
const ETH: InstId = InstId(1);

fn exposure(audit: &Auditor) -> i64 {
    let ratio = Ratio::new(q("0.05").0).expect("in range");
    ratio.exposure(Qty(audit.positions[0]), Qty(audit.positions[1])).0
}

/// A venue that fills, refuses, cancels and stays silent as chance has it.
fn answer(rng: &mut Rng, audit: &mut Auditor, action: Action, trade_id: &mut u64) {
    let recv = Stamp(1);
    match action {
        Action::Place { inst, side, order, px, qty, .. } => {
            let (fate, part) = (rng.below(10), rng.within(1, qty.0));
            if fate == 0 {
                let reason = rng.pick(&[RejectReason::IocNoMatch, RejectReason::Margin]);
                audit.apply(Event::Reject { order, reason, code: 0, recv });
                return;
            }
            audit.apply(Event::Ack { order, venue_oid: 1, resting: true, recv });
            if fate < 3 {
                return;
            }
            let qty = if fate < 6 { Qty(part) } else { qty };
            *trade_id += 1;
            let (trade_id, taker, fee, exch_ms) = (*trade_id, true, 0, 1);
            audit.apply(Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, exch_ms });
        }
        Action::Cancel { order, .. } if rng.chance(900) => {
            audit.apply(Event::Canceled { order, reason: CancelReason::ByUs, recv });
        }
        Action::Query { order, .. } => {
            let (state, filled) = (VenueOrderState::NotFound, Qty(0));
            audit.apply(Event::OrderState { order, state, filled, venue_oid: 1, recv });
        }
        _ => {}
    }
}

#[test]
fn a_hedge_makes_the_exposure_smaller_whatever_happens() {
    let (mut hedges, mut small) = (0, 0);
    for seed in 0..400 {
        let mut rng = Rng::new(0x0e_d6e5 + seed);
        let mut cfg = config::hedged_on();
        // Ticks of the audit's books, and rates that nothing of this meets.
        cfg.instruments[1].spec.grid = cfg.instruments[0].spec.grid;
        (cfg.limits.burst, cfg.limits.breaker_rejects) = (10_000, 100);
        (cfg.limits.loss, cfg.limits.drawdown) = (n("100000000"), n("100000000"));
        for inst in &mut cfg.instruments {
            inst.limits.position = q("1000");
            inst.limits.inventory_notional = Notional::from_raw(1_000_000 * SCALE);
        }
        let hedger = cfg.instruments[1].hedger.as_mut().expect("a hedger");
        hedger.passive_wait = Nanos::from_millis(rng.pick(&[0, 400]));
        let rule = hedger.rule;
        let mut audit = Auditor::new(seed, cfg);
        go_up(&mut audit);
        let (mut mid, mut trade_id, mut quiet) = (2_000 * SCALE, 0, 0);
        for step in 0..160u64 {
            audit.now = audit.now.after(Nanos::from_millis(250));
            mid += rng.within(-20, 20) * SCALE / 100;
            for event in book(&mut rng, ETH, mid, step + 1) {
                audit.apply(event);
            }
            if step < 80 && rng.chance(150) {
                trade_id += 1;
                audit.apply(Event::Fill {
                    inst: SOL,
                    side: rng.pick(&Side::BOTH),
                    taker: false,
                    order: OrderId::EXTERNAL,
                    px: Price(100 * SCALE),
                    qty: Qty(rng.within(1, 300) * LOT),
                    fee: 0,
                    trade_id,
                    exch_ms: 1,
                });
            }
            let before = exposure(&audit);
            for action in audit.apply(Event::Decide { drained: 1 }) {
                if let Action::Place { inst, side, component, qty, .. } = action {
                    assert_eq!((inst, component), (ETH, Component::Hedger), "seed {seed}");
                    assert!(before * side.sign() < 0, "seed {seed}: away from zero");
                    assert!(qty.0 <= before.abs(), "seed {seed}: {qty} flips {before}");
                    assert!(before.abs() > rule.trigger.0, "seed {seed}: nothing was due");
                    hedges += 1;
                }
                answer(&mut rng, &mut audit, action, &mut trade_id);
            }
            let after = exposure(&audit);
            assert!(after.abs() <= before.abs() && after.signum() * before.signum() >= 0);
            quiet = after;
        }
        audit.check_replay();
        small += u64::from(quiet.abs() <= rule.trigger.0);
    }
    assert!(hedges > 2_000, "{hedges}");
    assert!(small > 200, "{small} of 400 ended within the trigger");
}
