//! The few vector operations that the kernels are written in, for AVX-512, AVX2 with FMA, and plain Rust.
//!
//! A kernel is a generic `#[inline(always)]` function over [`Simd`], called from a wrapper that turns the processor
//! feature on (see [`dispatch`](super::dispatch)). Every operation has one fixed order of summation, so a kernel's
//! result never depends on how its work was cut into tiles. Results may differ in the last bits between instruction
//! sets; within one they do not.

/// A vector of `LANES` floats and what the kernels do with it.
///
/// # Safety
/// Every function may be called only on a processor that has the implementor's features, from code compiled with them.
/// Pointers must be valid for the lanes that are read or written.
pub(crate) trait Simd: Copy {
    type V: Copy;
    const LANES: usize;
    /// Columns of the widest tile that fits the register file beside four rows.
    const TILE: usize;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    /// The first `count` lanes, zeros after them; `count` is below `LANES`.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V;
    unsafe fn store(to: *mut f32, value: Self::V);
    unsafe fn store_first(to: *mut f32, value: Self::V, count: usize);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Lanes are pairs of bf16: adds to `c` the product of the upper ones, then that of the lower ones, both exact.
    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: the caller's promise is ours.
        unsafe {
            let c = Self::fma(Self::upper(a), Self::upper(b), c);
            Self::fma(Self::lower(a), Self::lower(b), c)
        }
    }
    /// The upper bf16 of each lane as a float, and the lower one.
    unsafe fn upper(a: Self::V) -> Self::V;
    unsafe fn lower(a: Self::V) -> Self::V;
    /// Nearest whole number.
    unsafe fn round(a: Self::V) -> Self::V;
    /// Asks for the cache line at an address that will be read soon; it need not be readable.
    unsafe fn prefetch(at: *const f32);
    /// `2^n` for whole `n` in -126..=127.
    unsafe fn power_of_two(n: Self::V) -> Self::V;
    /// Sum of the lanes, as a tree of halves.
    unsafe fn sum(a: Self::V) -> f32;
    /// For each of `count` columns the [`Simd::sum`]s of its four vectors, `bias` added, written to `to + column * stride`.
    unsafe fn store_sums(sums: &[[Self::V; 4]], bias: [f32; 4], to: *mut f32, stride: usize);

    /// e^x, relative error below 2e-7; below -87 next to nothing, finite above 88.
    #[inline(always)]
    unsafe fn exp(x: Self::V) -> Self::V {
        // SAFETY: the caller's promise is ours.
        unsafe {
            let x = Self::min(Self::max(x, Self::splat(-87.3)), Self::splat(88.3));
            let n = Self::round(Self::mul(x, Self::splat(std::f32::consts::LOG2_E)));
            // ln 2 in two parts, so that n times the first is exact.
            let r = Self::fma(n, Self::splat(-0.693_359_4), x);
            let r = Self::fma(n, Self::splat(2.121_944_4e-4), r);
            let mut p = Self::splat(1.987_569_1e-4);
            for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5, 1.0, 1.0] {
                p = Self::fma(p, r, Self::splat(coefficient));
            }
            Self::mul(p, Self::power_of_two(n))
        }
    }
}

/// Plain Rust in eight lanes: what every other processor runs, and the witness in tests.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Portable {
    #[inline(always)]
    fn map2(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
        std::array::from_fn(|lane| f(a[lane], b[lane]))
    }
}

impl Simd for Portable {
    type V = [f32; 8];
    const LANES: usize = 8;
    const TILE: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller gives eight readable floats; an array of floats needs no more alignment than a float.
        unsafe { from.cast::<[f32; 8]>().read() }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
        let mut lanes = [0.0; 8];
        for (lane, value) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller gives `count` readable floats.
            *value = unsafe { *from.add(lane) };
        }
        lanes
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::V) {
        // SAFETY: the caller gives eight writable floats.
        unsafe { to.cast::<[f32; 8]>().write(value) }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, value: Self::V, count: usize) {
        for (lane, value) in value.into_iter().enumerate().take(count) {
            // SAFETY: the caller gives `count` writable floats.
            unsafe { *to.add(lane) = value };
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        Self::map2(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not `mul_add`: without the instruction that is a library call.
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }
    #[inline(always)]
    unsafe fn upper(a: Self::V) -> Self::V {
        a.map(|x| f32::from_bits(x.to_bits() & 0xFFFF_0000))
    }
    #[inline(always)]
    unsafe fn lower(a: Self::V) -> Self::V {
        a.map(|x| f32::from_bits(x.to_bits() << 16))
    }
    #[inline(always)]
    unsafe fn round(a: Self::V) -> Self::V {
        // Adding and taking away 1.5 * 2^23 leaves the nearest whole number.
        a.map(|value| (value + 12_582_912.0) - 12_582_912.0)
    }
    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
    #[inline(always)]
    unsafe fn power_of_two(n: Self::V) -> Self::V {
        n.map(|n| f32::from_bits((((n as i32) + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn sum(a: Self::V) -> f32 {
        let four: [f32; 4] = std::array::from_fn(|lane| a[lane] + a[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
    #[inline(always)]
    unsafe fn store_sums(sums: &[[Self::V; 4]], bias: [f32; 4], to: *mut f32, stride: usize) {
        for (column, four) in sums.iter().enumerate() {
            for (row, vector) in four.iter().enumerate() {
                // SAFETY: the caller gives four writable floats in each column.
                unsafe { *to.add(column * stride + row) = Self::sum(*vector) + bias[row] };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    // Thin names for instructions: each function's safety is the trait's.
    #![allow(clippy::undocumented_unsafe_blocks)]

    use std::arch::x86_64::*;

    use super::Simd;

    /// AVX-512 with the VL, DQ and BW parts: every processor since Skylake-X and Zen 4. `BF16`: with dot products of bf16 too.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512<const BF16: bool = false>;

    impl<const BF16: bool> Avx512<BF16> {
        #[inline(always)]
        unsafe fn fold_four(four: &[__m512; 4]) -> __m512 {
            // 128-bit lane r of the answer holds four partial sums of vector r, in the order of `sum`.
            unsafe {
                let ab = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x44>(four[0], four[1]),
                    _mm512_shuffle_f32x4::<0xEE>(four[0], four[1]),
                );
                let cd = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x44>(four[2], four[3]),
                    _mm512_shuffle_f32x4::<0xEE>(four[2], four[3]),
                );
                _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(ab, cd), _mm512_shuffle_f32x4::<0xDD>(ab, cd))
            }
        }

        #[inline(always)]
        unsafe fn first(count: usize) -> __mmask16 {
            ((1u32 << count) - 1) as __mmask16
        }
    }

    impl<const BF16: bool> Simd for Avx512<BF16> {
        type V = __m512;
        const LANES: usize = 16;
        const TILE: usize = 6;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::V {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
            unsafe { _mm512_maskz_loadu_ps(Self::first(count), from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: Self::V) {
            unsafe { _mm512_storeu_ps(to, value) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, value: Self::V, count: usize) {
            unsafe { _mm512_mask_storeu_ps(to, Self::first(count), value) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_min_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe {
                if BF16 {
                    let (a, b) =
                        (std::mem::transmute::<__m512, __m512bh>(a), std::mem::transmute::<__m512, __m512bh>(b));
                    return _mm512_dpbf16_ps(c, a, b);
                }
                let c = _mm512_fmadd_ps(Self::upper(a), Self::upper(b), c);
                _mm512_fmadd_ps(Self::lower(a), Self::lower(b), c)
            }
        }
        #[inline(always)]
        unsafe fn upper(a: Self::V) -> Self::V {
            unsafe { _mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32(0xFFFF_0000_u32 as i32))) }
        }
        #[inline(always)]
        unsafe fn lower(a: Self::V) -> Self::V {
            unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(a))) }
        }
        #[inline(always)]
        unsafe fn round(a: Self::V) -> Self::V {
            unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn power_of_two(n: Self::V) -> Self::V {
            unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), n) }
        }
        #[inline(always)]
        unsafe fn sum(a: Self::V) -> f32 {
            unsafe {
                let half = _mm512_add_ps(a, _mm512_shuffle_f32x4::<0xEE>(a, a));
                let four = _mm512_castps512_ps128(_mm512_add_ps(half, _mm512_shuffle_f32x4::<0x55>(half, half)));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<0x55>(two, two)))
            }
        }
        #[inline(always)]
        unsafe fn store_sums(sums: &[[Self::V; 4]], bias: [f32; 4], to: *mut f32, stride: usize) {
            unsafe {
                let bias = _mm_loadu_ps(bias.as_ptr());
                // [row][column] to [column][row].
                let turn = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let mut column = 0;
                while column < sums.len() {
                    let there = (sums.len() - column).min(4);
                    let a = Self::fold_four(&sums[column]);
                    let b = if there > 1 { Self::fold_four(&sums[column + 1]) } else { a };
                    let c = if there > 2 { Self::fold_four(&sums[column + 2]) } else { a };
                    let d = if there > 3 { Self::fold_four(&sums[column + 3]) } else { a };
                    let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                    let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                    let sums = _mm512_add_ps(_mm512_shuffle_ps::<0x44>(ab, cd), _mm512_shuffle_ps::<0xEE>(ab, cd));
                    let turned = _mm512_permutexvar_ps(turn, sums);
                    let to = to.add(column * stride);
                    _mm_storeu_ps(to, _mm_add_ps(_mm512_castps512_ps128(turned), bias));
                    if there > 1 {
                        _mm_storeu_ps(to.add(stride), _mm_add_ps(_mm512_extractf32x4_ps::<1>(turned), bias));
                    }
                    if there > 2 {
                        _mm_storeu_ps(to.add(2 * stride), _mm_add_ps(_mm512_extractf32x4_ps::<2>(turned), bias));
                    }
                    if there > 3 {
                        _mm_storeu_ps(to.add(3 * stride), _mm_add_ps(_mm512_extractf32x4_ps::<3>(turned), bias));
                    }
                    column += 4;
                }
            }
        }
    }

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    impl Avx2 {
        #[inline(always)]
        unsafe fn first(count: usize) -> __m256i {
            unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
        }
    }

    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const TILE: usize = 3;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::V {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
            unsafe { _mm256_maskload_ps(from, Self::first(count)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: Self::V) {
            unsafe { _mm256_storeu_ps(to, value) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, value: Self::V, count: usize) {
            unsafe { _mm256_maskstore_ps(to, Self::first(count), value) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_min_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn upper(a: Self::V) -> Self::V {
            unsafe { _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0xFFFF_0000_u32 as i32))) }
        }
        #[inline(always)]
        unsafe fn lower(a: Self::V) -> Self::V {
            unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(a))) }
        }
        #[inline(always)]
        unsafe fn round(a: Self::V) -> Self::V {
            unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn power_of_two(n: Self::V) -> Self::V {
            unsafe {
                let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
            }
        }
        #[inline(always)]
        unsafe fn sum(a: Self::V) -> f32 {
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<0x55>(two, two)))
            }
        }
        #[inline(always)]
        unsafe fn store_sums(sums: &[[Self::V; 4]], bias: [f32; 4], to: *mut f32, stride: usize) {
            unsafe {
                let bias = _mm_loadu_ps(bias.as_ptr());
                for (column, four) in sums.iter().enumerate() {
                    // No closure: it would not be compiled with the features of its caller.
                    let mut half = [_mm_setzero_ps(); 4];
                    for (half, v) in half.iter_mut().zip(four) {
                        *half = _mm_add_ps(_mm256_castps256_ps128(*v), _mm256_extractf128_ps::<1>(*v));
                    }
                    let ab = _mm_add_ps(_mm_unpacklo_ps(half[0], half[1]), _mm_unpackhi_ps(half[0], half[1]));
                    let cd = _mm_add_ps(_mm_unpacklo_ps(half[2], half[3]), _mm_unpackhi_ps(half[2], half[3]));
                    let sums = _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
                    _mm_storeu_ps(to.add(column * stride), _mm_add_ps(sums, bias));
                }
            }
        }
    }
}
