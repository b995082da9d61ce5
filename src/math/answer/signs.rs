//! Plus or minus: one expression that stands for several.

use crate::math::expr::Expr;
use crate::math::limits;

pub fn has(expr: &Expr) -> bool {
    expr.any(&|part| matches!(part, Expr::Signs(..)))
}

fn count(expr: &Expr) -> usize {
    usize::from(matches!(expr, Expr::Signs(..))) + expr.children().into_iter().map(count).sum::<usize>()
}

/// Every value it stands for. Signs are chosen together where a `\mp` says so, each on its own otherwise.
pub fn unfold(expr: &Expr) -> Option<Vec<Expr>> {
    let signs = count(expr);
    let together = expr.any(&|part| matches!(part, Expr::Signs(true, _)));
    if together {
        return Some([true, false].iter().map(|upper| choose(expr, &mut |flipped| flipped != *upper)).collect());
    }
    if signs > limits::SIGNS.ilog2() as usize {
        return None;
    }
    let mut values = Vec::new();
    for choice in 0..1usize << signs {
        let mut at = 0;
        values.push(choose(expr, &mut |_| {
            at += 1;
            choice >> (at - 1) & 1 == 0
        }));
    }
    Some(values)
}

/// The expression with each sign chosen: plus where the answer is true.
fn choose(expr: &Expr, plus: &mut dyn FnMut(bool) -> bool) -> Expr {
    // `map` goes through the parts in a fixed order.
    let state = std::cell::RefCell::new(plus);
    expr.map(&|part| match part {
        Expr::Signs(flipped, inner) => {
            if (*state.borrow_mut())(flipped) {
                *inner
            } else {
                inner.negated()
            }
        }
        other => other,
    })
}
