//! A schema as a person writes it: `id long not null, name string, tags array<string>, at struct<lat: double>`.

use lakebed_txlog::schema::{DataType, MAX_DECIMAL_PRECISION, PrimitiveType, StructField, StructType, decimal};
use lakebed_txlog::{Error, Result};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// Reads columns separated by commas: a name (in backquotes where it isn't a plain word), a type, and `not null` where
/// it holds. Types are those of the protocol and SQL's names of them; their case doesn't matter.
///
/// # Errors
/// What was expected where.
pub(crate) fn parse(text: &str) -> Result<StructType> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let fields = parser.fields(None).map_err(|expected| {
        let found = parser.rest().chars().take(20).collect::<String>();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("'{found}'") };
        Error::invalid(format!("columns: expected {expected} at character {}, found {found}", parser.at + 1))
            .hint("write columns as 'id long not null, name string, tags array<string>, price decimal(10,2)'")
    })?;
    let schema = StructType::new(fields);
    schema.check_unique_names()?;
    Ok(schema)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Parsed<T> = std::result::Result<T, String>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, symbol: char) -> bool {
        self.skip_space();
        let taken = self.rest().starts_with(symbol);
        if taken {
            self.at += symbol.len_utf8();
        }
        taken
    }

    fn expect(&mut self, symbol: char) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { Err(format!("'{symbol}'")) }
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.' || c == '-')).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.at;
        let found = self.word().eq_ignore_ascii_case(keyword);
        if !found {
            self.at = before;
        }
        found
    }

    /// Fields up to `close`, or to the end.
    fn fields(&mut self, close: Option<char>) -> Parsed<Vec<StructField>> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            self.skip_space();
            match close {
                Some(close) if self.take(close) => return Ok(fields),
                None if self.rest().is_empty() => return Ok(fields),
                _ if self.take(',') => {}
                Some(close) => return Err(format!("',' or '{close}'")),
                None => return Err("',' or the end".to_owned()),
            }
        }
    }

    fn field(&mut self) -> Parsed<StructField> {
        let name = self.name()?;
        // Inside of a struct, SQL writes a colon.
        self.take(':');
        let data_type = self.data_type()?;
        let not_null = self.not_null()?;
        let made = StructField::nullable(name, data_type);
        Ok(if not_null { StructField { nullable: false, ..made } } else { made })
    }

    fn not_null(&mut self) -> Parsed<bool> {
        if !self.keyword("not") {
            return Ok(false);
        }
        if self.keyword("null") { Ok(true) } else { Err("'null' after 'not'".to_owned()) }
    }

    fn name(&mut self) -> Parsed<String> {
        if self.take('`') {
            let rest = self.rest();
            let end = rest.find('`').ok_or("a closing backquote")?;
            self.at += end + 1;
            return Ok(rest.get(..end).unwrap_or_default().to_owned());
        }
        match self.word() {
            "" => Err("the name of a column".to_owned()),
            name => Ok(name.to_owned()),
        }
    }

    fn data_type(&mut self) -> Parsed<DataType> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("a type nested at most {MAX_DEPTH} deep"));
        }
        let before = self.at;
        let name = self.word().to_ascii_lowercase();
        let made = match name.as_str() {
            "array" | "list" => {
                self.expect('<')?;
                let element = self.data_type()?;
                self.expect('>')?;
                DataType::array(element)
            }
            "map" => {
                self.expect('<')?;
                let key = self.data_type()?;
                self.expect(',')?;
                let value = self.data_type()?;
                self.expect('>')?;
                DataType::map(key, value)
            }
            "struct" => {
                self.expect('<')?;
                DataType::Struct(StructType::new(self.fields(Some('>'))?))
            }
            "decimal" | "numeric" | "dec" => self.decimal()?,
            simple => match primitive(simple) {
                Some(primitive) => DataType::Primitive(primitive),
                None => {
                    self.at = before;
                    self.skip_space();
                    return Err("a type (string, long, double, decimal(p,s), boolean, date, timestamp, …)".to_owned());
                }
            },
        };
        self.depth -= 1;
        Ok(made)
    }

    fn decimal(&mut self) -> Parsed<DataType> {
        let (mut precision, mut scale) = (10, 0);
        if self.take('(') {
            precision = self.number()?;
            if self.take(',') {
                scale = self.number()?;
            }
            self.expect(')')?;
        }
        let made = decimal(precision, scale);
        made.map(DataType::Primitive)
            .ok_or_else(|| format!("at most {MAX_DECIMAL_PRECISION} digits, and no more of them after the point"))
    }

    fn number(&mut self) -> Parsed<u8> {
        self.word().parse().map_err(|_| "a number of digits".to_owned())
    }
}

fn primitive(name: &str) -> Option<PrimitiveType> {
    Some(match name {
        "bigint" | "int64" => PrimitiveType::Long,
        "int" | "int32" => PrimitiveType::Integer,
        "smallint" | "int16" => PrimitiveType::Short,
        "tinyint" | "int8" => PrimitiveType::Byte,
        "real" | "float32" => PrimitiveType::Float,
        "float64" => PrimitiveType::Double,
        "bool" => PrimitiveType::Boolean,
        "text" | "varchar" => PrimitiveType::String,
        "bytes" | "bytea" => PrimitiveType::Binary,
        "timestamptz" => PrimitiveType::Timestamp,
        "void" | "variant" => return None,
        other => PrimitiveType::from_name(other)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        DataType::Struct(parse(text).unwrap()).to_string()
    }

    #[test]
    fn every_kind_of_type() {
        assert_eq!(
            shown("id LONG not null, `a b` string, d decimal(10,2), x int, t timestamp_ntz"),
            "struct<id: long, a b: string, d: decimal(10,2), x: integer, t: timestamp_ntz>"
        );
        assert_eq!(
            shown("a array<map<string, struct<x: double, y bigint not null>>>"),
            "struct<a: array<map<string,struct<x: double, y: long>>>>"
        );
        assert!(!parse("id long NOT NULL").unwrap().fields()[0].nullable);
    }

    #[test]
    fn mistakes_say_what_was_expected_where() {
        for (text, expected) in [
            ("", "the name of a column at character 1, found the end"),
            ("id", "a type (string"),
            ("id blob", "a type (string"),
            ("id long name string", "',' or the end at character 9"),
            ("id long not", "'null' after 'not'"),
            ("a array<long", "'>'"),
            ("a decimal(50,2)", "at most 38 digits"),
            ("a long, A string", "A"),
        ] {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}: {told}");
        }
        assert!(parse(&"array<".repeat(100)).is_err());
    }
}
