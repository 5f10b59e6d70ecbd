//! The REST API.

use dm_examples::server::{Config, Server};
use dm_proto::Secret;
use serde_json::{Value, json};

use super::{Emi, JSON, PHONE, PHONE_PATH, account, agent, answer, folder, start};

const OPERATIONS: &str = "/devices/IMEI%3A490154203237518/operations";

#[test]
fn a_device_is_made_shown_and_listed_without_its_passwords() {
    let server = start("devices");
    let emi = Emi::new(server.emi_url());
    let shown = json!({
        "id": PHONE,
        "server_id": "dm.test",
        "auth": "md5",
        "user": "phone",
        "server_user": "server",
        "notify": null,
        "profile": "standard",
        "mo_roots": {"lawmo": ["./LAWMO"], "scomo": ["./SCOMO"]},
        "operations": [],
        "last_seen": null,
        "dev_info": {},
        "alerts": [],
    });
    assert_eq!(emi.put(PHONE_PATH, &account()), (201, shown.clone()));
    assert_eq!(emi.put(PHONE_PATH, &account()), (200, shown.clone()));
    assert_eq!(emi.get(PHONE_PATH), (200, shown.clone()));
    assert_eq!(emi.get("/devices"), (200, json!({ "devices": [shown] })));
    for query in ["?after=a&after=b", "?before=a"] {
        let (status, problem) = emi.get(&format!("/devices{query}"));
        assert_eq!(status, 400, "{query}");
        assert!(problem["error"].is_string(), "{query} {problem}");
    }
}

#[test]
fn an_identifier_may_hold_what_a_path_may_not() {
    let server = start("identifier");
    let emi = Emi::new(server.emi_url());
    let path = "/devices/urn%3Atest%3A%2F1%20%25%3F";
    assert_eq!(emi.put(path, &account()).0, 201);
    let (status, device) = emi.get(path);
    assert_eq!((status, &device["id"]), (200, &json!("urn:test:/1 %?")));
    // No message could name these.
    for path in ["/devices/%00", "/devices/a%0Ab", "/devices/%20a"] {
        assert_eq!(emi.put(path, &account()).0, 422, "{path}");
    }
}

#[test]
fn every_member_of_an_account_is_taken() {
    let server = start("account");
    let emi = Emi::new(server.emi_url());
    let account = json!({
        "server_id": "s", "auth": "basic", "user": "u", "password": "p",
        "server_user": "su", "server_password": "sp",
        "notify": "udp://phone.test:2948", "profile": "windows",
        "mo_roots": {"lawmo": ["./A/L"], "scomo": ["./A/S", "./B/S"]},
    });
    let (status, shown) = emi.put("/devices/x", &account);
    assert_eq!(status, 201, "{shown}");
    for member in [
        "auth",
        "user",
        "server_user",
        "notify",
        "profile",
        "mo_roots",
    ] {
        assert_eq!(shown[member], account[member], "{member}");
    }
}

#[test]
fn an_account_that_makes_no_sense_is_refused_with_the_reason() {
    let server = start("bad-accounts");
    let emi = Emi::new(server.emi_url());
    let with = |member: &str, value: Value| {
        let mut account = account();
        account[member] = value;
        account
    };
    let cases = [
        (
            with("server_id", json!("")),
            "\"server_id\" must not be empty",
        ),
        (
            with("password", json!("")),
            "\"password\" must not be empty",
        ),
        (
            with("notify", json!("http://phone.test:1")),
            "\"notify\" is not of the form udp://host:port",
        ),
        (
            with("notify", json!("udp://phone.test")),
            "\"notify\" is not of the form udp://host:port",
        ),
        (
            with("mo_roots", json!({"lawmo": ["./A//B"]})),
            "\"./A//B\" in \"mo_roots\" is not the uri of a node",
        ),
    ];
    for (account, reason) in cases {
        let (status, problem) = emi.put(PHONE_PATH, &account);
        assert_eq!((status, problem), (422, json!({ "error": reason })));
    }
    for account in [
        json!({}),
        with("auth", json!("digest")),
        with("pasword", json!("x")),
        with("profile", json!("toaster")),
        with("user", json!(1)),
    ] {
        let (status, problem) = emi.put(PHONE_PATH, &account);
        assert_eq!(status, 422, "{account}");
        let reason = problem["error"].as_str().expect("a reason");
        assert!(reason.starts_with("the body does not fit: "), "{reason}");
    }
    assert_eq!(emi.get(PHONE_PATH).0, 404);
}

#[test]
fn a_body_is_json_and_says_so() {
    let server = start("bodies");
    let emi = Emi::new(server.emi_url());
    let put = |content_type: &str, body: &str| {
        let request = agent().put(emi.url(PHONE_PATH)).content_type(content_type);
        answer(request.send(body))
    };
    assert_eq!(put("text/plain", &account().to_string()).0, 415);
    assert_eq!(put(JSON, "{").0, 400);
    let (status, problem) = put(JSON, r#"["srv", "none"]"#);
    assert_eq!(status, 400);
    let reason = "the body does not fit: it must be a JSON object";
    assert_eq!(problem["error"], reason);
    let (status, problem) = put(JSON, &" ".repeat(70_000));
    assert_eq!(status, 413);
    let reason = "the body has more than the 65536 octets that this resource takes";
    assert_eq!(problem["error"], reason);
    let (status, _) = put("application/json; charset=utf-8", &account().to_string());
    assert_eq!(status, 201);
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = start("not-found");
    let emi = Emi::new(server.emi_url());
    let body = json!({"lawmo": "unlock"});
    let missing = |what: &str| (404, json!({ "error": format!("there is no such {what}") }));
    assert_eq!(emi.get(PHONE_PATH), missing("device"));
    assert_eq!(emi.post(OPERATIONS, &body), missing("device"));
    assert_eq!(emi.get("/operations/0"), missing("operation"));
    assert_eq!(emi.delete("/operations/0"), missing("operation"));
    assert_eq!(emi.get("/operations/0/events"), missing("operation"));
    assert_eq!(emi.get("/nothing"), missing("resource"));
    assert_eq!(emi.post("/devices", &body).0, 405);
}

#[test]
fn an_operation_is_queued_once_per_idempotency_key() {
    let server = start("idempotency");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let body = json!({"lawmo": "fully-lock"});

    let (status, first) = emi.post_with_key(OPERATIONS, "key-1", &body);
    assert_eq!(status, 201, "{first}");
    assert_eq!(first["state"], "queued");
    assert_eq!(first["final"], false);
    assert_eq!(first["request"], body);

    let (status, again) = emi.post_with_key(OPERATIONS, "key-1", &body);
    assert_eq!((status, &again["id"]), (200, &first["id"]));

    let (status, problem) = emi.post_with_key(OPERATIONS, "key-1", &json!({"lawmo": "unlock"}));
    assert_eq!(status, 409);
    let reason = "this Idempotency-Key was used for another operation on the device";
    assert_eq!(problem, json!({ "error": reason }));

    let (status, second) = emi.post_with_key(OPERATIONS, "key-2", &body);
    assert_eq!(status, 201);
    assert_ne!(second["id"], first["id"]);

    let (_, device) = emi.get(PHONE_PATH);
    assert_eq!(device["operations"], json!([first["id"], second["id"]]));
}

#[test]
fn an_operation_that_makes_no_sense_is_refused_with_the_reason() {
    let server = start("bad-operations");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let package = json!({"id": "p1", "url": "http://files.test/p1"});
    let cases = [
        (
            json!({}),
            "name one operation, under \"lawmo\" or under \"scomo\"",
        ),
        (
            json!({"lawmo": "unlock", "scomo": "remove", "component": "c"}),
            "name one operation, under \"lawmo\" or under \"scomo\"",
        ),
        (json!({"lawmo": "wipe"}), "wipe needs \"items\""),
        (
            json!({"lawmo": "wipe", "items": []}),
            "\"items\" names at least one item, or is [\"*\"] for all of the list",
        ),
        (
            json!({"lawmo": "wipe", "items": ["*", "Photos"]}),
            "\"items\" names at least one item, or is [\"*\"] for all of the list",
        ),
        (
            json!({"lawmo": "factory-reset", "items": ["Photos"]}),
            "factory-reset takes no \"items\"",
        ),
        (
            json!({"lawmo": "unlock", "component": "c"}),
            "unlock takes no \"component\"",
        ),
        (json!({"scomo": "download"}), "download needs \"package\""),
        (
            json!({"scomo": "download", "package": {"id": "p1", "url": "file:///etc/passwd"}}),
            "the url of the package must begin with http:// or https:// and a host",
        ),
        (
            json!({"scomo": "download", "package": {"id": "p1", "url": "http:///p1"}}),
            "the url of the package must begin with http:// or https:// and a host",
        ),
        (
            json!({"scomo": "install", "package": package}),
            "install takes no \"package.url\"",
        ),
        (json!({"scomo": "activate"}), "activate needs \"component\""),
        (
            json!({"scomo": "remove"}),
            "remove needs \"component\" or \"package\"",
        ),
        (
            json!({"scomo": "remove", "component": "c", "package": {"id": "p"}}),
            "remove takes no \"component\"",
        ),
        (
            json!({"scomo": "vendor", "component": "c"}),
            "vendor needs \"path\"",
        ),
        (
            json!({"lawmo": "vendor", "path": "Operations/Wipe"}),
            "\"path\" must begin with Ext/ or Operations/Ext/, and go on with names of nodes",
        ),
        (
            json!({"lawmo": "vendor", "path": "Ext/../Operations/Wipe"}),
            "\"path\" must begin with Ext/ or Operations/Ext/, and go on with names of nodes",
        ),
        (
            json!({"scomo": "vendor", "component": "c", "path": "Operations/Ext/"}),
            "\"path\" must begin with Ext/ or Operations/Ext/, and go on with names of nodes",
        ),
        (
            json!({"lawmo": "unlock", "path": "Ext/Ring"}),
            "unlock takes no \"path\"",
        ),
        (
            json!({"lawmo": "unlock", "deadline": "tomorrow"}),
            "\"deadline\" is not a time as in \"2030-01-31T12:00:00Z\"",
        ),
        (
            json!({"lawmo": "unlock", "confirm": ""}),
            "\"confirm\" must have 1 to 1024 octets",
        ),
        (
            json!({"lawmo": "unlock", "confirm": "Unlock?\u{1b}[2J"}),
            "\"confirm\" must have no control characters",
        ),
        (
            json!({"lawmo": "wipe", "items": ["Photos\0"]}),
            "\"items\" must have no control characters",
        ),
        (
            json!({"scomo": "activate", "component": "\u{1}"}),
            "\"component\" must have no control characters",
        ),
    ];
    for (body, reason) in cases {
        let (status, problem) = emi.post(OPERATIONS, &body);
        assert_eq!(
            (status, problem),
            (422, json!({ "error": reason })),
            "{body}"
        );
    }
    let (status, problem) = emi.post(OPERATIONS, &json!({"lawmo": "explode"}));
    assert_eq!(status, 422, "{problem}");
    assert_eq!(emi.get(PHONE_PATH).1["operations"], json!([]));
}

#[test]
fn every_operation_is_taken() {
    let server = start("operations");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let package = json!({"id": "p1", "name": "P", "url": "http://f.test/p1", "params": "x=1"});
    for body in [
        json!({"lawmo": "fully-lock"}),
        json!({"lawmo": "partially-lock"}),
        json!({"lawmo": "unlock", "confirm": "Unlock?"}),
        json!({"lawmo": "wipe", "items": ["Photos", "Mail"]}),
        json!({"lawmo": "wipe", "items": ["*"]}),
        json!({"lawmo": "vendor", "path": "Operations/Ext/Ring"}),
        json!({"lawmo": "unlock", "behalf": "user"}),
        json!({"lawmo": "factory-reset", "deadline": "2999-01-01T00:00:00Z"}),
        json!({"scomo": "download", "package": package}),
        json!({"scomo": "download-install", "package": package}),
        json!({"scomo": "download-install-inactive", "package": package}),
        json!({"scomo": "install", "package": {"id": "p1"}}),
        json!({"scomo": "install-inactive", "package": {"id": "p1"}}),
        json!({"scomo": "activate", "component": "c1"}),
        json!({"scomo": "deactivate", "component": "c1"}),
        json!({"scomo": "remove", "component": "c1"}),
        json!({"scomo": "remove", "package": {"id": "p1"}}),
        json!({"scomo": "vendor", "package": {"id": "p1"}, "path": "Operations/Ext/Check"}),
    ] {
        let (status, view) = emi.post(OPERATIONS, &body);
        assert_eq!((status, &view["request"]), (201, &body), "{view}");
    }
}

#[test]
fn what_was_not_sent_can_be_cancelled_and_stays_cancelled() {
    let server = start("cancel");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    let path = format!("/operations/{id}");

    let (status, view) = emi.delete(&path);
    assert_eq!(
        (status, &view["state"], &view["final"]),
        (200, &json!("cancelled"), &json!(true))
    );
    assert_eq!(emi.delete(&path), (200, view.clone()));
    assert_eq!(emi.get(&path), (200, view));
    assert_eq!(emi.get(PHONE_PATH).1["operations"], json!([]));
}

#[test]
fn events_tell_each_state_once_and_end_with_the_final_one() {
    let server = start("events");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let id = emi.queue(&json!({"lawmo": "fully-lock"}));
    let watched = std::thread::scope(|scope| {
        let watch = scope.spawn(|| emi.events(&id, None, |_| false));
        // Once somebody has seen the first event, the second one can come.
        emi.wait_for(&id, "queued");
        assert_eq!(emi.delete(&format!("/operations/{id}")).0, 200);
        watch.join().expect("the watcher ends")
    });
    let told: Vec<_> = watched
        .iter()
        .map(|event| {
            (
                event.number,
                event.data["state"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(told, [(1, "queued"), (2, "cancelled")]);

    let behind = emi.events(&id, Some(1), |_| false);
    let told: Vec<_> = behind.iter().map(|event| event.number).collect();
    assert_eq!(told, [2]);
    assert!(emi.events(&id, Some(2), |_| false).is_empty());
}

#[test]
fn what_was_not_sent_by_its_deadline_expires() {
    let server = start("deadline");
    let emi = Emi::new(server.emi_url());
    emi.register();
    let late = emi.queue(&json!({"lawmo": "fully-lock", "deadline": "2001-01-01T00:00:00Z"}));
    let open = emi.queue(&json!({"lawmo": "unlock", "deadline": "2999-01-01T00:00:00+01:00"}));
    assert_eq!(emi.state(&late), "expired", "at once");
    assert_eq!(emi.states(&late), ["queued", "expired"]);
    assert_eq!(emi.state(&open), "queued");
}

#[test]
fn without_its_token_nothing_is_told() {
    let mut config = Config::new(folder("token"));
    config.token = Some(Secret::from("correct-horse"));
    let server = Server::spawn(config).expect("the server starts");
    let emi = Emi::new(server.emi_url());
    let with = |value: &str| {
        let request = agent().get(emi.url("/devices"));
        answer(request.header("Authorization", value).call()).0
    };
    assert_eq!(
        emi.get("/devices"),
        (401, json!({"error": "a valid bearer token is required"}))
    );
    assert_eq!(emi.get("/nothing").0, 401);
    assert_eq!(with("Bearer wrong"), 401);
    assert_eq!(with("Basic correct-horse"), 401);
    assert_eq!(with("bearer correct-horse"), 200);
}

#[test]
fn without_a_token_a_page_that_owns_a_name_for_this_host_gets_nothing() {
    let server = start("host");
    let emi = Emi::new(server.emi_url());
    let with = |host: &str| {
        let request = agent().get(emi.url("/devices"));
        answer(request.header("Host", host).call()).0
    };
    assert_eq!(with("evil.test"), 403);
    assert_eq!(with("127.0.0.1.evil.test:80"), 403);
    for host in ["localhost", "localhost:80", "127.0.0.1:80", "[::1]:80"] {
        assert_eq!(with(host), 200, "{host}");
    }
}
