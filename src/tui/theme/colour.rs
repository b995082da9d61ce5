//! Colours: as a theme writes them, as a terminal with fewer of them can show them, and how well they can be read.

use ratatui::style::Color;

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    None,
    /// The 16 whose looks the person chose.
    Ansi,
    Indexed,
    True,
}

impl Depth {
    /// As an argument names it.
    pub fn name(self) -> &'static str {
        match self {
            Depth::None => "none",
            Depth::Ansi => "16",
            Depth::Indexed => "256",
            Depth::True => "true",
        }
    }

    /// What the environment says of the terminal. `NO_COLOR` (no-color.org) goes before all.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if set("NO_COLOR").is_some() {
            return Self::None;
        }
        let term = set("TERM").unwrap_or_default();
        if set("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit") || term.ends_with("-direct") {
            return Self::True;
        }
        match term.as_str() {
            _ if term.contains("256color") => Self::Indexed,
            "" | "dumb" | "vt100" | "vt102" | "vt220" => Self::None,
            _ => Self::Ansi,
        }
    }
}

/// A colour of a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hue {
    /// Where it is no colour of the terminal's own.
    pub rgb: Option<Rgb>,
    /// Where there are but 16, and where it is one of them. `None` is the terminal's default.
    pub ansi: Option<u8>,
}

/// The terminal's own foreground or background, as a theme names it.
pub const OWN: &str = "default";

/// How a theme writes a colour that is none of the terminal's own, as a regular expression for editors.
pub const EXACT: &str = "^#[0-9A-Fa-f]{6}$";

/// The 16 by their names in a theme, in the order of their numbers.
pub const ANSI: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// How xterm shows the 16 unless it is told otherwise (its manual, resources color0 to color15). Other terminals differ, and
/// people change them.
const XTERM: [Rgb; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

impl Hue {
    /// The terminal's own foreground or background.
    pub const DEFAULT: Hue = Hue { rgb: None, ansi: None };

    /// `#rrggbb`, one of the 16 by name, or `default`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == OWN {
            return Some(Self::DEFAULT);
        }
        if let Some(at) = ANSI.iter().position(|name| *name == text) {
            return Some(Self { rgb: None, ansi: Some(at as u8) });
        }
        let hex = |digits: &&str| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let digits = text.strip_prefix('#').filter(hex)?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let rgb = [part(0)?, part(2)?, part(4)?];
        Some(Self { rgb: Some(rgb), ansi: Some(nearest(rgb, &XTERM) as u8) })
    }

    /// As a terminal with so many colours is told it.
    pub fn at(self, depth: Depth) -> Color {
        match (depth, self.rgb, self.ansi) {
            (Depth::None, _, _) => Color::Reset,
            (Depth::True, Some([r, g, b]), _) => Color::Rgb(r, g, b),
            (Depth::Indexed, Some(rgb), _) => Color::Indexed(indexed(rgb)),
            (_, _, Some(number)) => ansi(number),
            (_, _, None) => Color::Reset,
        }
    }
}

fn ansi(number: u8) -> Color {
    const COLOURS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    COLOURS[usize::from(number) % COLOURS.len()]
}

/// Which of the 16 a colour is.
pub fn number(colour: Color) -> Option<u8> {
    (0..16).find(|number| ansi(*number) == colour)
}

/// What a colour looks like, as far as that is known: one of the 16 as xterm has it; `None` for the terminal's default.
pub fn seen(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(index) => Some(of_index(index)),
        other => number(other).map(|number| XTERM[usize::from(number)]),
    }
}

/// The 256 as xterm numbers them: 16, a cube with six steps a side, 24 greys.
fn of_index(index: u8) -> Rgb {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match index {
        0..16 => XTERM[usize::from(index)],
        16..232 => {
            let at = index - 16;
            [at / 36, at / 6 % 6, at % 6].map(|step| STEPS[usize::from(step)])
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// The nearest of the 240 that no person changes.
fn indexed(rgb: Rgb) -> u8 {
    let known: Vec<Rgb> = (16..=255).map(of_index).collect();
    16 + nearest(rgb, &known) as u8
}

fn nearest(rgb: Rgb, known: &[Rgb]) -> usize {
    let of = oklab(rgb);
    let distance = |other: Rgb| oklab(other).iter().zip(of).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let distances = known.iter().map(|other| distance(*other)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
}

fn linear(part: u8) -> f64 {
    let part = f64::from(part) / 255.0;
    if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
}

/// Ottosson's Oklab (bottosson.github.io/posts/oklab), in which distances are about as they are seen.
fn oklab(rgb: Rgb) -> [f64; 3] {
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

/// WCAG 2's contrast ratio, 1 to 21; text is readable from 4.5 on, large signs from 3.
pub fn contrast(one: Rgb, other: Rgb) -> f64 {
    let luminance = |rgb: Rgb| {
        let [r, g, b] = rgb.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_shown_with_what_there_is() {
        let hue = Hue::parse("#6cb6eb").unwrap();
        assert_eq!(hue.at(Depth::True), Color::Rgb(0x6c, 0xb6, 0xeb));
        assert_eq!(hue.at(Depth::Indexed), Color::Indexed(74), "#5fafd7");
        assert_eq!(hue.at(Depth::None), Color::Reset);
        for depth in [Depth::Ansi, Depth::Indexed, Depth::True] {
            assert_eq!(Hue::parse("bright-red").unwrap().at(depth), Color::LightRed, "the person's own red");
            assert_eq!(Hue::DEFAULT.at(depth), Color::Reset);
        }
        let exact = regex::Regex::new(EXACT).unwrap();
        assert!(exact.is_match("#6cb6eb") && exact.is_match("#6CB6EB"));
        for wrong in ["", "#12", "#12345g", "#é1234", "#+1+1+1", "#1234567", "crimson", "12"] {
            assert_eq!((Hue::parse(wrong), exact.is_match(wrong)), (None, false), "{wrong}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
        // The example that everybody quotes: #767676 is the palest grey that can be read on white.
        assert!((contrast([0x76; 3], [255; 3]) - 4.54).abs() < 0.01);
        assert!((contrast([255, 0, 0], [255; 3]) - 4.0).abs() < 0.01);
    }

    #[test]
    fn the_environment_tells_how_many_colours_there_are() {
        let depth = |known: &[(&str, &str)]| {
            Depth::of_environment(|name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()))
        };
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth(&[("TERM", "tmux-256color")]), Depth::Indexed);
        assert_eq!(depth(&[("TERM", "xterm")]), Depth::Ansi);
        assert_eq!(depth(&[("TERM", "vt100")]), Depth::None);
        assert_eq!(depth(&[("TERM", "xterm-direct"), ("NO_COLOR", "1")]), Depth::None);
        assert_eq!(depth(&[("TERM", "xterm-direct"), ("NO_COLOR", "")]), Depth::True);
    }
}
