//! Whole files through both passes, as a caller meets them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use lakebed_txlog::{ErrorKind, Result};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use super::*;

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Folder {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn read(&self, options: Options) -> Result<Read> {
        read(Source::find(self.0.path(), options.format)?.sources, options).await
    }
}

struct Read {
    schema: Vec<String>,
    rows: Vec<String>,
}

async fn read(sources: Vec<Source>, options: Options) -> Result<Read> {
    let survey = survey(sources, options, &Progress::none()).await?;
    let schema = survey.schema();
    let batches: Vec<RecordBatch> = survey.read(&Progress::none()).try_collect().await?;
    let all = concat_batches(&schema, &batches).unwrap();
    assert_eq!(survey.rows(), all.num_rows() as u64);
    let shown = FormatOptions::new().with_null("∅");
    let columns: Vec<_> = all.columns().iter().map(|array| ArrayFormatter::try_new(array, &shown).unwrap()).collect();
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    Ok(Read {
        schema: schema.fields().iter().map(|f| format!("{} {}", f.name(), kind::type_name(f.data_type()))).collect(),
        rows: (0..all.num_rows()).map(row).collect(),
    })
}

fn declared(fields: Vec<Field>) -> Options {
    Options { declared: Some(Arc::new(Schema::new(fields)) as SchemaRef), ..Options::default() }
}

async fn refused(name: &str, content: impl AsRef<[u8]>, options: Options) -> (ErrorKind, String) {
    let error = Folder::new().with(name, content).read(options).await.err().unwrap();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn csv_gets_the_types_that_all_of_it_fits() {
    let mut content = String::from("n,f,d,t,zip,s,b,nothing\n");
    for _ in 0..20_000 {
        content.push_str("1,1,2013-01-01,2013-01-01T10:00:00Z,02134,x,true,\n");
    }
    content.push_str(",2.5,2013-01-02,2013-01-01T12:00:00+02:00,10001,\"\",FALSE,\r\n");
    let read = Folder::new().with("a.csv", content).read(Options::default()).await.unwrap();
    assert_eq!(
        read.schema,
        ["n long", "f double", "d date", "t timestamp", "zip string", "s string", "b boolean", "nothing string"]
    );
    assert_eq!(read.rows.len(), 20_001);
    assert_eq!(read.rows[20_000], "∅|2.5|2013-01-02|2013-01-01T10:00:00Z|10001||false|∅");
}

#[tokio::test]
async fn csv_options_are_kept() {
    let csv =
        CsvOptions { header: Header::Absent, delimiter: Some(b';'), nulls: vec!["NA".into()], ..CsvOptions::default() };
    let folder = Folder::new().with("a.csv", "1;NA\nNA;\"NA\"\n");
    let read = folder.read(Options { csv, ..Options::default() }).await.unwrap();
    assert_eq!(read.schema, ["column_1 long", "column_2 string"]);
    assert_eq!(read.rows, ["1|∅", "∅|NA"]);
    let tabs = Folder::new().with("a.tsv", "a\tb\n1\t2\n").read(Options::default()).await.unwrap();
    assert_eq!(tabs.rows, ["1|2"]);
}

#[tokio::test]
async fn bad_csv_names_file_line_and_reason() {
    for (content, reason) in [
        ("a,b\n1,2\n3\n", "a.csv, line 3: 1 field where there are 2 columns"),
        ("a,b\n1,2\n\n3,4,5\n", "a.csv, line 4: 3 fields where there are 2 columns"),
        ("a,b\n\"x\ny\",1\n\"z,1\n", "a.csv, line 4: a quoted field that begins here never ends"),
        ("a,b\n1,\"x\"y\n", "a.csv, line 2: text follows the closing quote"),
    ] {
        let (kind, told) = refused("a.csv", content, Options::default()).await;
        assert_eq!(kind, ErrorKind::Corrupt);
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn every_difference_from_declared_columns_is_listed() {
    let options = || declared(vec![Field::new("a", DataType::Int64, true), Field::new("id", DataType::Int64, false)]);
    let (kind, told) = refused("a.csv", "A,more\n1,x\nten,y\neleven,z\n", options()).await;
    assert_eq!(kind, ErrorKind::InvalidRequest);
    assert!(told.contains("3 differences"), "{told}");
    assert!(told.contains("line 3, column a: 'ten' isn't a value of the type long"), "{told}");
    assert!(told.contains("column more (string) isn't in the table"), "{told}");
    assert!(told.contains("column id is missing and may not be null"), "{told}");
    let (_, told) = refused("a.json", "{\"id\":1,\"a\":true,\"b\":{\"c\":1}}\n", options()).await;
    assert!(told.contains("line 1, column a: 'true' isn't a value of the type long"), "{told}");
    assert!(told.contains("column b (struct<c: long>) isn't in the table"), "{told}");
}

#[tokio::test]
async fn declared_columns_come_first_and_gaps_are_null() {
    let options = declared(vec![Field::new("x", DataType::Utf8, true), Field::new("a", DataType::Float64, true)]);
    let folder = Folder::new().with("a.csv", "new,A\n1,2\n");
    let read = folder.read(Options { columns: Columns::Union, ..options }).await.unwrap();
    assert_eq!(read.schema, ["x string", "a double", "new long"]);
    assert_eq!(read.rows, ["∅|2.0|1"]);
}

#[tokio::test]
async fn files_with_other_columns_are_refused_or_united() {
    let folder = || Folder::new().with("a.csv", "x,y\n1,2\n").with("b.csv", "x,z\n1.5,t\n");
    let error = folder().read(Options::default()).await.err().unwrap().to_string();
    assert!(error.contains("b.csv: column y of") && error.contains("b.csv: column z isn't in"), "{error}");
    let read = folder().read(Options { columns: Columns::Union, ..Options::default() }).await.unwrap();
    assert_eq!(read.schema, ["x double", "y long", "z string"]);
    assert_eq!(read.rows, ["1.0|2|∅", "1.5|∅|t"]);
}

#[tokio::test]
async fn ndjson_unites_lines_and_keeps_nesting() {
    let content = "{\"a\":1,\"b\":{\"c\":[1,2]}}\n\n{\"b\":{\"d\":\"x\"},\"dep time\":true}\n{\"a\":2.5}";
    let read = Folder::new().with("a.ndjson", content).read(Options::default()).await.unwrap();
    assert_eq!(read.schema, ["a double", "b struct<c: array<long>, d: string>", "dep_time boolean"]);
    assert_eq!(read.rows, ["1.0|{c: [1, 2], d: ∅}|∅", "∅|{c: ∅, d: x}|true", "2.5|∅|∅"]);
}

#[tokio::test]
async fn bad_ndjson_names_file_line_and_reason() {
    for (content, reason) in [
        ("{\"a\":1}\n{\"a\":}\n", "a.json, line 2: not valid JSON at character"),
        ("{\"a\":1}\n\n[1]\n", "a.json, line 3: the line is a JSON array"),
        ("{\"a\":1}\n{\"a\":\"x\"}\n", "a.json, line 2: column a: '\"x\"' where earlier values are numbers"),
        ("{\"a\":1}\n{\"a\":1,\"b\":\"tru", "a.json, line 2: the file ends inside this JSON object"),
        ("{\n \"a\": 1\n}\n", "a.json, line 1: the JSON object doesn't end on its line"),
        ("{\"a\":1,\"a\":2}\n", "a.json, line 1: column a: the name 'a' stands twice"),
    ] {
        let (kind, told) = refused("a.json", content, Options::default()).await;
        assert_eq!(kind, ErrorKind::Corrupt);
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn compressed_text_is_read_and_truncated_text_refused() {
    let content = "a,b\n".to_owned() + &"1,2\n".repeat(1000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::stream::encode_all(content.as_bytes(), 1).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(content.as_bytes()).unwrap();
    let xz = xz.finish().unwrap();
    for (name, bytes) in [("a.csv.gz", gzip), ("a.csv.zst", zstd), ("a.csv.xz", xz)] {
        let read = Folder::new().with(name, &bytes).read(Options::default()).await.unwrap();
        assert_eq!(read.rows.len(), 1000, "{name}");
        let (kind, told) = refused(name, &bytes[..bytes.len() - 9], Options::default()).await;
        assert_eq!(kind, ErrorKind::Corrupt, "{name}: {told}");
        assert!(told.contains("truncated") || told.contains("damaged"), "{name}: {told}");
    }
    let (_, told) = refused("a.csv", [0x1f, 0x8b, 8, 0], Options::default()).await;
    assert!(told.contains("gzip data without the extension"), "{told}");
}

fn parquet_of(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn batch() -> RecordBatch {
    let columns: [(&str, arrow::array::ArrayRef); 2] = [
        ("u", Arc::new(UInt32Array::from(vec![Some(1), None, Some(u32::MAX)]))),
        ("S", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[tokio::test]
async fn parquet_becomes_what_a_table_holds() {
    let folder = Folder::new().with("a.parquet", parquet_of(&batch()));
    let read = folder.read(Options::default()).await.unwrap();
    assert_eq!(read.schema, ["u long", "S string"]);
    assert_eq!(read.rows, ["1|a", "∅|b", "4294967295|c"]);
    let to_table = declared(vec![Field::new("s", DataType::Utf8, true), Field::new("u", DataType::Int32, true)]);
    let error = folder.read(to_table).await.err().unwrap().to_string();
    assert!(error.contains("column u: the file has long, the table integer"), "{error}");
}

#[tokio::test]
async fn damaged_parquet_is_refused_by_name() {
    let bytes = parquet_of(&batch());
    for cut in [0, 3, 8, bytes.len() / 2, bytes.len() - 1] {
        let (kind, told) = refused("a.parquet", &bytes[..cut], Options::default()).await;
        assert_eq!(kind, ErrorKind::Corrupt, "{told}");
        assert!(told.contains("damaged or truncated") && told.contains("a.parquet"), "{told}");
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x5a;
        // Whatever it is: rows or an error, never a panic that gets out.
        let _ = Folder::new().with("a.parquet", damaged).read(Options::default()).await;
    }
}

#[tokio::test]
async fn objects_are_read_like_files() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let put = |path: &'static str, bytes: Vec<u8>| {
        let store = Arc::clone(&store);
        async move { store.put(&path.into(), bytes.into()).await.unwrap() }
    };
    put("in/b.parquet", parquet_of(&batch())).await;
    put("in/a.csv", b"u,S\n7,z\n".to_vec()).await;
    put("in/_tmp/x.csv", b"broken,\"".to_vec()).await;
    put("table/_delta_log/0.json", Vec::new()).await;
    let find = |path: &str| {
        let (store, path) = (Arc::clone(&store), object_store::path::Path::from(path));
        async move { Source::find_objects(store, &path, "memory:///", None).await }
    };
    let found = find("in").await.unwrap();
    let read = read(found.sources, Options::default()).await.unwrap();
    assert_eq!(read.rows, ["7|z", "1|a", "∅|b", "4294967295|c"]);
    assert_eq!(find("in/a.csv").await.unwrap().sources[0].name(), "memory:///in/a.csv");
    assert_eq!(find("nowhere").await.err().unwrap().kind(), ErrorKind::NotFound);
    assert!(find("table").await.err().unwrap().to_string().contains("Delta table"));
}

#[test]
fn folders_are_walked_in_order() {
    let folder = Folder::new()
        .with("2013/02.csv", "")
        .with("2013/01.csv.gz", "")
        .with(".hidden.csv", "")
        .with("_staging/x.csv", "")
        .with("README.md", "");
    let found = Source::find(folder.0.path(), None).unwrap();
    let names: Vec<_> = found.sources.iter().map(|source| Path::new(source.name()).file_name().unwrap()).collect();
    assert_eq!(names, ["01.csv.gz", "02.csv"]);
    assert_eq!(found.ignored.len(), 1);
    assert_eq!(Source::find(&folder.path("nowhere"), None).unwrap_err().kind(), ErrorKind::NotFound);
    let table = Folder::new().with("t/_delta_log/0.json", "").with("t/a.parquet", "");
    assert_eq!(Source::find(&table.path("t"), None).unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn dropping_the_stream_stops_the_reading() {
    let folder = Folder::new().with("a.csv", "a\n".to_owned() + &"1\n".repeat(500_000));
    let sources = Source::find(folder.0.path(), None).unwrap().sources;
    let found = survey(sources, Options::default(), &Progress::none()).await.unwrap();
    let mut stream = found.read(&Progress::none());
    let first = stream.try_next().await.unwrap().unwrap();
    assert_eq!(first.column(0).as_ref(), &Int64Array::from(vec![1; 8192]));
    drop(stream);
}
