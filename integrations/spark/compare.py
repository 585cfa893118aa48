"""Compares Parquet files with the PostgreSQL database that holds the same rows: by counts, sums and digests.

    python compare.py --engine duckdb --parquet DIR [--schema raw]

DIR is what `bicuspid generate --output parquet` or `bicuspid export` wrote. The database is found by libpq's own variables
(`PGHOST`, `PGUSER`, `PGDATABASE` ...). Each side answers by itself, in its own SQL, for every column: how many values there
are, what the numbers add up to, and the sum of a hash of each value's text. Bicuspid's own digests are not used. Only
counts and hashes are printed. Exit 0 if both sides agree.

Needs psycopg, and the engine: duckdb, pyspark or polars (which says types and counts alone).
"""

import argparse
import json
import sys
from decimal import Decimal, getcontext
from pathlib import Path

# The text by which a value is hashed, by PostgreSQL's type: in PostgreSQL, in DuckDB and in Spark.
TEXTS = {
    "bigint": ("{c}::text", "{c}::VARCHAR", "cast({c} AS string)"),
    "integer": ("{c}::text", "{c}::VARCHAR", "cast({c} AS string)"),
    "smallint": ("{c}::text", "{c}::VARCHAR", "cast({c} AS string)"),
    "boolean": ("{c}::int::text", "{c}::INT::VARCHAR", "cast(cast({c} AS int) AS string)"),
    "numeric": ("{c}::text", "{c}::VARCHAR", "cast({c} AS string)"),
    # Each prints such a number in a way of its own: a ten-thousandth is the unit, and 64 bits hold what is below 9e14.
    "double precision": (
        "round({c} * 10000)::bigint::text",
        "round({c} * 10000)::BIGINT::VARCHAR",
        "cast(cast(round({c} * 10000) AS bigint) AS string)",
    ),
    "date": ("to_char({c}, 'YYYY-MM-DD')", "strftime({c}, '%Y-%m-%d')", "date_format({c}, 'yyyy-MM-dd')"),
    "timestamp without time zone": (
        "(extract(epoch FROM {c}) * 1000000)::bigint::text",
        "epoch_us({c})::VARCHAR",
        "cast(unix_micros(cast({c} AS timestamp)) AS string)",
    ),
    # Microseconds in the files.
    "time without time zone": (
        "(extract(epoch FROM {c}) * 1000000)::bigint::text",
        "{c}::VARCHAR",
        "cast({c} AS string)",
    ),
    "interval": ("(extract(epoch FROM {c}) * 1000000)::bigint::text", "{c}::VARCHAR", "cast({c} AS string)"),
    "text": ("{c}", "{c}", "{c}"),
    "json": ("{c}::text", "{c}::VARCHAR", "{c}"),
    "bit varying": ("{c}::text", "{c}", "{c}"),
    "bytea": ("encode({c}, 'hex')", "lower(hex({c}))", "lower(hex({c}))"),
}
TEXTS["real"] = TEXTS["double precision"]
NUMBERS = {"bigint", "integer", "smallint", "numeric"}
# What Polars should make of a column.
POLARS = {
    "bigint": "Int64",
    "integer": "Int32",
    "smallint": "Int16",
    "boolean": "Boolean",
    "double precision": "Float64",
    "real": "Float32",
    "numeric": "Decimal",
    "date": "Date",
    "timestamp without time zone": "Datetime(time_unit='us', time_zone=None)",
    "time without time zone": "Int64",
    "interval": "Int64",
    "text": "String",
    "json": "String",
    "bit varying": "String",
    "bytea": "Binary",
}
# The first 60 bits of an MD5, as a number: in each engine's words.
HASHES = (
    "sum(('x' || substr(md5({t}), 1, 15))::bit(60)::bigint::numeric)",
    "sum(('0x' || substr(md5({t}), 1, 15))::BIGINT::HUGEINT)",
    "sum(cast(conv(substr(md5(cast({t} AS binary)), 1, 15), 16, 10) AS decimal(38, 0)))",
)
# Sums of hashes have more digits than the default keeps.
getcontext().prec = 60
QUOTES = ('"', '"', "`")


def asked(side, columns):
    """The expressions that one side is asked for: the rows, and of each column its values, their sum and their hash."""
    quote = QUOTES[side]
    wanted = ["count(*)"]
    for name, kind in columns:
        column = quote + name.replace(quote, quote * 2) + quote
        text = TEXTS[kind][side].format(c=column)
        total = f"sum(cast({column} AS decimal(38, 4)))" if kind in NUMBERS else "0"
        wanted += [f"count({column})", total, HASHES[side].format(t=text)]
    return ", ".join(wanted)


def plain(row):
    """An answer in a form in which two engines' answers can be compared: whole numbers, and 0 for the sum of nothing."""
    return [str(Decimal(cell or 0).normalize() + 0) for cell in row]


def files_of(folder):
    """The files of each table, as the manifest lists them."""
    manifest = json.loads((folder / "manifest.json").read_text())
    tables = {}
    for record in manifest["tables"]:
        tables.setdefault(record["name"], []).append(str(folder / record["file"]))
    return tables


def by_duckdb(files, columns):
    """What DuckDB finds."""
    import duckdb

    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
    [row] = duckdb.sql(f"SELECT {asked(1, columns)} FROM read_parquet([{listed}], hive_partitioning = false)").fetchall()
    return row


def by_spark(files, columns):
    """What Spark finds."""
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.appName("compare")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        # Most tables are small: to compile a query takes longer than to run it.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.adaptive.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.parquet(*(f"file://{Path(name).resolve()}" for name in files))
    # One query over all columns of a wide table would be one large program: some columns at a time.
    answer, step = None, 24
    for start in range(0, max(len(columns), 1), step):
        frame.createOrReplaceTempView("compared")
        row = list(spark.sql(f"SELECT {asked(2, columns[start : start + step])} FROM compared").first())
        answer = row if answer is None else answer + row[1:]
    return answer


def by_polars(files, columns):
    """What Polars finds: whether each column has its type; rows and values."""
    import polars

    frame = polars.scan_parquet(files, hive_partitioning=False)
    schema = frame.collect_schema()
    for name, kind in columns:
        if not str(schema[name]).startswith(POLARS[kind]):
            raise SystemExit(f"compare: {name} is {schema[name]} to Polars, which should be {POLARS[kind]}")
    names = [name for name, _ in columns]
    counts = frame.select(polars.len().alias("rows of it"), *(polars.col(name).count() for name in names)).collect()
    return list(counts.row(0))


ENGINES = {"duckdb": by_duckdb, "spark": by_spark, "polars": by_polars}


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Compares Parquet files with PostgreSQL.")
    parser.add_argument("--engine", choices=sorted(ENGINES), required=True)
    parser.add_argument("--parquet", type=Path, required=True)
    parser.add_argument("--schema", default="raw")
    args = parser.parse_args()
    import psycopg

    wrong, rows, values = [], 0, 0
    with psycopg.connect("") as database:
        database.read_only = True
        for table, files in sorted(files_of(args.parquet).items()):
            columns = database.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                " AND column_name <> '_loaded_at' ORDER BY ordinal_position",
                (args.schema, table),
            ).fetchall()
            source = f'"{args.schema}"."{table}"'
            there = plain(database.execute(f"SELECT {asked(0, columns)} FROM {source}").fetchone())
            found = plain(ENGINES[args.engine](files, columns))
            if args.engine == "polars":
                # Rows and values, which is every third of the answers.
                there = there[:1] + there[1::3]
            rows += int(found[0])
            values += sum(map(int, found[1:] if args.engine == "polars" else found[1::3]))
            if there != found:
                wrong.append(table)
                print(f"DIFFERS: {table}", flush=True)
    tables = len(files_of(args.parquet))
    print(f"{args.engine}: {tables - len(wrong)} of {tables} tables agree; {rows} rows, {values} values")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
