//! Hot. A cursor over JSON bytes: any key order, exact numbers, no tree, no allocation.
//!
//! It is the exact path behind the schema scanners: those verify one byte layout and give up on
//! any other, this one reads whatever JSON allows. It accepts RFC 8259 and nothing more (no BOM, no
//! NaN, no trailing comma, no raw control character, no lone surrogate, UTF-8 only), with at most
//! [`DEPTH_MAX`] open brackets, so that a hostile frame costs one pass and no stack.

use crate::units::{NumError, parse_raw};
use crate::venue::swar;
use crate::venue::{Malformed, MalformedKind};

/// Open brackets at one time; a bit each in one word. The venues nest below ten.
pub const DEPTH_MAX: u32 = 60;

/// Longest unescaped text that [`Text::decimal`] looks at. A number of ours has 20 bytes; longer
/// ones consist of zeros or are refused.
const DECIMAL_TEXT_MAX: usize = 64;

type Read<T> = Result<T, Malformed>;

/// A position in a JSON text. A copy remembers a place to come back to.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A string as it stands in the frame, between its quotes. Its escapes are known to be valid.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    raw: &'a [u8],
    at: usize,
    escaped: bool,
}

/// The members of an object that is being read.
#[derive(Debug)]
pub struct Members {
    begun: bool,
}

/// The items of an array that is being read.
#[derive(Debug)]
pub struct Items {
    begun: bool,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    /// The refusal of what stands here.
    #[inline]
    pub fn refuse(&self, kind: MalformedKind) -> Malformed {
        malformed(self.at, kind)
    }

    /// The bytes from here to a later place of the same text; none when it is not later.
    pub fn until(&self, later: &Cursor<'a>) -> &'a [u8] {
        self.bytes.get(self.at..later.at).unwrap_or(b"")
    }

    /// The next byte that is not white space, not taken.
    #[inline]
    pub fn peek(&mut self) -> Read<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                _ => return Ok(byte),
            }
        }
        Err(self.refuse(MalformedKind::Syntax))
    }

    /// Begins an object; a value of another type is refused.
    pub fn object(&mut self) -> Read<Members> {
        self.open(b'{')?;
        Ok(Members { begun: false })
    }

    /// Begins an array; a value of another type is refused.
    pub fn array(&mut self) -> Read<Items> {
        self.open(b'[')?;
        Ok(Items { begun: false })
    }

    fn open(&mut self, bracket: u8) -> Read<()> {
        self.typed(bracket)?;
        self.at += 1;
        Ok(())
    }

    /// Asks for a value that begins with `first`: another JSON value is of the wrong type,
    /// anything else is no JSON.
    fn typed(&mut self, first: u8) -> Read<()> {
        match self.peek()? {
            byte if byte == first => Ok(()),
            b'{' | b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
                Err(self.refuse(MalformedKind::Value))
            }
            _ => Err(self.refuse(MalformedKind::Syntax)),
        }
    }

    fn take(&mut self, byte: u8) -> Read<()> {
        if self.peek()? != byte {
            return Err(self.refuse(MalformedKind::Syntax));
        }
        self.at += 1;
        Ok(())
    }

    /// A string value.
    #[inline]
    pub fn text(&mut self) -> Read<Text<'a>> {
        self.typed(b'"')?;
        self.at += 1;
        let start = self.at;
        let (mut escaped, mut ascii) = (false, true);
        loop {
            while let Some(word) = swar::word(self.bytes, self.at) {
                let run = swar::plain_run(word);
                self.at += run;
                if run < 8 {
                    break;
                }
            }
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(self.refuse(MalformedKind::Syntax));
            };
            match byte {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    let Some((_, len)) = unescape(&self.bytes[self.at..]) else {
                        return Err(self.refuse(MalformedKind::Syntax));
                    };
                    self.at += len;
                }
                0..0x20 => return Err(self.refuse(MalformedKind::Syntax)),
                _ => {
                    ascii &= byte < 0x80;
                    self.at += 1;
                }
            }
        }
        let raw = &self.bytes[start..self.at];
        if !ascii && std::str::from_utf8(raw).is_err() {
            return Err(malformed(start, MalformedKind::Syntax));
        }
        self.at += 1;
        Ok(Text { raw, at: start, escaped })
    }

    /// A non-negative integer of at most 64 bits, without sign, point or exponent.
    #[inline]
    pub fn unsigned(&mut self) -> Read<u64> {
        let first = self.peek()?;
        if !first.is_ascii_digit() {
            return Err(self.not_unsigned(first));
        }
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(&byte) = self.bytes.get(self.at)
            && byte.is_ascii_digit()
        {
            let next = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(byte - b'0')));
            let Some(next) = next else {
                return Err(malformed(start, MalformedKind::Number));
            };
            value = next;
            self.at += 1;
        }
        if first == b'0' && self.at - start > 1 {
            return Err(malformed(start, MalformedKind::Syntax));
        }
        match self.bytes.get(self.at) {
            Some(b'.' | b'e' | b'E') => Err(malformed(start, MalformedKind::Number)),
            _ => Ok(value),
        }
    }

    #[cold]
    fn not_unsigned(&self, first: u8) -> Malformed {
        self.refuse(match first {
            b'-' => MalformedKind::Number,
            b'{' | b'[' | b'"' | b't' | b'f' | b'n' => MalformedKind::Value,
            _ => MalformedKind::Syntax,
        })
    }

    pub fn boolean(&mut self) -> Read<bool> {
        match self.peek()? {
            b't' => self.literal(b"true").map(|()| true),
            b'f' => self.literal(b"false").map(|()| false),
            _ => Err(self.refuse(MalformedKind::Value)),
        }
    }

    /// Takes a `null` when there is one.
    pub fn null(&mut self) -> Read<bool> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.literal(b"null").map(|()| true)
    }

    fn literal(&mut self, text: &[u8]) -> Read<()> {
        if !self.bytes[self.at..].starts_with(text) {
            return Err(self.refuse(MalformedKind::Syntax));
        }
        self.at += text.len();
        Ok(())
    }

    /// Takes any one value, whatever is in it, and checks its syntax.
    pub fn skip(&mut self) -> Read<()> {
        // Bit i of `objects` tells whether the bracket opened at depth i is a brace.
        let (mut objects, mut depth) = (0u64, 0u32);
        loop {
            match self.peek()? {
                open @ (b'{' | b'[') => {
                    if depth == DEPTH_MAX {
                        return Err(self.refuse(MalformedKind::Oversized));
                    }
                    self.at += 1;
                    let close = if open == b'{' { b'}' } else { b']' };
                    objects = objects << 1 | u64::from(open == b'{');
                    depth += 1;
                    if self.peek()? != close {
                        if open == b'{' {
                            self.member_name()?;
                        }
                        continue;
                    }
                    self.at += 1;
                    (objects, depth) = (objects >> 1, depth - 1);
                }
                b'"' => drop(self.text()?),
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => self.skip_number()?,
            }
            // A value has ended: close what it ends, or go on to its neighbour.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        if object {
                            self.member_name()?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return Err(self.refuse(MalformedKind::Syntax)),
                }
                self.at += 1;
                (objects, depth) = (objects >> 1, depth - 1);
            }
        }
    }

    fn member_name(&mut self) -> Read<Text<'a>> {
        if self.peek()? != b'"' {
            return Err(self.refuse(MalformedKind::Syntax));
        }
        let name = self.text()?;
        self.take(b':')?;
        Ok(name)
    }

    /// `-? (0 | [1-9] digits*) (. digits+)? ([eE] [+-]? digits+)?`
    fn skip_number(&mut self) -> Read<()> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let start = self.at;
        self.digits()?;
        if self.bytes[start] == b'0' && self.at - start > 1 {
            return Err(malformed(start, MalformedKind::Syntax));
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.refuse(MalformedKind::Syntax));
        }
        Ok(())
    }

    /// Asks that nothing but white space is left.
    pub fn end(&mut self) -> Read<()> {
        match self.peek() {
            Ok(_) => Err(self.refuse(MalformedKind::Syntax)),
            Err(_) => Ok(()),
        }
    }
}

impl Members {
    /// The name of the next member, with the cursor at its value; `None` after the last.
    #[inline]
    pub fn next<'a>(&mut self, cursor: &mut Cursor<'a>) -> Read<Option<Text<'a>>> {
        if cursor.peek()? == b'}' {
            cursor.at += 1;
            return Ok(None);
        }
        if self.begun {
            cursor.take(b',')?;
        }
        self.begun = true;
        cursor.member_name().map(Some)
    }
}

impl Items {
    /// Whether there is another item, with the cursor at it.
    #[inline]
    pub fn next(&mut self, cursor: &mut Cursor<'_>) -> Read<bool> {
        if cursor.peek()? == b']' {
            cursor.at += 1;
            return Ok(false);
        }
        if self.begun {
            cursor.take(b',')?;
            // `[1,]` has no item after its comma.
            if cursor.peek()? == b']' {
                return Err(cursor.refuse(MalformedKind::Syntax));
            }
        }
        self.begun = true;
        Ok(true)
    }
}

impl<'a> Text<'a> {
    /// Byte offset of its first character in the frame.
    pub fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn refuse(&self, kind: MalformedKind) -> Malformed {
        malformed(self.at, kind)
    }

    /// Its bytes in the frame, escapes and all.
    pub fn as_raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its characters: as they stand, or unescaped into `room`; `None` when they do not fit.
    #[inline]
    pub fn chars<'r>(&self, room: &'r mut [u8]) -> Option<&'r [u8]>
    where
        'a: 'r,
    {
        if !self.escaped {
            return Some(self.raw);
        }
        self.unescape_into(room)
    }

    #[cold]
    fn unescape_into<'r>(&self, room: &'r mut [u8]) -> Option<&'r [u8]> {
        let (mut read, mut written) = (0, 0);
        while let Some(&byte) = self.raw.get(read) {
            if byte != b'\\' {
                *room.get_mut(written)? = byte;
                (read, written) = (read + 1, written + 1);
                continue;
            }
            let (symbol, len) = unescape(&self.raw[read..])?;
            let mut utf8 = [0; 4];
            let utf8 = symbol.encode_utf8(&mut utf8).as_bytes();
            room.get_mut(written..written + utf8.len())?.copy_from_slice(utf8);
            (read, written) = (read + len, written + utf8.len());
        }
        Some(&room[..written])
    }

    /// Whether it is this word of at most 64 bytes.
    #[inline]
    pub fn is(&self, word: &[u8]) -> bool {
        self.chars(&mut [0; 64]) == Some(word)
    }

    /// Its decimal in raw 10^-8 units, exactly or not at all.
    #[inline]
    pub fn decimal(&self) -> Read<i64> {
        let mut room = [0; DECIMAL_TEXT_MAX];
        let chars = self.chars(&mut room).ok_or(NumError::TooLarge);
        chars.and_then(parse_raw).map_err(|_| self.refuse(MalformedKind::Number))
    }
}

/// Stores a member's value; a name that stands twice in one object is refused, because no reader
/// could say which of the two is meant.
#[inline]
pub fn once<T>(slot: &mut Option<T>, value: T, name: &Text<'_>) -> Read<()> {
    if slot.replace(value).is_some() {
        return Err(name.refuse(MalformedKind::Syntax));
    }
    Ok(())
}

#[inline]
fn malformed(at: usize, kind: MalformedKind) -> Malformed {
    Malformed { at: u32::try_from(at).unwrap_or(u32::MAX), kind }
}

/// The character of the escape at the start of `bytes`, and the escape's length.
fn unescape(bytes: &[u8]) -> Option<(char, usize)> {
    let symbol = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = hex4(bytes.get(2..6)?)?;
            if let Some(symbol) = char::from_u32(unit) {
                return Some((symbol, 6));
            }
            // A high surrogate counts only together with a low one.
            let low = match bytes.get(6..12)? {
                [b'\\', b'u', digits @ ..] => hex4(digits)?,
                _ => return None,
            };
            if !(0xd800..0xdc00).contains(&unit) || !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(code).map(|symbol| (symbol, 12));
        }
        _ => return None,
    };
    Some((symbol, 2))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, &d| Some(code << 4 | char::from(d).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> Read<()> {
        let mut cursor = Cursor::new(text);
        cursor.skip()?;
        cursor.end()
    }

    #[test]
    fn it_takes_what_serde_json_takes() {
        for text in [
            "0",
            "-0",
            "01",
            "-",
            "1.",
            ".5",
            "1.5",
            "1e5",
            "1E+5",
            "1e",
            "1e-",
            "+1",
            "NaN",
            "-Infinity",
            "true",
            "tru",
            "nul",
            "null",
            "\"\"",
            "\"",
            "\"\\\"",
            "\"\\u12\"",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\x\"",
            "\"\t\"",
            "\"\u{7f}\"",
            "\"é\"",
            "[]",
            "[1]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1",
            "]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{1:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":[{}]}",
            "[{\"a\":[1,{\"b\":[]}]},\"x\"]",
            "[}",
            "{]",
            "[[]}",
            "{\"a\":1]",
            " [ 1 , 2 ] ",
            "1 1",
            "",
            " ",
            "\u{feff}1",
            "[1]x",
        ] {
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(whole(text.as_bytes()).is_ok(), theirs.is_ok(), "{text}");
        }
        assert!(whole(b"\"\xff\"").is_err());
    }

    #[test]
    fn integers_are_exact_or_refused() {
        for (text, want) in [
            ("0", Ok(0)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(MalformedKind::Number)),
            ("02", Err(MalformedKind::Syntax)),
            ("-2", Err(MalformedKind::Number)),
            ("2.0", Err(MalformedKind::Number)),
            ("2e0", Err(MalformedKind::Number)),
            ("\"2\"", Err(MalformedKind::Value)),
            ("x", Err(MalformedKind::Syntax)),
        ] {
            let read = Cursor::new(text.as_bytes()).unsigned().map_err(|m| m.kind);
            assert_eq!(read, want, "{text}");
        }
    }

    #[test]
    fn texts_unescape_and_depth_ends() {
        let mut cursor = Cursor::new(b"\"a\\u0042\\n\\ud83d\\ude00\"");
        let text = cursor.text().expect("a sound string");
        assert_eq!(text.chars(&mut [0; 16]), Some("aB\n\u{1f600}".as_bytes()));
        assert_eq!(text.chars(&mut [0; 6]), None);
        assert!(text.is("aB\n\u{1f600}".as_bytes()) && !text.is(b"aB"));

        let nested = |depth: u32| "[".repeat(depth as usize) + &"]".repeat(depth as usize);
        assert_eq!(whole(nested(DEPTH_MAX).as_bytes()), Ok(()));
        let deeper = whole(nested(DEPTH_MAX + 1).as_bytes()).map_err(|m| m.kind);
        assert_eq!(deeper, Err(MalformedKind::Oversized));
    }
}
