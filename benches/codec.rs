//! Reading and writing whole messages, in both encodings.

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::codec_inputs;
use dm_proto::codec::{DecodeOptions, Encoding, MessageBuilder, decode, encode};

const ENCODINGS: [Encoding; 2] = [Encoding::Xml, Encoding::Wbxml];

fn bench_decode(criterion: &mut Criterion) {
    for encoding in ENCODINGS {
        let mut group = criterion.benchmark_group(format!("codec/decode/{encoding}"));
        for input in codec_inputs() {
            let octets =
                encode(encoding, &input.message).expect("both encodings have a form for it");
            let options = DecodeOptions::default();
            // What XML reads back of octets is their Base64, so that is what each loop must give.
            let expected = decode(encoding, &octets, &options)
                .expect("it was written")
                .message;
            group.throughput(Throughput::Bytes(octets.len() as u64));
            group.bench_function(input.name, |bencher| {
                bencher.iter(|| {
                    let decoded =
                        decode(encoding, black_box(&octets), &options).expect("it was written");
                    assert_eq!(decoded.message.commands.len(), expected.commands.len());
                    decoded
                });
            });
        }
        group.finish();
    }
}

fn bench_encode(criterion: &mut Criterion) {
    for encoding in ENCODINGS {
        let mut group = criterion.benchmark_group(format!("codec/encode/{encoding}"));
        for input in codec_inputs() {
            let expected =
                encode(encoding, &input.message).expect("both encodings have a form for it");
            group.throughput(Throughput::Bytes(expected.len() as u64));
            group.bench_function(input.name, |bencher| {
                bencher.iter(|| {
                    let octets =
                        encode(encoding, black_box(&input.message)).expect("it has a form");
                    assert_eq!(octets.len(), expected.len());
                    octets
                });
            });
        }
        group.finish();
    }
}

/// Command by command, with the budget that the message just fills.
fn bench_build(criterion: &mut Criterion) {
    for encoding in ENCODINGS {
        let mut group = criterion.benchmark_group(format!("codec/build/{encoding}"));
        for input in codec_inputs() {
            let expected =
                encode(encoding, &input.message).expect("both encodings have a form for it");
            group.throughput(Throughput::Bytes(expected.len() as u64));
            group.bench_function(input.name, |bencher| {
                bencher.iter(|| {
                    let message = black_box(&input.message);
                    let mut builder =
                        MessageBuilder::new(encoding, &message.header, expected.len())
                            .expect("the header fits");
                    for command in &message.commands {
                        builder.push(command).expect("the budget was measured");
                    }
                    let octets = builder.finish(true);
                    assert_eq!(octets.len(), expected.len());
                    octets
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench_decode, bench_encode, bench_build);
criterion_main!(benches);
