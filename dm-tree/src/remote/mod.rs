//! The server's view of a device's tree: operations that span messages and sessions.
//!
//! An [`Operation`] is a serializable state machine. A [`Queue`] holds those of one device and joins
//! them to its session. `lawmo::server` and `scomo::server` implement operations on top of [`Course`],
//! which finds the object, reads it, asks the user, prepares, executes and waits for the report.
//!
//! - An [`Order`] says which object is meant, what is looked at before, who is asked, and until when.
//! - [`Combined`] makes several operations one.
//! - What devices and the management infrastructure ask for is decided on at a [`Desk`]: see [`Actor`] for
//!   who may ask whom.
//! - Of several server processes, the one that stores the queue first sends: [`Queue::store`].

mod actor;
mod any;
mod checks;
mod combined;
mod command;
mod course;
mod finder;
mod operation;
mod order;
mod queue;
mod reader;
mod replies;
mod report;

pub use self::{
    actor::{
        Actor, Channel, Decision, Desk, DeviceRequest, Refusal, Request, RequestTypes, Rules,
        Subject, Understood, Verdict,
    },
    checks::{Checks, Instance, Unmet},
    combined::{Combined, CombinedOutcome, Next},
    course::{Conclusion, Course, Plan, Prepare, Script, Setting},
    operation::{Operation, Progress, Reply, Step, Summarize},
    order::{ComponentResult, Ended, Order, Question, Summary, SummaryState},
    queue::{Notice, Queue},
    reader::Snapshot,
    report::Report,
};
