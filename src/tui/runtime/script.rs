//! Keys from a text, for replays: `2jj<space>a`, with `<wait:2s>`, `<until:text>` and `<idle>` between them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossterm::event::Event;

use super::super::keymap::parse_key;

/// A text or an end of work is waited for so long.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between looks at the screen.
const LOOK: Duration = Duration::from_millis(20);
/// `<idle>`: no job, and the screen has not changed for so long.
const QUIET: Duration = Duration::from_millis(300);

#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("--keys: {0}")]
    Notation(String),
    #[error("--keys: `<until:{text}>`: not seen within {} s", PATIENCE.as_secs())]
    NotSeen { text: String },
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Send(Event),
    Wait(Duration),
    Until(String),
    Idle,
}

/// What a script needs to know of the screen.
#[derive(Debug, Clone)]
pub struct Seen {
    pub frame: String,
    pub changed: Instant,
    pub job_runs: bool,
}

/// A script being played.
#[derive(Debug)]
pub struct Script {
    stages: VecDeque<Stage>,
    since: Option<Instant>,
}

impl Script {
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut stages = VecDeque::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let word = match rest.find('>') {
                Some(end) if letter == '<' && end > 1 => &rest[..=end],
                _ => &rest[..letter.len_utf8()],
            };
            rest = &rest[word.len()..];
            stages.push_back(stage(word)?);
        }
        Ok(Self { stages, since: None })
    }

    /// The next event; `None` at the end of the script. May be dropped and called again while it waits.
    pub async fn next(&mut self, seen: impl Fn() -> Seen) -> Result<Option<Event>, ScriptError> {
        loop {
            let Some(stage) = self.stages.front() else { return Ok(None) };
            let since = *self.since.get_or_insert_with(Instant::now);
            let over = match stage {
                Stage::Send(_) => true,
                Stage::Wait(time) => since.elapsed() >= *time,
                Stage::Until(text) if since.elapsed() > PATIENCE => {
                    return Err(ScriptError::NotSeen { text: text.clone() });
                }
                Stage::Until(text) => seen().frame.contains(text.as_str()),
                Stage::Idle => {
                    let seen = seen();
                    let quiet = since.elapsed() >= QUIET && seen.changed.elapsed() >= QUIET;
                    (quiet && !seen.job_runs) || since.elapsed() > PATIENCE
                }
            };
            if !over {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            self.since = None;
            if let Some(Stage::Send(event)) = self.stages.pop_front() {
                return Ok(Some(event));
            }
        }
    }
}

fn stage(word: &str) -> Result<Stage, ScriptError> {
    let inside = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or_default();
    if inside == "idle" {
        return Ok(Stage::Idle);
    }
    if let Some(text) = inside.strip_prefix("until:") {
        return Ok(Stage::Until(text.to_owned()));
    }
    if let Some(text) = inside.strip_prefix("paste:") {
        return Ok(Stage::Send(Event::Paste(text.to_owned())));
    }
    if let Some(time) = inside.strip_prefix("wait:") {
        let bad = || ScriptError::Notation(format!("`{word}`: write a time such as 2s or 250ms"));
        let (number, unit) = time.split_at(time.find(|c: char| !c.is_ascii_digit()).unwrap_or(time.len()));
        let number: u64 = number.parse().map_err(|_| bad())?;
        return match unit {
            "s" => Ok(Stage::Wait(Duration::from_secs(number.min(86_400)))),
            "ms" => Ok(Stage::Wait(Duration::from_millis(number))),
            _ => Err(bad()),
        };
    }
    let key = if word == " " { "<space>" } else { word };
    Ok(Stage::Send(Event::Key(parse_key(key).map_err(ScriptError::Notation)?.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read() {
        let script = Script::parse("2j<space><c-d><wait:2s><until:a b><idle>").unwrap();
        assert_eq!(script.stages.len(), 7);
        assert_eq!(script.stages[4], Stage::Wait(Duration::from_secs(2)));
        assert_eq!(script.stages[5], Stage::Until("a b".into()));
        assert!(Script::parse("<wait:2>").is_err());
        assert!(Script::parse("<nokey>").is_err());
    }
}
