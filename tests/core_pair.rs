//! Cold. The pair inside the core, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{bps, n, q};
use common::lines::paired;
use evenkeel::strategy::pair::PairPolicy;
use evenkeel::strategy::pair_exec::FoundPolicy;

/// Both books ready at the golden prices, and the golden pair sent.
const SENT: &str = "
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #1 ioc, place pair sell 115.63 x 1 SOL#2 ioc
";

#[test]
fn golden_pair_enters_holds_and_exits() {
    paired(|_, _| {}).run(SENT).run("
            why solved               -> 0.042 1 at 0.1814 0.4316 bps
            fill #1 buy 0.042 @ 2756.9 taker
            decide
            fill SOL#2 sell 1 @ 115.86 taker
            decide
            why pair                 -> 1 holding, whole holds 0.042 -1
            why entered              -> 0.042 1 imbalance 0.000606271019 within
            at +2s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair sell 2751.3 x 0.042 #3 ioc reduce, place pair buy 116.1 x 1 SOL#4 ioc reduce
            fill #3 sell 0.042 @ 2756.8 taker
            fill SOL#4 buy 1 @ 115.87 taker
            decide
            why pair                 -> 1 waiting, succeeded holds 0 0
            shows pair succeeded     -> 1
            shows pair legs          -> 4 of 4
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #5 ioc, place pair sell 115.63 x 1 SOL#6 ioc
        ");
}

#[test]
fn the_second_leg_is_completed_within_its_bound() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            fill SOL#2 sell 0.8 @ 115.86 taker
            canceled SOL#2 ioc_remainder
            decide                   -> place pair sell 115.63 x 0.2 SOL#3 ioc
            why pair                 -> 1 repairing, completing holds 0.042 -0.8
            fill SOL#3 sell 0.2 @ 115.80 taker
            decide
            why pair                 -> 1 holding, balanced holds 0.042 -1
            why entered              -> 0.042 1 imbalance 0.000502634948 within
        ",
    );
}

#[test]
fn the_second_leg_is_sized_again_from_the_first_ones_fill() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.021 @ 2756.9 taker
            canceled #1 ioc_remainder
            reject SOL#2 ioc_no_match
            decide                   -> place pair sell 115.63 x 0.5 SOL#3 ioc
            fill SOL#3 sell 0.5 @ 115.86 taker
            decide
            why pair                 -> 1 holding, balanced holds 0.021 -0.5
            why entered              -> 0.021 0.5 imbalance 0.000606271019 within
        ",
    );
}

#[test]
fn a_leg_that_moved_past_its_bound_is_given_up_and_the_other_unwound_at_once() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            reject SOL#2 ioc_no_match
            book SOL bid 115.50 x 20 ask 115.51 x 20
            decide                   -> place pair sell 2751.3 x 0.042 #3 ioc reduce
            why pair                 -> 1 closing, unwinding holds 0.042 0
            fill #3 sell 0.042 @ 2756.8 taker
            decide
            why pair                 -> 1 waiting, unwound holds 0 0
            shows pair unwound       -> 1
        ",
    );
}

#[test]
fn a_leg_that_never_fills_is_tried_twice_and_the_other_unwound() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            reject SOL#2 ioc_no_match
            decide                   -> place pair sell 115.63 x 1 SOL#3 ioc
            reject SOL#3 ioc_no_match
            decide                   -> place pair sell 115.63 x 1 SOL#4 ioc
            reject SOL#4 ioc_no_match
            decide                   -> place pair sell 2751.3 x 0.042 #5 ioc reduce
            fill #5 sell 0.03 @ 2756.8 taker
            canceled #5 ioc_remainder
            decide
            at +250ms
            decide                   -> place pair sell 2751.3 x 0.012 #6 ioc reduce
            fill #6 sell 0.012 @ 2756.8 taker
            decide
            why pair                 -> 1 waiting, unwound holds 0 0
        ",
    );
}

#[test]
fn an_excess_on_the_finer_leg_gives_way_where_the_other_cannot_follow() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            fill SOL#2 sell 0.8 @ 115.86 taker
            canceled SOL#2 ioc_remainder
            book SOL bid 115.50 x 20 ask 115.51 x 20
            decide                   -> place pair sell 2751.3 x 0.008 #3 ioc reduce
            why pair                 -> 1 repairing, rebalancing holds 0.042 -0.8
            fill #3 sell 0.008 @ 2756.8 taker
            decide
            why pair                 -> 1 holding, balanced holds 0.034 -0.8
            why entered              -> 0.034 0.8 imbalance 0.011174006832 above
        ",
    );
}

#[test]
fn a_torn_book_of_the_missing_leg_unwinds_the_other() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            reject SOL#2 ioc_no_match
            gap SOL ring_full        -> resnapshot SOL
            decide                   -> place pair sell 2751.3 x 0.042 #3 ioc reduce
            fill #3 sell 0.042 @ 2756.8 taker
            decide
            why pair                 -> 1 waiting, unwound holds 0 0
            at +2s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            decide                   -> resnapshot SOL
            why pair                 -> 1 waiting, book_not_ready holds 0 0
        ",
    );
}

#[test]
fn a_lost_answer_is_asked_about_and_never_sent_again() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            unknown SOL#2            -> query SOL#2, alarm order_unknown
            decide
            why pair                 -> 1 entering, in_flight holds 0.042 0
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide
            state SOL#2 filled 1
            decide
            fill SOL#2 sell 1 @ 115.86 taker
            decide
            why pair                 -> 1 holding, whole holds 0.042 -1
        ",
    );
}

#[test]
fn an_order_that_never_arrived_is_completed() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            unknown SOL#2            -> query SOL#2, alarm order_unknown
            state SOL#2 not_found      // yet: completed now, it could trade twice
            decide
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> query SOL#2
            state SOL#2 not_found
            decide                   -> place pair sell 115.63 x 1 SOL#3 ioc
        ",
    );
}

#[test]
fn a_fate_that_stays_unknown_raises_an_alarm() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            unknown SOL#2            -> query SOL#2, alarm order_unknown
            at +5s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> query SOL#2, alarm pair_stuck
            at +5s
            decide                   -> query SOL#2
        ",
    );
}

#[test]
fn a_link_that_drops_is_waited_for() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            link down orders         -> alarm link_down
            decide
            link up orders           -> query SOL#2
            state SOL#2 canceled 0
            reconciled
            decide                   -> place pair sell 115.63 x 1 SOL#3 ioc
        ",
    );
}

#[test]
fn a_kill_leaves_a_naked_leg_with_an_alarm_and_resume_repairs_it() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            kill                     -> cancel SOL#2, cancel all, alarm killed
            decide
            canceled SOL#2
            decide                   -> alarm pair_residual
            why pair                 -> 1 halted, halted holds 0.042 0
            resume
            decide
            why pair                 -> 2 repairing, found_imbalance holds 0.042 0
            at +1ms
            decide                   -> place pair sell 115.63 x 1 SOL#3 ioc
        ",
    );
}

#[test]
fn a_kill_while_whole_leaves_the_pair_whole() {
    paired(|_, _| {}).run(SENT).run(
        "
            fill #1 buy 0.042 @ 2756.9 taker
            fill SOL#2 sell 1 @ 115.86 taker
            decide
            kill                     -> cancel all, alarm killed
            decide
            shows ETH halted        -> true
        ",
    );
}

#[test]
fn a_flatten_takes_both_legs_out() {
    paired(|_, _| {}).run(SENT).run("
            fill #1 buy 0.042 @ 2756.9 taker
            fill SOL#2 sell 1 @ 115.86 taker
            decide
            flatten                  -> cancel all
            decide                   -> place unwind sell 2701.8 x 0.042 #3 ioc reduce, place unwind buy 118.18 x 1 SOL#4 ioc reduce
            fill #3 sell 0.042 @ 2756.8 taker
            fill SOL#4 buy 1 @ 115.87 taker
            decide
            shows ETH quiet          -> true
            why pair                 -> 1 halted, halted holds 0.042 -1
        ");
}

#[test]
fn a_rest_below_the_floor_is_an_alarm_and_goes_with_the_next_exit() {
    paired(|_, _| {}).run(SENT).run("
            fill #1 buy 0.042 @ 2756.9 taker
            fill SOL#2 sell 1 @ 115.86 taker
            decide
            at +2s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair sell 2751.3 x 0.042 #3 ioc reduce, place pair buy 116.1 x 1 SOL#4 ioc reduce
            fill #3 sell 0.041 @ 2756.8 taker
            canceled #3 ioc_remainder
            fill SOL#4 buy 1 @ 115.87 taker
            decide                   -> alarm pair_residual
            why pair                 -> 1 waiting, residual holds 0.001 0
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #5 ioc, place pair sell 115.63 x 1 SOL#6 ioc
            fill #5 buy 0.042 @ 2756.9 taker
            fill SOL#6 sell 1 @ 115.86 taker
            decide
            at +2s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair sell 2751.3 x 0.043 #7 ioc reduce, place pair buy 116.1 x 1 SOL#8 ioc reduce
        ");
}

#[test]
fn two_approvals_or_none() {
    paired(|_, legs| legs[1].limits.order_qty = q("0.9")).run(
        "
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide
            why SOL:refused          -> pair sell order_size
            why pair                 -> 0 waiting, risk_refused holds 0 0
            shows pair risk_refused  -> 1
            shows pair cycles        -> 0
        ",
    );
}

#[test]
fn dear_books_thin_books_and_no_balance_keep_a_cycle_from_starting() {
    paired(|_, _| {}).run(
        "
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 0.1 115.40 x 20 ask 115.87 x 20
            decide
            why pair                 -> 0 waiting, slippage holds 0 0
            at +250ms
            book SOL bid 115.86 x 0.5 ask 115.87 x 20
            decide
            why pair                 -> 0 waiting, depth holds 0 0
            at +250ms
            book SOL bid 117.86 x 20 ask 117.87 x 20
            decide
            why pair                 -> 0 waiting, imbalance holds 0 0
        ",
    );
    paired(|p, _| {
        p.limits.policy = PairPolicy::Grow { max_imbalance: bps("10"), cap: n("400") };
    })
    .run("
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 117.86 x 20 ask 117.87 x 20
            decide                   -> place pair buy 2762.4 x 0.047 #1 ioc, place pair sell 117.63 x 1.1 SOL#2 ioc
        ");
    paired(|p, _| p.target = n("8")).run(
        "
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide
            why pair                 -> 0 waiting, infeasible holds 0 0
        ",
    );
}

#[test]
fn a_breaker_keeps_the_next_cycle_from_starting() {
    paired(|_, _| {}).run(SENT).run("
            reject #1 margin
            reject SOL#2 margin
            decide
            why pair                 -> 1 waiting, not_filled holds 0 0
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #3 ioc, place pair sell 115.63 x 1 SOL#4 ioc
            reject #3 margin
            reject SOL#4 margin
            decide
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #5 ioc, place pair sell 115.63 x 1 SOL#6 ioc
            reject #5 margin         -> alarm breaker_opened
            reject SOL#6 margin      -> alarm breaker_opened
            decide
            at +1s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide
            why pair                 -> 3 waiting, breaker_open holds 0 0
        ");
}

#[test]
fn what_a_start_finds_is_held_exited_or_shown() {
    let found = "
            link up market
            link up orders
            position ETH 0.042 @ 2756.9
            position SOL -1 @ 115.86
            reconciled
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
    ";
    let naked = "
            link up market
            link up orders
            position ETH 0.042 @ 2756.9
            position SOL 0 @ 0
            reconciled
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
    ";
    paired(|_, _| {}).run(found).run(
        "
            decide
            why pair                 -> 1 holding, found_whole holds 0.042 -1
    ",
    );
    paired(|_, _| {}).run(naked).run(
        "
            decide
            why pair                 -> 1 repairing, found_imbalance holds 0.042 0
            at +100ms
            decide                   -> place pair sell 115.63 x 1 SOL#1 ioc
    ",
    );
    paired(|p, _| p.found = FoundPolicy::Exit).run(found).run("
            decide
            at +100ms
            decide                   -> place pair sell 2751.3 x 0.042 #1 ioc reduce, place pair buy 116.1 x 1 SOL#2 ioc reduce
            why pair                 -> 1 closing, unwinding holds 0.042 -1
    ");
    paired(|p, _| p.found = FoundPolicy::Alarm).run(naked).run(
        "
            decide                   -> alarm pair_residual
            why pair                 -> 1 parked, found_imbalance holds 0.042 0
            at +100ms
            decide
    ",
    );
}
