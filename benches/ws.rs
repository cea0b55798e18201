//! Reading one 1.5 kB text frame: ours beside tungstenite, from memory, one frame per read.
//!
//! `cargo bench --bench ws`; `-- --smoke` (or `--test`) runs a second's worth and checks only that
//! everything works. Figures go to `out/bench/ws.json`. The source hands out one frame per read, as
//! a socket does when the venue sends one message at a time, so a row contains the copy that the
//! kernel would do.

use std::hint::black_box;
use std::io::{self, Read, Write};

use evenkeel::net::frame::{FrameReader, MASKED_HEAD_MAX, Opcode, write_masked};
use evenkeel::net::mask::MaskKeys;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

const PAYLOAD: usize = 1500;
const GOAL_NS: f64 = 60.0;

/// An endless stream that gives one frame per read, from 64 different ones.
struct Frames {
    frames: Vec<Vec<u8>>,
    next: usize,
}

impl Frames {
    fn new() -> Frames {
        let frames = (0..64u32)
            .map(|i| {
                let mut frame = vec![0x81, 126];
                frame.extend((PAYLOAD as u16).to_be_bytes());
                let level =
                    format!("{{\"px\":\"{}.{:02}\",\"sz\":\"{}\",\"n\":3}},", 100 + i, i, i);
                frame.extend(level.bytes().cycle().take(PAYLOAD));
                frame
            })
            .collect();
        Frames { frames, next: 0 }
    }
}

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let frame = &self.frames[self.next];
        self.next = (self.next + 1) % self.frames.len();
        let n = frame.len().min(out.len());
        out[..n].copy_from_slice(&frame[..n]);
        assert_eq!(n, frame.len(), "a read takes a whole frame");
        Ok(n)
    }
}

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// ns per operation: minimum and median over batches of 1000.
fn measure(batches: usize, mut op: impl FnMut()) -> (f64, f64) {
    let clock = quanta::Clock::new();
    let mut samples: Vec<f64> = (0..batches)
        .map(|_| {
            let start = clock.raw();
            for _ in 0..1000 {
                op();
            }
            clock.delta_as_nanos(start, clock.raw()) as f64 / 1000.0
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    (samples[0], samples[samples.len() / 2])
}

fn ours() -> impl FnMut() {
    let (mut reader, mut frames) = (FrameReader::new(1 << 20), Frames::new());
    move || {
        reader.fill(&mut frames).expect("memory does not fail");
        let item = reader.next_item().expect("valid").expect("one frame per read");
        black_box(reader.payload(item));
    }
}

fn peer(config: WebSocketConfig) -> impl FnMut() {
    let mut socket = WebSocket::from_raw_socket(Frames::new(), Role::Client, Some(config));
    move || {
        let message = socket.read().expect("valid");
        black_box(message.into_text().expect("text"));
    }
}

fn copy_only() -> impl FnMut() {
    let (mut frames, mut buf) = (Frames::new(), vec![0u8; 64 * 1024]);
    move || {
        frames.read_exact(&mut buf[..PAYLOAD + 4]).expect("memory does not fail");
        black_box(&buf);
    }
}

/// The check of the standard library on the same bytes, to show what SIMD is for.
fn std_utf8() -> impl FnMut() {
    let frames = Frames::new();
    let mut i = 0;
    move || {
        i = (i + 1) % frames.frames.len();
        black_box(std::str::from_utf8(black_box(&frames.frames[i][4..])).is_ok());
    }
}

fn simd_utf8() -> impl FnMut() {
    let frames = Frames::new();
    let mut i = 0;
    move || {
        i = (i + 1) % frames.frames.len();
        black_box(simdutf8::basic::from_utf8(black_box(&frames.frames[i][4..])).is_ok());
    }
}

fn ours_write() -> impl FnMut() {
    let mut keys = MaskKeys::from_seed([7; 32]);
    let payload = [b'x'; 400];
    let mut out = [0u8; 400 + MASKED_HEAD_MAX];
    move || {
        let n = write_masked(&mut out, Opcode::Text, black_box(&payload), keys.next_key());
        black_box(n.expect("it fits"));
    }
}

fn peer_write() -> impl FnMut() {
    let config = WebSocketConfig::default().write_buffer_size(0);
    let mut socket = WebSocket::from_raw_socket(Frames::new(), Role::Client, Some(config));
    let text = "x".repeat(400);
    move || socket.send(Message::text(black_box(text.as_str()))).expect("memory does not fail")
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke" || arg == "--test");
    let batches = if smoke { 20 } else { 3000 };
    let default = WebSocketConfig::default();
    let rows: [(&str, (f64, f64)); 8] = [
        ("copy of 1504 B alone", measure(batches, copy_only())),
        ("read 1.5 kB: evenkeel", measure(batches, ours())),
        ("read 1.5 kB: tungstenite, 4 KiB", measure(batches, peer(default.read_buffer_size(4096)))),
        ("read 1.5 kB: tungstenite, default", measure(batches, peer(default))),
        ("utf-8 check 1.5 kB: simdutf8", measure(batches, simd_utf8())),
        ("utf-8 check 1.5 kB: std", measure(batches, std_utf8())),
        ("write 400 B masked: evenkeel", measure(batches, ours_write())),
        ("write 400 B masked: tungstenite", measure(batches, peer_write())),
    ];
    println!("{:<36}{:>10}{:>10}", "ns per frame", "min", "median");
    for (name, (min, median)) in &rows {
        println!("{name:<36}{min:>10.1}{median:>10.1}");
    }
    let ours = rows[1].1.1;
    let verdict = if ours <= GOAL_NS { "met" } else { "MISSED" };
    println!("goal: evenkeel read <= {GOAL_NS} ns median: {ours:.1} ns, {verdict}");
    if smoke {
        return;
    }
    let body: Vec<String> = rows
        .iter()
        .map(|(name, (min, median))| {
            format!("{{\"name\":\"{name}\",\"min_ns\":{min:.1},\"median_ns\":{median:.1}}}")
        })
        .collect();
    let json = format!("{{\"goal_ns\":{GOAL_NS},\"rows\":[{}]}}\n", body.join(","));
    let written = std::fs::create_dir_all("out/bench")
        .and_then(|()| std::fs::write("out/bench/ws.json", json));
    if let Err(error) = written {
        eprintln!("out/bench/ws.json: {error}");
    }
}
