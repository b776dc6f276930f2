//! Figures as people read them.

pub(crate) use naptime_core::figures::{count, counted};

/// Events a second, without the unit: `0.25`, `12.3`, `1,000`.
pub(crate) fn rate(rate: f64) -> String {
    match rate {
        _ if !rate.is_finite() => NONE.to_owned(),
        0.0..0.995 => short(rate, 2),
        0.995..99.95 => short(rate, 1),
        _ => count(rate.max(0.0).round() as usize),
    }
}

/// A measured time, given in milliseconds: `0.84 ms`, `5.2 ms`, `120 ms`, `1.2 s`, `3 min`.
pub(crate) fn millis(ms: f64) -> String {
    match ms {
        _ if !ms.is_finite() => NONE.to_owned(),
        ..0.995 => format!("{} ms", short(ms, 2)),
        0.995..9.95 => format!("{} ms", short(ms, 1)),
        9.95..999.5 => format!("{ms:.0} ms"),
        999.5..59_950.0 => format!("{} s", short(ms / 1e3, 1)),
        _ => format!("{} min", short(ms / 6e4, 1)),
    }
}

/// How many times as much: `0.98x`, `12.3x`, `150x`.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        _ if !ratio.is_finite() => NONE.to_owned(),
        ..9.995 => format!("{ratio:.2}x"),
        9.995..99.95 => format!("{ratio:.1}x"),
        _ => format!("{ratio:.0}x"),
    }
}

/// What stands where there is no figure.
pub(crate) const NONE: &str = "–";

/// With so many decimals, but for zeros at the end.
fn short(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let rates = [0.0, 0.25, 1.0, 12.34, 99.96, 1_000.4, f64::INFINITY];
        assert_eq!(rates.map(rate), ["0", "0.25", "1", "12.3", "100", "1,000", "–"]);
        let times_ms = [0.0, 0.843, 0.997, 5.23, 9.97, 120.4, 999.7, 15_234.0, 59_960.0, 180_000.0, f64::NAN];
        let expect = ["0 ms", "0.84 ms", "1 ms", "5.2 ms", "10 ms", "120 ms", "1 s", "15.2 s", "1 min", "3 min", "–"];
        assert_eq!(times_ms.map(millis), expect);
        assert_eq!([0.981, 1.0, 12.34, 149.7].map(times), ["0.98x", "1.00x", "12.3x", "150x"]);
    }
}
