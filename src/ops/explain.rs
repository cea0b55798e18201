//! Cold. `evenkeel explain`: why did it do that? Answered from a journal.
//!
//! The inputs are applied to a fresh core, as in replay, so that the book, the inventory and the
//! guards of any moment are there; what was decided is read from the recorded actions and notes.
//! Three questions: an order's whole life (`--order`), the state of a moment (`--at`), and, without
//! either, the timeline of everything that was said.

mod moment;
mod order;
pub mod pair;
mod timeline;
mod walk;
mod words;

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::PathBuf;

use serde_json::Value;

use crate::config::Config;
use crate::core::CoreConfig;
use crate::journal::file::Reader;
use crate::journal::header::Header;
use crate::ops::{Failure, exit};
use crate::units::{Nanos, parse_raw};

#[derive(Clone, Debug, clap::Args)]
pub struct ExplainArgs {
    /// The journal
    pub journal: PathBuf,
    /// An order: its short number (#217 or 217) or its whole id
    #[arg(long, conflicts_with = "at")]
    pub order: Option<String>,
    /// A moment: seconds after the journal's first input, or nanoseconds since the Unix epoch
    #[arg(long)]
    pub at: Option<String>,
    /// Only the last lines of the timeline
    #[arg(long, conflicts_with_all = ["order", "at"])]
    pub last: Option<usize>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is asked of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `short_only`: written with `#`, so it is no whole id.
    Order {
        number: u64,
        short_only: bool,
    },
    At(Moment),
    Timeline {
        last: Option<usize>,
    },
}

/// A point in time, as a person may state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After the journal's first input.
    After(Nanos),
    /// Since the Unix epoch.
    Absolute(Nanos),
}

/// An answer, in both forms.
#[derive(Clone, Debug)]
pub struct Answer {
    pub text: String,
    pub json: Value,
    /// There is such an order, or such a moment.
    pub found: bool,
}

impl Question {
    pub fn of(args: &ExplainArgs) -> Result<Question, Failure> {
        if let Some(text) = &args.order {
            let (digits, short_only) = match text.strip_prefix('#') {
                Some(digits) => (digits, true),
                None => (text.as_str(), false),
            };
            let what = || Failure::usage(format!("--order {text:?}: write #217, 217 or an id"));
            let number = digits.parse().map_err(|_| what())?;
            return Ok(Question::Order { number, short_only });
        }
        match &args.at {
            Some(text) => moment_of(text).map(Question::At),
            None => Ok(Question::Timeline { last: args.last }),
        }
    }
}

/// A number of up to ten digits is seconds, with a fraction or not; 18 digits and more are ns.
fn moment_of(text: &str) -> Result<Moment, Failure> {
    if text.len() >= 18
        && let Ok(ns) = text.parse()
    {
        return Ok(Moment::Absolute(Nanos(ns)));
    }
    let seconds = text.strip_prefix('+').unwrap_or(text).trim_end_matches('s');
    match parse_raw(seconds.as_bytes()) {
        // A raw unit of 10^-8 s is ten nanoseconds; at most 10^10 s fit.
        Ok(raw) if raw >= 0 => Ok(Moment::After(Nanos(raw as u64 * 10))),
        _ => Err(Failure::usage(format!("--at {text:?}: write seconds, such as 12.5, or ns"))),
    }
}

pub fn run(args: &ExplainArgs, out: &mut impl Write) -> Result<i32, Failure> {
    let question = Question::of(args)?;
    let named =
        |error: String| Failure::environment(format!("{}: {error}", args.journal.display()));
    let file = File::open(&args.journal).map_err(|error| named(error.to_string()))?;
    let input = BufReader::with_capacity(1 << 18, file);
    let mut reader = Reader::new(input).map_err(|error| named(error.to_string()))?;
    let header = Header::parse(reader.header()).map_err(named)?;
    let config = Config::parse(&header.config, "the journal's configuration");
    let core = config.and_then(|c| c.core(&header.specs)).map_err(Failure::config)?;
    let answer = answer(&mut reader, &core, question)?;
    let text = if args.json { answer.json.to_string() } else { answer.text };
    // A closed pipe is not an error of the answer.
    let _ = writeln!(out, "{text}");
    Ok(if answer.found { exit::OK } else { exit::FAILED })
}

/// Answers a question from a journal whose header has been read into `config`.
pub fn answer<R: Read>(
    reader: &mut Reader<R>,
    config: &CoreConfig,
    question: Question,
) -> Result<Answer, Failure> {
    match question {
        Question::Order { number, short_only } => order::answer(reader, config, number, short_only),
        Question::At(at) => moment::answer(reader, config, at),
        Question::Timeline { last } => timeline::answer(reader, config, last),
    }
}
