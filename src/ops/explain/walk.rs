//! Cold. A journal, one input at a time: with what was recorded behind it and the core as it was.

use std::collections::VecDeque;
use std::io::Read;

use crate::core::{Core, CoreConfig, Outputs};
use crate::event::{Action, Input};
use crate::explain::Note;
use crate::journal::Record;
use crate::journal::file::Reader;
use crate::ops::Failure;
use crate::units::Nanos;

/// One input and everything that was recorded as following from it.
#[derive(Debug)]
pub struct Group {
    /// Number of the input's record.
    pub record: u64,
    pub input: Input,
    pub actions: Vec<Action>,
    pub notes: Vec<Note>,
}

/// What a visitor sees of the journal.
pub trait Visit {
    /// Before an input is applied: the core is as the input before left it.
    fn before(&mut self, _input: &Input, _core: &mut Core) {}

    /// After an input was applied and its records were read. `false` ends the walk.
    fn group(&mut self, group: &Group, core: &mut Core) -> bool;
}

/// How a walk went.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    pub inputs: u64,
    pub first: Nanos,
    pub last: Nanos,
    /// What to know before believing the answer: the file's damage, or a replay that differs.
    pub caveat: Option<String>,
}

/// Walks a journal up to its end, the first damage or hole, or where the visitor ends it.
pub fn walk<R: Read>(
    reader: &mut Reader<R>,
    config: &CoreConfig,
    visit: &mut impl Visit,
) -> Result<Walked, Failure> {
    let mut core = Core::new(config).map_err(|why| Failure::config(why.name()))?;
    let mut out = Outputs::for_instruments(config.instruments.len());
    let mut due: VecDeque<Record> = VecDeque::new();
    let mut walked = Walked::default();
    let mut group: Option<Group> = None;
    for (line, record) in (0u64..).zip(reader.by_ref()) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                walked.caveat = Some(format!("the journal is damaged: {error}"));
                break;
            }
        };
        let differs;
        match record {
            Record::Input(input) => {
                differs = !due.is_empty();
                if group.as_ref().is_some_and(|g| !visit.group(g, &mut core)) {
                    return Ok(walked);
                }
                if input.now < walked.last {
                    walked.caveat = Some(format!("record {line}: time goes back"));
                    return Ok(walked);
                }
                if walked.inputs == 0 {
                    walked.first = input.now;
                }
                visit.before(&input, &mut core);
                core.apply(&input, &mut out);
                due.clear();
                due.extend(out.actions.iter().map(|(action, _)| Record::Action(action.get())));
                due.extend(out.notes.iter().map(|note| Record::Note(*note)));
                out.clear();
                walked.inputs += 1;
                walked.last = input.now;
                let (actions, notes) = (Vec::new(), Vec::new());
                group = Some(Group { record: line, input, actions, notes });
            }
            Record::Torn { missing } => {
                walked.caveat = Some(format!("record {line}: {missing} records are missing here"));
                break;
            }
            Record::Action(action) => {
                differs = due.pop_front() != Some(record);
                group.iter_mut().for_each(|g| g.actions.push(action));
            }
            Record::Note(note) => {
                differs = due.pop_front() != Some(record);
                group.iter_mut().for_each(|g| g.notes.push(note));
            }
        }
        if differs && walked.caveat.is_none() {
            walked.caveat = Some(format!(
                "from record {line} on this version decides otherwise than the recorded one: what \
                 is said of books and guards behind it may not be what was seen"
            ));
        }
    }
    if let Some(group) = group {
        visit.group(&group, &mut core);
    }
    Ok(walked)
}
