//! Every kernel on every instruction set that this processor has: forward against plain loops in f64, backward against
//! finite differences of those loops.

use super::super::buffer::Buffer;
use super::super::gemm::{Onto, Precision, View, ViewMut, product, product_in};
use super::super::isa::Isa;
use super::super::rows as forward_rows;
use super::attention::Heads;
use super::loss::{Gradients, Rows};
use super::rows::Turn;
use super::*;

/// Numbers in -0.5..0.5 without a pattern.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = u64::from(seed) * 2 + 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

#[track_caller]
fn close(found: &[f32], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    let scale = wanted.iter().fold(1e-3, |most: f64, x| most.max(x.abs()));
    for (index, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((f64::from(*a) - b).abs() <= tolerance * scale, "at {index}: {a} and {b}, scale {scale}");
    }
}

/// The gradient of `f` at `x` by central differences.
fn differences(x: &[f32], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const H: f64 = 1e-5;
    let mut x = wide(x);
    (0..x.len())
        .map(|at| {
            let here = x[at];
            x[at] = here + H;
            let above = f(&x);
            x[at] = here - H;
            let below = f(&x);
            x[at] = here;
            (above - below) / (2.0 * H)
        })
        .collect()
}

/// What the tests differentiate: the outputs, each by a weight of its own.
fn weighted(out: &[f64], by: &[f32]) -> f64 {
    out.iter().zip(by).map(|(a, b)| a * f64::from(*b)).sum()
}

#[test]
fn product_is_the_product_whatever_is_transposed() {
    for isa in Isa::available() {
        for (m, n, k) in [(1, 1, 1), (7, 5, 3), (6, 16, 8), (13, 33, 70), (150, 70, 41), (50, 530, 900), (8, 24, 5000)]
        {
            let (a, b) = (numbers(1, m * k), numbers(2, k * n));
            let mut plain = vec![0.0f64; m * n];
            for i in 0..m {
                for l in 0..k {
                    for j in 0..n {
                        plain[i * n + j] += f64::from(a[i * k + l]) * f64::from(b[l * n + j]);
                    }
                }
            }
            let flip = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                (0..rows * columns).map(|at| x[at % rows * columns + at / rows]).collect()
            };
            let (a_flipped, b_flipped) = (flip(&a, m, k), flip(&b, k, n));
            let lefts = [View::new(&a, m, k, k), View::new(&a_flipped, k, m, m).transposed()];
            let rights = [View::new(&b, k, n, n), View::new(&b_flipped, n, k, k).transposed()];
            for left in lefts {
                for right in rights {
                    // A wider matrix around C, which must stay as it is.
                    let mut c = vec![f32::NAN; m * (n + 3)];
                    product(isa, left, right, ViewMut::new(&mut c, m, n, n + 3), 1.0, Onto::Nothing);
                    product(isa, left, right, ViewMut::new(&mut c, m, n, n + 3), -0.5, Onto::Sum);
                    for i in 0..m {
                        let half: Vec<f64> = plain[i * n..(i + 1) * n].iter().map(|x| x * 0.5).collect();
                        close(&c[i * (n + 3)..][..n], &half, 2e-5);
                        assert!(c[i * (n + 3) + n..][..3].iter().all(|x| x.is_nan()));
                    }
                }
            }
        }
    }
}

/// As a processor rounds: to the nearest of those with eight significant bits, of two as near to the even one.
fn to_bf16(x: f32) -> f32 {
    let below = f32::from_bits(x.to_bits() & 0xFFFF_0000);
    let above = f32::from_bits((x.to_bits() & 0xFFFF_0000).wrapping_add(0x1_0000));
    let (down, up) = ((x - below).abs(), (above - x).abs());
    let even = below.to_bits() >> 16 & 1 == 0;
    if down < up || (down == up && even) { below } else { above }
}

#[test]
fn product_in_bf16_is_that_of_rounded_factors_on_every_instruction_set() {
    let flip = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
        (0..rows * columns).map(|at| x[at % rows * columns + at / rows]).collect()
    };
    for (m, n, k) in [(1, 1, 1), (7, 5, 3), (6, 16, 8), (13, 33, 70), (150, 70, 41), (50, 530, 901), (8, 24, 5000)] {
        let (a, b) = (numbers(1, m * k), numbers(2, k * n));
        let (near_a, near_b): (Vec<f32>, Vec<f32>) =
            (a.iter().map(|x| to_bf16(*x)).collect(), b.iter().map(|x| to_bf16(*x)).collect());
        let mut plain = vec![0.0f64; m * n];
        for i in 0..m {
            for l in 0..k {
                for j in 0..n {
                    plain[i * n + j] += f64::from(near_a[i * k + l]) * f64::from(near_b[l * n + j]);
                }
            }
        }
        let (a_flipped, b_flipped) = (flip(&a, m, k), flip(&b, k, n));
        let mut first: Option<Vec<f32>> = None;
        for isa in Isa::available() {
            for (flip_a, flip_b) in [(false, false), (true, false), (false, true), (true, true)] {
                let left = if flip_a { View::new(&a_flipped, k, m, m).transposed() } else { View::new(&a, m, k, k) };
                let right = if flip_b { View::new(&b_flipped, n, k, k).transposed() } else { View::new(&b, k, n, n) };
                let mut c = vec![f32::NAN; m * n];
                let to = ViewMut::new(&mut c, m, n, n);
                product_in(Precision::Bf16, isa, left, right, to, 1.0, Onto::Nothing);
                close(&c, &plain, 1e-5);
                let first = first.get_or_insert_with(|| c.clone());
                assert_eq!(&c, first, "{isa:?} {m} {n} {k} {flip_a} {flip_b}: the same bits");
            }
        }
    }
}

#[test]
fn what_is_zero_tiny_huge_or_no_number_stays_so_in_bf16() {
    let (m, n, k) = (13, 37, 51);
    for isa in Isa::available() {
        for flipped in [false, true] {
            let of = |a: &[f32], b: &[f32]| {
                let mut c = vec![0.5; m * n];
                // Dense along its rows, or along its columns: they are rounded by different code.
                let left = if flipped { View::new(a, k, m, m).transposed() } else { View::new(a, m, k, k) };
                let to = ViewMut::new(&mut c, m, n, n);
                product_in(Precision::Bf16, isa, left, View::new(b, k, n, n), to, 1.0, Onto::Nothing);
                c
            };
            let b = numbers(2, k * n);
            assert!(of(&vec![0.0; m * k], &b).iter().all(|x| *x == 0.0));
            // Products that are not normal may count as 0 or as themselves.
            assert!(of(&vec![1e-44; m * k], &b).iter().all(|x| x.abs() < 1e-40));
            assert!(of(&vec![1e37; m * k], &b).iter().all(|x| x.is_finite() && x.abs() > 1e30));
            // Above the largest bf16 by less than half a step, and by more.
            let most = 2.0f32.powi(127) * (2.0 - 2.0f32.powi(-7));
            let ones = vec![1.0 / 64.0; k * n];
            assert!(of(&vec![most * 1.001; m * k], &ones).iter().all(|x| x.is_finite()));
            assert!(of(&vec![f32::MAX; m * k], &ones).iter().all(|x| *x == f32::INFINITY));
            for bad in [f32::NAN, f32::from_bits(0x7F80_0001), f32::from_bits(0xFFFF_FFFF)] {
                let mut a = numbers(1, m * k);
                a[3] = bad;
                let c = of(&a, &b);
                let row = if flipped { 3 } else { 0 };
                assert!(c[row * n..][..n].iter().all(|x| x.is_nan()), "{isa:?}");
                assert_eq!(c.iter().filter(|x| x.is_nan()).count(), n, "{isa:?}: of no other row");
            }
        }
    }
}

#[test]
fn product_does_not_depend_on_threads_or_on_other_rows() {
    let isa = Isa::detect();
    let (m, n, k) = (300, 200, 1000);
    let (a, b) = (numbers(1, m * k), numbers(2, k * n));
    let with = |threads: usize, rows: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut c = vec![0.0; rows * n];
        pool.install(|| {
            let a = View::new(&a, m, k, k).rows(0, rows);
            product(isa, a, View::new(&b, k, n, n), ViewMut::new(&mut c, rows, n, n), 1.0, Onto::Nothing);
        });
        c
    };
    let whole = with(1, m);
    assert_eq!(with(4, m), whole);
    assert_eq!(with(3, 17), whole[..17 * n]);
}

#[test]
fn norm_backward() {
    for isa in Isa::available() {
        for width in [5, 16, 50] {
            let (x, weight, by) = (numbers(1, 70 * width), numbers(2, width), numbers(3, 70 * width));
            let norm = |x: &[f64], weight: &[f64]| -> Vec<f64> {
                x.chunks(width)
                    .flat_map(|row| {
                        let scale = 1.0 / (row.iter().map(|v| v * v).sum::<f64>() / width as f64 + 1e-5).sqrt();
                        row.iter().zip(weight).map(|(v, w)| v * scale * w).collect::<Vec<_>>()
                    })
                    .collect()
            };
            let before = numbers(4, x.len());
            let (mut d_x, mut d_weight) = (before.clone(), vec![0.0; width]);
            rows::rms_norm_backward(isa, &x, &weight, 1e-5, &by, &mut d_x, Some(&mut d_weight));
            for (d_x, before) in d_x.iter_mut().zip(&before) {
                *d_x -= before;
            }
            // A row's output depends on that row alone, so a few rows show it.
            let few = 3 * width;
            let wanted = differences(&x[..few], |x| weighted(&norm(x, &wide(&weight)), &by[..few]));
            close(&d_x[..few], &wanted, 1e-4);
            close(&d_weight, &differences(&weight, |weight| weighted(&norm(&wide(&x), weight), &by)), 1e-4);
        }
    }
}

#[test]
fn gate_forward_and_backward() {
    for isa in Isa::available() {
        for width in [3, 16, 29] {
            let rows = 4;
            let gate_up: Vec<f32> = numbers(1, rows * 2 * width).iter().map(|x| x * 12.0).collect();
            let by = numbers(2, rows * width);
            let plain = |gate_up: &[f64]| -> Vec<f64> {
                gate_up
                    .chunks(2 * width)
                    .flat_map(|row| (0..width).map(|at| row[at] / (1.0 + (-row[at]).exp()) * row[width + at]))
                    .collect()
            };
            let mut out = vec![0.0; rows * width];
            rows::swiglu(isa, &gate_up, width, &mut out);
            close(&out, &plain(&wide(&gate_up)), 1e-5);
            let (mut slopes, mut again) = (gate_up.clone(), by.clone());
            rows::swiglu_backward(isa, &mut slopes, width, &mut again);
            close(&slopes, &differences(&gate_up, |x| weighted(&plain(x), &by)), 1e-4);
            close(&again, &wide(&out), 1e-5);
        }
    }
}

#[test]
fn bias_and_embedding_backward() {
    let (rows, width) = (70, 9);
    let d_out = numbers(1, rows * width);
    let mut d_bias = vec![1.0; width];
    rows::add_bias_backward(&d_out, &mut d_bias);
    let wanted: Vec<f64> =
        (0..width).map(|at| 1.0 + (0..rows).map(|row| f64::from(d_out[row * width + at])).sum::<f64>()).collect();
    close(&d_bias, &wanted, 1e-5);
    let mut x = vec![0.5; 2 * width];
    rows::add_bias(&mut x, &d_bias);
    assert_eq!(x[width + 1], 0.5 + d_bias[1]);

    let hidden = 70;
    let (table, tokens) = (numbers(2, 5 * hidden), [3, 0, 3, 4]);
    let mut out = vec![0.0; 4 * hidden];
    embedding::forward(&table, hidden, &tokens, &mut out);
    assert_eq!(out[2 * hidden..3 * hidden], table[3 * hidden..4 * hidden]);
    let by = numbers(3, out.len());
    let mut d_table = vec![0.0; table.len()];
    embedding::backward(&by, hidden, &tokens, &mut d_table);
    let plain = |table: &[f64]| -> f64 {
        let rows = tokens.iter().flat_map(|&token| &table[token as usize * hidden..][..hidden]);
        rows.zip(&by).map(|(a, b)| a * f64::from(*b)).sum()
    };
    close(&d_table, &differences(&table, plain), 1e-5);
}

fn angles(rows: usize, dim: usize) -> (Vec<f32>, Vec<f32>) {
    let angle = |at: usize| (at / (dim / 2)) as f32 * 0.3 / (1 + at % (dim / 2)) as f32;
    (0..rows * dim / 2).map(|at| (angle(at).cos(), angle(at).sin())).unzip()
}

#[test]
fn turning_heads_backward() {
    for isa in Isa::available() {
        let heads = Heads { query: 4, key_value: 2, dim: 6 };
        let rows = 40;
        let (cos, sin) = angles(rows, heads.dim);
        let (q_norm, k_norm) = (numbers(5, heads.dim), numbers(6, heads.dim));
        for normed in [false, true] {
            let turn = Turn { heads, cos: &cos, sin: &sin, norms: normed.then_some((&q_norm, &k_norm)), eps: 1e-5 };
            let x = numbers(1, rows * heads.width());
            let by = numbers(2, x.len());
            let plain = |x: &[f64], q_norm: &[f64], k_norm: &[f64]| -> Vec<f64> {
                let mut out = x.to_vec();
                for (row, out) in out.chunks_mut(heads.width()).enumerate() {
                    for (head, out) in out[..turn.turned()].chunks_mut(heads.dim).enumerate() {
                        if normed {
                            let norm = if head < heads.query { q_norm } else { k_norm };
                            let mean = out.iter().map(|v| v * v).sum::<f64>() / heads.dim as f64;
                            out.iter_mut().zip(norm).for_each(|(v, w)| *v *= w / (mean + 1e-5).sqrt());
                        }
                        for pair in 0..heads.dim / 2 {
                            let at = row * heads.dim / 2 + pair;
                            let (cos, sin) = (f64::from(cos[at]), f64::from(sin[at]));
                            let (a, b) = (out[pair], out[pair + heads.dim / 2]);
                            out[pair] = a * cos - b * sin;
                            out[pair + heads.dim / 2] = b * cos + a * sin;
                        }
                    }
                }
                out
            };
            let mut out = x.clone();
            rows::turn(isa, &turn, &mut out);
            close(&out, &plain(&wide(&x), &wide(&q_norm), &wide(&k_norm)), 1e-5);
            let raw: Vec<f32> = x.chunks(heads.width()).flat_map(|row| row[..turn.turned()].to_vec()).collect();
            let (mut d, mut d_q, mut d_k) = (by.clone(), vec![0.0; heads.dim], vec![0.0; heads.dim]);
            rows::turn_backward(isa, &turn, Some(&raw), &mut d, Some((&mut d_q, &mut d_k)));
            let few = 2 * heads.width();
            let wanted = differences(&x[..few], |x| weighted(&plain(x, &wide(&q_norm), &wide(&k_norm)), &by[..few]));
            close(&d[..few], &wanted, 1e-4);
            if normed {
                let by_q = |q: &[f64]| weighted(&plain(&wide(&x), q, &wide(&k_norm)), &by);
                close(&d_q, &differences(&q_norm, by_q), 1e-4);
                let by_k = |k: &[f64]| weighted(&plain(&wide(&x), &wide(&q_norm), k), &by);
                close(&d_k, &differences(&k_norm, by_k), 1e-4);
            } else {
                assert!(d_q.iter().chain(&d_k).all(|x| *x == 0.0));
            }
        }
    }
}

/// Attention in plain loops.
fn plain_attention(heads: Heads, spans: &[std::ops::Range<usize>], qkv: &[f64]) -> Vec<f64> {
    let (dim, width, group) = (heads.dim, heads.width(), heads.query / heads.key_value);
    let mut out = vec![0.0; qkv.len() / width * heads.out_width()];
    for span in spans {
        for row in span.clone() {
            for head in 0..heads.query {
                let at = |row: usize, head: usize| &qkv[row * width + head * dim..][..dim];
                let (key, value) = (heads.query + head / group, heads.query + heads.key_value + head / group);
                let scores: Vec<f64> = (span.start..=row)
                    .map(|past| {
                        at(row, head).iter().zip(at(past, key)).map(|(a, b)| a * b).sum::<f64>() / (dim as f64).sqrt()
                    })
                    .collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = scores.iter().map(|s| (s - most).exp()).sum();
                for (past, score) in scores.iter().enumerate() {
                    let share = (score - most).exp() / sum;
                    for (index, value) in at(span.start + past, value).iter().enumerate() {
                        out[row * heads.out_width() + head * dim + index] += share * value;
                    }
                }
            }
        }
    }
    out
}

#[test]
// A list of one sequence is meant, not its numbers.
#[allow(clippy::single_range_in_vec_init)]
fn attention_forward_and_backward() {
    let few = Heads { query: 2, key_value: 1, dim: 4 };
    let cases = [
        (few, vec![0..5]),
        (Heads { query: 3, key_value: 3, dim: 6 }, vec![0..3, 3..4, 4..12]),
        (Heads { query: 4, key_value: 2, dim: 18 }, vec![0..7, 7..13]),
        // Several blocks of queries and keys, several tasks.
        (few, vec![0..110]),
        (few, vec![0..50, 50..150]),
    ];
    for isa in Isa::available() {
        for (heads, spans) in &cases {
            let (heads, rows) = (*heads, spans.last().unwrap().end);
            let qkv: Vec<f32> = numbers(1, rows * heads.width()).iter().map(|x| x * 4.0).collect();
            let by = numbers(2, rows * heads.out_width());
            let (mut out, mut log_sums) = (vec![f32::NAN; by.len()], vec![f32::NAN; rows * heads.query]);
            attention::forward(isa, heads, spans, &qkv, &mut out, &mut log_sums);
            close(&out, &plain_attention(heads, spans, &wide(&qkv)), 1e-5);
            let mut d_qkv = vec![f32::NAN; qkv.len()];
            let mut scratch = Buffer::default();
            attention::backward(isa, heads, spans, &qkv, &out, &log_sums, &by, &mut d_qkv, &mut scratch);
            if rows < 20 {
                let wanted = differences(&qkv, |qkv| weighted(&plain_attention(heads, spans, qkv), &by));
                close(&d_qkv, &wanted, 1e-4);
                continue;
            }
            // The whole of a long gradient by differences takes too long: some elements from everywhere.
            assert!(d_qkv.iter().all(|x| x.is_finite()));
            for at in (0..qkv.len()).step_by(37) {
                let wanted = differences(&qkv[at..=at], |x| {
                    let mut qkv = wide(&qkv);
                    qkv[at] = x[0];
                    weighted(&plain_attention(heads, spans, &qkv), &by)
                });
                assert!((f64::from(d_qkv[at]) - wanted[0]).abs() < 1e-4, "{at}: {} and {}", d_qkv[at], wanted[0]);
            }
        }
    }
}

#[test]
fn attention_does_not_depend_on_the_number_of_threads() {
    let (isa, heads, spans) = (Isa::detect(), Heads { query: 6, key_value: 2, dim: 16 }, [0..300, 300..410]);
    let (qkv, by) = (numbers(1, 410 * heads.width()), numbers(2, 410 * heads.out_width()));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (mut out, mut log_sums) = (vec![0.0; by.len()], vec![0.0; 410 * heads.query]);
        let mut d_qkv = vec![0.0; qkv.len()];
        pool.install(|| {
            attention::forward(isa, heads, &spans, &qkv, &mut out, &mut log_sums);
            let mut scratch = Buffer::default();
            attention::backward(isa, heads, &spans, &qkv, &out, &log_sums, &by, &mut d_qkv, &mut scratch);
        });
        (out, d_qkv)
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn loss_and_its_gradients() {
    for isa in Isa::available() {
        let (rows, vocab, hidden) = (5, 37, 6);
        let (x, weight) = (numbers(1, rows * hidden), numbers(2, vocab * hidden));
        let x: Vec<f32> = x.iter().map(|x| x * 9.0).collect();
        let (targets, weights) = ([3, 36, 0, 17, 17], [0.3, 1.0, 0.0, 0.25, 2.0]);
        let plain = |x: &[f64], weight: &[f64]| -> Vec<f64> {
            x.chunks(hidden)
                .zip(targets)
                .map(|(x, target)| {
                    let logits: Vec<f64> =
                        weight.chunks(hidden).map(|w| w.iter().zip(x).map(|(a, b)| a * b).sum()).collect();
                    logits.iter().map(|l| l.exp()).sum::<f64>().ln() - logits[target as usize]
                })
                .collect()
        };
        let mut losses = vec![0.0; rows];
        let (mut d_x, mut d_weight) = (vec![f32::NAN; x.len()], vec![f32::NAN; weight.len()]);
        let mut scratch = Buffer::default();
        let given = Rows { x: &x, targets: &targets, weights: &weights };
        let gradients = Gradients { x: &mut d_x, weight: Some((&mut d_weight, Onto::Nothing)) };
        loss::linear_cross_entropy(
            (isa, Precision::F32),
            given,
            &weight,
            hidden,
            &mut losses,
            Some(gradients),
            &mut scratch,
        );
        close(&losses, &plain(&wide(&x), &wide(&weight)), 1e-5);
        close(&d_x, &differences(&x, |x| weighted(&plain(x, &wide(&weight)), &weights)), 1e-4);
        close(&d_weight, &differences(&weight, |w| weighted(&plain(&wide(&x), w), &weights)), 1e-4);
        // Without gradients, the same losses.
        let mut again = vec![0.0; rows];
        loss::linear_cross_entropy((isa, Precision::F32), given, &weight, hidden, &mut again, None, &mut scratch);
        assert_eq!(losses, again);
        // One weight that is no number, far from every target, is seen.
        let mut spoiled = weight.clone();
        spoiled[20 * hidden] = f32::NAN;
        loss::linear_cross_entropy((isa, Precision::F32), given, &spoiled, hidden, &mut again, None, &mut scratch);
        assert!(again.iter().all(|loss| loss.is_nan()), "{isa:?} {again:?}");
    }
}

#[test]
fn loss_in_chunks_is_the_loss_whole() {
    let isa = Isa::detect();
    let vocab = 150_000;
    let rows = loss::chunk_rows(vocab) + 10;
    let (hidden, x) = (2, numbers(1, rows * 2));
    let weight = numbers(2, vocab * hidden);
    let targets: Vec<u32> = (0..rows as u32).map(|row| row * 1000).collect();
    let weights = vec![1.0; rows];
    let run = |from: usize, to: usize| {
        let mut losses = vec![0.0; to - from];
        let (mut d_x, mut d_weight) = (vec![0.0; (to - from) * hidden], vec![0.0; weight.len()]);
        let gradients = Gradients { x: &mut d_x, weight: Some((&mut d_weight, Onto::Nothing)) };
        let given =
            Rows { x: &x[from * hidden..to * hidden], targets: &targets[from..to], weights: &weights[from..to] };
        let mut scratch = Buffer::default();
        loss::linear_cross_entropy(
            (isa, Precision::F32),
            given,
            &weight,
            hidden,
            &mut losses,
            Some(gradients),
            &mut scratch,
        );
        (losses, d_x, d_weight)
    };
    let (whole, first, second) = (run(0, rows), run(0, 10), run(10, rows));
    assert_eq!(whole.0, [first.0, second.0].concat());
    assert_eq!(whole.1, [first.1, second.1].concat());
    let sum: Vec<f64> = first.2.iter().zip(&second.2).map(|(a, b)| f64::from(a + b)).collect();
    close(&whole.2, &sum, 1e-5);
}

#[test]
fn adamw_is_the_formula_and_norms_are_sums() {
    for isa in Isa::available() {
        let count = 70_001;
        let (gradient, weights) = (numbers(1, count), numbers(2, count));
        let (first, second) = (numbers(3, count), numbers(4, count).iter().map(|x| x * x).collect::<Vec<_>>());
        let step = adamw::Step {
            lr: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            decay: 0.1,
            corrections: (0.1, 0.001),
            scale: 0.5,
        };
        let (mut w, mut m, mut v) = (weights.clone(), first.clone(), second.clone());
        adamw::step(isa, &mut w, &gradient, &mut m, &mut v, &step);
        for at in (0..count).step_by(997).chain([count - 1]) {
            let g = f64::from(gradient[at]) * 0.5;
            let mean = f64::from(first[at]) * 0.9 + g * 0.1;
            let square = f64::from(second[at]) * 0.999 + g * g * 0.001;
            let wanted =
                f64::from(weights[at]) * (1.0 - 0.01 * 0.1) - 0.01 * (mean / 0.1) / ((square / 0.001).sqrt() + 1e-8);
            assert!((f64::from(w[at]) - wanted).abs() < 1e-6, "{isa:?} {at}: {} and {wanted}", w[at]);
            assert!((f64::from(m[at]) - mean).abs() < 1e-7 && (f64::from(v[at]) - square).abs() < 1e-7);
        }
        let sum: f64 = gradient.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((adamw::sum_of_squares(isa, &gradient) - sum).abs() < 1e-6 * sum);
        let mut spoiled = gradient.clone();
        spoiled[60_000] = f32::NAN;
        assert!(adamw::sum_of_squares(isa, &spoiled).is_nan());
    }
}

/// The norm whose backward is above, once more: the forward kernel is `ops::rows`', the pair must agree on epsilon.
#[test]
fn norm_forward_is_the_one_differentiated() {
    let (width, eps) = (20, 0.3);
    let (mut x, weight, by) = (numbers(1, width), numbers(2, width), numbers(3, width));
    let mut d_x = vec![0.0; width];
    rows::rms_norm_backward(Isa::detect(), &x, &weight, eps, &by, &mut d_x, None);
    let mut run = |at: usize, h: f32| -> f64 {
        let here = x[at];
        x[at] = here + h;
        let mut out = vec![0.0; width];
        forward_rows::rms_norm(Isa::detect(), &mut x, None, &weight, eps, &mut out);
        x[at] = here;
        weighted(&wide(&out), &by)
    };
    let wanted: Vec<f64> = (0..width).map(|at| (run(at, 1e-2) - run(at, -1e-2)) / 2e-2).collect();
    close(&d_x, &wanted, 2e-3);
}
