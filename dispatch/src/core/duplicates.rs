//! Open orders that may be the same case (疑似重复), with a score and the reasons in words.
//!
//! ```text
//! score = kind + place + time + text     0 to 1; each a reason, below 0 it speaks against
//! look for: window around the case in space and time (an index answers) ─▶ score each ─▶ best first
//! ```
//!
//! | counts | shares |
//! |---|---|
//! | kind | same code 0.10, same class of codes −0.05, one is missing 0, another one −0.40 |
//! | place | same device 0.55; the same point (up to [`SAME_M`]) 0.35; beyond 0.25 × (1 − d / [`NEAR_M`])²; same address 0.30; the best of these |
//! | time | 0.25 halved every [`HALF_LIFE_H`] hours, less 0.10 at [`WINDOW_MS`] |
//! | text | 0.10 × how many pairs of letters both share (Dice) |
//!
//! Two cases with neither a place, a device nor an address in common are never the same. **Weights.** Found on 41,827
//! requests of a city (`tests/field`): of two open cases of one kind at one point three in four are the same if they came
//! within hours, one in four after days, one in eight 100 m apart; of another kind hardly any. So the same point counts
//! most, and only together with a report of these days it makes a case likely (0.6). **Cost**: a score reads both texts
//! once; the window keeps the number of scores small, and at most [`COMPARED_MAX`] are looked at, nearest in time first.

use greenhub_model::dispatch::{Duplicate, Ground};
use greenhub_model::geodesy::LonLat;
use greenhub_model::order::Order;
use std::collections::BTreeMap;

/// What positions of phones and lamps differ by without standing apart, metres.
pub const SAME_M: f64 = 10.0;
/// Hours in which half of what the time says is gone.
pub const HALF_LIFE_H: f64 = 12.0;
/// Cases farther apart are not the same, metres.
pub const NEAR_M: f64 = 200.0;
/// Cases reported farther apart are not the same: 14 days.
pub const WINDOW_MS: i64 = 14 * 86_400_000;
/// Scores below are not told.
pub const SCORE_MIN: f64 = 0.25;
/// Most orders that one case is compared with.
pub const COMPARED_MAX: usize = 2_000;
/// Most duplicates told.
pub const TOLD_MAX: usize = 20;
/// Letters of a text that are compared.
const TEXT_CHARS_MAX: usize = 400;
const METRES_OF_DEGREE: f64 = 111_195.0;

/// Where and when the duplicates of a case can be: what an index is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// West, south, east, north in degrees; none where the case has no point.
    pub sides: Option<[f64; 4]>,
    /// Reported at or after, Unix ms.
    pub from: i64,
    /// Reported at or before.
    pub to: i64,
}

/// The window of a case.
pub fn window(order: &Order) -> Window {
    let sides = order.lon.zip(order.lat).map(|(lon, lat)| {
        let north = NEAR_M / METRES_OF_DEGREE;
        let east = north / lat.to_radians().cos().abs().max(0.01);
        [lon - east, lat - north, lon + east, lat + north]
    });
    Window { sides, from: order.created_at.saturating_sub(WINDOW_MS), to: order.created_at.saturating_add(WINDOW_MS) }
}

/// The duplicates of a case among others, best first. The case itself, closed orders, and its own parts and parents are
/// none.
pub fn duplicates<'a>(order: &Order, others: impl IntoIterator<Item = &'a Order>) -> Vec<Duplicate> {
    let probe = Probe::new(order);
    let related = |other: &Order| {
        other.id == order.id
            || other.parent.as_ref() == Some(&order.id)
            || order.parent.as_ref() == Some(&other.id)
            || (order.parent.is_some() && other.parent == order.parent)
    };
    let others = others.into_iter().filter(|other| other.state.is_open() && !related(other)).take(COMPARED_MAX);
    let mut found: Vec<Duplicate> = others.filter_map(|other| probe.judge(other)).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.order.cmp(&b.order)));
    found.truncate(TOLD_MAX);
    found
}

/// A case with its text taken apart once.
struct Probe<'a> {
    order: &'a Order,
    pairs: BTreeMap<(char, char), u32>,
    address: String,
}

impl<'a> Probe<'a> {
    fn new(order: &'a Order) -> Self {
        Self { order, pairs: pairs(order), address: plain(&order.address) }
    }

    fn judge(&self, other: &Order) -> Option<Duplicate> {
        let apart = self.order.created_at.abs_diff(other.created_at);
        if apart > WINDOW_MS.unsigned_abs() {
            return None;
        }
        let mut reasons = vec![self.place(other)?, self.kind(other), time(apart)];
        let alike = alike(&self.pairs, &pairs(other));
        if alike > 0.0 {
            reasons.push(Ground { text: format!("文字相似 {:.0}%", alike * 100.0), share: 0.1 * alike });
        }
        let score = reasons.iter().map(|ground| ground.share).sum::<f64>().clamp(0.0, 1.0);
        (score >= SCORE_MIN).then(|| Duplicate { order: other.id.clone(), title: other.title.clone(), score, reasons })
    }

    /// What they have in common in space; none when nothing.
    fn place(&self, other: &Order) -> Option<Ground> {
        let mut best: Option<Ground> = None;
        let mut offer = |ground: Ground| {
            if best.as_ref().is_none_or(|known| ground.share > known.share) {
                best = Some(ground);
            }
        };
        if let Some(metres) = distance_m(self.order, other)
            && metres <= NEAR_M
        {
            let share = if metres <= SAME_M { 0.35 } else { 0.25 * (1.0 - metres / NEAR_M).powi(2) };
            offer(Ground { text: format!("相距 {metres:.0} 米"), share });
        }
        if !self.address.is_empty() && self.address == plain(&other.address) {
            offer(Ground { text: "地址相同".into(), share: 0.3 });
        }
        if self.order.device.is_some() && self.order.device == other.device {
            offer(Ground { text: "同一设备".into(), share: 0.55 });
        }
        best
    }

    fn kind(&self, other: &Order) -> Ground {
        let (text, share) = match (&self.order.kind, &other.kind) {
            (Some(a), Some(b)) if a == b => ("问题类别相同", 0.1),
            (Some(a), Some(b))
                if a.scheme == b.scheme && a.category == b.category && class(&a.code) == class(&b.code) =>
            {
                ("问题大类相同", -0.05)
            }
            (Some(_), Some(_)) => ("问题类别不同", -0.4),
            _ => ("有一件尚未归类", 0.0),
        };
        Ground { text: text.into(), share }
    }
}

fn class(code: &str) -> &str {
    code.get(..2).unwrap_or(code)
}

fn time(apart_ms: u64) -> Ground {
    let hours = apart_ms as f64 / 3_600_000.0;
    let text = match hours {
        h if h < 1.0 => format!("上报时间相差 {:.0} 分钟", hours * 60.0),
        h if h < 48.0 => format!("上报时间相差 {h:.0} 小时"),
        h => format!("上报时间相差 {:.0} 天", h / 24.0),
    };
    Ground { text, share: 0.25 * 0.5f64.powf(hours / HALF_LIFE_H) - 0.1 * (apart_ms as f64 / WINDOW_MS as f64) }
}

fn distance_m(a: &Order, b: &Order) -> Option<f64> {
    let point = |order: &Order| Some(LonLat { lon: order.lon?, lat: order.lat? });
    Some(point(a)?.distance_m(point(b)?))
}

/// Letters and digits only, small.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(TEXT_CHARS_MAX).collect()
}

/// Pairs of neighbouring letters of title and text, counted.
fn pairs(order: &Order) -> BTreeMap<(char, char), u32> {
    let mut counted = BTreeMap::new();
    for text in [&order.title, &order.text] {
        let letters = plain(text);
        let next = letters.chars().skip(1);
        for pair in letters.chars().zip(next) {
            *counted.entry(pair).or_default() += 1;
        }
    }
    counted
}

/// Dice: twice what both share, by what both have.
fn alike(a: &BTreeMap<(char, char), u32>, b: &BTreeMap<(char, char), u32>) -> f64 {
    let all: u32 = a.values().chain(b.values()).sum();
    let shared: u32 = a.iter().filter_map(|(pair, n)| b.get(pair).map(|m| (*n).min(*m))).sum();
    if all == 0 { 0.0 } else { 2.0 * f64::from(shared) / f64::from(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_model::alarm::Priority;
    use greenhub_model::order::{CaseCategory, CaseForm, CaseKind, OrderSource, OrderState, Place};
    use greenhub_model::{DeviceId, OrderId};
    use proptest::prelude::*;

    fn case(id: &str, title: &str, code: &str, metres_east: f64, hours: i64) -> Order {
        let code = (!code.is_empty()).then(|| code.to_owned());
        let form = CaseForm {
            source: OrderSource::Citizen,
            external: None,
            title: title.into(),
            text: String::new(),
            kind: code.map(|code| CaseKind { scheme: "s".into(), category: CaseCategory::Matter, code }),
            priority: Priority::P3,
            place: Place {
                lon: Some(121.42 + metres_east / METRES_OF_DEGREE / 31.22f64.to_radians().cos()),
                lat: Some(31.22),
                ..Place::default()
            },
            reporter: None,
            seen_at: None,
            device: None,
            attachments: vec![],
        };
        Order::of_form(OrderId::new(id).expect("an id"), form, hours * 3_600_000)
    }

    #[test]
    fn near_duplicates_are_told_with_reasons_and_others_are_not() {
        let one = case("A", "长宁路垃圾箱满溢", "06042", 0.0, 100);
        let others = [
            case("same", "垃圾箱满溢，长宁路口", "06042", 6.0, 102),
            case("days-ago", "垃圾箱满溢，长宁路口", "06042", 6.0, 28),
            case("class", "长宁路暴露垃圾", "06010", 20.0, 94),
            case("other-kind", "路灯不亮", "01037", 5.0, 100),
            case("far", "长宁路垃圾箱满溢", "06042", 260.0, 100),
            case("old", "长宁路垃圾箱满溢", "06042", 0.0, 100 + 15 * 24),
            Order { state: OrderState::Closed, ..case("closed", "长宁路垃圾箱满溢", "06042", 0.0, 100) },
            Order { parent: Some(one.id.clone()), ..case("part", "长宁路垃圾箱满溢", "06042", 0.0, 100) },
            case("A", "长宁路垃圾箱满溢", "06042", 0.0, 100),
        ];
        let found = duplicates(&one, &others);
        let told: Vec<_> = found.iter().map(|d| d.order.as_str()).collect();
        assert_eq!(told, ["same", "days-ago", "class"]);
        assert!(found[0].score > 0.7, "an hour ago at the same point: likely. {found:?}");
        assert!(found[1].score < 0.6 && found[2].score < 0.45, "told, but not likely: {found:?}");
        let texts: Vec<_> = found[0].reasons.iter().map(|ground| ground.text.as_str()).collect();
        assert_eq!(texts[..3], ["相距 6 米", "问题类别相同", "上报时间相差 2 小时"]);
    }

    #[test]
    fn without_a_point_device_or_address_stand_in() {
        let bare = |id: &str, address: &str, device: Option<&str>| Order {
            lon: None,
            lat: None,
            address: address.into(),
            device: device.map(|device| DeviceId::new(device).expect("an id")),
            ..case(id, "灯坏了", "01037", 0.0, 1)
        };
        let told = |a: &Order, b: &Order| duplicates(a, [b]).into_iter().map(|d| d.reasons[0].text.clone()).next();
        assert_eq!(told(&bare("A", "长宁路 88 号", None), &bare("B", "长宁路88号", None)), Some("地址相同".into()));
        assert_eq!(told(&bare("A", "", Some("L-1")), &bare("B", "", Some("L-1"))), Some("同一设备".into()));
        assert_eq!(told(&bare("A", "", None), &bare("B", "", None)), None);
    }

    proptest! {
        #[test]
        fn who_is_near_is_in_the_window_and_both_see_the_same(
            metres in 0.0..400.0f64, hours in 0..500i64, title in "[垃圾箱满溢路灯 ]{0,12}", code in "0[16]0[0-9]{2}|",
        ) {
            let (a, b) = (case("A", "垃圾箱满溢", "06042", 0.0, 0), case("B", &title, &code, metres, hours));
            let (there, back) = (duplicates(&a, [&b]), duplicates(&b, [&a]));
            prop_assert_eq!(there.first().map(|d| d.score), back.first().map(|d| d.score));
            if let Some(found) = there.first() {
                let window = window(&a);
                let [west, south, east, north] = window.sides.expect("a point");
                prop_assert!((west..=east).contains(&b.lon.expect("a point")) && (south..=north).contains(&b.lat.expect("a point")));
                prop_assert!((window.from..=window.to).contains(&b.created_at));
                let sum: f64 = found.reasons.iter().map(|ground| ground.share).sum();
                prop_assert!((found.score - sum.clamp(0.0, 1.0)).abs() < 1e-9);
            }
        }
    }
}
