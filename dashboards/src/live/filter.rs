//! What a viewer wants to see, as it says it on the socket.
//!
//! A box narrows what lies on the map: units and devices. Alarms and orders are never hidden by it, because moving the
//! map must not make an alarm vanish. A unit or device without a place is outside every box.

use greenhub_model::geodesy::{BoundingBox, LonLat};
use serde::{Deserialize, Serialize};

/// Fastest rate a viewer may ask for, frames a second; 0 means every change at once.
pub const RATE_HZ_MAX: f64 = 1_000.0;
/// Slowest rate, frames a second.
pub const RATE_HZ_MIN: f64 = 0.1;
/// Rate for a viewer that asks for none.
pub const RATE_HZ_DEFAULT: f64 = 10.0;

/// Kinds of things a viewer may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Moving units.
    Units,
    /// Fixed devices.
    Devices,
    /// Standing alarms and the events of all alarms.
    Alarms,
    /// Open orders.
    Orders,
    /// What the viewer is told in the page, and nobody else's.
    Notices,
}

/// A message from a viewer; may be sent again at any time.
#[derive(Debug, Clone, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// What to send.
    pub subscribe: Vec<Topic>,
    /// West, south, east, north in degrees; narrows units and devices.
    #[serde(default)]
    pub bbox: Option<[f64; 4]>,
    /// Cursor of the newest message seen, to go on without a gap.
    #[serde(default)]
    pub resume: Option<String>,
    /// Most frames a second: 0 for every change at once, at most 1000, 10 where it is missing.
    #[serde(default)]
    pub max_rate_hz: Option<f64>,
    /// `json`, the only form there is.
    #[serde(default)]
    pub format: Option<String>,
}

/// A checked filter. Viewers with equal filters share encoded frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter {
    /// Send units.
    pub units: bool,
    /// Send devices.
    pub devices: bool,
    /// Send alarms and alarm events.
    pub alarms: bool,
    /// Send orders.
    pub orders: bool,
    /// Narrow units and devices to this box.
    pub bbox: Option<BoundingBox>,
}

/// Filter and pace: the key of a group of viewers, in a form that can be hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupKey {
    topics: u8,
    sides: Option<[u64; 4]>,
    /// Microseconds between two frames; 0 means at once.
    pub interval_us: u64,
}

/// A viewer's wish, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// What to send.
    pub filter: Filter,
    /// Microseconds between two frames; 0 means at once.
    pub interval_us: u64,
    /// Where to go on.
    pub resume: Option<String>,
    /// Tell of notices; of no concern to groups and cursors.
    pub notices: bool,
}

impl Filter {
    /// Everything, everywhere.
    pub const ALL: Filter = Filter { units: true, devices: true, alarms: true, orders: true, bbox: None };

    fn topics(&self) -> u8 {
        u8::from(self.units) | u8::from(self.devices) << 1 | u8::from(self.alarms) << 2 | u8::from(self.orders) << 3
    }

    fn sides(&self) -> Option<[u64; 4]> {
        // Adding zero turns -0.0 into 0.0, so that equal boxes have equal bits.
        self.bbox.map(|b| b.0.map(|side| (side + 0.0).to_bits()))
    }

    /// The group of viewers with this filter and pace.
    pub fn key(&self, interval_us: u64) -> GroupKey {
        GroupKey { topics: self.topics(), sides: self.sides(), interval_us }
    }

    /// A short fingerprint for cursors (FNV-1a).
    pub fn fingerprint(&self) -> u32 {
        let mut hash = 0x811c_9dc5_u32;
        let mut eat = |byte: u8| hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        eat(self.topics());
        for side in self.sides().into_iter().flatten() {
            side.to_le_bytes().into_iter().for_each(&mut eat);
        }
        hash
    }

    /// Whether a thing at `place` lies where the viewer looks.
    pub fn sees(&self, place: Option<LonLat>) -> bool {
        match (self.bbox, place) {
            (None, _) => true,
            (Some(bbox), Some(place)) => bbox.contains(place),
            (Some(_), None) => false,
        }
    }
}

impl Subscribe {
    /// Reads and checks a client message; the error is a sentence for the author of the client.
    pub fn parse(text: &str) -> Result<Wish, String> {
        let wanted: Subscribe =
            serde_json::from_str(text).map_err(|error| format!("the message is not understood: {error}"))?;
        wanted.check()
    }

    /// Checks what serde cannot.
    pub fn check(self) -> Result<Wish, String> {
        if let Some(format) = self.format.as_deref().filter(|f| *f != "json") {
            return Err(format!("format {format:?} is not offered, only \"json\""));
        }
        let bbox = match self.bbox {
            None => None,
            Some(sides) => Some(
                BoundingBox::new(sides)
                    .ok_or("bbox must be [west, south, east, north] in degrees with west ≤ east and south ≤ north")?,
            ),
        };
        let rate = self.max_rate_hz.unwrap_or(RATE_HZ_DEFAULT);
        if !(rate == 0.0 || (RATE_HZ_MIN..=RATE_HZ_MAX).contains(&rate)) {
            return Err(format!("max_rate_hz must be 0 or between {RATE_HZ_MIN} and {RATE_HZ_MAX}, it is {rate}"));
        }
        let interval_us = if rate == 0.0 { 0 } else { (1e6 / rate) as u64 };
        let has = |topic| self.subscribe.contains(&topic);
        let filter = Filter {
            units: has(Topic::Units),
            devices: has(Topic::Devices),
            alarms: has(Topic::Alarms),
            orders: has(Topic::Orders),
            bbox,
        };
        Ok(Wish { filter, interval_us, notices: has(Topic::Notices), resume: self.resume })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_checked_in_words() {
        let good = Subscribe::parse(r#"{"subscribe":["units","alarms"],"bbox":[121,31,122,32],"max_rate_hz":0}"#)
            .expect("a good message");
        assert!(good.filter.units && good.filter.alarms && !good.filter.devices && !good.filter.orders);
        assert_eq!(good.interval_us, 0);
        let plain = Subscribe::parse(r#"{"subscribe":["units"],"bbox":null,"resume":null}"#).expect("a good message");
        assert_eq!((plain.interval_us, plain.notices), (100_000, false));
        let told = Subscribe::parse(r#"{"subscribe":["units","notices"]}"#).expect("a good message");
        assert!(told.notices && told.filter == plain.filter, "notices change neither group nor cursor");
        for bad in [
            "",
            "[]",
            r#"{"subscribe":["boats"]}"#,
            r#"{"subscribe":["units"],"bbox":[122,31,121,32]}"#,
            r#"{"subscribe":["units"],"bbox":[1,2,3]}"#,
            r#"{"subscribe":["units"],"max_rate_hz":-1}"#,
            r#"{"subscribe":["units"],"max_rate_hz":1001}"#,
            r#"{"subscribe":["units"],"max_rate_hz":1e-9}"#,
            r#"{"subscribe":["units"],"format":"binary"}"#,
            r#"{"subscribe":["units"],"colour":"red"}"#,
        ] {
            assert!(Subscribe::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn equal_filters_share_a_key_and_others_do_not() {
        let boxed = |sides| Filter { bbox: BoundingBox::new(sides), ..Filter::ALL };
        assert_eq!(boxed([-0.0, 0.0, 1.0, 1.0]).key(1), boxed([0.0, 0.0, 1.0, 1.0]).key(1));
        assert_eq!(boxed([-0.0, 0.0, 1.0, 1.0]).fingerprint(), boxed([0.0, 0.0, 1.0, 1.0]).fingerprint());
        assert_ne!(boxed([0.0, 0.0, 1.0, 1.0]).fingerprint(), Filter::ALL.fingerprint());
        assert_ne!(Filter::ALL.key(0), Filter::ALL.key(1));
    }
}
