//! Version 1.1, several objects in a tree, vendor nodes, and what the device changes itself.

use dm_proto::session::Verb;
use dm_tree::{
    NodeFormat, NodeUri, Tree,
    description::{Access, NodeDescription},
};
use scomo::{
    MO_ID_1_1,
    device::{Component, Components, ComponentsError, Scomo},
    server::{AnyOutcome, Inventory, Invoke},
};

use crate::{
    nodes::{exec, filled, status, tree, tree_at, value},
    support::{Car, Result, URL, config, each, game, order, uri},
};

// ---- 1.1 and several instances --------------------------------------------------------------------

#[test]
fn reboot_is_a_leaf_of_1_1_that_goes_with_the_package() -> Result {
    let mut later = config();
    later.mo_id = MO_ID_1_1.into();
    for (config, expected) in [(config(), 405), (later.clone(), 200)] {
        let tree = &mut filled(config);
        for path in ["/Download/d/Reboot", "/Inventory/Delivered/p/Reboot"] {
            assert_eq!(
                status(tree, "srv1", Verb::Add, path, Some("after")),
                expected
            );
        }
    }
    each(&later, |setup| {
        let mut package = game();
        package.reboot = Some("before".into());
        setup.carry_out(1, Invoke::download(package, URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        assert_eq!(setup.value("Inventory/Delivered/game/Reboot")?, "before");
        Ok(())
    })
}

#[test]
fn several_objects_share_a_tree_if_none_is_below_another() {
    let cars = [Car::default(), Car::default()];
    let mut tree = tree_at("./SCOMO", &config(), &cars[0]);
    let mount = |tree: &mut Tree, root: &str| {
        let object = Scomo::new(cars[1].clone(), config());
        tree.mount(uri(root), Box::new(object))
    };
    mount(&mut tree, "./Maps/SCOMO").expect("a root of its own");
    for overlapping in ["./SCOMO/Download/x", "./Maps", "./SCOMO"] {
        assert!(mount(&mut tree, overlapping).is_err(), "{overlapping}");
    }
    // A name that begins alike is another name.
    mount(&mut tree, "./SCOMO2").expect("a root of its own");
    assert_eq!(
        status(&mut tree, "srv1", Verb::Add, "/Download/d", None),
        200
    );
    for (root, expected) in [("./SCOMO", 1), ("./Maps/SCOMO", 0), ("./SCOMO2", 0)] {
        let download = NodeUri::parse(&format!("{root}/Download")).expect("a uri");
        let packages = tree.view().children(&download).expect("mounted");
        assert_eq!(packages.len(), expected, "{root}");
    }
}

// ---- what the device changes itself ---------------------------------------------------------------

#[test]
fn what_comes_and_goes_on_the_device_is_in_the_inventory() -> Result {
    let config = config();
    each(&config, |setup| {
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let components = Components::of(uri("./SCOMO"), config.clone());
        let agent = setup.bench.agent()?;
        let mut radio = Component::new("radio").named("Radio").with_version("5");
        radio.active = true;
        components.put(agent, &radio, 2).expect("put");
        assert_eq!(components.remove(agent, "game.lib", 3).ok(), Some(true));
        assert_eq!(components.remove(agent, "game.lib", 3).ok(), Some(false));
        let there = components.all(agent).expect("read");
        let ids: Vec<_> = there
            .iter()
            .map(|component| component.id.as_str())
            .collect();
        assert_eq!(ids, ["game.app", "radio"]);
        let nobody = Components::of(uri("./None"), config.clone());
        assert!(matches!(
            nobody.all(agent),
            Err(ComponentsError::NoObject(_))
        ));
        let nameless = components.put(agent, &Component::new(""), 4);
        assert!(matches!(nameless, Err(ComponentsError::NoId)));

        setup.carry_out(2, Inventory::new(order("i")))?;
        let Some(AnyOutcome::Inventory(Ok(contents))) = setup.outcome(2)? else {
            panic!("no inventory");
        };
        let seen: Vec<_> = contents
            .deployed
            .iter()
            .map(|seen| seen.id.as_str())
            .collect();
        assert_eq!(seen, ["game.app", "radio"]);
        setup.carry_out(3, Invoke::deactivate("radio", order("d")))?;
        assert_eq!(setup.codes(3)?, ("succeeded", 0, 1200));
        // The last component of a package that is kept.
        let agent = setup.bench.agent()?;
        components.remove(agent, "game.app", 5).expect("removed");
        assert_eq!(setup.value("Inventory/Delivered/game/State")?, "10");
        Ok(())
    })
}

#[test]
fn a_package_whose_components_the_device_has_from_elsewhere_now_is_only_delivered() -> Result {
    let config = config();
    each(&config, |setup| {
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let components = Components::of(uri("./SCOMO"), config.clone());
        for (id, state) in [("game.app", "20"), ("game.lib", "10")] {
            let mut component = Component::new(id);
            component.pkg_id = Some("firmware".into());
            let put = components.put(setup.bench.agent()?, &component, 2);
            put.expect("put");
            assert_eq!(setup.value("Inventory/Delivered/game/State")?, state);
        }
        Ok(())
    })
}

#[test]
fn the_device_leaves_alone_what_a_job_is_on() -> Result {
    let config = config().with_components([Component::new("nav")]);
    each(&config, |setup| {
        setup.car.puts_off([scomo::device::Cause::Other]);
        setup.carry_out(1, Invoke::activate("nav", order("a")))?;
        let components = Components::of(uri("./SCOMO"), config.clone());
        let agent = setup.bench.agent()?;
        let removed = components.remove(agent, "nav", 2);
        assert!(matches!(removed, Err(ComponentsError::Busy(_))));
        Ok(())
    })
}

#[test]
fn vendor_nodes_stand_below_ext() {
    let interval = NodeDescription::leaf("PollingIntervalInHours", NodeFormat::Int)
        .access(Access::GET | Access::REPLACE)
        .default_value("24");
    let config = config().with_vendor_node(interval);
    let tree = &mut tree(&config);
    assert_eq!(
        value(tree, "Ext/PollingIntervalInHours").as_deref(),
        Some("24")
    );
    let path = "/Ext/PollingIntervalInHours";
    assert_eq!(status(tree, "srv1", Verb::Replace, path, Some("0")), 200);
    assert_eq!(exec(tree, "srv1", "Ext/PollingIntervalInHours"), 405);
}
