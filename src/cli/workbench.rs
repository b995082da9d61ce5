//! From the command line to the screen: its options, and what it needs from below.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;
use serde::Deserialize;
use serde::de::value::StrDeserializer;

use super::failure::BadInput;
use crate::config::Directories;
use crate::config::settings::Colours;
use crate::jobs;
use crate::tui;

#[derive(Debug, Args)]
pub struct ScreenArguments {
    /// Replay these keys, such as "2jj<enter><wait:2s>"
    #[arg(long, value_name = "KEYS", requires = "print")]
    keys: Option<String>,
    /// With --keys: print the last frame and leave
    #[arg(long, requires = "keys")]
    print: bool,
    /// With --print: as what; left out, as text
    #[arg(long, value_enum, value_name = "HOW", requires = "print")]
    print_as: Option<tui::PrintAs>,
    /// Record what is shown in a new file, as an asciicast
    #[arg(long, value_name = "FILE.cast", conflicts_with_all = ["keys", "plain"])]
    record: Option<PathBuf>,
    /// For screen readers: no screen; write keys a line at a time (`:` and words finds an action) and hear the lines that changed
    #[arg(long, conflicts_with = "keys")]
    plain: bool,
    /// With --keys or --plain: columns and rows
    #[arg(long, value_name = "COLSxROWS", value_parser = size)]
    size: Option<(u16, u16)>,
    /// Most frames a second that a running job may cause (30, over SSH 10)
    #[arg(long, value_name = "N")]
    fps: Option<f32>,
    /// Draw with ASCII only
    #[arg(long)]
    ascii: bool,
    /// Theme by name; `cribble theme list` has them
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// Colours of the terminal: auto, true, 256, 16 or none
    #[arg(long, value_name = "HOW MANY", alias = "colors", value_parser = colours)]
    colours: Option<Colours>,
}

pub fn colours(text: &str) -> Result<Colours, String> {
    let read = Colours::deserialize(StrDeserializer::<serde::de::value::Error>::new(text));
    read.map_err(|_| format!("`{text}`: auto, true, 256, 16 or none"))
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("`{text}` is no size; write columns x rows, such as 120x40, up to 1000 each");
    let (columns, rows) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=1000).contains(side)).ok_or_else(wrong);
    Ok((side(columns)?, side(rows)?))
}

/// The last session, or the start screen when there is none.
pub fn last_or_start(screen: &ScreenArguments) -> Result<()> {
    let last = Directories::from_environment()?.last_session();
    open(last, screen)
}

/// The workbench on a session, or on the start screen.
pub fn open(session: Option<PathBuf>, screen: &ScreenArguments) -> Result<()> {
    show(session, Vec::new(), screen)
}

/// The workbench on the trainings under these directories.
pub fn watch(roots: Vec<PathBuf>, screen: &ScreenArguments) -> Result<()> {
    show(None, roots, screen)
}

fn show(session: Option<PathBuf>, watch: Vec<PathBuf>, screen: &ScreenArguments) -> Result<()> {
    if screen.fps.is_some_and(|fps| !(0.1..=240.0).contains(&fps)) {
        return Err(BadInput("--fps: 0.1 to 240 frames a second".into()).into());
    }
    if screen.size.is_some() && screen.keys.is_none() && !screen.plain {
        return Err(
            BadInput("--size: of a screen in memory, with --keys or --plain; a terminal has its own".into()).into()
        );
    }
    let options = tui::Options {
        session,
        watch,
        keys: screen.keys.clone(),
        print_as: screen.print_as.unwrap_or_default(),
        size: screen.size,
        plain: screen.plain,
        record: screen.record.clone(),
        fps: screen.fps,
        ascii: screen.ascii,
        theme: screen.theme.clone(),
        colours: screen.colours,
    };
    let launcher = tui::Launcher {
        start_generate: Box::new(jobs::start_generate),
        // The screen follows the run's record and its board; events are for those who have neither.
        start_train: Box::new(|dir, order| jobs::start_train(dir, order, |_| {})),
        start_external: Box::new(|dir, order| jobs::start_external(dir, order, |_| {})),
        start_run: Box::new(|dir, order| jobs::start_run(dir, order, |_, _| {})),
        start_forecast: Box::new(jobs::start_forecast),
        start_eval: Box::new(jobs::start_eval),
    };
    if let Some(frame) = tui::run(options, launcher)? {
        super::out::line(format_args!("{frame}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        assert_eq!(size("120x40"), Ok((120, 40)));
        assert!(size("120").is_err());
        assert!(size("120x-4").is_err());
    }
}
