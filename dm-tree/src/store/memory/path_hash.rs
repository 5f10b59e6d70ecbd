//! [`PathHash`]: the hash of a path.

use core::hash::BuildHasher;
use std::hash::RandomState;

/// A hash for paths of some tens of octets, in a quarter of the time of the standard library's.
///
/// Every sixteen octets are multiplied with what came before and folded. The seeds are new for each
/// store, so that a server cannot choose names that meet; if it could, reading would be slow for these
/// names and still right.
#[derive(Clone)]
pub(super) struct PathHash {
    seeds: [u64; 3],
}

impl PathHash {
    pub(super) fn hash(&self, path: &str) -> u64 {
        let [mut state, first, second] = self.seeds;
        let octets = path.as_bytes();
        let mix = |state: u64, block: &[u8; 16]| {
            let block = u128::from_le_bytes(*block);
            fold(state ^ block as u64, first ^ (block >> 64) as u64)
        };
        let (blocks, rest) = octets.as_chunks::<16>();
        for block in blocks {
            state = mix(state, block);
        }
        if let Some(last) = octets.last_chunk::<16>() {
            // Octets that are looked at twice do no harm.
            state = mix(state, last);
        } else {
            let mut last = [0; 16];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            state = mix(state, &last);
        }
        // Last: beside the first octets, length and octet could make up for each other.
        fold(state, second ^ path.len() as u64)
    }
}

impl Default for PathHash {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            // Odd, so that none is zero.
            seeds: [0_u8, 1, 2].map(|number| random.hash_one(number) | 1),
        }
    }
}

/// Both halves of a product.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn paths_that_differ_somewhere_differ_in_their_hash() {
        let hash = PathHash::default();
        let mut hashes = HashSet::new();
        let mut paths = 0;
        for len in 0..70 {
            let path = "x".repeat(len);
            hashes.insert(hash.hash(&path));
            paths += 1;
            for at in 0..len {
                let mut other = path.clone();
                other.replace_range(at..=at, "y");
                hashes.insert(hash.hash(&other));
                paths += 1;
            }
        }
        assert_eq!(hashes.len(), paths);
    }

    #[test]
    fn the_parts_of_a_hash_are_spread() {
        let hash = PathHash::default();
        let mut buckets = [0_u32; 64];
        for number in 0..64_000 {
            let path = format!("./Inventory/Group-{}/Property-{number}", number % 7);
            buckets[(hash.hash(&path) % 64) as usize] += 1;
        }
        // A thousand each, give or take eight standard deviations.
        assert!(
            buckets.iter().all(|met| (750..1250).contains(met)),
            "{buckets:?}"
        );
    }

    #[test]
    fn each_store_has_seeds_of_its_own() {
        let hashes: HashSet<u64> = (0..10).map(|_| PathHash::default().hash("./A")).collect();
        assert!(hashes.len() > 1);
    }
}
