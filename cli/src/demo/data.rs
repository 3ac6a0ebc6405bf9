//! The demo's data, unpacked from the binary and cut into the files that a sender would deliver month by month.

use std::collections::BTreeMap;
use std::io::Read;

use lakebed_txlog::{Error, Result};

/// The files of one delivery: name and content.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// One of the data's files, packed. See `cli/demo/README.md` for their source and licence.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packed {
    Airlines,
    Airports,
    Flights,
    Planes,
    Weather,
}

impl Packed {
    /// The name without extensions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Packed::Airlines => "airlines",
            Packed::Airports => "airports",
            Packed::Flights => "flights",
            Packed::Planes => "planes",
            Packed::Weather => "weather",
        }
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Packed::Airlines => include_bytes!("../../demo/data/airlines.csv.xz"),
            Packed::Airports => include_bytes!("../../demo/data/airports.csv.xz"),
            Packed::Flights => include_bytes!("../../demo/data/flights.csv.xz"),
            Packed::Planes => include_bytes!("../../demo/data/planes.csv.xz"),
            Packed::Weather => include_bytes!("../../demo/data/weather.csv.xz"),
        }
    }

    /// The CSV.
    pub(super) fn unpack(self) -> Result<String> {
        let mut text = String::new();
        let read = liblzma::read::XzDecoder::new(self.bytes()).read_to_string(&mut text);
        read.map_err(|error| damaged(self, "it can't be unpacked").because(error))?;
        Ok(text)
    }

    /// The CSV, cut by month: `2013-01.csv` and so on, each with the header.
    pub(super) fn by_month(self) -> Result<Files> {
        let text = self.unpack()?;
        let (header, rows) = text.split_once('\n').ok_or_else(|| damaged(self, "it has no header"))?;
        let place = |wanted: &str| header.split(',').position(|name| name == wanted);
        let (year, month) = place("year").zip(place("month")).ok_or_else(|| damaged(self, "it has no month"))?;
        let mut files = Files::new();
        for row in rows.lines() {
            let field = |place: usize| row.split(',').nth(place).and_then(|field| field.parse::<u16>().ok());
            let (year, month) = field(year).zip(field(month)).ok_or_else(|| damaged(self, "a row has no month"))?;
            let file =
                files.entry(format!("{year}-{month:02}.csv")).or_insert_with(|| format!("{header}\n").into_bytes());
            file.extend_from_slice(row.as_bytes());
            file.push(b'\n');
        }
        Ok(files)
    }
}

/// A CSV without quotes as NDJSON: numbers as numbers, `NA` as null.
pub(super) fn as_ndjson(csv: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(csv).map_err(|error| damaged(Packed::Weather, "it isn't UTF-8").because(error))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let mut json = Vec::with_capacity(csv.len() * 3);
    for line in lines {
        let fields = names.iter().zip(line.split(',')).map(|(name, field)| {
            let value = match field {
                "NA" => "null".to_owned(),
                number if serde_json::from_str::<serde_json::Number>(number).is_ok() => number.to_owned(),
                text => serde_json::Value::from(text).to_string(),
            };
            format!("\"{name}\":{value}")
        });
        json.extend_from_slice(format!("{{{}}}\n", fields.collect::<Vec<_>>().join(",")).as_bytes());
    }
    Ok(json)
}

fn damaged(packed: Packed, what: &str) -> Error {
    Error::bug(format!("the binary's copy of {} is damaged: {what}", packed.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_file_of_its_month() {
        let files = Packed::Weather.by_month().unwrap();
        assert_eq!(files.len(), 12);
        let rows: usize = files.values().map(|file| file.iter().filter(|byte| **byte == b'\n').count() - 1).sum();
        assert_eq!(rows, 26_115); // The number of rows that the source states.
        let january = String::from_utf8(files["2013-01.csv"].clone()).unwrap();
        assert!(january.lines().skip(1).all(|row| row.split(',').nth(2) == Some("1")));
    }

    #[test]
    fn numbers_stay_numbers_in_json() {
        let json = as_ndjson(b"origin,temp,wind\nEWR,39.020,NA\n").unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), "{\"origin\":\"EWR\",\"temp\":39.020,\"wind\":null}\n");
    }
}
