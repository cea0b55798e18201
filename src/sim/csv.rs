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
        parse_raw(self.field(column)?).map_err(|why| self.bad(why.name()))
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
