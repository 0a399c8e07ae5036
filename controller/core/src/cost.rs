//! What a machine costs.

use jiff::{SignedDuration, Timestamp};

use crate::units::Dollars;

/// What a machine costs that ran from `launched_at` to `ended_at`: per second, at least `minimum`.
#[must_use]
pub fn billed(
    per_hour: Dollars,
    minimum: SignedDuration,
    launched_at: Timestamp,
    ended_at: Timestamp,
) -> Dollars {
    Dollars::per_hour_over(per_hour, ended_at.duration_since(launched_at).max(minimum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_life_is_billed_for_the_minimum() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let price = Dollars("3.60".parse().unwrap());
        let minimum = SignedDuration::from_secs(60);
        let cases = [(10, "0.06"), (60, "0.06"), (600, "0.60")];
        for (seconds, dollars) in cases {
            let cost = billed(price, minimum, at(0), at(seconds));
            assert_eq!(cost.0, dollars.parse().unwrap(), "{seconds} s");
        }
    }
}
