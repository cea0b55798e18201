//! Cold. What the core makes of books and of the venue's answers, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{self, q};
use common::lines::{Desk, plain, sol};

// -- books -----------------------------------------------------------------------------------------

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

// -- answers ---------------------------------------------------------------------------------------

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
            state #1 not_found         // yet
            decide
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> query #1
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
fn a_fill_that_never_comes_is_taken_from_the_venues_position() {
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
            state #1 canceled 0.2    -> read account, cancel #2, alarm position_mismatch
            canceled #2
            position SOL 0.2 @ 99.94   // as the missing fill would have it: once is not enough
            decide
            why buy                  -> silent not_ready
            at +4s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> read account   // asked again
            position SOL 0.2 @ 99.94 -> adopt 0.2
            shows SOL position       -> 0.2
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

// -- rejects and breakers --------------------------------------------------------------------------

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
            reject #1 min_notional   -> refresh SOL, alarm below_minimum_reject
            at +100ms
            decide
            why refused              -> maker buy rejected_size
            at +6s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> refresh SOL   // nobody has answered
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
