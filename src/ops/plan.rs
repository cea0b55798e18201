//! Cold. `evenkeel plan`: the calculators.
