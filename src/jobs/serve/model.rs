//! A model of a pass as a server opens it: a directory or a file on this machine, or a name that the server knows.

use std::ops::ControlFlow;
use std::path::Path;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};

use crate::hub;
use crate::model::MICRO;
use crate::model::export::{Encoding, Source, write_directory};
use crate::pipeline::recipe::RecipeServers;

/// What stands for a model in the command that starts a server, or in the words for a person. What lies on the Hub is fetched for a
/// server that is started here; the model that comes with the program is written out in `place`.
///
/// # Errors
/// If it cannot be fetched or written, or has no place that a command could name.
pub(super) fn opened(servers: &RecipeServers, model: &str, place: &Path) -> Result<String> {
    if model == MICRO {
        let to = place.join(MICRO);
        if !to.is_dir() {
            std::fs::create_dir_all(place).wrap_err_with(|| place.display().to_string())?;
            write_directory(&Source::open(MICRO, None)?, &to, Encoding::F32, &mut |_| ControlFlow::Continue(()))?;
        }
        return text(&to);
    }
    if hub::is_hub_name(model) && servers.start.is_some() {
        return on_hub(model, servers.is_remote());
    }
    match std::fs::canonicalize(model) {
        Ok(path) => text(&path),
        Err(_) => Ok(model.to_owned()),
    }
}

/// The same for a person to see before anything is fetched or written.
pub(super) fn shown(model: &str, place: &Path) -> String {
    let path = if model == MICRO { Ok(place.join(MICRO)) } else { std::fs::canonicalize(model) };
    path.map_or_else(|_| model.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// On this machine where it lies; on another by the name that servers know.
fn on_hub(model: &str, remote: bool) -> Result<String> {
    if !remote {
        return text(&hub::model_path(model)?);
    }
    let name = hub::Name::parse(model)?;
    match name.revision() {
        None => Ok(name.repository()),
        Some(_) => Err(eyre!("{model}: a server on another machine is given no revision; leave it out")),
    }
}

/// A command is text.
fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| eyre!("{}: a command needs a path in UTF-8; move it", path.display()))
}
