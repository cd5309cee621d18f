//! The waste disposal centre: furnaces (GB 18485-2014: at least 850 °C for 2 s), odour at the fence (GB 14554-93, class 2
//! new: H2S 0.06, NH3 1.5 mg/m3, odour 20), flue gas, leachate, fans.

use super::*;
use LimitSide::{High, Low};

const FURNACE_WORDS: [&str; 4] = [
    "炉膛温度低于 850 ℃",
    "垃圾热值低、进料过湿过多或一次风配比不当",
    "二噁英分解不充分，违反排放许可",
    "投入辅助燃烧器，减少进料并调整一次风，持续 5 分钟未恢复时停止进料",
];
const ODOUR_WORDS: [&str; 4] = [
    "厂界恶臭超标",
    "卸料大厅负压不足、除臭系统故障或渗滤液池敞开",
    "影响周边居民，引发投诉与处罚",
    "检查卸料门与负压风机，启动应急除臭，派人到厂界复测",
];

static TYPES: [Type; 27] = [
    row("FURNACE_TEMPERATURE_LOW", Severity::Critical, [0, 3, 1, 1], 15, FURNACE_WORDS).calls_again_after_min(30),
    row("FURNACE_TEMP_LOW", Severity::Critical, [0, 3, 1, 1], 15, FURNACE_WORDS).calls_again_after_min(30),
    row(
        "FURNACE_TEMPERATURE_HIGH",
        Severity::Major,
        [1, 0, 1, 3],
        15,
        [
            "炉膛温度过高",
            "垃圾热值高、进料过多或冷却不足",
            "炉墙结焦、耐火材料损坏",
            "减少进料，加大二次风，检查炉排冷却",
        ],
    ),
    row(
        "FURNACE_TEMPERATURE_RATE",
        Severity::Major,
        [0, 2, 1, 1],
        15,
        [
            "炉膛温度变化过快",
            "断料、熄火、进水或热值突变",
            "温度将越过许可界限，耐火材料受热冲击",
            "查看火焰与进料，准备投入辅助燃烧器或减少进料",
        ],
    ),
    row(
        "FURNACE_PRESSURE_HIGH",
        Severity::Major,
        [2, 1, 1, 1],
        5,
        ["炉膛正压", "引风机出力不足或烟道堵塞", "高温烟气外逸，可能伤人", "检查引风机与烟道，减少进料，撤离炉前人员"],
    ),
    row("ODOUR_EXCEEDANCE", Severity::Major, [0, 2, 1, 0], 15, ODOUR_WORDS).calls_again_after_min(60),
    row("ODOUR_HIGH", Severity::Minor, [0, 2, 1, 0], 15, ODOUR_WORDS).calls_again_after_min(60),
    row(
        "H2S_HIGH",
        Severity::Major,
        [1, 2, 0, 0],
        15,
        [
            "硫化氢浓度超标",
            "渗滤液池、料坑或污水管道逸出",
            "有毒气体危及人员，厂界超标",
            "禁止单人进入，加强通风除臭，佩戴气体检测仪复测",
        ],
    ),
    row(
        "NH3_HIGH",
        Severity::Major,
        [1, 2, 0, 0],
        15,
        ["氨浓度超标", "渗滤液处理或脱硝氨水系统逸出", "刺激人员、厂界超标", "检查氨水系统与除臭塔，佩戴防护后复测"],
    ),
    row(
        "LEACHATE_LEVEL_HIGH",
        Severity::Major,
        [0, 2, 1, 1],
        60,
        [
            "渗滤液液位过高",
            "来水量大或提升泵故障",
            "渗滤液外溢污染土壤和水体",
            "启动备用提升泵，限制来水，安排吸污车转运",
        ],
    ),
    row(
        "LEACHATE_LEVEL_LOW",
        Severity::Minor,
        [0, 0, 1, 1],
        60,
        ["渗滤液液位过低", "来水不足或管道泄漏", "水泵抽空损坏，或已发生渗漏", "停泵检查，核对进出水量，排查渗漏"],
    ),
    row(
        "FAN_FAULT",
        Severity::Major,
        [0, 1, 2, 2],
        15,
        [
            "风机故障",
            "电机过载、变频器或轴承故障",
            "供风或负压不足，影响燃烧与除臭",
            "切换备用风机，检查电源与变频器，通知检修",
        ],
    ),
    row(
        "VIBRATION_HIGH",
        Severity::Major,
        [0, 0, 1, 3],
        60,
        [
            "轴承振动过大",
            "叶轮积灰失衡、轴承磨损或地脚松动",
            "轴承损坏、风机停机",
            "降低负荷，安排检查轴承与叶轮，必要时切换备用风机",
        ],
    ),
    row(
        "BEARING_TEMP_HIGH",
        Severity::Major,
        [0, 0, 1, 3],
        60,
        [
            "轴承温度过高",
            "润滑不良、冷却水中断或轴承磨损",
            "轴承烧毁、风机停机",
            "检查润滑与冷却，降低负荷，必要时停机",
        ],
    ),
    row(
        "FLUE_SO2_HIGH",
        Severity::Major,
        [0, 3, 0, 0],
        60,
        ["烟气二氧化硫超标", "脱酸系统出力不足或石灰浆中断", "超过排放许可", "加大石灰浆量，检查雾化器与喷嘴"],
    ),
    row(
        "FLUE_NOX_HIGH",
        Severity::Major,
        [0, 3, 0, 0],
        60,
        ["烟气氮氧化物超标", "脱硝喷氨不足或炉温过高", "超过排放许可", "调整喷氨量与配风，检查喷枪"],
    ),
    row(
        "FLUE_HCL_HIGH",
        Severity::Major,
        [0, 3, 0, 0],
        60,
        ["烟气氯化氢超标", "垃圾含氯高或脱酸不足", "超过排放许可，腐蚀设备", "加大石灰浆量，混匀入炉垃圾"],
    ),
    row(
        "FLUE_DUST_HIGH",
        Severity::Major,
        [0, 3, 0, 0],
        60,
        ["烟气颗粒物超标", "布袋破损或清灰异常", "超过排放许可", "逐仓隔离查找破袋，检查压差与清灰"],
    ),
    row(
        "CO_HIGH",
        Severity::Major,
        [1, 2, 0, 0],
        15,
        ["一氧化碳过高", "燃烧不充分或供风不足", "排放超标，有中毒危险", "调整配风，减少进料，检查炉排"],
    ),
    row(
        "METHANE_HIGH",
        Severity::Critical,
        [3, 1, 0, 2],
        5,
        ["可燃气体浓度过高", "料坑或渗滤液池产生沼气积聚", "可能爆炸", "立即加强通风，禁止动火，撤离人员"],
    ),
    row(
        "FIRE",
        Severity::Critical,
        [3, 2, 2, 3],
        5,
        ["火警", "料坑自燃或设备起火", "人员伤亡与重大财产损失", "立即启动消防预案，报 119，疏散人员"],
    )
    .at_least(Priority::P1),
    row(
        "EMERGENCY_STOP",
        Severity::Critical,
        [2, 0, 2, 1],
        5,
        [
            "急停动作",
            "现场人员按下急停或联锁动作",
            "设备停运，现场可能有险情",
            "联系现场确认人员安全，查明原因后方可复位",
        ],
    ),
    row(
        "PUMP_FAULT",
        Severity::Major,
        [0, 1, 1, 2],
        60,
        ["水泵故障", "电机过载、堵塞或电源故障", "排水或供水中断", "切换备用泵，清堵并检查电源"],
    ),
    row(
        "POWER_LOSS",
        Severity::Critical,
        [1, 2, 3, 1],
        5,
        ["供电中断", "上级电源故障或开关跳闸", "全线停运，排放失控", "启动备用电源，按停炉预案操作，联系供电部门"],
    ),
    row(
        "CONVEYOR_JAM",
        Severity::Minor,
        [1, 0, 1, 1],
        60,
        ["输送设备卡堵", "大件垃圾或异物卡住", "进料中断", "停机挂牌后清除异物，禁止带电作业"],
    ),
    row(
        "WEIGHBRIDGE_FAULT",
        Severity::Minor,
        [0, 0, 2, 0],
        60,
        ["地磅故障", "传感器或仪表故障", "无法计量，车辆排队", "改用备用地磅或人工登记，通知检修"],
    ),
    offline(Severity::Minor, [0, 1, 1, 0], 60, "失去监视，超标或故障不能及时发现"),
];

static POINTS: [Point; 21] = [
    ("temperature", "温度", "Cel", -40.0, 1600.0),
    ("furnace_temperature", "炉膛温度", "Cel", -40.0, 1600.0),
    ("oxygen", "烟气含氧量", "%", 0.0, 25.0),
    ("pressure", "炉膛负压", "Pa", -2000.0, 2000.0),
    ("load", "垃圾处理量", "t/h", 0.0, 200.0),
    ("steam", "主蒸汽流量", "t/h", 0.0, 500.0),
    ("h2s", "硫化氢", "mg/m3", 0.0, 100.0),
    ("nh3", "氨", "mg/m3", 0.0, 500.0),
    ("odour", "臭气浓度", "1", 0.0, 100_000.0),
    ("so2", "二氧化硫", "mg/m3", 0.0, 5000.0),
    ("nox", "氮氧化物", "mg/m3", 0.0, 5000.0),
    ("hcl", "氯化氢", "mg/m3", 0.0, 5000.0),
    ("dust", "颗粒物", "mg/m3", 0.0, 5000.0),
    ("co", "一氧化碳", "mg/m3", 0.0, 10_000.0),
    ("level", "液位", "%", 0.0, 100.0),
    ("leachate_level", "渗滤液液位", "%", 0.0, 100.0),
    ("ph", "pH", "[pH]", 0.0, 14.0),
    ("cod", "化学需氧量", "mg/L", 0.0, 100_000.0),
    ("vibration", "轴承振动", "mm/s", 0.0, 100.0),
    ("current", "电机电流", "A", 0.0, 2000.0),
    ("methane", "甲烷", "%", 0.0, 100.0),
];

const fn limit(
    kind: Option<&'static str>,
    point: &'static str,
    code: &'static str,
    side: LimitSide,
    (limit, deadband): (f64, f64),
    delays: (i64, i64),
    severity: Severity,
) -> Limit {
    Limit { kind, point, code, side, limit, deadband, delays, severity }
}

static LIMITS: [Limit; 16] = [
    limit(Some("furnace"), "temperature", "FURNACE_TEMPERATURE_LOW", Low, (850.0, 10.0), (60, 60), Severity::Critical),
    limit(Some("furnace"), "temperature", "FURNACE_TEMPERATURE_HIGH", High, (1100.0, 15.0), (60, 60), Severity::Major),
    limit(None, "furnace_temperature", "FURNACE_TEMPERATURE_LOW", Low, (850.0, 10.0), (60, 60), Severity::Critical),
    limit(Some("fan"), "temperature", "BEARING_TEMP_HIGH", High, (85.0, 2.0), (60, 60), Severity::Major),
    limit(None, "h2s", "H2S_HIGH", High, (0.06, 0.005), (60, 60), Severity::Major),
    limit(None, "h2s", "H2S_HIGH", High, (10.0, 0.5), (5, 60), Severity::Critical),
    limit(None, "nh3", "NH3_HIGH", High, (1.5, 0.1), (60, 60), Severity::Major),
    limit(None, "odour", "ODOUR_EXCEEDANCE", High, (20.0, 2.0), (60, 60), Severity::Major),
    limit(None, "so2", "FLUE_SO2_HIGH", High, (100.0, 5.0), (60, 60), Severity::Major),
    limit(None, "nox", "FLUE_NOX_HIGH", High, (300.0, 15.0), (60, 60), Severity::Major),
    limit(None, "hcl", "FLUE_HCL_HIGH", High, (60.0, 3.0), (60, 60), Severity::Major),
    limit(None, "dust", "FLUE_DUST_HIGH", High, (30.0, 1.5), (60, 60), Severity::Major),
    limit(None, "level", "LEACHATE_LEVEL_HIGH", High, (85.0, 4.0), (60, 60), Severity::Major),
    limit(None, "leachate_level", "LEACHATE_LEVEL_HIGH", High, (85.0, 4.0), (60, 60), Severity::Major),
    limit(None, "vibration", "VIBRATION_HIGH", High, (7.1, 0.5), (15, 30), Severity::Major),
    limit(None, "methane", "METHANE_HIGH", High, (1.25, 0.1), (5, 60), Severity::Critical),
];

pub(super) fn tables() -> Tables {
    Tables {
        class: Class::Plant,
        presence: seconds(60, 300),
        points: &POINTS,
        types: &TYPES,
        default: row(
            "",
            Severity::Minor,
            [0, 1, 1, 1],
            60,
            [
                "处置中心设备告警",
                "设备上报了未登记的告警代码",
                "未知，按一般故障处理",
                "查看设备面板与原始报文，并在规则中登记该代码",
            ],
        ),
        limits: &LIMITS,
    }
}
