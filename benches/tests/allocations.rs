//! Decoding takes few allocations. A binary of its own, since the allocator counts for its whole process.

use core::hint::black_box;

use dm_proto::{
    Piece,
    codec::{DecodeOptions, Encoding, decode, decode_fragment, encode},
};

#[test]
fn decoding_wbxml_takes_at_most_two_allocations_for_five_elements() {
    let options = DecodeOptions::default();
    for input in dm_benches::codec_inputs() {
        if input.name.starts_with("large") {
            continue;
        }
        let octets = encode(Encoding::Wbxml, &input.message).expect("an input encodes");
        let fragment = decode_fragment(Encoding::Wbxml, &octets, &options).expect("an input");
        let is_start = |piece: &&Piece| matches!(piece, Piece::Start(_));
        let elements = fragment.pieces().iter().filter(is_start).count();
        let counted = allocation_counter::measure(|| {
            let decoded = decode(Encoding::Wbxml, &octets, &options);
            black_box(decoded.expect("an input decodes"));
        });
        println!(
            "{}: {} allocations for {elements} elements",
            input.name, counted.count_total
        );
        // With what there is once in a message: the stack of the reader, the list of commands.
        assert!(
            counted.count_total * 5 <= elements as u64 * 2,
            "{}: {} allocations for {elements} elements",
            input.name,
            counted.count_total
        );
    }
}
