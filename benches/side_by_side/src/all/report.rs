//! How does what was measured look in a table?

use serde_json::Value;

use super::cases::{Better, Case, Shown};

/// Ours, each rival, and how many times better than each we are.
pub fn table(taken: &[(Case, Vec<Value>)]) -> String {
    let mut out = String::from(
        "| | lakebed | delta-rs | kernel | delta-rs : ours | kernel : ours |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for (case, lines) in taken {
        for shown in case.shown {
            let figures: Vec<Figure> = lines.iter().map(|line| figure(line, shown)).collect();
            let Some((ours, rivals)) = figures.split_first() else { continue };
            let cells = figures.iter().map(|figure| figure.cell(shown.unit));
            let ratios = rivals.iter().map(|rival| ratio(ours, rival, shown.better));
            let comma = if shown.what.is_empty() { "" } else { ", " };
            let title = format!("{}{comma}{}", case.title, shown.what);
            let row: Vec<String> = std::iter::once(title).chain(cells).chain(ratios).collect();
            out.push_str(&format!("| {} |\n", row.join(" | ")));
        }
    }
    out + &machine(taken)
}

/// What else the machine did meanwhile: a median that was taken beside other work is longer than its CPU time.
fn machine(taken: &[(Case, Vec<Value>)]) -> String {
    let loads: Vec<f64> = taken.iter().flat_map(|(_, lines)| lines).filter_map(|line| line["load"].as_f64()).collect();
    let least = loads.iter().copied().fold(f64::INFINITY, f64::min);
    let most = loads.iter().copied().fold(0.0, f64::max);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    if loads.is_empty() { String::new() } else { format!("\n{cores} cores; load {least:.1} to {most:.1}.\n") }
}

/// A figure, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Number(f64),
    Wrong,
    Refused,
    NotTaken,
}

impl Figure {
    fn cell(self, unit: &str) -> String {
        match self {
            Figure::Number(number) => format!("{} {unit}", short(number)).trim_end().to_owned(),
            Figure::Wrong => "wrong".to_owned(),
            Figure::Refused => "refused".to_owned(),
            Figure::NotTaken => "–".to_owned(),
        }
    }
}

fn figure(line: &Value, shown: &Shown) -> Figure {
    match (line.pointer(shown.at).and_then(Value::as_f64), line["error"].as_str()) {
        (Some(number), _) => Figure::Number(number),
        (None, Some(error)) if error.contains("WRONG") => Figure::Wrong,
        (None, _) if line.is_null() => Figure::NotTaken,
        (None, _) => Figure::Refused,
    }
}

fn ratio(ours: &Figure, rival: &Figure, better: Better) -> String {
    match (ours, rival) {
        (Figure::Number(ours), Figure::Number(rival)) if *ours > 0.0 && *rival > 0.0 => {
            let times = if better == Better::Less { rival / ours } else { ours / rival };
            format!("{}×", short(times))
        }
        _ => "–".to_owned(),
    }
}

/// Three digits; none behind the point of a count.
fn short(number: f64) -> String {
    match number {
        n if n.fract() == 0.0 => format!("{n}"),
        n if n >= 99.95 => format!("{n:.0}"),
        n if n >= 9.995 => format!("{n:.1}"),
        n if n >= 0.9995 => format!("{n:.2}"),
        n => format!("{n:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MS: Shown = Shown { what: "", at: "/time/median_ms", unit: "ms", better: Better::Less };

    #[test]
    fn a_row_has_every_engine_and_how_many_times_better_we_are() {
        let lines = vec![
            json!({"time": {"median_ms": 50.0}}),
            json!({"time": {"median_ms": 1234.5}}),
            json!({"error": "WRONG: found 1 instead of 2"}),
        ];
        const SHOWN: &[Shown] = &[MS];
        let case = Case { title: "open".into(), measure: "open", words: vec![], engines: &[], shown: SHOWN };
        let table = table(&[(case, lines)]);
        assert_eq!(table.lines().nth(2), Some("| open | 50 ms | 1234 ms | wrong | 24.7× | – |"));
    }

    #[test]
    fn where_more_is_better_the_ratio_is_turned() {
        assert_eq!(ratio(&Figure::Number(100.0), &Figure::Number(20.0), Better::More), "5×");
        assert_eq!(ratio(&Figure::Number(100.0), &Figure::Number(20.0), Better::Less), "0.200×");
        assert_eq!(ratio(&Figure::Refused, &Figure::Number(20.0), Better::Less), "–");
    }
}
