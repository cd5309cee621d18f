//! Charging piles. Codes are the readable form of OCPP 1.6 error codes; the sub-component is the connector.

use super::*;

const HOT_WORDS: [&str; 4] = [
    "充电桩过温",
    "接触不良、散热受阻或持续大功率充电",
    "可能起火，危及人员与车辆",
    "远程停止充电，通知车主拔枪，派人到场检查接头与散热，必要时断电",
];
const GROUND_WORDS: [&str; 4] =
    ["接地故障（漏电）", "绝缘损坏、进水或接地不良", "人员触电危险", "立即断电并设置警示，禁止触碰，派电工检查绝缘"];
const CURRENT_WORDS: [&str; 4] =
    ["充电过流", "车辆或模块故障、短路", "线路过热，可能起火", "停止充电，检查枪线与模块，确认后方可恢复"];

static TYPES: [Type; 22] = [
    row("OVER_TEMPERATURE", Severity::Major, [2, 0, 0, 2], 5, HOT_WORDS).calls_again_after_min(15),
    row("HIGH_TEMPERATURE", Severity::Major, [2, 0, 0, 2], 5, HOT_WORDS).calls_again_after_min(15),
    row("HighTemperature", Severity::Major, [2, 0, 0, 2], 5, HOT_WORDS).calls_again_after_min(15),
    row("GROUND_FAULT", Severity::Critical, [3, 0, 1, 1], 5, GROUND_WORDS),
    row("GroundFailure", Severity::Critical, [3, 0, 1, 1], 5, GROUND_WORDS),
    row("OVER_CURRENT", Severity::Major, [2, 0, 1, 2], 15, CURRENT_WORDS),
    row("OverCurrentFailure", Severity::Major, [2, 0, 1, 2], 15, CURRENT_WORDS),
    row(
        "SMOKE",
        Severity::Critical,
        [3, 0, 1, 3],
        5,
        ["烟雾告警", "电池或线路热失控", "火灾，危及人员", "立即断电，报 119，疏散人员与车辆"],
    )
    .at_least(Priority::P1),
    row(
        "EMERGENCY_STOP",
        Severity::Major,
        [2, 0, 1, 0],
        15,
        ["急停按下", "现场人员按下急停按钮", "充电中断，现场可能有险情", "联系现场确认安全，复位前检查设备"],
    ),
    row(
        "OVER_VOLTAGE",
        Severity::Minor,
        [1, 0, 1, 2],
        60,
        ["过电压", "电网电压偏高或模块故障", "损坏车辆或设备", "暂停该桩，检测进线电压"],
    ),
    row(
        "UNDER_VOLTAGE",
        Severity::Minor,
        [0, 0, 1, 1],
        60,
        ["欠电压", "电网电压偏低或负荷过大", "充电功率下降或中断", "检查变压器负荷，必要时限制功率"],
    ),
    row(
        "CONNECTOR_LOCK_FAILURE",
        Severity::Minor,
        [1, 0, 1, 0],
        60,
        ["枪头锁止失败", "电子锁故障或异物", "带电拔枪危险，无法充电", "停用该枪，派人检修电子锁"],
    ),
    row(
        "EV_COMMUNICATION_ERROR",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        ["与车辆通信异常", "车辆端或枪线通信故障", "无法开始充电", "请车主重新插枪，反复出现时检修"],
    ),
    row(
        "INTERNAL_ERROR",
        Severity::Minor,
        [0, 0, 1, 1],
        240,
        ["内部故障", "控制板或软件异常", "该桩停用", "远程重启，无效时派人检修"],
    ),
    row(
        "POWER_METER_FAILURE",
        Severity::Minor,
        [0, 0, 2, 0],
        240,
        ["电表故障", "计量表计或通信故障", "无法计费", "停用该桩，更换电表"],
    ),
    row(
        "POWER_SWITCH_FAILURE",
        Severity::Major,
        [2, 0, 1, 1],
        60,
        ["接触器故障", "触点粘连或驱动失效", "断不开电，人员触电危险", "切断上级开关，派电工更换"],
    ),
    row(
        "READER_FAILURE",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        ["读卡器故障", "读卡模块故障", "无法刷卡启动", "提示扫码启动，安排更换"],
    ),
    row(
        "RESET_FAILURE",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        ["重启失败", "远程重启未完成", "故障可能未消除", "派人现场重启"],
    ),
    row(
        "WEAK_SIGNAL",
        Severity::Warning,
        [0, 0, 1, 0],
        240,
        ["信号弱", "通信信号差", "状态上报延迟", "检查天线与信号覆盖"],
    ),
    row(
        "DOOR_OPEN",
        Severity::Minor,
        [1, 0, 0, 1],
        60,
        ["柜门打开", "检修未关门或被破坏", "触电与进水危险", "核实是否检修，否则派人到场"],
    ),
    row(
        "OTHER_ERROR",
        Severity::Minor,
        [0, 0, 1, 0],
        240,
        ["其他故障", "厂家自定义故障", "该桩可能停用", "查看厂家故障码说明，联系厂家"],
    ),
    offline(Severity::Minor, [0, 0, 1, 0], 240, "无法监视充电安全与计费"),
];

static POINTS: [Point; 7] = [
    ("temperature", "接头温度", "Cel", -40.0, 200.0),
    ("power", "充电功率", "kW", 0.0, 1000.0),
    ("current", "电流", "A", 0.0, 1000.0),
    ("voltage", "电压", "V", 0.0, 1500.0),
    ("energy", "累计电量", "kW.h", 0.0, 1e9),
    ("soc", "车辆电量", "%", 0.0, 100.0),
    ("insulation", "绝缘电阻", "kOhm", 0.0, 100_000.0),
];

static LIMITS: [Limit; 2] = [
    Limit {
        kind: None,
        point: "temperature",
        code: "OVER_TEMPERATURE",
        side: LimitSide::High,
        limit: 85.0,
        deadband: 3.0,
        delays: (10, 30),
        severity: Severity::Major,
    },
    Limit {
        kind: None,
        point: "temperature",
        code: "OVER_TEMPERATURE",
        side: LimitSide::High,
        limit: 100.0,
        deadband: 3.0,
        delays: (5, 30),
        severity: Severity::Critical,
    },
];

pub(super) fn tables() -> Tables {
    Tables {
        class: Class::Charger,
        presence: seconds(120, 600),
        points: &POINTS,
        types: &TYPES,
        default: row(
            "",
            Severity::Minor,
            [1, 0, 1, 0],
            60,
            [
                "充电桩告警",
                "充电桩上报了未登记的故障码",
                "未知，按一般故障处理",
                "查看厂家故障码说明，并在规则中登记该代码",
            ],
        ),
        limits: &LIMITS,
    }
}
