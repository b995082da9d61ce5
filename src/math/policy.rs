//! What counts as the same answer where mathematics alone does not say. Every choice is a switch; the defaults are
//! those that benchmarks of competition problems use, and strict where graders disagree.

/// Switches of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `28\%` is 28 (and not 0.28). Off: the sign divides by 100.
    pub percent_is_unit: bool,
    /// A unit that only one side names says nothing. Two units that cannot both be right (km and m) always differ.
    pub units_optional: bool,
    /// `52_8` differs from `52`. Off: the digits alone are compared.
    pub base_required: bool,
    /// `x = 5` is 5, and `f(x) = 2x` is `2x`.
    pub names_optional: bool,
    /// Both sides are rounded to so many digits after the point before a decimal is compared. `None`: a decimal has to
    /// agree in all the digits it states, of which at least [`SIGNIFICANT`](Self::SIGNIFICANT) are wanted, or to
    /// within a relative 1e-6.
    pub rounding: Option<u32>,
    /// `f(x)` differs from `f(y)`. Off: answers that differ only in the name of their one variable are equal.
    pub variables_matter: bool,
    /// Words are compared without regard to case.
    pub text_any_case: bool,
}

impl Policy {
    /// Digits that a rounded decimal has to state before it stands for an exact value: 0.33 is not 1/3.
    pub const SIGNIFICANT: usize = 6;
    /// Relative difference allowed between a decimal and a value that no decimal can state.
    pub const RELATIVE: f64 = 1e-6;
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            percent_is_unit: true,
            units_optional: true,
            base_required: true,
            names_optional: true,
            rounding: None,
            variables_matter: true,
            text_any_case: true,
        }
    }
}
