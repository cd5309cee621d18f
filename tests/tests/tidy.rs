//! Style that a program can judge: arrows between crates, purity of cores, file lengths, left-over markers, heads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn files(directory: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    const SKIPPED: [&str; 5] = ["target", "node_modules", "dist", ".git", "data"];
    for entry in std::fs::read_dir(directory).expect("list a source directory").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !SKIPPED.contains(&name.to_string_lossy().as_ref()) {
                files(&path, extensions, found);
            }
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// The source without its tests: everything before the first test module.
fn code(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |at| &text[..at])
}

#[test]
fn arrows_between_crates_only_go_down() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("model", &[][..]),
        ("alarms", &["model"]),
        ("storage", &["model"]),
        ("gateway", &["model", "storage"]),
        ("streams", &["model", "storage", "alarms"]),
        ("dispatch", &["model", "storage"]),
        ("media", &["model"]),
        ("dashboards", &["model", "storage", "alarms"]),
        ("simulator", &["model"]),
    ]);
    for (name, may) in allowed {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let dependencies = manifest.split("[dev-dependencies]").next().expect("split gives at least one part");
        for line in dependencies.lines() {
            let Some(rest) = line.strip_prefix("greenhub-") else { continue };
            let other = rest.split(['.', ' ', '=']).next().expect("a name");
            assert!(may.contains(&other), "{name} may not depend on {other}: arrows only go down");
        }
    }
}

#[test]
fn cores_know_no_clock_chance_socket_or_database() {
    let cores = [
        "model/src",
        "alarms/src",
        "gateway/src/protocols",
        "gateway/src/mqtt/session",
        "streams/src/operators",
        "dispatch/src/core",
        "media/src/core",
    ];
    let forbidden = [
        "Instant::now",
        "SystemTime::now",
        "env::var",
        "thread_rng",
        "rand::",
        "getrandom",
        "tokio::",
        "sqlx",
        "std::net::Tcp",
        "std::fs",
    ];
    let mut broken = Vec::new();
    for core in cores {
        let mut sources = Vec::new();
        let directory = root().join(core);
        if directory.is_dir() {
            files(&directory, &["rs"], &mut sources);
        } else {
            sources.push(directory.with_extension("rs"));
        }
        assert!(!sources.is_empty(), "{core} is gone: name the core's new place here");
        for source in sources.iter().filter(|s| !s.to_string_lossy().contains("test")) {
            let text = read(source);
            for (number, line) in code(&text).lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
                broken.extend(
                    forbidden
                        .iter()
                        .filter(|word| line.contains(**word))
                        .map(|word| format!("{}:{}: {word} in a core", source.display(), number + 1)),
                );
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_are_short_have_a_head_and_no_left_overs() {
    let mut sources = Vec::new();
    files(&root(), &["rs", "ts", "vue", "mjs", "sh"], &mut sources);
    let markers =
        [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX"].concat(), ["unimple", "mented!"].concat()];
    let mut broken = Vec::new();
    for source in &sources {
        let (text, name) = (read(source), source.display());
        let lines = text.lines().count();
        let generated = source.to_string_lossy().ends_with(".d.ts");
        if lines > 800 && !generated {
            broken.push(format!("{name}: {lines} lines, at most 800"));
        }
        let words = || text.split(|c: char| !c.is_alphanumeric() && c != '!');
        broken
            .extend(markers.iter().filter(|m| words().any(|word| word == m.as_str())).map(|m| format!("{name}: {m}")));
        let is_rust = source.extension().is_some_and(|e| e == "rs") && !source.to_string_lossy().ends_with("tests.rs");
        if is_rust && !text.trim_start().starts_with("//!") && !source.ends_with("build.rs") {
            broken.push(format!("{name}: no head that says what it is for"));
        }
    }
    assert!(sources.len() > 100, "the walk must find the sources");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn decoders_and_parsers_have_fuzz_targets() {
    let targets = root().join("tests/fuzz/fuzz_targets");
    for name in ["mqtt_packet", "topic", "json_payload", "log_record"] {
        let path = targets.join(name).with_extension("rs");
        assert!(path.is_file(), "{} is missing", path.display());
    }
}
