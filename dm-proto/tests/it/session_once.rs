//! Any commands, any sizes, any faults, any restarts: the device executes each command at most once, and
//! the server learns the outcome of each, or why it cannot be known.

use std::collections::{BTreeMap, BTreeSet};

use dm_proto::{
    AlertCode, CmdId, MsgId, StatusCode,
    auth::{Credentials, Nonce, Side},
    codec::Encoding,
    message::{Add, Alert, Command, Copy, Delete, Exec, Get, Item, Replace},
    session::{
        Answer, ClientConfig, ClientEvent, CommandTag, Ending, Execute, NotSent, Prompt,
        SequencePolicy, ServerConfig, ServerEvent, Start, Trigger, UserReply, Verb,
    },
    testing::{Client, Device, Fault, Manager, Pair, Server, Transcode},
};
use proptest::{prelude::*, sample::select};

use crate::{
    session_faults::{through_json, through_postcard},
    session_support::*,
};

/// What the device answers for a node, by its number.
const ANSWERS: [u16; 10] = [200, 200, 200, 200, 200, 202, 404, 418, 1200, 510];

/// A command before its nodes have names. A node is named once in a case.
#[derive(Clone, Debug)]
enum Plot {
    Leaf {
        verb: Verb,
        items: usize,
        is_quiet: bool,
    },
    /// A value of so many octets, more than some messages have room for.
    Large(Verb, usize),
    Ask(AlertCode),
    /// An Exec without a target.
    Incomplete,
    /// An alert that only a client may send.
    Misplaced,
    Sequence(Vec<Self>, bool),
    Atomic(Vec<Self>, bool),
}

fn any_plot() -> impl Strategy<Value = Plot> {
    let verb = select(vec![
        Verb::Add,
        Verb::Copy,
        Verb::Delete,
        Verb::Exec,
        Verb::Get,
        Verb::Get,
        Verb::Replace,
    ]);
    let leaf = prop_oneof![
        8 => (verb, 1_usize..4, prop::bool::weighted(0.2))
            .prop_map(|(verb, items, is_quiet)| Plot::Leaf { verb, items, is_quiet }),
        3 => select(vec![1100, 1101, 1101, 1102, 1103, 1104]).prop_map(|code| Plot::Ask(AlertCode::new(code))),
        2 => (select(vec![Verb::Add, Verb::Exec, Verb::Replace]), select(vec![700, 2500]))
            .prop_map(|(verb, octets)| Plot::Large(verb, octets)),
        1 => Just(Plot::Incomplete),
        1 => Just(Plot::Misplaced),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        let inside = (prop::collection::vec(inner, 0..4), any::<bool>());
        prop_oneof![
            inside
                .clone()
                .prop_map(|(plots, is_quiet)| Plot::Sequence(plots, is_quiet)),
            inside.prop_map(|(plots, is_quiet)| Plot::Atomic(plots, is_quiet)),
        ]
    })
}

impl Plot {
    fn command(&self, nodes: &mut usize) -> Command {
        let mut item = || {
            *nodes += 1;
            format!("./N/{nodes}")
        };
        match self {
            Self::Leaf {
                verb,
                items,
                is_quiet,
            } => {
                let no_resp = *is_quiet;
                let items = |with_data: bool| -> Vec<Item> {
                    let items = (0..*items).map(|_| Item::for_target(item()));
                    match with_data {
                        true => items.map(|item| item.with_data("new")).collect(),
                        false => items.collect(),
                    }
                };
                let mut items = items;
                match verb {
                    Verb::Add => Add {
                        no_resp,
                        items: items(true),
                        ..Add::default()
                    }
                    .into(),
                    Verb::Copy => {
                        let mut items = items(false);
                        for item in &mut items {
                            item.source = Some("./Source".into());
                        }
                        Copy {
                            no_resp,
                            items,
                            ..Copy::default()
                        }
                        .into()
                    }
                    Verb::Delete => Delete {
                        no_resp,
                        items: items(false),
                        ..Delete::default()
                    }
                    .into(),
                    Verb::Exec => Exec {
                        no_resp,
                        correlator: Some("c".into()),
                        items: items(true),
                        ..Exec::default()
                    }
                    .into(),
                    Verb::Get => Get {
                        no_resp,
                        items: items(false),
                        ..Get::default()
                    }
                    .into(),
                    Verb::Replace => Replace {
                        no_resp,
                        items: items(true),
                        ..Replace::default()
                    }
                    .into(),
                }
            }
            Self::Large(verb, octets) => {
                let items = vec![Item::for_target(item()).with_data("v".repeat(*octets))];
                match verb {
                    Verb::Add => Add {
                        items,
                        ..Add::default()
                    }
                    .into(),
                    Verb::Exec => Exec {
                        items,
                        ..Exec::default()
                    }
                    .into(),
                    _ => Replace {
                        items,
                        ..Replace::default()
                    }
                    .into(),
                }
            }
            Self::Ask(code) => ask(*code, &["MAXDT=5", "text", "one", "two"]),
            Self::Incomplete => Exec {
                items: vec![Item::default()],
                ..Exec::default()
            }
            .into(),
            Self::Misplaced => report("x").into(),
            Self::Sequence(plots, no_resp) => {
                let mut command = sequence(plots.iter().map(|plot| plot.command(nodes)));
                if let Command::Sequence(sequence) = &mut command {
                    sequence.no_resp = *no_resp;
                }
                command
            }
            Self::Atomic(plots, no_resp) => {
                let mut command = atomic(plots.iter().map(|plot| plot.command(nodes)));
                if let Command::Atomic(atomic) = &mut command {
                    atomic.no_resp = *no_resp;
                }
                command
            }
        }
    }
}

/// All that a case is made of.
#[derive(Clone, Debug)]
struct Case {
    batches: Vec<Vec<Plot>>,
    /// The answers of the nodes start here in [`ANSWERS`].
    seed: usize,
    reply: UserReply,
    has_user: bool,
    has_atomic: bool,
    undoes_all: bool,
    goes_on: bool,
    /// Turns at which the device has a report.
    reports: Vec<usize>,
    sizes: (u64, u64),
    /// Octets of each result.
    result: usize,
    login: u8,
    faults: Vec<(usize, Fault)>,
    restarts: Vec<(bool, u32)>,
    leaves: Option<(bool, usize)>,
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LoseRequest),
        Just(Fault::LoseAnswer),
        Just(Fault::RepeatRequest),
        Just(Fault::RepeatAnswer),
        Just(Fault::DelayRequest),
        Just(Fault::DelayAnswer),
        Just(Fault::CutRequest),
        Just(Fault::CutAnswer),
        (0_usize..12_000).prop_map(Fault::CorruptRequest),
        (0_usize..12_000).prop_map(Fault::CorruptAnswer),
    ]
}

fn any_case() -> impl Strategy<Value = Case> {
    let batches = prop::collection::vec(prop::collection::vec(any_plot(), 0..4), 1..3);
    let size = || select(vec![200, 600, 900, 1200, 3000, 64 << 10, 64 << 10]);
    let device = (
        0_usize..ANSWERS.len(),
        select(vec![
            UserReply::Yes,
            UserReply::Yes,
            UserReply::No,
            UserReply::Cancelled,
            UserReply::TimedOut,
            UserReply::Choices(vec![2]),
            UserReply::Text("typed".into()),
        ]),
        any::<[bool; 4]>(),
        prop::collection::vec(0_usize..4, 0..3),
        select(vec![5, 5, 300, 2000]),
    );
    let world = (
        (size(), size()),
        0_u8..4,
        prop::collection::vec((1_usize..7, any_fault()), 0..3),
        prop::collection::vec((any::<bool>(), 0_u32..60), 0..4),
        prop::option::weighted(0.15, (any::<bool>(), 1_usize..4)),
    );
    (batches, device, world).prop_map(
        |(
            batches,
            (seed, reply, [has_user, has_atomic, undoes_all, goes_on], reports, result),
            (sizes, login, faults, restarts, leaves),
        )| Case {
            batches,
            seed,
            reply,
            // Mostly there.
            has_user: has_user || seed > 2,
            has_atomic: has_atomic || seed > 2,
            undoes_all,
            goes_on,
            reports,
            sizes,
            result,
            login,
            faults,
            restarts,
            leaves,
        },
    )
}

/// A device that writes down what it executes.
#[derive(Debug)]
struct Journal {
    seed: usize,
    reply: UserReply,
    undoes_all: bool,
    reports: Vec<usize>,
    result: usize,
    leaves_at: Option<usize>,
    turn: usize,
    spoken: usize,
    /// Message, command, item; node.
    executed: Vec<((MsgId, CmdId, u32), String)>,
    answered: Vec<CommandTag>,
}

/// What a node answers.
fn code_of(seed: usize, uri: &str) -> StatusCode {
    let number = uri
        .strip_prefix("./N/")
        .and_then(|n| n.parse::<usize>().ok());
    StatusCode::new(ANSWERS[(seed + number.unwrap_or(0) * 7) % ANSWERS.len()])
}

impl Device for Journal {
    fn execute(&mut self, execute: &Execute) -> Answer {
        let origin = &execute.origin;
        let uri = execute.item.target_uri().expect("a target").as_str();
        self.executed.push((
            (origin.msg_id.clone(), origin.cmd_id.clone(), origin.item),
            uri.to_owned(),
        ));
        let code = code_of(self.seed, uri);
        if execute.verb == Verb::Get && code == StatusCode::OK {
            return Answer::results(vec![
                Item::for_source(uri).with_data("v".repeat(self.result)),
            ]);
        }
        code.into()
    }

    fn ask(&mut self, _: &Prompt) -> UserReply {
        self.reply.clone()
    }

    fn roll_back(&mut self) -> bool {
        self.undoes_all
    }

    fn hear(&mut self, event: &ClientEvent) {
        if let ClientEvent::Answered { tag, .. } | ClientEvent::NotSent { tag, .. } = event {
            self.answered.push(*tag);
        }
    }

    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        let turn = self.turn;
        self.turn += 1;
        let here = self
            .reports
            .iter()
            .enumerate()
            .filter(|(_, at)| **at == turn);
        here.map(|(place, _)| (report(&place.to_string()), CommandTag(place as u64)))
            .collect()
    }

    fn leaves(&mut self) -> bool {
        self.spoken += 1;
        self.leaves_at == Some(self.spoken - 1)
    }
}

/// A command, or one in it.
type Part = (CommandTag, u32);

/// A server that writes down what it knows of each command.
#[derive(Debug, Default)]
struct Office {
    batches: Vec<Vec<Command>>,
    leaves_at: Option<usize>,
    spoken: usize,
    tags: u64,
    given: Vec<(CommandTag, Command)>,
    statuses: BTreeMap<Part, Vec<StatusCode>>,
    results: BTreeMap<Part, usize>,
    unknown: BTreeSet<Part>,
    unsent: BTreeMap<CommandTag, NotSent>,
    reports: Vec<String>,
}

impl Manager for Office {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        if self.batches.is_empty() {
            return Vec::new();
        }
        let mut commands = Vec::new();
        for command in self.batches.remove(0) {
            self.tags += 1;
            commands.push((command, CommandTag(self.tags)));
        }
        let given = commands
            .iter()
            .map(|(command, tag)| (*tag, command.clone()));
        self.given.extend(given);
        commands
    }

    fn alert(&mut self, alert: &Alert) -> StatusCode {
        let data = alert.items.first().and_then(|item| item.data.as_ref());
        let data = data.and_then(|data| data.as_str()).unwrap_or_default();
        self.reports.push(data.to_owned());
        StatusCode::OK
    }

    fn leaves(&mut self) -> bool {
        self.spoken += 1;
        self.leaves_at == Some(self.spoken - 1)
    }

    fn hear(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Status {
                tag, part, status, ..
            } => self
                .statuses
                .entry((*tag, *part))
                .or_default()
                .push(*status),
            ServerEvent::Results { tag, part, items } => {
                *self.results.entry((*tag, *part)).or_default() += items.len();
            }
            ServerEvent::NotSent { tag, reason } => {
                self.unsent.insert(*tag, *reason);
            }
            ServerEvent::NoStatus { tag, part } => {
                self.unknown.insert((*tag, *part));
            }
            _ => {}
        }
    }
}

fn login(case: &Case) -> [dm_proto::auth::Account; 2] {
    let transport = || account(Credentials::transport(), Credentials::transport());
    match case.login {
        0 => [transport(), transport()],
        1 => {
            let known = || account(client_md5(b"c"), server_md5(b"s"));
            [known(), known()]
        }
        2 => {
            let client = || Credentials::hmac("Bruce2", "OhBehave", Nonce::from(&b"c"[..]));
            let server = || Credentials::hmac("srv", "server-secret", Nonce::from(&b"s"[..]));
            [account(client(), server()), account(client(), server())]
        }
        _ => [
            account(client_md5(b"stale"), server_md5(b"server")),
            account(client_md5(b"client"), server_md5(b"stale")),
        ],
    }
}

fn pair_of(case: &Case, encoding: Encoding) -> Pair<Journal, Office> {
    let mut nodes = 0;
    let batches = case.batches.iter().map(|batch| {
        let commands = batch.iter().map(|plot| plot.command(&mut nodes));
        commands.collect::<Vec<Command>>()
    });
    let office = Office {
        batches: batches.collect(),
        leaves_at: case
            .leaves
            .filter(|(is_server, _)| *is_server)
            .map(|(_, at)| at),
        ..Office::default()
    };
    let journal = Journal {
        seed: case.seed,
        reply: case.reply.clone(),
        undoes_all: case.undoes_all,
        reports: case.reports.clone(),
        result: case.result,
        leaves_at: case
            .leaves
            .filter(|(is_server, _)| !is_server)
            .map(|(_, at)| at),
        turn: 0,
        spoken: 0,
        executed: Vec::new(),
        answered: Vec::new(),
    };
    let mut client = ClientConfig::default();
    client.encoding = encoding;
    client.max_msg_size = case.sizes.0;
    client.user_interaction = case.has_user;
    client.atomic = case.has_atomic;
    if case.goes_on {
        client.sequence = SequencePolicy::Continue;
    }
    let mut server = ServerConfig::default();
    server.max_msg_size = case.sizes.1;
    let [client_account, server_account] = login(case);
    let start = Start::new(Trigger::Client, "A1".into(), dev_info());
    let mut pair = Pair::new(
        Client::new(client, client_account, start, journal),
        Server::new(server, server_account, office),
    );
    for (request, fault) in &case.faults {
        pair = pair.with_fault(*request, *fault);
    }
    let transcode: Transcode = match encoding {
        Encoding::Xml => through_json,
        _ => through_postcard,
    };
    for (is_server, step) in &case.restarts {
        let side = if *is_server {
            Side::Server
        } else {
            Side::Client
        };
        pair = pair.with_restart(side, *step, transcode);
    }
    pair
}

/// The command and those inside, depth first, with what is around each.
fn flat(command: &Command) -> Vec<&Command> {
    let mut all = vec![command];
    for child in command.children() {
        all.extend(flat(child));
    }
    all
}

fn check(case: &Case, encoding: Encoding) -> Result<(), TestCaseError> {
    let mut pair = pair_of(case, encoding);
    let run = pair.run();
    if run.is_err() || pair.server.ending.is_none() {
        // Time passes.
        pair.give_up();
    }
    let device = &pair.client.device;
    let office = &pair.server.manager;

    // Both come to an end, unless the server never heard of the session.
    prop_assert!(pair.client.ending.is_some());
    prop_assert!(pair.server.ending.is_some() || pair.server.session.is_none());

    // At most once.
    let is_changed = case
        .faults
        .iter()
        .any(|(_, fault)| matches!(fault, Fault::CorruptRequest(_) | Fault::CorruptAnswer(_)));
    // Where messages are signed, one that was changed is refused.
    let is_corrupt = is_changed && case.login != 2;
    let origins: BTreeSet<_> = device.executed.iter().map(|(origin, _)| origin).collect();
    prop_assert_eq!(
        origins.len(),
        device.executed.len(),
        "{:?}",
        device.executed
    );
    let nodes: BTreeSet<_> = device
        .executed
        .iter()
        .map(|(_, uri)| uri.as_str())
        .collect();
    if !is_corrupt {
        prop_assert_eq!(nodes.len(), device.executed.len(), "{:?}", device.executed);
    }

    // A message 1 that comes late may begin another session where nothing tells that it is old.
    let is_replaced = case.login == 0
        && case
            .faults
            .iter()
            .any(|(_, fault)| *fault == Fault::DelayRequest);
    // What a changed message was about may stay unknown, and is told to be.
    let is_whole = run.is_ok()
        && pair.client.ending == Some(Ending::Complete)
        && pair.server.ending == Some(Ending::Complete)
        && !is_changed
        && !is_replaced;

    for (tag, command) in &office.given {
        for (part, command) in (0..).zip(flat(command)) {
            let name = (*tag, part);
            let codes = office.statuses.get(&name).map_or(&[][..], Vec::as_slice);
            let is_unknown = office.unknown.contains(&name);
            let is_sent = part == 0
                || office
                    .statuses
                    .keys()
                    .chain(&office.unknown)
                    .any(|(known, part)| known == tag && *part > 0);
            // Every outcome is told, or told to be unknown, once the command has left. What did not
            // leave is told once, for all that is in it.
            let is_unsent = office.unsent.contains_key(tag);
            if is_unsent {
                let mut uris = command.items().iter().filter_map(Item::target_uri);
                prop_assert!(codes.is_empty() && !is_unknown, "{name:?} was not sent");
                prop_assert!(uris.all(|uri| is_corrupt || !nodes.contains(uri.as_str())));
            } else if is_sent {
                prop_assert!(!codes.is_empty() || is_unknown, "no word on {name:?}");
            }
            if is_whole {
                prop_assert!(!is_unknown, "{name:?} is unknown after all went well");
            }
            if is_corrupt {
                continue;
            }
            truthful(case, command, codes, &nodes)?;
            let is_read = matches!(command, Command::Get(_)) && codes == [StatusCode::OK];
            if is_whole && is_read {
                let results = office.results.get(&name).copied();
                prop_assert_eq!(results, Some(command.items().len()));
            }
        }
    }

    // Reports too: heard once, and answered once at most.
    let answered: BTreeSet<_> = device.answered.iter().collect();
    prop_assert_eq!(answered.len(), device.answered.len());
    // To a server whose answer is not believed they are said again.
    if !is_changed && !is_replaced && case.login != 3 {
        let heard: BTreeSet<_> = office.reports.iter().collect();
        prop_assert_eq!(heard.len(), office.reports.len(), "{:?}", office.reports);
    }
    Ok(())
}

/// What the server was told of a command is what the device did.
fn truthful(
    case: &Case,
    command: &Command,
    codes: &[StatusCode],
    executed: &BTreeSet<&str>,
) -> Result<(), TestCaseError> {
    if !matches!(
        command,
        Command::Add(_)
            | Command::Copy(_)
            | Command::Delete(_)
            | Command::Exec(_)
            | Command::Get(_)
            | Command::Replace(_)
    ) {
        return Ok(());
    }
    let uris: Vec<&str> = command
        .items()
        .iter()
        .filter_map(|item| Some(item.target_uri()?.as_str()))
        .collect();
    for code in codes {
        let ran: Vec<&str> = uris
            .iter()
            .filter(|uri| executed.contains(*uri))
            .copied()
            .collect();
        let is_told = match code.as_u16() {
            // What was said about nothing being done is said of what was not done.
            // An object that did not arrive as a whole among it.
            215 | 400 | 401 | 406 | 407 | 411 | 412 | 416 | 424 | 500 => {
                uris.is_empty()
                    || ran.len() < uris.len()
                    || ran.iter().any(|uri| code_of(case.seed, uri) == *code)
            }
            // Undone, or never begun.
            216 | 516 => true,
            // It did not fit: a large object, or the results on their way.
            413 => true,
            _ => ran.iter().any(|uri| code_of(case.seed, uri) == *code),
        };
        prop_assert!(
            is_told,
            "{code} for {uris:?}, of which {ran:?} were executed"
        );
    }
    Ok(())
}

/// Cases for each encoding: together more than ten thousand.
const CASES: u32 = 5_200;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn in_xml_each_command_runs_once_at_most_and_its_outcome_is_known(case in any_case()) {
        check(&case, Encoding::Xml)?;
    }

    #[test]
    fn in_wbxml_each_command_runs_once_at_most_and_its_outcome_is_known(case in any_case()) {
        check(&case, Encoding::Wbxml)?;
    }
}

/// A session whose messages are signed, with a fault and nothing else that is odd.
fn signed(batches: Vec<Vec<Plot>>, fault: (usize, Fault)) -> Case {
    Case {
        batches,
        seed: 0,
        reply: UserReply::Yes,
        has_user: false,
        has_atomic: false,
        undoes_all: false,
        goes_on: false,
        reports: Vec::new(),
        sizes: (600, 600),
        result: 5,
        login: 2,
        faults: [fault].into_iter().collect(),
        restarts: Vec::new(),
        leaves: None,
    }
}

fn leaf(verb: Verb) -> Plot {
    Plot::Leaf {
        verb,
        items: 1,
        is_quiet: false,
    }
}

#[test]
fn reports_that_are_said_again_after_a_changed_answer_are_answered_once() {
    // These bits are in the status of the header of the second answer, which is signed.
    for bit in 900..1100 {
        let batches = vec![vec![], vec![leaf(Verb::Add)]];
        let case = Case {
            reports: vec![1, 1],
            sizes: (900, 600),
            ..signed(batches, (2, Fault::CorruptAnswer(bit)))
        };
        check(&case, Encoding::Wbxml).expect("answered once");
    }
}

#[test]
fn commands_whose_statuses_were_changed_on_their_way_do_not_go_out_again() {
    // The second request has the statuses. It is signed, so that any change makes it unbelieved.
    for (encoding, bits) in [(Encoding::Xml, 9_000), (Encoding::Wbxml, 3_000)] {
        for bit in (0..bits).step_by(41) {
            let batch = vec![
                Plot::Sequence(vec![leaf(Verb::Exec), leaf(Verb::Add)], false),
                Plot::Sequence(vec![leaf(Verb::Add)], false),
            ];
            let case = signed(vec![batch], (2, Fault::CorruptRequest(bit)));
            check(&case, encoding).expect("executed once");
        }
    }
}

#[test]
fn a_large_value_whose_last_piece_was_changed_on_its_way_goes_on_and_is_told_once() {
    for bit in (0..4_000).step_by(43) {
        let batches = vec![vec![Plot::Large(Verb::Add, 2500)]];
        let case = Case {
            sizes: (1200, 600),
            ..signed(batches, (3, Fault::CorruptAnswer(bit)))
        };
        check(&case, Encoding::Wbxml).expect("executed once");
    }
}
