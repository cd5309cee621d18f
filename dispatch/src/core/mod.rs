//! What decides about orders, pure: no clock, no IO, no SQL; time is an argument.
//!
//! | file | decides |
//! |---|---|
//! | [`life`], [`opening`] | what an act makes of an order, and how one begins |
//! | [`roles`] | who may do what from where |
//! | [`clock`], [`limits`], [`calendar`] | when what is late |
//! | [`review`], [`duplicates`] | what is routine, and what is the same case again |
//! | [`duty`], [`assign`] | who is there, and whom to send |
//! | [`statistics`] | the indicators of a period |
//! | [`rules`], [`codes`], [`district`] | whether rules, codes and places are any |

pub mod assign;
pub mod calendar;
pub mod clock;
pub mod codes;
pub mod district;
pub mod duplicates;
pub mod duty;
pub mod life;
pub mod limits;
pub mod notices;
pub mod opening;
pub mod review;
pub mod roles;
pub mod rules;
pub mod statistics;
#[cfg(test)]
mod tests;

pub use calendar::CompiledCalendar;
pub use greenhub_model::order::OrderRefusal;
pub use life::{Actor, OrderAct, TEXT_CHARS_MAX, apply, step};
pub use rules::RulesInForce;
