//! Hot. One traversal of an action, two texts: the msgpack that is hashed and the JSON that is
//! sent. What is written to one is written to the other, so the strings cannot differ.
//!
//! Everything is inlined into the encoder of an action, where map sizes, key lengths and the
//! places of commas are constants. A buffer that is too small sets a flag and takes no more.

use crate::units::TEXT_MAX;
pub use crate::venue::buf::Buf;

/// The key of a map, as both texts write it: bytes of constant length, of which the first are meant.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The name behind its length.
    pack: [u8; 16],
    pack_len: usize,
    /// `"name":`.
    json: [u8; 24],
    json_len: usize,
}

impl Key {
    /// # Panics
    /// When the name is longer than 15 bytes: a key is made while compiling.
    pub const fn new(name: &str) -> Key {
        let name = name.as_bytes();
        assert!(name.len() <= 15, "the longest key has 15 bytes");
        let (mut pack, mut json) = ([0; 16], [0; 24]);
        pack[0] = 0xa0 | name.len() as u8;
        json[0] = b'"';
        let mut i = 0;
        while i < name.len() {
            pack[i + 1] = name[i];
            json[i + 1] = name[i];
            i += 1;
        }
        json[i + 1] = b'"';
        json[i + 2] = b':';
        Key { pack, pack_len: name.len() + 1, json, json_len: name.len() + 3 }
    }
}

/// A [`Key`] from its name.
macro_rules! key {
    ($name:literal) => {
        const { $crate::venue::hyperliquid::sign::wire::Key::new($name) }
    };
}
pub(crate) use key;

/// Where the parts of an action go.
pub trait Out {
    /// Begins a map of `len` keys.
    fn map(&mut self, len: usize);
    fn end_map(&mut self);
    /// Begins a list of `len` items, each announced by [`Out::item`].
    fn list(&mut self, len: usize);
    fn item(&mut self);
    fn end_list(&mut self);
    fn key(&mut self, key: Key);
    /// A text that needs no escape in JSON.
    fn text(&mut self, text: &[u8]);
    /// The same: the first `len` of these bytes, at most 24.
    fn short(&mut self, text: &[u8; TEXT_MAX], len: usize);
    fn uint(&mut self, value: u64);
    fn int(&mut self, value: i64);
    fn flag(&mut self, value: bool);
}

/// MessagePack: maps and lists by count, integers and lengths in their shortest form.
#[derive(Debug)]
pub struct Pack<'a>(pub Buf<'a>);

impl Out for Pack<'_> {
    #[inline(always)]
    fn map(&mut self, len: usize) {
        match len {
            0..=15 => self.0.byte(0x80 | len as u8),
            16..=0xffff => self.head(0xde, len as u16),
            _ => self.0.full = true,
        }
    }

    #[inline(always)]
    fn end_map(&mut self) {}

    #[inline(always)]
    fn list(&mut self, len: usize) {
        match len {
            0..=15 => self.0.byte(0x90 | len as u8),
            16..=0xffff => self.head(0xdc, len as u16),
            _ => self.0.full = true,
        }
    }

    #[inline(always)]
    fn item(&mut self) {}

    #[inline(always)]
    fn end_list(&mut self) {}

    #[inline(always)]
    fn key(&mut self, key: Key) {
        self.0.put_some(&key.pack, key.pack_len);
    }

    #[inline(always)]
    fn short(&mut self, text: &[u8; TEXT_MAX], len: usize) {
        self.0.byte(0xa0 | len as u8);
        self.0.put_some(text, len);
    }

    #[inline(always)]
    fn text(&mut self, text: &[u8]) {
        match text.len() {
            len @ 0..=31 => self.0.byte(0xa0 | len as u8),
            len @ 32..=0xff => self.0.put(&[0xd9, len as u8]),
            len @ 0x100..=0xffff => self.head(0xda, len as u16),
            _ => self.0.full = true,
        }
        self.0.put(text);
    }

    #[inline(always)]
    fn uint(&mut self, value: u64) {
        match value {
            0..=0x7f => self.0.byte(value as u8),
            0x80..=0xff => self.0.put(&[0xcc, value as u8]),
            0x100..=0xffff => self.head(0xcd, value as u16),
            0x1_0000..=0xffff_ffff => {
                self.0.byte(0xce);
                self.0.put(&(value as u32).to_be_bytes());
            }
            _ => {
                self.0.byte(0xcf);
                self.0.put(&value.to_be_bytes());
            }
        }
    }

    fn int(&mut self, value: i64) {
        match value {
            0.. => self.uint(value as u64),
            -32..=-1 => self.0.byte(value as u8),
            -0x80..=-33 => self.0.put(&[0xd0, value as u8]),
            -0x8000..=-0x81 => self.head(0xd1, value as u16),
            -0x8000_0000..=-0x8001 => {
                self.0.byte(0xd2);
                self.0.put(&(value as i32).to_be_bytes());
            }
            _ => {
                self.0.byte(0xd3);
                self.0.put(&value.to_be_bytes());
            }
        }
    }

    #[inline(always)]
    fn flag(&mut self, value: bool) {
        self.0.byte(if value { 0xc3 } else { 0xc2 });
    }
}

impl Pack<'_> {
    /// A type byte and a 16-bit count or number.
    #[inline(always)]
    fn head(&mut self, kind: u8, value: u16) {
        self.0.byte(kind);
        self.0.put(&value.to_be_bytes());
    }
}

/// Compact JSON. `fresh` right after an opening bracket, where no comma belongs.
#[derive(Debug)]
pub struct Json<'a> {
    pub buf: Buf<'a>,
    fresh: bool,
}

impl<'a> Json<'a> {
    pub fn new(buf: Buf<'a>) -> Json<'a> {
        Json { buf, fresh: true }
    }
}

impl Out for Json<'_> {
    #[inline(always)]
    fn map(&mut self, _: usize) {
        self.buf.byte(b'{');
        self.fresh = true;
    }

    #[inline(always)]
    fn end_map(&mut self) {
        self.buf.byte(b'}');
        self.fresh = false;
    }

    #[inline(always)]
    fn list(&mut self, _: usize) {
        self.buf.byte(b'[');
        self.fresh = true;
    }

    #[inline(always)]
    fn item(&mut self) {
        if !self.fresh {
            self.buf.byte(b',');
        }
        self.fresh = true;
    }

    #[inline(always)]
    fn end_list(&mut self) {
        self.buf.byte(b']');
        self.fresh = false;
    }

    #[inline(always)]
    fn key(&mut self, key: Key) {
        if !self.fresh {
            self.buf.byte(b',');
        }
        self.fresh = false;
        self.buf.put_some(&key.json, key.json_len);
    }

    #[inline(always)]
    fn text(&mut self, text: &[u8]) {
        self.buf.byte(b'"');
        self.buf.put(text);
        self.buf.byte(b'"');
    }

    #[inline(always)]
    fn short(&mut self, text: &[u8; TEXT_MAX], len: usize) {
        self.buf.byte(b'"');
        self.buf.put_some(text, len);
        self.buf.byte(b'"');
    }

    #[inline(always)]
    fn uint(&mut self, value: u64) {
        self.buf.decimal(value);
    }

    fn int(&mut self, value: i64) {
        if value < 0 {
            self.buf.byte(b'-');
        }
        self.buf.decimal(value.unsigned_abs());
    }

    #[inline(always)]
    fn flag(&mut self, value: bool) {
        self.buf.put(if value { b"true" } else { b"false" });
    }
}

/// Both at once.
#[derive(Debug)]
pub struct Both<'a> {
    pub pack: Pack<'a>,
    pub json: Json<'a>,
}

/// Forwards each call to both.
macro_rules! both {
    ($($name:ident($($arg:ident: $type:ty),*);)+) => {
        impl Out for Both<'_> {
            $(#[inline(always)]
            fn $name(&mut self $(, $arg: $type)*) {
                self.pack.$name($($arg),*);
                self.json.$name($($arg),*);
            })+
        }
    };
}

both! {
    map(len: usize);
    end_map();
    list(len: usize);
    item();
    end_list();
    key(key: Key);
    text(text: &[u8]);
    short(text: &[u8; TEXT_MAX], len: usize);
    uint(value: u64);
    int(value: i64);
    flag(value: bool);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(write: impl Fn(&mut Pack<'_>)) -> Vec<u8> {
        let mut out = [0; 70_000];
        let mut pack = Pack(Buf::new(&mut out));
        write(&mut pack);
        pack.0.written().unwrap().to_vec()
    }

    #[test]
    fn integers_take_their_shortest_form() {
        for (value, bytes) in [
            (0i64, &[0][..]),
            (127, &[0x7f]),
            (128, &[0xcc, 0x80]),
            (255, &[0xcc, 0xff]),
            (256, &[0xcd, 1, 0]),
            (65_535, &[0xcd, 0xff, 0xff]),
            (65_536, &[0xce, 0, 1, 0, 0]),
            (0xffff_ffff, &[0xce, 0xff, 0xff, 0xff, 0xff]),
            (0x1_0000_0000, &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
            (-1, &[0xff]),
            (-32, &[0xe0]),
            (-33, &[0xd0, 0xdf]),
            (-128, &[0xd0, 0x80]),
            (-129, &[0xd1, 0xff, 0x7f]),
            (-32_768, &[0xd1, 0x80, 0]),
            (-32_769, &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
            (-2_147_483_648, &[0xd2, 0x80, 0, 0, 0]),
            (-2_147_483_649, &[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(packed(|p| p.int(value)), bytes, "{value}");
        }
        assert_eq!(packed(|p| p.uint(u64::MAX)), [&[0xcf][..], &[0xff; 8]].concat());
    }

    #[test]
    fn lengths_take_their_shortest_form() {
        let head = |n: usize| packed(|p| p.text(&vec![b'x'; n]))[..3].to_vec();
        assert_eq!(head(31)[0], 0xbf);
        assert_eq!(head(32)[..2], [0xd9, 32]);
        assert_eq!(head(255)[..2], [0xd9, 255]);
        assert_eq!(head(256), [0xda, 1, 0]);
        assert_eq!(packed(|p| p.list(15)), [0x9f]);
        assert_eq!(packed(|p| p.list(16)), [0xdc, 0, 16]);
        assert_eq!(packed(|p| p.map(15)), [0x8f]);
        assert_eq!(packed(|p| p.map(16)), [0xde, 0, 16]);
    }

    #[test]
    fn decimals_equal_the_standard_librarys() {
        let powers = (0..20).map(|n| 10u64.pow(n));
        let edges = powers.flat_map(|p| [p - 1, p, p + 1, p.wrapping_mul(7)]);
        for value in (0..2000).chain(edges).chain([u64::MAX]) {
            let mut out = [0; 20];
            let mut buf = Buf::new(&mut out);
            buf.decimal(value);
            assert_eq!(buf.written(), Some(value.to_string().as_bytes()));
        }
    }

    #[test]
    fn a_full_buffer_is_a_flag() {
        let mut out = [0; 4];
        let mut buf = Buf::new(&mut out);
        buf.put(b"1234");
        assert_eq!(buf.written(), Some(&b"1234"[..]));
        buf.byte(b'5');
        assert_eq!(buf.written(), None);
        let mut out = [0; 63];
        let mut buf = Buf::new(&mut out);
        buf.hex(&[1; 32]);
        assert_eq!(buf.written(), None);
    }
}
