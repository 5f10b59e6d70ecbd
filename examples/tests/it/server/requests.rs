//! `dm-server`: who asks it for what, and what each is answered.

use dm_examples::server::{
    Answer, Behalf, Config, LawmoVerb, OperationRequest, Policy, Rule, Running, Server,
};
use dm_proto::{
    AlertCode, StatusCode,
    auth::{Account, Scheme},
    codec::Encoding,
    message::Alert,
};
use dm_tree::remote::DeviceRequest;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Emi, PHONE, PHONE_PATH, Phone, converse, folder, md5_session, phone_account};

const OPERATIONS: &str = "/devices/IMEI%3A490154203237518/operations";
const REQUESTS: &str = "/devices/IMEI%3A490154203237518/requests";

const LOCK_ME: &str = "org.test:lock-me";

fn start(test: &str, policy: Policy) -> (Running, Emi) {
    let mut config = Config::new(folder(test));
    config.policy = policy;
    let server = Server::spawn(config).expect("the server starts");
    let emi = Emi::new(server.emi_url());
    emi.register();
    (server, emi)
}

fn rules(rules: Vec<Rule>) -> Policy {
    let mut policy = Policy::default();
    policy.rules = rules;
    policy
}

fn lock() -> OperationRequest {
    OperationRequest::lawmo(LawmoVerb::PartiallyLock)
}

fn ask(type_: &str, source: &str) -> Alert {
    DeviceRequest::alert(type_, source, "")
}

/// A session in which the phone sends these alerts; what it was told to do.
fn session(server: &Running, id: &str, alerts: Vec<Alert>) -> Vec<String> {
    session_of(server, id, alerts, StatusCode::new(1200))
}

/// The same with a phone that answers an Exec like this.
fn session_of(server: &Running, id: &str, alerts: Vec<Alert>, status: StatusCode) -> Vec<String> {
    let account = phone_account(server.dm_url(), Scheme::Md5);
    session_with(account, id, alerts, status).0
}

/// The same with the account of an earlier session: no message is challenged, and so none sent again.
fn session_with(
    account: Account,
    id: &str,
    reports: Vec<Alert>,
    status: StatusCode,
) -> (Vec<String>, Account) {
    let phone = Phone {
        reports,
        status,
        ..Phone::default()
    };
    let url = account.server_uri.to_string();
    let mut client = super::session(account, id, Encoding::Wbxml, phone);
    converse(&url, &mut client);
    let names = client.device.names().into_iter();
    (names.map(str::to_owned).collect(), client.account)
}

/// What the operator sees of the phone's requests: type, answer, status, and how many operations do it.
fn requests(emi: &Emi) -> Vec<(Value, String, Value, usize)> {
    let (status, view) = emi.get(REQUESTS);
    assert_eq!(status, 200, "{view}");
    let requests = view["requests"].as_array().expect("a list");
    let told = requests.iter().map(|request| {
        let operations = request["operations"].as_array().expect("a list");
        let answer = request["answer"].as_str().expect("an answer").to_owned();
        let (type_, status) = (request["type"].clone(), request["status"].clone());
        (type_, answer, status, operations.len())
    });
    told.collect()
}

fn request(
    type_: &str,
    answer: &str,
    status: u16,
    operations: usize,
) -> (Value, String, Value, usize) {
    (type_.into(), answer.to_owned(), status.into(), operations)
}

#[test]
fn what_is_granted_is_done_in_the_same_session() {
    let (server, emi) = start("granted", rules(vec![Rule::granting(LOCK_ME, lock())]));
    let prefixed = format!("Reversed-Domain-Name: {LOCK_ME}");
    let done = session(&server, "1", vec![ask(&prefixed, "./Ext")]);
    assert_eq!(done, ["PartiallyLock"]);
    assert_eq!(requests(&emi), [request(LOCK_ME, "granted", 200, 1)]);

    let (_, view) = emi.get(REQUESTS);
    let seen = &view["requests"][0];
    assert_eq!(
        (&seen["number"], &seen["by"], &seen["behalf"]),
        (&json!(1), &json!("alert"), &json!("device"))
    );
    assert_eq!(
        seen["items"],
        json!([{"type": LOCK_ME, "source": "./Ext", "data": null}])
    );
    let id = seen["operations"][0].as_str().expect("an identifier");
    let operation = emi.operation(id);
    assert_eq!(
        (&operation["by"], &operation["state"]),
        (&json!("device"), &json!("succeeded"))
    );
    assert_eq!(
        emi.get(&format!("{REQUESTS}?after=1")).1,
        json!({"requests": []})
    );
}

#[test]
fn a_client_event_of_the_type_asks_too() {
    let (server, emi) = start("event", rules(vec![Rule::granting(LOCK_ME, lock())]));
    let mut event = ask(LOCK_ME, "./Ext");
    event.code = Some(AlertCode::CLIENT_EVENT);
    assert_eq!(session(&server, "1", vec![event]), ["PartiallyLock"]);
    assert_eq!(requests(&emi), [request(LOCK_ME, "granted", 200, 1)]);
}

#[test]
fn what_no_rule_grants_is_refused_and_what_is_no_request_is_not() {
    let mut elsewhere = Rule::granting(LOCK_ME, lock());
    elsewhere.source = Some("./Elsewhere".into());
    let mut refused = Rule::default();
    refused.alert = Some("org.test:never".into());
    refused.answer = Answer::Refuse;
    let (server, emi) = start("refused", rules(vec![elsewhere, refused]));
    let alerts = vec![
        ask(LOCK_ME, "./Ext"),
        ask("org.test:never", "./Ext"),
        ask("org.test:other", "./Elsewhere"),
    ];
    assert_eq!(session(&server, "1", alerts), [""; 0]);
    let expected = [
        request(LOCK_ME, "refused", 403, 0),
        request("org.test:never", "refused", 403, 0),
    ];
    assert_eq!(requests(&emi), expected);
    let reason = &emi.get(REQUESTS).1["requests"][0]["reason"];
    assert_eq!(reason, "who asks is not entitled to this operation");
}

#[test]
fn what_is_put_off_is_done_in_the_next_session() {
    let mut later = Rule::granting(LOCK_ME, lock());
    later.answer = Answer::Later;
    later.by_user = true;
    let (server, emi) = start("later", rules(vec![later]));
    assert_eq!(session(&server, "1", vec![ask(LOCK_ME, "./Ext")]), [""; 0]);
    assert_eq!(requests(&emi), [request(LOCK_ME, "later", 202, 1)]);
    assert_eq!(emi.get(REQUESTS).1["requests"][0]["behalf"], "user");
    assert_eq!(session(&server, "2", vec![]), ["PartiallyLock"]);
}

#[test]
fn a_request_that_comes_again_while_it_is_worked_on_adds_nothing() {
    let (server, emi) = start("again", rules(vec![Rule::granting(LOCK_ME, lock())]));
    let accepted = StatusCode::ACCEPTED;
    let account = phone_account(server.dm_url(), Scheme::Md5);
    let asks = || vec![ask(LOCK_ME, "./Ext")];
    let (done, account) = session_with(account, "1", asks(), accepted);
    assert_eq!(done, ["PartiallyLock"]);
    // Its report has not come.
    let (done, _) = session_with(account, "2", asks(), accepted);
    assert_eq!(done, [""; 0]);
    assert_eq!(requests(&emi), [request(LOCK_ME, "granted", 200, 1)]);
    let (_, view) = emi.get(REQUESTS);
    let asked = &view["requests"][0];
    assert_eq!(asked["times"], 2, "{view}");
    let at = |member: &str| asked[member].as_str().unwrap().parse::<Timestamp>();
    assert!(at("last").unwrap() > at("at").unwrap(), "{view}");
}

#[test]
fn a_request_that_is_sent_twice_in_a_session_is_listed_once() {
    let (server, emi) = start("twice", rules(vec![Rule::granting(LOCK_ME, lock())]));
    let asks = vec![ask(LOCK_ME, "./Ext"), ask(LOCK_ME, "./Ext")];
    assert_eq!(session(&server, "1", asks), ["PartiallyLock"]);
    assert_eq!(requests(&emi), [request(LOCK_ME, "granted", 200, 1)]);
    assert_eq!(emi.get(REQUESTS).1["requests"][0]["times"], 2);
}

#[test]
fn a_session_that_the_device_opens_gets_what_the_operator_has_for_it() {
    let mut rule = Rule::default();
    rule.session = true;
    rule.device = Some(PHONE.into());
    rule.operation = Some(lock());
    let (server, emi) = start("session", rules(vec![rule]));
    let accepted = StatusCode::ACCEPTED;
    assert_eq!(
        session_of(&server, "1", vec![], accepted),
        ["PartiallyLock"]
    );
    assert_eq!(
        session_of(&server, "2", vec![], accepted),
        [""; 0],
        "it is worked on"
    );
    let (_, view) = emi.get(REQUESTS);
    let requests = view["requests"].as_array().expect("a list");
    assert_eq!(requests.len(), 1, "{view}");
    assert_eq!(
        (&requests[0]["by"], &requests[0]["status"]),
        (&json!("session"), &json!(null))
    );
    assert_eq!(requests[0]["times"], 2, "{view}");
}

#[test]
fn the_infrastructure_is_refused_by_http_with_the_reason() {
    let mut policy = Policy::default();
    policy.max_open = 2;
    policy.needs_consent = vec!["factory-reset".into()];
    policy.refused.insert(Behalf::User, vec!["unlock".into()]);
    let (_server, emi) = start("front-desk", policy);
    for (body, status, refusal, error) in [
        (
            json!({"lawmo": "factory-reset"}),
            403,
            "needs-consent",
            "this operation needs the consent of the user: say in \"confirm\" what the user is asked",
        ),
        (
            json!({"lawmo": "unlock", "behalf": "user"}),
            403,
            "not-entitled",
            "who asks is not entitled to this operation",
        ),
    ] {
        let expected = (status, json!({"error": error, "refusal": refusal}));
        assert_eq!(emi.post(OPERATIONS, &body), expected, "{body}");
    }
    let id = emi.queue(&json!({"lawmo": "unlock"}));
    emi.queue(&json!({"lawmo": "factory-reset", "confirm": "Sure?", "behalf": "user"}));
    let full = "too many operations wait for the device: 2 are open, which is the most that may be";
    let expected = (409, json!({"error": full, "refusal": "too-many"}));
    assert_eq!(
        emi.post(OPERATIONS, &json!({"lawmo": "fully-lock"})),
        expected
    );
    // What is over waits no longer.
    assert_eq!(emi.delete(&format!("/operations/{id}")).0, 200);
    emi.queue(&json!({"lawmo": "fully-lock"}));
    let (status, problem) = emi.get(&format!("{PHONE_PATH}/requests?after=x"));
    assert_eq!(status, 400, "{problem}");
    assert_eq!(emi.get("/devices/nobody/requests").0, 404);
}

#[test]
fn the_limit_holds_for_devices_as_well() {
    let mut policy = rules(vec![Rule::granting(LOCK_ME, lock())]);
    policy.max_open = 1;
    let (server, emi) = start("device-full", policy);
    emi.queue(&json!({"lawmo": "fully-lock"}));
    let done = session_of(
        &server,
        "1",
        vec![ask(LOCK_ME, "./Ext")],
        StatusCode::ACCEPTED,
    );
    assert_eq!(done, ["FullyLock"]);
    assert_eq!(requests(&emi), [request(LOCK_ME, "refused", 503, 0)]);
}

#[test]
fn a_report_behind_the_outcome_is_shown_and_changes_nothing() {
    let (server, emi) = start("late", Policy::default());
    let id = emi.queue(&json!({"lawmo": "fully-lock", "deadline": "2999-01-01T00:00:00Z"}));
    let phone = Phone {
        status: StatusCode::ACCEPTED,
        ..Phone::default()
    };
    let mut client = md5_session(server.dm_url(), "1", phone);
    converse(server.dm_url(), &mut client);
    let (_, correlator) = client.device.executed.remove(0);
    let correlator = correlator.expect("a correlator");
    assert!(emi.operation(&id).get("late").is_none());
    let mut account = client.account;
    for session_id in ["2", "3", "4"] {
        let report = super::sessions::report(&correlator, "1200");
        let accepted = StatusCode::ACCEPTED;
        account = session_with(account, session_id, vec![report], accepted).1;
        assert_eq!(emi.state(&id), "succeeded");
    }
    let late = &emi.operation(&id)["late"];
    assert_eq!(late.as_array().map(Vec::len), Some(1), "{late}");
    assert_eq!(
        (&late[0]["times"], &late[0]["items"][0]["data"]),
        (&json!(2), &json!("1200"))
    );
    assert_eq!(emi.states(&id), ["queued", "sent", "accepted", "succeeded"]);
}

#[test]
fn what_a_device_took_before_its_reset_ends_unknown_once_it_has_come_back() {
    let (server, emi) = start("forgotten", Policy::default());
    let lock = emi.queue(&json!({"lawmo": "fully-lock"}));
    let reset = emi.queue(&json!({"lawmo": "factory-reset"}));
    let phone = Phone {
        status: StatusCode::ACCEPTED,
        ..Phone::default()
    };
    let mut client = md5_session(server.dm_url(), "1", phone);
    converse(server.dm_url(), &mut client);
    assert_eq!(client.device.names(), ["FullyLock", "FactoryReset"]);
    assert_eq!(emi.states(&reset), ["queued", "sent", "accepted"]);
    assert_eq!(
        emi.operation(&lock)["final"],
        false,
        "it may say something before it is reset"
    );
    let accepted = StatusCode::ACCEPTED;
    let account = session_with(client.account, "2", Vec::new(), accepted).1;
    let operation = emi.operation(&lock);
    assert_eq!(operation["state"], "unknown", "{operation}");
    assert_eq!(operation["reason"], "forgotten");
    let states = ["queued", "sent", "accepted", "unknown"];
    assert_eq!(emi.states(&lock), states);
    // It was not reset, or not before its report was on its way.
    let (_, correlator) = client.device.executed.remove(0);
    let report = super::sessions::report(&correlator.expect("a correlator"), "1200");
    session_with(account, "3", vec![report], accepted);
    let operation = emi.operation(&lock);
    assert_eq!(operation["state"], "unknown");
    assert_eq!(operation["late"][0]["items"][0]["data"], "1200");
}

#[test]
fn a_report_of_nobodys_operation_is_shown_with_its_device() {
    let (server, emi) = start("unclaimed", Policy::default());
    let mut account = phone_account(server.dm_url(), Scheme::Md5);
    let report = |code| super::sessions::report(&"another's".into(), code);
    let other = DeviceRequest::alert("org.test:news", "./News", "read me");
    for (id, alert) in [
        ("1", report("1402")),
        ("2", other),
        ("3", report("1200")),
        ("4", report("1200")),
    ] {
        account = session_with(account, id, vec![alert], StatusCode::ACCEPTED).1;
    }
    let device = emi.get(PHONE_PATH).1;
    let alerts = device["alerts"].as_array().expect("alerts");
    let shown: Vec<_> = alerts
        .iter()
        .map(|alert| {
            let item = &alert["items"][0];
            (
                &alert["times"],
                &alert["correlator"],
                &item["data"],
                &alert["report"],
            )
        })
        .collect();
    let report = |code: u16| json!({"object": "lawmo", "root": "./LAWMO", "operation": "fully-lock", "code": code});
    let (another, nobody) = (json!("another's"), Value::Null);
    assert_eq!(
        shown,
        [
            (&json!(1), &another, &json!("1402"), &report(1402)),
            (&json!(1), &nobody, &json!("read me"), &Value::Null),
            (&json!(2), &another, &json!("1200"), &report(1200)),
        ]
    );
}

#[test]
fn a_request_whose_message_was_challenged_is_one_request() {
    let rule = Rule::granting(LOCK_ME, lock());
    let (server, emi) = start("challenged", rules(vec![rule]));
    let done = session(&server, "1", vec![ask(LOCK_ME, "./LAWMO")]);
    assert_eq!(done, ["PartiallyLock"]);
    let requests = emi.get(REQUESTS).1;
    let requests = requests["requests"].as_array().expect("requests");
    assert_eq!(requests.len(), 1, "{requests:?}");
}
