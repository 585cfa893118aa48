"""Keep the copies of many practices up to date: one mapped task for each site of bicuspid.toml.

Airflow places the tasks, bounds how many run at a time, retries what may be retried and shows what failed. Each task does
nothing but run

    bicuspid sync --env clinic --site NAME --confirm DBNAME --json

which is safe to run twice, at once or one after the other, and looks at its exit code:

    0     done                            go on
    1     tables were held                go on: they keep their old rows, the others are new; say so
    4, 6  a server could not be reached, another run is at work on the site
                                          try again
    3     refused for safety              never again without a person: the task fails at once, whatever its retries
    2, 5, 130                             a person must look; trying again changes nothing

A site that fails holds no other back: mapped tasks do not wait for each other.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException

FOLDER = Path("/var/lib/bicuspid")  # holds bicuspid.toml and the environment files that it names
DATABASE = "opendental_analytics"
AT_A_TIME = 4


def command(site: str) -> list[str]:
    """What one task runs."""
    return ["bicuspid", "sync", "--env", "clinic", "--site", site, "--confirm", DATABASE, "--json"]


def verdict(exit_code: int) -> str:
    """What an exit code asks for: `go_on`, `try_again` or `stop`."""
    if exit_code in (0, 1):
        return "go_on"
    return "try_again" if exit_code in (4, 6) else "stop"


@dag(
    schedule="*/30 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
)
def bicuspid_sites():
    @task
    def sites() -> list[str]:
        return sorted(tomllib.loads((FOLDER / "bicuspid.toml").read_text())["sites"])

    @task(
        retries=3,
        retry_delay=timedelta(minutes=5),
        retry_exponential_backoff=True,
        max_active_tis_per_dag=AT_A_TIME,
        map_index_template="{{ task.op_kwargs['site'] }}",  # the name under which the task is shown
    )
    def sync(site: str) -> dict:
        run = subprocess.run(command(site), cwd=FOLDER, stdout=subprocess.PIPE, text=True, check=False)
        report = json.loads(run.stdout)
        codes = [error["code"] for error in report["errors"]]
        asked = verdict(run.returncode)
        if asked == "try_again":
            raise AirflowException(f"{site}: {report['outcome']}: {codes}")
        if asked == "stop":
            raise AirflowFailException(f"{site}: {report['outcome']}: {codes}")
        [of_site] = report["sites"]
        held = [table["name"] for table in of_site["tables"] if table["held"]]
        return {"site": site, "run_id": of_site["run_id"], "held": held}

    sync.expand(site=sites())


bicuspid_sites()
