//! Code lists of components and matters (部件和事件): whether a code is one, and what it is called.
//!
//! The list of GB/T 47678.5-2026 lies in `data/gbt47678-2026.txt`, one class to a block. Components and matters share
//! numbers, so the category is part of the key. Older and local lists are known by the shape of their codes; what they
//! mean stays with whoever sends them.

use greenhub_model::dispatch::CodeEntry;
use greenhub_model::order::{CaseCategory, CaseKind};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The list in force since 2026-07-01.
pub const GBT47678: &str = "gbt47678-2026";
/// Most rows of one answer.
pub const FOUND_MAX: usize = 500;

static TEXT: &str = include_str!("../data/gbt47678-2026.txt");

static LIST: LazyLock<BTreeMap<CaseKind, CodeEntry>> =
    LazyLock::new(|| read(TEXT).into_iter().map(|entry| (entry.kind.clone(), entry)).collect());

/// Reads `# category class name` blocks of `code name` lines.
fn read(text: &str) -> Vec<CodeEntry> {
    let (mut entries, mut category, mut class) = (Vec::new(), CaseCategory::Matter, String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "component" | "matter" => {
                category = if word == "component" { CaseCategory::Component } else { CaseCategory::Matter };
                class = rest.to_owned();
            }
            code => {
                let kind = CaseKind { scheme: GBT47678.to_owned(), category, code: code.to_owned() };
                entries.push(CodeEntry { kind, class: class.clone(), name: rest.to_owned() });
            }
        }
    }
    entries
}

/// Whether the kind is one, or what is wrong with it.
pub fn check(kind: &CaseKind) -> Result<(), String> {
    let shown: String = kind.code.chars().take(40).collect();
    let digits = |n: usize| kind.code.len() == n && kind.code.bytes().all(|c| c.is_ascii_digit());
    match kind.scheme.as_str() {
        GBT47678 if LIST.contains_key(kind) => Ok(()),
        GBT47678 => {
            let what = if kind.category == CaseCategory::Component { "部件" } else { "事件" };
            Err(format!("GB/T 47678.5-2026 的{what}中没有代码 {shown:?}；请在代码表中查找后选择"))
        }
        "gbt30428-2013" | "cjt214-2007" if digits(4) => Ok(()),
        "gbt30428-2013" | "cjt214-2007" => Err(format!("旧版代码是 4 位数字，{shown:?} 不是")),
        "local" if (1..=20).contains(&kind.code.len()) && kind.code.bytes().all(|c| c.is_ascii_alphanumeric()) => {
            Ok(())
        }
        "local" => Err("本地代码为 1 到 20 个字母或数字".to_owned()),
        other => {
            let other: String = other.chars().take(40).collect();
            Err(format!("没有代码表 {other:?}；可用 {GBT47678}、gbt30428-2013、cjt214-2007、local"))
        }
    }
}

/// The entry of a kind, where its list is known here.
pub fn entry(kind: &CaseKind) -> Option<&'static CodeEntry> {
    LIST.get(kind)
}

/// Entries whose code begins with, or whose name or class holds, each of the words; in the order of the list.
pub fn find(words: &str, scheme: Option<&str>, category: Option<CaseCategory>) -> Vec<CodeEntry> {
    let words: Vec<&str> = words.split_whitespace().take(10).collect();
    let fits = |entry: &&CodeEntry| {
        let text = |word: &&&str| {
            entry.kind.code.starts_with(**word) || entry.name.contains(**word) || entry.class.contains(**word)
        };
        scheme.is_none_or(|scheme| entry.kind.scheme == scheme)
            && category.is_none_or(|category| entry.kind.category == category)
            && words.iter().filter(|word| !text(word)).count() == 0
    };
    LIST.values().filter(fits).take(FOUND_MAX).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(category: CaseCategory, code: &str) -> CaseKind {
        CaseKind { scheme: GBT47678.into(), category, code: code.into() }
    }

    #[test]
    fn the_list_has_all_components_and_matters() {
        let count = |category| LIST.keys().filter(|kind| kind.category == category).count();
        assert_eq!((count(CaseCategory::Component), count(CaseCategory::Matter)), (153, 250));
        assert_eq!(entry(&kind(CaseCategory::Matter, "06042")).map(|e| e.name.as_str()), Some("垃圾站（箱）满溢"));
    }

    #[test]
    fn a_component_is_no_matter_of_the_same_number() {
        let both = [CaseCategory::Component, CaseCategory::Matter].map(|c| entry(&kind(c, "01037")).map(|e| &e.name));
        assert!(both[0].is_some() && both[1].is_some() && both[0] != both[1], "{both:?}");
        assert!(check(&kind(CaseCategory::Component, "06042")).is_err_and(|why| why.contains("部件")));
        assert!(check(&CaseKind { scheme: "gbt30428-2013".into(), ..kind(CaseCategory::Matter, "0110") }).is_ok());
        assert!(check(&CaseKind { scheme: "nowhere".into(), ..kind(CaseCategory::Matter, "0110") }).is_err());
    }

    #[test]
    fn a_search_takes_codes_and_words() {
        let names = |words: &str| find(words, None, None).into_iter().map(|e| e.kind.code).collect::<Vec<_>>();
        assert_eq!(names("满溢"), ["06042"]);
        assert!(names("06").len() > 40);
        assert!(names("06 满溢").len() == 1 && names("没有这样的词").is_empty());
    }
}
