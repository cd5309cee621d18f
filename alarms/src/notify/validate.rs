//! What is wrong with notification rules, in sentences that say what to do.

use super::route::{Routing, minute_of_day};
use greenhub_model::notify::{AlarmMatch, NotifyChannel, NotifyRoute, NotifyRules, Receiver};
use std::collections::{BTreeMap, BTreeSet};

const ROUTES_MAX: usize = 200;
const DEPTH_MAX: usize = 6;
const ID_CHARS_MAX: usize = 64;
const INTERVAL_S_MIN: i64 = 1;
const REPEAT_S_MAX: i64 = 7 * 86_400;

/// All problems of these rules, for receivers that are configured under these names and desks with these ids.
pub fn problems(
    rules: &NotifyRules,
    configured: &BTreeMap<String, NotifyChannel>,
    desks: &BTreeSet<String>,
) -> Vec<String> {
    let mut found = vec![];
    if !(-14 * 60..=14 * 60).contains(&rules.utc_offset_min) {
        found.push("utc_offset_min 须在 -840 到 840 之间".into());
    }
    let mut ids = BTreeSet::new();
    check_routes(&rules.routes, 1, desks, &mut ids, &mut found);
    if ids.len() > ROUTES_MAX {
        found.push(format!("通知路由最多 {ROUTES_MAX} 条，请合并"));
    }
    for plan in Routing::new(rules.clone(), vec![]).plans() {
        let id = &plan.id;
        if plan.receivers.is_empty() {
            found.push(format!("路由 {id} 没有接收人，请填写 receivers 或由上级路由提供"));
        }
        if plan.group_interval_ms < INTERVAL_S_MIN * 1000 {
            found.push(format!("路由 {id} 的 group_interval_s 须至少 {INTERVAL_S_MIN} 秒"));
        }
        if plan.repeat_interval_ms < plan.group_interval_ms {
            found.push(format!("路由 {id} 的 repeat_interval_s 短于 group_interval_s，不会生效，请加长"));
        }
        if plan.repeat_interval_ms > REPEAT_S_MAX * 1000 {
            found.push(format!("路由 {id} 的 repeat_interval_s 最长 7 天"));
        }
        let mut last = 0;
        for (after_ms, receivers) in &plan.escalate {
            if *after_ms <= last {
                found.push(format!("路由 {id} 的升级时间须大于 0 并依次增大"));
            }
            if receivers.is_empty() {
                found.push(format!("路由 {id} 的升级没有接收人"));
            }
            last = *after_ms;
        }
        let all = plan.receivers.iter().chain(plan.escalate.iter().flat_map(|(_, receivers)| receivers));
        found.extend(
            all.filter_map(|receiver| receiver_problem(receiver, configured)).map(|why| format!("路由 {id}：{why}")),
        );
    }
    found.dedup();
    found
}

/// What is wrong with a receiver.
pub fn receiver_problem(receiver: &Receiver, configured: &BTreeMap<String, NotifyChannel>) -> Option<String> {
    if let Receiver::User(name) = receiver {
        return name.trim().is_empty().then(|| "接收人的用户名不能为空".into());
    }
    if let Receiver::Push(_) = receiver {
        return Some("桌面通知由各人在自己的浏览器中开启，规则中请填写岗位或人员".into());
    }
    let name = receiver.configured()?;
    match configured.get(name) {
        Some(channel) if *channel == receiver.channel() => None,
        Some(_) => Some(format!("接收方 {name} 在配置文件中是另一种类型，请核对")),
        None => Some(format!("接收方 {name} 没有在配置文件 [notify.receivers] 中定义")),
    }
}

fn check_routes(
    routes: &[NotifyRoute],
    depth: usize,
    desks: &BTreeSet<String>,
    ids: &mut BTreeSet<String>,
    found: &mut Vec<String>,
) {
    if depth > DEPTH_MAX {
        found.push(format!("通知路由最多嵌套 {DEPTH_MAX} 层"));
        return;
    }
    let mut all_taken: Option<&str> = None;
    for route in routes {
        let id = &route.id;
        if id.is_empty() || id.chars().count() > ID_CHARS_MAX {
            found.push(format!("路由编号须为 1 至 {ID_CHARS_MAX} 个字"));
        }
        if !ids.insert(id.clone()) {
            found.push(format!("路由编号 {id} 重复，请改名"));
        }
        if let Some(before) = all_taken {
            found.push(format!("路由 {before} 匹配全部报警且不继续，其后的路由 {id} 不会生效，请调整顺序"));
        }
        if route.matching == AlarmMatch::default() && !route.r#continue {
            all_taken = Some(id);
        }
        for desk in route.matching.desks.iter().filter(|desk| !desks.contains(*desk)) {
            found.push(format!("路由 {id} 的值班台 {desk} 不存在"));
        }
        if let Some(hours) = &route.matching.hours {
            let good = minute_of_day(&hours.from).is_some() && minute_of_day(&hours.to).is_some();
            if !good || hours.from == hours.to {
                found.push(format!("路由 {id} 的时段须写成 \"18:00\" 到 \"06:00\" 的形式，且起止不同"));
            }
        }
        check_routes(&route.routes, depth + 1, desks, ids, found);
    }
}
