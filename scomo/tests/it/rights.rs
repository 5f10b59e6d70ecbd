//! Rights that servers set below packages and components.

use dm_tree::{Acl, Right};
use scomo::server::Invoke;

use crate::support::{Result, URL, config, each, game, order, uri};

/// Whoever fetches a package again, or brings a component again, changes no rights of others.
#[test]
fn what_is_fetched_or_updated_again_keeps_the_rights_below_it() -> Result {
    each(&config(), |setup| {
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let acl = Acl::all(["srv1"]).grant(Right::Get, "auditor");
        let guarded = [
            "Inventory/Delivered/game/Operations",
            "Inventory/Delivered/game/Operations/Install",
            "Inventory/Delivered/game/PkgID",
            "Inventory/Delivered/game/Status",
            "Inventory/Delivered/game/State",
            "Inventory/Delivered/game/Data",
            "Inventory/Deployed/game.app/Version",
            "Inventory/Deployed/game.app/Operations/Remove",
        ];
        let mut transaction = setup.bench.agent()?.begin(1);
        for path in guarded {
            let node = transaction.view().node(&uri(&format!("./SCOMO/{path}")));
            let node = node.expect("it is there").with_acl(acl.clone());
            let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
            edit.put(path, node).expect("written");
        }
        transaction.commit().expect("committed");
        setup.carry_out(2, Invoke::download_install(game(), URL, order("b")))?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        let transaction = setup.bench.agent()?.begin(1);
        for path in guarded {
            let node = transaction.view().node(&uri(&format!("./SCOMO/{path}")));
            assert_eq!(node.expect("it is there").acl, acl, "{path}");
        }
        Ok(())
    })
}
