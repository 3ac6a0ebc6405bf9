//! The interactive SQL prompt: history, completion, several lines until a semicolon.

mod complete;
mod history;
pub(crate) mod statements;

pub(crate) use complete::Names;

use rustyline::error::ReadlineError;
use rustyline::{CompletionType, Config, Editor};

use complete::Prompt;
use lakebed_txlog::{Error, Result};

/// What a person typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Statements, semicolons included.
    Sql(String),
    /// `\tables`, `\describe t`, … without the backslash: the word, and the rest.
    Command(String, String),
    /// Ctrl-C: what was begun is dropped.
    Nothing,
    /// Ctrl-D or `\quit`.
    End,
}

/// A prompt on a terminal.
pub(crate) struct Shell {
    editor: Editor<Prompt, rustyline::history::DefaultHistory>,
    history: Option<std::path::PathBuf>,
}

impl Shell {
    /// A prompt that completes `names`; history is kept from one shell to the next where there is a place for it.
    pub(crate) fn new(names: Names) -> Result<Shell> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(history::MAX_ENTRIES)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(no_terminal)?
            .history_ignore_space(true)
            .build();
        let mut editor = Editor::with_config(config).map_err(no_terminal)?;
        editor.set_helper(Some(Prompt::new(names)));
        let history = history::place();
        if let Some(history) = &history {
            // There is none the first time.
            let _ = editor.load_history(history);
        }
        Ok(Shell { editor, history })
    }

    /// Reads lines up to a semicolon, or one command.
    pub(crate) fn read(&mut self) -> Result<Typed> {
        let mut typed = String::new();
        loop {
            let prompt = if typed.is_empty() { "lakebed> " } else { "      -> " };
            let line = match self.editor.readline(prompt) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => return Ok(Typed::Nothing),
                Err(ReadlineError::Eof) => return Ok(Typed::End),
                Err(error) => return Err(no_terminal(error)),
            };
            if typed.is_empty() {
                if line.trim().is_empty() {
                    continue;
                }
                if let Some(command) = command(&line) {
                    self.remember(&line);
                    return Ok(command);
                }
            } else {
                typed.push('\n');
            }
            typed.push_str(&line);
            if statements::is_complete(&typed) {
                self.remember(&typed);
                return Ok(Typed::Sql(typed));
            }
        }
    }

    fn remember(&mut self, typed: &str) {
        // A history that can't be written is no reason to stop.
        let _ = self.editor.add_history_entry(typed);
        if let Some(history) = &self.history {
            let _ = self.editor.append_history(history);
        }
    }
}

fn command(line: &str) -> Option<Typed> {
    let line = line.trim().trim_end_matches(';').trim_end();
    if matches!(line.to_ascii_lowercase().as_str(), "exit" | "quit") {
        return Some(Typed::End);
    }
    let (word, rest) = line.strip_prefix('\\').map(|line| line.split_once(' ').unwrap_or((line, "")))?;
    match word {
        "q" | "quit" | "exit" => Some(Typed::End),
        word => Some(Typed::Command(word.to_owned(), rest.trim().to_owned())),
    }
}

fn no_terminal(error: ReadlineError) -> Error {
    Error::unavailable("the prompt can't read from this terminal")
        .hint("give the query as an argument, or a file with -f")
        .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sql() {
        assert_eq!(command("\\q"), Some(Typed::End));
        assert_eq!(command(" quit; "), Some(Typed::End));
        assert_eq!(command("\\describe gold.delays;"), Some(Typed::Command("describe".into(), "gold.delays".into())));
        assert_eq!(command("SELECT 1"), None);
    }
}
