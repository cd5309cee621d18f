//! How an order begins: from a form, from an alarm, as a part of another one. Bad input is refused in words here.

use super::clock;
use super::codes;
use super::life::{invalid, long_text, title_of};
use super::rules::RulesInForce;
use greenhub_model::OrderId;
use greenhub_model::order::{
    Attachment, CaseForm, CaseKind, Order, OrderRefusal, OrderState, OrderTrigger, Place, SplitPart, Stage,
};

/// Most files that one form or act brings.
pub const ATTACHMENTS_MAX: usize = 30;
/// No report is older: 2000-01-01.
const OLDEST_MS: i64 = 946_684_800_000;
/// How far a phone's clock may be ahead.
const AHEAD_MS: i64 = 300_000;

/// The order that a form opens; `filed` when whoever opens it decides at once that it is a case.
pub fn open_form(
    id: OrderId,
    mut form: CaseForm,
    (by, at): (&str, i64),
    filed: bool,
    rules: &RulesInForce,
) -> Result<Order, OrderRefusal> {
    form.title = title_of(&form.title)?;
    form.text = long_text(&form.text)?;
    if let Some(kind) = &form.kind {
        check_kind(kind)?;
    }
    check_attachments(&form.attachments)?;
    if let Some(seen) = form.seen_at {
        if seen < OLDEST_MS {
            return Err(invalid("发现时间早于 2000 年，请检查日期"));
        }
        if seen > at + AHEAD_MS {
            return Err(invalid("发现时间晚于上报时间，请检查日期和时间"));
        }
        form.seen_at = Some(seen.min(at));
    }
    if let Some(external) = &form.external {
        let fits = |text: &str, max: usize| !text.trim().is_empty() && text.chars().count() <= max;
        if !fits(&external.system, 40) || !fits(&external.number, 100) {
            return Err(invalid("来单系统需要 1 到 40 个字，来单编号需要 1 到 100 个字"));
        }
        if external.deadline.is_some_and(|deadline| deadline < OLDEST_MS) {
            return Err(invalid("来单方要求的时限早于 2000 年，请检查日期"));
        }
    }
    if let Some(reporter) = &form.reporter
        && (reporter.name.chars().count() > 50 || reporter.phone.chars().count() > 30)
    {
        return Err(invalid("报告人姓名不能超过 50 个字，电话不能超过 30 个字"));
    }
    let place = std::mem::take(&mut form.place);
    let mut order = Order::of_form(id, form, at);
    put_place(&mut order, place, rules)?;
    order.state_by = by.to_owned();
    clock::begin_outer(&mut order, at, rules);
    if filed {
        order.state = OrderState::Filed;
        clock::begin(&mut order, Stage::Dispatch, at, rules);
    } else {
        clock::begin(&mut order, Stage::Acceptance, at, rules);
    }
    Ok(order)
}

/// The order that an alarm opens: filed at once, with the kind that the rules name for its code or class.
pub fn open_alarm(trigger: &OrderTrigger, rules: &RulesInForce) -> Order {
    let mut order = Order::of_alarm(trigger);
    let code = trigger.alarm.code();
    let by_code = rules.document.alarm_kinds.iter().find(|(known, _)| known.as_str() == code).map(|(_, kind)| kind);
    order.kind = by_code.or_else(|| rules.document.class_kinds.get(&trigger.class)).cloned();
    order.state_by = "hub".to_owned();
    clock::begin(&mut order, Stage::Dispatch, trigger.at, rules);
    order
}

/// One of the orders that a case is split into; it stands where the case stood.
pub fn open_part(
    whole: &Order,
    (id, part): (OrderId, &SplitPart),
    (by, at): (&str, i64),
    rules: &RulesInForce,
) -> Result<Order, OrderRefusal> {
    let form = CaseForm {
        source: whole.source,
        external: None,
        title: title_of(&part.title)?,
        text: long_text(&part.text)?,
        kind: part.kind.clone().or_else(|| whole.kind.clone()),
        priority: whole.priority,
        place: Place::default(),
        reporter: whole.reporter.clone(),
        seen_at: Some(whole.seen_at),
        device: whole.device.clone(),
        attachments: whole.attachments.clone(),
    };
    let mut order = Order::of_form(id, form, at);
    order.class = whole.class;
    order.parent = Some(whole.id.clone());
    order.state = whole.state;
    order.state_by = by.to_owned();
    let place = part.place.clone().unwrap_or_else(|| Place {
        lon: whole.lon,
        lat: whole.lat,
        address: whole.address.clone(),
        grid: whole.grid.clone(),
        sub_district: whole.sub_district.clone(),
    });
    put_place(&mut order, place, rules)?;
    let stage = if order.state == OrderState::Filed { Stage::Dispatch } else { Stage::Acceptance };
    clock::begin(&mut order, stage, at, rules);
    Ok(order)
}

/// Takes over a place, or says what is wrong with it. A point outside the district is none of ours; a missing
/// sub-district is found from the point.
pub fn put_place(order: &mut Order, place: Place, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    check_place(place.lon, place.lat, Some(rules))?;
    if place.address.chars().count() > 200 {
        return Err(invalid("地址不能超过 200 个字"));
    }
    if place.grid.len() > 15 || !place.grid.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(invalid("单元网格编码最多 15 位数字"));
    }
    if place.sub_district.chars().count() > 50 {
        return Err(invalid("街道名称不能超过 50 个字"));
    }
    (order.lon, order.lat) = (place.lon, place.lat);
    (order.address, order.grid) = (place.address, place.grid);
    order.sub_district = place.sub_district;
    if order.sub_district.is_empty()
        && let (Some(lon), Some(lat)) = (order.lon, order.lat)
        && let Some(name) = rules.district.sub_district(lon, lat)
    {
        order.sub_district = name.to_owned();
    }
    Ok(())
}

/// Both or neither, on the globe, and inside the district where `rules` know it.
pub(super) fn check_place(
    lon: Option<f64>,
    lat: Option<f64>,
    rules: Option<&RulesInForce>,
) -> Result<(), OrderRefusal> {
    let (lon, lat) = match (lon, lat) {
        (None, None) => return Ok(()),
        (Some(lon), Some(lat)) => (lon, lat),
        _ => return Err(invalid("位置需要同时给出经度和纬度")),
    };
    // Not written as `!(a || b)`: a number that is none must fail.
    if !((-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat)) {
        return Err(invalid("经度应在 -180 到 180 之间，纬度应在 -90 到 90 之间"));
    }
    if rules.is_some_and(|rules| !rules.district.holds(lon, lat)) {
        return Err(invalid("该位置不在本区范围内；请在地图上重新选点，或转交所在区办理"));
    }
    Ok(())
}

/// Refuses a kind that its code list does not have.
pub(super) fn check_kind(kind: &CaseKind) -> Result<(), OrderRefusal> {
    codes::check(kind).map_err(invalid)
}

/// Refuses more files than one act may bring.
pub(super) fn check_attachments(attachments: &[Attachment]) -> Result<(), OrderRefusal> {
    if attachments.len() > ATTACHMENTS_MAX {
        return Err(invalid(format!("一次最多 {ATTACHMENTS_MAX} 个照片或文件")));
    }
    Ok(())
}
