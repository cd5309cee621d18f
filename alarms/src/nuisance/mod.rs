//! Nuisance: alarms that call too often to be heard (ISA-18.2). Chattering is about one alarm, flood about one desk.
//!
//! Both are small memories that the owner of the alarm, or of the desk, feeds with annunciations. They only say what they
//! see: nothing is muted here.

pub mod chatter;
pub mod flood;
