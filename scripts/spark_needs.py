"""Says what Apache Spark lacks on this machine and exits with 1; says nothing where all is there.

python scripts/spark_needs.py        # Java and the environment
python scripts/spark_needs.py java   # Java alone
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[1] / ".venv-spark" / "bin" / "python"
OLDEST_JAVA = 17


def java_lacks():
    """What to install where no Java is found that runs Spark; else nothing."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    if version and int(version[1]) >= OLDEST_JAVA:
        return ""
    return (
        f"Spark is left out, as no Java {OLDEST_JAVA} or later was found: install a package such "
        "as openjdk-17-jre-headless, or set JAVA_HOME."
    )


def lacks():
    """The same for all that Spark needs."""
    if lacking := java_lacks():
        return lacking
    if not PYTHON.with_name("dbt").exists():
        return "Spark is left out, as its environment is not there: `make env TARGET=spark`."
    return ""


if __name__ == "__main__":
    if lacking := java_lacks() if sys.argv[1:] == ["java"] else lacks():
        print(lacking)
        sys.exit(1)
