//! Every kernel that this processor has against the plain version, and that against a product in f64.

use super::super::tests::product;
use super::*;
use crate::model::ops::tests::numbers;

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

#[test]
fn every_instruction_set_and_batch_has_the_same_bits_near_the_product() {
    for (inputs, outputs) in [(1, 1), (64, 16), (7, 5), (576, 130), (100, 33), (257, 70), (128, 49)] {
        let (w, bias) = (numbers(1, outputs * inputs), numbers(2, outputs));
        let x = numbers(3, 14 * inputs);
        let weight = Matrix::new(&w, outputs, inputs);
        let full = product(Isa::Portable, &x, &weight, Some(&bias));
        for (at, y) in full.iter().enumerate() {
            let (row, n) = (at / outputs, at % outputs);
            let pairs = x[row * inputs..][..inputs].iter().zip(&w[n * inputs..][..inputs]);
            let plain: f64 = pairs.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + f64::from(bias[n]);
            // Two roundings to half a 254th of at most 0.5, a random walk long.
            let bound = 6.0 * 0.5 / 254.0 * (inputs as f64 / 6.0).sqrt() + 1e-6;
            assert!((f64::from(*y) - plain).abs() < bound, "{inputs}x{outputs}: {y} and {plain}");
        }
        for isa in Isa::available() {
            for rows in 1..=14 {
                let some = product(isa, &x[..rows * inputs], &weight, Some(&bias));
                assert_eq!(bits(&some), bits(&full[..rows * outputs]), "{isa:?} {inputs}x{outputs}, {rows} rows");
            }
        }
    }
}

#[test]
fn what_is_zero_tiny_huge_or_no_number_stays_so() {
    let inputs = 130;
    let w = numbers(4, 20 * inputs);
    let weight = Matrix::new(&w, 20, inputs);
    let rows = [0.0, 1e-44, 1e-30, 1e30, f32::MAX]
        .map(|size| numbers(5, inputs).iter().map(|x| 2.0 * x * size).collect::<Vec<f32>>());
    for isa in Isa::available() {
        for (at, x) in rows.iter().enumerate() {
            let y = product(isa, x, &weight, None);
            assert_eq!(bits(&y), bits(&product(Isa::Portable, x, &weight, None)), "{isa:?} {at}");
            match at {
                0 | 1 => assert!(y.iter().all(|y| *y == 0.0)),
                4 => {}
                _ => assert!(y.iter().all(|y| y.is_finite() && *y != 0.0)),
            }
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = numbers(6, inputs);
            x[70] = bad;
            assert!(product(isa, &x, &weight, None).iter().all(|y| y.is_nan()), "{isa:?} {bad}");
        }
    }
}
