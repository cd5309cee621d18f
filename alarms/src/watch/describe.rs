//! The sentence a watch puts into the alarm, in Chinese: what stands against what, since when. Made at an edge only.

use super::Watcher;
use super::gate::Edge;
use super::memory::WatchMemory;
use super::rule::{Compare, Input, Reference, Test, Watch};
use crate::merge::duration_label;
use greenhub_model::PointName;

/// How people name a point: label and unit as shown. The host knows both.
pub trait Words {
    /// Label and shown unit of a point.
    fn of(&self, point: &PointName) -> (String, String);
}

impl<F: Fn(&PointName) -> (String, String)> Words for F {
    fn of(&self, point: &PointName) -> (String, String) {
        self(point)
    }
}

impl Watcher {
    /// The sentence of an edge.
    pub fn describe(&self, memory: &WatchMemory, edge: &Edge, words: &impl Words) -> String {
        let held = match (edge.at.saturating_sub(edge.since)) / 1000 {
            seconds if seconds <= 0 => String::new(),
            seconds => format!("，已持续 {}", duration_label(seconds * 1000)),
        };
        let what = self.what(memory, edge, words);
        let back = if edge.active { "" } else { "已恢复：" };
        format!("{back}{what}{held}")
    }

    fn what(&self, memory: &WatchMemory, edge: &Edge, words: &impl Words) -> String {
        let value = |place: usize, input: &Input| {
            let known = memory.value(place);
            known.map_or_else(|| format!("{}未知", label(input, words)), |v| shown(input, v, words))
        };
        let first = |input: &Input| {
            let known = edge.value.or(memory.value(0));
            known.map_or_else(|| format!("{}未知", label(input, words)), |v| shown(input, v, words))
        };
        match &self.rule.when {
            Watch::Deviation { point, from, band, .. } => {
                let should = match from {
                    Reference::Setpoint(setpoint) => format!("设定值 {}", measured(point, *setpoint, words)),
                    Reference::Input(other) => value(1, other),
                };
                let relation = if edge.active { "偏离超过" } else { "偏离不超过" };
                format!("{}，与{should}{relation} {}", first(point), measured(point, *band, words))
            }
            Watch::Mismatch { commanded, reported, .. } => {
                let relation = if edge.active { "不一致" } else { "一致" };
                format!("指令与反馈{relation}：{}，{}", value(0, commanded), value(1, reported))
            }
            Watch::Rate { point, window_ms, per_ms, rise, fall, .. } => {
                let rate = edge.value.unwrap_or(0.0);
                let limit = if rate >= 0.0 { rise.or(*fall) } else { fall.or(*rise) }.unwrap_or(0.0);
                let word = if rate >= 0.0 { "上升" } else { "下降" };
                let relation = if edge.active { "超过" } else { "不超过" };
                format!(
                    "{}在 {}内平均每 {}{word} {}，{relation}允许的 {}",
                    label(point, words),
                    duration_label(*window_ms),
                    duration_label(*per_ms),
                    measured(point, rate.abs(), words),
                    measured(point, limit, words)
                )
            }
            Watch::State { point, among } => {
                let set: Vec<String> = among.iter().map(|one| number(*one)).collect();
                let relation = if edge.active { "属于" } else { "不属于" };
                format!("{}，{relation}告警状态（{}）", first(point), set.join("、"))
            }
            Watch::Stuck { point, for_ms, .. } if edge.active => {
                format!("{} 持续 {}以上没有变化，仪表可能卡死", first(point), duration_label(*for_ms))
            }
            Watch::Stuck { point, .. } => format!("{} 重新开始变化", first(point)),
            Watch::NoData { point, for_ms, .. } if edge.active => {
                format!("{}超过 {}没有上报", label(point, words), duration_label(*for_ms))
            }
            Watch::NoData { point, .. } => format!("{}重新上报", label(point, words)),
            Watch::Count { of, above, below, at_least, window_ms } => {
                let relation = if edge.active { "达到" } else { "少于" };
                let event = match (above, below) {
                    (Some(limit), _) => format!("{}高于 {}", label(of, words), measured(of, *limit, words)),
                    (_, Some(limit)) => format!("{}低于 {}", label(of, words), measured(of, *limit, words)),
                    _ => label(of, words),
                };
                format!("{event}在 {}内{relation} {at_least} 次", duration_label(*window_ms))
            }
            Watch::Spread { points, band, .. } => {
                let values: Vec<String> =
                    points.iter().enumerate().map(|(n, input)| value(self.places[n], input)).collect();
                let relation = if edge.active { "相差超过" } else { "相差不超过" };
                format!("{} {relation} {}", values.join("，"), number(*band))
            }
            Watch::All(tests) | Watch::Any(tests) => {
                let wanted = if matches!(self.rule.when, Watch::All(_)) { "同时满足" } else { "满足其一" };
                let state = if edge.active { wanted.to_owned() } else { format!("不再{wanted}") };
                let tests: Vec<String> = tests.iter().map(|one| told(one, words)).collect();
                let place = |one: &Input| self.place_of(one).unwrap_or_default();
                let now: Vec<String> = self.inputs.iter().map(|one| value(place(one), one)).collect();
                format!("{state}条件（{}）：{}", tests.join("；"), now.join("，"))
            }
        }
    }
}

fn told(test: &Test, words: &impl Words) -> String {
    let word = match test.is {
        Compare::Above => "高于",
        Compare::Below => "低于",
        Compare::Equal => "等于",
        Compare::Unequal => "不等于",
    };
    format!("{}{word} {}", label(&test.point, words), measured(&test.point, test.value, words))
}

fn label(input: &Input, words: &impl Words) -> String {
    match input {
        Input::Point(point) => {
            let (label, _) = words.of(point);
            if label.is_empty() { point.to_string() } else { label }
        }
        Input::On => "开关状态".to_owned(),
        Input::Dim => "亮度".to_owned(),
        Input::Online => "在线状态".to_owned(),
        Input::Alarm(code) => format!("告警 {code} "),
    }
}

fn measured(input: &Input, value: f64, words: &impl Words) -> String {
    let unit = match input {
        Input::Point(point) => words.of(point).1,
        Input::Dim => "%".to_owned(),
        _ => String::new(),
    };
    if unit.is_empty() || unit == "1" { number(value) } else { format!("{} {unit}", number(value)) }
}

fn shown(input: &Input, value: f64, words: &impl Words) -> String {
    match input {
        Input::On => if value > 0.5 { "开关状态为开" } else { "开关状态为关" }.to_owned(),
        Input::Online => if value > 0.5 { "设备在线" } else { "设备离线" }.to_owned(),
        _ => format!("{} {}", label(input, words), measured(input, value, words)),
    }
}

/// At most three decimals, no trailing zeros.
fn number(value: f64) -> String {
    let rounded = (value * 1000.0).round() / 1000.0;
    // Small concentrations keep what they have.
    if rounded == 0.0 || value.abs() < 0.01 { format!("{value}") } else { format!("{rounded}") }
}
