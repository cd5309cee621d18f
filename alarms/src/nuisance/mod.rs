//! Nuisance: alarms that call too often to be heard. Definitions of ISA-18.2: chattering and flood.
pub mod chatter;
pub mod flood;
