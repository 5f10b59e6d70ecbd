//! Bodies of the fuzz targets in `fuzz/`, here so that they are compiled, linted and changed with the
//! code. Each states the properties that it enforces; breaking one panics.

mod model;
mod tree_ops;

pub use self::tree_ops::tree_ops;
#[cfg(test)]
use self::tree_ops::tree_ops_on;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::store::{Memory, Redb};

    fn redb() -> Redb {
        let backend = redb::backends::InMemoryBackend::new();
        let database = redb::Database::builder().create_with_backend(backend);
        Redb::with_database(database.unwrap()).unwrap()
    }

    #[test]
    fn every_seed_keeps_its_promises() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/tree_ops");
        let mut seeds = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            tree_ops(&seed);
            tree_ops_on(Box::new(redb()), &seed);
            seeds += 1;
        }
        assert!(seeds >= 4);
    }

    #[test]
    fn any_commands_of_several_servers_end_as_in_a_simple_model() {
        let mut random = 1_u64;
        let mut octet = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 40) as u8
        };
        let mut met = std::collections::BTreeMap::new();
        for round in 0..300 {
            let program: Vec<u8> = (0..900).map(|_| octet()).collect();
            let statuses = if round % 10 == 0 {
                tree_ops_on(Box::new(redb()), &program)
            } else {
                tree_ops_on(Box::new(Memory::new()), &program)
            };
            for status in statuses {
                *met.entry(status).or_insert(0) += 1;
            }
        }
        // Every status that the model knows is among them, and often.
        for status in [200, 400, 404, 405, 406, 413, 415, 418, 425] {
            assert!(
                met.get(&status).is_some_and(|times| *times > 20),
                "{status}: {met:?}"
            );
        }
    }
}
