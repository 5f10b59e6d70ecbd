//! Whole sessions, beside the work of the codec on the same messages.
//!
//! `cargo run -p dm-benches --bin session-cost` counts instructions where wall-clock times are too noisy.

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::session::{Session, codec_work};
use dm_proto::codec::Encoding;

const ENCODINGS: [Encoding; 2] = [Encoding::Xml, Encoding::Wbxml];

fn bench_sessions(criterion: &mut Criterion) {
    for encoding in ENCODINGS {
        for session in Session::ALL {
            let name = format!("session/{}/{encoding}", session.name());
            let mut group = criterion.benchmark_group(name);
            let messages = session.messages(encoding);
            let octets: usize = messages.iter().map(|(octets, _)| octets.len()).sum();
            group.throughput(Throughput::Bytes(octets as u64));
            group.bench_function("pair", |bencher| {
                bencher.iter_batched(
                    || session.pair(encoding),
                    |pair| session.run(black_box(pair)),
                    BatchSize::SmallInput,
                );
            });
            group.bench_function("codec", |bencher| {
                bencher.iter(|| assert_eq!(codec_work(encoding, black_box(&messages)), octets));
            });
            group.finish();
        }
    }
}

criterion_group!(benches, bench_sessions);
criterion_main!(benches);
