//! Topics and filters: what is parsed reads the same again, matching agrees with the standard's words, covering keeps
//! its promise. An input is three lines: a filter, another filter, a topic name.

use greenhub_gateway::mqtt::topic::{LEVELS_MAX, Subscribed, covers, matches, valid_filter, valid_name};
use greenhub_model::topic::{MessageKind, ROOT};
use greenhub_model::{Class, DeviceId, DeviceTopic};

/// Any bytes; what is no UTF-8 never reaches these functions.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let (first, second) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let name = lines.next().unwrap_or(first);
    for line in [text, first, second, name] {
        alone(line);
    }
    if !valid_filter(first) {
        return;
    }
    assert!(covers(first, first), "a filter covers itself");
    if !valid_name(name) {
        return;
    }
    let first_matches = matches(first, name);
    assert_eq!(first_matches, reference(first, name), "{first:?} on {name:?}");
    assert_eq!(covers(first, name), first_matches, "a name is a filter that matches itself only");
    if valid_filter(second) && covers(first, second) && matches(second, name) {
        assert!(first_matches, "{first:?} covers {second:?} but does not match {name:?}");
    }
}

fn alone(text: &str) {
    if valid_name(text) {
        assert!(valid_filter(text), "every name is a filter");
        assert!(matches(text, text), "a name matches itself");
        assert!(text.split('/').count() <= LEVELS_MAX);
    }
    if let Some(subscribed) = Subscribed::parse(text) {
        assert!(valid_filter(subscribed.filter));
        let again = match subscribed.group {
            Some(group) => format!("$share/{group}/{}", subscribed.filter),
            None => subscribed.filter.to_owned(),
        };
        assert_eq!(again, text);
    }
    match DeviceTopic::parse(text) {
        Ok(topic) => {
            assert_eq!(topic.to_topic(), text);
            assert!(DeviceId::accepts(topic.device) && DeviceId::new(topic.device).is_ok());
            assert!(valid_name(text), "a topic of the contract is a topic name");
        }
        Err(reject) => assert!(format!("{reject:?}").len() < 8192, "a reason is bounded"),
    }
    assert_eq!(DeviceId::new(text).is_ok(), DeviceId::accepts(text));
    if let Some(class) = Class::parse(text) {
        assert_eq!(class.to_string(), text);
    }
    if let Some(kind) = MessageKind::parse(text) {
        assert_eq!(kind.as_str(), text);
    }
}

/// Matching by the words of MQTT 5.0 section 4.7, level by level from the end, without a thought of speed.
fn reference(filter: &str, name: &str) -> bool {
    let filter: Vec<&str> = filter.split('/').collect();
    let name: Vec<&str> = name.split('/').collect();
    let hidden = name[0].starts_with('$') && matches!(filter[0], "+" | "#");
    let level = |at: usize| name.get(at).is_some_and(|word| filter[at] == "+" || filter[at] == *word);
    match filter.split_last() {
        Some((&"#", parents)) => !hidden && name.len() >= parents.len() && (0..parents.len()).all(level),
        _ => !hidden && name.len() == filter.len() && (0..filter.len()).all(level),
    }
}

/// Rows of the matching table, every topic kind of the contract, and hostile ones.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<String> = [
        "a/#\na/+\na/b",
        "#\na/#\na",
        "+/+\n/+\n/a",
        "$SYS/#\n#\n$SYS/x",
        "a/b/\na/+/\na/b/",
        "$share/group/a/+/c\n$share//x\nd",
        "#/a\na#\n+a",
        "a\0b\n\n绿/色",
        "greenhub/v1/+/P-1/#\ngreenhub/v1/patrol/+/command\ngreenhub/v1/patrol/P-1/command",
        "greenhub/v1/patrol/../position",
    ]
    .map(str::to_owned)
    .to_vec();
    for class in ["patrol", "vehicle", "plant", "charger", "light", "environment"] {
        seeds.push(format!("{ROOT}{class}/D.e_v-1/position"));
    }
    seeds.extend(["reading", "alarm", "status"].map(|kind| format!("{ROOT}plant/FUR-1/{kind}")));
    seeds.push(vec!["a"; LEVELS_MAX + 1].join("/"));
    seeds.into_iter().map(String::into_bytes).collect()
}
