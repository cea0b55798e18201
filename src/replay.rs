//! Cold. Replay: a journal through a fresh core, every decision compared with what was recorded.

use crate::core::{Core, CoreConfig, Counts, Outputs};
use crate::event::Input;
use crate::journal::Record;
use crate::journal::file::{ReadError, Reader};
use std::collections::VecDeque;
use std::io::Read;

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Report {
    pub inputs: u64,
    /// Decisions of the core, as it counts them.
    pub decisions: u64,
    /// Recorded actions and notes that were compared.
    pub compared: u64,
    pub state_hash: u64,
    /// The first difference; `None` when all was identical.
    pub difference: Option<String>,
    /// Where the file stopped being readable, if before its end. What came before was replayed.
    pub damage: Option<String>,
    pub counts: Counts,
}

impl Report {
    pub fn identical(&self) -> bool {
        self.difference.is_none()
    }
}

/// Replays every record. Stops at the first difference, at the first damage, and at a hole: what
/// comes after one cannot be trusted.
pub fn replay<R: Read>(reader: &mut Reader<R>, config: &CoreConfig) -> Result<Report, String> {
    let mut core = Core::new(config).map_err(|error| error.name().to_owned())?;
    let mut out = Outputs::for_instruments(config.instruments.len());
    let mut due: VecDeque<Record> = VecDeque::new();
    let mut report = Report {
        inputs: 0,
        decisions: 0,
        compared: 0,
        state_hash: 0,
        difference: None,
        damage: None,
        counts: Counts::default(),
    };
    for (line, record) in reader.by_ref().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error @ (ReadError::Damaged { .. } | ReadError::Io(_))) => {
                report.damage = Some(error.to_string());
                break;
            }
        };
        match record {
            Record::Input(input) => {
                if let Some(missing) = due.front() {
                    report.difference =
                        Some(format!("record {line}: {missing:?} was decided, not recorded"));
                    break;
                }
                apply(&mut core, &input, &mut out, &mut due);
                report.inputs += 1;
            }
            Record::Torn { missing } => {
                report.damage = Some(format!("record {line}: {missing} records were dropped"));
                break;
            }
            recorded => {
                report.compared += 1;
                let decided = due.pop_front();
                if decided != Some(recorded) {
                    report.difference = Some(match decided {
                        Some(other) => {
                            format!("record {line}: {recorded:?} was recorded, {other:?} decided")
                        }
                        None => {
                            format!("record {line}: {recorded:?} was recorded, nothing decided")
                        }
                    });
                    break;
                }
            }
        }
    }
    report.decisions = core.counts().decisions;
    report.state_hash = core.hash();
    report.counts = *core.counts();
    Ok(report)
}

fn apply(core: &mut Core, input: &Input, out: &mut Outputs, due: &mut VecDeque<Record>) {
    core.apply(input, out);
    due.extend(out.actions.iter().map(|(action, _)| Record::Action(action.get())));
    due.extend(out.notes.iter().map(|note| Record::Note(*note)));
    out.clear();
}
