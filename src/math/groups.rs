//! Boxes that stand side by side, as in `\boxed{1}, \boxed{2}`: one answer of several parts.

use super::extract::{Boxed, boxes};

/// The boxes of a text, those that only commas, "and", "or", dollar signs or spaces separate together. In order.
pub fn box_groups(text: &str) -> Vec<Vec<Boxed>> {
    let mut groups: Vec<Vec<Boxed>> = Vec::new();
    for found in boxes(text) {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| joins(&text[last.whole.1..found.whole.0])) => {
                group.push(found)
            }
            _ => groups.push(vec![found]),
        }
    }
    groups
}

fn joins(between: &str) -> bool {
    let words = between.split(|c: char| c.is_whitespace() || ",$\\()".contains(c)).filter(|word| !word.is_empty());
    // More than a few bytes is a sentence, whatever it is made of; a new line begins another answer.
    between.len() <= 24 && !between.contains('\n') && words.into_iter().all(|word| matches!(word, "and" | "or"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<usize> {
        box_groups(text).iter().map(Vec::len).collect()
    }

    #[test]
    fn boxes_side_by_side_are_one_answer() {
        assert_eq!(sizes("\\boxed{1}, \\boxed{2}"), [2]);
        assert_eq!(sizes("$\\boxed{1}$ and $\\boxed{2}$"), [2]);
        assert_eq!(sizes("\\(\\boxed{1}\\) or \\(\\boxed{2}\\)"), [2]);
        assert_eq!(sizes("\\boxed{1}. So \\boxed{2}, \\boxed{3}"), [1, 2]);
        assert_eq!(sizes("\\boxed{1}\n\\boxed{2}"), [1, 1]);
        assert_eq!(sizes("none"), Vec::<usize>::new());
    }
}
