//! Moving units: 5G patrol units carried by people, and vehicles. The hub feeds the battery charge of positions and
//! status messages as the point `battery`.

use super::*;

const BATTERY: Limit = Limit {
    kind: None,
    point: "battery",
    code: "LOW_BATTERY",
    side: LimitSide::Low,
    limit: 15.0,
    deadband: 5.0,
    delays: (60, 60),
    severity: Severity::Warning,
};

const LOW_BATTERY: Type = row(
    "LOW_BATTERY",
    Severity::Warning,
    [0, 0, 1, 0],
    60,
    [
        "电量过低",
        "长时间使用未充电或电池老化",
        "终端将关机，定位与呼叫中断",
        "提醒使用人充电或更换电池，连续出现时报修",
    ],
);

const SHARED: [Type; 3] = [
    LOW_BATTERY,
    offline(Severity::Minor, [1, 0, 1, 0], 60, "无法掌握人员、车辆位置，遇险时无法及时发现"),
    row(
        "LOW_BATTERY_SHUTDOWN",
        Severity::Minor,
        [0, 0, 1, 0],
        60,
        ["电量耗尽关机", "电池耗尽", "终端失联", "用其他方式联系使用人，更换终端"],
    ),
];

static PATROL: [Type; 7] = [
    row(
        "SOS",
        Severity::Critical,
        [3, 0, 0, 0],
        5,
        [
            "人员求救（SOS）",
            "人员主动按下求救键",
            "人身安全受到威胁",
            "立即语音呼叫本人，指派最近人员到场，必要时报 110 或 120",
        ],
    )
    .at_least(Priority::P1)
    .calls_again_after_min(15),
    row(
        "FALL_DETECTED",
        Severity::Critical,
        [3, 0, 0, 0],
        5,
        ["疑似跌倒", "终端检测到撞击后静止", "人员可能受伤且无法求救", "立即语音呼叫本人，无应答时指派最近人员到场"],
    )
    .at_least(Priority::P1),
    row(
        "NO_MOTION",
        Severity::Major,
        [2, 0, 0, 0],
        15,
        ["长时间静止", "人员滞留、终端遗落或人员失去意识", "可能存在人身危险", "语音呼叫核实，无应答时指派人员到场"],
    ),
    row(
        "COLLISION",
        Severity::Major,
        [2, 0, 0, 1],
        5,
        ["碰撞", "与车辆或物体发生碰撞", "人员可能受伤", "立即联系本人，必要时呼叫急救"],
    ),
    SHARED[0],
    SHARED[1],
    SHARED[2],
];

static VEHICLE: [Type; 12] = [
    row(
        "SOS",
        Severity::Critical,
        [3, 0, 0, 0],
        5,
        [
            "车辆求救（SOS）",
            "驾驶员按下紧急按钮",
            "人身安全受到威胁",
            "立即联系驾驶员，指派最近人员到场，必要时报 110 或 120",
        ],
    )
    .at_least(Priority::P1)
    .calls_again_after_min(15),
    row(
        "COLLISION",
        Severity::Critical,
        [3, 0, 1, 2],
        5,
        ["车辆碰撞", "发生交通事故", "人员伤亡、道路受阻", "立即联系驾驶员，报交警，安排救援与替换车辆"],
    ),
    row(
        "ROLLOVER",
        Severity::Critical,
        [3, 1, 1, 3],
        5,
        ["车辆侧翻", "超速转弯、路面湿滑或装载偏重", "人员伤亡、垃圾散落", "立即联系驾驶员，报急救与交警，安排清运"],
    ),
    row(
        "FATIGUE_DRIVING",
        Severity::Major,
        [3, 0, 0, 0],
        15,
        ["疲劳驾驶", "连续驾驶超过规定时间", "可能引发交通事故", "语音提醒并安排停车休息或换班"],
    ),
    row(
        "OVER_SPEED",
        Severity::Minor,
        [2, 0, 0, 0],
        15,
        ["超速行驶", "车速高于路段或作业限速", "可能引发交通事故", "语音提醒驾驶员减速，记录并考核"],
    ),
    row(
        "ENGINE_FAULT",
        Severity::Major,
        [0, 0, 2, 2],
        60,
        ["发动机故障", "机械或电控系统故障", "车辆停驶，作业中断", "安排就近停车，联系维修并调派备用车辆"],
    ),
    row(
        "ENGINE_OVERHEAT",
        Severity::Major,
        [1, 0, 1, 2],
        15,
        ["发动机过热", "冷却液不足或散热不良", "发动机损坏，可能起火", "立即停车熄火，待冷却后检查冷却系统"],
    ),
    row(
        "HYDRAULIC_FAULT",
        Severity::Minor,
        [1, 1, 1, 1],
        60,
        ["液压系统故障", "油管泄漏或压力异常", "上装无法作业，油液污染路面", "停止作业，检查泄漏并联系维修"],
    ),
    row(
        "TANK_LEAK",
        Severity::Major,
        [0, 2, 1, 0],
        60,
        ["箱体滴漏", "密封破损或渗滤液箱满溢", "污水污染路面并产生异味", "停止清运，转运至就近站点，冲洗路面"],
    ),
    SHARED[0],
    SHARED[1],
    SHARED[2],
];

const DEFAULT_PATROL: Type = row(
    "",
    Severity::Minor,
    [0, 0, 1, 0],
    60,
    ["巡查终端告警", "终端上报了未登记的告警代码", "未知，按一般故障处理", "联系使用人核实，并在规则中登记该代码"],
);

const DEFAULT_VEHICLE: Type = row(
    "",
    Severity::Minor,
    [0, 0, 1, 0],
    60,
    ["车辆告警", "车载终端上报了未登记的告警代码", "未知，按一般故障处理", "联系驾驶员核实，并在规则中登记该代码"],
);

static POINTS: [Point; 2] = [("battery", "电量", "%", 0.0, 100.0), ("speed_kmh", "车速", "km/h", 0.0, 200.0)];
static LIMITS: [Limit; 1] = [BATTERY];

pub(super) fn patrol() -> Tables {
    Tables {
        class: Class::Patrol,
        presence: seconds(60, 300),
        points: &POINTS,
        types: &PATROL,
        default: DEFAULT_PATROL,
        limits: &LIMITS,
    }
}

pub(super) fn vehicle() -> Tables {
    Tables {
        class: Class::Vehicle,
        presence: seconds(60, 300),
        points: &POINTS,
        types: &VEHICLE,
        default: DEFAULT_VEHICLE,
        limits: &LIMITS,
    }
}
