//! Columns of others beside ours. What a file says of a sample and no field holds is kept with the sample, and goes out again behind what
//! cribble writes. A column of theirs that has the name of one of ours goes out as `imported_<name>`, and has its own name back when
//! the file is read here. Knows names, and of values no more than whether two are the same.

use std::fmt::Write;

use super::card;
use super::formats::SampleFormat;
use super::parquet::write::Shape;
use super::table::Row;

/// Goes before the name of a column of theirs. Names that begin with it already get one more, so that each has a way back.
const IMPORTED: &str = "imported_";
/// What is said of a sample beside its turns, as it is written.
const FACTS: [&str; 8] = ["problem_id", "draw", "settings", "answer", "correct", "strategies", "tags", "gold"];
const FACTS_OF_A_PAIR: [&str; 2] = ["problem_id", "gold"];
/// What sessions are written as. The first whose columns a row has is what it was written as.
const WRITTEN: [SampleFormat; 6] = [
    SampleFormat::Messages,
    SampleFormat::PromptCompletion,
    SampleFormat::ShareGpt,
    SampleFormat::Alpaca,
    SampleFormat::Unpaired,
    SampleFormat::Preference,
];

/// The columns that a shape has for turns, and what stands behind them. Some are not in every row, and one is only ever read: a
/// column of theirs under its name would be taken for what was said.
fn ours(format: SampleFormat) -> (&'static [&'static str], &'static [&'static str]) {
    match format {
        SampleFormat::Messages => (&["messages"], &FACTS),
        SampleFormat::PromptCompletion => (&["prompt", "completion"], &FACTS),
        SampleFormat::ShareGpt => (&["conversations", "system"], &FACTS),
        SampleFormat::Alpaca => (&["instruction", "input", "output", "system", "history"], &FACTS),
        SampleFormat::Unpaired => (&["prompt", "completion", "label"], &FACTS),
        SampleFormat::Preference => (&["prompt", "chosen", "rejected", "system"], &FACTS_OF_A_PAIR),
        SampleFormat::Tokens => (&["input_ids", "attention_mask", "labels", "problem_id"], &[]),
        SampleFormat::OpenR1 | SampleFormat::Nemo | SampleFormat::Dart => (&[], &[]),
    }
}

/// All columns that cribble writes in a shape, in their order.
pub fn known(format: SampleFormat) -> Vec<&'static str> {
    let (turns, facts) = ours(format);
    [turns, facts].concat()
}

/// Whether a column cannot go out under its name: it is one of ours, or would be read as one of theirs with that name.
fn is_taken(format: SampleFormat, name: &str) -> bool {
    let (turns, facts) = ours(format);
    let name = name.trim_start_matches(IMPORTED);
    turns.contains(&name) || facts.contains(&name)
}

/// What cribble wrote a row as; `None` if another program did, or changed the order of our columns.
pub fn written_as(row: &Row) -> Option<SampleFormat> {
    WRITTEN.into_iter().find(|format| {
        let turns = ours(*format).0;
        let begin = row.keys().take_while(|name| turns.contains(&name.as_str())).count();
        begin > 0 && facts_follow(*format, row, begin)
    })
}

fn facts_follow(format: SampleFormat, row: &Row, at: usize) -> bool {
    let facts = ours(format).1;
    !facts.is_empty() && row.keys().skip(at).take(facts.len()).eq(facts)
}

/// Puts their columns behind ours. One that says just what ours of that name does is left out.
pub fn append(format: SampleFormat, row: &mut Row, theirs: Row) {
    for (name, value) in theirs {
        if !is_taken(format, &name) {
            row.insert(name, value);
            continue;
        }
        // An empty one is written: in Parquet it may be nothing but the lack of one, and that has to stay in its place.
        let same = !value.is_null() && !name.starts_with(IMPORTED) && row.get(&name) == Some(&value);
        if !same {
            row.insert(format!("{IMPORTED}{name}"), value);
        }
    }
}

/// What is to be kept of what a file says beside the turns: in files of our own their columns under their names, without what we
/// say of the sample, which is said anew; in others all.
pub fn theirs(format: SampleFormat, extra: Row) -> Row {
    if !facts_follow(format, &extra, 0) {
        return extra;
    }
    let facts = ours(format).1;
    let named = extra.into_iter().filter_map(|(name, value)| match name.strip_prefix(IMPORTED) {
        Some(own) if is_taken(format, own) => Some((own.to_owned(), value)),
        _ if facts.contains(&name.as_str()) => None,
        _ => Some((name, value)),
    });
    named.collect()
}

/// What a card tells of the columns.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Theirs.
    pub others: Vec<String>,
    /// Those whose values have no kind in common, where the files need one.
    pub texts: Vec<String>,
}

impl Told {
    /// Of the rows that a shape was made of.
    pub fn of(shape: &Shape, format: SampleFormat, parquet: bool) -> Self {
        let known = known(format);
        let others = shape.names().filter(|name| !known.contains(name)).map(str::to_owned).collect();
        let texts = if parquet { shape.json_names().map(str::to_owned).collect() } else { Vec::new() };
        Self { others, texts }
    }

    pub fn write(&self, out: &mut String) {
        let named = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{}`", card::plain(name))).collect();
            names.join(", ")
        };
        if !self.others.is_empty() {
            let _ = write!(
                out,
                "\nBehind what cribble writes stand the columns that imported samples came with: {}. One that has the name of a \
                 column of cribble has `{IMPORTED}` before it.\n",
                named(&self.others),
            );
        }
        if !self.texts.is_empty() {
            let _ = write!(
                out,
                "\nWritten as JSON texts, since their values have no kind in common: {}.\n",
                named(&self.texts)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().unwrap().clone()
    }

    fn facts() -> Value {
        json!({
            "problem_id": "p", "draw": 0, "settings": "s", "answer": "4", "correct": true, "strategies": [],
            "tags": ["imported"], "gold": null,
        })
    }

    /// A row of ours in this shape, with nothing said in it.
    fn written(format: SampleFormat) -> Row {
        let (turns, facts) = ours(format);
        let turns = turns.iter().filter(|name| **name != "system");
        turns.chain(facts).map(|name| ((*name).to_owned(), Value::Null)).collect()
    }

    #[test]
    fn every_name_has_a_way_back() {
        let names =
            ["note", "", "imported_", "imported_note", "tags", "imported_tags", "imported_imported_tags", "gold"];
        let shapes = ["messages", "system", "prompt", "label", "imported_history"];
        let theirs: Row = names.iter().chain(&shapes).map(|name| ((*name).to_owned(), Value::from(*name))).collect();
        for format in WRITTEN {
            let mut row = written(format);
            append(format, &mut row, theirs.clone());
            assert_eq!(written_as(&row), Some(format));
            for name in ours(format).0 {
                row.shift_remove(*name);
            }
            let back = super::theirs(format, row);
            assert_eq!(back, theirs, "{format}");
            assert!(back.keys().eq(theirs.keys()), "{format}: in their order");
        }
    }

    #[test]
    fn a_column_of_ours_stays_as_it_is() {
        let mut out = row(facts());
        let theirs =
            row(json!({"answer": "4", "gold": null, "tags": ["mine"], "draw": 0.5, "correct": null, "url": "u"}));
        append(SampleFormat::Messages, &mut out, theirs);
        let Value::Object(mut expected) = facts() else { panic!("an object") };
        expected.extend(row(json!({
            "imported_gold": null, "imported_tags": ["mine"], "imported_draw": 0.5, "imported_correct": null, "url": "u",
        })));
        assert_eq!(Value::from(out), Value::from(expected), "what both say is said once");
    }

    #[test]
    fn what_others_wrote_is_kept_whole() {
        let other = row(json!({"settings": {"t": 1}, "draw": 3, "imported_tags": 1, "gold": "4"}));
        assert_eq!(theirs(SampleFormat::Messages, other.clone()), other);
        let ours = row(facts());
        assert_eq!(theirs(SampleFormat::Messages, ours.clone()), Row::new());
        assert_eq!(theirs(SampleFormat::Nemo, ours.clone()), ours, "sessions are not written so");
    }

    #[test]
    fn a_row_of_ours_is_known_whatever_else_is_in_it() {
        let mut row = written(SampleFormat::PromptCompletion);
        assert_eq!(written_as(&row), Some(SampleFormat::PromptCompletion));
        append(
            SampleFormat::PromptCompletion,
            &mut row,
            self::row(json!({"messages": [], "label": true, "text": "t"})),
        );
        assert_eq!(SampleFormat::guess(&row), Ok(SampleFormat::PromptCompletion));
        row.shift_remove("draw");
        assert_eq!(written_as(&row), None);
    }
}
