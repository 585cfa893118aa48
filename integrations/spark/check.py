"""Makes and proves a practice on a Spark cluster of this machine's own, and loses a part of the cluster in the midst of it.

    python check.py --binary ../../target/release/bicuspid --patients 200000 --locations 40 --shards 40 --kill

Starts a master and two workers, lets `bicuspid_spark.py` make the shards, kills one worker and an executor of the other
when a third of the shards are there, lets it prove the whole beside a run of two threads without Spark, and prints what
each took. Everything it starts ends with it. Exit 0 if all of it is right.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyspark

HERE = Path(__file__).resolve().parent
SPARK = Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent)
WORKERS = 2
PATIENCE = 120


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A master and its workers, each a process of its own."""

    def __init__(self, folder, memory):
        self.folder = folder
        self.memory = memory
        self.master = f"spark://127.0.0.1:{free_port()}"
        self.processes = []
        self.workers = []
        self.environment = os.environ | {
            "SPARK_HOME": str(SPARK),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOCAL_DIRS": str(folder / "spark"),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }

    def start(self, what, *arguments):
        """Starts a daemon of Spark's in a session of its own, so that all of it can be ended."""
        log = (self.folder / f"{what}.log").open("w")
        command = [str(SPARK / "bin" / "spark-class"), *arguments, "--webui-port", "0"]
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=self.environment, cwd=self.folder, start_new_session=True
        )
        self.processes.append(process)
        return process

    def __enter__(self):
        host, port = self.master.removeprefix("spark://").split(":")
        self.start("master", "org.apache.spark.deploy.master.Master", "--host", host, "--port", port)
        wait(lambda: "I have been elected leader" in self.log("master"), "the master")
        for number in range(1, WORKERS + 1):
            worker = f"worker{number}"
            arguments = ["--cores", "1", "--memory", self.memory, "--work-dir", str(self.folder / worker)]
            self.workers.append(
                self.start(worker, "org.apache.spark.deploy.worker.Worker", *arguments, self.master)
            )
        for number in range(1, WORKERS + 1):
            wait(lambda: "Successfully registered" in self.log(f"worker{number}"), f"worker {number}")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self, what):
        """What a daemon has said so far."""
        return (self.folder / f"{what}.log").read_text(errors="replace")

    def submit(self, *arguments, memory):
        """Begins a program on the cluster."""
        command = [str(SPARK / "bin" / "spark-submit"), "--master", self.master, "--driver-memory", memory]
        command += ["--executor-memory", memory, "--conf", "spark.ui.enabled=false"]
        command += ["--conf", "spark.sql.shuffle.partitions=8", "--conf", "spark.executor.cores=1"]
        command += [str(HERE / "bicuspid_spark.py"), *arguments]
        log = (self.folder / "driver.log").open("a")
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.environment, cwd=self.folder, text=True)


def wait(holds, what):
    """Waits until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"check: waited {PATIENCE} s for {what}")
        time.sleep(0.05)


def children_of(pid):
    """Processes below a process, itself left out, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                after = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents[int(entry.name)] = int(after[1])
    below, found = {pid}, True
    while found:
        found = {child for child, parent in parents.items() if parent in below} - below
        below |= found
    return below - {pid}


def executor_of(worker):
    """The process of an executor of a worker."""
    for pid in children_of(worker.pid):
        with contextlib.suppress(OSError):
            if b"CoarseGrainedExecutorBackend" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


def kill_some(cluster, manifests, shards, driver):
    """Kills a worker and an executor of the other in the midst of the work; what was there by then."""
    while driver.poll() is None:
        there = len(list(manifests.glob("*.json")))
        executor = executor_of(cluster.workers[1])
        if there * 3 >= shards and executor:
            os.killpg(cluster.workers[0].pid, signal.SIGKILL)
            os.kill(executor, signal.SIGKILL)
            return there
        time.sleep(0.02)
    return None


def timed(command, **more):
    """Runs a program to its end; its output and its seconds."""
    began = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if ran.returncode != 0:
        raise SystemExit(f"check: {command[1]} ended with {ran.returncode}: {ran.stderr[-2000:]}")
    return ran.stdout, time.monotonic() - began


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="A synthetic practice on a Spark cluster of this machine's own.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--patients", type=int, default=400)
    parser.add_argument("--locations", type=int, default=4)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seed", default="7")
    parser.add_argument("--end-date", default="2026-11-01")
    parser.add_argument("--start-date", help="first day of the history; three years before the end without it")
    parser.add_argument("--memory", default="1g", help="heap of driver and of each executor")
    parser.add_argument("--kill", action="store_true", help="kill a worker and an executor in the midst of it")
    parser.add_argument("--keep", help="folder for what is made, instead of a temporary one")
    args = parser.parse_args()
    binary = str(Path(args.binary).resolve())
    practice = ["--patients", str(args.patients), "--locations", str(args.locations)]
    practice += ["--seed", args.seed, "--end-date", args.end_date]
    if args.start_date:
        practice += ["--start-date", args.start_date]
    with contextlib.ExitStack() as stack:
        folder = Path(args.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="bicuspid-spark-"))).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        single, out, report = folder / "single", folder / "out", folder / "proof.json"
        alone = [binary, "generate", *practice, "--output", "parquet", "--dir", str(single), "--threads", "2"]
        _, alone_seconds = timed(alone)
        with Cluster(folder, args.memory) as cluster:
            began = time.monotonic()
            driver = cluster.submit(
                "generate", "--out", f"file://{out}", "--binary", binary, "--shards", str(args.shards), "--", *practice, memory=args.memory
            )
            killed = kill_some(cluster, out / "manifests", args.shards, driver) if args.kill else None
            told, _ = driver.communicate()
            made_seconds = time.monotonic() - began
            print(told, end="")
            if driver.returncode != 0:
                raise SystemExit(f"check: the shards were not made: {(folder / 'driver.log').read_text()[-3000:]}")
            if args.kill and killed is None:
                raise SystemExit("check: the work was over before anything could be killed")
            began = time.monotonic()
            prover = cluster.submit(
                "prove", "--out", f"file://{out}", "--single", f"file://{single}", "--report", str(report), memory=args.memory
            )
            told, _ = prover.communicate()
            proof_seconds = time.monotonic() - began
            print(told, end="")
            if not report.exists():
                raise SystemExit(f"check: nothing was proved: {(folder / 'driver.log').read_text()[-3000:]}")
        # Some shards again, by hand, in another folder: each file is the same to the byte.
        again, same = folder / "again", 0
        for shard in sorted({1, args.shards // 2 or 1, args.shards}):
            place = again / str(shard)
            timed([binary, "generate", *practice, "--output", "parquet", "--dir", str(place), "--shard", f"{shard}/{args.shards}"])
            [manifest] = place.glob("manifest*.json")
            for record in json.loads(manifest.read_text())["tables"]:
                theirs = out / "tables" / record["name"] / f"shard={shard:05}" / "part.parquet"
                if theirs.read_bytes() != (place / record["file"]).read_bytes():
                    raise SystemExit(f"check: shard {shard} of {record['name']} is another when it is made again")
                same += 1
        if killed is not None:
            print(f"one worker and an executor of the other were killed when {killed} of {args.shards} shards were there")
        print(f"{same} files made again without Spark: the same to the byte")
        print(f"two threads without Spark {alone_seconds:.1f} s; on the cluster {made_seconds:.1f} s; the proof {proof_seconds:.1f} s")
        return prover.returncode


if __name__ == "__main__":
    sys.exit(main())
