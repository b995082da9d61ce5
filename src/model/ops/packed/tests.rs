//! What the formats' tests share.

use super::*;

/// The rows of `x` times `weight`.
pub fn product<M: Packed>(isa: Isa, x: &[f32], weight: &M, bias: Option<&[f32]>) -> Vec<f32> {
    let ((outputs, inputs), mut rows) = (weight.shape(), M::Rows::default());
    rows.take(isa, x, inputs);
    let mut out = vec![f32::NAN; rows.shape().0 * outputs];
    multiply(isa, &rows, &mut [Product { weight, bias, out: &mut out }]);
    out
}
