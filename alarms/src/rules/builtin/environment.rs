//! Environment monitors: air after GB 3095 and GB 14554, noise after GB 3096, water level in manholes and underpasses.

use super::*;
use LimitSide::High;

static TYPES: [Type; 12] = [
    row(
        "PM25_HIGH",
        Severity::Minor,
        [1, 2, 0, 0],
        60,
        [
            "PM2.5 浓度过高",
            "扬尘、燃烧或区域污染输送",
            "影响居民健康",
            "对比周边站点，核查附近工地与道路，安排洒水降尘",
        ],
    ),
    row(
        "PM10_HIGH",
        Severity::Minor,
        [0, 2, 0, 0],
        60,
        ["PM10 浓度过高", "工地或道路扬尘", "影响居民健康", "核查附近工地与渣土车，安排洒水清扫"],
    ),
    row(
        "NOISE_HIGH",
        Severity::Minor,
        [0, 2, 0, 0],
        60,
        ["噪声超标", "夜间施工、商业活动或交通", "扰民，引发投诉", "派巡查人员到场核实并劝阻，夜间施工核对许可"],
    ),
    row(
        "H2S_HIGH",
        Severity::Major,
        [2, 1, 0, 0],
        15,
        ["硫化氢浓度过高", "污水井、垃圾站或管道逸出", "有毒气体危及人员", "设置警戒，禁止下井，通知排水单位检测"],
    ),
    row(
        "NH3_HIGH",
        Severity::Minor,
        [1, 2, 0, 0],
        60,
        ["氨浓度过高", "公厕、垃圾站或化粪池逸出", "异味扰民", "派人到场清洁除臭，检查通风"],
    ),
    row(
        "VOC_HIGH",
        Severity::Minor,
        [1, 2, 0, 0],
        60,
        ["挥发性有机物过高", "餐饮、喷涂或加油站排放", "影响健康并生成臭氧", "排查周边排放源，通知生态环境部门"],
    ),
    row(
        "O3_HIGH",
        Severity::Minor,
        [1, 2, 0, 0],
        240,
        ["臭氧浓度过高", "强日照下光化学反应", "影响呼吸系统", "发布健康提示，减少午间户外作业"],
    ),
    row(
        "NO2_HIGH",
        Severity::Minor,
        [1, 2, 0, 0],
        240,
        ["二氧化氮浓度过高", "交通拥堵或燃烧排放", "影响呼吸系统", "核查周边交通与排放，必要时疏导"],
    ),
    row(
        "WATER_LEVEL_HIGH",
        Severity::Major,
        [2, 0, 2, 1],
        15,
        ["积水过深", "暴雨或排水不畅", "车辆被淹、人员涉险", "设置警戒并封路，启动泵站，派人疏通"],
    ),
    row(
        "MANHOLE_OPEN",
        Severity::Major,
        [3, 0, 1, 0],
        15,
        ["井盖移位", "井盖被盗、破损或暴雨冲开", "行人车辆坠落", "立即派人围挡，通知权属单位复位"],
    ),
    row(
        "SENSOR_FAULT",
        Severity::Minor,
        [0, 0, 1, 0],
        240,
        ["传感器故障", "传感器损坏或需校准", "数据不可用", "安排校准或更换"],
    ),
    offline(Severity::Minor, [0, 1, 0, 0], 240, "失去该点环境监视"),
];

static POINTS: [Point; 14] = [
    ("pm25", "PM2.5", "ug/m3", 0.0, 2000.0),
    ("pm10", "PM10", "ug/m3", 0.0, 5000.0),
    ("no2", "二氧化氮", "ug/m3", 0.0, 5000.0),
    ("so2", "二氧化硫", "ug/m3", 0.0, 5000.0),
    ("o3", "臭氧", "ug/m3", 0.0, 5000.0),
    ("co", "一氧化碳", "mg/m3", 0.0, 500.0),
    ("h2s", "硫化氢", "mg/m3", 0.0, 100.0),
    ("nh3", "氨", "mg/m3", 0.0, 500.0),
    ("voc", "挥发性有机物", "mg/m3", 0.0, 5000.0),
    ("noise", "噪声", "dB", 0.0, 150.0),
    ("temperature", "气温", "Cel", -50.0, 70.0),
    ("humidity", "相对湿度", "%", 0.0, 100.0),
    ("wind_speed", "风速", "m/s", 0.0, 80.0),
    ("water_level", "积水深度", "cm", 0.0, 1000.0),
];

const fn high(point: &'static str, code: &'static str, limit: f64, deadband: f64, severity: Severity) -> Limit {
    Limit { kind: None, point, code, side: High, limit, deadband, delays: (60, 60), severity }
}

static LIMITS: [Limit; 9] = [
    high("pm25", "PM25_HIGH", 150.0, 7.5, Severity::Minor),
    high("pm25", "PM25_HIGH", 250.0, 12.5, Severity::Major),
    high("pm10", "PM10_HIGH", 350.0, 17.5, Severity::Minor),
    high("noise", "NOISE_HIGH", 70.0, 3.0, Severity::Minor),
    high("h2s", "H2S_HIGH", 0.06, 0.005, Severity::Major),
    high("nh3", "NH3_HIGH", 1.5, 0.1, Severity::Minor),
    high("o3", "O3_HIGH", 200.0, 10.0, Severity::Minor),
    high("no2", "NO2_HIGH", 200.0, 10.0, Severity::Minor),
    high("water_level", "WATER_LEVEL_HIGH", 20.0, 2.0, Severity::Major),
];

pub(super) fn tables() -> Tables {
    Tables {
        class: Class::Environment,
        presence: seconds(180, 900),
        points: &POINTS,
        types: &TYPES,
        default: row(
            "",
            Severity::Minor,
            [0, 1, 0, 0],
            240,
            [
                "环境监测告警",
                "监测设备上报了未登记的告警代码",
                "未知，按一般故障处理",
                "查看原始报文，并在规则中登记该代码",
            ],
        ),
        limits: &LIMITS,
    }
}
