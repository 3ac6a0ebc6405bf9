//! What every command shares: how it prints, the clock, the stores' settings.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakebed::store::StoreSettings;
use lakebed_txlog::Result;
use lakebed_txlog::env::{Env, SystemEnv};

use crate::args::OutputArgs;
use crate::render::Form;
use crate::render::csv::unwritable;

/// What a command needs besides its arguments.
pub(crate) struct Context {
    pub(crate) form: Form,
    pub(crate) settings: StoreSettings,
    pub(crate) env: Arc<dyn Env>,
    progress: Progress,
}

/// Whether progress is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Drawn,
    Silent,
}

impl Context {
    /// What `output` asks for, with the stores' settings of the environment.
    pub(crate) fn new(output: &OutputArgs) -> Context {
        let form = output.form();
        let drawn = form == Form::People && !output.quiet && std::io::stderr().is_terminal();
        Context {
            form,
            settings: StoreSettings { outside: output.allow_outside.clone(), ..StoreSettings::from_env() },
            env: SystemEnv::shared(),
            progress: if drawn { Progress::Drawn } else { Progress::Silent },
        }
    }

    /// Prints one line or text to standard output.
    pub(crate) fn print(&self, text: impl std::fmt::Display) -> Result<()> {
        let mut output = std::io::stdout().lock();
        writeln!(output, "{text}").and_then(|()| output.flush()).map_err(unwritable)
    }

    /// Prints JSON to standard output.
    pub(crate) fn print_json(&self, value: &serde_json::Value) -> Result<()> {
        self.print(value)
    }

    /// A bar of bytes up to `total`, drawn on a terminal only.
    pub(crate) fn bar(&self, total_bytes: u64, what: &str) -> ProgressBar {
        let style =
            ProgressStyle::with_template("{msg:<24} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
        self.draw(ProgressBar::new(total_bytes), style, what)
    }

    /// A bar of steps, whose number is learnt on the way, drawn on a terminal only.
    pub(crate) fn steps(&self, what: &str) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg:<24} {bar:30} {pos}/{len} {elapsed}");
        self.draw(ProgressBar::new(0), style, what)
    }

    /// A spinner for work whose length isn't known.
    pub(crate) fn spinner(&self, what: &str) -> ProgressBar {
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        let spinner = self.draw(ProgressBar::new_spinner(), style, what);
        if self.progress == Progress::Drawn {
            spinner.enable_steady_tick(Duration::from_millis(100));
        }
        spinner
    }

    fn draw(
        &self,
        bar: ProgressBar,
        style: std::result::Result<ProgressStyle, indicatif::style::TemplateError>,
        what: &str,
    ) -> ProgressBar {
        let target = match self.progress {
            Progress::Drawn => ProgressDrawTarget::stderr(),
            Progress::Silent => ProgressDrawTarget::hidden(),
        };
        bar.set_draw_target(target);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    }
}
