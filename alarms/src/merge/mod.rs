//! Merge, to be filled.
