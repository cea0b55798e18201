//! Cold. Quotes that move by a modify, line by line. The language is described in
//! `common/lines.rs`.

mod common;

use common::lines::{Desk, sol};

fn modifying() -> Desk {
    sol(|i| i.requote.modifies = true)
}

/// Both quotes rest, and half a second is over.
const QUOTED: &str = "
    up
    book SOL bid 99.98 x 20 ask 100.02 x 20
    decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
    ack #1
    ack #2
    at +500ms
";

fn quoted() -> Desk {
    let mut desk = modifying();
    desk.run(QUOTED);
    desk
}

#[test]
fn a_quote_that_moves_is_modified() {
    quoted().run(
        "
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide                   -> modify #1 buy 99.95 x 0.64 #3, modify #2 sell 100.09 x 0.64 #4
            canceled #1
            ack #3
            canceled #2
            ack #4
            decide                     // both are where they should be
            at +500ms
            book SOL bid 100.02 x 20 ask 100.06 x 20
            decide                   -> modify #3 buy 99.97 x 0.64 #5, modify #4 sell 100.11 x 0.64 #6
        ",
    );
}

#[test]
fn what_must_go_is_cancelled_and_not_modified() {
    // The book runs through the ask's edge: the event itself pulls it.
    quoted().run(
        "
            book SOL bid 100.05 x 20 ask 100.09 x 20 -> cancel #2
            decide                   -> modify #1 buy 100 x 0.64 #3, place sell 100.14 x 0.64 #4 alo
        ",
    );
    // A side that falls silent is cancelled: there is nothing to put in its place.
    quoted().run(
        "
            fill #1 buy 0.45 @ 99.94 maker
            decide                   -> cancel #1, modify #2 sell 100.09 x 0.32 #3
            why buy                  -> silent asymmetric
        ",
    );
}

#[test]
fn a_modify_that_a_fill_was_faster_than_is_no_fault() {
    quoted().run(
        "
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide                   -> modify #1 buy 99.95 x 0.64 #3, modify #2 sell 100.09 x 0.64 #4
            canceled #2
            ack #4
            cancel_reject #1 gone           -> query #1   // filled or cancelled: asked, not guessed
            reject #3 nothing_to_modify
            decide                     // the side waits until the old order's fate is known
            fill #1 buy 0.2 @ 99.94 maker
            fill #1 buy 0.44 @ 99.94 maker
            at +500ms
            decide                   -> modify #4 sell 100.12 x 0.32 #5
        ",
    );
}

#[test]
fn a_refused_modify_leaves_the_old_order_to_be_asked_about() {
    quoted().run(
        "
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide                   -> modify #1 buy 99.95 x 0.64 #3, modify #2 sell 100.09 x 0.64 #4
            canceled #2
            ack #4
            cancel_reject #1 gone           -> query #1
            reject #3 would_cross
            at +500ms
            decide                     // what rests there is not known: nothing is placed
            state #1 open
            decide                   -> modify #1 buy 99.95 x 0.64 #5   // it was left as it was
        ",
    );
}

#[test]
fn a_modify_without_an_answer_is_two_questions() {
    quoted().run(
        "
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide                   -> modify #1 buy 99.95 x 0.64 #3, modify #2 sell 100.09 x 0.64 #4
            canceled #2
            ack #4
            at +1500ms
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide                   -> query #1, query #3, alarm order_unknown
            state #3 open
            decide                     // the old one still blocks
            state #1 canceled
            decide                     // #3 is where it should be
        ",
    );
}

#[test]
fn what_risk_refuses_to_modify_is_cancelled() {
    sol(|i| {
        i.requote.modifies = true;
        // Both sides rest, and neither may have a second order beside it.
        i.limits.open_orders = 2;
    })
    .run(&format!(
        "{QUOTED}
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide                   -> cancel #1, cancel #2
            canceled #1
            canceled #2
            decide                   -> place buy 99.95 x 0.64 #3 alo, place sell 100.09 x 0.64 #4 alo
        "
    ));
}

/// A stop while both quotes are moved: the cancels of the new orders are faster than the modifies.
const OVERTAKEN: &str = "
    book SOL bid 100.00 x 20 ask 100.04 x 20
    decide                   -> modify #1 buy 99.95 x 0.64 #3, modify #2 sell 100.09 x 0.64 #4
    stop                     -> cancel #3, cancel #4
    cancel_reject #3 gone    -> query #3
    cancel_reject #4 gone    -> query #4
    state #3 not_found         // nobody there knows it yet: that says nothing
    state #4 not_found
    decide
";

#[test]
fn a_cancel_that_overtakes_its_modify_is_repeated_when_the_order_rests() {
    quoted().run(OVERTAKEN).run(
        "
            canceled #1
            ack #3
            decide                   -> cancel #3
            canceled #2
            state #4 open
            decide                   -> cancel #4
            canceled #3
            canceled #4
            decide                     // nothing is open any more
        ",
    );
}

#[test]
fn an_order_that_was_given_up_and_rests_all_the_same_is_cancelled() {
    quoted().run(OVERTAKEN).run(
        "
            canceled #1
            canceled #2
            at +2s
            decide                   -> query #3, query #4
            state #3 not_found         // its answer is overdue: it never arrived
            state #4 not_found
            decide
            ack #3                   -> cancel #3, alarm ghost
            ack #3                     // said twice
            cancel_reject #3         // it is exposure until its end is known, and chased
            at +100ms
            decide                   -> cancel #3
            canceled #3
            ack #3                     // the answer to the modify, after the stream's news
            state #4 open            -> cancel #4, alarm ghost
            canceled #4
            decide
        ",
    );
}

#[test]
fn what_was_seen_before_its_slot_was_freed_is_no_ghost() {
    modifying().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            stop                     -> cancel #1, cancel #2
            canceled #1                // the stream is faster than the answers
            ack #1
            state #2 canceled
            state #2 open
            decide
        ",
    );
}
