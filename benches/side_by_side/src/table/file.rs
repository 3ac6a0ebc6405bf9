//! What is known of the nth file?

/// Rows that each file stands for.
pub const ROWS_A_FILE: u64 = 10_000;
const REGIONS: [&str; 6] = ["ap-south-1", "ca-central-1", "eu-north-1", "sa-east-1", "us-east-2", "us-west-1"];
const MINUTE_MS: i64 = 60_000;

/// A bijection of 64 bits without any order (the finaliser of splitmix64).
fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The nth file of a table.
#[derive(Clone, Debug)]
pub struct File {
    number: u64,
    /// How many files' rows it holds: more than one after a compaction.
    span: u64,
    seed: u64,
    /// Whether its bounds are those of its rows: not once a vector hides some.
    pub tight: bool,
}

/// The least and greatest value of each column, or how many NULLs it has.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub id: i64,
    /// In ms.
    pub event_time: i64,
    pub device: String,
    /// In millionths.
    pub reading: i64,
    pub region: &'static str,
}

impl File {
    /// The nth.
    pub fn new(number: u64) -> File {
        File { number, span: 1, seed: scramble(number), tight: true }
    }

    /// One that holds the rows of `span` files from the nth on.
    pub fn spanning(number: u64, span: u64) -> File {
        File { number, span, seed: scramble(number ^ (span << 40)), tight: true }
    }

    /// As Spark would name it.
    pub fn path(&self) -> String {
        let other = scramble(self.seed);
        format!(
            "part-{:05}-{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}.c000.snappy.parquet",
            self.number % 100_000,
            self.seed >> 32,
            self.seed & 0xffff,
            (self.seed >> 16) & 0xfff,
            other & 0xfff,
            other >> 16,
        )
    }

    /// In bytes.
    pub fn size(&self) -> i64 {
        (240_000 + self.seed % 90_000) as i64 * self.span as i64
    }

    /// In ms.
    pub fn modification_time(&self) -> i64 {
        super::CREATED_MS + self.number as i64
    }

    /// `numRecords`.
    pub fn rows(&self) -> i64 {
        (ROWS_A_FILE * self.span) as i64
    }

    /// `minValues`.
    pub fn min(&self) -> Bounds {
        Bounds {
            id: (self.number * ROWS_A_FILE) as i64,
            event_time: super::CREATED_MS + self.number as i64 * MINUTE_MS,
            device: format!("sensor-{:012x}-lowest", self.seed & 0xffff_ffff),
            reading: -((self.seed >> 20) as i64 % 1_000_000_000),
            region: REGIONS[self.seed as usize % 3],
        }
    }

    /// `maxValues`.
    pub fn max(&self) -> Bounds {
        let end = self.number + self.span;
        Bounds {
            id: (end * ROWS_A_FILE) as i64 - 1,
            event_time: super::CREATED_MS + end as i64 * MINUTE_MS - 1,
            device: format!("sensor-{:012x}-highest", self.seed >> 16),
            reading: (self.seed >> 12) as i64 % 1_000_000_000,
            region: REGIONS[3 + self.seed as usize % 3],
        }
    }

    /// `nullCount` of `id`, `event_time`, `device`, `reading`, `region`.
    pub fn null_counts(&self) -> [i64; 5] {
        [0, 0, (self.seed % 89) as i64, (self.seed % 37) as i64, 0]
    }

    /// `stats`.
    pub fn stats(&self) -> String {
        let [id, event_time, device, reading, region] = self.null_counts();
        format!(
            r#"{{"numRecords":{},"minValues":{},"maxValues":{},"nullCount":{{"id":{id},"event_time":{event_time},"device":{device},"reading":{reading},"region":{region}}},"tightBounds":{}}}"#,
            self.rows(),
            self.min().json(),
            self.max().json(),
            self.tight,
        )
    }
}

impl Bounds {
    /// `reading` as a number.
    pub fn reading(&self) -> f64 {
        self.reading as f64 / 1e6
    }

    fn json(&self) -> String {
        format!(
            r#"{{"id":{},"event_time":"{}","device":"{}","reading":{:?},"region":"{}"}}"#,
            self.id,
            iso(self.event_time),
            self.device,
            self.reading(),
            self.region,
        )
    }
}

/// ISO 8601 in UTC, to the millisecond.
fn iso(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Days to a civil date, by eras of 400 years that begin in March.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z", rest / 1000 % 60, rest % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_json_of_about_430_bytes() {
        for number in [0, 1, 5_000, 999_999] {
            let stats = File::new(number).stats();
            let parsed: serde_json::Value = serde_json::from_str(&stats).unwrap();
            assert_eq!(parsed["minValues"]["id"], number * ROWS_A_FILE);
            assert_eq!(parsed["maxValues"]["id"], (number + 1) * ROWS_A_FILE - 1);
            assert!((400..=460).contains(&stats.len()), "{}", stats.len());
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(super::super::CREATED_MS), "2026-01-01T00:00:00.000Z");
        assert_eq!(iso(1_798_761_599_999), "2026-12-31T23:59:59.999Z");
    }

    #[test]
    fn paths_differ() {
        let paths: std::collections::HashSet<_> = (0..10_000).map(|n| File::new(n).path()).collect();
        assert_eq!(paths.len(), 10_000);
    }
}
