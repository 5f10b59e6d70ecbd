//! Jobs that are put off, and questions to the user.

use dm_proto::{codec::Encoding, session::Trigger};
use dm_tree::{object::JobId, testing::Disk};
use scomo::{
    ResultCode,
    device::{
        Cause, Component, Components, Config, Consent, PackageIs, Prompts, Reporting, Request,
    },
    server::{AnyOperation, Invoke},
};

use crate::support::{Result, Setup, URL, config, each, game, order, start, uri};

const REPORTING: [Reporting; 3] = [
    Reporting::Synchronous,
    Reporting::InSession,
    Reporting::AfterSession,
];

/// The only job that is put off.
fn deferred(setup: &mut Setup) -> Result<Option<JobId>> {
    let mut jobs = setup.bench.agent()?.deferred_jobs();
    let job = jobs.next().map(|job| job.id);
    assert!(jobs.next().is_none());
    Ok(job)
}

fn take_up(setup: &mut Setup) -> Result {
    let job = deferred(setup)?.expect("a job is put off");
    setup.bench.agent()?.take_up(job, 5)?;
    setup.bench.settle()
}

#[test]
fn a_phase_that_is_put_off_waits_for_the_integrator_over_restarts() -> Result {
    for reporting in REPORTING {
        each(&config().with_reporting(reporting), |setup| {
            setup.car.puts_off([Cause::Battery]);
            setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
            assert_eq!(setup.outcome(1)?, None);
            assert_eq!(setup.car.done(), ["not now: fetch"]);
            // Nothing happens by itself, not even after a restart.
            setup.bench.power_up()?;
            setup.bench.settle()?;
            assert_eq!(setup.car.done(), [""; 0]);
            assert_eq!(setup.value("Download/game/Status")?, "30");
            // The installation is put off too; what was fetched is not fetched again.
            setup.car.puts_off([]);
            take_up(setup)?;
            assert_eq!(
                setup.car.done(),
                [
                    format!("fetch game from {URL}"),
                    "install game Active".into()
                ],
                "not resumed: nothing was begun"
            );
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
            assert!(setup.is_told_once());
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn every_phase_can_be_put_off() -> Result {
    let config = config().with_components([Component::new("nav")]);
    each(&config, |setup| {
        let phases = [
            (Invoke::activate("nav", order("a")), "activate nav"),
            (Invoke::deactivate("nav", order("b")), "deactivate nav"),
            (
                Invoke::remove_component("nav", order("c")),
                "remove component nav",
            ),
        ];
        for (id, (operation, what)) in (1..).zip(phases) {
            setup.car.puts_off([Cause::Other]);
            setup.carry_out(id, operation)?;
            assert_eq!(setup.outcome(id)?, None);
            take_up(setup)?;
            assert_eq!(setup.car.done(), [format!("not now: {what}"), what.into()]);
            assert_eq!(setup.codes(id)?, ("succeeded", 0, 1200));
        }
        Ok(())
    })
}

#[test]
fn an_installation_that_is_put_off_keeps_what_was_fetched() -> Result {
    each(&config(), |setup| {
        setup.car.user_answers([Consent::Yes]);
        let install = Invoke::download_install(game(), URL, order("a"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        setup.bench.leaves_jobs = true;
        setup.bench.run_session(Trigger::Server)?;
        let job = setup.bench.left.pop().expect("a job is left").id;
        setup.bench.leaves_jobs = false;
        // The integrator runs each phase.
        for _ in ["started", "fetched", "installing"] {
            setup.bench.agent()?.run(job, 1)?;
            let output = setup.bench.agent()?.poll(1)?;
            assert!(
                matches!(output, dm_tree::agent::Output::Run(_)),
                "{output:?}"
            );
        }
        setup.car.puts_off([Cause::Memory]);
        setup.bench.agent()?.run(job, 1)?;
        assert_eq!(setup.value("Download/game/Status")?, "50");
        setup.bench.power_up()?;
        take_up(setup)?;
        assert_eq!(
            setup.car.done(),
            [
                format!("fetch game from {URL}"),
                "not now: install".into(),
                "install game Active".into()
            ]
        );
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn what_comes_behind_a_job_that_is_put_off_keeps_its_place() -> Result {
    let config = config().with_components([Component::new("nav"), Component::new("radio")]);
    each(&config, |setup| {
        setup.car.puts_off([Cause::Battery]);
        setup.carry_out(1, Invoke::activate("nav", order("a")))?;
        setup.carry_out(2, Invoke::activate("radio", order("b")))?;
        assert_eq!(setup.outcome(2)?, None);
        assert_eq!(setup.car.done(), ["not now: activate nav"]);
        take_up(setup)?;
        assert_eq!(setup.car.done(), ["activate nav", "activate radio"]);
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn an_update_leaves_the_status_of_what_waits_behind_it_on_a_component() -> Result {
    let config = config().with_components([Component::new("game.app")]);
    let mut setup = start(config, Disk::default(), Encoding::Wbxml)?;
    setup.car.puts_off([Cause::Battery]);
    let update = Invoke::download_install_inactive(game(), URL, order("a"));
    setup.carry_out(1, update)?;
    setup.carry_out(2, Invoke::activate("game.app", order("b")))?;
    assert_eq!(setup.value("Inventory/Deployed/game.app/Status")?, "50");
    // Fetching and installing are not put off any more, activating is.
    setup.car.runs_and_puts_off([]);
    setup.car.runs_and_puts_off([Cause::Battery]);
    take_up(&mut setup)?;
    assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
    assert_eq!(setup.value("Inventory/Deployed/game.app/Status")?, "50");
    take_up(&mut setup)?;
    assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
    assert_eq!(setup.value("Inventory/Deployed/game.app/Status")?, "10");
    Ok(())
}

#[test]
fn a_job_behind_another_on_its_node_marks_the_node_when_it_starts() -> Result {
    let config = config().with_components([Component::new("nav")]);
    each(&config, |setup| {
        setup.car.puts_off([Cause::Battery]);
        setup.carry_out(1, Invoke::activate("nav", order("a")))?;
        setup.carry_out(2, Invoke::remove_component("nav", order("b")))?;
        assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "50");
        let job = deferred(setup)?.expect("a job is put off");
        setup.car.puts_off([Cause::Battery]);
        let outcome = {
            let agent = setup.bench.agent()?;
            let job = agent.deferred_jobs().next().expect("put off");
            Request::of(job)
                .expect("it is ours")
                .outcome(ResultCode::SUCCESSFUL)
        };
        setup.bench.agent()?.complete(job, outcome, 5)?;
        setup.bench.settle()?;
        assert_eq!(
            setup.car.done(),
            ["not now: activate nav", "not now: remove component nav"]
        );
        // No server may change what the second job is on.
        assert_eq!(setup.value("Inventory/Deployed/nav/Status")?, "30");
        take_up(setup)?;
        assert_eq!(setup.codes(2)?, ("succeeded", 0, 1200));
        assert_eq!(setup.children("Inventory/Deployed")?, [""; 0]);
        Ok(())
    })
}

#[test]
fn a_job_that_is_put_off_too_often_is_given_up_with_the_reason() -> Result {
    for (cause, code) in [
        (Cause::User, 1401),
        (Cause::Memory, 1404),
        (Cause::Battery, 1400),
        (Cause::Network, 1400),
    ] {
        let mut config = config();
        config.max_deferrals = Some(1);
        each(&config, |setup| {
            setup.car.puts_off([cause, cause]);
            setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
            assert_eq!(setup.outcome(1)?, None);
            take_up(setup)?;
            let (_, _, result) = setup.codes(1)?;
            assert_eq!(result, code);
            assert_eq!(setup.car.done(), ["not now: fetch", "not now: fetch"]);
            assert_eq!(deferred(setup)?, None);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn the_integrator_gives_up_what_has_waited_long_enough() -> Result {
    each(&config(), |setup| {
        setup.car.puts_off([Cause::User]);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        let agent = setup.bench.agent()?;
        let job = agent.deferred_jobs().next().expect("put off").clone();
        assert_eq!(job.deferrals, 1);
        assert!(job.deferred_since.is_some());
        let request = Request::of(&job).expect("it is ours");
        agent.complete(job.id, request.given_up(Cause::User, &job), 9)?;
        setup.bench.settle()?;
        let (_, _, result) = setup.codes(1)?;
        assert_eq!(result, 1401);
        assert_eq!(setup.value("Download/game/Status")?, "20");
        Ok(())
    })
}

// ---- questions ----------------------------------------------------------------------------------

fn asking() -> Config {
    config().with_prompts(Prompts::ALL)
}

#[test]
fn nobody_is_asked_unless_that_is_switched_on() -> Result {
    each(&config(), |setup| {
        setup.car.user_answers([Consent::No]);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn the_user_is_asked_before_download_and_installation() -> Result {
    for reporting in REPORTING {
        each(&asking().with_reporting(reporting), |setup| {
            setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
            assert_eq!(
                setup.car.done(),
                [
                    "ask Download game".into(),
                    format!("fetch game from {URL}"),
                    "ask Install game".into(),
                    "install game Active".into(),
                ]
            );
            assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_no_is_1401_and_nothing_further_happens() -> Result {
    for (answers, status) in [
        (&[Consent::No][..], "20"),
        (&[Consent::Yes, Consent::No], "60"),
    ] {
        each(&asking(), |setup| {
            setup.car.user_answers(answers.iter().copied());
            setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
            let (_, _, result) = setup.codes(1)?;
            assert_eq!(result, 1401);
            assert_eq!(setup.value("Download/game/Status")?, status);
            assert_eq!(setup.children("Inventory/Deployed")?, [""; 0]);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_question_that_is_postponed_is_asked_again() -> Result {
    each(&asking(), |setup| {
        setup
            .car
            .user_answers([Consent::Postponed, Consent::Yes, Consent::Postponed]);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        assert_eq!(setup.car.done(), ["ask Download game"]);
        take_up(setup)?;
        assert_eq!(
            setup.car.done(),
            [
                "ask Download game".into(),
                format!("fetch game from {URL}"),
                "ask Install game".into()
            ]
        );
        take_up(setup)?;
        assert_eq!(
            setup.car.done(),
            ["ask Install game", "install game Active"]
        );
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200));
        Ok(())
    })
}

#[test]
fn an_answer_may_come_later() -> Result {
    for (answer, result) in [(true, 1200), (false, 1401)] {
        each(&asking(), |setup| {
            setup.car.user_answers([Consent::Later]);
            let install = Invoke::download_install(game(), URL, order("a"));
            setup.bench.push(1, AnyOperation::Invoke(install))?;
            setup.bench.leaves_jobs = true;
            setup.bench.run_session(Trigger::Server)?;
            let job = setup.bench.left.pop().expect("a job is left");
            setup.bench.leaves_jobs = false;
            setup.bench.agent()?.run(job.id, 1)?;
            setup.bench.run()?;
            assert_eq!(setup.car.done(), ["ask Download game"]);
            let request = Request::of(&job).expect("it is ours");
            let agent = setup.bench.agent()?;
            if answer {
                agent.reached(job.id, request.agreed(&job), 2)?;
                agent.take_up(job.id, 2)?;
            } else {
                let no = request.outcome(ResultCode::USER_CANCELLED);
                agent.complete(job.id, no, 2)?;
            }
            setup.bench.settle()?;
            assert_eq!(setup.codes(1)?.2, result);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_yes_is_not_asked_for_again_after_a_restart() -> Result {
    let run = |cut| -> Result<Setup> {
        let mut setup = start(asking(), Disk::default(), Encoding::Wbxml)?;
        let install = Invoke::download_install(game(), URL, order("a"));
        setup.bench.push(1, AnyOperation::Invoke(install))?;
        if let Some(step) = cut {
            setup.bench.power_cut(step);
        }
        setup.bench.settle()?;
        Ok(setup)
    };
    let steps = run(None)?.bench.steps();
    for step in 0..steps {
        let mut setup = run(Some(step))?;
        assert_eq!(setup.codes(1)?, ("succeeded", 0, 1200), "{step}");
        let done = setup.car.done();
        let place = |what: &str| done.iter().position(|done| done.starts_with(what));
        let last = |what: &str| done.iter().rposition(|done| done.starts_with(what));
        assert!(last("ask Download") < place("fetch"), "{step}: {done:?}");
        assert!(last("ask Install") < place("install"), "{step}: {done:?}");
    }
    Ok(())
}

#[test]
fn a_package_that_is_kept_is_not_asked_for_when_it_is_removed() -> Result {
    each(&asking(), |setup| {
        setup.car.installs(PackageIs::Kept);
        setup.carry_out(1, Invoke::download_install(game(), URL, order("a")))?;
        setup.car.done();
        setup.carry_out(2, Invoke::remove_package("game", order("b")))?;
        assert_eq!(setup.car.done(), ["remove package game"]);
        Ok(())
    })
}

/// While the job was put off the device has got a newer version from elsewhere.
#[test]
fn a_version_that_goes_back_by_now_is_refused_when_the_job_is_taken_up() -> Result {
    let config = asking();
    each(&config, |setup| {
        let put = |setup: &mut Setup, version: &str| -> Result {
            let component = Component::new("game.app").with_version(version);
            let components = Components::of(uri("./SCOMO"), config.clone());
            let put = components.put(setup.bench.agent()?, &component, 2);
            put.expect("nothing is on it");
            Ok(())
        };
        setup.carry_out(1, Invoke::download(game(), URL, order("a")))?;
        put(setup, "1")?;
        setup
            .car
            .announces([Component::new("game.app").with_version("2")]);
        setup.car.user_answers([Consent::Postponed]);
        setup.carry_out(2, Invoke::install("game", order("b")))?;
        put(setup, "3")?;
        setup.car.done();
        take_up(setup)?;
        assert_eq!(setup.codes(2)?.2, 1405);
        assert_eq!(setup.car.done(), [""; 0]);
        assert_eq!(setup.value("Inventory/Deployed/game.app/Version")?, "3");
        Ok(())
    })
}
