//! Cold. A seeded market, calibrated on real recordings.
