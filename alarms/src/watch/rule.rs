//! What a watch is, as a person writes it.

use greenhub_model::alarm::Severity;
use greenhub_model::{AlarmCode, Class, PointName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One watch over devices of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchRule {
    /// Name of the rule, unique in the rule set; it stays when the numbers change.
    pub id: String,
    /// Devices of this class.
    pub class: Class,
    /// Only devices of this kind; all where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The alarm type it raises.
    pub code: AlarmCode,
    /// Severity it raises with; the alarm type's where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Must hold this long before it is on, milliseconds.
    #[serde(default)]
    pub on_delay_ms: i64,
    /// Must be gone this long before it is off, milliseconds.
    #[serde(default)]
    pub off_delay_ms: i64,
    /// What it watches for.
    pub when: Watch,
}

impl WatchRule {
    /// The `by` of the conditions it states.
    pub fn source(&self) -> String {
        format!("watch:{}", self.id)
    }
}

/// What a watch looks at: a measured point by its name, `@on`, `@dim` or `@online` for the device's status, `!CODE` for
/// the device's own alarm messages of that code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Input {
    /// A measured point.
    Point(PointName),
    /// Status: switched on (1) or off (0).
    On,
    /// Status: dimming, per cent.
    Dim,
    /// Presence: 0 when the device is off line, else 1.
    Online,
    /// The device reports an alarm of this code (active).
    Alarm(AlarmCode),
}

impl TryFrom<String> for Input {
    type Error = greenhub_model::IdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(match text.as_str() {
            "@on" => Input::On,
            "@dim" => Input::Dim,
            "@online" => Input::Online,
            other => match other.strip_prefix('!') {
                Some(code) => Input::Alarm(AlarmCode::new(code)?),
                None => Input::Point(PointName::new(other)?),
            },
        })
    }
}

impl From<Input> for String {
    fn from(input: Input) -> String {
        input.to_string()
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Point(name) => f.write_str(name.as_str()),
            Input::On => f.write_str("@on"),
            Input::Dim => f.write_str("@dim"),
            Input::Online => f.write_str("@online"),
            Input::Alarm(code) => write!(f, "!{code}"),
        }
    }
}

/// What a watch watches for. Times are milliseconds, values stand in their point's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Watch {
    /// A value is further from where it should be than `band`; back within `band - deadband`.
    Deviation {
        /// The value.
        point: Input,
        /// Where it should be.
        from: Reference,
        /// Allowed distance, to either side.
        band: f64,
        /// Off when nearer than `band` by this much.
        #[serde(default)]
        deadband: f64,
    },
    /// A value changes too fast: the slope from the oldest sample within `window_ms` to the newest one.
    Rate {
        /// The value.
        point: Input,
        /// Time over which the change is taken. Judged once half of it is covered.
        window_ms: i64,
        /// The time that `rise` and `fall` count for; a minute where missing.
        #[serde(default = "minute")]
        per_ms: i64,
        /// Greatest allowed rise per `per_ms`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rise: Option<f64>,
        /// Greatest allowed fall per `per_ms`, as a positive number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fall: Option<f64>,
        /// Off when slower than `rise` or `fall` by this much.
        #[serde(default)]
        deadband: f64,
    },
    /// A discrete value is one of a set.
    State {
        /// The value.
        point: Input,
        /// The set.
        among: Vec<f64>,
    },
    /// A value does not move: all samples of `for_ms` stay within `epsilon` of the first of them. Samples further apart
    /// than half of `for_ms` prove nothing and begin anew.
    Stuck {
        /// The value.
        point: Input,
        /// For how long.
        for_ms: i64,
        /// What still counts as unmoved.
        #[serde(default)]
        epsilon: f64,
    },
    /// A point is reported no more while its device goes on speaking. Known from its first report on.
    NoData {
        /// The point.
        point: Input,
        /// For how long.
        for_ms: i64,
        /// Also while the device as a whole is silent.
        #[serde(default)]
        also_silent: bool,
    },
    /// What was commanded is not what is reported. The time to follow is the rule's on-delay.
    Mismatch {
        /// What it was told.
        commanded: Input,
        /// What it says.
        reported: Input,
        /// Allowed difference.
        #[serde(default)]
        tolerance: f64,
    },
    /// Many events within a window: alarm messages of a code, or samples beyond a value.
    Count {
        /// What is counted: `!CODE`, or a point.
        of: Input,
        /// Count samples above this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        above: Option<f64>,
        /// Count samples below this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<f64>,
        /// From this many on.
        at_least: u32,
        /// Window that ends now; what is exactly as old as it no longer counts.
        window_ms: i64,
    },
    /// Several values that should agree lie further apart than `band`.
    Spread {
        /// The values; those not known yet are left out.
        points: Vec<Input>,
        /// Greatest allowed distance between the greatest and the least.
        band: f64,
        /// Off when nearer by this much.
        #[serde(default)]
        deadband: f64,
    },
    /// All comparisons hold at once.
    All(Vec<Test>),
    /// At least one comparison holds.
    Any(Vec<Test>),
}

fn minute() -> i64 {
    60_000
}

/// Where a value should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reference {
    /// At a fixed number.
    Setpoint(f64),
    /// Where another value of the same device is.
    Input(Input),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The value.
    pub point: Input,
    /// How it stands to `value`.
    pub is: Compare,
    /// What it is compared with.
    pub value: f64,
    /// Off when back by this much.
    #[serde(default)]
    pub deadband: f64,
}

/// How two numbers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Strictly greater.
    Above,
    /// Strictly less.
    Below,
    /// Equal, within the deadband.
    Equal,
    /// Not equal by more than the deadband.
    Unequal,
}

impl Watch {
    /// What it looks at, each once, in the order of the words above.
    pub fn inputs(&self) -> Vec<&Input> {
        let named: Vec<&Input> = match self {
            Watch::Deviation { point, from: Reference::Input(other), .. } => vec![point, other],
            Watch::Deviation { point, .. }
            | Watch::Rate { point, .. }
            | Watch::State { point, .. }
            | Watch::Stuck { point, .. }
            | Watch::NoData { point, .. } => vec![point],
            Watch::Mismatch { commanded, reported, .. } => vec![commanded, reported],
            Watch::Count { of, .. } => vec![of],
            Watch::Spread { points, .. } => points.iter().collect(),
            Watch::All(tests) | Watch::Any(tests) => tests.iter().map(|test| &test.point).collect(),
        };
        let mut once: Vec<&Input> = Vec::with_capacity(named.len());
        for input in named {
            if !once.contains(&input) {
                once.push(input);
            }
        }
        once
    }
}
