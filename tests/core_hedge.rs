//! Cold. The hedger, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{self, bps, ms, n, q};
use common::lines::{hedged, sol};
use evenkeel::core::InstConfig;
use evenkeel::units::{Bps, Nanos};

#[test]
fn a_hedge_rests_then_crosses_and_cools_down() {
    hedged(|_| {}).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            why hedge                -> passive_first, residual 1.1
            shows SOL phase          -> resting
            ack #1
            at +300ms
            decide
            at +100ms
            decide                   -> cancel #1   // the wait is over
            shows SOL phase          -> pulling
            canceled #1
            decide                   -> place hedger sell 99.93 x 0.5 #2 ioc reduce
            why hedge                -> cross, residual 1.1
            fill #2 sell 0.5 @ 99.98 taker
            decide
            shows SOL phase          -> cooldown
            at +1900ms
            decide
            at +100ms
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #3 alo reduce
        ",
    );
}

#[test]
fn a_passive_hedge_that_filled_waits_for_the_next() {
    hedged(|_| {}).run(
        "
            up 2.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            ack #1
            fill #1 sell 0.5 @ 100.02 maker
            decide                     // 2.1 are left: the next clip comes after the cooldown
            why hedge                -> resolved, residual 2.1
            shows SOL phase          -> cooldown
        ",
    );
}

#[test]
fn a_passive_hedge_that_would_have_traded_crosses_at_once() {
    hedged(|_| {}).run(
        "
            up -1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger buy 99.98 x 0.5 #1 alo reduce
            reject #1 would_cross
            decide                   -> place hedger buy 100.07 x 0.5 #2 ioc reduce
        ",
    );
}

#[test]
fn a_hedge_that_the_venue_refuses_cools_down() {
    hedged(|_| {}).run(
        "
            up -1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger buy 99.98 x 0.5 #1 alo reduce
            reject #1 margin
            decide
            shows SOL phase          -> cooldown
            at +2s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger buy 99.98 x 0.5 #2 alo reduce
        ",
    );
}

#[test]
fn a_cross_is_abandoned_when_the_market_has_moved() {
    hedged(|_| {}).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            ack #1
            at +400ms
            book SOL bid 99.88 x 20 ask 99.92 x 20
            decide                   -> cancel #1
            canceled #1
            decide                     // 10 bps
            why hedge                -> cross_abandoned, residual 1.6
            wake                     -> +100us
            timer                    -> place hedger sell 99.92 x 0.5 #2 alo reduce   // decided anew
            why hedge                -> passive_first, residual 1.1
        ",
    );
}

#[test]
fn a_cross_that_meets_nothing_cools_down() {
    hedged(|i| i.hedger.as_mut().expect("a hedger").passive_wait = Nanos::ZERO).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 99.93 x 0.5 #1 ioc reduce
            reject #1 ioc_no_match
            decide
            shows SOL phase          -> cooldown
        ",
    );
}

#[test]
fn a_hedge_is_stuck_at_its_deadline_however_often_it_is_decided() {
    hedged(|i| i.hedger.as_mut().expect("a hedger").passive_wait = Nanos::ZERO).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 99.93 x 0.5 #1 ioc reduce
            reject #1 ioc_no_match
            decide
            at +5s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 99.93 x 0.5 #2 ioc reduce
            reject #2 ioc_no_match
            decide
            at +5s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 99.93 x 0.5 #3 ioc reduce, alarm hedger_stuck   // ten seconds without a fill
            reject #3 ioc_no_match
            decide
            at +3s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 99.93 x 0.5 #4 ioc reduce   // said once
            fill #4 sell 0.5 @ 99.98 taker
            decide
        ",
    );
}

#[test]
fn a_hedge_that_a_rule_of_ours_refuses_gets_stuck_too() {
    hedged(|i| i.limits.price_band = bps("1")).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            why refused              -> hedger sell price_band
            at +9s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> alarm hedger_stuck
        ",
    );
}

#[test]
fn a_dry_run_decides_and_sends_nothing() {
    hedged(|i| i.hedger.as_mut().expect("a hedger").dry_run = true).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            why hedge                -> dry_run, residual 1.1
            at +20s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
        ",
    );
}

#[test]
fn a_hedge_whose_cancel_was_lost_is_cancelled_again() {
    hedged(|_| {}).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            ack #1
            at +400ms
            decide                   -> cancel #1
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> query #1   // overdue
            state #1 open
            decide                   -> cancel #1
            canceled #1
            decide                   -> place hedger sell 99.93 x 0.5 #2 ioc reduce
        ",
    );
}

#[test]
fn a_torn_book_pulls_the_hedge_too_and_the_next_one_crosses() {
    hedged(|_| {}).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            ack #1
            gap SOL sequence         -> cancel #1, resnapshot SOL
            canceled #1
            decide
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 99.93 x 0.5 #2 ioc reduce
        ",
    );
}

#[test]
fn the_maker_makes_way_for_a_hedge_that_would_meet_it() {
    sol(|i| {
        let mut hedger = config::hedger();
        hedger.passive_wait = Nanos::ZERO;
        hedger.rule.trigger = q("0.2");
        i.hedger = Some(hedger);
    })
    .run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            fill #1 buy 0.3 @ 99.94 maker
            decide                   -> cancel #1   // selling down to 99.93 would meet our bid at 99.94
            why refused              -> hedger sell self_cross
            why hedge                -> cross, residual 0.1
            decide                     // nothing until it has gone
            canceled #1
            decide                   -> place hedger sell 99.93 x 0.2 #3 ioc reduce
            why buy                  -> silent risk
        ",
    );
}

#[test]
fn the_golden_rows_of_the_hedger() {
    let lighter = |guard: bool, remainder: bool| {
        let mut desk = hedged(|i| {
            i.spec.lot = q("0.001");
            i.spec.min_size = q("0.061");
            i.spec.min_notional = n("10.5");
            let hedger = i.hedger.as_mut().expect("a hedger");
            hedger.passive_wait = Nanos::ZERO;
            hedger.rule.trigger = q("0.010");
            hedger.rule.target = q("0.001");
            hedger.rule.max_clip = q("0.03");
            hedger.rule.remainder_rule = remainder;
            let mut maker = config::maker();
            maker.size = q("0.064");
            maker.raise_to_minimum = false;
            if guard {
                maker.pnl_guard.trigger = n("1000000");
            }
            // A maker only for its guard: it never finds a price.
            maker.spread_base = Bps::whole(30_000);
            i.maker = Some(maker);
        });
        desk.run("book SOL bid 142.99 x 20 ask 143.01 x 20");
        desk
    };
    for (inventory, guard, remainder, order) in [
        ("0.093", true, true, "hedger sell 142.9 x 0.093 #1 ioc reduce"),
        ("0.093", true, false, "hedger sell 142.9 x 0.074 #1 ioc reduce"),
        ("0.073", true, true, ""),
        ("0.027", false, true, ""),
        ("-0.300", false, true, "hedger buy 143.1 x 0.074 #1 ioc reduce"),
    ] {
        let mut desk = lighter(guard, remainder);
        desk.run(&format!("up {inventory} @ 143"));
        let got = desk.apply(&[evenkeel::event::Event::Decide { drained: 1 }]);
        let placed = got.split(", ").find(|a| a.contains("hedger")).unwrap_or_default();
        assert_eq!(placed.trim_start_matches("place "), order, "{inventory}: {got}");
        if order.is_empty() {
            let inventory = inventory.trim_start_matches('-');
            desk.run(&format!("why hedge -> residual_below_minimum, residual {inventory}"));
        }
    }
}

#[test]
fn a_second_passive_order_rests_nearer_before_the_cross() {
    let two_tiers = |i: &mut InstConfig| {
        let hedger = i.hedger.as_mut().expect("a hedger");
        (hedger.second_offset, hedger.second_wait) = (bps("0"), ms(300));
    };
    hedged(two_tiers).run(
        "
            up 1.6 @ 100
            book SOL bid 99.96 x 20 ask 100.04 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            ack #1
            timer                    -> cancel #1
            canceled #1
            decide                   -> place hedger sell 100 x 0.5 #2 alo reduce
            why hedge                -> second_passive, residual 1.1
            wake                     -> +300ms
            ack #2
            timer                    -> cancel #2
            canceled #2
            decide                   -> place hedger sell 99.93 x 0.5 #3 ioc reduce
            fill #3 sell 0.5 @ 99.96 taker
            decide
            at +2s
            book SOL bid 99.96 x 20 ask 100.04 x 20
            // The next hedge begins with its first order again.
            decide                   -> place hedger sell 100.02 x 0.5 #4 alo reduce
        ",
    );
    // The venue refuses the first one, which would have traded: the cross follows at once.
    hedged(two_tiers).run(
        "
            up 1.6 @ 100
            book SOL bid 99.96 x 20 ask 100.04 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            reject #1 would_cross
            decide                   -> place hedger sell 99.93 x 0.5 #2 ioc reduce
        ",
    );
}
