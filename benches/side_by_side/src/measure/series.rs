//! How long does it take, over many repetitions?

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::clock;

/// How often something is measured: at least `least` times, and until `enough` is spent, but no more than `most`.
#[derive(Clone, Copy, Debug)]
pub struct Repetitions {
    /// Never fewer.
    pub least: usize,
    /// Never more.
    pub most: usize,
    /// What is quick is measured more often.
    pub enough: Duration,
}

impl Repetitions {
    /// At least `least`, more of what is quick.
    pub fn at_least(least: usize) -> Repetitions {
        Repetitions { least, most: least.max(200), enough: Duration::from_millis(300) }
    }

    /// Whether there is to be one more after these.
    pub fn more(self, series: &Series) -> bool {
        let done = series.wall.len();
        done < self.least || (done < self.most && series.wall.iter().sum::<Duration>() < self.enough)
    }
}

/// Wall and CPU time of each repetition.
#[derive(Clone, Debug, Default)]
pub struct Series {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

impl Series {
    /// Measures one repetition.
    pub async fn time<T>(&mut self, work: impl Future<Output = T>) -> T {
        let (began, cpu) = (Instant::now(), clock::process_cpu());
        let done = work.await;
        self.wall.push(began.elapsed());
        self.cpu.push(clock::process_cpu().saturating_sub(cpu));
        done
    }

    /// What was measured elsewhere: wall time alone, in milliseconds.
    pub fn of_millis(millis: impl IntoIterator<Item = f64>) -> Series {
        let wall = millis.into_iter().map(|ms| Duration::from_secs_f64(ms / 1e3)).collect();
        Series { wall, cpu: Vec::new() }
    }

    /// Wall time of each repetition, in milliseconds.
    pub fn millis(&self) -> Vec<f64> {
        self.wall.iter().map(|wall| wall.as_secs_f64() * 1e3).collect()
    }

    /// Takes in what another measured.
    pub fn extend(&mut self, other: Series) {
        self.wall.extend(other.wall);
        self.cpu.extend(other.cpu);
    }

    /// How many repetitions there are.
    pub fn len(&self) -> usize {
        self.wall.len()
    }

    /// CPU time of all repetitions.
    pub fn cpu(&self) -> Duration {
        self.cpu.iter().sum()
    }

    /// Medians and extremes in milliseconds, as a JSON object.
    pub fn json(&self) -> Value {
        let ms = |time: Duration| round(time.as_secs_f64() * 1e3);
        json!({
            "n": self.wall.len(),
            "median_ms": ms(median(&self.wall)),
            "min_ms": ms(self.wall.iter().min().copied().unwrap_or_default()),
            "p99_ms": ms(percentile(&self.wall, 99)),
            "max_ms": ms(self.wall.iter().max().copied().unwrap_or_default()),
            "cpu_ms": ms(median(&self.cpu)),
        })
    }
}

/// To microseconds, where the unit is the millisecond.
fn round(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// The middle one, the mean of both where there are two.
fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    match sorted.len() {
        0 => Duration::ZERO,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
    }
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let ms = |times: &[u64]| times.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(median(&ms(&[5, 1, 3])), Duration::from_millis(3));
        assert_eq!(median(&ms(&[5, 1, 3, 4])), Duration::from_micros(3500));
        assert_eq!(median(&[]), Duration::ZERO);
        assert_eq!(percentile(&ms(&[1, 2, 3]), 99), Duration::from_millis(3));
    }

    #[test]
    fn what_is_quick_is_repeated_until_it_is_enough() {
        let series = |times: usize, ms| Series { wall: vec![Duration::from_millis(ms); times], cpu: Vec::new() };
        let repetitions = Repetitions::at_least(5);
        assert!(repetitions.more(&series(4, 1000)));
        assert!(!repetitions.more(&series(5, 1000)));
        assert!(repetitions.more(&series(5, 1)));
        assert!(!repetitions.more(&series(200, 1)));
    }
}
