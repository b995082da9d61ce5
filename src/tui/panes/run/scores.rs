//! What the models of the pass score, and how far they are apart.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::pipeline::run::Progress;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{fit_tail, part, put, put_spans};

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

pub(super) fn view(progress: Option<&Progress>, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let Some(progress) = progress.filter(|progress| !progress.scores.is_empty()) else {
        put(buffer, area.x + 1, area.y, area.width, "No model was scored yet.", style(Look::Dim));
        return;
    };
    let mut rows = Vec::new();
    let head = format!("{:<10}{:>20}{:>8}{:>20}{:>8}", "model", "pass@1 [95%]", "greedy", "maj@n [95%]", "tokens");
    rows.push((head, Look::Dim));
    for score in &progress.scores {
        let greedy = score.greedy.map_or("-".into(), percent);
        let line = format!(
            "{:<10}{:>20}{greedy:>8}{:>20}{:>8.1}",
            score.name,
            score.pass_at_1.percent(),
            score.maj_at_k.percent(),
            score.mean_tokens
        );
        rows.push((line, Look::Title));
    }
    for (later, earlier, delta) in &progress.paired {
        let line = format!(
            "{:<20} {} points{}",
            format!("{later} - {earlier}"),
            delta.points(),
            if delta.excludes_zero() { "" } else { "  open: 0 is inside" }
        );
        let look = match delta {
            delta if delta.low > 0.0 => Look::Good,
            delta if delta.high < 0.0 => Look::Bad,
            _ => Look::Text,
        };
        rows.push((line, look));
    }
    if let Some(path) = &progress.report {
        let path = path.to_string_lossy();
        let room = usize::from(area.width.saturating_sub(8));
        rows.push((format!("report {}", fit_tail(&path, room, context.ascii)), Look::Dim));
    }
    if let Some(score) = progress.scores.first() {
        let line = format!(
            "{} problems, {} samples each; intervals of 95%, problems are the units",
            score.problems, score.samples
        );
        rows.push((line, Look::Dim));
    }
    for (y, (line, look)) in (0..area.height).zip(rows) {
        put_spans(buffer, part(area, 0, y, area.width, 1), &[(line, style(look))], context.ascii);
    }
}
