//! Landscape lights: circuits (kind `circuit`) and fixtures (kind `fixture`). Codes are the readable form of TALQ 2 events.

use super::*;

const LAMP_WORDS: [&str; 4] = ["灯具故障", "光源或驱动电源损坏", "单灯不亮，影响景观", "列入检修计划，集中更换"];

static TYPES: [Type; 16] = [
    row(
        "CIRCUIT_TRIP",
        Severity::Major,
        [1, 0, 2, 1],
        60,
        [
            "照明回路跳闸",
            "短路、漏电或过载",
            "整条回路熄灭，夜间行人车辆不安全",
            "核对回路下灯具是否同时失电，派电工查明原因后合闸",
        ],
    )
    .at_least(Priority::P2),
    row(
        "LEAKAGE_HIGH",
        Severity::Major,
        [3, 0, 1, 0],
        15,
        ["回路漏电", "电缆破损、灯杆进水或绝缘下降", "行人触电危险", "立即断开回路并围挡灯杆，派电工测绝缘"],
    ),
    row(
        "LEAKAGE_DETECTED",
        Severity::Major,
        [3, 0, 1, 0],
        15,
        ["检测到漏电", "电缆破损、灯杆进水或绝缘下降", "行人触电危险", "立即断开回路并围挡灯杆，派电工测绝缘"],
    ),
    row("LAMP_FAULT", Severity::Minor, [0, 0, 1, 0], 1440, LAMP_WORDS),
    row("LAMP_FAILURE", Severity::Minor, [0, 0, 1, 0], 1440, LAMP_WORDS),
    row(
        "SUPPLY_LOSS",
        Severity::Minor,
        [0, 0, 1, 0],
        240,
        ["灯具失电", "上级回路断电或接线松脱", "灯具熄灭", "先查所属回路是否跳闸，单灯失电时检查接线"],
    ),
    row(
        "CABINET_DOOR_OPEN",
        Severity::Minor,
        [1, 0, 0, 1],
        60,
        ["控制柜门打开", "检修未关门或被破坏", "触电与进水危险", "核实是否检修，否则派人到场"],
    ),
    row(
        "CONTACTOR_FAULT",
        Severity::Major,
        [0, 0, 2, 1],
        60,
        ["接触器故障", "触点粘连或线圈损坏", "回路无法开灯或关灯", "现场手动操作，更换接触器"],
    ),
    row(
        "CONTROL_GEAR_FAULT",
        Severity::Minor,
        [0, 0, 1, 0],
        1440,
        ["单灯控制器故障", "控制器损坏或通信中断", "无法调光", "列入检修计划"],
    ),
    row(
        "DIMMING_FAULT",
        Severity::Warning,
        [0, 0, 1, 0],
        1440,
        ["调光异常", "驱动电源或调光线故障", "亮度不符合指令", "列入检修计划"],
    ),
    row(
        "LAMP_UNEXPECTED_ON",
        Severity::Warning,
        [0, 0, 0, 1],
        1440,
        ["白天亮灯", "控制失效或被手动打开", "浪费电能", "核对控制指令与手动开关"],
    ),
    row(
        "HIGH_TEMPERATURE",
        Severity::Minor,
        [1, 0, 0, 1],
        240,
        ["灯具温度过高", "散热不良或环境温度高", "缩短寿命，严重时起火", "降低亮度，检查散热"],
    ),
    row(
        "OVER_CURRENT",
        Severity::Major,
        [1, 0, 1, 1],
        60,
        ["回路过流", "短路或私接负载", "跳闸或电缆过热", "排查私接与短路，必要时断电"],
    ),
    row(
        "OVER_VOLTAGE",
        Severity::Minor,
        [0, 0, 1, 1],
        240,
        ["电压过高", "供电电压偏高或零线断开", "损坏灯具", "测量进线电压，检查零线"],
    ),
    row(
        "UNDER_VOLTAGE",
        Severity::Minor,
        [0, 0, 1, 0],
        240,
        ["电压过低", "供电电压偏低或线路过长", "灯具闪烁或不亮", "测量进线电压，检查接线"],
    ),
    offline(Severity::Warning, [0, 0, 1, 0], 1440, "无法监视与控制该灯或回路"),
];

static POINTS: [Point; 7] = [
    ("voltage", "电压", "V", 0.0, 500.0),
    ("current", "电流", "A", 0.0, 1000.0),
    ("power", "功率", "W", 0.0, 100_000.0),
    ("leakage", "漏电流", "mA", 0.0, 1000.0),
    ("temperature", "灯具温度", "Cel", -50.0, 200.0),
    ("commanded", "控制指令", "1", 0.0, 1.0),
    ("feedback", "接触器反馈", "1", 0.0, 1.0),
];

static LIMITS: [Limit; 2] = [
    Limit {
        kind: None,
        point: "leakage",
        code: "LEAKAGE_HIGH",
        side: LimitSide::High,
        limit: 30.0,
        deadband: 3.0,
        delays: (10, 10),
        severity: Severity::Major,
    },
    Limit {
        kind: None,
        point: "temperature",
        code: "HIGH_TEMPERATURE",
        side: LimitSide::High,
        limit: 90.0,
        deadband: 3.0,
        delays: (60, 60),
        severity: Severity::Minor,
    },
];

pub(super) fn tables() -> Tables {
    Tables {
        class: Class::Light,
        presence: seconds(900, 3600),
        points: &POINTS,
        types: &TYPES,
        default: row(
            "",
            Severity::Minor,
            [0, 0, 1, 0],
            1440,
            [
                "景观灯光告警",
                "灯具或控制柜上报了未登记的告警代码",
                "未知，按一般故障处理",
                "查看原始报文，并在规则中登记该代码",
            ],
        ),
        limits: &LIMITS,
    }
}
