//! The device's own alerts on their way: in one message, in several, or not at all. OMA-TS-DM_Protocol, generic
//! alert, large object handling.

use std::collections::BTreeMap;

use dm_proto::{
    AlertCode, Data, ForeignAttribute, Name, StatusCode, Text,
    auth::{Nonce, Side},
    codec::Encoding,
    message::{Alert, Command, Item, Location, Meta},
    session::{ClientEvent, CommandTag, Saved, ServerEvent, Start, Trigger},
    testing::{Client, Device, Fault, Manager, Pair, Server, message},
};

use crate::session_support::*;

/// A device with one alert, which it has when the server has said something.
struct Reporter {
    alert: Option<Alert>,
    turn: usize,
    heard: Vec<String>,
}

impl Device for Reporter {
    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        self.turn += 1;
        let alert = (self.turn > 1).then(|| self.alert.take()).flatten();
        alert
            .map(|alert| (alert, CommandTag(7)))
            .into_iter()
            .collect()
    }

    fn hear(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Answered { tag, status } => {
                self.heard.push(format!("{} answered {status}", tag.0));
            }
            ClientEvent::NotSent { tag, reason } => {
                self.heard.push(format!("{} not sent {reason:?}", tag.0));
            }
            _ => {}
        }
    }
}

/// A server that answers an item with the status that is set for its source.
#[derive(Default)]
struct Listener {
    has_asked: bool,
    codes: BTreeMap<&'static str, u16>,
    alerts: Vec<Alert>,
}

impl Manager for Listener {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        match core::mem::replace(&mut self.has_asked, true) {
            false => vec![(exec("./Op"), CommandTag(1))],
            true => Vec::new(),
        }
    }

    fn alert(&mut self, alert: &Alert) -> StatusCode {
        self.alerts.push(alert.clone());
        let sources = alert.items.iter().filter_map(Item::source_uri);
        let codes = sources.filter_map(|uri| self.codes.get(uri.as_str()));
        codes
            .copied()
            .next()
            .map_or(StatusCode::OK, StatusCode::new)
    }

    fn hear(&mut self, _: &ServerEvent) {}
}

fn item(uri: &str, octets: usize) -> Item {
    Item::for_source(uri)
        .with_meta(Meta::of_type("org.test.report").with_format("chr"))
        .with_data("x".repeat(octets))
}

fn alert(code: u16, items: impl IntoIterator<Item = Item>) -> Alert {
    Alert {
        code: Some(AlertCode::new(code)),
        correlator: Some("c-1".into()),
        items: items.into_iter().collect(),
        ..Alert::default()
    }
}

fn pair(
    encoding: Encoding,
    alert: Alert,
    listener: Listener,
    change: impl FnOnce(&mut Scene),
) -> Pair<Reporter, Listener> {
    let mut scene = Scene::new(encoding);
    scene.server.max_msg_size = 2000;
    change(&mut scene);
    let reporter = Reporter {
        alert: Some(alert),
        turn: 0,
        heard: Vec::new(),
    };
    let start = Start::new(Trigger::Client, "A1".into(), dev_info());
    Pair::new(
        Client::new(scene.client, scene.client_account, start, reporter),
        Server::new(scene.server, scene.server_account, listener),
    )
}

fn run(mut pair: Pair<Reporter, Listener>) -> Pair<Reporter, Listener> {
    pair.run().expect("the session runs to its end");
    pair
}

/// The alerts that the server took: source and octets of each item.
fn taken(pair: &Pair<Reporter, Listener>) -> Vec<Vec<(String, usize)>> {
    let of = |item: &Item| {
        let data = item.data.as_ref().and_then(Data::as_bytes);
        let uri = item.source_uri().map(|uri| uri.as_str().to_owned());
        (uri.unwrap_or_default(), data.map_or(0, <[u8]>::len))
    };
    let alerts = pair.server.manager.alerts.iter();
    alerts
        .map(|alert| alert.items.iter().map(of).collect())
        .collect()
}

#[test]
fn an_alert_whose_items_fit_together_is_one_alert() {
    for encoding in ENCODINGS {
        let alert = alert(1226, [item("./A", 300), item("./B", 300)]);
        let pair = run(pair(encoding, alert, Listener::default(), |_| {}));
        assert_eq!(
            taken(&pair),
            [[("./A".to_owned(), 300), ("./B".to_owned(), 300)]]
        );
        assert_eq!(pair.client.device.heard, ["7 answered 200"]);
    }
}

#[test]
fn an_alert_with_items_that_fit_into_no_message_together_is_one_alert_for_each() {
    for encoding in ENCODINGS {
        for code in [1224, 1226] {
            let items = ["./A", "./B", "./C", "./D"].map(|uri| item(uri, 800));
            let alert = alert(code, items);
            let mut pair = run(pair(encoding, alert, Listener::default(), |scene| {
                scene.client.large_objects = false;
            }));
            let each = ["./A", "./B", "./C", "./D"].map(|uri| vec![(uri.to_owned(), 800)]);
            assert_eq!(taken(&pair), each);
            for alert in &pair.server.manager.alerts {
                assert_eq!(alert.code, Some(AlertCode::new(code)));
                assert_eq!(alert.correlator, Some("c-1".into()));
            }
            assert_eq!(pair.client.device.heard, ["7 answered 200"]);
            for (side, sent) in pair.transcript.drain(1..) {
                assert!(side == Side::Server || sent.body.len() <= 2000);
            }
        }
    }
}

#[test]
fn an_item_of_an_alert_may_be_a_large_object() {
    for encoding in ENCODINGS {
        for sizes in [[10, 9000, 10], [9000, 10, 9000], [5000, 5000, 5000]] {
            let items = ["./A", "./B", "./C"].into_iter().zip(sizes);
            let alert = alert(1226, items.map(|(uri, octets)| item(uri, octets)));
            let pair = run(pair(encoding, alert, Listener::default(), |_| {}));
            let items: Vec<_> = taken(&pair).concat();
            let octets: Vec<_> = items.iter().map(|(_, octets)| *octets).collect();
            assert_eq!(octets, sizes);
            assert_eq!(pair.client.device.heard, ["7 answered 200"]);
        }
    }
}

#[test]
fn an_item_that_is_refused_refuses_the_alert() {
    for refused in ["./A", "./B", "./C"] {
        let items = ["./A", "./B", "./C"].map(|uri| item(uri, 1500));
        let listener = Listener {
            codes: [(refused, 415), ("./B", 415)].into(),
            ..Listener::default()
        };
        let pair = run(pair(Encoding::Wbxml, alert(1226, items), listener, |_| {}));
        assert_eq!(
            taken(&pair).len(),
            3,
            "all the others are told all the same"
        );
        assert_eq!(pair.client.device.heard, ["7 answered 415"]);
    }
}

#[test]
fn the_first_of_several_refusals_is_the_answer() {
    let items = ["./A", "./B", "./C", "./D"].map(|uri| item(uri, 1500));
    let listener = Listener {
        codes: [("./B", 415), ("./C", 403), ("./D", 500)].into(),
        ..Listener::default()
    };
    let pair = run(pair(Encoding::Wbxml, alert(1226, items), listener, |_| {}));
    assert_eq!(pair.client.device.heard, ["7 answered 415"]);
}

#[test]
fn an_alert_that_cannot_be_sent_is_told_apart_from_one_that_is_refused() {
    let large = || alert(1226, [item("./A", 3000)]);
    let of = |alert, change: fn(&mut Scene), code| {
        let codes = BTreeMap::from([("./A", code)]);
        let listener = Listener {
            codes,
            ..Listener::default()
        };
        let pair = run(pair(Encoding::Xml, alert, listener, change));
        (pair.client.device.heard.concat(), taken(&pair).len())
    };
    let here = |reason: &str| (format!("7 not sent {reason}"), 0);
    assert_eq!(
        of(large(), |scene| scene.client.large_objects = false, 200),
        here("DoesNotFit")
    );
    assert_eq!(
        of(large(), |scene| scene.server.max_obj_size = 1000, 200),
        here("TooLarge")
    );
    let address = alert(1226, [item(&"./A".repeat(1000), 1)]);
    assert_eq!(of(address, |_| {}, 200), here("DoesNotFit"));
    let text = alert(1226, [item("./\u{1}", 1)]);
    assert_eq!(of(text, |_| {}, 200), here("NotEncodable"));
    // That is what the server says.
    assert_eq!(of(large(), |_| {}, 413), ("7 answered 413".into(), 1));
}

#[test]
fn an_alert_of_which_one_item_cannot_be_sent_has_one_outcome() {
    for encoding in ENCODINGS {
        for sizes in [[3000, 800, 800], [800, 3000, 800], [800, 800, 3000]] {
            let items = ["./A", "./B", "./C"].into_iter().zip(sizes);
            let alert = alert(1226, items.map(|(uri, octets)| item(uri, octets)));
            let pair = run(pair(encoding, alert, Listener::default(), |scene| {
                scene.server.max_obj_size = 1000;
            }));
            assert_eq!(
                pair.client.device.heard,
                ["7 not sent TooLarge"],
                "{sizes:?}"
            );
        }
    }
}

#[test]
fn an_alert_in_several_messages_has_one_outcome_whatever_happens_to_them() {
    fn transcode(saved: Saved) -> Saved {
        let octets = postcard::to_extend(&saved, Vec::new()).expect("it can be written");
        postcard::from_bytes(&octets).expect("it can be read")
    }
    let new = |encoding| {
        let items = [("./A", 800), ("./B", 4000), ("./C", 800)];
        let alert = alert(1226, items.map(|(uri, octets)| item(uri, octets)));
        // A nonce that is not the server's: it is challenged once.
        pair(encoding, alert, Listener::default(), |scene| {
            scene.client_account.client.nonce = Nonce::from([9; 16]);
        })
    };
    let check = |pair: &Pair<Reporter, Listener>, shown: String| {
        assert_eq!(pair.client.device.heard, ["7 answered 200"], "{shown}");
        let octets: Vec<_> = taken(pair)
            .concat()
            .into_iter()
            .map(|item| item.1)
            .collect();
        assert_eq!(octets, [800, 4000, 800], "{shown}");
    };
    for encoding in ENCODINGS {
        let whole = run(new(encoding));
        check(&whole, "nothing".into());
        for at in 1..=whole.transcript.len() / 2 {
            for fault in [
                Fault::LoseRequest,
                Fault::LoseAnswer,
                Fault::RepeatRequest,
                Fault::RepeatAnswer,
            ] {
                let pair = run(new(encoding).with_fault(at, fault));
                check(&pair, format!("{encoding:?} {fault:?} {at}"));
            }
        }
        for side in [Side::Client, Side::Server] {
            for step in 0..whole.steps(side) {
                let pair = run(new(encoding).with_restart(side, step, transcode));
                check(&pair, format!("{encoding:?} {side:?} {step}"));
            }
        }
    }
}

/// A server that is handed alerts of a test's making, a message each. Its answers, `9 213`, and the
/// alerts that it took.
fn to_server(messages: Vec<(Vec<Alert>, bool)>) -> (Vec<String>, Vec<Vec<(String, usize)>>) {
    let nothing = alert(1226, []);
    let mut pair = pair(Encoding::Xml, nothing, Listener::default(), |scene| {
        scene.server.max_obj_size = 5000;
    });
    let request = pair.client.transmit().expect("package 1");
    pair.server.exchange(&request).expect("package 2");
    let mut lines = Vec::new();
    for (number, (alerts, is_final)) in (2_u32..).zip(messages) {
        let mut next = message(&request).expect("a message");
        next.header.msg_id = number.into();
        let ids = (9..).map(|id: u32| id.into());
        let alerts = alerts.into_iter().zip(ids);
        let commands = alerts.map(|(alert, cmd_id)| Alert { cmd_id, ..alert }.into());
        next.commands = commands.collect();
        next.is_final = is_final;
        let answer = pair.server.exchange(&with_message(&request, &next));
        let answer = message(&answer.expect("an answer")).expect("a message");
        lines.extend(answer.commands.iter().filter_map(|command| match command {
            Command::Status(status) if status.cmd_ref != "0" => {
                Some(format!("{} {}", status.cmd_ref.as_str(), status.data))
            }
            Command::Alert(alert) => Some(format!("alert {}", alert.code.unwrap())),
            _ => None,
        }));
    }
    (lines, taken(&pair))
}

fn chunk(uri: &str, octets: usize, size: Option<u64>, more_data: bool) -> Item {
    let meta = Meta {
        size,
        ..Meta::of_type("org.test.report").with_format("chr")
    };
    Item {
        more_data,
        ..item(uri, octets).with_meta(meta)
    }
}

#[test]
fn a_chunk_behind_other_items_of_an_alert_waits_with_them() {
    let first = [item("./A", 5), chunk("./B", 3, Some(6), true)];
    let second = [
        chunk("./B", 3, None, false),
        item("./C", 5),
        chunk("./D", 2, Some(4), true),
    ];
    let third = [chunk("./D", 2, None, false)];
    let (lines, taken) = to_server(vec![
        (vec![alert(1226, first)], false),
        (vec![alert(1226, second)], false),
        (vec![alert(1226, third)], true),
    ]);
    assert_eq!(
        lines,
        ["9 213", "alert 1222", "9 213", "alert 1222", "9 200"]
    );
    let items = [("./A", 5), ("./B", 6), ("./C", 5), ("./D", 4)];
    assert_eq!(taken, [items.map(|(uri, octets)| (uri.to_owned(), octets))]);
}

#[test]
fn an_alert_whose_chunk_is_broken_off_is_not_told() {
    let first = || {
        vec![alert(
            1226,
            [item("./A", 5), chunk("./B", 3, Some(6), true)],
        )]
    };
    let other = || alert(1226, [item("./C", 5)]);
    let other_taken = [[("./C".to_owned(), 5)]];

    let (lines, taken) = to_server(vec![(first(), false), (vec![other()], true)]);
    assert_eq!(lines, ["9 213", "alert 1222", "9 200", "alert 1225"]);
    assert_eq!(taken, other_taken);
    // In one alert.
    let middle = [
        item("./A", 5),
        chunk("./B", 3, Some(6), true),
        item("./C", 5),
    ];
    let (lines, taken) = to_server(vec![(vec![alert(1226, middle)], true)]);
    assert_eq!(lines, ["9 400", "alert 1225"]);
    assert_eq!(taken, Vec::<Vec<_>>::new());
}

#[test]
fn the_items_of_an_alert_in_chunks_take_no_more_than_the_largest_object() {
    let many = (0..40).map(|_| item("./A", 5));
    let items = many.chain([chunk("./B", 3, Some(6), true)]);
    let (lines, taken) = to_server(vec![(vec![alert(1226, items)], true)]);
    assert_eq!(lines, ["9 413"]);
    assert_eq!(taken, Vec::<Vec<_>>::new());
}

#[test]
fn whatever_an_item_of_an_alert_in_chunks_holds_counts() {
    let long = || "x".repeat(6000);
    let name = || Location {
        loc_name: Some(long().into()),
        ..Location::from("./A")
    };
    let meta = |change: fn(&mut Meta, Text)| {
        let mut meta = Meta::of_type("org.test.report").with_format("chr");
        change(&mut meta, long().into());
        item("./A", 5).with_meta(meta)
    };
    let mut foreign = item("./A", 5);
    foreign.extra.push_attribute(ForeignAttribute {
        on: Text::default(),
        name: Name::new("urn:test", "a"),
        value: long().into(),
    });
    let items = [
        meta(|meta, text| meta.type_ = Some(text)),
        meta(|meta, text| meta.format = Some(text)),
        meta(|meta, text| meta.mark = Some(text)),
        Item {
            target: Some(Location::from(long().as_str())),
            ..item("./A", 5)
        },
        Item {
            target: Some(name()),
            ..item("./A", 5)
        },
        Item {
            source: Some(name()),
            ..item("./A", 5)
        },
        Item {
            source_parent: Some(Box::new(long().as_str().into())),
            ..item("./A", 5)
        },
        foreign,
    ];
    for (place, item) in items.into_iter().enumerate() {
        let items = [item, chunk("./B", 3, Some(6), true)];
        let (lines, taken) = to_server(vec![(vec![alert(1226, items)], true)]);
        assert_eq!(lines, ["9 413"], "{place}");
        assert_eq!(taken, Vec::<Vec<_>>::new());
    }
}
