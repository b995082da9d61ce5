//! The kernels for AVX-512 with VNNI and for AVX2: the same sums as the plain version, bit for bit.

use std::arch::x86_64::*;

use super::{GROUP, LANES, LINE, LINES, Part};

/// # Safety
/// AVX-512 with VNNI. The tile has `wide` panels (1, 2, or 4 with at most 2 rows) and `count` rows (1 to 6), `sums` room for both.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn vnni(tile: &Part<'_>, wide: usize, count: usize, sums: &mut [[f32; LANES]]) {
    // SAFETY: the caller's promise.
    unsafe {
        match (wide, count) {
            (4, 1) => vnni_tile::<4, 1>(tile, sums),
            (4, _) => vnni_tile::<4, 2>(tile, sums),
            (2, 1) => vnni_tile::<2, 1>(tile, sums),
            (2, 2) => vnni_tile::<2, 2>(tile, sums),
            (2, 3) => vnni_tile::<2, 3>(tile, sums),
            (2, 4) => vnni_tile::<2, 4>(tile, sums),
            (2, 5) => vnni_tile::<2, 5>(tile, sums),
            (2, _) => vnni_tile::<2, 6>(tile, sums),
            (_, 1) => vnni_tile::<1, 1>(tile, sums),
            (_, 2) => vnni_tile::<1, 2>(tile, sums),
            (_, 3) => vnni_tile::<1, 3>(tile, sums),
            (_, 4) => vnni_tile::<1, 4>(tile, sums),
            (_, 5) => vnni_tile::<1, 5>(tile, sums),
            (_, _) => vnni_tile::<1, 6>(tile, sums),
        }
    }
}

/// # Safety
/// As [`vnni`], for `P` panels and `R` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn vnni_tile<const P: usize, const R: usize>(tile: &Part<'_>, sums: &mut [[f32; LANES]]) {
    debug_assert!(sums.len() == P * R);
    let lines = tile.lines.as_ptr().cast::<u8>();
    // SAFETY: all addresses are of the tile's panels and rows.
    unsafe {
        let mut all = [[_mm512_setzero_ps(); P]; R];
        for group in 0..tile.groups {
            // Loops and no closures: those would not be compiled for these instructions.
            let mut whole = [[_mm512_setzero_si512(); P]; R];
            for (r, whole) in whole.iter_mut().enumerate() {
                *whole = [_mm512_set1_epi32(*tile.surplus.get_unchecked(r * tile.groups + group)); P];
            }
            for four in 0..GROUP / 4 {
                let mut weights = [_mm512_setzero_si512(); P];
                for (p, weights) in weights.iter_mut().enumerate() {
                    let line = lines.add(((p * tile.groups + group) * LINES + 1 + four) * LINE);
                    *weights = _mm512_load_si512(line.cast());
                }
                for (r, whole) in whole.iter_mut().enumerate() {
                    let at = (r * tile.groups + group) * GROUP + 4 * four;
                    let values = tile.values.as_ptr().add(at).cast::<i32>().read_unaligned();
                    let values = _mm512_set1_epi32(values);
                    for (whole, weights) in whole.iter_mut().zip(weights) {
                        *whole = _mm512_dpbusd_epi32(*whole, weights, values);
                    }
                }
            }
            for p in 0..P {
                let units = _mm512_load_ps(lines.add((p * tile.groups + group) * LINES * LINE).cast());
                for r in 0..R {
                    let of_row = _mm512_set1_ps(*tile.scales.get_unchecked(r * tile.groups + group));
                    let scale = _mm512_mul_ps(units, of_row);
                    all[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[r][p]), scale, all[r][p]);
                }
            }
        }
        for (sums, all) in sums.iter_mut().zip(all.iter().flatten()) {
            _mm512_storeu_ps(sums.as_mut_ptr(), *all);
        }
    }
}

/// # Safety
/// AVX2 and FMA; the rest as [`vnni`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2(tile: &Part<'_>, wide: usize, count: usize, sums: &mut [[f32; LANES]]) {
    // Half a panel at a time, against two rows where there are two.
    for panel in 0..wide {
        let mut row = 0;
        while row < count {
            let two = row + 1 < count;
            for half in 0..2 {
                // SAFETY: the caller's promise.
                unsafe {
                    if two {
                        avx2_tile::<2>(tile, panel, half, row, wide, sums);
                    } else {
                        avx2_tile::<1>(tile, panel, half, row, wide, sums);
                    }
                }
            }
            row += 1 + usize::from(two);
        }
    }
}

/// # Safety
/// As [`avx2`], for `R` rows from `row` on and eight outputs of a panel.
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_tile<const R: usize>(
    tile: &Part<'_>,
    panel: usize,
    half: usize,
    row: usize,
    wide: usize,
    sums: &mut [[f32; LANES]],
) {
    // SAFETY: all addresses are of the tile's panels and rows.
    unsafe {
        let offset = _mm256_set1_epi8(-128);
        let ones = _mm256_set1_epi16(1);
        let mut all = [_mm256_setzero_ps(); R];
        for group in 0..tile.groups {
            let lines = tile.lines.as_ptr().add((panel * tile.groups + group) * LINES).cast::<u8>();
            let lines = lines.add(half * LINE / 2);
            let mut whole = [_mm256_setzero_si256(); R];
            for four in 0..GROUP / 4 {
                let weights = _mm256_load_si256(lines.add((1 + four) * LINE).cast());
                let weights = _mm256_xor_si256(weights, offset);
                let sizes = _mm256_abs_epi8(weights);
                for (r, whole) in whole.iter_mut().enumerate() {
                    let at = ((row + r) * tile.groups + group) * GROUP + 4 * four;
                    let values = tile.values.as_ptr().add(at).cast::<i32>().read_unaligned();
                    // |w| * (x with the sign of w): two products of 127 * 127 fit sixteen bits.
                    let signed = _mm256_sign_epi8(_mm256_set1_epi32(values), weights);
                    let pairs = _mm256_maddubs_epi16(sizes, signed);
                    *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, ones));
                }
            }
            let units = _mm256_load_ps(lines.cast());
            for (r, all) in all.iter_mut().enumerate() {
                let of_row = _mm256_set1_ps(*tile.scales.get_unchecked((row + r) * tile.groups + group));
                *all = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[r]), _mm256_mul_ps(units, of_row), *all);
            }
        }
        for (r, all) in all.iter().enumerate() {
            let to = sums.get_unchecked_mut((row + r) * wide + panel).as_mut_ptr();
            _mm256_storeu_ps(to.add(half * LANES / 2), *all);
        }
    }
}
