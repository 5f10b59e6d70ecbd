//! The demo: a server and devices over loopback HTTP go through every flow of the LAWMO and SCOMO
//! architecture documents.
//!
//! What is drawn is what was sent: the server shows each message that passes it, and the drawing is made
//! from the decoded message.

pub mod draw;
pub mod trace;

mod flows;
mod packages;
mod refusals;
mod stage;

use std::io;

use anstyle::{AnsiColor, Style};
use dm_proto::codec::Encoding;

pub use self::stage::DemoError;
use self::{
    flows::Check,
    stage::Stage,
    trace::{Line, Sent},
};

/// What came of the demo.
#[non_exhaustive]
#[derive(Debug)]
pub struct Report {
    /// The flows.
    pub flows: Vec<Flow>,
    /// All messages that were sent.
    pub messages: Vec<Sent>,
}

/// What came of a flow.
#[non_exhaustive]
#[derive(Debug)]
pub struct Flow {
    /// Its title.
    pub title: String,
    /// What happened.
    pub lines: Vec<Line>,
    /// What came of it.
    pub outcome: String,
    /// Whether that is what must come of it.
    pub as_expected: bool,
}

impl Flow {
    /// How often one told another something.
    pub fn steps(&self) -> usize {
        let arrows = self.lines.iter();
        arrows.filter(|line| matches!(line, Line::Arrow(_))).count()
    }
}

impl Report {
    /// Whether every flow ended as it must.
    pub fn is_as_expected(&self) -> bool {
        self.flows.iter().all(|flow| flow.as_expected)
    }

    /// The flows as Markdown with mermaid sequence diagrams.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("# LAWMO and SCOMO flows\n");
        for (number, flow) in (1..).zip(&self.flows) {
            text.push_str(&format!("\n## {number}. {}\n\n```mermaid\n", flow.title));
            // Writing to a string does not fail.
            let _ = draw::mermaid(&mut text, &flow.lines);
            text.push_str(&format!("```\n\nOutcome: {}\n", flow.outcome));
        }
        text
    }
}

/// Plays all flows and draws each on `out` when it is over, and a table at the end. Give it a writer
/// that strips colour where there is no terminal.
///
/// # Errors
///
/// If something goes wrong outside the flows, which have it in their outcome.
pub fn run(encoding: Encoding, out: &mut dyn io::Write) -> Result<Report, DemoError> {
    let mut show = Show {
        stage: Stage::new(encoding)?,
        flows: Vec::new(),
        out,
        failed: None,
    };
    flows::play(&mut show)?;
    if let Some(error) = show.failed {
        return Err(error.into());
    }
    let report = Report {
        messages: show.stage.trace.messages(),
        flows: show.flows,
    };
    table(out, &report)?;
    Ok(report)
}

/// The demo as it goes on.
struct Show<'o> {
    stage: Stage,
    flows: Vec<Flow>,
    out: &'o mut dyn io::Write,
    failed: Option<io::Error>,
}

impl Show<'_> {
    /// Plays a flow and draws it. An error is an outcome that no flow must have.
    fn flow(&mut self, title: &str, play: impl FnOnce(&mut Stage) -> Result<Check, DemoError>) {
        let (outcome, as_expected) = match play(&mut self.stage) {
            Ok(check) => (check.outcome(), check.is_as_expected()),
            Err(error) => (format!("error: {error}"), false),
        };
        let flow = Flow {
            title: title.to_owned(),
            lines: self.stage.trace.take(),
            outcome,
            as_expected,
        };
        let number = self.flows.len().saturating_add(1);
        if let Err(error) = draw_flow(&mut self.out, number, &flow) {
            self.failed.get_or_insert(error);
        }
        self.flows.push(flow);
    }
}

fn draw_flow(out: &mut impl io::Write, number: usize, flow: &Flow) -> io::Result<()> {
    let bold = Style::new().bold();
    writeln!(out, "{bold}{number}. {}{bold:#}\n", flow.title)?;
    draw::ladder(out, &flow.lines)?;
    let style = verdict(flow);
    writeln!(out, "  {style}=> {}{style:#}\n", flow.outcome)
}

fn table(out: &mut dyn io::Write, report: &Report) -> io::Result<()> {
    let bold = Style::new().bold();
    let width = report
        .flows
        .iter()
        .map(|flow| flow.title.chars().count())
        .max()
        .unwrap_or_default();
    writeln!(
        out,
        "{bold}     {:<width$}  steps  as expected  outcome{bold:#}",
        "flow"
    )?;
    for (number, flow) in (1..).zip(&report.flows) {
        let style = verdict(flow);
        let as_expected = if flow.as_expected { "yes" } else { "NO" };
        writeln!(
            out,
            "{number:>3}  {:<width$}  {:>5}  {style}{as_expected:<11}{style:#}  {}",
            flow.title,
            flow.steps(),
            flow.outcome
        )?;
    }
    let good = report.flows.iter().filter(|flow| flow.as_expected).count();
    writeln!(
        out,
        "\n{good} of {} flows ended as they must, with {} messages.",
        report.flows.len(),
        report.messages.len()
    )
}

fn verdict(flow: &Flow) -> Style {
    if flow.as_expected {
        AnsiColor::Green.on_default()
    } else {
        AnsiColor::Red.on_default().bold()
    }
}
