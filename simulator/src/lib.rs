//! A district of devices as a separate client: what `greenhub simulate` runs, and what `serve --demo` starts beside the hub.
//!
//! ```text
//! district.geojson ─▶ District (roads, sub-districts, facilities) ─▶ profiles(size, seed)   who is there
//!                                                                        │
//!                            World::step(now_ms) ─▶ Vec<Publish>  ◀──────┘                  what they say
//!                                                        │
//!                            run(options, shutdown): MQTT 3.1.1, QoS 1, bounded queues      how it gets out
//! ```
//!
//! Everything but [`run()`] is pure: a world is a value, time is an argument, chance comes from a seed. The same seed,
//! start and times give the same messages byte for byte, however the steps are cut.
//!
//! **Deliberately absent**: any knowledge of the hub's inside. The simulator speaks the published topics and payloads
//! (design 4.2) and nothing else, so that it can be pointed at any broker.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod district;
mod message;
mod options;
pub mod profiles;
mod random;
pub mod roads;
mod run;
mod size;
pub mod sun;
mod world;

pub use district::{District, district};
pub use message::Publish;
pub use options::SimulateOptions;
pub use profiles::profiles;
pub use run::{SimulateError, SimulateReport, run};
pub use size::Size;
pub use world::{Link, World};
