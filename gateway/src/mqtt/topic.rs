//! Topic names and filters by MQTT 5.0 section 4.7: validity, matching, covering. Pure, allocates nothing.
//!
//! A name has no wildcard and no NUL; a filter may hold `+` as a whole level and `#` as the last level. Names that begin
//! with `$` are matched by no filter that begins with a wildcard. Both are bounded in levels, so that the subscription
//! trie and recursive matching are bounded too.

/// Most levels of a name or filter we accept. The contract's own topics have five.
pub const LEVELS_MAX: usize = 64;

/// Whether `text` may be the topic of a PUBLISH.
pub fn valid_name(text: &str) -> bool {
    if text.is_empty() {
        return false;
    }
    let mut levels = 1;
    for byte in text.bytes() {
        match byte {
            0 | b'+' | b'#' => return false,
            b'/' => levels += 1,
            _ => {}
        }
    }
    levels <= LEVELS_MAX
}

/// Whether `text` (without its `$share/group/` part) may be subscribed.
pub fn valid_filter(text: &str) -> bool {
    if text.is_empty() || text.as_bytes().contains(&0) {
        return false;
    }
    let mut levels = 0;
    let mut ended = false;
    for level in text.split('/') {
        levels += 1;
        if ended || levels > LEVELS_MAX {
            return false;
        }
        match level {
            "#" => ended = true,
            "+" => {}
            _ if level.contains(['+', '#']) => return false,
            _ => {}
        }
    }
    true
}

/// A filter with its share group taken off: `$share/{group}/{filter}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed<'a> {
    /// The share group, if the subscription is shared.
    pub group: Option<&'a str>,
    /// The filter proper.
    pub filter: &'a str,
}

impl<'a> Subscribed<'a> {
    /// Takes a subscribed text apart and checks it; `None` when it is no valid filter.
    pub fn parse(text: &'a str) -> Option<Self> {
        let Some(rest) = text.strip_prefix("$share/") else {
            return valid_filter(text).then_some(Self { group: None, filter: text });
        };
        let (group, filter) = rest.split_once('/')?;
        let group_fits = !group.is_empty() && !group.contains(['+', '#', '\0']);
        (group_fits && valid_filter(filter)).then_some(Self { group: Some(group), filter })
    }
}

/// Whether the (valid) filter matches the (valid) name.
pub fn matches(filter: &str, name: &str) -> bool {
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = name.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match names.next() {
            Some(word) if level == "+" || level == word => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// Whether every name that `asked` matches is matched by `allowed` too.
pub fn covers(allowed: &str, asked: &str) -> bool {
    if asked.starts_with('$') && allowed.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = asked.split('/').peekable();
    for level in allowed.split('/') {
        if level == "#" {
            return true;
        }
        match levels.next() {
            Some("#") => return false,
            Some(word) if level == "+" || level == word => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_filters_are_told_apart() {
        for good in ["a", "/", "a//b", "$SYS/x", "绿/色", " "] {
            assert!(valid_name(good) && valid_filter(good), "{good:?}");
        }
        for bad in ["", "a\0b"] {
            assert!(!valid_name(bad) && !valid_filter(bad), "{bad:?}");
        }
        for only_filter in ["+", "#", "a/+/b", "a/#", "+/+", "/#"] {
            assert!(!valid_name(only_filter) && valid_filter(only_filter), "{only_filter:?}");
        }
        for bad in ["a+", "a/b#", "#/a", "a/#/b", "+a/b", "##"] {
            assert!(!valid_filter(bad), "{bad:?}");
        }
        let deep = vec!["a"; LEVELS_MAX].join("/");
        assert!(valid_name(&deep) && valid_filter(&deep));
        let deeper = format!("{deep}/a");
        assert!(!valid_name(&deeper) && !valid_filter(&deeper));
    }

    #[test]
    fn share_groups_are_taken_off() {
        assert_eq!(Subscribed::parse("$share/g/a/#"), Some(Subscribed { group: Some("g"), filter: "a/#" }));
        assert_eq!(Subscribed::parse("a/b"), Some(Subscribed { group: None, filter: "a/b" }));
        for bad in ["$share/g", "$share//a", "$share/g+/a", "$share/g/", "$share/g/a#"] {
            assert_eq!(Subscribed::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        let rows = [
            ("a/b", "a/b", true),
            ("a/b", "a/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/b", false),
            ("+/b", "$SYS/b", false),
            ("$SYS/#", "$SYS/b", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("a/b/", "a/b", false),
        ];
        for (filter, name, want) in rows {
            assert_eq!(matches(filter, name), want, "{filter} on {name}");
        }
    }

    #[test]
    fn covering_means_matching_at_least_the_same() {
        let rows = [
            ("#", "a/#", true),
            ("#", "#", true),
            ("#", "$SYS/#", false),
            ("a/#", "#", false),
            ("a/+", "a/#", false),
            ("a/+", "a/+", true),
            ("a/+", "a/b", true),
            ("a/b", "a/+", false),
            ("a/#", "a", true),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b", false),
        ];
        for (allowed, asked, want) in rows {
            assert_eq!(covers(allowed, asked), want, "{allowed} over {asked}");
        }
    }
}
