//! Hot. Deterministic fixed-point logarithm, exponential, power and root.
