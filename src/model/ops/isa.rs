//! Which instruction set the kernels run on, found once.

use std::sync::OnceLock;

/// The instruction sets that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The widest one that this processor has. `CRIBBLE_ISA=avx2|portable` asks for a narrower one.
    pub fn detect() -> Self {
        static FOUND: OnceLock<Isa> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let asked = std::env::var("CRIBBLE_ISA").unwrap_or_default();
            Self::available().into_iter().find(|isa| asked.is_empty() || isa.name() == asked).unwrap_or(Self::Portable)
        })
    }

    /// All that this processor can run, widest first.
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512bw")
            {
                all.push(Self::Avx512);
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                all.push(Self::Avx2);
            }
        }
        all.push(Self::Portable);
        all
    }

    /// Whether it has dot products of bf16, so that those are worth rounding for.
    pub fn has_bf16(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::arch::is_x86_feature_detected!("avx512bf16"),
            _ => false,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

/// The name of the instruction set that the kernels run on here: `avx512`, `avx2` or `portable`.
pub fn instruction_set() -> &'static str {
    Isa::detect().name()
}

/// Defines `$name(isa, ...)` that runs the generic kernel `$kernel::<S>(...)` compiled for `isa`; with `bf16` before it, for one
/// that uses [`Simd::dot`](super::simd::Simd::dot).
macro_rules! dispatch {
    (bf16 $(#[$meta:meta])* $vis:vis unsafe fn $name:ident = $kernel:ident($($arg:ident: $ty:ty),* $(,)?)) => {
        $(#[$meta])*
        $vis unsafe fn $name(isa: $crate::model::ops::isa::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16")]
            unsafe fn dots($($arg: $ty),*) {
                // SAFETY: called only where the features were detected; the rest is the caller's promise.
                unsafe { $kernel::<$crate::model::ops::simd::Avx512<true>>($($arg),*) }
            }
            $crate::model::ops::isa::dispatch! {
                /// # Safety
                /// The caller's promise.
                unsafe fn without = $kernel($($arg: $ty),*)
            }
            // SAFETY: the features were detected; the rest is the caller's promise.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::model::ops::isa::Isa::Avx512 if isa.has_bf16() => dots($($arg),*),
                    _ => without(isa, $($arg),*),
                }
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident = $kernel:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?) => {
        $(#[$meta])*
        $vis unsafe fn $name(isa: $crate::model::ops::isa::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
            unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: called only where the feature was detected; the rest is the caller's promise.
                unsafe { $kernel::<$crate::model::ops::simd::Avx512<false>>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: called only where the features were detected; the rest is the caller's promise.
                unsafe { $kernel::<$crate::model::ops::simd::Avx2>($($arg),*) }
            }
            // SAFETY: `Isa` values other than `Portable` exist only where they were detected; the rest is the caller's.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::model::ops::isa::Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::model::ops::isa::Isa::Avx2 => avx2($($arg),*),
                    $crate::model::ops::isa::Isa::Portable => {
                        $kernel::<$crate::model::ops::simd::Portable>($($arg),*)
                    }
                }
            }
        }
    };
}
pub(crate) use dispatch;
