//! What the screen is drawn with here: keys, colours and signs, from the command line over the person's files over what comes with the
//! program, and what the terminal can do.

use std::time::Duration;

use color_eyre::Result;

use super::super::keymap::{self, Keymap};
use super::super::theme::{Depth, Shelf, Theme};
use super::super::widgets::plot::Dots;
use super::Options;
use crate::config::settings::{Colours, Ground, Notify, OnHangup, Signs};
use crate::config::{Directories, Settings};

/// How long a terminal is waited for that was asked for its ground; an answer that comes later would be taken for keys. Nearly every
/// terminal answers at once, that it does not know if nothing else.
const ANSWER: Duration = Duration::from_millis(200);
const ANSWER_OVER_SSH: Duration = Duration::from_secs(1);

/// What the screen is drawn with.
pub struct Profile {
    pub keymap: Keymap,
    pub theme: Theme,
    pub dots: Dots,
    pub mouse: bool,
    /// Frames a second that a job may cause.
    pub fps: f32,
    pub on_hangup: OnHangup,
    pub notify: Notify,
}

impl Profile {
    /// `light`: whether the terminal's own ground is light, asked only where a theme needs to know.
    ///
    /// # Errors
    /// All that is wrong with a file.
    pub fn read(options: &Options, directories: &Directories, light: &mut dyn FnMut() -> bool) -> Result<Self> {
        let config = directories.config();
        let settings = Settings::of_person(directories)?;
        let keymap = keymap::of_person(directories)?;
        let themes = config.join("themes");
        let shelf = Shelf { own: Some(&themes) };
        let name = options.theme.as_deref().unwrap_or(&settings.theme);
        let depth = depth(options.colours.unwrap_or(settings.colours));
        let source = shelf.source(name)?;
        let light = match settings.ground {
            Ground::Auto => depth != Depth::None && source.asks_for_ground() && light(),
            Ground::Dark => false,
            Ground::Light => true,
        };
        let dots = match settings.signs {
            _ if options.ascii || options.plain => Dots::Signs,
            Signs::Ascii => Dots::Signs,
            Signs::Block => Dots::Half,
            Signs::Braille => Dots::Braille,
        };
        let usual = if over_ssh() { settings.fps_over_ssh } else { settings.fps };
        Ok(Self {
            keymap,
            theme: Theme::of(name, &source, depth, light),
            dots,
            mouse: settings.mouse,
            fps: options.fps.unwrap_or(usual),
            on_hangup: settings.on_hangup,
            notify: settings.notify,
        })
    }
}

/// How many colours are shown.
pub fn depth(colours: Colours) -> Depth {
    match colours {
        Colours::Auto => Depth::of_environment(|name| std::env::var(name).ok()),
        Colours::True => Depth::True,
        Colours::Indexed => Depth::Indexed,
        Colours::Ansi => Depth::Ansi,
        Colours::None => Depth::None,
    }
}

fn over_ssh() -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Reads all that a person may have written for the screen.
///
/// # Errors
/// All that is wrong with a file.
pub fn check(directories: &Directories) -> Result<()> {
    Profile::read(&Options::default(), directories, &mut || false).map(|_| ())
}

/// Whether the terminal says that its ground is light. One that does not answer is taken to be dark.
pub fn light_ground() -> bool {
    let mut options = terminal_colorsaurus::QueryOptions::default();
    options.timeout = if over_ssh() { ANSWER_OVER_SSH } else { ANSWER };
    terminal_colorsaurus::theme_mode(options).is_ok_and(|mode| mode == terminal_colorsaurus::ThemeMode::Light)
}
