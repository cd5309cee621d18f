//! What decides about orders, pure: no clock, no IO, no SQL; time is an argument.

pub mod calendar;
pub mod life;

pub use calendar::CompiledCalendar;
pub use life::{OrderAct, OrderRefusal, TEXT_CHARS_MAX, step};
