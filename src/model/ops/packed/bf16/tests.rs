//! Every instruction set against the plain version, and that against a product in f64 of what was rounded.

use super::super::tests::product;
use super::*;
use crate::model::ops::tests::numbers;

fn near(x: f32) -> f64 {
    f64::from(f32::from_bits(bits_of_pair(0.0, x)))
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
            let plain: f64 = pairs.map(|(x, w)| near(*x) * near(*w)).sum::<f64>() + f64::from(bias[n]);
            assert!((f64::from(*y) - plain).abs() < 1e-5, "{inputs}x{outputs}: {y} and {plain}");
        }
        for isa in Isa::available() {
            for rows in 1..=14 {
                let some = product(isa, &x[..rows * inputs], &weight, Some(&bias));
                assert_eq!(some, full[..rows * outputs], "{isa:?} {inputs}x{outputs}, {rows} rows");
            }
        }
    }
}

#[test]
fn what_is_zero_tiny_huge_or_no_number_stays_so() {
    let inputs = 131;
    let w = numbers(4, 20 * inputs);
    let weight = Matrix::new(&w, 20, inputs);
    let rows = |size: f32| numbers(5, inputs).iter().map(|x| 2.0 * x * size).collect::<Vec<f32>>();
    for isa in Isa::available() {
        assert!(product(isa, &rows(0.0), &weight, None).iter().all(|y| *y == 0.0));
        assert!(product(isa, &rows(1e-44), &weight, None).iter().all(|y| y.abs() < 1e-38));
        for size in [1e-30, 1e30] {
            let y = product(isa, &rows(size), &weight, None);
            assert_eq!(y, product(Isa::Portable, &rows(size), &weight, None), "{isa:?} {size}");
            assert!(y.iter().all(|y| y.is_finite() && *y != 0.0));
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = numbers(6, inputs);
            x[70] = bad;
            assert!(product(isa, &x, &weight, None).iter().all(|y| !y.is_finite()), "{isa:?} {bad}");
        }
    }
}
