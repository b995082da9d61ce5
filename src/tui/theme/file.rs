//! Theme files: TOML with a palette, scopes and perhaps another theme that they begin from. All that is wrong is said at once, each with
//! its line.

use std::collections::BTreeMap;
use std::path::Path;

use ratatui::style::Modifier;

use super::colour::{ANSI, Hue};
use super::look::Look;
use super::written::{A_COLOUR, BACKGROUND, Named, Scope, Written, hue, scope};
use crate::config::{did_you_mean, line_of};
use crate::tui::text::clean;

/// The themes that come with the program: name and text. The first is the default.
pub const EMBEDDED: [(&str, &str); 6] = [
    ("terminal", include_str!("../../../themes/terminal.toml")),
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("colourblind", include_str!("../../../themes/colourblind.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// All that is wrong with a theme.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ThemeError(pub Vec<String>);

/// How a look is shown: hues still, since how many colours there are is the terminal's business.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shown {
    pub fg: Option<Hue>,
    pub bg: Option<Hue>,
    pub add: Modifier,
}

/// A theme as its file and those that it begins from say.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub about: String,
    /// Painted under everything; the terminal's own where there is none.
    pub background: Option<Hue>,
    palette: BTreeMap<String, Hue>,
    light: BTreeMap<String, Hue>,
    scopes: BTreeMap<String, Scope>,
}

/// Where themes come from: a person's directory goes before what comes with the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shelf<'a> {
    pub own: Option<&'a Path>,
}

impl Shelf<'_> {
    /// Every theme that there is: its name, and whether it is the person's own.
    pub fn names(&self) -> Vec<(String, bool)> {
        let entries = self.own.map(std::fs::read_dir).into_iter().flatten().flatten().flatten();
        let mut own: Vec<String> = entries
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
            .filter(|name| is_name(name))
            .collect();
        own.sort();
        let mut names: Vec<(String, bool)> =
            EMBEDDED.iter().map(|(name, _)| ((*name).to_owned(), own.iter().any(|mine| mine == name))).collect();
        names.extend(
            own.into_iter().filter(|mine| EMBEDDED.iter().all(|(name, _)| mine != name)).map(|name| (name, true)),
        );
        names
    }

    /// A theme by its name.
    ///
    /// # Errors
    /// If there is none, or all that is wrong with it and with those that it begins from.
    pub fn source(&self, name: &str) -> Result<Source, ThemeError> {
        let (file, text) = self.text(name)?;
        self.read(&file, &text)
    }

    /// A theme from its text; `file` names it in errors.
    ///
    /// # Errors
    /// All that is wrong with it and with those that it begins from.
    pub fn read(&self, file: &str, text: &str) -> Result<Source, ThemeError> {
        let mut errors = Vec::new();
        let mut source = Source::default();
        self.merge(&mut source, file, text, &mut Vec::new(), &mut errors);
        source.check_names(&mut errors);
        if errors.is_empty() { Ok(source) } else { Err(ThemeError(errors)) }
    }

    /// What errors call a theme, and its text.
    fn text(&self, name: &str) -> Result<(String, String), ThemeError> {
        let fail = |line: String| Err(ThemeError(vec![line]));
        if is_name(name)
            && let Some(path) = self.own.map(|own| own.join(format!("{name}.toml")))
        {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Ok((path.display().to_string(), text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return fail(format!("{}: {error}", path.display())),
            }
        }
        match EMBEDDED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Ok((format!("themes/{name}.toml"), (*text).to_owned())),
            None => {
                let known: Vec<String> = self.names().into_iter().map(|(name, _)| name).collect();
                fail(format!("no theme `{}`; there are {}", name.escape_debug(), known.join(", ")))
            }
        }
    }

    /// Puts a text over what was read before it; `above`: the files that begin from it.
    fn merge(&self, source: &mut Source, file: &str, text: &str, above: &mut Vec<String>, errors: &mut Vec<String>) {
        let place = |at: usize| format!("{file}:{}", line_of(text, at));
        let written: Written = match toml::from_str(text) {
            Ok(written) => written,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                return errors.push(format!("{}: {}", place(at), error.message().replace('\n', ", ")));
            }
        };
        above.push(file.to_owned());
        if let Some(inherits) = &written.inherits {
            let at = place(inherits.span().start);
            match self.text(inherits.get_ref()) {
                Ok((parent, _)) if above.contains(&parent) => {
                    errors.push(format!("{at}: begins from itself, by way of {parent}"));
                }
                Ok((parent, text)) => self.merge(source, &parent, &text, above, errors),
                Err(error) => errors.extend(error.0.into_iter().map(|line| format!("{at}: {line}"))),
            }
        }
        source.about = clean(&written.about);
        if let Some(background) = &written.background {
            source.background = hue(background, &place, errors).or(source.background);
        }
        for (into, from) in [(&mut source.palette, &written.palette), (&mut source.light, &written.palette_light)] {
            for (name, value) in from {
                // One that cannot be read is there all the same: what uses it is not wrong too.
                let hue = hue(value, &place, errors).unwrap_or(Hue::DEFAULT);
                into.insert(name.get_ref().clone(), hue);
            }
        }
        // A colour that is named anew is so on every ground, unless it says otherwise.
        for name in written.palette.keys().filter(|name| !written.palette_light.contains_key(*name)) {
            source.light.remove(name.get_ref());
        }
        if source.background.is_some() {
            // Those are for a ground that the theme does not choose.
            source.light.clear();
            if let Some(name) = written.palette_light.keys().next() {
                let at = place(name.span().start);
                errors.push(format!("{at}: palette_light is for themes without a background, and this one has one"));
            }
        }
        for (name, value) in &written.scopes {
            let name_at = place(name.span().start);
            if !Look::ALL.iter().any(|look| look.is_under(name.get_ref())) {
                let known = Look::ALL.iter().map(|look| look.name());
                errors.push(format!("{name_at}: no scope `{}`{}", name.get_ref(), did_you_mean(name.get_ref(), known)));
                continue;
            }
            match scope(value.get_ref(), &place(value.span().start)) {
                Ok(scope) => {
                    // It stands for all that begin so, whatever was said of them before.
                    let below = format!("{}.", name.get_ref());
                    let mine = |known: &String| written.scopes.keys().any(|name| name.get_ref() == known);
                    source.scopes.retain(|known, _| !known.starts_with(&below) || mine(known));
                    source.scopes.insert(name.get_ref().clone(), scope);
                }
                Err(wrong) => errors.push(format!("{}: {wrong}", place(value.span().start))),
            }
        }
    }
}

/// Letters, digits, `-`, `_` and `.`, so that it is a file's name and nothing else.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

impl Source {
    fn hue(&self, name: &str, light: bool) -> Option<Hue> {
        let of_light = self.light.get(name).filter(|_| light);
        let background = self.background.filter(|_| name == BACKGROUND);
        of_light.or(self.palette.get(name)).copied().or(background).or_else(|| Hue::parse(name))
    }

    fn check_names(&self, errors: &mut Vec<String>) {
        for named in self.scopes.values().flat_map(|scope| scope.fg.iter().chain(&scope.bg)) {
            if self.hue(&named.name, false).is_none() {
                let known = self.palette.keys().map(String::as_str).chain(ANSI);
                errors.push(format!(
                    "{}: no colour `{}`{}; {A_COLOUR}, or a name of the palette",
                    named.place,
                    named.name.escape_debug(),
                    did_you_mean(&named.name, known)
                ));
            }
        }
    }

    /// How a look is shown, on a light ground or on a dark one.
    pub fn shown(&self, look: Look, light: bool) -> Shown {
        let mut name = look.name();
        let scope = loop {
            match (self.scopes.get(name), name.rsplit_once('.')) {
                (Some(scope), _) => break scope,
                (None, Some((begins, _))) => name = begins,
                (None, None) => return Shown::default(),
            }
        };
        let hue = |named: &Option<Named>| named.as_ref().and_then(|named| self.hue(&named.name, light));
        Shown { fg: hue(&scope.fg), bg: hue(&scope.bg), add: scope.add }
    }

    /// Whether it looks otherwise on a light ground.
    pub fn asks_for_ground(&self) -> bool {
        !self.light.is_empty()
    }

    /// Looks that neither this theme nor what it begins from says anything of.
    pub fn unsaid(&self) -> Vec<Look> {
        let said = |look: &Look| self.scopes.keys().any(|name| look.is_under(name));
        Look::ALL.iter().copied().filter(|look| !said(look)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Source, ThemeError> {
        Shelf::default().read("mine.toml", text)
    }

    #[test]
    fn a_file_goes_over_what_it_begins_from() {
        let text = "inherits = \"dark\"\n[palette]\ngood = \"#00ff00\"\n[scopes]\nbad = { fg = \"good\", add = [\"italic\"] }\n";
        let source = read(text).unwrap();
        let dark = Shelf::default().source("dark").unwrap();
        assert_eq!(source.shown(Look::Good, false).fg, Hue::parse("#00ff00"));
        assert_eq!(source.shown(Look::Bad, false).add, Modifier::ITALIC);
        assert_eq!(source.shown(Look::Warn, false), dark.shown(Look::Warn, false));
        assert_eq!(source.background, dark.background);
    }

    #[test]
    fn what_a_child_says_goes_before_all_that_its_parent_says() {
        let text = "about = \"\\u001b]0;x\\u0007\"\ninherits = \"terminal\"\n[palette]\naccent = \"#ff00ff\"\n[scopes]\nchain = \"red\"\n\
                    \"chain.right\" = \"accent\"\n";
        let source = read(text).unwrap();
        assert_eq!(source.shown(Look::Key, true).fg, Hue::parse("#ff00ff"), "on a light ground too");
        assert_eq!(source.shown(Look::Fault, false).fg, Hue::parse("red"));
        assert_eq!(source.shown(Look::RightAnswer, false).fg, Hue::parse("#ff00ff"));
        assert!(!source.about.contains('\u{1b}'));
        let light = "inherits = \"dark\"\n[palette_light]\ngood = \"#00ff00\"\n";
        assert!(read(light).unwrap_err().to_string().starts_with("mine.toml:3: palette_light"));
    }

    #[test]
    fn a_scope_stands_for_those_that_begin_so() {
        let source = read("[scopes]\ntext = {}\nchain = \"red\"\n").unwrap();
        assert_eq!(source.shown(Look::Fault, false).fg, Hue::parse("red"));
        assert!(source.unsaid().contains(&Look::Good) && !source.unsaid().contains(&Look::Bridge));
        for (name, _) in EMBEDDED {
            assert_eq!(Shelf::default().source(name).unwrap().unsaid(), [], "{name}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_line() {
        let text = "[palette]\nred = \"#ff\"\n[scopes]\n\"chain.falt\" = \"red\"\nbad = { fg = \"red\", blink = true }\n\
                    good = { add = [\"shiny\"] }\n";
        let ThemeError(errors) = read(text).unwrap_err();
        let has = |begin: &str, said: &str| errors.iter().any(|line| line.starts_with(begin) && line.contains(said));
        assert!(has("mine.toml:2:", "#rrggbb"), "{errors:?}");
        assert!(has("mine.toml:4:", "did you mean `chain.fault`?"), "{errors:?}");
        assert!(has("mine.toml:5:", "`blink`") && has("mine.toml:6:", "shiny"), "{errors:?}");
        let ThemeError(errors) = read("[palette]\nsea = \"#0000ff\"\n[scopes]\ntext = \"se\"\n").unwrap_err();
        assert!(errors[0].starts_with("mine.toml:4: no colour `se`; did you mean `sea`?"), "{errors:?}");
        assert!(read("colour = 1").unwrap_err().to_string().starts_with("mine.toml:1:"));
        assert!(read("inherits = \"drak\"").unwrap_err().to_string().contains("no theme `drak`"));
    }

    #[test]
    fn a_persons_directory_goes_first_and_a_circle_is_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dark.toml"), "about = \"mine\"\ninherits = \"other\"\n").unwrap();
        std::fs::write(dir.path().join("other.toml"), "inherits = \"dark\"\n").unwrap();
        let shelf = Shelf { own: Some(dir.path()) };
        let names = shelf.names();
        assert!(names.contains(&("dark".into(), true)) && names.contains(&("other".into(), true)), "{names:?}");
        assert!(names.contains(&("light".into(), false)));
        assert!(shelf.source("other").unwrap_err().to_string().contains("begins from itself"));
        assert!(shelf.source("../dark").unwrap_err().to_string().starts_with("no theme `../dark`"));
    }
}
