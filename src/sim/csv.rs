//! Cold. The little CSV that recordings use: no quotes, a header, plain or gzipped.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::units::parse_raw;

use super::recording::RecordingError;

/// A file in memory with its header.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    text: Vec<u8>,
}

/// One line after the header.
#[derive(Debug)]
pub(super) struct Row<'a> {
    path: &'a Path,
    line: usize,
    fields: Vec<&'a [u8]>,
}

impl Table {
    /// Reads `path` with `.gz` at its end, or else `path` itself.
    pub fn open(path: &Path) -> Result<Table, RecordingError> {
        let zipped = PathBuf::from(format!("{}.gz", path.display()));
        let unreadable = |path: &Path, why: std::io::Error| RecordingError::Unreadable {
            path: path.to_owned(),
            why: why.to_string(),
        };
        if zipped.is_file() {
            let bytes = std::fs::read(&zipped).map_err(|e| unreadable(&zipped, e))?;
            let mut text = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice())
                .read_to_end(&mut text)
                .map_err(|e| unreadable(&zipped, e))?;
            return Ok(Table { path: zipped, text });
        }
        if !path.is_file() {
            return Err(RecordingError::NoFile(path.to_owned()));
        }
        let text = std::fs::read(path).map_err(|e| unreadable(path, e))?;
        Ok(Table { path: path.to_owned(), text })
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let lines = self.text.split(|&b| b == b'\n');
        lines.map(|l| l.strip_suffix(b"\r").unwrap_or(l)).zip(1..).map(|(l, n)| (n, l))
    }

    /// The place of a column in every row.
    pub fn column(&self, name: &str) -> Result<usize, RecordingError> {
        let header = self.lines().next().map_or(&[][..], |l| l.1);
        header.split(|&b| b == b',').position(|c| c == name.as_bytes()).ok_or_else(|| {
            RecordingError::NoColumn { path: self.path.clone(), column: name.to_owned() }
        })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines().skip(1).filter(|(_, text)| !text.is_empty()).map(|(line, text)| Row {
            path: &self.path,
            line,
            fields: text.split(|&b| b == b',').collect(),
        })
    }
}

impl<'a> Row<'a> {
    pub fn bad(&self, why: &'static str) -> RecordingError {
        RecordingError::BadRow { path: self.path.to_owned(), line: self.line, why }
    }

    pub fn field(&self, column: usize) -> Result<&'a [u8], RecordingError> {
        self.fields.get(column).copied().ok_or_else(|| self.bad("too few fields"))
    }

    /// A book with fewer levels has blank fields.
    pub fn is_blank(&self, column: usize) -> Result<bool, RecordingError> {
        self.field(column).map(<[u8]>::is_empty)
    }

    /// Raw 10^-8.
    pub fn decimal(&self, column: usize) -> Result<i64, RecordingError> {
        let text = self.field(column)?;
        let parsed = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
            None => parse_raw(text),
            Some(at) => parse_raw(&plain(&text[..at], &text[at + 1..])),
        };
        parsed.map_err(|why| self.bad(why.name()))
    }

    /// A plain whole number.
    pub fn number(&self, column: usize) -> Result<u64, RecordingError> {
        let text = std::str::from_utf8(self.field(column)?).unwrap_or("");
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| self.bad("not a whole number"))
    }

    /// A time in ms that is within an unsigned count of nanoseconds.
    pub fn millis(&self, column: usize) -> Result<u64, RecordingError> {
        let ms = self.number(column)?;
        if ms > u64::MAX / 1_000_000 { Err(self.bad("a time beyond 2554")) } else { Ok(ms) }
    }
}

/// Some recorders write small sizes as `1e-05` or `2.5e-05`: the same decimal without the exponent,
/// which must be negative and short. Anything else stays as wrong as it was.
fn plain(mantissa: &[u8], exponent: &[u8]) -> Vec<u8> {
    let shift = std::str::from_utf8(exponent).ok().and_then(|e| e.strip_prefix('-'));
    let Some(shift) = shift.and_then(|e| e.parse::<usize>().ok()).filter(|s| *s <= 18) else {
        return b"e".to_vec();
    };
    let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
    let (whole, places) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or(&[]));
    let mut out = b"0.".to_vec();
    if whole.len() > shift {
        out = whole[..whole.len() - shift].to_vec();
        out.push(b'.');
    }
    out.resize(out.len() + shift.saturating_sub(whole.len()), b'0');
    out.extend_from_slice(&whole[whole.len().saturating_sub(shift)..]);
    out.extend_from_slice(places);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_exact_or_refused() {
        for (mantissa, exponent, want) in [
            ("1", "-05", Ok(1_000)),
            ("2.5", "-05", Ok(2_500)),
            ("12.5", "-1", Ok(125_000_000)),
            ("125", "-2", Ok(125_000_000)),
            ("1", "-8", Ok(1)),
            ("1", "-9", Err(())),
            ("1", "5", Err(())),
            ("1", "-x", Err(())),
            ("", "-5", Ok(0)),
        ] {
            let text = plain(mantissa.as_bytes(), exponent.as_bytes());
            assert_eq!(parse_raw(&text).map_err(|_| ()), want, "{mantissa}e{exponent}");
        }
    }
}
