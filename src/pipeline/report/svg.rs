//! The plots of a report: bars and lines with axes, readable on white and on black.

use std::fmt::Write;

use super::Report;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;
/// Told apart by people who do not see red and green alike (Okabe and Ito), and dark enough on white.
const COLOURS: [&str; 5] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B"];
const INK: &str = "#7a7a7a";

/// A picture in work.
struct Picture {
    body: String,
    /// Highest value of the upright axis.
    high: f64,
}

impl Picture {
    fn new(title: &str, across: &str, high: f64) -> Self {
        let mut picture = Self { body: String::new(), high: nice(high) };
        picture.text(LEFT, 18.0, "start", 14, title);
        picture.text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0, "middle", 11, across);
        for part in 0..=4 {
            let value = picture.high * f64::from(part) / 4.0;
            let y = picture.y(value);
            let _ = write!(
                picture.body,
                r#"<line x1="{LEFT}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}" stroke="{INK}" stroke-opacity="0.3"/>"#,
                WIDTH - RIGHT
            );
            picture.text(LEFT - 6.0, y + 4.0, "end", 10, &short(value));
        }
        picture
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (value / self.high).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, size: u32, text: &str) {
        let _ = write!(
            self.body,
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}" fill="{INK}">{}</text>"#,
            escaped(text)
        );
    }

    fn bar(&mut self, x: f64, width: f64, value: f64, colour: &str) {
        let y = self.y(value);
        let _ = write!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}" fill="{colour}"/>"#,
            HEIGHT - BOTTOM - y
        );
    }

    fn legend(&mut self, names: &[String]) {
        let mut x = WIDTH - RIGHT;
        for (name, colour) in names.iter().zip(COLOURS).rev() {
            self.text(x, 18.0, "end", 11, name);
            x -= 7.0 * name.chars().count() as f64 + 14.0;
            let _ = write!(self.body, r#"<rect x="{x:.1}" y="9" width="10" height="10" fill="{colour}"/>"#);
            x -= 10.0;
        }
    }

    fn done(self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\">{}</svg>\n",
            self.body
        )
    }
}

/// Groups of bars, one group for each name across.
fn bars(title: &str, across: &str, groups: &[String], series: &[(String, Vec<f64>)]) -> String {
    let high = series.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max);
    let mut picture = Picture::new(title, across, high);
    let room = (WIDTH - LEFT - RIGHT) / groups.len().max(1) as f64;
    let width = room * 0.8 / series.len().max(1) as f64;
    for (at, group) in groups.iter().enumerate() {
        let begin = LEFT + room * at as f64 + room * 0.1;
        for (of, ((_, values), colour)) in series.iter().zip(COLOURS).enumerate() {
            picture.bar(begin + width * of as f64, width, values.get(at).copied().unwrap_or(0.0), colour);
        }
        picture.text(begin + room * 0.4, HEIGHT - BOTTOM + 14.0, "middle", 9, group);
    }
    picture.legend(&series.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    picture.done()
}

/// Problems by pass rate, a series for each round of the second stage.
pub fn difficulty(report: &Report) -> String {
    let tenths = (1..10).map(|tenth| format!("to .{tenth}")).chain(["to 1".into()]);
    let groups: Vec<String> = ["0".to_owned()].into_iter().chain(tenths).chain(["1".into()]).collect();
    let series: Vec<(String, Vec<f64>)> = report
        .difficulty
        .iter()
        .map(|stage| (stage.stage.clone(), stage.histogram.iter().map(|count| *count as f64).collect()))
        .collect();
    bars("Problems by pass rate", "share of right samples", &groups, &series)
}

/// Completions by tokens, a series for each model, as shares of its completions.
pub fn lengths(report: &Report) -> String {
    const BINS: usize = 16;
    let mut all: Vec<usize> = report.lengths.iter().flat_map(|(_, tokens)| tokens).copied().collect();
    all.sort_unstable();
    // The longest hundredth is in the last bar.
    let most = all.get(all.len().saturating_sub(1 + all.len() / 100)).copied().unwrap_or(1).max(BINS);
    let wide = most.div_ceil(BINS);
    let groups: Vec<String> = (1..=BINS).map(|bin| (bin * wide).to_string()).collect();
    let series: Vec<(String, Vec<f64>)> = report
        .lengths
        .iter()
        .map(|(name, tokens)| {
            let mut counts = vec![0.0; BINS];
            for tokens in tokens {
                counts[(tokens.saturating_sub(1) / wide).min(BINS - 1)] += 100.0;
            }
            (name.clone(), counts.into_iter().map(|count| count / tokens.len().max(1) as f64).collect())
        })
        .collect();
    bars("Lengths of completions, % of each model's", "tokens, up to", &groups, &series)
}

/// Training loss, a line for each run, with its validation loss as dots.
pub fn loss(report: &Report) -> String {
    let losses = report.training.iter().flat_map(|run| run.loss.iter().chain(&run.validation));
    let high = losses.clone().map(|(_, loss)| *loss).fold(0.0, f64::max);
    let steps = losses.map(|(step, _)| *step).max().unwrap_or(1).max(1) as f64;
    let mut picture = Picture::new("Training loss, nats a token (dots: validation)", "steps", high);
    let x = |step: u64| LEFT + step as f64 / steps * (WIDTH - LEFT - RIGHT);
    for (run, colour) in report.training.iter().zip(COLOURS) {
        let line: Vec<String> =
            run.loss.iter().map(|(step, loss)| format!("{:.1},{:.1}", x(*step), picture.y(*loss))).collect();
        let _ = write!(
            picture.body,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.5"/>"#,
            line.join(" ")
        );
        for (step, loss) in &run.validation {
            let y = picture.y(*loss);
            let _ = write!(picture.body, r#"<circle cx="{:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#, x(*step));
        }
    }
    for part in 0..=4 {
        let step = (steps * f64::from(part) / 4.0).round() as u64;
        picture.text(x(step), HEIGHT - BOTTOM + 14.0, "middle", 10, &step.to_string());
    }
    picture.legend(&report.training.iter().map(|run| run.run.clone()).collect::<Vec<_>>());
    picture.done()
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn nice(high: f64) -> f64 {
    if high <= 0.0 || !high.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(high.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= high).unwrap_or(high)
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (high, wanted) in [(0.0, 1.0), (0.8, 1.0), (3.0, 5.0), (21.0, 25.0), (1000.0, 1000.0), (f64::NAN, 1.0)] {
            assert!((nice(high) - wanted).abs() < 1e-9, "{high}");
        }
    }

    #[test]
    fn names_do_not_leave_their_place() {
        let picture = bars("a <b> & \"c\"", "x", &["1".into()], &[("</text>".into(), vec![2.0])]);
        assert!(picture.contains("a &lt;b&gt; &amp; &quot;c&quot;") && !picture.contains("</text></text>"));
        assert_eq!(picture.matches("<rect").count(), 2, "a bar and its key");
    }
}
