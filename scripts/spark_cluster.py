"""Starts and stops a standalone Spark cluster on this machine: one master, workers of one core.

    python scripts/spark_cluster.py start
    python scripts/spark_cluster.py stop
    python scripts/spark_cluster.py run dbt build --target spark_cluster

The last starts it, runs the command and stops it again. It runs from the PySpark wheel and listens
on 127.0.0.1 alone; process ids and logs lie in --folder.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pyspark.find_spark_home import _find_spark_home

HOST = "127.0.0.1"
SECONDS = 60  # to wait for the master, and for each worker
CLASSES = "org.apache.spark.deploy"


def started(folder, name, *command):
    """The id of a new process of the cluster; it outlives this one and logs to <name>.log."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [str(Path(_find_spark_home()) / "bin" / "spark-class"), *map(str, command)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"SPARK_LOCAL_IP": HOST, "SPARK_DAEMON_MEMORY": "256m"},
            start_new_session=True,
        )
    return process.pid


def wait(folder, name, words):
    """Until a process has logged the words."""
    log = folder / f"{name}.log"
    for _ in range(SECONDS * 10):
        if words in log.read_text():
            return
        time.sleep(0.1)
    stop(folder)
    sys.exit(f"The Spark {name} did not start within {SECONDS} seconds, see {log}.")


def start(folder, workers, port):
    if (folder / "processes.json").exists():
        sys.exit(f"A cluster already runs, see {folder}. Stop it first.")
    folder.mkdir(parents=True, exist_ok=True)
    url = f"spark://{HOST}:{port}"
    here = ["--host", HOST, "--webui-port", 0]
    master = started(folder, "master", f"{CLASSES}.master.Master", *here, "--port", port)
    processes = {"master": master}
    (folder / "processes.json").write_text(json.dumps(processes))
    wait(folder, "master", "New state: ALIVE")
    for name in [f"worker_{number}" for number in range(1, workers + 1)]:
        size = ["--cores", 1, "--memory", "1g", "--work-dir", folder / "work"]
        worker = f"{CLASSES}.worker.Worker"
        processes[name] = started(folder, name, worker, *here, *size, url)
        (folder / "processes.json").write_text(json.dumps(processes))
        wait(folder, name, "Successfully registered with master")
    print(f"Spark runs on {url} with {workers} workers. Logs: {folder}")


def stop(folder):
    path = folder / "processes.json"
    if not path.exists():
        sys.exit(f"No cluster runs from {folder}.")
    for process in reversed(json.loads(path.read_text()).values()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--port", type=int, default=7077)
    parser.add_argument("--folder", type=Path, default=Path("data/spark_cluster/processes"))
    parser.add_argument("action", choices=["start", "stop", "run"])
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run on the cluster")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.action in ("start", "run"):
        start(folder, arguments.workers, arguments.port)
    try:
        done = subprocess.run(arguments.command).returncode if arguments.action == "run" else 0
    finally:
        if arguments.action in ("stop", "run"):
            stop(folder)
    sys.exit(done)


if __name__ == "__main__":
    main()
