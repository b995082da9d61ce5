//! Text as it may be shown: cut at a stop string, and held back where a stop string may be beginning.

/// Gathers the text of one turn.
#[derive(Debug, Default)]
pub(super) struct StopFilter {
    stops: Vec<String>,
    /// All that was let through.
    text: String,
    /// The end of the text while it may be the beginning of a stop string.
    held: String,
}

impl StopFilter {
    pub(super) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), ..Self::default() }
    }

    /// Adds a piece. Returns what may be shown now and whether a stop string was written.
    pub(super) fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return (self.flush(), true);
        }
        let kept = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        let shown = std::mem::replace(&mut self.held, rest);
        self.text.push_str(&shown);
        (shown, false)
    }

    /// Lets the held text through: no more will come.
    pub(super) fn flush(&mut self) -> String {
        let shown = std::mem::take(&mut self.held);
        self.text.push_str(&shown);
        shown
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// Length of the longest end of `text` with which `stop` begins.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest).rev().find(|&len| text.as_bytes().ends_with(&stop.as_bytes()[..len])).map_or(0, |len| {
        // A stop string may begin with the first bytes of a character only where the whole character is there.
        if text.is_char_boundary(text.len() - len) { len } else { 0 }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (Vec<String>, String, bool) {
        let mut filter = StopFilter::new(&stops.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut shown = Vec::new();
        for piece in pieces {
            let (text, stopped) = filter.push(piece);
            shown.push(text);
            if stopped {
                return (shown, filter.into_text(), true);
            }
        }
        shown.push(filter.flush());
        (shown, filter.into_text(), false)
    }

    #[test]
    fn a_stop_string_over_several_tokens_is_cut_and_never_shown() {
        let (shown, text, stopped) = run(&["\nProblem:"], &["It is 4.", "\n", "Prob", "lem", ": next"]);
        assert_eq!((shown.concat().as_str(), text.as_str(), stopped), ("It is 4.", "It is 4.", true));
        assert_eq!(shown, ["It is 4.", "", "", "", ""]);
    }

    #[test]
    fn what_only_looked_like_a_stop_string_is_shown_later() {
        let (shown, text, stopped) = run(&["###", "END"], &["a #", "# b E", "N", "d"]);
        assert_eq!(shown, ["a ", "## b ", "", "ENd", ""]);
        assert_eq!((text.as_str(), stopped), ("a ## b ENd", false));
    }

    #[test]
    fn held_text_comes_out_at_the_end_and_empty_stops_are_ignored() {
        assert_eq!(run(&["", "xyz"], &["abcxy"]).1, "abcxy");
        assert_eq!(run(&["é!"], &["caf", "é", " é"]).0, ["caf", "", "é ", "é"]);
    }

    proptest! {
        #[test]
        fn cuts_where_the_first_stop_string_ends(text in "[abé]{0,30}", cut in 1usize..4, stop in "[abé]{1,4}") {
            let pieces: Vec<String> = text.chars().collect::<Vec<_>>().chunks(cut).map(|c| c.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (shown, kept, stopped) = run(&[stop.as_str()], &pieces);
            prop_assert_eq!(stopped, text.contains(&stop));
            prop_assert_eq!(&kept, text.split(&stop).next().unwrap());
            prop_assert_eq!(shown.concat(), kept);
        }
    }
}
