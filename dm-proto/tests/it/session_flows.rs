//! Whole sessions that read like the flows of OMA-TS-DM_Protocol.

use dm_proto::session::Ending;

use crate::session_support::*;

#[test]
fn an_exec_is_executed_and_answered() {
    for encoding in ENCODINGS {
        let pair = Scene::new(encoding).send(exec("./Op")).run();

        assert_eq!(pair.client.device.executed, ["Exec ./Op"]);
        assert_eq!(
            pair.server.manager.heard,
            [
                "opened 1201 5",
                "ready",
                "status 1.0 200",
                "ready",
                "ended Complete"
            ]
        );
        assert_eq!(pair.client.ending, Some(Ending::Complete));
    }
}
