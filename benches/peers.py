"""One table by a library of Python's, as its manual tells to use it, for `benches/run speed`.

    SOURCE=mysql://... TARGET=postgresql://... python peers.py connectorx|dlt DATABASE TABLE

`connectorx` reads into Arrow and hands that to ADBC; `dlt` uses its own source for SQL databases with its Arrow backend.
Addresses come by the environment: arguments of a running program can be read by everybody. Exit 3 if the library is absent.
"""

import os
import sys


def connectorx(source, target, _database, table):
    """ConnectorX into Arrow, ADBC into PostgreSQL."""
    import adbc_driver_postgresql.dbapi
    import connectorx as cx

    rows = cx.read_sql(source, f"SELECT * FROM {table}", return_type="arrow")
    with adbc_driver_postgresql.dbapi.connect(target) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(f"connectorx_{table}", rows, mode="replace", db_schema_name="peers")
        connection.commit()


def dlt(source, target, database, table):
    """dlt's own source and destination."""
    import dlt as library
    from dlt.sources.sql_database import sql_database

    pipeline = library.pipeline(
        "bicuspid_bench", destination=library.destinations.postgres(target), dataset_name="peers_dlt"
    )
    address = source.replace("mysql:", "mysql+pymysql:")
    tables = sql_database(address, schema=database, backend="pyarrow", table_names=[table])
    pipeline.run(tables, write_disposition="replace")


if __name__ == "__main__":
    peer = {"connectorx": connectorx, "dlt": dlt}[sys.argv[1]]
    try:
        peer(os.environ["SOURCE"], os.environ["TARGET"], *sys.argv[2:])
    except ImportError as missing:
        print(missing, file=sys.stderr)
        sys.exit(3)
