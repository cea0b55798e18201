//! Hot. What is decided: pure functions of values and read-only state.

pub mod fxmath;
pub mod hedger;
pub mod imbalance;
pub mod ladder;
pub mod pair;
pub mod pricing;
pub mod proof;
