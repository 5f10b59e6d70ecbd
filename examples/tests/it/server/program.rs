//! `dm-server`, run as a process.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use dm_proto::{auth::Scheme, codec::Encoding};
use dm_tree::remote::DeviceRequest;
use serde_json::json;

use super::{
    Emi, PHONE_PATH, Phone, converse, exchange, folder, md5_session, phone_account, session, turn,
};

struct Program {
    child: Child,
    dm: String,
    emi: Emi,
}

impl Program {
    /// Starts it on free ports and reads the line it prints.
    fn start(data: &Path) -> Self {
        Self::start_logging_to(data, Stdio::piped())
    }

    fn start_logging_to(data: &Path, log: Stdio) -> Self {
        Self::start_with(data, &[], log)
    }

    fn start_with(data: &Path, arguments: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dm-server"))
            .args(["--listen", "127.0.0.1:0", "--emi", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("dm-server starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line).expect("a line");
        let (dm, emi) = line
            .trim_end()
            .strip_prefix("listening dm=")
            .and_then(|rest| rest.split_once(" emi="))
            .expect("the line");
        Self {
            dm: dm.to_owned(),
            emi: Emi::new(emi),
            child,
        }
    }

    /// Ends it without a warning, as a power failure would; what it has logged.
    fn kill(mut self) -> String {
        self.child.kill().expect("it is killed");
        self.log()
    }

    fn log(&mut self) -> String {
        self.child.wait().expect("it ends");
        let mut log = String::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut log).expect("text");
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dm-server"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("dm-server runs")
}

#[test]
fn a_kill_between_any_two_messages_loses_nothing() {
    let data = folder("kill");
    let mut program = Program::start(&data);
    program.emi.register();
    let lock = program.emi.queue(&json!({"lawmo": "fully-lock"}));
    let unlock = program.emi.queue(&json!({"lawmo": "unlock"}));
    let mut client = md5_session(&program.dm, "1", Phone::default());
    let mut kills = 0;
    loop {
        program.kill();
        kills += 1;
        program = Program::start(&data);
        if !turn(&program.dm, &mut client) {
            break;
        }
    }
    assert!(kills >= 5, "challenge, object, lock, object, unlock, end");
    assert_eq!(client.device.names(), ["FullyLock", "UnLock"]);
    for id in [&lock, &unlock] {
        assert_eq!(program.emi.states(id), ["queued", "sent", "succeeded"]);
    }
}

#[test]
fn a_kill_between_any_two_messages_neither_loses_nor_doubles_what_a_device_asks_for() {
    let data = folder("kill-request");
    std::fs::create_dir_all(&data).unwrap();
    let policy = data.join("policy.json");
    let rule = json!([{"alert": "org.test:lock-me", "operation": {"lawmo": "fully-lock"}}]);
    std::fs::write(&policy, rule.to_string()).unwrap();
    let arguments = ["--policy", policy.to_str().unwrap()];
    let start = || Program::start_with(&data, &arguments, Stdio::piped());
    let mut program = start();
    program.emi.register();
    let phone = Phone {
        reports: vec![DeviceRequest::alert("org.test:lock-me", "./Ext", "")],
        ..Phone::default()
    };
    let mut client = md5_session(&program.dm, "1", phone);
    while let Some(transmit) = client.transmit() {
        // The answer gets lost with the server, and the message is sent again.
        let lost = exchange(&program.dm, &transmit);
        program.kill();
        program = start();
        let answer = exchange(&program.dm, &transmit);
        assert_eq!(
            answer.message(),
            lost.message(),
            "the answer that was stored"
        );
        client.handle(answer).expect("the session goes on");
    }
    assert_eq!(client.device.names(), ["FullyLock"]);
    let (_, view) = program.emi.get(&format!("{PHONE_PATH}/requests"));
    let requests = view["requests"].as_array().expect("a list");
    assert_eq!(requests.len(), 1, "{view}");
    assert_eq!(requests[0]["answer"], "granted");
    let id = requests[0]["operations"][0]
        .as_str()
        .expect("an identifier");
    assert_eq!(program.emi.states(id), ["queued", "sent", "succeeded"]);
    assert_eq!(program.emi.get(PHONE_PATH).1["operations"], json!([]));
}

#[test]
fn the_log_shows_what_a_device_says_without_what_steers_a_terminal() {
    let data = folder("log-escapes");
    let program = Program::start(&data);
    let mut account = phone_account(&program.dm, Scheme::Md5);
    account.device_uri = "phone\u{202e}enohp\u{2066}".into();
    let mut client = session(account, "1", Encoding::Wbxml, Phone::default());
    let transmit = client.transmit().expect("package 1");
    super::post(&program.dm, transmit.encoding.media_type(), &transmit.body);
    let log = program.kill();
    assert!(log.contains("phone\\u{202e}enohp\\u{2066}"), "{log}");
    assert!(!log.contains(['\u{202e}', '\u{2066}']), "{log}");
}

#[test]
fn an_answer_that_was_lost_with_the_server_is_given_again() {
    let data = folder("lost-answer");
    let program = Program::start(&data);
    program.emi.register();
    program.emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut client = md5_session(&program.dm, "1", Phone::default());
    let package_1 = client.transmit().expect("package 1");
    let media_type = package_1.encoding.media_type();
    let first = super::post(&program.dm, media_type, &package_1.body);
    program.kill();

    let program = Program::start(&data);
    assert_eq!(super::post(&program.dm, media_type, &package_1.body), first);
}

#[test]
fn an_operation_that_was_asked_for_before_a_kill_is_not_queued_again_after_it() {
    let data = folder("idempotency-kill");
    let path = format!("{PHONE_PATH}/operations");
    let body = json!({"lawmo": "fully-lock"});
    let program = Program::start(&data);
    program.emi.register();
    let (status, first) = program.emi.post_with_key(&path, "key", &body);
    assert_eq!(status, 201);
    program.kill();

    let program = Program::start(&data);
    let again = program.emi.post_with_key(&path, "key", &body);
    assert_eq!(again, (200, first));
}

#[test]
fn a_second_server_does_not_open_the_same_database() {
    let data = folder("locked");
    let program = Program::start(&data);
    program.emi.register();
    let data = data.to_str().expect("text");
    let output = run(&[
        "--listen",
        "127.0.0.1:0",
        "--emi",
        "127.0.0.1:0",
        "--data",
        data,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with(&format!(
            "error: cannot open the database {data}/dm-server.redb: "
        )),
        "{stderr}"
    );
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: this system has no /dev/full");
        return;
    };
    let program = Program::start_logging_to(&folder("full-log"), full.into());
    program.emi.register();
    let lock = program.emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut client = md5_session(&program.dm, "1", Phone::default());
    converse(&program.dm, &mut client);
    assert_eq!(program.emi.states(&lock), ["queued", "sent", "succeeded"]);
}

#[test]
fn the_log_names_operations_and_holds_no_secret() {
    let data = folder("log");
    let program = Program::start(&data);
    program.emi.register();
    let id = program.emi.queue(&json!({"lawmo": "fully-lock"}));
    let mut client = md5_session(&program.dm, "1", Phone::default());
    converse(&program.dm, &mut client);
    assert_eq!(program.emi.get(PHONE_PATH).0, 200);
    let log = program.kill();
    assert!(
        log.contains(&format!(
            "operation {id} on \"IMEI:490154203237518\": succeeded"
        )),
        "{log}"
    );
    let of_operation = format!("operation {id} on");
    let changes = log.lines().filter(|line| line.contains(&of_operation));
    assert_eq!(
        changes.count(),
        3,
        "queued, sent, succeeded, each once: {log}"
    );
    assert!(!log.contains("password"), "{log}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_properly_even_while_somebody_watches() {
    let data = folder("interrupt");
    let mut program = Program::start(&data);
    program.emi.register();
    let id = program.emi.queue(&json!({"lawmo": "fully-lock"}));
    let child = program.child.id().to_string();
    let events = program.emi.events(&id, None, |_| {
        let killed = Command::new("kill").args(["-INT", &child]).status();
        assert!(killed.expect("kill runs").success());
        false
    });
    assert_eq!(events.len(), 1);
    assert_eq!(program.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn the_rest_api_is_not_opened_to_others_without_a_token() {
    let data = folder("open");
    let data = data.to_str().expect("text");
    let listen = [
        "--listen",
        "127.0.0.1:0",
        "--emi",
        "0.0.0.0:0",
        "--data",
        data,
    ];
    let output = run(&listen);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: the REST API would listen beyond loopback on 0.0.0.0:"));
    assert!(
        stderr.ends_with("give it a token with --emi-token-file\n"),
        "{stderr}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn postgresql_is_refused_as_not_supported_yet() {
    let data = folder("postgres");
    let data = data.to_str().expect("text");
    let output = run(&[
        "--listen",
        "127.0.0.1:0",
        "--emi",
        "127.0.0.1:0",
        "--data",
        data,
        "--database-url",
        "postgres://localhost/dm",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with("error: --database-url is not supported yet"),
        "{stderr}"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [&[][..], &["--listen", "127.0.0.1:0"], &["--verbose"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_with_the_reason() {
    let data = folder("policy");
    std::fs::create_dir_all(&data).unwrap();
    let file = data.join("policy.json");
    for (policy, reason) in [
        ("[", "EOF while parsing"),
        (r#"[{"alert": "x"}]"#, "rule 1: needs an \"operation\""),
        (r#"{"max_open": 0}"#, "\"max_open\" must be 1 to 1024"),
        (r#"{"max_opn": 1}"#, "unknown field `max_opn`"),
        (
            r#"[{"alert": "x", "operation": {"lawmo": "wipe"}}]"#,
            "rule 1: wipe needs \"items\"",
        ),
    ] {
        std::fs::write(&file, policy).unwrap();
        let output = run(&[
            "--listen=127.0.0.1:0",
            "--emi=127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
            "--policy",
            file.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(reason), "{errors}");
    }
}
