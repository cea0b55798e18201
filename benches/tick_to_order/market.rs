//! Cold. The market that the path is driven with: server frames made ahead, cycled in order.
//!
//! A mid walks in ticks (one tick at 200 is 0.5 bps): an event moves it by one tick in half of the
//! cases and by three in one of 32, drawn back to 200 so that the cycle closes. At 20 000 events a
//! second and an engine clock that runs a thousand times as fast, an event stands for 50 ms of a
//! market with 1.6 bps a second: about what the venue's blocks bring.

use std::fmt::Write;

/// Frames in the cycle.
pub const CYCLE: usize = 1024;
/// In a bbo feed, one frame in so many is a whole book.
pub const BOOK_EVERY: usize = 32;
/// The mid that the walk is drawn back to, in ticks of 0.01.
const HOME: i64 = 20_000;
/// Time of the first frame, ms; each later one is 50 ms newer.
const BEGIN_MS: u64 = 1_760_000_000_000;
const EVENT_MS: u64 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Every event is an `l2Book` of 20 + 20 levels.
    Book,
    /// Every event is a `bbo`, but for one book in [`BOOK_EVERY`].
    Bbo,
}

impl Feed {
    pub fn name(self) -> &'static str {
        match self {
            Feed::Book => "l2Book",
            Feed::Bbo => "bbo",
        }
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// One frame of the cycle as the server sends it, and where its time stands.
struct Frame {
    bytes: Vec<u8>,
    time_at: usize,
    is_book: bool,
}

pub struct Market {
    frames: Vec<Frame>,
    next: u64,
}

impl Market {
    pub fn new(feed: Feed, seed: u64) -> Market {
        let mut rng = Rng(seed | 1);
        let mut mid = HOME;
        let frames = (0..CYCLE)
            .map(|i| {
                mid = walk(mid, i, &mut rng);
                let is_book = feed == Feed::Book || i % BOOK_EVERY == 0;
                let text = if is_book { book(mid, &mut rng) } else { bbo(mid, &mut rng) };
                Frame::new(&text, is_book)
            })
            .collect();
        Market { frames, next: 0 }
    }

    /// The next frame, its time moved on, and whether it is a book.
    pub fn next(&mut self) -> (&[u8], bool) {
        let frame = &mut self.frames[(self.next % CYCLE as u64) as usize];
        let mut ms = BEGIN_MS + self.next * EVENT_MS;
        self.next += 1;
        for digit in frame.bytes[frame.time_at..frame.time_at + 13].iter_mut().rev() {
            *digit = b'0' + (ms % 10) as u8;
            ms /= 10;
        }
        (&frame.bytes, frame.is_book)
    }

    /// The text of frame `i`, for a path that reads texts.
    pub fn text(&self, i: usize) -> &[u8] {
        let bytes = &self.frames[i % CYCLE].bytes;
        &bytes[if bytes[1] == 126 { 4 } else { 2 }..]
    }
}

impl Frame {
    /// A whole unmasked text frame.
    fn new(text: &str, is_book: bool) -> Frame {
        let mut bytes = vec![0x81];
        if text.len() < 126 {
            bytes.push(text.len() as u8);
        } else {
            bytes.push(126);
            bytes.extend((text.len() as u16).to_be_bytes());
        }
        let head = bytes.len();
        bytes.extend(text.as_bytes());
        let time_at = head + text.find("\"time\":").expect("every frame has a time") + 7;
        Frame { bytes, time_at, is_book }
    }
}

fn walk(mid: i64, i: usize, rng: &mut Rng) -> i64 {
    // The last frames lead home, so that the cycle has no jump at its seam.
    let left = (CYCLE - i) as i64;
    if (mid - HOME).abs() >= left {
        return mid - (mid - HOME).signum();
    }
    let size = match rng.below(32) {
        0 => 3,
        1..=16 => 1,
        _ => 0,
    };
    let away = (mid - HOME) / 8;
    let up = rng.below(100) < (50 - away.clamp(-40, 40)) as u64;
    if up { mid + size } else { mid - size }
}

fn level(px: i64, rng: &mut Rng) -> String {
    let qty = 10 + rng.below(400_000);
    let (whole, cents) = (qty / 100, qty % 100);
    let n = 1 + rng.below(30);
    // The venue writes at least one decimal of a price and of a size.
    let px = match px % 100 {
        c if c % 10 == 0 => format!("{}.{}", px / 100, c / 10),
        c => format!("{}.{c:02}", px / 100),
    };
    let qty = match cents {
        c if c % 10 == 0 => format!("{whole}.{}", c / 10),
        c => format!("{whole}.{c:02}"),
    };
    format!("{{\"px\":\"{px}\",\"sz\":\"{qty}\",\"n\":{n}}}")
}

fn book(mid: i64, rng: &mut Rng) -> String {
    let mut sides = [String::new(), String::new()];
    for (side, (text, step)) in sides.iter_mut().zip([-1, 1]).enumerate() {
        let mut px = mid + side as i64;
        for i in 0..20 {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{}", level(px, rng));
            px += step * (1 + i64::from(rng.below(8) == 0));
        }
    }
    let [bids, asks] = sides;
    format!(
        "{{\"channel\":\"l2Book\",\"data\":{{\"coin\":\"SOL\",\"time\":{BEGIN_MS},\
         \"levels\":[[{bids}],[{asks}]]}}}}"
    )
}

fn bbo(mid: i64, rng: &mut Rng) -> String {
    let (bid, ask) = (level(mid, rng), level(mid + 1, rng));
    format!(
        "{{\"channel\":\"bbo\",\"data\":{{\"coin\":\"SOL\",\"time\":{BEGIN_MS},\
         \"bbo\":[{bid},{ask}]}}}}"
    )
}
