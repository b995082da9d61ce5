//! Every kernel on every instruction set that this processor has, against plain loops.

use super::attention::{BlockLayout, Rows, attention};
use super::linear::{Product, linear_many};
use super::*;

/// Numbers in -0.5..0.5 without a pattern.
pub(super) fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = u64::from(seed) * 2 + 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

fn close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "at {index}: {a} and {b}");
    }
}

#[test]
fn linear_is_the_product_and_does_not_depend_on_the_batch() {
    for isa in Isa::available() {
        for (inputs, outputs) in [(1, 1), (7, 5), (16, 4), (48, 24), (100, 33), (257, 70)] {
            let w = numbers(1, outputs * inputs);
            let bias = numbers(2, outputs);
            let x = numbers(3, 20 * inputs);
            let whole = |rows: usize| {
                let mut y = vec![f32::NAN; rows * outputs];
                let product = Product { weight: &w, bias: Some(&bias), out: &mut y, outputs };
                linear_many(isa, &x[..rows * inputs], inputs, &mut [product]);
                y
            };
            let full = whole(20);
            let plain: Vec<f32> = (0..20 * outputs)
                .map(|at| {
                    let (row, n) = (at / outputs, at % outputs);
                    let dot: f64 =
                        (0..inputs).map(|k| f64::from(x[row * inputs + k]) * f64::from(w[n * inputs + k])).sum();
                    (dot + f64::from(bias[n])) as f32
                })
                .collect();
            close(&full, &plain, 1e-5);
            for rows in 1..20 {
                assert_eq!(whole(rows), full[..rows * outputs], "{isa:?} {inputs}x{outputs}, {rows} rows");
            }
        }
    }
}

#[test]
fn several_products_in_one_region_are_each_their_own() {
    let (inputs, x) = (40, numbers(3, 3 * 40));
    let (w, u) = (numbers(1, 30 * 40), numbers(2, 9 * 40));
    let (mut a, mut b, mut c) = (vec![0.0; 90], vec![0.0; 27], vec![0.0; 90]);
    let isa = Isa::detect();
    linear_many(
        isa,
        &x,
        inputs,
        &mut [
            Product { weight: &w, bias: None, out: &mut a, outputs: 30 },
            Product { weight: &u, bias: None, out: &mut b, outputs: 9 },
        ],
    );
    linear_many(isa, &x, inputs, &mut [Product { weight: &w, bias: None, out: &mut c, outputs: 30 }]);
    assert_eq!(a, c);
    assert!(b.iter().all(|value| *value != 0.0));
}

#[test]
fn exponential_is_accurate_and_never_infinite() {
    for isa in Isa::available() {
        let mut x: Vec<f32> = (-870..880).map(|tenth| tenth as f32 / 10.0).collect();
        let plain: Vec<f32> = x.iter().map(|x| x.exp()).collect();
        rows::exp(isa, &mut x);
        for (a, b) in x.iter().zip(&plain) {
            assert!((a - b).abs() <= 4e-7 * b, "{isa:?}: {a} and {b}");
        }
        let mut far = [f32::NEG_INFINITY, -1e30, 1e30, 0.0];
        rows::exp(isa, &mut far);
        assert!(far[0] < 1e-37 && far[1] < 1e-37 && far[2].is_finite() && far[3] == 1.0, "{isa:?} {far:?}");
    }
}

#[test]
fn norm_and_gate_are_what_they_say() {
    for isa in Isa::available() {
        for width in [5, 16, 40, 577] {
            let (x, add, weight) = (numbers(1, 3 * width), numbers(2, 3 * width), numbers(3, width));
            let (mut summed, mut out) = (x.clone(), vec![0.0; 3 * width]);
            rows::rms_norm(isa, &mut summed, Some(&add), &weight, 1e-5, &mut out);
            let sum: Vec<f32> = x.iter().zip(&add).map(|(a, b)| a + b).collect();
            assert_eq!(summed, sum);
            let plain: Vec<f32> = sum
                .chunks(width)
                .flat_map(|row| {
                    let mean = row.iter().map(|v| v * v).sum::<f32>() / width as f32;
                    row.iter().zip(&weight).map(|(v, w)| v / (mean + 1e-5).sqrt() * w).collect::<Vec<_>>()
                })
                .collect();
            close(&out, &plain, 1e-5);
            let mut gate = x.iter().map(|v| v * 20.0).collect::<Vec<_>>();
            let plain: Vec<f32> = gate.iter().zip(&add).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            rows::swiglu(isa, &mut gate, &add);
            close(&gate, &plain, 1e-5);
        }
    }
}

#[test]
fn attention_is_softmax_over_the_past() {
    for isa in Isa::available() {
        for (kv_heads, group, head_dim) in [(2, 3, 8), (1, 7, 64), (3, 1, 20), (2, 2, 144)] {
            let layout = BlockLayout { layers: 2, kv_heads, head_dim, positions: 32 };
            let data: Vec<Vec<f32>> = (0..3).map(|seed| numbers(seed, layout.len())).collect();
            let blocks: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
            let width = kv_heads * group * head_dim;
            // Two sequences: one of 17 rows behind 50 positions, one of a single row at position 5.
            let q: Vec<f32> = numbers(9, 18 * width).iter().map(|v| v * 8.0).collect();
            let sequences = [
                Rows { blocks: &blocks, row: 0, rows: 17, first: 50 },
                Rows { blocks: &blocks[..1], row: 17, rows: 1, first: 5 },
            ];
            let mut out = vec![f32::NAN; q.len()];
            attention(isa, &layout, 1, &sequences, &q, &mut out);
            let mut plain = vec![0.0; q.len()];
            for row in 0..18 {
                let seen = if row < 17 { 51 + row } else { 6 };
                for head in 0..kv_heads * group {
                    let key = |position: usize| {
                        let from = layout.keys(1, head / group) + position % 32;
                        data[position / 32][from..].iter().step_by(32)
                    };
                    let value = |position: usize| {
                        let from = layout.values(1, head / group) + position % 32 * head_dim;
                        &data[position / 32][from..from + head_dim]
                    };
                    let q = &q[row * width + head * head_dim..][..head_dim];
                    let dot = |p| q.iter().zip(key(p)).map(|(a, b)| a * b).sum::<f32>() / (head_dim as f32).sqrt();
                    let scores: Vec<f32> = (0..seen).map(dot).collect();
                    let largest = scores.iter().copied().fold(f32::MIN, f32::max);
                    let sum: f32 = scores.iter().map(|s| (s - largest).exp()).sum();
                    for (p, score) in scores.iter().enumerate() {
                        for (dim, value) in value(p).iter().enumerate() {
                            plain[row * width + head * head_dim + dim] += (score - largest).exp() / sum * value;
                        }
                    }
                }
            }
            close(&out, &plain, 1e-5);
        }
    }
}

#[test]
fn attention_to_what_is_no_number_is_no_number() {
    let layout = BlockLayout { layers: 1, kv_heads: 1, head_dim: 8, positions: 32 };
    for isa in Isa::available() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut block = numbers(1, layout.len());
            // A key's dimension 3 at position 5: only rows that see it are spoiled.
            block[layout.keys(0, 0) + 3 * 32 + 5] = bad;
            let q = numbers(2, 2 * 8);
            let mut out = vec![0.5; q.len()];
            let blocks: &[&[f32]] = &[&block];
            attention(isa, &layout, 0, &[Rows { blocks, row: 0, rows: 2, first: 4 }], &q, &mut out);
            assert!(out[..8].iter().all(|x| x.is_finite()), "{isa:?} {bad}");
            assert!(out[8..].iter().all(|x| x.is_nan()), "{isa:?} {bad}: {out:?}");
        }
    }
}
