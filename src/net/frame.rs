//! Hot. RFC 6455 frames without a socket: a reader that hands out payloads where they lie, and the
//! masked frames that a client must send.
//!
//! A venue sends unmasked text frames of 0.2-5 kB. Received into one buffer that is reused from
//! its start, such a frame needs no copy: a header of 2-4 bytes is parsed (about 2 ns), its UTF-8
//! is checked (about 25 ns for 1.5 kB with SIMD, 60-80 ns with the standard library) and the slice
//! is handed out. tungstenite clears its whole read buffer on every read, 128 KiB by default,
//! which is why it takes 1.3 us for the same frame and why it serves only the cold sockets here.
//!
//! Memory is two buffers of the frame limit, taken once; their pages are touched only as far as
//! messages reach. A length beyond the limit is refused when its header is seen.

use std::io::{self, Read};

/// Longest frame header of a server: two bytes and a 64-bit length.
const HEAD_MAX: usize = 10;
/// Longest header of our own frames: with a 4-byte mask key.
pub const MASKED_HEAD_MAX: usize = 14;
/// Longest payload of a control frame (RFC 6455, 5.5).
pub const CONTROL_MAX: usize = 125;
/// Most bytes taken by one [`FrameReader::fill`]: bounds the work of one call, about 43 frames.
const FILL_MAX: usize = 64 * 1024;

/// What a frame is; the values are those of the wire (RFC 6455, 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// How a server broke the protocol. Each ends the connection and has a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// A server must not mask (5.1).
    Masked = 0,
    /// RSV1-3 set, but no extension was negotiated.
    ReservedBits = 1,
    /// An opcode that RFC 6455 does not define.
    ReservedOpcode = 2,
    /// A binary message: no venue that we speak to sends one.
    Binary = 3,
    /// A frame or a reassembled message beyond the limit.
    Oversized = 4,
    /// A length in more bytes than it needs, or beyond 2^63 (5.2).
    BadLength = 5,
    /// A control frame in fragments or beyond 125 bytes (5.5).
    BadControl = 6,
    /// A continuation of nothing, or a new message inside an unfinished one (5.4).
    BadSequence = 7,
    /// A close frame of one byte.
    BadClose = 8,
    /// A text that is not UTF-8 (8.1).
    BadUtf8 = 9,
}

impl Fault {
    pub const COUNT: usize = 10;
    pub const ALL: [Fault; Fault::COUNT] = [
        Fault::Masked,
        Fault::ReservedBits,
        Fault::ReservedOpcode,
        Fault::Binary,
        Fault::Oversized,
        Fault::BadLength,
        Fault::BadControl,
        Fault::BadSequence,
        Fault::BadClose,
        Fault::BadUtf8,
    ];

    /// Stable snake_case name for counters.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Masked => "masked",
            Fault::ReservedBits => "reserved_bits",
            Fault::ReservedOpcode => "reserved_opcode",
            Fault::Binary => "binary",
            Fault::Oversized => "oversized",
            Fault::BadLength => "bad_length",
            Fault::BadControl => "bad_control",
            Fault::BadSequence => "bad_sequence",
            Fault::BadClose => "bad_close",
            Fault::BadUtf8 => "bad_utf8",
        }
    }

    /// The close code that tells the peer (RFC 6455, 7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Fault::BadUtf8 => 1007,
            Fault::Oversized => 1009,
            Fault::Binary => 1003,
            _ => 1002,
        }
    }
}

/// One complete item from the wire; [`FrameReader::payload`] has its bytes until the next call
/// that changes the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// `Text` for a message, whether it came whole or in fragments; never `Continuation`.
    pub opcode: Opcode,
    start: usize,
    end: usize,
    /// The bytes lie in the receive buffer; otherwise in the reassembly buffer.
    whole: bool,
}

/// A parsed frame header.
struct Head {
    opcode: Opcode,
    fin: bool,
    /// Bytes of the header itself.
    size: usize,
    len: usize,
}

/// Cuts received bytes into frames.
pub struct FrameReader {
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    /// The fragments of an unfinished message.
    message: Box<[u8]>,
    message_len: usize,
    in_message: bool,
    /// Largest payload of a message.
    limit: usize,
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReader")
            .field("held", &(self.end - self.start))
            .field("message_len", &self.message_len)
            .field("in_message", &self.in_message)
            .field("limit", &self.limit)
            .finish()
    }
}

impl FrameReader {
    /// A reader that refuses payloads beyond `limit` bytes.
    ///
    /// # Panics
    /// When `limit` is below 125: control frames must fit.
    pub fn new(limit: usize) -> FrameReader {
        assert!(limit >= CONTROL_MAX, "control frames must fit the limit");
        FrameReader {
            // A partial frame at the start of the buffer always leaves room for its rest.
            buf: vec![0; limit + HEAD_MAX].into_boxed_slice(),
            start: 0,
            end: 0,
            message: vec![0; limit].into_boxed_slice(),
            message_len: 0,
            in_message: false,
            limit,
        }
    }

    /// Bytes received and not yet handed out, fragments included.
    pub fn held(&self) -> usize {
        self.end - self.start + if self.in_message { self.message_len } else { 0 }
    }

    /// Takes bytes in that were read before this reader existed (behind a handshake). Returns
    /// `false` when they do not fit.
    #[must_use]
    pub fn preload(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.buf.get_mut(self.end..self.end + bytes.len()) else {
            return false;
        };
        room.copy_from_slice(bytes);
        self.end += bytes.len();
        true
    }

    /// One read from `source`. `Ok(0)` is the end of the stream, as with any reader; a buffer full
    /// of frames that nobody took is `WouldBlock`, so that a slow taker stops the socket.
    #[inline]
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end {
            // The usual case: everything was handed out, the first lines of the buffer are warm.
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 {
            // A partial frame moves once: afterwards it starts at zero and grows in place.
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let stop = self.buf.len().min(self.end + FILL_MAX);
        let room = &mut self.buf[self.end..stop];
        if room.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = source.read(room)?;
        self.end += n;
        Ok(n)
    }

    /// The next complete item; `None` until more bytes arrive. After a [`Fault`] the stream has no
    /// meaning any more: the caller closes it.
    #[inline]
    pub fn next_item(&mut self) -> Result<Option<Item>, Fault> {
        loop {
            let Some(head) = self.head()? else { return Ok(None) };
            let start = self.start + head.size;
            let end = start + head.len;
            if end > self.end {
                return Ok(None);
            }
            self.start = end;
            let whole = Item { opcode: head.opcode, start, end, whole: true };
            match head.opcode {
                Opcode::Text if head.fin => {
                    self.check_utf8(whole)?;
                    return Ok(Some(whole));
                }
                Opcode::Text | Opcode::Continuation => {
                    if let Some(message) = self.append(&head, start..end) {
                        self.check_utf8(message)?;
                        return Ok(Some(message));
                    }
                }
                Opcode::Close => {
                    match self.payload(whole) {
                        [_] => return Err(Fault::BadClose),
                        [_, _, reason @ ..] if std::str::from_utf8(reason).is_err() => {
                            return Err(Fault::BadUtf8);
                        }
                        _ => {}
                    }
                    return Ok(Some(whole));
                }
                Opcode::Ping | Opcode::Pong => return Ok(Some(whole)),
            }
        }
    }

    /// The bytes of an item that [`FrameReader::next_item`] just returned.
    #[inline]
    pub fn payload(&self, item: Item) -> &[u8] {
        let from = if item.whole { &self.buf } else { &self.message };
        &from[item.start..item.end]
    }

    #[inline]
    fn check_utf8(&self, item: Item) -> Result<(), Fault> {
        match simdutf8::basic::from_utf8(self.payload(item)) {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::BadUtf8),
        }
    }

    /// The header at the start of what is held. Everything that can be refused is refused here,
    /// before its payload is waited for.
    #[inline]
    fn head(&self) -> Result<Option<Head>, Fault> {
        let held = &self.buf[self.start..self.end];
        let [b0, b1, rest @ ..] = held else { return Ok(None) };
        if b0 & 0x70 != 0 {
            return Err(Fault::ReservedBits);
        }
        let fin = b0 & 0x80 != 0;
        let opcode = match b0 & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => return Err(Fault::Binary),
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(Fault::ReservedOpcode),
        };
        if b1 & 0x80 != 0 {
            return Err(Fault::Masked);
        }
        let (size, len) = match b1 & 0x7f {
            126 => {
                let Some(bytes) = rest.first_chunk::<2>() else { return Ok(None) };
                (4, u64::from(u16::from_be_bytes(*bytes)))
            }
            127 => {
                let Some(bytes) = rest.first_chunk::<8>() else { return Ok(None) };
                (10, u64::from_be_bytes(*bytes))
            }
            short => (2, u64::from(short)),
        };
        if (size == 4 && len < 126) || (size == 10 && (len < 65_536 || len >> 63 != 0)) {
            return Err(Fault::BadLength);
        }
        if opcode as u8 >= 8 {
            if !fin || len > CONTROL_MAX as u64 {
                return Err(Fault::BadControl);
            }
        } else if (opcode == Opcode::Continuation) != self.in_message {
            return Err(Fault::BadSequence);
        }
        let before = if opcode == Opcode::Continuation { self.message_len } else { 0 };
        if len > (self.limit - before) as u64 {
            return Err(Fault::Oversized);
        }
        Ok(Some(Head { opcode, fin, size, len: len as usize }))
    }

    /// Adds a fragment; the whole message when it was the last one.
    #[cold]
    fn append(&mut self, head: &Head, range: std::ops::Range<usize>) -> Option<Item> {
        if head.opcode == Opcode::Text {
            self.message_len = 0;
        }
        let end = self.message_len + range.len();
        self.message[self.message_len..end].copy_from_slice(&self.buf[range]);
        self.message_len = end;
        self.in_message = !head.fin;
        head.fin.then_some(Item { opcode: Opcode::Text, start: 0, end, whole: false })
    }
}

/// Writes one masked frame into `out` and returns its size; `None` when it does not fit.
#[inline]
pub fn write_masked(out: &mut [u8], opcode: Opcode, payload: &[u8], key: [u8; 4]) -> Option<usize> {
    let len = payload.len();
    let mut head = [0u8; MASKED_HEAD_MAX];
    head[0] = 0x80 | opcode as u8;
    let mut size = 2;
    if len <= CONTROL_MAX {
        head[1] = 0x80 | len as u8;
    } else if len < 65_536 {
        head[1] = 0x80 | 126;
        head[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        size = 4;
    } else {
        head[1] = 0x80 | 127;
        head[2..10].copy_from_slice(&(len as u64).to_be_bytes());
        size = 10;
    }
    head[size..size + 4].copy_from_slice(&key);
    size += 4;
    let total = size + len;
    let out = out.get_mut(..total)?;
    let (to_head, to_payload) = out.split_at_mut(size);
    to_head.copy_from_slice(&head[..size]);
    mask(to_payload, payload, key);
    Some(total)
}

/// `to = from XOR key`, eight bytes at a time.
#[inline]
fn mask(to: &mut [u8], from: &[u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (to_words, to_tail) = to.as_chunks_mut::<8>();
    let (from_words, from_tail) = from.as_chunks::<8>();
    for (to, from) in to_words.iter_mut().zip(from_words) {
        *to = (u64::from_ne_bytes(*from) ^ wide).to_ne_bytes();
    }
    // Eight is a multiple of four: the tail starts at the first byte of the key again.
    for ((to, from), key) in to_tail.iter_mut().zip(from_tail).zip(key.iter().cycle()) {
        *to = from ^ key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(b0: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![b0];
        match payload.len() {
            n @ 0..=125 => out.push(n as u8),
            n @ 126..=65_535 => {
                out.push(126);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(127);
                out.extend((n as u64).to_be_bytes());
            }
        }
        out.extend(payload);
        out
    }

    /// All texts and the fault, if any, of a stream that arrives `step` bytes at a time.
    fn read_all(limit: usize, stream: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<Fault>) {
        let mut reader = FrameReader::new(limit);
        let mut texts = Vec::new();
        for mut piece in stream.chunks(step) {
            while !piece.is_empty() {
                reader.fill(&mut piece).unwrap();
                loop {
                    match reader.next_item() {
                        Ok(None) => break,
                        Ok(Some(item)) if item.opcode == Opcode::Text => {
                            texts.push(reader.payload(item).to_vec());
                        }
                        Ok(Some(_)) => {}
                        Err(fault) => return (texts, Some(fault)),
                    }
                }
            }
        }
        (texts, None)
    }

    #[test]
    fn every_length_form_and_every_cut() {
        let texts: Vec<Vec<u8>> =
            [0, 1, 125, 126, 127, 1500, 65_535, 65_536].map(|n| vec![b'x'; n]).to_vec();
        let stream: Vec<u8> = texts.iter().flat_map(|t| frame(0x81, t)).collect();
        for step in [1, 2, 3, 7, 1000, usize::MAX] {
            assert_eq!(read_all(70_000, &stream, step), (texts.clone(), None), "step {step}");
        }
    }

    #[test]
    fn fragments_with_a_ping_between_are_one_message() {
        let mut stream = frame(0x01, "a\u{20ac}".as_bytes()[..2].as_ref());
        stream.extend(frame(0x89, b"ping"));
        stream.extend(frame(0x00, &"\u{20ac}".as_bytes()[1..]));
        stream.extend(frame(0x80, b"!"));
        stream.extend(frame(0x81, b"next"));
        for step in [1, 5, usize::MAX] {
            let (texts, fault) = read_all(200, &stream, step);
            assert_eq!(fault, None);
            assert_eq!(texts, ["a\u{20ac}!".as_bytes().to_vec(), b"next".to_vec()]);
        }
    }

    #[test]
    fn every_breach_has_its_name() {
        let long = [b'x'; 201];
        let mut masked = frame(0x81, b"hi");
        masked[1] |= 0x80;
        let mut interrupted = frame(0x01, b"a");
        interrupted.extend(frame(0x81, b"b"));
        let mut grown = frame(0x01, &[b'x'; 150]);
        grown.extend(frame(0x80, &[b'x'; 51]));
        for (stream, want) in [
            (masked, Fault::Masked),
            (frame(0xc1, b""), Fault::ReservedBits),
            (frame(0x83, b""), Fault::ReservedOpcode),
            (frame(0x8b, b""), Fault::ReservedOpcode),
            (frame(0x82, b"x"), Fault::Binary),
            (frame(0x81, &long), Fault::Oversized),
            (grown, Fault::Oversized),
            (vec![0x81, 126, 0, 125], Fault::BadLength),
            (vec![0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Fault::BadLength),
            (vec![0x81, 127, 0x80, 0, 0, 0, 0, 1, 0, 0], Fault::BadLength),
            (vec![0x81, 127, 0x7f, 0, 0, 0, 0, 1, 0, 0], Fault::Oversized),
            (frame(0x09, b""), Fault::BadControl),
            (frame(0x89, &[0; 126]), Fault::BadControl),
            (frame(0x80, b"x"), Fault::BadSequence),
            (interrupted, Fault::BadSequence),
            (frame(0x88, b"x"), Fault::BadClose),
            (frame(0x88, b"\x03\xe8\xff"), Fault::BadUtf8),
            (frame(0x81, b"\xc3\x28"), Fault::BadUtf8),
        ] {
            for step in [1, usize::MAX] {
                assert_eq!(read_all(200, &stream, step).1, Some(want), "{stream:02x?}");
            }
        }
    }

    #[test]
    fn a_long_length_is_refused_before_its_payload() {
        let mut reader = FrameReader::new(1 << 20);
        let mut head = &[0x81, 127, 0, 0, 0, 0, 0, 0x98, 0x96, 0x80][..]; // 10 000 000
        reader.fill(&mut head).unwrap();
        assert_eq!(reader.next_item(), Err(Fault::Oversized));
    }

    #[test]
    fn a_full_buffer_stops_the_source() {
        let mut reader = FrameReader::new(125);
        let stream = frame(0x81, &[b'x'; 100]).repeat(3);
        let mut source = &stream[..];
        assert_eq!(reader.fill(&mut source).unwrap(), 135);
        assert_eq!(reader.fill(&mut source).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(reader.next_item().unwrap().map(|i| reader.payload(i).len()), Some(100));
        assert_eq!(reader.fill(&mut source).unwrap(), 102);
    }

    #[test]
    fn masked_frames_unmask_to_the_payload() {
        let key = [0x11, 0x22, 0x33, 0x44];
        for n in [0, 1, 7, 8, 9, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..n).map(|i| i as u8).collect();
            let mut out = vec![0; n + MASKED_HEAD_MAX];
            let total = write_masked(&mut out, Opcode::Text, &payload, key).unwrap();
            let body = &out[total - n..total];
            let back: Vec<u8> = body.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
            assert_eq!(back, payload, "{n}");
            assert_eq!(out[0], 0x81);
            assert_eq!(out[1] & 0x80, 0x80);
            assert_eq!(write_masked(&mut vec![0; total - 1], Opcode::Text, &payload, key), None);
        }
    }
}
