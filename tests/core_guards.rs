//! Cold. Standing guards of the core in the line language: rules read again, proofs made again,
//! margin, clocks, kill. Quotes are 99.94 / 100.06 x 0.64 at a mid of 100; the floor is 0.1.

mod common;

use common::config::{core, hedger, inst};
use common::lines::Desk;
use evenkeel::core::{Core, CoreConfig, Outputs, StandingParams};
use evenkeel::units::Nanos;

fn desk(change: impl FnOnce(&mut CoreConfig)) -> Desk {
    let mut config = core(vec![inst("SOL")]);
    change(&mut config);
    Desk::new(&config)
}

fn proofs(config: &mut CoreConfig) {
    config.standing.proof_permille = 200;
}

/// The log of a desk through a fresh core: the same state.
fn replays(desk: &Desk, config: &CoreConfig) {
    let mut fresh = Core::new(config).expect("a valid config");
    let mut out = Outputs::default();
    for input in &desk.log {
        fresh.apply(input, &mut out);
    }
    assert_eq!(fresh.hash(), desk.core.hash(), "replay reached another state");
}

const QUOTED: &str = "
    up
    book SOL bid 99.98 x 20 ask 100.02 x 20
    decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
    ack #1
    ack #2
";

// -- rules ----------------------------------------------------------------------------------------

#[test]
fn a_reject_about_rules_asks_for_them() {
    for reason in ["tick", "lot", "min_notional", "unknown_asset"] {
        let alarm = if reason == "min_notional" { ", alarm below_minimum_reject" } else { "" };
        desk(|_| {}).run(&format!(
            "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            reject #1 {reason} -> refresh SOL{alarm}
            reject #2 {reason} -> {}   // asked already
            ",
            alarm.trim_start_matches(", ")
        ));
    }
    for reason in ["margin", "would_cross", "rate_limit"] {
        desk(|_| {}).run(&format!(
            "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            reject #1 {reason}
            "
        ));
    }
}

#[test]
fn the_same_rules_do_not_let_the_refused_size_through() {
    desk(|_| {}).run(
        "
        up
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
        ack #2
        reject #1 min_notional -> refresh SOL, alarm below_minimum_reject
        rules SOL
        at +200ms
        decide
        why refused       -> maker buy rejected_size
        ",
    );
}

#[test]
fn new_rules_make_another_quantizer_and_free_the_size() {
    let mut desk = desk(|_| {});
    desk.run(
        "
        up
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
        ack #2
        reject #1 min_notional -> refresh SOL, alarm below_minimum_reject
        rules SOL lot 0.1 tick 0.1 notional 65 -> cancel #2, prove SOL 100, alarm rules_changed
        canceled #2
        at +200ms
        decide            -> place buy 99.9 x 0.7 #3 alo, place sell 100.1 x 0.7 #4 alo
        why buy           -> volatility 12, raised
        shows SOL health  -> ok
        ",
    );
    replays(&desk, &core(vec![inst("SOL")]));
}

#[test]
fn rules_are_read_again_in_time_and_asked_for_until_they_come() {
    desk(|c| c.standing.meta_refresh = Nanos::from_secs(60)).run(
        "
        up
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
        ack #1
        ack #2
        at +60s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide            -> refresh SOL
        rules SOL
        at +60s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide            -> refresh SOL
        at +5s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide            -> refresh SOL
        at +5s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide            -> refresh SOL
        shows SOL health  -> rules_unread
        at +5s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide            -> refresh SOL, alarm rules_unread
        rules SOL
        shows SOL health  -> ok
        ",
    );
}

#[test]
fn a_new_connection_reads_the_rules_again() {
    desk(|c| c.standing.meta_refresh = Nanos::from_secs(3600)).run(
        "
        up
        link down orders  -> alarm link_down
        link up orders    -> refresh SOL
        ",
    );
}

#[test]
fn a_delisted_market_is_left() {
    let mut desk = desk(|c| c.instruments[0].hedger = Some(hedger()));
    desk.run(
        "
        up 1.6 @ 100
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> place sell 100.09 x 0.32 #1 alo, place hedger sell 100.02 x 0.5 #2 alo reduce
        ack #1
        ack #2
        rules SOL delisted -> cancel #1, cancel #2, alarm delisted
        canceled #1
        canceled #2
        at +1s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        why buy           -> silent delisted
        shows SOL health  -> delisted
        rules SOL delisted
        at +10s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        ",
    );
}

// -- proof ----------------------------------------------------------------------------------------

#[test]
fn nothing_that_adds_is_quoted_before_it_is_proved() {
    let mut desk = desk(proofs);
    desk.run(
        "
        up
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> prove SOL 100
        why buy           -> silent unproved
        shows SOL health  -> unproved
        proved SOL 80 to 120
        why proof         -> proved 80 to 120
        decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
        shows SOL health  -> ok
        ",
    );
    let mut config = core(vec![inst("SOL")]);
    proofs(&mut config);
    replays(&desk, &config);
}

#[test]
fn a_price_that_leaves_the_band_silences_what_adds_until_it_is_proved() {
    desk(proofs).run(
        "
        up 0.2 @ 100
        book SOL bid 99.98 x 20 ask 100.02 x 20
        // The side that reduces needs no proof.
        decide            -> prove SOL 100, place sell 100.07 x 0.48 #1 alo
        ack #1
        proved SOL 99.9 to 100.1
        decide            -> place buy 99.93 x 0.48 #2 alo
        ack #2
        at +200ms
        // Mid 100.01 is within.
        book SOL bid 99.99 x 20 ask 100.03 x 20
        decide            -> cancel #1, place sell 100.09 x 0.48 #3 alo
        canceled #1
        ack #3
        at +200ms
        book SOL bid 100.1 x 20 ask 100.12 x 20 -> cancel #3
        decide            -> prove SOL 100.11, cancel #2, place sell 100.19 x 0.48 #4 alo
        why buy           -> silent unproved
        canceled #2
        canceled #3
        proved SOL 90 to 110
        decide            -> place buy 100.03 x 0.48 #5 alo
        ",
    );
}

#[test]
fn a_failed_proof_is_an_alarm_and_is_not_asked_for_again_there() {
    desk(proofs).run(
        "
        up
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> prove SOL 100
        disproved SOL 99 to 101 -> alarm proof_failed
        why proof         -> maker cap 0.05 at 99 least 0.1
        at +6s
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide
        why sell          -> silent unproved
        // Elsewhere it may hold.
        book SOL bid 102 x 20 ask 102.04 x 20
        decide            -> prove SOL 102.02
        at +1s
        book SOL bid 102 x 20 ask 102.04 x 20
        decide            // under way
        at +4s
        book SOL bid 102 x 20 ask 102.04 x 20
        decide            -> prove SOL 102.02
        ",
    );
}

#[test]
fn an_answer_about_older_rules_proves_nothing() {
    desk(proofs).run(
        "
        up
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> prove SOL 100
        rules SOL notional 20 -> prove SOL 100, alarm rules_changed
        proved SOL 80 to 120 late
        decide
        why buy           -> silent unproved
        proved SOL 80 to 120
        decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
        rules SOL notional 30 -> cancel #1, cancel #2, prove SOL 100, alarm rules_changed
        ",
    );
}

#[test]
fn hedges_go_on_unproved() {
    desk(|c| {
        proofs(c);
        c.instruments[0].maker = None;
        c.instruments[0].hedger = Some(hedger());
    })
    .run(
        "
        up 1.6 @ 100
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> prove SOL 100, place hedger sell 100.02 x 0.5 #1 alo reduce
        ",
    );
}

// -- margin ---------------------------------------------------------------------------------------

#[test]
fn equity_carries_so_much_and_no_more() {
    desk(|c| c.standing.leverage_permille = 2_000).run(
        "
        up
        equity 31
        book SOL bid 99.98 x 20 ask 100.02 x 20
        // 0.64 at 100 is 64, twice the equity is 62.
        decide
        why refused       -> maker sell margin
        at +6s
        equity 32
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
        ",
    );
}

#[test]
fn what_one_market_carries_the_other_lacks_and_reducing_is_free() {
    let mut config = core(vec![inst("SOL"), inst("ETH")]);
    config.standing.leverage_permille = 1_000;
    Desk::new(&config).run(
        "
        up 0.7 @ 100
        equity 120
        book SOL bid 99.98 x 20 ask 100.02 x 20
        // Long 0.7: only the side that reduces is quoted, which needs no margin.
        decide            -> place sell 100.09 x 0.32 #1 alo
        book ETH bid 99.98 x 20 ask 100.02 x 20
        // 70 of 120 are taken: 64 are too much.
        decide
        equity 140
        at +6s
        book ETH bid 99.98 x 20 ask 100.02 x 20
        decide            -> place buy 99.94 x 0.64 ETH#2 alo, place sell 100.06 x 0.64 ETH#3 alo, query #1, alarm order_unknown
        ",
    );
}

// -- clocks ---------------------------------------------------------------------------------------

#[test]
fn a_process_that_stood_still_waits_for_fresh_books() {
    let mut desk = desk(|_| {});
    desk.run(QUOTED).run(
        "
        jump 9s           -> cancel #1, cancel #2, resnapshot SOL, alarm clock_jump
        canceled #1
        canceled #2
        decide
        why buy           -> silent book_invalid
        at +200ms
        book SOL bid 99.98 x 20 ask 100.02 x 20
        decide            -> place buy 99.94 x 0.64 #3 alo, place sell 100.06 x 0.64 #4 alo
        ",
    );
    replays(&desk, &core(vec![inst("SOL")]));
}

#[test]
fn a_venue_whose_clock_jumps_is_not_quoted_on_the_same_book() {
    desk(|c| c.standing.clock_jump = Nanos::from_secs(2)).run(QUOTED).run(
        "
        at +1s
        venue 990ms
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        venue 3s
        // The update belongs to the new time: the book it would change is gone.
        bbo SOL 99.98 x 20 / 100.02 x 20 -> cancel #1, cancel #2, resnapshot SOL, alarm clock_jump
        canceled #1
        canceled #2
        decide
        book SOL bid 99.98 x 20 ask 100.02 x 20
        at +200ms
        decide            -> place buy 99.94 x 0.64 #3 alo, place sell 100.06 x 0.64 #4 alo
        ",
    );
}

// -- kill, tier -----------------------------------------------------------------------------------

#[test]
fn a_kill_cancels_what_nobody_here_knows_of() {
    desk(|_| {}).run(QUOTED).run("kill -> cancel #1, cancel #2, cancel all, alarm killed");
    desk(|_| {}).run(QUOTED).run("flatten -> cancel #1, cancel #2, cancel all");
    desk(|_| {}).run(QUOTED).run("stop -> cancel #1, cancel #2");
}

#[test]
fn the_fee_paying_tier_is_advised_in_quiet_times_only() {
    desk(|c| c.standing.premium_after = Nanos::from_secs(1800)).run(QUOTED).run(
        "
        at +1799s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        why tier          -> nothing
        at +1s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        why tier          -> advised true, realized 0
        funding SOL -0.01
        at +1s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        why tier          -> advised false, realized -0.01
        ",
    );
}

#[test]
fn guards_are_off_at_zero() {
    assert_eq!(core(Vec::new()).standing, StandingParams::default());
    desk(|_| {}).run(QUOTED).run(
        "
        at +1s
        venue 900s
        bbo SOL 99.98 x 20 / 100.02 x 20
        decide
        ",
    );
}
