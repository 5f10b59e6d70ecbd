//! `CONFORMANCE.md` says what is supported and which test shows it: that these tests are there, that
//! every supported requirement has one, and that nothing mandatory is missing. `PROVENANCE.md` says where a
//! fact comes from and how sure it is, `DESIGN.md` where a decision can be changed: that they do.

use std::{
    collections::HashSet,
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

/// The rows of the tables in a file whose header line is `header`, with their lines, each behind the chapter
/// that it is in.
fn table(file: &str, header: &str) -> Vec<(usize, Vec<String>)> {
    let text = fs::read_to_string(root().join(file)).expect(file);
    let mut rows = Vec::new();
    let mut is_inside = false;
    let mut chapter = "";
    for (line, text) in (1..).zip(text.lines()) {
        if text.starts_with("## ") {
            chapter = text;
        }
        is_inside = text == header || is_inside && text.starts_with('|');
        if is_inside && text != header && !text.starts_with("|---") {
            let cells = [chapter]
                .into_iter()
                .chain(text.trim_matches('|').split(" | "));
            rows.push((line, cells.map(|cell| cell.trim().to_owned()).collect()));
        }
    }
    assert!(rows.len() > 50, "{file}: {}", rows.len());
    rows
}

#[test]
fn each_fact_has_a_source_and_says_how_sure_it_is() {
    let mut facts = HashSet::new();
    for (line, cells) in table("PROVENANCE.md", "| fact | from | sure |") {
        let [chapter, fact, from, sure] = &cells[..] else {
            panic!("PROVENANCE.md:{line} has {} columns", cells.len());
        };
        assert!(!fact.is_empty() && !from.is_empty(), "PROVENANCE.md:{line}");
        let is_new = facts.insert((chapter.clone(), fact.clone()));
        assert!(is_new, "PROVENANCE.md:{line} is there twice");
        // What nobody but us says is a decision, and not sure; memory alone is not very sure.
        let sure = sure.split([' ', ';']).next().unwrap_or_default();
        assert!(
            matches!(sure, "high" | "medium" | "low" | "-"),
            "PROVENANCE.md:{line}: {sure}"
        );
        if from == "D" || from.starts_with("memory") {
            assert_ne!(sure, "high", "PROVENANCE.md:{line}");
        }
    }
}

#[test]
fn each_switch_of_a_decision_is_there() {
    let crates = ["dm-proto", "dm-tree", "lawmo", "scomo"];
    let sources = crates.map(|name| sources_below(&root().join(name).join("src")));
    let declared: HashSet<&str> = sources
        .iter()
        .flatten()
        .flat_map(|source| declared(source))
        .collect();
    for (line, cells) in table("DESIGN.md", "| point | ours | switch |") {
        let [_, _, ours, switch] = &cells[..] else {
            panic!("DESIGN.md:{line} has {} columns", cells.len());
        };
        assert!(!ours.is_empty() && !switch.is_empty(), "DESIGN.md:{line}");
        for path in switch.split('`').skip(1).step_by(2) {
            let name = path.rsplit("::").next().unwrap_or_default();
            assert!(declared.contains(name), "DESIGN.md:{line}: {path}");
        }
    }
}

/// What a source declares: the names of its functions, types and public fields, and a few more.
fn declared(source: &str) -> impl Iterator<Item = &str> {
    let words = source.split_whitespace();
    let before = ["fn", "struct", "enum", "trait", "pub"];
    words
        .clone()
        .zip(words.skip(1))
        .filter(move |(word, _)| before.contains(word))
        .filter_map(|(_, name)| {
            name.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
}

fn sources_below(folder: &Path) -> Vec<String> {
    let mut folders = vec![folder.to_owned()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push(fs::read_to_string(&path).expect("a source"));
            }
        }
    }
    sources
}
