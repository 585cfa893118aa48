"""Spreads `bicuspid generate` over Spark, and lets Spark SQL prove the whole.

    spark-submit bicuspid_spark.py generate --out URI --binary ./bicuspid --shards 40 -- \
        --patients 200000 --locations 40 --seed 7 --end-date 2026-11-01
    spark-submit bicuspid_spark.py prove --out URI [--single DIR]

A shard is one call of `bicuspid generate --shard I/N`: a pure function of its arguments, with the same bytes wherever and
however often it runs. So Spark may retry it, run it twice or lose the machine in the midst of it, and nothing here has to
know. Files get their names when they are whole, and a shard's manifest comes last: a shard is there when its manifest is.

Needs PySpark and nothing else. Nobody in these files is real.
"""

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.sax.saxutils import escape

from proof import Proof

# What belongs to this program and not to the caller.
OURS = ("--shard", "--output", "--dir", "--threads", "--json", "--db-host", "--db-port", "--db-user", "--db-name")


class Stop(Exception):
    """Why nothing is done."""


def local_path(uri):
    """The path of a URI that every executor reaches as a plain file, or None."""
    parts = urlparse(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


class Store:
    """A folder on any file system that Spark knows, as an executor writes to it.

    Plain files are written by plain means. For everything else Hadoop's own shell is asked, which Spark brings along and
    which needs no more than the settings that Spark has; they go into a file that is private, never on a command line.
    """

    def __init__(self, uri, settings):
        self.uri = uri.rstrip("/")
        self.settings = settings

    def put(self, files):
        """Copies files, given as (local path, name in the folder), in their order; each appears as a whole."""
        base = local_path(self.uri)
        if base is not None:
            for path, name in files:
                target = base / name
                target.parent.mkdir(parents=True, exist_ok=True)
                # Of its own name: another attempt may be at the same shard.
                handle, beside = tempfile.mkstemp(dir=target.parent, prefix="._")
                os.close(handle)
                try:
                    shutil.copyfile(path, beside)
                    os.replace(beside, target)
                except BaseException:
                    Path(beside).unlink(missing_ok=True)
                    raise
            return
        with tempfile.TemporaryDirectory() as conf:
            site = Path(conf) / "core-site.xml"
            site.touch(0o600)
            properties = "".join(
                f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
                for name, value in self.settings
            )
            site.write_text(f"<configuration>{properties}</configuration>")
            # Each command starts a Java of its own: all but the last file go as one tree, folders that are there stay.
            *others, (last, name) = files
            tree = Path(conf) / "tree"
            for path, inner in others:
                (tree / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, tree / inner)
            self.shell(conf, ["-mkdir", "-p", self.uri, f"{self.uri}/{Path(name).parent}"])
            if others:
                self.shell(conf, ["-put", "-f", *sorted(map(str, tree.iterdir())), self.uri])
            self.shell(conf, ["-put", "-f", str(last), f"{self.uri}/{name}"])

    def shell(self, conf, arguments):
        """Runs one command of Hadoop's shell."""
        home = os.environ.get("JAVA_HOME")
        java = str(Path(home) / "bin" / "java") if home else "java"
        jars = str(spark_home() / "jars" / "*")
        command = [java, "-cp", os.pathsep.join([conf, jars]), "org.apache.hadoop.fs.FsShell", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise RuntimeError(f"{arguments[0]} failed: {ran.stderr.strip()[-500:]}")


def spark_home():
    """Where Spark's jars are, on this machine."""
    import pyspark

    home = os.environ.get("SPARK_HOME")
    return Path(home) if home else Path(pyspark.__file__).parent


def make_shard(index, count, arguments, binary, store):
    """Makes one shard and puts it into the store. Runs on an executor; may run twice."""
    from pyspark import SparkFiles

    began = time.monotonic()
    shipped = SparkFiles.get(binary)
    # Somebody else may be running it: it is never changed in place.
    with tempfile.TemporaryDirectory(prefix="bicuspid-") as work:
        program = Path(work) / "bicuspid"
        shutil.copyfile(shipped, program)
        program.chmod(stat.S_IRWXU)
        folder = Path(work) / "shard"
        command = [str(program), "generate", *arguments, "--output", "parquet", "--dir", str(folder)]
        command += ["--shard", f"{index}/{count}", "--threads", "1", "--json"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise RuntimeError(f"shard {index} of {count}: exit {ran.returncode}: {ran.stderr.strip()[-800:]}")
        made = time.monotonic() - began
        [path] = folder.glob("manifest*.json")
        manifest = json.loads(path.read_text())
        place = f"shard={index:05}"
        files = [(folder / t["file"], f"tables/{t['name']}/{place}/part.parquet") for t in manifest["tables"]]
        wrapped = Path(work) / "manifest.json"
        wrapped.write_text(json.dumps({"arguments": arguments, "shard": index, "of": count, "manifest": manifest}))
        # The manifest last: it says that the rest is there.
        store.put([*files, (wrapped, f"manifests/{place}.json")])
    return {"shard": index, "rows": manifest["rows"], "made": made, "stored": time.monotonic() - began - made}


def manifests(spark, out):
    """The manifests that are there, by shard."""
    base = local_path(out)
    if base is not None and not (base / "manifests").is_dir():
        return {}
    try:
        texts = spark.read.text(f"{out.rstrip('/')}/manifests", wholetext=True).collect()
    except Exception as error:  # Spark names the missing folder in an error class of its own.
        if "PATH_NOT_FOUND" in str(error):
            return {}
        raise
    read = [json.loads(row[0]) for row in texts]
    return {one["shard"]: one for one in read}


def generate(spark, args):
    """Makes the shards that are not there yet."""
    practice = args.practice[1:] if args.practice[:1] == ["--"] else args.practice
    for name in OURS:
        if any(word == name or word.startswith(f"{name}=") for word in practice):
            raise Stop(f"{name} is this program's own to give")
    for name in ("--patients", "--end-date"):
        if not any(word == name or word.startswith(f"{name}=") for word in practice):
            # Without a date each executor would take the day on which it happens to run.
            raise Stop(f"give {name}, so that every shard is of the same practice")
    if not Path(args.binary).is_file():
        raise Stop(f"there is no program at {args.binary}: name it with --binary")
    there = manifests(spark, args.out)
    for one in there.values():
        if (one["arguments"], one["of"]) != (practice, args.shards):
            raise Stop(f"{args.out} holds shards of another call: name another folder")
    missing = [index for index in range(1, args.shards + 1) if index not in there]
    print(f"{args.shards - len(missing)} of {args.shards} shards are there, {len(missing)} to make", flush=True)
    if not missing:
        return 0
    context = spark.sparkContext
    context.addFile(str(Path(args.binary).resolve()))
    prefix = "spark.hadoop."
    settings = [(k[len(prefix) :], v) for k, v in context.getConf().getAll() if k.startswith(prefix)]
    store, binary, count = Store(args.out, settings), Path(args.binary).name, args.shards
    began = time.monotonic()
    made = (
        context.parallelize(missing, len(missing))
        .map(lambda index: make_shard(index, count, practice, binary, store))
        .collect()
    )
    seconds = time.monotonic() - began
    rows = sum(one["rows"] for one in made)
    print(f"{rows:,} rows in {len(made)} shards, {seconds:.1f} s")
    print(
        f"the shards themselves took {sum(one['made'] for one in made):.1f} s to make and "
        f"{sum(one['stored'] for one in made):.1f} s to store, on all executors together"
    )
    return 0


def prove(spark, args):
    """Proves what is there; 0 if all of it is right."""
    there = manifests(spark, args.out)
    if not there:
        raise Stop(f"there are no shards in {args.out}")
    proof = Proof(spark, args.out.rstrip("/"), there)
    proof.shards()
    proof.files()
    proof.rows(args.single.rstrip("/") if args.single else None)
    proof.keys()
    proof.references()
    proof.books()
    if args.report:
        Path(args.report).write_text(json.dumps(proof.told, indent=1) + "\n")
    wrong = [one for one in proof.told if not one["holds"]]
    print(f"PROVED: {len(proof.told)} of {len(proof.told)} hold" if not wrong else f"NOT PROVED: {len(wrong)} of {len(proof.told)} do not hold")
    return 1 if wrong else 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="A synthetic practice, made and proved on Spark.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("generate", help="make the shards that are not there yet")
    one.add_argument("--out", required=True, help="folder, as a URI that Spark knows")
    one.add_argument("--binary", required=True, help="the bicuspid program for the executors' machines")
    one.add_argument("--shards", type=int, required=True)
    one.add_argument("practice", nargs=argparse.REMAINDER, help="after --: what `bicuspid generate` is to make")
    two = commands.add_parser("prove", help="prove counts, bytes, keys, references and books")
    two.add_argument("--out", required=True)
    two.add_argument("--single", help="folder of a run of the same practice on one machine, to compare with")
    two.add_argument("--report", help="write the checks as JSON into this file")
    args = parser.parse_args()
    if args.command == "generate" and args.shards < 1:
        parser.error("--shards is at least 1")
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName(f"bicuspid {args.command}").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    # Hundreds of small queries would fill the screen with what Spark thinks of each.
    spark.sparkContext.setLogLevel("WARN")
    try:
        return generate(spark, args) if args.command == "generate" else prove(spark, args)
    except Stop as stop:
        print(f"bicuspid_spark: {stop}", file=sys.stderr)
        return 2
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(main())
