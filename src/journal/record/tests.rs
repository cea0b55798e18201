//! Cold. Records of each kind, there and back, and with a flipped bit.

use super::*;
use crate::event::{Room, Setting};
use crate::strategy::ladder::Allocated;
use crate::strategy::lead::{LeadShift, LeadState};
use crate::strategy::maker::{SIZE_FACTORS, SPREAD_PARTS, Silence, SpreadPart};
use crate::strategy::pair_exec::{PairIntent, PairPhase, PairReason};
use crate::units::Notional;

fn samples() -> Vec<Record> {
    let level = |p| Level { px: Price(p), qty: Qty(-p) };
    let events = [
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
        Event::RateBudget {
            refused: true,
            minute_permille: 999,
            left: i64::MIN,
            used: u64::MAX,
            recv: Stamp(7),
        },
        Event::NotSet { setting: Setting::DeadManVolume, recv: Stamp(8) },
        Event::Decide { drained: 9 },
    ];
    let inputs = events.map(|event| Record::Input(Input { now: Nanos(42), event }));
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
    let rest = [Record::Action(place), Record::Torn { missing: 3 }];
    inputs.into_iter().chain(rest).chain(notes()).chain(pair_samples()).collect()
}

fn pair_samples() -> [Record; 4] {
    [
        Record::Note(Note::PairSolved {
            inst: InstId(5),
            cycle: 6,
            qty: [Qty(1), Qty(2)],
            px: [Price(3), Price(4)],
            slippage: [Bps(-5), Bps(6)],
        }),
        Record::Note(Note::PairSent {
            inst: InstId(5),
            cycle: 6,
            leg: 1,
            intent: PairIntent::Complete,
            side: Side::Sell,
            order: OrderId(7 << 16),
            px: Price(8),
            qty: Qty(9),
        }),
        Record::Note(Note::Pair {
            inst: InstId(5),
            cycle: 6,
            phase: PairPhase::Holding,
            reason: PairReason::Whole,
            positions: [Qty(1), Qty(-2)],
        }),
        Record::Note(Note::PairEntered {
            inst: InstId(5),
            cycle: u32::MAX,
            qty: [Qty(1), Qty(2)],
            notional: [Notional(i128::MAX), Notional(-1)],
            within: true,
        }),
    ]
}

fn notes() -> impl Iterator<Item = Record> {
    let quote = Note::Quote {
        inst: InstId(1),
        side: Side::Sell,
        silence: Some(Silence::Asymmetric),
        raised: true,
        px: Price(1),
        qty: Qty(2),
        parts: [-1; SPREAD_PARTS],
        factors: [850; SIZE_FACTORS],
        lead: LeadShift::default(),
    };
    // With a lead, of the spread model and of another one.
    let led = |at: SpreadPart, state| {
        let mut parts = [7; SPREAD_PARTS];
        parts[SpreadPart::Volatility as usize + SpreadPart::Model as usize - at as usize] = 0;
        let lead = LeadShift { state, shift: Bps(-12_345) };
        let (inst, side, silence, raised) = (InstId(1), Side::Buy, None, false);
        let (px, qty, factors) = (Price(i64::MAX), Qty(2), [u16::MAX; SIZE_FACTORS]);
        Note::Quote { inst, side, silence, raised, px, qty, parts, factors, lead }
    };
    let pulled =
        |against| Note::FastCancel { inst: InstId(2), order: OrderId(3), edge: -4, against };
    let notes = [
        quote,
        led(SpreadPart::Volatility, LeadState::Used),
        led(SpreadPart::Model, LeadState::Stale),
        led(SpreadPart::Model, LeadState::OutOfRange),
        pulled(Edge::Microprice),
        pulled(Edge::Lead),
        pulled(Edge::OwnFill),
        Note::Hash { inputs: 1, hash: 2 },
        Note::Markout {
            inst: InstId(3),
            side: Side::Sell,
            horizon: 2,
            from_fill: Bps(-7),
            from_mid: Bps(9),
            age: Nanos(11),
        },
        Note::Adopted { inst: InstId(4), ours: Qty(-1), venue: Qty(2), px: Price(3) },
        Note::Budget { room: Room::Last, left: -1, minute_permille: 950, refused: true },
        Note::Ladder {
            inst: InstId(5),
            side: Side::Sell,
            how: Allocated::WaterFilled,
            levels: 4,
            capacity: Qty(1),
            floor: Qty(2),
            total: Qty(3),
        },
        Note::Level {
            inst: InstId(6),
            side: Side::Buy,
            level: 14,
            px: Price(1),
            qty: Qty(2),
            distance: Bps(-3),
            weight: u64::MAX,
            floor: Qty(5),
        },
    ];
    notes.into_iter().map(Record::Note)
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
