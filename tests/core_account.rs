//! Cold. Positions, links, commands and losses, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{self, n, q};
use common::lines::{Desk, hedged, plain, sol};
use evenkeel::units::Nanos;

// -- positions and links ---------------------------------------------------------------------------

#[test]
fn a_lost_link_makes_everything_unknown_until_it_is_reconciled() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            link down orders         -> alarm link_down
            decide                     // nothing can be asked or sent
            why buy                  -> silent not_ready
            at +5s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            link up orders           -> query #1, query #2
            state #1 open
            state #2 canceled
            position SOL 0 @ 0
            reconciled
            decide                   -> place sell 100.06 x 0.64 #3 alo
        ",
    );
}

#[test]
fn a_position_that_is_not_ours_stops_the_market_until_the_venue_repeats_it() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            position SOL 0.3 @ 99.9  -> cancel #1, cancel #2, alarm position_mismatch
            canceled #1
            canceled #2
            decide
            why buy                  -> silent not_ready
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> read account   // asked again
            position SOL 0.3 @ 99.9  -> adopt 0.3
            shows SOL position       -> 0.3
            decide                   -> place buy 99.92 x 0.32 #3 alo, place sell 100.08 x 0.32 #4 alo
        ",
    );
}

#[test]
fn a_fill_that_comes_after_the_position_report_clears_it() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            position SOL 0.64 @ 99.94 -> cancel #1, cancel #2, alarm position_mismatch
            fill #1 buy 0.64 @ 99.94 maker
            canceled #2
            decide                   -> place sell 100.09 x 0.32 #3 alo
            shows SOL position       -> 0.64
        ",
    );
}

#[test]
fn an_opening_position_is_no_loss_before_or_after_the_first_book() {
    let mut cfg = config::core(vec![config::inst("SOL")]);
    cfg.limits.loss = n("5");
    cfg.limits.drawdown = n("5");
    Desk::new(&cfg).run(
        "
            up 1 @ 150
            decide                     // no mid: 150 quote of cash are not a loss
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place sell 100.09 x 0.32 #1 alo   // neither is what it lost before this run
            shows SOL halted         -> false
            at +1s
            book SOL bid 94.9 x 20 ask 94.94 x 20
            decide                   -> query #1, cancel #1, alarm order_unknown, alarm loss_limit   // 5.08 since then are
            shows SOL halted         -> true
        ",
    );
}

// -- commands and loss -----------------------------------------------------------------------------

#[test]
fn a_kill_cancels_everything_and_stays() {
    plain().run(
        "
            up 0.3 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.92 x 0.32 #1 alo, place sell 100.08 x 0.32 #2 alo
            ack #1
            ack #2
            kill                     -> cancel #1, cancel #2, cancel all, alarm killed
            cancel_reject #1 there
            canceled #2
            decide
            timer                    -> cancel #1   // the cancel that was refused is repeated
            why buy                  -> silent halted
            canceled #1
            decide
            shows SOL quiet          -> true
            shows SOL position       -> 0.3
            resume
            decide                   -> place buy 99.92 x 0.32 #3 alo, place sell 100.08 x 0.32 #4 alo
        ",
    );
}

#[test]
fn a_hedge_that_is_found_alive_after_a_kill_goes_as_well() {
    hedged(|_| {}).run(
        "
            up 1.6 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place hedger sell 100.02 x 0.5 #1 alo reduce
            unknown #1               -> query #1, alarm order_unknown
            kill                     -> cancel #1, cancel all, alarm killed
            state #1 open              // the cancel was lost
            decide                   -> cancel #1
            canceled #1
            shows SOL quiet          -> true
        ",
    );
}

#[test]
fn what_could_not_be_sent_is_not_tried_again_at_once() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            unsent #1 encode
            decide
            at +1s
            ack #2
            decide                   -> place buy 99.94 x 0.64 #3 alo
        ",
    );
}

#[test]
fn flatten_sells_what_can_be_sold_in_orders_that_the_limits_take() {
    sol(|i| i.limits.order_qty = q("0.5")).run(
        "
            up 0.55 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            flatten                  -> cancel all
            decide                   -> place unwind sell 98 x 0.44 #1 ioc reduce   // 0.44 and not 0.5: the rest could not be sold any more
            decide
            ack #1 ioc
            fill #1 sell 0.44 @ 99.98 taker
            shows SOL quiet          -> false
            decide
            timer                    -> place unwind sell 98 x 0.11 #2 ioc reduce
            fill #2 sell 0.05 @ 99.98 taker
            canceled #2 ioc_remainder
            timer                      // 0.06 is below the floor
            shows SOL quiet          -> true
            shows SOL position       -> 0.06
        ",
    );
}

#[test]
fn flatten_waits_for_the_link_and_for_the_orders() {
    plain().run(
        "
            up -1 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 0.32 #1 alo
            ack #1
            link down orders         -> alarm link_down
            flatten                  -> cancel #1, cancel all
            decide
            link up orders           -> query #1
            state #1 open
            position SOL -1 @ 100
            reconciled
            decide                   -> cancel #1
            canceled #1
            decide                   -> place unwind buy 102 x 1 #2 ioc reduce
        ",
    );
}

#[test]
fn a_stop_flattens_and_ends_quiet() {
    plain().run(
        "
            up 0.5 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place sell 100.09 x 0.32 #1 alo
            ack #1
            stop                     -> cancel #1
            canceled #1
            decide                   -> place unwind sell 98 x 0.5 #2 ioc reduce
            fill #2 sell 0.5 @ 99.98 taker
            decide
            shows SOL quiet          -> true
        ",
    );
}

#[test]
fn a_flatten_that_the_venue_refuses_ends_with_an_alarm() {
    plain().run(
        "
            up 0.5 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            flatten                  -> cancel all
            decide                   -> place unwind sell 98 x 0.5 #1 ioc reduce
            reject #1 min_notional   -> refresh SOL, alarm below_minimum_reject
            at +500ms
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> alarm hedger_stuck
            shows SOL quiet          -> true
        ",
    );
}

#[test]
fn a_loss_halts_and_a_resume_counts_from_there() {
    let mut cfg = config::core(vec![config::inst("SOL")]);
    cfg.limits.loss = n("1");
    Desk::new(&cfg).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            fill #1 buy 0.64 @ 99.94 maker
            decide
            at +1s
            book SOL bid 97.98 x 20 ask 98.02 x 20
            decide                   -> cancel #2, alarm loss_limit
            shows SOL halted         -> true
            why buy                  -> silent halted
            resume
            decide                   -> place sell 98.12 x 0.32 #3 alo
            shows SOL halted         -> false
        ",
    );
}

#[test]
fn a_fall_from_the_best_halts() {
    let mut cfg = config::core(vec![config::inst("SOL")]);
    cfg.limits.drawdown = n("1");
    Desk::new(&cfg).run(
        "
            up 1 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place sell 100.09 x 0.32 #1 alo
            ack #1
            at +1s
            book SOL bid 101.98 x 20 ask 102.02 x 20 -> cancel #1
            decide                   -> place sell 102.1 x 0.32 #2 alo
            unknown #1               -> query #1, alarm order_unknown
            at +1s
            book SOL bid 100.97 x 20 ask 101.01 x 20
            decide                   -> query #2, cancel #1, cancel #2, alarm order_unknown, alarm drawdown   // 1.01 under the best, and still ahead
            shows SOL halted         -> true
        ",
    );
}

// -- timers ----------------------------------------------------------------------------------------

#[test]
fn timers_never_fire_faster_than_their_shortest_span() {
    let mut desk = sol(|i| {
        i.hedger = Some(config::hedger());
        i.maker.as_mut().expect("a maker").asymmetric_above = q("9");
        i.stale = Nanos::from_secs(1_000);
    });
    desk.run("up 1.6 @ 100");
    desk.run("book SOL bid 99.98 x 20 ask 100.02 x 20");
    desk.apply(&[evenkeel::event::Event::Decide { drained: 1 }]);
    let mut decisions = 0;
    let begun = desk.now;
    while desk.now.since(begun) < Nanos::from_secs(600) && desk.core.wake_at() != Nanos::MAX {
        let at = desk.core.wake_at();
        assert!(at > desk.now || decisions == 0, "a timer in the past");
        desk.now = desk.now.max(at);
        desk.apply(&[evenkeel::event::Event::Decide { drained: 0 }]);
        decisions += 1;
        assert!(decisions < 2_000, "{:?} after {decisions}", desk.now.since(begun));
    }
    assert!(decisions > 5);
}

#[test]
fn markets_do_not_touch_each_other() {
    let mut desk = Desk::new(&config::core(vec![config::inst("SOL"), config::inst("ETH")]));
    desk.run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            book ETH bid 49.99 x 20 ask 50.01 x 20
            decide                   -> place buy 49.97 x 0.64 ETH#3 alo, place sell 50.03 x 0.64 ETH#4 alo
            ack #1
            ack #2
            ack ETH#3
            ack ETH#4
            gap ETH sequence         -> cancel ETH#3, cancel ETH#4, resnapshot ETH
            decide
            why ETH:buy              -> silent book_invalid
            position ETH 1 @ 50      -> alarm position_mismatch
            decide
            at +200ms
            book SOL bid 100.08 x 20 ask 100.12 x 20 -> cancel #2
            decide                   -> cancel #1, place buy 100.03 x 0.64 #5 alo, place sell 100.17 x 0.64 #6 alo
        ",
    );
    assert_eq!(desk.core.counts().unroutable, 0);
}
