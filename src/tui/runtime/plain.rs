//! The screen as plain lines, for screen readers and for terminals that can place no text: a line of keys in, the lines that changed out.
//!
//! What is drawn is the same screen, in memory. An empty line asks what changed meanwhile; a line that begins with `:` finds an action by
//! its words, as the command palette does; any other is keys as `--keys` takes them.

use std::io::{BufRead, Write};

use crossterm::event::Event;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::script::{Script, ScriptError, Seen};

/// What keys ask for is given this long before the screen is told.
const SETTLES: &str = "<wait:300ms>";
/// The longest line that is read as keys.
const LONGEST: usize = 1 << 16;

pub struct Plain {
    lines: UnboundedReceiver<String>,
    script: Option<Script>,
    /// As it was told last.
    told: Vec<String>,
}

impl Plain {
    /// Reads standard input from now on.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let (sender, lines) = unbounded_channel();
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() || sender.send(line.unwrap_or_default()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { lines, script: Script::parse(SETTLES).ok(), told: Vec::new() })
    }

    /// The next event; `None` at the end of the input. May be dropped and called again while it waits.
    pub async fn next(&mut self, seen: impl Fn() -> Seen) -> Result<Option<Event>, ScriptError> {
        loop {
            if let Some(script) = &mut self.script {
                if let Some(event) = script.next(&seen).await? {
                    return Ok(Some(event));
                }
                self.script = None;
                let frame = seen().frame;
                if say(&changed(&mut self.told, &frame)).is_err() {
                    return Ok(None);
                }
            }
            let Some(line) = self.lines.recv().await else { return Ok(None) };
            match keys(&line).and_then(|keys| Script::parse(&keys)) {
                Ok(script) => self.script = Some(script),
                Err(error) if say(&error.to_string()).is_err() => return Ok(None),
                Err(_) => {}
            }
        }
    }
}

/// The keys that a line stands for.
fn keys(line: &str) -> Result<String, ScriptError> {
    if line.len() > LONGEST {
        return Err(ScriptError::Notation(format!("a line of {} bytes; {LONGEST} at most", line.len())));
    }
    let action = line.trim_end().strip_prefix(':').filter(|words| !words.is_empty());
    let keys = action.map_or(line.to_owned(), |words| format!(":{words}<enter>"));
    Ok(format!("{keys}{SETTLES}"))
}

/// The lines of a frame that are not as they were told before.
fn changed(told: &mut Vec<String>, frame: &str) -> String {
    let lines: Vec<String> = frame.lines().map(str::to_owned).collect();
    let news = lines.iter().enumerate().filter(|(at, line)| !line.trim().is_empty() && told.get(*at) != Some(line));
    let news: Vec<&str> = news.map(|(_, line)| line.as_str()).collect();
    let said = if news.is_empty() { "nothing changed".to_owned() } else { news.join("\n") };
    *told = lines;
    said
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let mut told = Vec::new();
        assert_eq!(changed(&mut told, "one\n\ntwo"), "one\ntwo");
        assert_eq!(changed(&mut told, "one\n\nthree"), "three");
        assert_eq!(changed(&mut told, "one\n\nthree"), "nothing changed");
        assert_eq!(changed(&mut told, "one"), "nothing changed", "what is gone is not told");
    }

    #[test]
    fn a_line_is_keys_or_an_action_by_its_words() {
        assert_eq!(keys("2jj").unwrap(), "2jj<wait:300ms>");
        assert_eq!(keys(":run filter").unwrap(), ":run filter<enter><wait:300ms>");
        assert_eq!(keys("").unwrap(), "<wait:300ms>");
        assert!(Script::parse(&keys("<nokey>").unwrap()).is_err());
        assert!(keys(&"j".repeat(LONGEST + 1)).is_err());
    }
}
