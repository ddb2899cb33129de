//! Back-off with full jitter, as a pure function of the attempt.
