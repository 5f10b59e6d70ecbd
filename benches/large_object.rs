//! A large object through a session, in both directions and encodings: a leaf of 1 MiB in messages of
//! 4 KiB, so about 300 of them.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dm_proto::{
    Data, StatusCode,
    auth::{Account, Credentials},
    codec::Encoding,
    message::{Command, Get, Item, Replace},
    session::{
        Answer, ClientConfig, CommandTag, Execute, ServerConfig, ServerEvent, Start, Trigger, Verb,
    },
    testing::{Client, Device, Manager, Pair, Server},
};

const SIZE: usize = 1 << 20;
const MESSAGE: u64 = 4096;

/// A leaf.
struct Leaf {
    value: Data,
    written: usize,
}

impl Device for Leaf {
    fn execute(&mut self, execute: &Execute) -> Answer {
        if execute.verb == Verb::Get {
            let item = Item::for_source("./Leaf").with_data(self.value.clone());
            return Answer::results(vec![item]);
        }
        let data = execute.item.data.as_ref().and_then(Data::as_bytes);
        self.written = data.map_or(0, <[u8]>::len);
        StatusCode::OK.into()
    }
}

/// One command.
struct Sender {
    command: Option<Command>,
    read: usize,
}

impl Manager for Sender {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        let command = self.command.take();
        command
            .map(|command| (command, CommandTag(1)))
            .into_iter()
            .collect()
    }

    fn hear(&mut self, event: &ServerEvent) {
        if let ServerEvent::Results { items, .. } = event {
            let data = items.iter().filter_map(|item| item.data.as_ref());
            self.read = data.filter_map(Data::as_bytes).map(<[u8]>::len).sum();
        }
    }
}

/// Runs a session; the octets that arrived as the value.
fn run(encoding: Encoding, value: &Data, command: Command) -> usize {
    let account = Account {
        server_id: "srv".into(),
        server_uri: "http://server.test/dm".into(),
        device_uri: "IMEI:493005100592800".into(),
        client: Credentials::transport(),
        server: Credentials::transport(),
    };
    let mut client = ClientConfig::default();
    client.encoding = encoding;
    client.max_msg_size = MESSAGE;
    client.max_obj_size = 2 << 20;
    let mut server = ServerConfig::default();
    server.max_msg_size = MESSAGE;
    server.max_obj_size = 2 << 20;
    let leaf = Leaf {
        value: value.clone(),
        written: 0,
    };
    let sender = Sender {
        command: Some(command),
        read: 0,
    };
    let start = Start::new(Trigger::Client, "1".into(), Vec::new());
    let mut pair = Pair::new(
        Client::new(client, account.clone(), start, leaf),
        Server::new(server, account, sender),
    );
    pair.run().expect("the session runs to its end");
    pair.client.device.written.max(pair.server.manager.read)
}

fn bench_large_object(criterion: &mut Criterion) {
    let octets: Vec<u8> = (0..SIZE)
        .map(|place| (place * 7 + place / 256) as u8)
        .collect();
    let value = Data::binary(Bytes::from(octets));
    let item = Item::for_target("./Leaf");
    let put = Replace {
        items: vec![item.clone().with_data(value.clone())],
        ..Replace::default()
    };
    let get = Get {
        items: vec![item],
        ..Get::default()
    };
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let mut group = criterion.benchmark_group(format!("session/large-object/{encoding}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(SIZE as u64));
        let expected = match encoding {
            Encoding::Xml => SIZE.div_ceil(3) * 4,
            _ => SIZE,
        };
        for (name, command) in [
            ("to-device", Command::from(put.clone())),
            ("to-server", Command::from(get.clone())),
        ] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    assert_eq!(run(encoding, &value, command.clone()), expected);
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench_large_object);
criterion_main!(benches);
