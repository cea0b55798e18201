//! Cold. Journal files: the writer behind its ring, and the reader.

use super::{HEADER_MAX, JournalError, MAGIC, RECORD, Record};
use std::io::{self, Read, Write};

/// Writes a header and then records.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    records: u64,
}

impl<W: Write> Writer<W> {
    /// `header`: the text that replay needs, at most [`HEADER_MAX`] bytes.
    pub fn new(mut out: W, header: &str) -> io::Result<Writer<W>> {
        if header.len() > HEADER_MAX {
            return Err(io::Error::other("journal header over its limit"));
        }
        out.write_all(&MAGIC)?;
        out.write_all(&(header.len() as u32).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        Ok(Writer { out, records: 0 })
    }

    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        self.records += 1;
        self.out.write_all(&record.encode())
    }

    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub enum ReadError {
    Io(io::Error),
    /// Damaged at the record of this number.
    Damaged {
        record: u64,
        error: JournalError,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Io(error) => write!(f, "{error}"),
            ReadError::Damaged { record, error } => {
                write!(f, "record {record}: {}", error.name())
            }
        }
    }
}

/// Reads a journal record by record; what is before the first damage is good.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    header: String,
    records: u64,
}

impl<R: Read> Reader<R> {
    pub fn new(mut input: R) -> Result<Reader<R>, ReadError> {
        let damaged = |error| ReadError::Damaged { record: 0, error };
        let mut start = [0; 12];
        input.read_exact(&mut start).map_err(|_| damaged(JournalError::Magic))?;
        if start[..8] != MAGIC {
            return Err(damaged(JournalError::Magic));
        }
        let len = u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize;
        if len > HEADER_MAX {
            return Err(damaged(JournalError::Header));
        }
        let mut text = vec![0; len];
        input.read_exact(&mut text).map_err(|_| damaged(JournalError::Header))?;
        let header = String::from_utf8(text).map_err(|_| damaged(JournalError::Header))?;
        Ok(Reader { input, header, records: 0 })
    }

    pub fn header(&self) -> &str {
        &self.header
    }

    fn damaged(&self, error: JournalError) -> ReadError {
        ReadError::Damaged { record: self.records, error }
    }
}

/// The records up to the end of the file or the first damage.
impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = [0; RECORD];
        let mut have = 0;
        while have < RECORD {
            match self.input.read(&mut bytes[have..]) {
                Ok(0) if have == 0 => return None,
                Ok(0) => return Some(Err(self.damaged(JournalError::Truncated))),
                Ok(n) => have += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Some(Err(ReadError::Io(e))),
            }
        }
        let record = Record::decode(&bytes).map_err(|error| self.damaged(error));
        self.records += 1;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Input};
    use crate::units::Nanos;

    fn file(records: u64) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), "config").expect("a Vec takes everything");
        for i in 0..records {
            let input = Input { now: Nanos(i), event: Event::Decide { drained: i as u32 } };
            writer.write(&Record::Input(input)).expect("a Vec takes everything");
        }
        writer.out
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_its_good_prefix() {
        let whole = file(3);
        let start = whole.len() - 3 * RECORD;
        for cut in 0..=whole.len() {
            let Ok(mut reader) = Reader::new(&whole[..cut]) else {
                assert!(cut < start);
                continue;
            };
            let mut good = 0;
            let mut damaged = false;
            for record in reader.by_ref() {
                match record {
                    Ok(_) => good += 1,
                    Err(_) => {
                        damaged = true;
                        break;
                    }
                }
            }
            assert_eq!(good, (cut - start) / RECORD);
            assert_eq!(damaged, !(cut - start).is_multiple_of(RECORD));
        }
    }
}
