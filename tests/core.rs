//! Cold. What the core decides, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{self, bps, n, q};
use common::lines::Desk;
use evenkeel::core::InstConfig;
use evenkeel::strategy::quality::QualityParams;
use evenkeel::units::{Bps, Nanos};

fn sol(change: impl FnOnce(&mut InstConfig)) -> Desk {
    let mut inst = config::inst("SOL");
    change(&mut inst);
    Desk::new(&config::core(vec![inst]))
}

fn plain() -> Desk {
    sol(|_| {})
}

fn hedged(change: impl FnOnce(&mut InstConfig)) -> Desk {
    sol(|i| {
        i.hedger = Some(config::hedger());
        i.maker = None;
        change(i);
    })
}

// -- quotes ---------------------------------------------------------------------------------------

#[test]
fn quotes_both_sides_around_the_mid() {
    plain().run(
        "
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                     // not connected: nothing is quoted, and that is said
            why buy                  -> silent not_ready
            up
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            why buy                  -> volatility 12
            ack #1
            ack #2
            decide                     // nothing has changed
            wake                     -> +500ms
        ",
    );
}

#[test]
fn the_spread_is_a_sum_of_named_parts() {
    plain().run(
        "
            up 0.25 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.92 x 0.32 #1 alo, place sell 100.08 x 0.32 #2 alo
            why buy                  -> volatility 12, inventory 4, size x0.5 inventory
            why sell                 -> volatility 12, inventory 4, size x0.5 inventory
        ",
    );
}

#[test]
fn inventory_widens_shrinks_and_then_silences_the_adding_side() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +200ms
            fill #1 buy 0.15 @ 99.94 maker
            decide                   -> cancel #1, cancel #2, place buy 99.93 x 0.48 #3 alo, place sell 100.07 x 0.48 #4 alo   // +2 bps and x 0.75: both prices move by more than the tolerance
            why sell                 -> volatility 12, inventory 2, size x0.75 inventory
            ack #3
            ack #4
            canceled #1
            canceled #2
            at +200ms
            fill #3 buy 0.48 @ 99.93 maker
            decide                   -> cancel #4, place sell 100.09 x 0.32 #5 alo   // above 0.4 the adding side is silent
            why buy                  -> silent asymmetric
            why sell                 -> volatility 12, inventory 6, size x0.5 inventory
        ",
    );
}

#[test]
fn beyond_the_soft_cap_the_whole_inventory_is_offered() {
    plain().run(
        "
            up -2.5 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 2.5 #1 alo
            why sell                 -> silent asymmetric
        ",
    );
}

#[test]
fn volatility_moves_the_spread_between_its_bounds() {
    let mut desk = sol(|i| {
        i.signals.warm_up = Nanos::from_secs(1);
        i.maker.as_mut().expect("a maker").regime.defensive = bps("100");
    });
    desk.run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            why buy                  -> volatility 12   // not known yet: the base
            ack #1
            ack #2
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> cancel #1, cancel #2, place buy 99.96 x 0.7 #3 alo, place sell 100.04 x 0.7 #4 alo   // calm: 7 bps, and a larger size
            why buy                  -> volatility 7, size x1.1 volatility
            canceled #1
            canceled #2
            ack #3
            ack #4
            at +1s
            book SOL bid 100.08 x 20 ask 100.12 x 20 -> cancel #4
            decide                   -> cancel #3, place buy 100.03 x 0.44 #5 alo, place sell 100.17 x 0.44 #6 alo   // 10 bps in a second of three: 22 bps over 15 s
            why buy                  -> volatility 13, size x0.7 volatility
        ",
    );
}

#[test]
fn a_pause_stops_adding_and_never_reducing() {
    let pause = |i: &mut InstConfig| {
        i.signals.warm_up = Nanos::from_secs(1);
        i.maker.as_mut().expect("a maker").trend_pauses = false;
    };
    sol(pause).run(
        "
            up 0.3 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 101.98 x 20 ask 102.02 x 20
            decide                   -> place sell 102.12 x 0.22 #1 alo
            why buy                  -> silent volatility_pause
            why sell                 -> volatility 13, inventory 4, trend 5, size x0.7 volatility, size x0.5 inventory
        ",
    );
    sol(pause).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 101.98 x 20 ask 102.02 x 20
            decide                     // flat: both sides are silent
            why buy                  -> silent volatility_pause
            why sell                 -> silent volatility_pause
        ",
    );
}

#[test]
fn a_trend_pauses_the_side_that_it_would_run_over_unless_that_reduces() {
    let scenario = |position: &str, then: &str| {
        format!(
            "
            up {position} @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.78 x 20 ask 99.82 x 20
            {then}
        "
        )
    };
    plain().run(&scenario(
        "0",
        "decide -> place sell 99.89 x 0.64 #1 alo      // down: bids are paused, asks wider
            why buy -> silent trend_filter
            why sell -> volatility 12, trend 5",
    ));
    plain().run(&scenario(
        "-0.5",
        "decide -> place buy 99.71 x 0.32 #1 alo     // short: asks are asymmetric, bids reduce
            why buy -> volatility 12, inventory 6, size x0.5 inventory
            why sell -> silent asymmetric",
    ));
    sol(|i| i.maker.as_mut().expect("a maker").trend_pauses = false).run(&scenario(
        "0",
        "decide -> place buy 99.71 x 0.64 #1 alo, place sell 99.89 x 0.64 #2 alo
            why buy -> volatility 12, trend 5     // widened instead of paused",
    ));
}

#[test]
fn the_profit_guard_engages_holds_and_clears_at_half() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            shows SOL guard          -> off
            fill #1 buy 0.64 @ 99.94 maker
            fill #2 sell 0.64 @ 99.6 maker   // a loss of 0.2176
            at +1s
            decide                   -> place buy 99.91 x 0.54 #3 alo, place sell 100.09 x 0.54 #4 alo
            shows SOL guard          -> on
            why buy                  -> volatility 12, pnl_guard 6, size x0.85 pnl_guard
            ack #3
            ack #4
            funding SOL 0.15
            at +1s
            decide
            shows SOL guard          -> on   // above half of the trigger, and held
            at +60s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> cancel #3, cancel #4, place buy 99.94 x 0.64 #5 alo, place sell 100.06 x 0.64 #6 alo
            shows SOL guard          -> off
        ",
    );
}

#[test]
fn a_position_limit_leaves_the_room_that_there_is() {
    sol(|i| {
        i.maker.as_mut().expect("a maker").asymmetric_above = q("10");
        i.limits.position = q("2");
    })
    .run(
        "
            up 1.8 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 0.2 #1 alo, place sell 100.09 x 0.32 #2 alo   // 0.2 until the limit
            ack #1
            ack #2
            fill #1 buy 0.2 @ 99.91 maker
            decide
            why buy                  -> silent risk
        ",
    );
}

#[test]
fn a_notional_limit_counts_like_a_position_limit() {
    sol(|i| {
        i.maker.as_mut().expect("a maker").asymmetric_above = q("10");
        i.limits.inventory_notional = n("200");
    })
    .run(
        "
            up -1.7 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 0.32 #1 alo, place sell 100.09 x 0.3 #2 alo   // 0.3 until 200 quote
        ",
    );
}

#[test]
fn a_size_below_the_floor_is_raised_or_skipped_but_not_on_the_way_out() {
    sol(|i| i.maker.as_mut().expect("a maker").size_min = q("0.01")).run(
        "
            up
            book SOL bid 9.98 x 20 ask 10.02 x 20
            decide                   -> place buy 9.99 x 1.01 #1 alo, place sell 10.01 x 1 #2 alo   // the floor at 10 is 1
            why buy                  -> volatility 12, raised
        ",
    );
    sol(|i| {
        let maker = i.maker.as_mut().expect("a maker");
        maker.raise_to_minimum = false;
        maker.asymmetric_above = q("0.01");
    })
    .run(
        "
            up 1.2 @ 10
            book SOL bid 9.98 x 20 ask 10.02 x 20
            decide                   -> place sell 10.01 x 1 #1 alo   // skipped, but an inventory that can be sold keeps its way out
            why sell                 -> volatility 12, inventory 6, size x0.5 inventory, raised
            why buy                  -> silent asymmetric
        ",
    );
}

#[test]
fn levels_that_meet_in_one_price_are_one_order() {
    sol(|i| {
        let maker = i.maker.as_mut().expect("a maker");
        maker.defensive.levels = 3;
        maker.level_step = bps("0.4");
    })
    .run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place buy 99.93 x 0.64 #2 alo, place sell 100.06 x 0.64 #3 alo, place sell 100.07 x 0.64 #4 alo
        ",
    );
}

// -- requoting ------------------------------------------------------------------------------------

#[test]
fn a_quote_is_kept_within_its_tolerance_and_moved_when_it_is_old_enough() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +50ms
            book SOL bid 99.98 x 20 ask 100.03 x 20
            decide                     // half a tick of the mid: within a bps
            book SOL bid 100 x 20 ask 100.04 x 20
            decide                     // 2 bps: too young to be moved
            wake                     -> +50ms
            timer                    -> cancel #1, cancel #2, place buy 99.95 x 0.64 #3 alo, place sell 100.09 x 0.64 #4 alo
            canceled #1
            canceled #2
            decide
        ",
    );
}

#[test]
fn a_quote_without_edge_is_pulled_by_the_book_itself() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            bbo SOL 99.93 x 1 / 99.97 x 20 -> cancel #1   // the bid at 99.94 has no 2 bps left
            why fast                 -> #1 edge -0.81
            decide                   -> place buy 99.89 x 0.64 #3 alo
        ",
    );
}

#[test]
fn no_quote_is_placed_that_the_next_book_would_pull() {
    // The spread would be 1 bps a side, the edge must be 2.
    sol(|i| i.maker.as_mut().expect("a maker").spread_base = bps("2")).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.97 x 0.64 #1 alo, place sell 100.03 x 0.64 #2 alo
            ack #1
            ack #2
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
        ",
    );
}

#[test]
fn a_post_only_order_that_would_have_traded_pauses_its_side() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            reject #1 would_cross
            ack #2
            decide                     // not as fast as the venue answers
            wake                     -> +100ms
            timer                    -> place buy 99.94 x 0.64 #3 alo
        ",
    );
}

// -- books ----------------------------------------------------------------------------------------

#[test]
fn a_book_that_cannot_be_trusted_pulls_its_quotes_at_once() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            gap SOL malformed        -> cancel #1, cancel #2, resnapshot SOL   // the one in flight goes as well
            decide
            why buy                  -> silent book_invalid
            gap SOL malformed          // asked for once in an answer's time
            canceled #1
            canceled #2
            at +1s
            decide                   -> resnapshot SOL
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #3 alo, place sell 100.06 x 0.64 #4 alo
        ",
    );
}

#[test]
fn crossed_empty_and_unsorted_books_are_not_quoted_on() {
    for book in [
        "bid 100.02 x 20 ask 100.02 x 20",
        "bid 99.98 x 0 ask 100.02 x 20",
        "bid 99.97 x 1 99.98 x 1 ask 100.02 x 20",
    ] {
        plain().run(&format!(
            "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            book SOL {book} -> cancel #1, cancel #2, resnapshot SOL
            decide
            why sell -> silent book_invalid
        "
        ));
    }
}

#[test]
fn a_silent_feed_pulls_by_its_timer() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            timer
            timer
            timer
            timer
            timer
            timer                    -> cancel #1, cancel #2
            why sell                 -> silent book_stale
            canceled #1
            canceled #2
            decide
            wake                     -> +1s
        ",
    );
}

// -- answers --------------------------------------------------------------------------------------

#[test]
fn an_answer_that_does_not_come_is_asked_for_with_growing_pauses() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #2
            at +1s
            decide                   -> query #1, alarm order_unknown   // unknown: asked, never sent again
            at +900ms
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            at +1100ms
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> query #1
            at +2s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
            at +2s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> query #1
            state #1 open
            decide                     // it rests after all, where it should
            shows SOL orders         -> 2
        ",
    );
}

#[test]
fn an_unknown_order_blocks_its_side_until_it_is_known() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #2
            unknown #1               -> query #1, alarm order_unknown
            decide
            state #1 not_found
            decide                   -> place buy 99.94 x 0.64 #3 alo
        ",
    );
}

#[test]
fn a_fill_that_was_announced_stays_exposure_until_it_is_booked() {
    sol(|i| i.limits.position = q("0.7")).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            state #1 filled 0.64       // the fill itself has not come
            decide                     // no second bid of 0.64 with a limit of 0.7
            shows SOL orders         -> 2
            fill #1 buy 0.64 @ 99.94 maker
            shows SOL position       -> 0.64
            shows SOL orders         -> 1
        ",
    );
}

#[test]
fn a_fill_that_never_comes_is_given_up_with_an_alarm() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            unknown #1               -> query #1, alarm order_unknown
            state #1 canceled 0.2
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> query #1
            state #1 canceled 0.2
            at +2s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> query #1
            state #1 canceled 0.2    -> alarm position_mismatch
        ",
    );
}

#[test]
fn a_cancel_that_is_refused_is_repeated_with_a_pause() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            gap SOL malformed        -> cancel #1, cancel #2, resnapshot SOL
            cancel_reject #1 there
            cancel_reject #2 gone    -> query #2   // perhaps filled: asked
            decide                     // not at once
            wake                     -> +50ms
            timer                    -> cancel #1
            cancel_reject #1 there
            timer                    -> cancel #1, resnapshot SOL
        ",
    );
}

#[test]
fn an_answer_older_than_a_cancel_does_not_undo_it() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            gap SOL malformed        -> cancel #1, cancel #2, resnapshot SOL   // both are cancelled before their answers
            ack #1
            state #2 open
            decide
            canceled #1
            fill #2 sell 0.64 @ 100.06 maker   // the cancel lost the race
            shows SOL position       -> -0.64
            shows SOL orders         -> 0
        ",
    );
}

#[test]
fn a_late_fill_after_the_cancel_is_booked_for_who_asked() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            gap SOL malformed        -> cancel #1, cancel #2, resnapshot SOL
            canceled #1
            fill #1 buy 0.3 @ 99.94 maker id 77
            fill #1 buy 0.3 @ 99.94 maker id 77   // told twice
            shows SOL position       -> 0.3
            shows SOL spread         -> 0.018
        ",
    );
}

#[test]
fn fills_that_are_not_ours_are_booked_and_said() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            fill SOL buy 0.3 @ 100.02 taker -> alarm external_fill
            fill #99 sell 0.1 @ 99.98 taker -> alarm external_fill   // an id that we never gave
            shows SOL position       -> 0.2
        ",
    );
}

#[test]
fn more_than_an_order_had_is_booked_and_said() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            fill #1 buy 0.7 @ 99.94 maker -> alarm overfill
            shows SOL position       -> 0.7
            shows SOL orders         -> 1
        ",
    );
}

#[test]
fn a_refusal_of_what_rests_is_asked_about() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            reject #1 margin         -> query #1, alarm order_unknown   // it was acknowledged: this can't be
            unsent #2 not_connected  -> query #2, alarm order_unknown
            decide
        ",
    );
}

#[test]
fn unsent_orders_free_their_slots() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            unsent #1 not_connected
            why refused              -> maker buy not_connected
            shows SOL orders         -> 1
        ",
    );
}

#[test]
fn nonsense_changes_nothing() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            ack #55
            reject #55 margin
            canceled #55
            cancel_reject #55 gone
            cancel_reject #1 there     // nobody has cancelled it
            unknown #55
            state #55 open
            unsent #55 encode
            decide
            shows SOL orders         -> 2
        ",
    );
}

// -- rejects and breakers -------------------------------------------------------------------------

#[test]
fn rejects_in_a_row_open_the_breaker_of_one_market() {
    let mut desk = Desk::new(&config::core(vec![config::inst("SOL"), config::inst("ETH")]));
    desk.run(
        "
            up 0.3 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.92 x 0.32 #1 alo, place sell 100.08 x 0.32 #2 alo, place buy 99.94 x 0.64 ETH#3 alo, place sell 100.06 x 0.64 ETH#4 alo
            ack #2
            ack ETH#3
            ack ETH#4
            reject #1 margin
            at +100ms
            decide                   -> place buy 99.92 x 0.32 #5 alo
            reject #5 margin
            at +100ms
            decide                   -> place buy 99.92 x 0.32 #6 alo
            reject #6 margin         -> alarm breaker_opened   // the asks that were taken don't hide the third in a row
            decide                     // the ask reduces and stays; nothing is placed
            why buy                  -> silent breaker
            why refused              -> nothing
            at +200ms
            book ETH bid 99.88 x 20 ask 99.92 x 20 -> cancel ETH#3
            decide                   -> cancel ETH#4, place buy 99.84 x 0.64 ETH#7 alo, place sell 99.96 x 0.64 ETH#8 alo   // the other market goes on
            book SOL bid 100.18 x 20 ask 100.22 x 20 -> cancel #2
            decide                     // and goes when it is wrong
            canceled #2
            resume
            decide                   -> place buy 100.09 x 0.32 #9 alo, place sell 100.29 x 0.32 #10 alo
        ",
    );
}

#[test]
fn a_minimum_that_we_did_not_know_is_never_met_with_the_same_size_again() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #2
            reject #1 min_notional   -> alarm below_minimum_reject
            at +100ms
            decide
            why refused              -> maker buy rejected_size
            at +6s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
        ",
    );
}

#[test]
fn the_order_rate_keeps_a_reserve_for_cancels() {
    let mut cfg = config::core(vec![config::inst("SOL")]);
    cfg.limits.burst = 4;
    cfg.limits.actions_per_s = 1;
    Desk::new(&cfg).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +200ms
            book SOL bid 100.18 x 20 ask 100.22 x 20 -> cancel #2
            why fast                 -> #2 edge -13.972
            decide                   -> cancel #1
            why refused              -> maker buy order_rate
            canceled #1
            canceled #2
            at +3s
            book SOL bid 100.18 x 20 ask 100.22 x 20
            decide                   -> place buy 100.11 x 0.64 #3 alo
        ",
    );
}

// -- positions and links --------------------------------------------------------------------------

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
            decide                   -> cancel all   // asked again
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

// -- commands and loss ----------------------------------------------------------------------------

#[test]
fn a_kill_cancels_everything_and_stays() {
    plain().run(
        "
            up 0.3 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.92 x 0.32 #1 alo, place sell 100.08 x 0.32 #2 alo
            ack #1
            ack #2
            kill                     -> cancel #1, cancel #2, alarm killed
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
            kill                     -> cancel #1, alarm killed
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
            flatten
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
            flatten                  -> cancel #1
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
            flatten
            decide                   -> place unwind sell 98 x 0.5 #1 ioc reduce
            reject #1 min_notional   -> alarm below_minimum_reject
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

// -- hedger ---------------------------------------------------------------------------------------

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

// -- quality --------------------------------------------------------------------------------------

#[test]
fn bad_markouts_widen_the_adding_side() {
    let quality = QualityParams { samples: 1, ..QualityParams::DEFAULT };
    sol(|i| i.maker.as_mut().expect("a maker").quality = quality).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +1s
            fill #1 buy 0.2 @ 99.94 maker
            at +1s
            book SOL bid 99.88 x 20 ask 99.92 x 20 -> cancel #1
            decide                   -> cancel #2, place buy 99.83 x 0.48 #3 alo, place sell 99.97 x 0.48 #4 alo
            why markout              -> buy 0 from fill -4.0024 from mid -10
            canceled #1
            canceled #2
            ack #3
            ack #4
            at +4s
            book SOL bid 99.88 x 20 ask 99.92 x 20
            decide                   -> cancel #3, place buy 99.81 x 0.48 #5 alo   // 4 bps under the fill after 5 s
            why markout              -> buy 1 from fill -4.0024 from mid -10
            why buy                  -> volatility 12, inventory 2, quality 4, size x0.75 inventory
            why sell                 -> volatility 12, inventory 2, size x0.75 inventory
        ",
    );
}

#[test]
fn alone_at_the_top_is_too_near() {
    let quality = QualityParams { samples: 1, ..QualityParams::DEFAULT };
    sol(|i| i.maker.as_mut().expect("a maker").quality = quality).run(
        "
            up
            book SOL bid 99.9 x 20 ask 100.1 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +1s
            bbo SOL 99.94 x 0.64 / 100.06 x 5 -> cancel #1   // the bid is ours, the ask has company
            decide                   -> place buy 99.93 x 0.64 #3 alo
            why buy                  -> volatility 12, quality 2
        ",
    );
}

// -- timers ---------------------------------------------------------------------------------------

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
