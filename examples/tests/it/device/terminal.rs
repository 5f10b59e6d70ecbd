//! A user at a terminal: a pty, as `script` makes one.

use std::{
    fs,
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use super::{
    Lab,
    download::{Answer, Content, large},
    download_install, wipe,
};
use crate::tools::is_there;

/// The program at a terminal.
fn at_a_terminal(lab: &Lab) -> Command {
    at_a_terminal_of(lab, 80)
}

/// The same, with so many columns.
fn at_a_terminal_of(lab: &Lab, columns: u16) -> Command {
    let program = lab.program();
    let words = core::iter::once(program.get_program()).chain(program.get_args());
    // No word of these has a quote in it.
    let words: Vec<_> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command"])
        .arg(format!("stty cols {columns}; {}", words.join(" ")))
        .arg("/dev/null")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

#[test]
fn the_user_at_the_terminal_is_asked_with_the_time_there_is() {
    if !is_there("script", "bsdutils") {
        return;
    }
    for (typed, state, code) in [("yes\n", "succeeded", 1201), ("\n", "declined", 304)] {
        let lab = Lab::new();
        let mut request = wipe(&["Contacts"]);
        request["confirm"] = "Erase all contacts?".into();
        let operation = lab.order(&request);
        let mut child = at_a_terminal(&lab).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut seen = Vec::new();
        let mut octet = [0];
        while !seen.ends_with(b"[yes, NO, cancel; 60 s] ") {
            assert_eq!(output.read(&mut octet).unwrap(), 1, "it never asks");
            seen.push(octet[0]);
        }
        let mut input = child.stdin.take().unwrap();
        input.write_all(typed.as_bytes()).unwrap();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success(), "{rest}");
        assert_eq!(lab.outcome(&operation), (state.to_owned(), code));
        let contacts = fs::read_dir(lab.root().join("home/user/Contacts")).unwrap();
        assert_eq!(contacts.count() == 0, code == 1201);
    }
}

#[test]
fn what_a_server_asks_cannot_steer_the_terminal() {
    let lab = Lab::new();
    let mut request = wipe(&["Contacts"]);
    request["confirm"] = "Keep \u{202e}stcatnoc\u{202c}, \u{2067}yes\u{2069}\u{200f}?".into();
    let operation = lab.order(&request);
    let output = lab.program().args(["--confirm", "no"]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    let escaped = r"Keep \u{202e}stcatnoc\u{202c}, \u{2067}yes\u{2069}\u{200f}?";
    assert!(shown.contains(escaped), "{shown}");
    assert_eq!(lab.outcome(&operation), ("declined".to_owned(), 304));
}

#[test]
fn bars_show_how_far_it_is_and_go_on_after_a_cut_where_it_was() {
    if !is_there("script", "bsdutils") {
        return;
    }
    let (package, params) = large();
    let content = Content::new(move |number, request| {
        let answer = Answer::ranged(request, &package, "\"1\"");
        // Half of it, and then the rest.
        if number == 0 {
            answer.cut(250_000)
        } else {
            answer
        }
    });
    let lab = Lab::new();
    let operation = lab.order(&download_install(&content.url("maps.tar"), &params));
    let output = at_a_terminal(&lab).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}");
    assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
    // Where the first bar stopped, the second begins.
    let (_, rest) = shown.split_once("stopped downloading p").expect(&shown);
    let (stopped, rest) = rest.split_once("downloading p").expect(&shown);
    assert!(stopped.contains(" 244.14 KiB/491.00 KiB "), "{shown}");
    let first = rest.split("downloading p").next().unwrap_or_default();
    assert!(first.contains(" 244.14 KiB/491.00 KiB "), "{shown}");
    assert!(rest.contains("installing"), "{shown}");
}

#[test]
fn a_bar_is_one_line_whatever_its_name_and_the_terminal_are() {
    if !is_there("script", "bsdutils") {
        return;
    }
    let (package, params) = large();
    let content = Content::new(move |_, request| Answer::ranged(request, &package, "\"1\""));
    for (columns, shown_as) in [(80, "/491.00 KiB"), (20, "100%")] {
        let lab = Lab::new();
        let mut request = download_install(&content.url("maps.tar"), &params);
        // Each of these takes two columns.
        request["package"]["id"] = "地図".repeat(20).into();
        let operation = lab.order(&request);
        let output = at_a_terminal_of(&lab, columns).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{shown}");
        assert_eq!(lab.outcome(&operation), ("succeeded".to_owned(), 1200));
        assert!(shown.contains("downloading 地") || columns == 20, "{shown}");
        assert!(shown.contains(shown_as), "{shown}");
        // What takes more lines than one is drawn again after a move upwards.
        let upwards = ["\x1b[1A", "\x1b[2A", "\x1b[3A", "\x1b[4A"];
        assert!(!upwards.iter().any(|up| shown.contains(up)), "{shown:?}");
    }
}
