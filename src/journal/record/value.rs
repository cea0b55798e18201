//! Hot. Records of what the venue values us and the markets at.

use super::{Get, Put, tag};
use crate::event::Event;
use crate::units::Price;

pub fn encode(event: &Event, put: impl Fn(u8) -> Put) -> Put {
    match *event {
        Event::Equity { amount, recv } => put(tag::EQUITY).i64(amount).u64(recv.0),
        Event::Context { inst, mark, oracle, funding, recv } => {
            let put = put(tag::CONTEXT).u16(inst.0).i64(mark.0).i64(oracle.0);
            put.i64(funding).u64(recv.0)
        }
        _ => unreachable!("the caller's match names the two"),
    }
}

pub fn decode(tag: u8, get: &mut Get<'_>) -> Event {
    if tag == tag::EQUITY {
        return Event::Equity { amount: get.i64(), recv: get.stamp() };
    }
    let (inst, mark, oracle) = (get.inst(), Price(get.i64()), Price(get.i64()));
    Event::Context { inst, mark, oracle, funding: get.i64(), recv: get.stamp() }
}
