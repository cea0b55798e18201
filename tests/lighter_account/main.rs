//! Cold. Lighter's account side against a venue by script, frame by frame, and against a small model of
//! its matching engine with random actions.

mod kit;
mod model;
mod moves;
mod orders;
mod tokens;
