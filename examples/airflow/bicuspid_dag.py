"""Keep the copy of the clinic's database up to date, and let dbt work on it when it is.

`bicuspid sync` says by its exit code how it went, and with `--json` in one object what it did:

    0  done                          go on
    1  tables were held              go on: they keep their old rows, the others are new; say so
    4  a server could not be reached try again
    6  another run is at work        try again
    2, 3, 5, 130                     a person must look; trying again changes nothing
"""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta

import pendulum
from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException

FOLDER = "/var/lib/bicuspid"  # holds .env_clinic and bicuspid.toml
DBT = "/srv/dbt"
SYNC = ["bicuspid", "sync", "--env", "clinic", "--confirm", "opendental_analytics", "--json"]
SOURCES = ["bicuspid", "dbt", "sources", "--env", "clinic", "--output", f"{DBT}/models/raw/sources.yml"]

DONE, HELD = 0, 1
TRY_AGAIN = (4, 6)


def verdict(exit_code: int) -> str:
    """What an exit code asks for: `go_on`, `try_again` or `stop`."""
    if exit_code in (DONE, HELD):
        return "go_on"
    return "try_again" if exit_code in TRY_AGAIN else "stop"


@dag(
    schedule="*/15 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
)
def bicuspid():
    @task(retries=3, retry_delay=timedelta(minutes=5), retry_exponential_backoff=True)
    def sync() -> dict:
        run = subprocess.run(SYNC, cwd=FOLDER, stdout=subprocess.PIPE, text=True, check=False)
        report = json.loads(run.stdout)
        codes = [error["code"] for error in report["errors"]]
        print(f"run {report.get('run_id')}: {report['outcome']} {codes}")
        asked = verdict(run.returncode)
        if asked == "try_again":
            raise AirflowException(f"{report['outcome']}: {codes}")
        if asked == "stop":
            raise AirflowFailException(f"{report['outcome']}: {codes}")
        held = [table["name"] for table in report["tables"] if table["held"]]
        return {"run_id": report["run_id"], "held": held}

    @task
    def sources(report: dict) -> None:
        subprocess.run(SOURCES, cwd=FOLDER, check=True)

    @task.bash
    def dbt() -> str:
        return f"cd {DBT} && dbt source freshness && dbt build"

    sources(sync()) >> dbt()


bicuspid()
