//! The first rule set, in Chinese: types, points and limits per class, and the arithmetic that weighs them.
//!
//! Each class has a file with three tables: what its devices measure, the alarm types (codes as its own field names them:
//! OCPP for charging piles, TALQ for lights, GB 14554 and GB 18485 for plant and air), and limits for devices whose
//! profile states none. A row of the type table reads: code, severity, harm `[people, environment, service, plant]`,
//! minutes to respond, then title, cause, consequence, action.
//!
//! Delays and deadbands follow the starting values of `domain/alarms.md`: about one reporting interval for gases, a minute
//! for temperatures and levels, deadband 1–10 % of the limit. A site tunes them; this is where it starts.
//!
//! The weights are chosen so that a life or the permit is P1 (SOS, ground fault, furnace below 850 °C), a hazard that grows
//! is P2 (pile too hot, hydrogen sulphide at the fence, a dark street), a deviation is P3 and a single lamp P4; a test holds
//! that list.

mod charger;
mod correlate;
mod environment;
mod light;
mod plant;
mod units;
mod watches;

use super::*;
use greenhub_model::profile::LimitSide;

/// One row of a type table.
#[derive(Clone, Copy)]
struct Type {
    code: &'static str,
    severity: Severity,
    harm: [u8; 4],
    minutes: u32,
    words: [&'static str; 4],
    at_least: Option<Priority>,
    ack_required: bool,
    re_alarm_min: Option<i64>,
}

/// A row with the usual behaviour: to be acknowledged, not latched, no floor.
const fn row(code: &'static str, severity: Severity, harm: [u8; 4], minutes: u32, words: [&'static str; 4]) -> Type {
    Type { code, severity, harm, minutes, words, at_least: None, ack_required: true, re_alarm_min: None }
}

impl Type {
    const fn at_least(self, priority: Priority) -> Self {
        Self { at_least: Some(priority), ..self }
    }
    const fn calls_again_after_min(self, minutes: i64) -> Self {
        Self { re_alarm_min: Some(minutes), ..self }
    }
    const fn needs_no_acknowledgement(self) -> Self {
        Self { ack_required: false, ..self }
    }

    fn build(&self) -> AlarmType {
        let [title, cause, consequence, action] = self.words.map(str::to_owned);
        let [safety, environment, service, asset] = self.harm;
        AlarmType {
            title,
            cause,
            consequence,
            action,
            severity: self.severity,
            weights: Consequence { safety, environment, service, asset },
            respond_within_min: self.minutes,
            at_least: self.at_least,
            ack_required: self.ack_required,
            latching: false,
            // What may kill is not hidden by one person alone.
            highly_managed: safety >= 3,
            re_alarm_ms: self.re_alarm_min.map(|minutes| minutes * 60_000),
        }
    }
}

/// One row of a point table: name, label, unit, least and greatest value that make sense.
type Point = (&'static str, &'static str, &'static str, f64, f64);

/// One row of a limit table.
struct Limit {
    kind: Option<&'static str>,
    point: &'static str,
    code: &'static str,
    side: LimitSide,
    limit: f64,
    deadband: f64,
    /// On-delay and off-delay, seconds.
    delays: (i64, i64),
    severity: Severity,
}

/// The tables of one class.
struct Tables {
    class: Class,
    presence: ClassRules,
    points: &'static [Point],
    types: &'static [Type],
    default: Type,
    limits: &'static [Limit],
}

/// Types that every class has.
const COMMON: [Type; 9] = [
    row(
        "DATA_QUALITY_BAD",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        [
            "数据质量异常",
            "传感器故障、校准或维护状态，或通信干扰",
            "相关限值告警在此期间保持原状态，可能漏报",
            "查看仪表状态标志，安排校准或更换传感器",
        ],
    )
    .needs_no_acknowledgement(),
    row(
        "SENSOR_STUCK",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        [
            "仪表数值长时间不变",
            "传感器卡死、取样堵塞或采集程序停止更新",
            "真实变化不能被发现，相关限值失去作用",
            "与邻近仪表或便携仪对比，检查取样与采集，安排校准",
        ],
    ),
    row(
        "NO_DATA",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        [
            "测点没有数据",
            "单个传感器损坏、接线松脱或采集配置错误",
            "该测点失去监视",
            "设备仍在线，检查该传感器与采集通道",
        ],
    ),
    row(
        "COMMAND_MISMATCH",
        Severity::Minor,
        [0, 0, 2, 0],
        60,
        [
            "指令与反馈不一致",
            "执行机构拒动、跳闸、就地手动或反馈触点故障",
            "设备没有按指令运行",
            "核对现场实际状态与转换开关位置，必要时派人手动操作",
        ],
    ),
    row(
        "REPEATED_FAULT",
        Severity::Minor,
        [1, 0, 1, 1],
        60,
        [
            "短时间内反复告警",
            "故障未根除即恢复运行，或误动作",
            "每次处置无效，设备可能进一步损坏",
            "停用该设备，查明根本原因后再投用",
        ],
    ),
    row(
        "FENCE_ENTERED",
        Severity::Minor,
        [1, 0, 1, 0],
        60,
        [
            "进入管制区域",
            "人员或车辆驶入不应进入的区域",
            "可能违规作业或遇到危险",
            "联系当事人核实并要求离开，必要时派人到场",
        ],
    ),
    row(
        "FENCE_DWELL",
        Severity::Warning,
        [0, 0, 1, 0],
        60,
        ["停留时间过长", "车辆故障、排队拥堵或人员滞留", "占用场地，作业延误", "联系当事人了解原因，安排疏导或救援"],
    ),
    row(
        "FENCE_LEFT",
        Severity::Minor,
        [0, 0, 1, 0],
        60,
        [
            "离开电子围栏",
            "人员或车辆驶离规定作业区域",
            "责任区无人作业或设备被挪用",
            "联系当事人核实去向，必要时调派他人补位",
        ],
    ),
    row(
        crate::desk::TOO_MANY_CODE,
        Severity::Minor,
        [0, 0, 1, 0],
        60,
        [
            "告警种类过多",
            "设备程序异常或告警代码配置错误",
            "超出部分并入本告警，可能掩盖真实故障",
            "查看该设备的原始报文，修正其告警代码，必要时隔离该设备",
        ],
    ),
];

const fn offline(severity: Severity, harm: [u8; 4], minutes: u32, consequence: &'static str) -> Type {
    row(
        "DEVICE_OFFLINE",
        severity,
        harm,
        minutes,
        [
            "设备离线",
            "断电、通信中断或设备故障",
            consequence,
            "检查供电与通信链路，确认是否同一线路多台离线，再派人到场",
        ],
    )
}

const fn seconds(silent: i64, offline: i64) -> ClassRules {
    ClassRules { silent_after_ms: silent * 1000, offline_after_ms: offline * 1000 }
}

pub(super) fn rules() -> RuleSet {
    let mut rules = RuleSet {
        version: 1,
        time: TimeRules::default(),
        classes: BTreeMap::new(),
        merge: MergeRules {
            reopen_window_ms: 600_000,
            remember_ms: 3_600_000,
            chatter_raises: 3,
            chatter_window_ms: 60_000,
            keys_per_device_max: 200,
            shelve_max_ms: 12 * 3_600_000,
        },
        priority: PriorityRules {
            severity: BTreeMap::from([
                (Severity::Warning, 5),
                (Severity::Minor, 15),
                (Severity::Major, 30),
                (Severity::Critical, 45),
            ]),
            safety: 10,
            environment: 7,
            service: 5,
            asset: 4,
            response: vec![
                ResponsePoints { within_min: 5, points: 25 },
                ResponsePoints { within_min: 15, points: 15 },
                ResponsePoints { within_min: 60, points: 8 },
            ],
            places: vec![],
            people: vec![],
            redundancy: vec![],
            // A dark street is worse at night, and what nobody looks at for hours is worse than it was.
            hours: vec![HoursWeight {
                title: "夜间照明".into(),
                from: TimeOfDay::new(18, 0).expect("an hour of the day"),
                to: TimeOfDay::new(6, 0).expect("an hour of the day"),
                classes: vec![Class::Light],
                points: 3,
            }],
            standing: vec![
                StandingPoints { after_ms: 30 * 60_000, points: 4 },
                StandingPoints { after_ms: 2 * 3_600_000, points: 8 },
            ],
            p1_from: 85,
            p2_from: 60,
            p3_from: 30,
        },
        points: BTreeMap::new(),
        types: BTreeMap::new(),
        defaults: BTreeMap::new(),
        limits: vec![],
        watches: watches::watches(),
        fences: watches::fences(),
        utc_offset_min: hours::CHINA_MIN,
        quality: QualityRules::default(),
        suppressions: vec![],
        shelve_max_by_role: BTreeMap::new(),
        correlate: correlate::rules(),
    };
    for tables in
        [units::patrol(), units::vehicle(), plant::tables(), charger::tables(), environment::tables(), light::tables()]
    {
        add(&mut rules, &tables);
    }
    rules
}

fn add(rules: &mut RuleSet, tables: &Tables) {
    let code = |text| AlarmCode::new(text).expect("the tables follow the grammar of codes");
    let point = |text| PointName::new(text).expect("the tables follow the grammar of points");
    let class = tables.class;
    rules.classes.insert(class, tables.presence);
    rules.defaults.insert(class, tables.default.build());
    let types = COMMON.iter().chain(tables.types).map(|row| (code(row.code), row.build()));
    rules.types.insert(class, types.collect());
    let points = tables.points.iter().map(|(name, label, unit, min, max)| {
        (point(name), PointRule { label: (*label).into(), unit: Unit((*unit).into()), min: *min, max: *max })
    });
    rules.points.insert(class, points.collect());
    rules.limits.extend(tables.limits.iter().map(|limit| LimitRule {
        class,
        kind: limit.kind.map(str::to_owned),
        point: point(limit.point),
        code: code(limit.code),
        side: limit.side,
        limit: limit.limit,
        deadband: limit.deadband,
        on_delay_ms: limit.delays.0 * 1000,
        off_delay_ms: limit.delays.1 * 1000,
        severity: limit.severity,
        unit: tables.points.iter().find(|row| row.0 == limit.point).map(|row| Unit(row.2.into())),
    }));
}
