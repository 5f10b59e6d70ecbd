//! `CONFORMANCE.md` says what is supported and which test shows it: that these tests are there, that
//! every supported requirement has one, and that nothing mandatory is missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A requirement.
struct Row {
    line: usize,
    level: String,
    /// Client and server: `yes`, `no`, `-` or `caller`.
    roles: [String; 2],
    tests: Vec<String>,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("CONFORMANCE.md")).expect("CONFORMANCE.md");
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let Some(cells) = text
            .strip_prefix("| ")
            .and_then(|text| text.strip_suffix('|'))
        else {
            continue;
        };
        let cells: Vec<&str> = cells.split(" | ").map(str::trim).collect();
        if cells[0] == "section" {
            continue;
        }
        let [_, level, requirement, client, server, shown] = cells[..] else {
            panic!("line {line} has {} columns", cells.len());
        };
        assert!(!requirement.is_empty(), "line {line}");
        let tests = shown.split('`').skip(1).step_by(2).map(String::from);
        rows.push(Row {
            line,
            level: level.to_owned(),
            roles: [client.to_owned(), server.to_owned()],
            tests: tests.collect(),
        });
    }
    rows
}

/// Whether `crate::module::test` is a test of that module.
fn is_there(name: &str) -> bool {
    let mut parts: Vec<&str> = name.split("::").collect();
    let (Some(test), true) = (parts.pop(), parts.len() >= 2) else {
        return false;
    };
    let folder = root().join(parts.remove(0).replace('_', "-"));
    let module = parts.join("/");
    let files = ["src", "tests/it"]
        .iter()
        .flat_map(|place| ["", "/mod", "/tests"].map(|end| format!("{place}/{module}{end}.rs")));
    files
        .filter_map(|file| fs::read_to_string(folder.join(file)).ok())
        .any(|source| {
            let head = format!("    fn {test}(");
            let indented = source.find(&head).map(|place| place + 4);
            let place = source.find(&format!("\nfn {test}(")).or(indented);
            // With its attributes right above it.
            place.is_some_and(|place| {
                let above = source[..place].trim_end().rsplit("\n\n").next();
                above.is_some_and(|above| above.contains("#[test]"))
            })
        })
}

#[test]
fn every_test_that_is_named_is_there() {
    for row in rows() {
        for test in &row.tests {
            assert!(is_there(test), "CONFORMANCE.md:{}: {test}", row.line);
        }
    }
    assert!(!is_there("dm_proto::conformance::no_such_test"));
    assert!(!is_there("dm_proto::conformance::is_there"), "no test");
}

#[test]
fn what_is_supported_is_shown_and_nothing_mandatory_is_missing() {
    let rows = rows();
    assert!(rows.len() > 100, "{}", rows.len());
    for row in rows {
        let line = row.line;
        assert!(matches!(&*row.level, "M" | "R" | "O"), "line {line}");
        for role in &row.roles {
            match &**role {
                "yes" => assert!(!row.tests.is_empty(), "line {line} is not shown"),
                "no" => assert_ne!(row.level, "M", "line {line} is mandatory"),
                "-" | "caller" => {}
                other => panic!("line {line}: {other}"),
            }
        }
    }
}
