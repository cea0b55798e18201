//! Cold. An order's life: what was seen, why it was wanted, what became of it, what its fills were
//! worth.

mod story;
mod tell;

use std::io::Read;

use serde_json::json;

use super::Answer;
use super::walk::{Group, Visit, walk};
use crate::core::{Core, CoreConfig};
use crate::event::{Action, Input};
use crate::explain::Note;
use crate::journal::file::Reader;
use crate::ops::Failure;
use story::Story;

/// Finds the order of a number and follows it. Both readings of the number are followed, because
/// only the journal knows which of them is an order; the short one wins.
#[derive(Debug)]
struct Follow<'a> {
    config: &'a CoreConfig,
    number: u64,
    short_only: bool,
    stories: Vec<Story>,
    /// The last words about each side of each market, for a silence that began before.
    said: Vec<[Option<Note>; 2]>,
}

impl Visit for Follow<'_> {
    fn before(&mut self, input: &Input, core: &mut Core) {
        for story in &mut self.stories {
            story.mark(input.now, core);
        }
    }

    fn group(&mut self, group: &Group, core: &mut Core) -> bool {
        for note in &group.notes {
            if let Note::Quote { inst, side, .. } = *note
                && let Some(said) = self.said.get_mut(usize::from(inst.0))
            {
                said[side.index()] = Some(*note);
            }
        }
        for story in &mut self.stories {
            story.group(group, &self.said, core);
        }
        for action in &group.actions {
            if let Action::Place { order, .. } | Action::Modify { order, .. } = *action {
                let whole = !self.short_only && order.0 == self.number;
                if order.counter() == self.number || whole {
                    self.stories.extend(Story::begin(action, group, core, self.config));
                }
            }
        }
        true
    }
}

pub fn answer<R: Read>(
    reader: &mut Reader<R>,
    config: &CoreConfig,
    number: u64,
    short_only: bool,
) -> Result<Answer, Failure> {
    let said = vec![[None; 2]; config.instruments.len()];
    let mut follow = Follow { config, number, short_only, stories: Vec::new(), said };
    let walked = walk(reader, config, &mut follow)?;
    let short = follow.stories.iter().position(|s| s.id.counter() == number);
    let Some(story) = follow.stories.get(short.unwrap_or(0)) else {
        let mut text = format!("order {number} was not placed in this journal");
        if let Some(caveat) = &walked.caveat {
            text.push_str(&format!("\nnote: {caveat}"));
        }
        let json = json!({ "found": false, "caveat": walked.caveat });
        return Ok(Answer { text, json, found: false });
    };
    Ok(Answer {
        text: tell::text(story, config, &walked),
        json: tell::json(story, config, &walked),
        found: true,
    })
}
