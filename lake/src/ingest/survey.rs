//! The first pass: one schema that every value of every file fits, or what stands against it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use lakebed_txlog::schema::StructType;
use lakebed_txlog::{Error, Result};

use super::evidence::Evidence;
use super::format::Format;
use super::json::{JsonSurvey, known};
use super::kind::type_name;
use super::names;
use super::options::{Columns, Options};
use super::parquet::Declared;
use super::source::Source;
use super::{csv, json, parquet};

/// Most differences that one error lists.
const MAX_DIFFERENCES: usize = 50;

/// Told how many stored bytes were read, by whoever reads them, as they are read.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(u64) + Send + Sync>>);

/// What the files hold together, and how they are read.
#[derive(Clone, Debug)]
pub struct Survey {
    pub(super) schema: SchemaRef,
    pub(super) files: Vec<FileSurvey>,
    pub(super) options: Options,
}

/// What one file holds.
#[derive(Clone, Debug)]
pub struct FileSurvey {
    pub(super) source: Source,
    pub(super) format: Format,
    pub(super) rows: u64,
    pub(super) renamed: Vec<Renamed>,
    pub(super) columns: Columned,
}

/// The settled names of a file's columns, found by position or by the name in the file.
#[derive(Clone, Debug)]
pub(super) enum Columned {
    Csv(Vec<String>),
    Json(Vec<(String, String)>),
    Parquet(Vec<String>),
}

/// A column that a table can't hold under the name that a file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The name in the file.
    pub from: String,
    /// The name in the table.
    pub to: String,
}

impl Progress {
    /// Tells `told`.
    #[must_use]
    pub fn new(told: impl Fn(u64) + Send + Sync + 'static) -> Progress {
        Progress(Some(Arc::new(told)))
    }

    /// Tells nobody.
    #[must_use]
    pub fn none() -> Progress {
        Progress(None)
    }

    pub(super) fn read_bytes(&self, bytes: u64) {
        if let Some(told) = &self.0 {
            told(bytes);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}

impl Survey {
    /// The schema of every batch: declared columns first, in their order, then the others as they first appear.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The files, in the order in which they are read.
    #[must_use]
    pub fn files(&self) -> &[FileSurvey] {
        &self.files
    }

    /// Rows of all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

impl FileSurvey {
    /// The file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Columns that have another name in the table.
    #[must_use]
    pub fn renamed(&self) -> &[Renamed] {
        &self.renamed
    }
}

/// Reads all of `sources` once, on a thread that may block, and settles their schema. Memory is bounded by the longest
/// record and by the schema, not by the files.
///
/// # Errors
/// `Corrupt`, with file, line and reason, for a malformed file; `InvalidRequest`, with every difference, for files that
/// don't fit the declared columns or one another; what reading fails at.
pub async fn survey(sources: Vec<Source>, options: Options, progress: &Progress) -> Result<Survey> {
    let progress = progress.clone();
    let named = sources.first().map(|source| source.name.clone()).unwrap_or_default();
    let surveyed = tokio::task::spawn_blocking(move || survey_all(&sources, options, &progress)).await;
    surveyed.unwrap_or_else(|panic| Err(panicked(&named, panic)))
}

/// The error of a decoder that panicked.
pub(super) fn panicked(what: &str, panic: tokio::task::JoinError) -> Error {
    Error::corrupt("decoding failed in a way that only damaged data should cause")
        .path(what)
        .hint("check the files; if they are good, please report this")
        .because(panic)
}

fn survey_all(sources: &[Source], options: Options, progress: &Progress) -> Result<Survey> {
    let mut union = Union::default();
    let mut files = Vec::with_capacity(sources.len());
    for source in sources {
        let format = options.format.or_else(|| Format::of_name(&source.name).map(|(format, _)| format));
        let format = format.ok_or_else(|| {
            Error::invalid("the extension of this file isn't one of a format")
                .path(&source.name)
                .hint("say what it is with --format csv, ndjson or parquet")
        })?;
        files.push(union.take(source, format, &options, progress)?);
    }
    union.compare(&files, &options);
    union.check(&options)?;
    let fields = union.fields(&options)?;
    // The type system of tables has the last word: what it can't hold is refused here, before anything is written.
    let schema = StructType::from_arrow(&Schema::new(fields))?.to_arrow()?;
    Ok(Survey { schema: Arc::new(schema), files, options })
}

/// The declared column that a file's `name` means.
pub(super) fn declared_field(options: &Options, name: &str) -> Option<FieldRef> {
    let fields = options.declared.as_ref()?.fields();
    let same = |field: &&FieldRef| field.name() == name;
    let folded = |field: &&FieldRef| field.name().to_lowercase() == name.to_lowercase();
    fields.iter().find(same).or_else(|| fields.iter().find(folded)).cloned()
}

/// What the files seen so far hold together.
#[derive(Default)]
struct Union {
    /// By lower-case name.
    places: HashMap<String, usize>,
    columns: Vec<(String, Evidence)>,
    differences: Vec<String>,
    /// How many of them are values that a declared type can't hold.
    misfits: usize,
}

impl Union {
    fn take(&mut self, source: &Source, format: Format, options: &Options, progress: &Progress) -> Result<FileSurvey> {
        let (columns, rows, renamed, misfits) = match format {
            Format::Csv => {
                let found = csv::survey(source, options, progress)?;
                let mut names = Vec::with_capacity(found.columns.len());
                for (name, kinds, declared) in found.columns {
                    let evidence = declared.map_or(Evidence::Texts(kinds), Evidence::Declared);
                    names.push(self.see(source, name, evidence)?);
                }
                (Columned::Csv(names), found.rows, found.renamed, found.misfits)
            }
            Format::Ndjson => {
                let mut found = json::survey(source, options, progress)?;
                let (rows, misfits) = (found.rows, std::mem::take(&mut found.misfits));
                let (columns, renamed) = self.take_json(source, found)?;
                (columns, rows, renamed, misfits)
            }
            Format::Parquet => {
                let found = parquet::survey(source, options, progress)?;
                let mut names = Vec::with_capacity(found.columns.len());
                for (field, declared) in found.columns {
                    let evidence = match declared {
                        Declared::Yes => Evidence::Declared(Arc::clone(&field)),
                        Declared::No => Evidence::Type(field.data_type().clone()),
                    };
                    names.push(self.see(source, field.name().clone(), evidence)?);
                }
                (Columned::Parquet(names), found.rows, found.renamed, found.misfits)
            }
        };
        let name = &source.name;
        self.misfits += misfits.len();
        self.differences.extend(misfits.into_iter().map(|misfit| format!("{name}, {misfit}")));
        Ok(FileSurvey { source: source.clone(), format, rows, renamed, columns })
    }

    fn take_json(&mut self, source: &Source, found: JsonSurvey) -> Result<(Columned, Vec<Renamed>)> {
        let mut columns: Vec<(String, String)> = Vec::new();
        for (from, field) in found.declared {
            // Lines may spell one declared column in several cases; it is one column.
            if !columns.iter().any(|(_, to)| to == field.name()) {
                columns.push((from, self.see(source, field.name().clone(), Evidence::Declared(field))?));
            }
        }
        let declared: Vec<String> = columns.iter().map(|(_, to)| to.clone()).collect();
        let others = found.shape.members.iter().map(|member| member.name.as_str());
        let (settled, renamed) = names::settle(declared.iter().map(String::as_str).chain(others));
        for (member, name) in found.shape.members.into_iter().zip(settled.into_iter().skip(declared.len())) {
            columns.push((member.name, self.see(source, name, Evidence::Json(member.shape))?));
        }
        Ok((Columned::Json(columns), renamed))
    }

    /// Takes what `source` says about a column; the column's name, as its first file spells it.
    fn see(&mut self, source: &Source, name: String, evidence: Evidence) -> Result<String> {
        let next = self.columns.len();
        let place = *self.places.entry(name.to_lowercase()).or_insert(next);
        let Some((name, before)) = self.columns.get_mut(place) else {
            self.columns.push((name.clone(), evidence));
            return Ok(name);
        };
        *before = std::mem::take(before).and(evidence).map_err(|why| {
            Error::invalid(format!("column {name}: this file doesn't go with the ones before it: {why}"))
                .path(&source.name)
                .hint("ingest the files apart, or bring the column to one type in all of them")
        })?;
        Ok(name.clone())
    }

    /// Where files lack columns, or have ones that they should not have.
    fn compare(&mut self, files: &[FileSurvey], options: &Options) {
        let declared = options.declared.as_ref().map(|schema| schema.fields());
        for file in files.iter().filter(|file| file.rows > 0 || !file.columns.is_empty()) {
            let name = &file.source.name;
            if let Some(fields) = declared {
                for field in fields.iter().filter(|field| !field.is_nullable() && !file.columns.has(field.name())) {
                    self.differences.push(format!("{name}: column {} is missing and may not be null", field.name()));
                }
            }
            if options.columns == Columns::Union {
                continue;
            }
            match declared {
                Some(fields) => {
                    for (column, evidence) in &self.columns {
                        if file.columns.has(column) && !fields.iter().any(|field| field.name() == column) {
                            let kind = evidence.data_type().map_or_else(|why| why, |kind| type_name(&known(kind)));
                            self.differences.push(format!("{name}: column {column} ({kind}) isn't in the table"));
                        }
                    }
                }
                None => self.compare_with_first(file, files),
            }
        }
    }

    fn compare_with_first(&mut self, file: &FileSurvey, files: &[FileSurvey]) {
        let states_columns = |file: &&FileSurvey| file.format != Format::Ndjson && !file.columns.is_empty();
        let Some(first) = files.iter().find(states_columns).filter(|_| states_columns(&file)) else { return };
        let (name, first_name) = (&file.source.name, &first.source.name);
        for (column, _) in &self.columns {
            match (file.columns.has(column), first.columns.has(column)) {
                (true, false) => self.differences.push(format!("{name}: column {column} isn't in {first_name}")),
                (false, true) => self.differences.push(format!("{name}: column {column} of {first_name} is missing")),
                _ => {}
            }
        }
    }

    fn check(&self, options: &Options) -> Result<()> {
        if self.differences.is_empty() {
            return Ok(());
        }
        let count = self.differences.len();
        let mut listed =
            self.differences.iter().take(MAX_DIFFERENCES).fold(String::new(), |listed, one| listed + "\n  - " + one);
        if count > MAX_DIFFERENCES {
            listed += &format!("\n  - and {} more", count - MAX_DIFFERENCES);
        }
        let what =
            if options.declared.is_some() { "the files don't fit the table" } else { "the files don't go together" };
        let noun = if count == 1 { "difference" } else { "differences" };
        let mut hint = "correct the files".to_owned();
        if self.misfits > 0 {
            hint += ", or name their spelling of null (--null)";
        }
        if options.columns == Columns::Same && count > self.misfits {
            hint += "; columns that only some have are allowed with --merge-schema";
        }
        Err(Error::invalid(format!("{what}, {count} {noun}:{listed}")).hint(hint))
    }

    fn fields(self, options: &Options) -> Result<Vec<FieldRef>> {
        let declared = options.declared.iter().flat_map(|schema| schema.fields().iter().cloned());
        let mut fields: Vec<FieldRef> = declared.collect();
        for (name, evidence) in self.columns {
            if matches!(evidence, Evidence::Declared(_)) {
                continue;
            }
            let data_type = evidence.data_type().map_err(|why| {
                Error::unsupported(format!("column {name}: {why}")).hint("leave the column out of the files")
            })?;
            fields.push(Arc::new(Field::new(name, known(data_type), true)));
        }
        if fields.is_empty() {
            return Err(Error::invalid("the files hold no column").hint("a CSV file begins with a header line"));
        }
        Ok(fields)
    }
}

impl Columned {
    fn has(&self, name: &str) -> bool {
        match self {
            Columned::Csv(names) | Columned::Parquet(names) => names.iter().any(|column| column == name),
            Columned::Json(names) => names.iter().any(|(_, column)| column == name),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Columned::Csv(names) | Columned::Parquet(names) => names.is_empty(),
            Columned::Json(names) => names.is_empty(),
        }
    }
}
