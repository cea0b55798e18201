//! Cold. Every record comes back as it was, and none that is damaged.

use super::*;

fn events() -> Vec<Event> {
    let level = |p| Level { px: Price(p), qty: Qty(-p) };
    vec![
        Event::Levels {
            inst: InstId(7),
            side: Side::Sell,
            start: 3,
            count: 2,
            levels: [level(1), level(i64::MAX), level(3)],
        },
        Event::Bbo {
            inst: InstId(1),
            decode_ns: 77,
            bid: level(9),
            ask: level(10),
            exch_ms: 1_790_000_000_000,
            recv: Stamp(123_456_789_012),
        },
        Event::Fill {
            inst: InstId(2),
            side: Side::Sell,
            taker: true,
            order: OrderId(9 << 16),
            px: Price(1),
            qty: Qty(2),
            fee: -3,
            trade_id: u64::MAX,
            exch_ms: 5,
        },
        Event::Unsent { order: OrderId(1), reason: Refused::Encode, recv: Stamp(4) },
        Event::Context {
            inst: InstId(8),
            mark: Price(i64::MAX),
            oracle: Price(5),
            funding: -7_856_700,
            recv: Stamp(6),
        },
        Event::Decide { drained: 9 },
    ]
}

fn samples() -> Vec<Record> {
    let inputs = events().into_iter().map(|event| Record::Input(Input { now: Nanos(42), event }));
    let place = Action::Place {
        inst: InstId(3),
        side: Side::Buy,
        tif: Tif::Ioc,
        reduce_only: true,
        component: Component::Hedger,
        order: OrderId(5),
        px: Price(6),
        qty: Qty(7),
    };
    let quote = Note::Quote {
        inst: InstId(1),
        side: Side::Sell,
        silence: Some(Silence::Asymmetric),
        raised: true,
        px: Price(1),
        qty: Qty(2),
        parts: [-1; SPREAD_PARTS],
        factors: [850; SIZE_FACTORS],
    };
    let rest = [
        Record::Action(place),
        Record::Note(quote),
        Record::Note(Note::Hash { inputs: 1, hash: 2 }),
        Record::Note(Note::Markout {
            inst: InstId(3),
            side: Side::Sell,
            horizon: 2,
            from_fill: Bps(-7),
            from_mid: Bps(9),
            age: Nanos(11),
        }),
        Record::Note(Note::Adopted { inst: InstId(4), ours: Qty(-1), venue: Qty(2), px: Price(3) }),
        Record::Torn { missing: 3 },
    ];
    inputs.into_iter().chain(rest).collect()
}

#[test]
fn records_round_trip() {
    for record in samples() {
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for record in samples() {
        let bytes = record.encode();
        for bit in 0..RECORD * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&flipped).is_err(), "bit {bit} of {record:?}");
        }
    }
    assert_eq!(Record::decode(&[0; RECORD]), Err(JournalError::Checksum));
}
