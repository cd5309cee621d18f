//! What decides about orders, pure: no clock, no IO, no SQL; time is an argument.

pub mod life;

pub use life::{OrderAct, OrderRefusal, TEXT_CHARS_MAX, step};
