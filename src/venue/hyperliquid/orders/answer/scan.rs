//! Hot. A strict walk over a JSON text: members and items as sub-walks, strings as raw bytes.

use crate::venue::{Malformed, MalformedKind};

/// Brackets within brackets.
const DEPTH_MAX: u32 = 32;

/// A place in a text; `text` ends where the walked value ends.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a [u8]) -> Scan<'a> {
        Scan { text, at: 0 }
    }

    #[cold]
    pub fn malformed(&self, kind: MalformedKind) -> Malformed {
        Malformed { at: u32::try_from(self.at).unwrap_or(u32::MAX), kind }
    }

    /// A member that must be there.
    pub fn need<T>(&self, member: Option<T>) -> Result<T, Malformed> {
        member.ok_or_else(|| self.malformed(MalformedKind::MissingField))
    }

    /// The next byte that is not white space.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    pub fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed(MalformedKind::Syntax));
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed(MalformedKind::Syntax)),
        }
    }

    /// What is left, without the white space ahead.
    pub fn text(&mut self) -> &'a [u8] {
        self.peek();
        &self.text[self.at..]
    }

    /// The bytes of a string between its quotes, escapes as they are.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0x20..) => self.at += 1,
                _ => return Err(self.malformed(MalformedKind::Syntax)),
            }
        }
        self.at += 1;
        Ok(&self.text[start..self.at - 1])
    }

    /// A whole number.
    pub fn uint(&mut self) -> Result<u64, Malformed> {
        let (_, start) = (self.peek(), self.at);
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            let next = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
            value = next.ok_or_else(|| self.malformed(MalformedKind::Number))?;
            self.at += 1;
        }
        if self.at == start {
            return Err(self.malformed(MalformedKind::Number));
        }
        self.end().map_err(|_| self.malformed(MalformedKind::Number))?;
        Ok(value)
    }

    /// Passes a value of any kind and returns a walk over it.
    pub fn value(&mut self) -> Result<Scan<'a>, Malformed> {
        self.peek();
        let start = self.at;
        self.skip(DEPTH_MAX)?;
        Ok(Scan { text: &self.text[..self.at], at: start })
    }

    /// Calls `member` with each key and value of an object.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&'a [u8], Scan<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            member(key, self.value()?)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.expect(b'}'),
            }
        }
    }

    /// The next item of a list whose bracket was passed; `None` at its end.
    pub fn item(&mut self, first: &mut bool) -> Result<Option<Scan<'a>>, Malformed> {
        if self.peek() == Some(b']') {
            return Ok(None);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
        }
        self.value().map(Some)
    }

    fn skip(&mut self, depth: u32) -> Result<(), Malformed> {
        if depth == 0 {
            return Err(self.malformed(MalformedKind::Oversized));
        }
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(open @ (b'{' | b'[')) => {
                self.at += 1;
                self.skip_members(open, depth)
            }
            Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z') => {
                let word = |b: &u8| matches!(b, b'-' | b'+' | b'.') || b.is_ascii_alphanumeric();
                while self.text.get(self.at).is_some_and(word) {
                    self.at += 1;
                }
                Ok(())
            }
            _ => Err(self.malformed(MalformedKind::Syntax)),
        }
    }

    fn skip_members(&mut self, open: u8, depth: u32) -> Result<(), Malformed> {
        let close = if open == b'{' { b'}' } else { b']' };
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if open == b'{' {
                self.peek();
                self.string()?;
                self.expect(b':')?;
            }
            self.skip(depth - 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.expect(close),
            }
        }
    }
}
