//! `dm-inspect notification`.
use super::{Failure, NotificationArgs};

pub(super) fn run(args: &NotificationArgs) -> Result<(), Failure> {
    let _ = args;
    Err(Failure::Unsupported("notifications"))
}
