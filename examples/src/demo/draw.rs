//! Flows as ladders on a terminal and as mermaid sequence diagrams.

use std::{collections::BTreeSet, fmt, io};

use anstyle::{AnsiColor, Style};

use super::trace::{Actor, Arrow, Line};

/// Columns between two lifelines.
const GAP: usize = 13;

/// Draws a flow as a ladder: a lifeline for each actor that takes part, time downwards, what was said
/// beside its arrow. Give it a writer that strips colour where there is no terminal.
///
/// # Errors
///
/// If writing fails.
pub fn ladder(out: &mut impl io::Write, lines: &[Line]) -> io::Result<()> {
    let dim = Style::new().dimmed();
    let actors = actors(lines);
    write!(out, "  ")?;
    for (number, actor) in (1..).zip(&actors) {
        let style = style(*actor).bold();
        let width = if number == actors.len() { 0 } else { GAP };
        write!(out, "{style}{:<width$}{style:#}", actor.name())?;
    }
    writeln!(out)?;
    for line in lines {
        match line {
            Line::Arrow(arrow) => {
                let style = style(arrow.from);
                write!(out, "  {style}{}{style:#}", rungs(&actors, Some(arrow)))?;
                writeln!(out, "{style}{}{style:#}", arrow.title)?;
                for detail in &arrow.details {
                    write!(out, "  {dim}{}{dim:#}", rungs(&actors, None))?;
                    writeln!(out, "  {detail}")?;
                }
            }
            Line::Note(actor, note) => {
                write!(out, "  {dim}{}{dim:#}", rungs(&actors, None))?;
                let style = style(*actor);
                writeln!(out, "{style}({}: {note}){style:#}", actor.name())?;
            }
        }
    }
    writeln!(out)
}

/// Writes a flow as the source of a mermaid sequence diagram.
///
/// # Errors
///
/// If writing fails.
pub fn mermaid(out: &mut impl fmt::Write, lines: &[Line]) -> fmt::Result {
    writeln!(out, "sequenceDiagram")?;
    for actor in actors(lines) {
        let kind = if actor == Actor::User {
            "actor"
        } else {
            "participant"
        };
        writeln!(out, "    {kind} {}", actor.name())?;
    }
    for line in lines {
        match line {
            Line::Arrow(arrow) => {
                write!(
                    out,
                    "    {}->>{}: {}",
                    arrow.from.name(),
                    arrow.to.name(),
                    escape(&arrow.title)
                )?;
                for detail in &arrow.details {
                    write!(out, "<br/>{}", escape(detail))?;
                }
                writeln!(out)?;
            }
            Line::Note(actor, note) => {
                writeln!(out, "    Note over {}: {}", actor.name(), escape(note))?;
            }
        }
    }
    Ok(())
}

/// Those who take part, in their order.
fn actors(lines: &[Line]) -> Vec<Actor> {
    let found: BTreeSet<Actor> = lines
        .iter()
        .flat_map(|line| match line {
            Line::Arrow(arrow) => vec![arrow.from, arrow.to],
            Line::Note(actor, _) => vec![*actor],
        })
        .collect();
    found.into_iter().collect()
}

/// The lifelines of one row, with an arrow across them.
fn rungs(actors: &[Actor], arrow: Option<&Arrow>) -> String {
    let at = |actor: Actor| actors.iter().position(|found| *found == actor);
    let span = arrow.and_then(|arrow| Some((at(arrow.from)?, at(arrow.to)?)));
    let mut row = String::new();
    for column in 0..actors.len() {
        let (lifeline, gap) = match span {
            Some((from, to)) if from < to => (
                match column {
                    c if c == from => '├',
                    c if c == to => '│',
                    c if from < c && c < to => '┼',
                    _ => '│',
                },
                match column {
                    c if c.saturating_add(1) == to => Some('▶'),
                    c if from <= c && c < to => Some('─'),
                    _ => None,
                },
            ),
            Some((from, to)) => (
                match column {
                    c if c == from => '┤',
                    c if c == to => '│',
                    c if to < c && c < from => '┼',
                    _ => '│',
                },
                match column {
                    c if c == to && to < from => Some('◀'),
                    c if to < c && c < from => Some('─'),
                    _ => None,
                },
            ),
            None => ('│', None),
        };
        row.push(lifeline);
        let width = GAP.saturating_sub(1);
        match gap {
            Some('▶') => {
                row.extend(core::iter::repeat_n('─', width.saturating_sub(1)));
                row.push('▶');
            }
            Some('◀') => {
                row.push('◀');
                row.extend(core::iter::repeat_n('─', width.saturating_sub(1)));
            }
            Some(fill) => row.extend(core::iter::repeat_n(fill, width)),
            None => row.extend(core::iter::repeat_n(' ', width)),
        }
    }
    row
}

fn style(actor: Actor) -> Style {
    let color = match actor {
        Actor::Emi => AnsiColor::Magenta,
        Actor::Server => AnsiColor::Blue,
        Actor::Device => AnsiColor::Green,
        Actor::User => AnsiColor::Yellow,
        Actor::Packages => AnsiColor::Cyan,
    };
    color.on_default()
}

/// Text in which mermaid finds nothing of its own.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '#' => escaped.push_str("#35;"),
            ';' => escaped.push_str("#59;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '\n' => escaped.push_str("<br/>"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: Actor, to: Actor) -> Line {
        Line::Arrow(Arrow {
            from,
            to,
            title: "a; b".to_owned(),
            details: vec!["Exec <x>".to_owned()],
        })
    }

    #[test]
    fn arrows_point_from_one_lifeline_to_another() {
        let lines = [
            arrow(Actor::Server, Actor::Device),
            arrow(Actor::Packages, Actor::Server),
            Line::Note(Actor::Device, "off".to_owned()),
        ];
        let mut out = anstream::StripStream::new(Vec::new());
        ladder(&mut out, &lines).unwrap();
        let expected = "  Server       Device       Packages\n\
                        \x20 ├───────────▶│            │            a; b\n\
                        \x20 │            │            │              Exec <x>\n\
                        \x20 │◀───────────┼────────────┤            a; b\n\
                        \x20 │            │            │              Exec <x>\n\
                        \x20 │            │            │            (Device: off)\n\n";
        assert_eq!(String::from_utf8(out.into_inner()).unwrap(), expected);
    }

    #[test]
    fn mermaid_gets_nothing_that_means_something_to_it() {
        let mut out = String::new();
        mermaid(&mut out, &[arrow(Actor::User, Actor::Emi)]).unwrap();
        assert_eq!(
            out,
            "sequenceDiagram\n    participant EMI\n    actor User\n    \
             User->>EMI: a#59; b<br/>Exec #lt;x#gt;\n"
        );
    }
}
