//! What the plot shows, as text.

use super::*;
use crate::tui::theme::Theme;
use crate::tui::widgets::paint::testing::lines as text_of;

fn line(series: &Series) -> Line<'_> {
    Line { series, look: Look::Text, draw: Draw::Line, sign: '*', label: "loss" }
}

fn drawn(lines: &[Line<'_>], view: &PlotView, (width, height): (u16, u16), ascii: bool) -> String {
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    plot(lines, view, Dots::of(ascii), &context, buffer.area, &mut buffer);
    text_of(&buffer)
}

#[test]
fn a_falling_line_in_signs_and_in_dots() {
    let series: Series = (0..=40).map(|x| (f64::from(x), 4.0 - x as f32 / 10.0)).collect();
    insta::assert_snapshot!("falling_ascii", drawn(&[line(&series)], &PlotView::default(), (46, 12), true));
    insta::assert_snapshot!("falling_braille", drawn(&[line(&series)], &PlotView::default(), (46, 12), false));
}

#[test]
fn one_spike_among_a_million_points_shows_at_every_zoom() {
    let spike = 777_777;
    let series: Series = (0..1_000_000).map(|x| (f64::from(x), if x == spike { 9.0 } else { 1.0 })).collect();
    let mut view = PlotView::default();
    view.move_cursor(f64::from(spike) / 999_999.0 - 1.0, 0.0, 999_999.0);
    let cursor = view.cursor().unwrap();
    assert!((cursor - f64::from(spike)).abs() < 1.0);
    for zoom in 0..16 {
        let (from, to) = view.window(0.0, 999_999.0);
        assert!(from <= cursor && cursor <= to, "{zoom}");
        let mut bare = view.clone();
        bare.drop_cursor();
        let text = drawn(&[line(&series)], &bare, (60, 14), true);
        let above = text.lines().skip(1).take(4).any(|row| row.contains('*'));
        assert!(above, "zoom {zoom}:\n{text}");
        view.zoom(true, 0.0, 999_999.0);
    }
}

#[test]
fn what_is_no_number_is_a_gap() {
    let series: Series = (0..30).map(|x| (f64::from(x), if (10..20).contains(&x) { f32::NAN } else { 1.0 })).collect();
    let text = drawn(&[line(&series)], &PlotView::default(), (36, 8), true);
    let row = text.lines().find(|row| row.contains("***")).unwrap();
    assert!(row.contains("*         "), "{text}");
    // One among many points to a column shows too.
    let dense: Series = (0..20_000).map(|x| (f64::from(x), if x == 9_999 { f32::NAN } else { 1.0 })).collect();
    for ascii in [true, false] {
        let text = drawn(&[line(&dense)], &PlotView::default(), (46, 8), ascii);
        assert_eq!(text.matches('x').count(), 1, "{text}");
    }
    let none: Series = [(0.0, f32::NAN), (1.0, f32::INFINITY)].into_iter().collect();
    assert!(drawn(&[line(&none)], &PlotView::default(), (36, 8), true).contains("no number in view"));
}

#[test]
fn empty_single_zero_and_tiny_are_no_trouble() {
    let empty = Series::default();
    assert!(drawn(&[line(&empty)], &PlotView::default(), (36, 8), false).contains("no point yet"));
    let one: Series = [(5.0, 2.0)].into_iter().collect();
    assert!(drawn(&[line(&one)], &PlotView::default(), (36, 8), true).contains('*'));
    let mixed: Series = [(0.0, -1.0), (1.0, 0.0), (2.0, 10.0), (3.0, 0.1)].into_iter().collect();
    let mut log = PlotView::default();
    log.scale = Scale::Log;
    assert!(drawn(&[line(&mixed)], &log, (36, 9), true).contains('*'));
    let below: Series = [(0.0, -1.0), (1.0, 0.0)].into_iter().collect();
    assert!(drawn(&[line(&below)], &log, (36, 9), true).contains("nothing above 0"));
    for size in [(1, 1), (16, 5), (17, 6), (200, 60)] {
        for series in [&empty, &one, &mixed] {
            drawn(&[line(series)], &PlotView::default(), size, false);
        }
    }
}

#[test]
fn the_crosshair_tells_the_values_there() {
    let series: Series = (0..100).map(|x| (f64::from(x), x as f32)).collect();
    let marks: Series = [(40.0, 25.0)].into_iter().collect();
    let marked = Line { series: &marks, look: Look::Good, draw: Draw::Marks, sign: 'o', label: "validation" };
    let mut view = PlotView::default();
    view.move_cursor(-0.5, 0.0, 99.0);
    let text = drawn(&[line(&series), marked], &view, (60, 12), true);
    assert!(text.contains("* loss 50.0000") || text.contains("* loss 49.0000"), "{text}");
    assert!(text.contains("o validation 25.0000"), "{text}");
    assert!(text.matches('o').count() > 2, "the mark itself:\n{text}");
}
