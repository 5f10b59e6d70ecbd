//! What other software finds that comes to a tree which is there already.

use dm_proto::{StatusCode, codec::Encoding};
use dm_tree::testing::Disk;
use scomo::{
    MO_ID, MO_ID_1_1, Operation,
    device::{Cause, Component, Config},
    server::Invoke,
};

use crate::{
    nodes::delete,
    support::{Result, Setup, URL, config, game, order, start, uri},
};

/// A device, and the same one with other software.
fn updated(before: Config, after: Config, use_it: impl Fn(&mut Setup) -> Result) -> Result<Setup> {
    let disk = Disk::default();
    let mut setup = start(before, disk.clone(), Encoding::Wbxml)?;
    use_it(&mut setup)?;
    drop(setup);
    start(after, disk, Encoding::Wbxml)
}

#[test]
fn software_of_another_version_says_so_and_guards_what_a_job_is_on() -> Result {
    for (before, after) in [(MO_ID, MO_ID_1_1), (MO_ID_1_1, MO_ID)] {
        let of = |mo_id: &'static str| {
            let mut config = config();
            config.mo_id = mo_id.into();
            config
        };
        let mut setup = updated(of(before), of(after), |setup| {
            setup.car.puts_off([Cause::Battery]);
            setup.carry_out(1, Invoke::download(game(), URL, order("a")))
        })?;
        let transaction = setup.bench.agent()?.begin(1);
        let root = transaction.view().node(&uri("./SCOMO")).expect("mounted");
        assert_eq!(root.type_, after);
        assert!(!root.acl.is_empty(), "its rights stay");
        drop(transaction);
        let mut transaction = setup.bench.agent()?.begin(1);
        let refused = delete(&mut transaction, "srv1", "/Download/game");
        assert_eq!(refused, StatusCode::FORBIDDEN);
    }
    Ok(())
}

#[test]
fn primitives_that_are_offered_later_come_to_what_is_there() -> Result {
    let few = config()
        .offering([Operation::Download, Operation::DownloadInstall])
        .with_components([Component::new("nav")]);
    let mut setup = updated(few, config(), |setup| {
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))
    })?;
    setup.carry_out(2, Invoke::install("game", order("b")))?;
    assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    setup.carry_out(3, Invoke::activate("nav", order("c")))?;
    assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
    Ok(())
}
