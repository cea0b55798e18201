//! Cold. The table is whole and in order, and the document shows it.

use super::*;
use std::fmt::Write;

#[test]
fn every_documented_code_stands_once_and_in_order() {
    assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    // 239 of the documentation and three that were seen beside it.
    assert_eq!(CODES.len(), 242);
    for code in [20_001, 20_013, 21_149] {
        assert!(row(code).is_some(), "{code}");
    }
    // As the documentation groups them: first code, last code, how many.
    for (first, last, count) in [
        (21_100, 21_141, 41),
        (21_200, 21_237, 38),
        (21_300, 21_305, 6),
        (21_400, 21_401, 2),
        (21_500, 21_516, 15),
        (21_600, 21_626, 24),
        (21_700, 21_745, 46),
        (21_801, 21_809, 9),
        (21_901, 21_906, 6),
        (22_400, 22_403, 4),
        (23_000, 23_004, 5),
        (29_404, 29_501, 3),
        (30_000, 30_012, 13),
        (41_001, 41_012, 12),
        (61_001, 61_009, 9),
        (62_001, 62_006, 6),
    ] {
        let found = CODES.iter().filter(|row| (first..=last).contains(&row.code)).count();
        assert_eq!(found, count, "{first}..={last}");
    }
}

#[test]
fn codes_that_decide_have_their_reaction() {
    use {Reaction as X, RejectReason as R};
    for (code, reason, what) in [
        (21_104, R::Nonce, X::Resync),
        (21_105, R::Nonce, X::Resync),
        (21_109, R::Signature, X::Stop),
        (21_120, R::Signature, X::Stop),
        (20_013, R::Signature, X::NewToken),
        (21_111, R::Margin, X::OnlyReduce),
        (21_506, R::RateLimit, X::BackOff),
        (21_600, R::BadRequest, X::Ask),
        (21_605, R::UnknownAsset, X::ReadRules),
        (21_701, R::Lot, X::NeverThatSize),
        (21_702, R::Tick, X::ReadRules),
        (21_706, R::MinNotional, X::NeverThatSize),
        (21_718, R::TooManyOrders, X::CountToBreaker),
        (21_733, R::PriceTooFar, X::CountToBreaker),
        (21_739, R::Margin, X::CountToBreaker),
        (23_000, R::RateLimit, X::BackOff),
        (29_501, R::Unrecognized, X::Ask),
        (30_003, R::BadRequest, X::Resubscribe),
        (0, R::Unrecognized, X::CountToBreaker),
        (99_999, R::Unrecognized, X::CountToBreaker),
    ] {
        assert_eq!((reject_reason(code), reaction(code)), (reason, what), "{code}");
    }
    for what in Reaction::ALL {
        assert!(CODES.iter().any(|row| row.reaction == what), "{what:?} is no code's");
    }
}

#[test]
fn states_are_whole_words_and_unknown_ones_keep_their_beginning() {
    use {CancelReason as C, OrderStatus as S, RejectReason as R};
    for (word, want) in [
        ("open", S::Open),
        ("in-progress", S::InProgress),
        ("filled", S::Filled),
        ("canceled", S::Canceled(C::ByUs)),
        ("canceled-post-only", S::Refused(R::WouldCross, C::ByVenue)),
        ("canceled-not-enough-liquidity", S::Refused(R::IocNoMatch, C::IocRemainder)),
        ("canceled-self-trade", S::Canceled(C::SelfTrade)),
        ("canceled-by-the-moon", S::Unknown { dead: true }),
        ("opened", S::Unknown { dead: false }),
        ("", S::Unknown { dead: false }),
    ] {
        assert_eq!(order_status(word.as_bytes()), want, "{word}");
    }
}

fn document() -> String {
    let mut text = String::from(
        "# What Lighter refuses, and the reaction\n\n\
         Written from the table in `src/venue/lighter/errors/table.rs`; a test compares the two. \
         Codes are those of the venue's\ndocumentation of July 2026 and three that were seen beside \
         it. An accepted transaction (code 200) may still be refused by the\nmatching engine: the \
         order's state on the account's stream says so.\n\n\
         | Code | Text | Reason | Reaction |\n|---|---|---|---|\n",
    );
    for row in CODES {
        let (reason, what) = (row.reason.name(), row.reaction.text());
        let _ = writeln!(text, "| {} | {} | `{reason}` | {what} |", row.code, row.text);
    }
    let (reason, what) = (reject_reason(0).name(), reaction(0).text());
    let _ = writeln!(text, "| any other | | `{reason}` | {what} |");
    text
}

#[test]
fn the_document_shows_the_table() {
    let shown = include_str!("../../../../docs/lighter-errors.md");
    let wants = document();
    let differs = shown.lines().zip(wants.lines()).find(|(is, want)| is != want);
    if let Some((is, want)) = differs {
        panic!("docs/lighter-errors.md differs from the table:\n  is   {is}\n  want {want}");
    }
    assert_eq!(shown.lines().count(), wants.lines().count());
}
