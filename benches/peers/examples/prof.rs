use dm_proto::codec::{self, DecodeOptions, Encoding};
fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap();
    let which = args.next().unwrap();
    let n: usize = args.next().unwrap().parse().unwrap();
    let input = dm_benches::codec_inputs().into_iter().find(|i| i.name == which).unwrap();
    let enc = if what.starts_with('w') { Encoding::Wbxml } else { Encoding::Xml };
    let octets = codec::encode(enc, &input.message).unwrap();
    let options = DecodeOptions::default();
    for _ in 0..n {
        if what.ends_with('d') {
            std::hint::black_box(codec::decode(enc, &octets, &options).unwrap());
        } else {
            std::hint::black_box(codec::encode(enc, &input.message).unwrap());
        }
    }
}
