//! Cold. The `l2` channel of the venue's own pages: a snapshot, then what changed of twenty levels a side,
//! by turns plain and compressed.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};

use super::PeerId;
use super::hub::Hub;
use super::subs::Sub;
use super::wire::{self, list, num};
use crate::instrument::InstId;
use crate::sim::exchange::BookLevel;
use crate::units::Side;

/// Levels a side.
const LEVELS: usize = 20;

/// What a subscriber was last told.
#[derive(Debug, Default)]
pub struct Told {
    sides: [Vec<BookLevel>; 2],
    /// Changes so far.
    sent: u64,
}

impl Hub {
    fn top(&self, inst: InstId) -> [Vec<BookLevel>; 2] {
        Side::BOTH.map(|side| self.exchange.levels(inst, side, LEVELS).collect())
    }

    /// The snapshot that a new subscription begins with.
    pub(super) fn l2_first(&mut self, peer: PeerId, inst: InstId) -> String {
        let told = Told { sides: self.top(inst), sent: 0 };
        self.l2.insert((peer, inst), told);
        let coin = self.directory.coin(inst);
        let book = wire::l2_book(&self.exchange, coin, false, self.now);
        wire::channel("l2", &format!("{{\"s\":{book}}}"))
    }

    /// What each subscriber's book has changed since it was told.
    pub(super) fn l2_changes(&mut self, out: &mut Vec<(PeerId, String)>) {
        let mut wanted = Vec::new();
        for (&peer, subs) in &self.subs {
            let of_book = |sub: &Sub| if let Sub::L2(inst) = sub { Some(*inst) } else { None };
            wanted.extend(subs.iter().filter_map(of_book).map(|inst| (peer, inst)));
        }
        for (peer, inst) in wanted {
            let now = self.top(inst);
            let told = self.l2.entry((peer, inst)).or_default();
            if told.sides == now {
                continue;
            }
            let coin = &self.directory.coin(inst).name;
            let text = change(coin, wire::ms(self.now), &told.sides, &now);
            let data = match told.sent % 2 {
                0 => format!("{{\"c\":\"{}\"}}", base64(&deflate(&text))),
                _ => format!("{{\"u\":{text}}}"),
            };
            (told.sides, told.sent) = (now, told.sent + 1);
            out.push((peer, wire::channel("l2", &data)));
        }
    }

    /// Is this subscription one that this server takes?
    pub(super) fn offers(&self, sub: &Sub) -> bool {
        self.config.l2_deltas || !matches!(sub, Sub::L2(_))
    }
}

/// Places that go, levels that are new or other than before.
fn change(coin: &str, ms: u64, before: &[Vec<BookLevel>; 2], now: &[Vec<BookLevel>; 2]) -> String {
    let set = |side: usize| {
        let other = now[side]
            .iter()
            .filter(|l| !before[side].iter().any(|b| (b.px, b.qty) == (l.px, l.qty)));
        list(other.map(|l| format!("{{\"p\":\"{}\",\"s\":\"{}\"}}", num(l.px.0), num(l.qty.0))))
    };
    let gone = |side: usize| {
        let places = before[side].iter().enumerate();
        let gone = places.filter(|(_, b)| !now[side].iter().any(|l| l.px == b.px));
        list(gone.map(|(place, _)| place.to_string()))
    };
    format!(
        "{{\"c\":\"{coin}\",\"t\":{ms},\"l\":[{},{}],\"r\":[{},{}]}}",
        set(0),
        set(1),
        gone(0),
        gone(1)
    )
}

fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let done = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    done.expect("writing to memory does not fail")
}

fn base64(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let symbol = SYMBOLS[(word >> (18 - 6 * place)) as usize % 64];
            text.push(if place <= chunk.len() { symbol.into() } else { '=' });
        }
    }
    text
}
