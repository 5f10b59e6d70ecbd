//! Encodes or decodes one input over and over, for a profiler: `prof wd package 50000` decodes WBXML;
//! `we`, `xd` and `xe` do the other three; `ws` converts WBXML to XML as a stream, `xs` XML to WBXML.

use dm_proto::codec::{self, DecodeOptions, Encoding};
fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(what), Some(which), Some(times)) = (args.next(), args.next(), args.next()) else {
        return eprintln!("prof (wd | we | ws | xd | xe | xs) INPUT TIMES");
    };
    let times: usize = times.parse().expect("a number of times");
    let input = dm_benches::codec_inputs()
        .into_iter()
        .find(|input| input.name == which)
        .expect("the name of an input");
    let encoding = if what.starts_with('w') {
        Encoding::Wbxml
    } else {
        Encoding::Xml
    };
    let octets = codec::encode(encoding, &input.message).expect("an input encodes");
    let options = DecodeOptions::default();
    for _ in 0..times {
        if what.ends_with('s') {
            let convert = match encoding {
                Encoding::Xml => codec::xml_to_wbxml,
                _ => codec::wbxml_to_xml,
            };
            std::hint::black_box(
                convert(&octets, &codec::ConvertOptions::default()).expect("an input converts"),
            );
        } else if what.ends_with('d') {
            std::hint::black_box(
                codec::decode(encoding, &octets, &options).expect("an input decodes"),
            );
        } else {
            std::hint::black_box(
                codec::encode(encoding, &input.message).expect("an input encodes"),
            );
        }
    }
}
