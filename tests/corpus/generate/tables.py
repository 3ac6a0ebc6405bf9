"""The tables: what each shows, and the statements of Spark's SQL that make it, `{t}` being the table.

Each statement is a commit.  Tables are small on purpose: the corpus has to fit into 5 MB.
"""
from dataclasses import dataclass, field


@dataclass
class Table:
    notes: str
    statements: list
    # conditions to be asked of the newest version
    conditions: list = field(default_factory=list)
    # settings of the session while the table is made
    settings: dict = field(default_factory=dict)
    # the times of commits are part of the case; those of the first commits are set, an hour apart
    times: bool = False
    # Spark's version checksums, a third of a table's bytes, stay in it once they were compared
    checksums: bool = False


TABLES = {
    "part_odd_names": Table(
        notes="partition values and column names with every character that paths, URLs and SQL treat in a way of their own",
        statements=[
            "CREATE TABLE {t} (id INT, `größe` DOUBLE, `a-b` STRING, `select` STRING, `p&q` STRING, `日` DATE) USING delta "
            "PARTITIONED BY (`p&q`, `日`)",
            "INSERT INTO {t} VALUES (1, 1.5, 'x', 'from', 'a b', DATE'2024-02-29'), (2, 2.5, NULL, '', '50%', NULL), "
            "(3, NULL, 'ä', 'where', 'x=y/z', DATE'1970-01-01')",
            "INSERT INTO {t} VALUES (4, -0.0D, 'q', 's', '', DATE'9999-12-31'), (5, 5e300, 'q', 's', NULL, DATE'0001-01-01'), "
            "(6, CAST('NaN' AS DOUBLE), '\"', '\\'', 'it''s', DATE'1582-10-04')",
            "INSERT INTO {t} VALUES (7, 7.0, 'q', 's', 'Ünï ✓', NULL), (8, 8.0, 'q', 's', 'a:b+c', DATE'2024-02-29'), "
            "(9, 9.0, 'q', 's', '#?&', DATE'2024-02-29'), (10, 10.0, 'q', 's', '%20', DATE'2024-02-29')",
            "DELETE FROM {t} WHERE `p&q` = '50%'",
        ],
        conditions=[
            "`p&q` = 'a b'", "`p&q` = 'x=y/z'", "`p&q` IS NULL", "`p&q` <=> NULL", "`p&q` IN ('%20', '#?&')", "`p&q` > 'it'",
            "`日` = DATE'2024-02-29'", "`日` IS NULL AND id > 5", "`größe` > 6", "`größe` IS NULL", "`a-b` = 'ä'",
        ],
    ),
    "dv_update_merge": Table(
        notes="deletion vectors by DELETE, UPDATE and MERGE, over each other on the same files",
        statements=[
            "CREATE TABLE {t} (id INT, name STRING, amount DECIMAL(10,2)) USING delta "
            "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
            "INSERT INTO {t} SELECT /*+ COALESCE(1) */ CAST(id AS INT), 'n' || id, CAST(id * 1.25 AS DECIMAL(10,2)) FROM range(20)",
            "INSERT INTO {t} SELECT /*+ COALESCE(1) */ CAST(id AS INT), 'n' || id, NULL FROM range(20, 30)",
            "DELETE FROM {t} WHERE id % 5 = 0",
            "UPDATE {t} SET name = upper(name), amount = -1 WHERE id BETWEEN 8 AND 12",
            "MERGE INTO {t} t USING (SELECT CAST(id * 3 AS INT) AS id FROM range(12)) s ON t.id = s.id "
            "WHEN MATCHED AND t.id > 20 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'merged' "
            "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'inserted')",
            "DELETE FROM {t} WHERE name = 'N8'",
        ],
        conditions=["id = 3", "id >= 28", "name = 'merged'", "amount IS NULL", "amount < 0", "id = 0 OR id = 29", "NOT (id < 25)"],
    ),
    "v2_sidecars_struct_stats": Table(
        notes="a V2 checkpoint in JSON with two sidecars, statistics as structs only, and commits after it",
        statements=[
            "CREATE TABLE {t} (id INT, s STRUCT<x: INT, y: STRING>, p STRING) USING delta PARTITIONED BY (p) TBLPROPERTIES ("
            "'delta.checkpointPolicy' = 'v2', 'delta.checkpoint.writeStatsAsStruct' = 'true', "
            "'delta.checkpoint.writeStatsAsJson' = 'false', 'delta.checkpointInterval' = '4')",
            "INSERT INTO {t} VALUES (1, named_struct('x', 10, 'y', 'a'), 'u'), (2, named_struct('x', 20, 'y', 'b'), 'v')",
            "INSERT INTO {t} VALUES (3, named_struct('x', 30, 'y', NULL), 'u'), (4, NULL, NULL)",
            "INSERT INTO {t} VALUES (5, named_struct('x', NULL, 'y', 'e'), 'w')",
            "DELETE FROM {t} WHERE id = 3",
            "INSERT INTO {t} VALUES (6, named_struct('x', 60, 'y', 'f'), 'u')",
        ],
        conditions=["id > 4", "s.x >= 20", "s.x IS NULL", "s.y = 'b'", "p = 'u' AND id < 6", "p IS NULL", "s.y > 'b' AND p <> 'w'"],
        settings={
            "spark.databricks.delta.checkpointV2.topLevelFileFormat": "json",
            "spark.databricks.delta.checkpoint.partSize": "3",
        },
        checksums=True,
    ),
    "cm_rename_drop": Table(
        notes="columns renamed, dropped and added again under the same name, in structs too: only physical names tell them apart",
        statements=[
            "CREATE TABLE {t} (id INT, a STRING, b INT, s STRUCT<x: INT, y: INT>) USING delta PARTITIONED BY (b) "
            "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
            "INSERT INTO {t} VALUES (1, 'one', 1, named_struct('x', 1, 'y', 11)), (2, 'two', 2, named_struct('x', 2, 'y', 22))",
            "ALTER TABLE {t} RENAME COLUMN a TO `a b,;{}()=`",
            "ALTER TABLE {t} RENAME COLUMN b TO part",
            "ALTER TABLE {t} RENAME COLUMN s.x TO z",
            "INSERT INTO {t} VALUES (3, 'three', 3, named_struct('z', 3, 'y', 33))",
            "ALTER TABLE {t} DROP COLUMN s.y",
            "ALTER TABLE {t} ADD COLUMNS (a INT, s.y STRING)",
            "INSERT INTO {t} (id, `a b,;{}()=`, part, s, a) VALUES (4, 'four', 1, named_struct('z', 4, 'y', 'iv'), 44)",
        ],
        conditions=["part = 1", "s.z > 2", "s.y IS NOT NULL", "a = 44", "a IS NULL", "`a b,;{}()=` = 'two'"],
    ),
    "type_widening": Table(
        notes="columns, nested ones too, of which older files hold narrower types",
        statements=[
            "CREATE TABLE {t} (id TINYINT, n INT, f FLOAT, d DECIMAL(6,2), day DATE, l ARRAY<SMALLINT>) USING delta "
            "TBLPROPERTIES ('delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported')",
            "INSERT INTO {t} VALUES (1, 2147483647, 1.5, 1234.56, DATE'2024-02-29', array(1S, NULL)), "
            "(2, -2147483648, CAST('NaN' AS FLOAT), -0.01, DATE'1960-01-01', NULL)",
            "ALTER TABLE {t} ALTER COLUMN id TYPE INT",
            "ALTER TABLE {t} ALTER COLUMN n TYPE BIGINT",
            "ALTER TABLE {t} ALTER COLUMN f TYPE DOUBLE",
            "ALTER TABLE {t} ALTER COLUMN d TYPE DECIMAL(12,4)",
            "ALTER TABLE {t} ALTER COLUMN day TYPE TIMESTAMP_NTZ",
            "ALTER TABLE {t} ALTER COLUMN l.element TYPE INT",
            "INSERT INTO {t} VALUES (70000, 9223372036854775807, 0.1D, 12345678.9012, TIMESTAMP_NTZ'2024-02-29 12:34:56.789012', "
            "array(70000))",
        ],
        conditions=["id > 1000", "n > 2147483647", "n = 2147483647", "f = 1.5", "d < 0", "day > TIMESTAMP_NTZ'2024-02-29 00:00:00'"],
    ),
    "ict_midlife": Table(
        notes="in-commit timestamps from version 3 on: before it files' times count, after it commits' own",
        statements=[
            "CREATE TABLE {t} (id INT) USING delta",
            "INSERT INTO {t} VALUES (1)",
            "INSERT INTO {t} VALUES (2)",
            "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')",
            "INSERT INTO {t} VALUES (4)",
            "DELETE FROM {t} WHERE id = 1",
        ],
        times=True,
        checksums=True,
    ),
    "ntz_instants": Table(
        notes="timestamps with and without a zone, as columns, in structs and as partitions, far from 1970 on both sides",
        statements=[
            "CREATE TABLE {t} (id INT, at TIMESTAMP, ntz TIMESTAMP_NTZ, s STRUCT<ntz: TIMESTAMP_NTZ>, p TIMESTAMP_NTZ) USING delta "
            "PARTITIONED BY (p)",
            "INSERT INTO {t} VALUES (1, TIMESTAMP'2024-02-29 12:34:56.789012Z', TIMESTAMP_NTZ'2024-02-29 12:34:56.789012', "
            "named_struct('ntz', TIMESTAMP_NTZ'1969-12-31 23:59:59.999999'), TIMESTAMP_NTZ'2024-02-29 00:00:00'), "
            "(2, TIMESTAMP'1900-01-01 00:00:00Z', TIMESTAMP_NTZ'1900-01-01 00:00:00', NULL, "
            "TIMESTAMP_NTZ'1969-12-31 23:59:59.5')",
            "INSERT INTO {t} VALUES (3, TIMESTAMP'2262-04-12 00:00:00Z', TIMESTAMP_NTZ'9999-12-31 23:59:59.999999', "
            "named_struct('ntz', NULL), NULL), (4, NULL, NULL, NULL, TIMESTAMP_NTZ'2024-02-29 00:00:00')",
        ],
        conditions=[
            "at > TIMESTAMP'2024-01-01 00:00:00Z'", "at < TIMESTAMP'1950-01-01 00:00:00Z'",
            "ntz >= TIMESTAMP_NTZ'2024-02-29 12:34:56.789012'", "ntz IS NULL", "p = TIMESTAMP_NTZ'2024-02-29 00:00:00'",
            "p < TIMESTAMP_NTZ'1970-01-01 00:00:00'", "s.ntz < TIMESTAMP_NTZ'1970-01-01 00:00:00'",
        ],
    ),
    "cluster_change": Table(
        notes="a clustered table, optimized, clustered by another column, and then by none",
        statements=[
            "CREATE TABLE {t} (id INT, k STRING, s STRUCT<x: INT>) USING delta CLUSTER BY (k)",
            "INSERT INTO {t} SELECT /*+ COALESCE(1) */ CAST(id AS INT), 'k' || (id % 3), named_struct('x', CAST(id AS INT)) FROM range(6)",
            "INSERT INTO {t} SELECT /*+ COALESCE(1) */ CAST(id AS INT), 'k' || (id % 3), NULL FROM range(6, 12)",
            "OPTIMIZE {t}",
            "ALTER TABLE {t} CLUSTER BY (s.x, id)",
            "INSERT INTO {t} VALUES (12, 'k9', NULL)",
            "ALTER TABLE {t} CLUSTER BY NONE",
        ],
        conditions=["k = 'k9'", "id < 3", "s.x IS NULL AND id > 11", "k > 'k1'"],
    ),
    "variant_values": Table(
        notes="a variant of every shape beside a deletion vector: null and NULL, numbers, text, nested objects and lists",
        statements=[
            "CREATE TABLE {t} (id INT, v VARIANT) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
            "INSERT INTO {t} SELECT /*+ COALESCE(1) */ id, parse_json(text) FROM VALUES (1, '{\"b\": [1, 2.5, {}], \"a\": null}'), "
            "(2, 'null'), (3, '\"text with \\\\u00fc and \\\\\"quotes\\\\\"\"'), (4, '-1'), (5, '[]'), (6, 'true'), (7, '0.125') "
            "AS t(id, text)",
            "INSERT INTO {t} VALUES (8, NULL), (9, CAST(DATE'2024-02-29' AS VARIANT)), (10, CAST(9223372036854775807 AS VARIANT))",
            "DELETE FROM {t} WHERE id IN (4, 8)",
        ],
        conditions=["id = 7", "id > 9", "v IS NULL"],
    ),
}
