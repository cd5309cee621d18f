//! Operator states at a batch boundary.
