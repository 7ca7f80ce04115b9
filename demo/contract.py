"""The raw contract, read from the source YAML so that it is written down only once."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import yaml

ROOT = Path(__file__).resolve().parent.parent

ARROW_TYPES = {
    "varchar": pa.string(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "double": pa.float64(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class Table:
    """One raw table: `schema` holds every column in order, `required` those that must be there."""

    source: str
    name: str
    schema: pa.Schema
    required: tuple[str, ...]


def read_contract(root: Path = ROOT) -> dict[str, Table]:
    """All raw tables by `source.table`, e.g. `raw_crm.customers`."""
    files = sorted((root / "models").glob("1_staging/*/_*__sources.yml"))
    if not files:
        raise FileNotFoundError(f"no source YAML under {root / 'models' / '1_staging'}")
    sources = [source for file in files for source in yaml.safe_load(file.read_text())["sources"]]
    return {
        f"{source['name']}.{table['name']}": _table(source["name"], table)
        for source in sources
        for table in source["tables"]
    }


def _table(source: str, declared: dict) -> Table:
    columns = declared["columns"]
    schema = pa.schema([(column["name"], ARROW_TYPES[column["data_type"]]) for column in columns])
    required = tuple(column["name"] for column in columns if _is_required(column))
    return Table(source, declared["name"], schema, required)


def _is_required(column: dict) -> bool:
    return bool(column.get("config", {}).get("meta", {}).get("required"))
