//! Where the sun stands over the district: dusk and dawn switch the lights, and the hour warms the air.
//!
//! NOAA's low-precision solar position (good to about a minute of time between 1950 and 2050 at this latitude; refraction
//! and the disc's radius are inside the −0.833° of sunrise). Times are Unix milliseconds; the civil day is UTC+8.

/// China Standard Time ahead of UTC, milliseconds.
pub const CST_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
const LON_DEG: f64 = 121.39;
const LAT_DEG: f64 = 31.21;

/// Altitude of the sun's centre at sunrise and sunset, degrees: refraction 34′ and half the disc 16′.
pub const SUNSET_DEG: f64 = -0.833;

/// Milliseconds since midnight, China Standard Time.
pub fn time_of_day_ms(at_ms: i64) -> i64 {
    (at_ms + CST_MS).rem_euclid(DAY_MS)
}

/// Hours since midnight, China Standard Time, with fractions.
pub fn hour_of_day(at_ms: i64) -> f64 {
    time_of_day_ms(at_ms) as f64 / 3_600_000.0
}

/// Declination in radians and equation of time in minutes.
fn sun(at_ms: i64) -> (f64, f64) {
    // Julian centuries since 2000-01-01 12:00 UTC.
    let t = (at_ms as f64 / DAY_MS as f64 - 10_957.5) / 36_525.0;
    let mean_long = (280.46646 + 36000.76983 * t).rem_euclid(360.0);
    let anomaly = (357.52911 + 35999.05029 * t).to_radians();
    let eccentricity = 0.016708634 - 0.000042037 * t;
    let centre =
        anomaly.sin() * (1.914602 - 0.004817 * t) + (2.0 * anomaly).sin() * 0.019993 + (3.0 * anomaly).sin() * 0.000289;
    let apparent = (mean_long + centre - 0.00569 - 0.00478 * (125.04 - 1934.136 * t).to_radians().sin()).to_radians();
    let tilt = (23.439291 - 0.013004 * t + 0.00256 * (125.04 - 1934.136 * t).to_radians().cos()).to_radians();
    let declination = (tilt.sin() * apparent.sin()).asin();
    let y = (tilt / 2.0).tan().powi(2);
    let long = mean_long.to_radians();
    let equation = 4.0
        * (y * (2.0 * long).sin() - 2.0 * eccentricity * anomaly.sin()
            + 4.0 * eccentricity * y * anomaly.sin() * (2.0 * long).cos()
            - 0.5 * y * y * (4.0 * long).sin()
            - 1.25 * eccentricity * eccentricity * (2.0 * anomaly).sin())
        .to_degrees();
    (declination, equation)
}

/// Altitude of the sun's centre over the horizon, degrees, without refraction.
pub fn altitude_deg(at_ms: i64) -> f64 {
    let (declination, equation) = sun(at_ms);
    let minutes = at_ms.rem_euclid(DAY_MS) as f64 / 60_000.0;
    let hour_angle = ((minutes + equation + 4.0 * LON_DEG) / 4.0 - 180.0).to_radians();
    let lat = LAT_DEG.to_radians();
    (lat.sin() * declination.sin() + lat.cos() * declination.cos() * hour_angle.cos()).asin().to_degrees()
}

/// When the sun rises through and sinks through an altitude on the civil day that holds `at_ms`.
/// Unix milliseconds. At this latitude both happen every day for altitudes between −30° and 30°.
pub fn passes(at_ms: i64, altitude: f64) -> (i64, i64) {
    let midnight = at_ms - time_of_day_ms(at_ms);
    let lat = LAT_DEG.to_radians();
    let solve = |sign: f64| {
        let mut guess = midnight + DAY_MS / 2;
        for _ in 0..4 {
            let (declination, equation) = sun(guess);
            let cosine =
                (altitude.to_radians().sin() - lat.sin() * declination.sin()) / (lat.cos() * declination.cos());
            let half = cosine.clamp(-1.0, 1.0).acos().to_degrees();
            let utc_minutes = 720.0 - 4.0 * LON_DEG - equation + sign * 4.0 * half;
            guess = midnight + CST_MS + (utc_minutes * 60_000.0) as i64;
        }
        guess
    };
    (solve(-1.0), solve(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 00:00 China Standard Time.
    const NEW_YEAR_2026: i64 = 1_767_225_600_000 - CST_MS;

    fn minutes(at: i64) -> i64 {
        time_of_day_ms(at) / 60_000
    }

    #[test]
    fn sunrise_and_sunset_at_known_dates() {
        // Published for Shanghai: 21 June 04:51 / 19:01, 21 December 06:49 / 16:55, 20 March 06:01 / 18:07.
        for (day, rise, set) in [(171, (4, 51), (19, 1)), (354, (6, 49), (16, 55)), (78, (6, 1), (18, 7))] {
            let noon = NEW_YEAR_2026 + day * DAY_MS + DAY_MS / 2;
            let (up, down) = passes(noon, SUNSET_DEG);
            assert!((minutes(up) - (rise.0 * 60 + rise.1)).abs() <= 3, "day {day}: rises at {}", minutes(up));
            assert!((minutes(down) - (set.0 * 60 + set.1)).abs() <= 3, "day {day}: sets at {}", minutes(down));
        }
    }

    #[test]
    fn altitude_agrees_with_the_passes() {
        for day in [0, 90, 180, 327] {
            let noon = NEW_YEAR_2026 + day * DAY_MS + DAY_MS / 2;
            let (up, down) = passes(noon, -2.0);
            assert!((altitude_deg(up) + 2.0).abs() < 0.1 && (altitude_deg(down) + 2.0).abs() < 0.1);
            assert!(altitude_deg(noon) > 30.0 && altitude_deg(noon + DAY_MS / 2) < -25.0);
        }
    }
}
