//! Cold. Every documented text and status, by name.

use super::*;

/// Every text of the venue's reference and of the observed answers, as the wire shows it.
#[test]
fn every_documented_text_has_its_reason() {
    use RejectReason as R;
    for (text, want) in [
        ("Price must be divisible by tick size. asset=4", R::Tick),
        ("Order must have minimum value of $10. asset=4", R::MinNotional),
        ("Order must have minimum value of 10 USDC.", R::MinNotional),
        ("Insufficient margin to place order. asset=110000", R::Margin),
        ("Reduce only order would increase position. asset=4", R::ReduceOnly),
        (
            "Post only order would have immediately matched, bbo was 64990@64991. asset=0",
            R::WouldCross,
        ),
        ("Order could not immediately match against any resting orders. asset=78", R::IocNoMatch),
        ("Invalid TP/SL price. asset=1", R::BadRequest),
        ("No liquidity available for market order. asset=1", R::IocNoMatch),
        (
            "Order would increase open interest while open interest is capped asset=1",
            R::OpenInterest,
        ),
        (
            "Order rejected due to price more aggressive than oracle while at open interest cap",
            R::OpenInterest,
        ),
        ("Order would increase open interest too quickly", R::OpenInterest),
        ("Order has insufficient spot balance to trade", R::Margin),
        ("Order price too far from oracle", R::PriceTooFar),
        (
            "Order would cause position to exceed margin tier limit at current leverage",
            R::PositionLimit,
        ),
        (
            "User or API Wallet 0x0000000000000000000000000000000000000001 does not exist.",
            R::Signature,
        ),
        ("L1 error: User or API Wallet 0x01 does not exist.", R::Signature),
        ("Must deposit before performing actions. User: 0x4290", R::Signature),
        ("Invalid nonce: duplicate nonce 1741107452532", R::Nonce),
        (
            "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded $87457.46. Place taker orders to free up 1 request per USDC traded.",
            R::RateLimit,
        ),
        ("Signed action over weight limit of 200.", R::BadRequest),
        ("Only post-only orders allowed immediately after a network upgrade", R::PostOnlyMode),
        ("Order has invalid price.", R::Tick),
        ("Order has invalid size", R::Lot),
        ("Order has zero size.", R::Lot),
        ("Order price cannot be more than 80% away from the reference price", R::PriceTooFar),
        ("Builder fee has not been approved", R::BadRequest),
        (
            "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.",
            R::BadRequest,
        ),
        ("429 Too Many Requests", R::RateLimit),
        ("Failed to deserialize the JSON body into the target type", R::BadRequest),
        ("Unknown asset. asset=7", R::UnknownAsset),
        ("Too many open orders. asset=3", R::TooManyOrders),
        ("A sentence of next year", R::Unrecognized),
        ("A sentence of next year asset=429", R::Unrecognized),
        ("", R::Unrecognized),
    ] {
        assert_eq!(reject_reason(text.as_bytes()), want, "{text}");
    }
    assert!(cancel_gone(b"Order was never placed, already canceled, or filled. asset=4"));
    assert!(!cancel_gone(b"Insufficient margin to place order."));
}

#[test]
fn statuses_are_whole_words_and_unknown_ones_keep_their_ending() {
    use {CancelReason as C, OrderStatus as S, RejectReason as R};
    for (word, want) in [
        ("open", S::Open),
        ("filled", S::Filled),
        ("triggered", S::Ignored),
        ("canceled", S::Canceled(C::ByUs)),
        ("reduceOnlyCanceled", S::Canceled(C::ReduceOnly)),
        ("liquidatedCanceled", S::Canceled(C::ByVenue)),
        ("badAloPxRejected", S::Rejected(R::WouldCross)),
        ("tooManyOpenOrdersRejected", S::Rejected(R::TooManyOrders)),
        ("moonPhaseCanceled", S::Unknown(Some(Dead::Canceled))),
        ("moonPhaseRejected", S::Unknown(Some(Dead::Rejected))),
        ("Open", S::Unknown(None)),
        ("", S::Unknown(None)),
    ] {
        assert_eq!(order_status(word.as_bytes()), want, "{word}");
    }
}

/// The document is this table; `cargo test` fails when they differ.
#[test]
fn the_document_shows_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/hyperliquid-errors.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let want = document();
    assert!(text == want, "docs/hyperliquid-errors.md is to read:\n{want}");
}

fn document() -> String {
    use std::fmt::Write;
    let mut out = String::from(
        "# What Hyperliquid refuses, and what the engine does\n\n\
         Written from the table in `src/venue/hyperliquid/errors.rs`; a test compares the two. A text \
         is matched by its invariable\npart, from the top; ` asset=<n>`, prices and addresses around \
         it vary. Every refusal is counted by its reason and frees\nthe order.\n\n\
         | Text contains | Concerns | Reason | The engine |\n|---|---|---|---|\n",
    );
    for row in TEXTS {
        let scope = match row.scope {
            Scope::Order => "an order",
            Scope::Cancel => "a cancel or modify",
            Scope::Action => "the whole action",
            Scope::Transport => "the transport",
        };
        let (part, reason, does) = (row.part, row.reason.name(), row.reaction.text());
        let _ = writeln!(out, "| `{part}` | {scope} | `{reason}` | {does} |");
    }
    let unknown = RejectReason::Unrecognized;
    let does = reaction(unknown).text();
    let _ = writeln!(out, "| anything else | any | `{}` | {does} |", unknown.name());
    out
}

/// No row is hidden by one above it, and each is found by its own part.
#[test]
fn no_row_is_hidden() {
    for row in TEXTS {
        let found = super::row(row.part.as_bytes()).expect("its own part");
        assert_eq!(found.part, row.part, "hidden by {:?}", found.part);
        if row.scope == Scope::Order {
            assert_eq!(row.reaction, reaction(row.reason), "{}", row.part);
        }
    }
}
