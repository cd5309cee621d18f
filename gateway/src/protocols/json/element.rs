//! From objects to observations: one raw struct per message kind, and one function that judges it.

use super::member::{Member, clean, number, shown, small_number, text, truth, wrong_type};
use greenhub_model::alarm::Severity;
use greenhub_model::decode::{DecodeContext, ELEMENTS_MAX};
use greenhub_model::geodesy::{Datum, LonLat};
use greenhub_model::observation::{AlarmReport, PositionReport, ReadingReport, StatusReport};
use greenhub_model::time::TimeRefusal;
use greenhub_model::{
    AlarmCode, DeviceTime, MessageKind, Observation, Observed, PointName, Quality, Reject, TimeQuality,
};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Most points in one reading.
const POINTS_MAX: usize = 256;
/// Beyond this no quantity of ours can be, in any unit.
const VALUE_MAX: f64 = 1e12;
/// Longest free text that is kept, in characters; the log has all of it.
const TEXT_CHARS: usize = 500;
/// Longest name of a part or a firmware version, in characters.
const NAME_CHARS: usize = 64;

type Decoded = Result<Observed, (Option<usize>, Reject)>;

/// The whole payload: one object, or an array of them.
pub(super) struct Elements<'c> {
    pub message: MessageKind,
    pub context: &'c DecodeContext,
    pub out: &'c mut Vec<Decoded>,
    /// A reason to refuse a message that is well-formed JSON.
    pub refusal: &'c mut Option<Reject>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

const SHAPE: &str = "an object or an array of objects";

macro_rules! refuse_scalars {
    ($($name:ident: $type:ty),*) => {
        $(fn $name<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(self.refuse())
        })*
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(self.refuse())
        }
    };
}

impl Elements<'_> {
    fn refuse(self) {
        *self.refusal = Some(wrong_type("payload", SHAPE));
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHAPE)
    }
    refuse_scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let element = Element { message: self.message, context: self.context }.visit_map(map)?;
        self.out.push(element.map_err(|reject| (None, reject)));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut count = 0;
        while count < ELEMENTS_MAX {
            let Some(element) = seq.next_element_seed(Element { message: self.message, context: self.context })? else {
                if count == 0 {
                    *self.refusal = Some(Reject::Empty);
                }
                return Ok(());
            };
            self.out.push(element.map_err(|reject| (Some(count), reject)));
            count += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        if count > ELEMENTS_MAX {
            *self.refusal = Some(Reject::TooMany { count, max: ELEMENTS_MAX });
        }
        Ok(())
    }
}

/// One element: an object of the message's kind.
#[derive(Clone, Copy)]
struct Element<'c> {
    message: MessageKind,
    context: &'c DecodeContext,
}

impl Element<'_> {
    fn refuse(self) -> Result<Observed, Reject> {
        Err(wrong_type("element", "an object"))
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Result<Observed, Reject>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Result<Observed, Reject>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    refuse_scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.refuse())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let object = MapAccessDeserializer::new(map);
        Ok(match self.message {
            MessageKind::Position => RawPosition::deserialize(object)?.judge(self.context),
            MessageKind::Reading => RawReading::deserialize(object)?.judge(self.context),
            MessageKind::Alarm => RawAlarm::deserialize(object)?.judge(self.context),
            MessageKind::Status => RawStatus::deserialize(object)?.judge(self.context),
        })
    }
}

/// Device time: Unix milliseconds or RFC 3339.
fn time(value: Option<&Member<'_>>, context: &DecodeContext) -> Result<(DeviceTime, TimeQuality), Reject> {
    let expected = || wrong_type("time", "Unix milliseconds or an RFC 3339 date and time with offset");
    let sent = match value {
        None | Some(Member::Null) => None,
        Some(Member::Int(ms)) => Some(*ms),
        Some(Member::Float(ms)) => Some(*ms as i64),
        Some(Member::Text(text)) => {
            let text = if text.len() <= NAME_CHARS { text.as_ref() } else { "" };
            Some(text.parse::<jiff::Timestamp>().map_err(|_| expected())?.as_millisecond())
        }
        Some(_) => return Err(expected()),
    };
    context.time.judge(sent.map(DeviceTime), context.received).map_err(|refusal| {
        let time_ms = sent.unwrap_or_default();
        match refusal {
            TimeRefusal::TooOld { by_ms } => Reject::TimeTooOld { time_ms, by_ms },
            TimeRefusal::TooFarAhead { by_ms } => Reject::TimeInFuture { time_ms, by_ms },
        }
    })
}

fn observed(at: (DeviceTime, TimeQuality), what: Observation) -> Observed {
    Observed { time: at.0, time_quality: at.1, what }
}

fn missing(member: &str) -> Reject {
    Reject::MissingMember { member: member.to_owned() }
}

#[derive(Deserialize)]
struct RawPosition<'a> {
    #[serde(borrow, default)]
    time: Option<Member<'a>>,
    #[serde(borrow, default)]
    lon: Option<Member<'a>>,
    #[serde(borrow, default)]
    lat: Option<Member<'a>>,
    #[serde(borrow, default)]
    speed_kmh: Option<Member<'a>>,
    #[serde(borrow, default)]
    heading_deg: Option<Member<'a>>,
    #[serde(borrow, default)]
    accuracy_m: Option<Member<'a>>,
    #[serde(borrow, default)]
    battery_pct: Option<Member<'a>>,
    #[serde(borrow, default)]
    sos: Option<Member<'a>>,
}

impl RawPosition<'_> {
    fn judge(self, context: &DecodeContext) -> Result<Observed, Reject> {
        let degrees = |name, value| number(name, value, f64::MIN, f64::MAX)?.ok_or_else(|| missing(name));
        let sent = LonLat { lon: degrees("lon", self.lon.as_ref())?, lat: degrees("lat", self.lat.as_ref())? };
        if !sent.is_plausible() {
            return Err(Reject::OffEarth { lon: sent.lon.to_string(), lat: sent.lat.to_string() });
        }
        let place = match context.datum {
            Datum::Wgs84 => sent,
            Datum::Gcj02 => LonLat::from_gcj02(sent),
        };
        let report = PositionReport {
            lon: place.lon,
            lat: place.lat,
            speed_kmh: small_number("speed_kmh", self.speed_kmh.as_ref(), 0.0, 500.0)?,
            heading_deg: small_number("heading_deg", self.heading_deg.as_ref(), 0.0, 360.0)?,
            accuracy_m: small_number("accuracy_m", self.accuracy_m.as_ref(), 0.0, 100_000.0)?,
            battery_pct: small_number("battery_pct", self.battery_pct.as_ref(), 0.0, 100.0)?,
            sos: truth("sos", self.sos.as_ref())?,
        };
        Ok(observed(time(self.time.as_ref(), context)?, Observation::Position(report)))
    }
}

#[derive(Deserialize)]
struct RawReading<'a> {
    #[serde(borrow, default)]
    time: Option<Member<'a>>,
    #[serde(borrow, default)]
    values: Option<Values<'a>>,
    #[serde(borrow, default)]
    quality: Option<Member<'a>>,
}

impl RawReading<'_> {
    fn judge(self, context: &DecodeContext) -> Result<Observed, Reject> {
        let quality = match text("quality", self.quality.as_ref())? {
            None | Some("good") => Quality::Good,
            Some("uncertain") => Quality::Uncertain,
            Some("bad") => Quality::Bad,
            Some(_) => return Err(wrong_type("quality", "one of good, uncertain, bad")),
        };
        let named = match self.values {
            None => return Err(missing("values")),
            Some(Values::Other) => return Err(wrong_type("values", "an object of points and numbers")),
            Some(Values::TooMany(count)) => return Err(Reject::TooMany { count, max: POINTS_MAX }),
            Some(Values::Points(points)) => points,
        };
        let mut values = Vec::with_capacity(named.len());
        for (name, value) in &named {
            let point = PointName::new(name)
                .map_err(|_| wrong_type(&shown(name), "a point name of 1 to 64 characters of [A-Za-z0-9_.-]"))?;
            if let Some(value) = number(name, Some(value), -VALUE_MAX, VALUE_MAX)? {
                values.push((point, value));
            }
        }
        if values.is_empty() {
            return Err(wrong_type("values", "an object with at least one number"));
        }
        values.sort_by(|a: &(PointName, f64), b| a.0.cmp(&b.0));
        let report = ReadingReport { values, quality };
        Ok(observed(time(self.time.as_ref(), context)?, Observation::Reading(report)))
    }
}

/// The points of a reading, in the order sent; a point given twice makes the message unreadable.
enum Values<'a> {
    Points(Vec<(Cow<'a, str>, Member<'a>)>),
    TooMany(usize),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValues)
    }
}

struct AnyValues;

impl AnyValues {
    fn refuse<'de>(self) -> Values<'de> {
        Values::Other
    }
}

impl<'de> Visitor<'de> for AnyValues {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of points and numbers")
    }
    refuse_scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.refuse())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut points: Vec<(Cow<'de, str>, Member<'de>)> = Vec::new();
        while points.len() < POINTS_MAX {
            let Some(BorrowedKey(name)) = map.next_key()? else {
                return Ok(Values::Points(points));
            };
            if points.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("duplicate point `{}`", shown(&name))));
            }
            points.push((name, map.next_value()?));
        }
        let mut count = points.len();
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(if count > POINTS_MAX { Values::TooMany(count) } else { Values::Points(points) })
    }
}

/// A key, borrowed where it has no escapes.
struct BorrowedKey<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for BorrowedKey<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Member::deserialize(deserializer)? {
            Member::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("a key that is no text")),
        }
    }
}

#[derive(Deserialize)]
struct RawAlarm<'a> {
    #[serde(borrow, default)]
    time: Option<Member<'a>>,
    #[serde(borrow, default)]
    code: Option<Member<'a>>,
    #[serde(borrow, default)]
    active: Option<Member<'a>>,
    #[serde(borrow, default)]
    severity: Option<Member<'a>>,
    #[serde(borrow, default)]
    text: Option<Member<'a>>,
    #[serde(borrow, default)]
    value: Option<Member<'a>>,
    #[serde(borrow, default)]
    sub_component: Option<Member<'a>>,
}

impl RawAlarm<'_> {
    fn judge(self, context: &DecodeContext) -> Result<Observed, Reject> {
        let code = text("code", self.code.as_ref())?.ok_or_else(|| missing("code"))?;
        let report = AlarmReport {
            code: AlarmCode::new(code)
                .map_err(|_| wrong_type("code", "an alarm code of 1 to 64 characters of [A-Za-z0-9_.-]"))?,
            active: truth("active", self.active.as_ref())?.unwrap_or(true),
            severity: match text("severity", self.severity.as_ref())? {
                None => None,
                Some("critical") => Some(Severity::Critical),
                Some("major") => Some(Severity::Major),
                Some("minor") => Some(Severity::Minor),
                Some("warning") => Some(Severity::Warning),
                Some(_) => return Err(wrong_type("severity", "one of critical, major, minor, warning")),
            },
            text: text("text", self.text.as_ref())?.map(|t| clean(t, TEXT_CHARS)),
            value: number("value", self.value.as_ref(), -VALUE_MAX, VALUE_MAX)?,
            sub_component: name("sub_component", self.sub_component.as_ref())?,
        };
        Ok(observed(time(self.time.as_ref(), context)?, Observation::Alarm(report)))
    }
}

#[derive(Deserialize)]
struct RawStatus<'a> {
    #[serde(borrow, default)]
    time: Option<Member<'a>>,
    #[serde(borrow, default)]
    online: Option<Member<'a>>,
    #[serde(borrow, default)]
    on: Option<Member<'a>>,
    #[serde(borrow, default)]
    dim_pct: Option<Member<'a>>,
    #[serde(borrow, default)]
    battery_pct: Option<Member<'a>>,
    #[serde(borrow, default)]
    firmware: Option<Member<'a>>,
}

impl RawStatus<'_> {
    fn judge(self, context: &DecodeContext) -> Result<Observed, Reject> {
        let report = StatusReport {
            online: truth("online", self.online.as_ref())?,
            on: truth("on", self.on.as_ref())?,
            dim_pct: small_number("dim_pct", self.dim_pct.as_ref(), 0.0, 100.0)?,
            firmware: name("firmware", self.firmware.as_ref())?,
            battery_pct: small_number("battery_pct", self.battery_pct.as_ref(), 0.0, 100.0)?,
        };
        Ok(observed(time(self.time.as_ref(), context)?, Observation::Status(report)))
    }
}

/// A short name: of a part, of a version. Empty is none.
fn name(member: &str, value: Option<&Member<'_>>) -> Result<Option<String>, Reject> {
    let Some(text) = text(member, value)? else { return Ok(None) };
    if text.chars().count() > NAME_CHARS {
        return Err(wrong_type(member, "text of at most 64 characters"));
    }
    let kept = clean(text.trim(), NAME_CHARS);
    Ok((!kept.is_empty()).then_some(kept))
}
