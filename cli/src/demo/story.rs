//! How the demo is told: numbered steps for people, one JSON object per step for programs.

use std::time::Duration;

use lakebed_txlog::Result;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::render::{Form, units};

/// Tells steps as they happen.
pub(super) struct Story<'a> {
    context: &'a Context,
    started: Duration,
    steps: usize,
}

impl<'a> Story<'a> {
    pub(super) fn begin(context: &'a Context) -> Story<'a> {
        Story { context, started: context.env.monotonic(), steps: 0 }
    }

    /// A new step, under a heading.
    pub(super) fn step(&mut self, heading: &str, why: &str) -> Result<()> {
        self.steps += 1;
        if self.context.form == Form::People {
            self.context.print(format!("\n{}. {heading}\n{}", self.steps, indented(why)))?;
        }
        Ok(())
    }

    /// What came of it: facts by name, and the same in a sentence.
    pub(super) fn tell(
        &self,
        name: &str,
        facts: impl IntoIterator<Item = (&'static str, Value)>,
        text: &str,
    ) -> Result<()> {
        if self.context.form != Form::People {
            let mut line: Map<String, Value> = Map::new();
            line.insert("step".to_owned(), self.steps.into());
            line.insert("event".to_owned(), name.into());
            line.extend(facts.into_iter().map(|(name, value)| (name.to_owned(), value)));
            return self.context.print_json(&Value::Object(line));
        }
        self.context.print(indented(text))
    }

    /// A command that a person could type for what happens here.
    pub(super) fn command(&self, command: &str) -> Result<()> {
        if self.context.form == Form::People { self.context.print(format!("   $ {command}")) } else { Ok(()) }
    }

    /// A drawing, such as a table.
    pub(super) fn show(&self, drawing: &str) -> Result<()> {
        if self.context.form == Form::People { self.context.print(indented(drawing)) } else { Ok(()) }
    }

    /// How long it took so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.context.env.monotonic().saturating_sub(self.started)
    }

    /// The same in words.
    pub(super) fn took(&self) -> String {
        units::duration(self.elapsed())
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}
