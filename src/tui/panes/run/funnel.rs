//! What the rules let through in the newest stage, and what people decided.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::RunState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{part, put, put_clean, put_spans, signs};
use crate::tui::widgets::rate::rate;

/// Cells of a bar where all were dropped by one rule, at most.
const BAR: u16 = 30;

pub(super) fn view(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let row = |y: u16| part(area, 0, y, area.width, 1);
    let newest = state.progress.as_ref().and_then(|progress| progress.funnels.last());
    let Some((stage, judged)) = newest else {
        put(buffer, area.x + 1, area.y, area.width, "No chain was judged yet.", style(Look::Dim));
        return;
    };
    let kept = rate(judged.accepted, judged.judged);
    let counts = &state.counts;
    let head = [
        (format!("{stage}: rules accept {} of {}, {kept}", judged.accepted, judged.judged), style(Look::Title)),
        (format!("  you accept {}, reject {}", counts.accepted, counts.rejected), style(Look::Dim)),
    ];
    put_spans(buffer, row(0), &head, context.ascii);
    let mut steps: Vec<_> = judged.funnel.iter().filter(|step| step.failed > 0).collect();
    let room = usize::from(area.height.saturating_sub(1));
    if steps.len() > room {
        // Those that drop most are what a person looks for; the others are left out.
        steps.sort_by_key(|step| std::cmp::Reverse(step.dropped));
        steps.truncate(room);
    }
    let most = steps.iter().map(|step| step.dropped).max().unwrap_or_default().max(1);
    let wide = BAR.min(area.width.saturating_sub(46));
    for (y, step) in (1..).zip(steps) {
        let line = format!(" {:<15} drops {:>6}, alone {:>6}  ", step.rule.name(), step.dropped, step.sole);
        let x = put(buffer, area.x, area.y + y, area.width, &line, style(Look::Text));
        let cells = (step.dropped * usize::from(wide)).div_ceil(most) as u16;
        let bar = signs(context.ascii).full.repeat(usize::from(cells));
        put_clean(buffer, x, area.y + y, wide.min(area.right().saturating_sub(x)), &bar, style(Look::Bad));
    }
}
