//! `cribble theme`: the themes there are, whether they can be read, what they look like.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use color_eyre::Result;

use super::failure::BadInput;
use super::out;
use crate::config::Directories;
use crate::config::settings::Colours;
use crate::tui::theme::{Look, Shelf, Source, check, preview, schema};
use crate::tui::{self, text};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The themes: those that come with the program, and your own
    List,
    /// The scopes that a theme gives a look to, and what each of them is
    Scopes,
    /// Say all that is wrong with a theme, and what of it is hard to read
    Check {
        /// Name of a theme, or a file; left out, all of them
        theme: Option<String>,
    },
    /// Show a theme as colours on this terminal
    Preview {
        /// Name of a theme, or a file; left out, all of them
        theme: Option<String>,
        /// Colours of the terminal: auto, true, 256, 16 or none
        #[arg(long, value_name = "HOW MANY", alias = "colors", default_value = "auto", value_parser = super::workbench::colours)]
        colours: Colours,
        /// As on a terminal with a light ground
        #[arg(long)]
        light: bool,
    },
    /// Print a JSON Schema of theme files, with which an editor completes and checks them
    Schema,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let own = Directories::from_environment()?.config().join("themes");
    let shelf = Shelf { own: Some(&own) };
    match &arguments.what {
        What::List => {
            for (name, mine) in shelf.names() {
                let about = match shelf.source(&name) {
                    Ok(source) => source.about,
                    Err(error) => format!("! {error}"),
                };
                let of = if mine { " (yours)" } else { "" };
                out::line(format_args!("{:<16} {}{of}", text::clean(&name), text::clean(&about)))?;
            }
            Ok(())
        }
        What::Scopes => {
            for look in Look::ALL {
                out::line(format_args!("{:<16} {}", look.name(), look.about()))?;
            }
            Ok(())
        }
        What::Check { theme } => {
            let mut found = 0;
            for (name, source) in sources(shelf, theme.as_deref())? {
                let name = text::clean(&name);
                let source = match source {
                    Ok(source) => source,
                    Err(error) => {
                        for line in error.0 {
                            found += 1;
                            out::line(text::clean(&line))?;
                        }
                        continue;
                    }
                };
                let pale = check::pale(&source).into_iter().map(|pale| pale.to_string());
                let unsaid = source.unsaid().into_iter().map(|look| format!("says nothing of {}", look.name()));
                let lines: Vec<String> = pale.chain(unsaid).collect();
                found += lines.len();
                for line in &lines {
                    out::line(format_args!("{name}: {line}"))?;
                }
                if lines.is_empty() {
                    out::line(format_args!("{name}: can be read everywhere"))?;
                }
            }
            if found > 0 { Err(BadInput(format!("{found} to look at, above")).into()) } else { Ok(()) }
        }
        What::Preview { theme, colours, light } => {
            let depth = tui::depth(*colours);
            for (name, source) in sources(shelf, theme.as_deref())? {
                out::text(&preview::ansi(&text::clean(&name), &source?, depth, *light))?;
            }
            Ok(())
        }
        What::Schema => out::line(format_args!("{:#}", schema())),
    }
}

type Read = Result<Source, crate::tui::theme::ThemeError>;

/// The themes that are meant, each with what came of reading it.
fn sources(shelf: Shelf<'_>, theme: Option<&str>) -> Result<Vec<(String, Read)>> {
    Ok(match theme {
        None => shelf.names().into_iter().map(|(name, _)| (name.clone(), shelf.source(&name))).collect(),
        Some(file) if file.ends_with(".toml") || file.contains('/') => {
            let path = PathBuf::from(file);
            let written =
                std::fs::read_to_string(&path).map_err(|error| BadInput(format!("{}: {error}", path.display())))?;
            // What it begins from may lie beside it.
            let beside =
                path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
            let shelf = Shelf { own: beside.or(shelf.own) };
            vec![(file.to_owned(), shelf.read(file, &written))]
        }
        Some(name) => vec![(name.to_owned(), shelf.source(name))],
    })
}
