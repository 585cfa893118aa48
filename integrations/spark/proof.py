"""What Spark SQL finds in the shards, beside what their manifests say of them."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

# Queries that are under way at once: while one is planned, another runs.
QUERIES_AT_ONCE = 4
# Rows up to which Spark is not to compile a query first: that takes longer than the query, and most tables are small.
SMALL_ROWS = 100_000

DIGEST_MODULUS = 1 << 128

# Money as it stands on the accounts, in cents: work done, adjustments, payments, and what insurers paid or wrote off.
ENTRIES = """
    SELECT PatNum, cast(round(ProcFee * 100) AS bigint) AS cents FROM procedurelog WHERE ProcStatus = 2
    UNION ALL SELECT PatNum, cast(round(AdjAmt * 100) AS bigint) FROM adjustment
    UNION ALL SELECT PatNum, -cast(round(SplitAmt * 100) AS bigint) FROM paysplit
    UNION ALL SELECT PatNum, -cast(round((InsPayAmt + WriteOff) * 100) AS bigint) FROM claimproc WHERE Status IN (1, 4, 5, 7)
"""

# Tables of the books.
BOOKS = {"adjustment", "claimpayment", "claimproc", "patient", "payment", "paysplit", "procedurelog"}

# Accounts whose balance is not what their entries add up to.
ACCOUNTS = f"""
    SELECT count(*) AS accounts, count_if(cast(round(g.BalTotal * 100) AS bigint) <> coalesce(e.cents, 0)) AS wrong
    FROM patient g LEFT JOIN (
        SELECT p.Guarantor AS head, sum(cents) AS cents FROM ({ENTRIES}) JOIN patient p USING (PatNum) GROUP BY 1
    ) e ON e.head = g.PatNum WHERE g.PatNum = g.Guarantor
"""

# By practice: entries and balances, payments and their splits, bulk checks and the lines that they paid.
PRACTICES = f"""
    SELECT clinic, sum(entries) AS entries, sum(balances) AS balances, sum(payments) AS payments, sum(splits) AS splits,
        sum(checks) AS checks, sum(lines) AS lines FROM (
        SELECT p.ClinicNum AS clinic, cents AS entries, 0 AS balances, 0 AS payments, 0 AS splits, 0 AS checks, 0 AS lines
            FROM ({ENTRIES}) JOIN patient p USING (PatNum)
        UNION ALL SELECT ClinicNum, 0, cast(round(BalTotal * 100) AS bigint), 0, 0, 0, 0 FROM patient WHERE PatNum = Guarantor
        UNION ALL SELECT ClinicNum, 0, 0, cast(round(PayAmt * 100) AS bigint), 0, 0, 0 FROM payment
        UNION ALL SELECT y.ClinicNum, 0, 0, 0, cast(round(s.SplitAmt * 100) AS bigint), 0, 0
            FROM paysplit s JOIN payment y USING (PayNum)
        UNION ALL SELECT ClinicNum, 0, 0, 0, 0, cast(round(CheckAmt * 100) AS bigint), 0 FROM claimpayment
        UNION ALL SELECT c.ClinicNum, 0, 0, 0, 0, 0, cast(round(l.InsPayAmt * 100) AS bigint)
            FROM claimproc l JOIN claimpayment c USING (ClaimPaymentNum)
    ) GROUP BY clinic
"""


def quoted(name):
    """A column's name as Spark SQL wants it."""
    return "`" + name.replace("`", "``") + "`"


def hashed(frame):
    """Rows, and the sum of a hash of all their cells; which shard they are in is no cell."""
    from pyspark.sql.functions import expr

    columns = ", ".join(quoted(column) for column in frame.columns if column != "shard")
    # As a wide number: hashes are signed, and their sum does not fit into one of them.
    return expr("count(*) AS rows"), expr(f"sum(cast(xxhash64({columns}) AS decimal(38, 0))) AS hash")


class Proof:
    """The checks, one method each; `told` holds what they found."""

    def __init__(self, spark, out, wrapped):
        self.spark = spark
        self.out = out
        self.wrapped = wrapped
        self.told = []
        self.began = time.monotonic()
        self.frames = {}
        # table -> shard -> what its manifest says
        self.tables = {}
        for shard, one in sorted(wrapped.items()):
            for record in one["manifest"]["tables"]:
                self.tables.setdefault(record["name"], {})[shard] = record
        self.rows_of = {name: sum(r["rows"] for r in shards.values()) for name, shards in self.tables.items()}
        self.plain = spark.newSession()
        for name, value in (
            ("spark.sql.codegen.wholeStage", "false"),
            ("spark.sql.codegen.factoryMode", "NO_CODEGEN"),
            ("spark.sql.adaptive.enabled", "false"),
            ("spark.sql.shuffle.partitions", "2"),
            ("spark.sql.session.timeZone", "UTC"),
        ):
            self.plain.conf.set(name, value)
        for name in BOOKS & self.tables.keys():
            self.frame(name, small=False).createOrReplaceTempView(name)

    def is_small(self, *names):
        """Whether what some tables hold is little."""
        return sum(self.rows_of.get(name, 0) for name in names) <= SMALL_ROWS

    def frame(self, name, small=None, place=None):
        """A table, as its size is best read."""
        small = self.is_small(name) if small is None else small
        place = place or f"{self.out}/tables/{name}"
        if (place, small) not in self.frames:
            self.frames[(place, small)] = (self.plain if small else self.spark).read.parquet(place)
        return self.frames[(place, small)]

    def tell(self, check, holds, found):
        """Notes a check."""
        seconds = time.monotonic() - self.began
        self.told.append({"check": check, "holds": bool(holds), "found": found, "seconds": round(seconds, 1)})
        print(f"{'holds' if holds else 'DOES NOT HOLD'}: {check}: {found} ({seconds:.1f} s)", flush=True)
        self.began = time.monotonic()

    def shards(self):
        """All shards of one practice are there, and no other."""
        kinds = {
            (one["of"], tuple(one["arguments"]), one["manifest"]["version"], one["manifest"]["seed"])
            for one in self.wrapped.values()
        }
        count = min(kind[0] for kind in kinds)
        own = all(one["manifest"]["shard"] == f"{shard}/{one['of']}" for shard, one in self.wrapped.items())
        holds = len(kinds) == 1 and own and sorted(self.wrapped) == list(range(1, count + 1))
        self.tell("every shard of one practice", holds, f"{len(self.wrapped)} of {count}")

    def files(self):
        """Every file has the bytes that its manifest says, and there is no other."""
        expected = {
            (name, shard): (record["bytes"], record["sha256"])
            for name, shards in self.tables.items()
            for shard, record in shards.items()
        }
        read = self.spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        rows = read.load(f"{self.out}/tables").selectExpr("path", "length", "sha2(content, 256)").collect()
        found = {}
        for path, length, digest in rows:
            place = re.search(r"/([^/]+)/shard=(\d+)/part\.parquet$", path)
            found[(place[1], int(place[2])) if place else path] = (length, digest)
        wrong = sum(1 for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
        total = sum(length for length, _ in expected.values())
        self.tell("every file is, byte for byte, what its shard wrote", wrong == 0, f"{len(found)} files, {total} bytes, {wrong} wrong")

    def each(self, ask, names):
        """What a query finds of each name; some are asked at once, for most of them are small."""
        names = list(names)
        with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
            return dict(zip(names, pool.map(ask, names)))

    def rows(self, single):
        """The rows that Spark reads are those of the manifests, by table and shard; and those of a run on one machine, if
        there is one, by the program's digests and by Spark's own hash of all cells."""

        def ours(name):
            frame = self.frame(name)
            rows = frame.groupBy("shard").agg(*hashed(frame)).collect()
            return {int(row["shard"]): (row["rows"], row["hash"]) for row in rows}

        found = self.each(ours, self.tables)
        wrong = [
            (name, shard)
            for name, shards in self.tables.items()
            for shard, record in shards.items()
            if found[name].get(shard, (0, 0))[0] != record["rows"]
        ]
        total = sum(rows for shards in found.values() for rows, _ in shards.values())
        told = f"{total} rows in {len(found)} tables, {len(wrong)} wrong"
        self.tell("row counts are those of the manifests", not wrong, told)
        if single is None:
            return
        # wholetext: a manifest is one JSON object over many lines.
        manifest = json.loads(self.spark.read.text(f"{single}/manifest.json", wholetext=True).first()[0])
        alone = {record["name"]: record for record in manifest["tables"]}
        names = sorted(alone.keys() | self.tables.keys())

        def digest(name):
            digests = [int(record["digest"], 16) for record in self.tables.get(name, {}).values()]
            return f"{sum(digests) % DIGEST_MODULUS:032x}"

        wrong = [name for name in names if name not in alone or alone[name]["digest"] != digest(name)]
        told = f"{len(alone)} tables, wrong: {wrong or 'none'}"
        self.tell("digests are those of a run on one machine", not wrong, told)

        def theirs(name):
            frame = self.frame(name, place=f"{single}/{alone[name]['file']}")
            row = frame.agg(*hashed(frame)).first()
            return row["rows"], row["hash"] or 0

        there = self.each(theirs, alone)

        def all_shards(name):
            shards = found.get(name, {}).values()
            return sum(rows for rows, _ in shards), sum(total for _, total in shards)

        wrong = [name for name in names if there.get(name) != all_shards(name)]
        told = f"{len(there)} tables, wrong: {wrong or 'none'}"
        self.tell("every cell is that of a run on one machine, by Spark's own hash", not wrong, told)

    def key(self, name):
        """Columns of a table's key."""
        return next(iter(self.tables[name].values())).get("key", [])

    def keys(self):
        """No key is there twice, in whichever shards."""

        def twice(name):
            return self.frame(name).groupBy(*map(quoted, self.key(name))).count().where("count > 1").count()

        found = self.each(twice, [name for name in self.tables if self.key(name)])
        wrong = {name: count for name, count in found.items() if count}
        self.tell("keys are unique over all shards", not wrong, f"{len(found)} tables, twice: {wrong or 'none'}")

    def references(self):
        """What holds another table's key finds its row, in whichever shard; 0 is none."""
        wanted = {}
        for name, shards in self.tables.items():
            for column, to in next(iter(shards.values())).get("references", {}).items():
                wanted.setdefault(to, []).append((name, column))

        def unresolved(to):
            table, key = to.split(".")
            small = self.is_small(table, *(name for name, _ in wanted[to]))
            asked = [
                self.frame(name, small).selectExpr(f"cast({quoted(column)} AS bigint) AS num").where("num <> 0")
                for name, column in wanted[to]
            ]
            asked = reduce(lambda a, b: a.unionAll(b), asked).distinct()
            if table in self.tables:
                there = self.frame(table, small).selectExpr(f"cast({quoted(key)} AS bigint) AS num")
                asked = asked.join(there, "num", "left_anti")
            return asked.count()

        lost = {to: count for to, count in self.each(unresolved, wanted).items() if count}
        told = f"{sum(map(len, wanted.values()))} columns to {len(wanted)} keys, lost: {lost or 'none'}"
        self.tell("every reference finds its row", not lost, told)

    def books(self):
        """Balances are what their entries add up to: by account, by practice, and in total."""
        row = self.spark.sql(ACCOUNTS).first()
        self.tell("balances are what their entries add up to", row["wrong"] == 0, f"{row['accounts']} accounts, {row['wrong']} wrong")
        rows = self.spark.sql(PRACTICES).collect()
        pairs = (("entries", "balances"), ("payments", "splits"), ("checks", "lines"))
        wrong = sum(1 for row in rows if any(row[a] != row[b] for a, b in pairs))
        self.tell("the books of every practice balance", wrong == 0, f"{len(rows)} practices, {wrong} wrong")
        totals = {side: sum(row[side] for row in rows) for pair in pairs for side in pair}
        told = ", ".join(f"{a} {totals[a] / 100:,.2f} = {b} {totals[b] / 100:,.2f}" for a, b in pairs)
        self.tell("the books balance in total", all(totals[a] == totals[b] for a, b in pairs), told)
