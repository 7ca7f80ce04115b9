"""The score mart without dbt: one hand-written DuckDB script, from the raw Parquet files in one go.

It is what `dbt run` is measured against (run.py), and a second, independent implementation of the
scores: same raw files, same seeds and variables of the project, other SQL (floor.sql). Nothing is
computed beforehand; it fits the normalisation on the same sample of the reference period as the
models do. It makes the one table score_mart and neither tests, contracts, evidence nor segments.

    python benchmarks/floor.py --raw data/demo --database data/floor.duckdb
"""

import argparse
import csv
import math
import re
import time
from pathlib import Path

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parent.parent
DIMENSIONS = ["recency", "frequency", "depth", "diversity", "participation", "advocacy"]
SETTINGS = [
    "session_gap_seconds", "event_gap_cap_seconds", "bot_events_per_day",
    "machine_response_seconds", "window_days", "half_life_days",
]  # fmt: skip

# The activities that score (int_activities.yml has the same), by the channel that must be running.
ENGAGEMENTS = {
    "email": ["email_opened", "email_clicked"],
    "postal": ["postal_replied"],
    "sms": ["sms_answered"],
    "push": ["push_opened"],
    "web": ["web_visited", "online_ordered", "review_written"],
    "app": ["app_visited"],
    "store": ["store_purchased", "store_visited", "event_attended"],
    "contact_centre": ["service_contacted"],
    "loyalty": ["promotion_joined", "benefit_redeemed", "points_burned", "referral_made"],
    "survey": ["survey_answered", "preference_given"],
}
OTHERS = {
    "email": ["email_sent", "email_bounced"],
    "postal": ["postal_sent"],
    "sms": ["sms_sent"],
    "push": ["push_sent"],
    "store": ["category_bought"],
    "loyalty": ["points_earned"],
}
BATCHED = 3  # so many last steps of floor.sql are run for a batch of customers at a time
UNSCORED = ["preference_withdrawn", "unsubscribed", "other"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of the raw Parquet files")
    parser.add_argument("--database", type=Path, required=True, help="file to make; replaced")
    args = parser.parse_args()
    args.database.unlink(missing_ok=True)
    project = read_yaml("dbt_project.yml")
    connection = duckdb.connect(str(args.database), config={"preserve_insertion_order": False})
    prepare(connection, args.raw, project["vars"])
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    steps = re.split(r"^-- step: (\w+)\n", script, flags=re.MULTILINE)
    steps = list(zip(steps[1::2], steps[2::2], strict=True))
    for name, statements in steps[:-BATCHED]:
        with timed(name):
            connection.execute(statements)
    batches = count_batches(connection, project["vars"]["scores_per_batch"])
    connection.execute(f"set variable batches = {batches}")
    for batch in range(batches):
        connection.execute(f"set variable batch = {batch}")
        for name, statements in steps[-BATCHED:]:
            with timed(f"{name} {batch + 1}/{batches}"):
                connection.execute(statements)
    with timed("fit"):
        scorecards = fit(connection, project["vars"])
    with timed("scores"):
        connection.execute("create table score_mart as " + score_query(scorecards))
        connection.execute("drop table activity; drop table variable; checkpoint")
    connection.close()


class timed:
    """Prints how long a step took."""

    def __init__(self, name: str):
        self._name = name

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        print(f"  {self._name:<16} {wall:7.2f} s {cpu:7.2f} s CPU", flush=True)


def read_yaml(name: str) -> dict:
    return yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))


def bot_condition() -> str:
    """Whether user_agent is a bot's, by expressions of 200 patterns each, as in the project."""
    patterns = {True: [], False: []}
    for name in ("bot_user_agents", "bot_user_agent_additions"):
        with (PROJECT / "seeds" / f"{name}.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                patterns[row["is_bot"] == "true"].append(row["user_agent_pattern"])
    devices = "|".join(patterns[False]).replace("'", "''")
    text = f"regexp_replace(user_agent, '{devices}', ' ', 'g')"
    bots = ["|".join(group).replace("'", "''") for group in batched(patterns[True], 200)]
    return " or ".join(f"regexp_matches({text}, '{group}')" for group in bots)


def batched(values: list[str], size: int) -> list[list[str]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def prepare(connection, raw: Path, settings: dict) -> None:
    """Settings as variables, seeds as tables, the lists of channels and activities."""
    others = settings["score_start_date"], settings["as_of_date"]
    if settings["score_period"] != "month" or any(others):
        raise SystemExit("floor.sql knows monthly score dates from the first to the last data only")
    values = {name: settings[name] for name in SETTINGS}
    values |= {"raw": str(raw), "zone": settings["business_timezone"]}
    for name, value in values.items():
        connection.execute(f"set variable {name} = {value!r}")
    activities = [
        (activity, channel, is_engagement)
        for kinds, is_engagement in ((ENGAGEMENTS, True), (OTHERS, False))
        for channel, names in kinds.items()
        for activity in names
    ]
    channels = [*ENGAGEMENTS, "call", "unknown"]
    names = [name for name, *_ in activities] + UNSCORED
    rows = ", ".join(f"('{name}', '{channel}', {flag})" for name, channel, flag in activities)
    dates = "{'runs_from': 'date', 'runs_until': 'date'}"
    connection.execute(f"""
        create type channel as enum ('{"', '".join(channels)}');
        create type activity as enum ('{"', '".join(names)}');
        create temp table activity_kind as
        select activity::activity as activity, channel::channel as channel, is_engagement
        from (values {rows}) as kinds (activity, channel, is_engagement);
        create temp macro is_bot(user_agent) as {bot_condition()};
        create temp table channel_run as
        select try_cast(channel as channel) as channel, runs_from, runs_until
        from read_csv('{PROJECT}/seeds/channels.csv', types = {dates})
    """)


def count_batches(connection, scores_per_batch: int) -> int:
    scores = connection.execute(
        "select coalesce(sum(end_no - scored.first_no), 0) from scored cross join bound"
    ).fetchone()[0]
    return max(1, math.ceil(scores / scores_per_batch))


def fit(connection, settings: dict) -> list[dict]:
    """The scorecards with what each variable is normalised by, fitted on the reference sample.

    As the models do it: quantiles by linear interpolation, winsorised at 1 and 99 %, over the
    first reference_sample_rows rows of the reference period's ends in the order of a hash.
    """
    columns = read_yaml("models/4_variables/int_engagement_variables.yml")["models"][0]["columns"]
    dimension = {
        column["name"]: column["config"]["meta"]["dimension"]
        for column in columns
        if column.get("config", {}).get("meta", {}).get("dimension")
    }
    versions = connection.execute(f"""
        select
            scorecard_version,
            coalesce(reference_start_date, '{settings["reference_start_date"]}'::date)::varchar,
            coalesce(reference_end_date, '{settings["reference_end_date"]}'::date)::varchar
        from read_csv(
            '{PROJECT}/seeds/scorecard_versions.csv',
            types = {{'reference_start_date': 'date', 'reference_end_date': 'date'}}
        )
    """).fetchall()
    scorecards, samples = [], {}
    for version, *period in versions:
        rows = connection.execute(f"""
            select market, variable_name, direction, normaliser, weight
            from read_csv('{PROJECT}/seeds/scorecards.csv') where scorecard_version = '{version}'
        """).fetchall()
        sample = samples.get(tuple(period)) or draw_sample(
            connection, f"sample_{len(samples)}", period, settings["reference_sample_rows"]
        )
        samples[tuple(period)] = sample
        parameters = fit_variables(connection, sample, {row[1]: row[3] for row in rows})
        scorecards.append({
            "version": version,
            "markets": sorted({row[0] for row in rows}),
            "variables": [
                {
                    "market": market, "name": name, "dimension": dimension[name], "weight": weight,
                    "value": normalised(name, normaliser, direction, parameters[name]),
                }
                for market, name, direction, normaliser, weight in rows
            ],
        })  # fmt: skip
    return scorecards


def draw_sample(connection, name: str, period: list[str], rows: int) -> str:
    connection.execute(f"""
        create temp table {name} as
        select * from variable
        where rowid in (
            select rowid from variable
            where
                score_date between '{period[0]}' and '{period[1]}'
                and score_date = last_day(score_date)
            order by md5(customer_id || '|' || score_date::varchar), customer_id
            limit {rows}
        )
    """)
    return name


def fit_variables(connection, sample: str, normalisers: dict[str, str]) -> dict[str, dict]:
    """Per variable: lower and upper, and what its normaliser needs besides."""
    names = list(normalisers)
    bounds = connection.execute(
        "select "
        + ", ".join(f"quantile_cont({n}, [0.01, 0.99]), min({n}), max({n})" for n in names)
        + f" from {sample}"
    ).fetchone()
    fitted = {}
    for position, name in enumerate(names):
        quantiles, least, most = bounds[3 * position : 3 * position + 3]
        lower, upper = quantiles or (0.0, 0.0)
        if lower == upper:
            lower, upper = least or 0.0, most or 0.0
        fitted[name] = {"lower": lower, "upper": upper}
    for name in names:
        p, clipped = fitted[name], clip(name, fitted[name])
        if normalisers[name] == "z_score":
            query = f"select avg({clipped}), stddev_pop({clipped}) from {sample}"
            p["mean"], p["deviation"] = connection.execute(query).fetchone()
        if normalisers[name] == "percentile":
            steps = [percent / 100 for percent in range(0, 101, 5)]
            query = f"select quantile_cont({clipped}, {steps}) from {sample}"
            p["quantiles"] = connection.execute(query).fetchone()[0] or [0.0] * len(steps)
    return fitted


def number(value: float) -> str:
    """A 64-bit float as SQL writes it, exact."""
    return f"{value:.17e}"


def clip(name: str, p: dict) -> str:
    """Null stays null: least and greatest would pass over it."""
    lower, upper = number(p["lower"]), number(p["upper"])
    return f"(case when {name} is not null then least(greatest({name}, {lower}), {upper}) end)"


def normalised(name: str, normaliser: str, direction: str, p: dict) -> str:
    """SQL for one variable on 0-1, higher is more engaged; null stays null."""
    x = clip(name, p)
    if normaliser == "percentile":
        steps = list(zip(p["quantiles"], p["quantiles"][1:], strict=False))
        shares = [
            f"least(greatest(({x} - {number(low)}) / {number(high - low)}, 0), 1)"
            if high > low
            else f"({x} > {number(low)})::double"
            for low, high in steps
        ]
        value = f"({' + '.join(shares)}) / {len(steps)}"
    elif normaliser == "z_score":
        value = (
            f"1 / (1 + exp(({number(p['mean'])} - {x}) / {number(p['deviation'])}))"
            if p["deviation"]
            else f"{name} * 0 + 0.5"
        )
    elif p["lower"] == p["upper"]:
        value = f"{name} * 0"
    elif normaliser == "min_max":
        value = f"({x} - {number(p['lower'])}) / {number(p['upper'] - p['lower'])}"
    elif normaliser == "log_min_max":
        low, high = math.log(p["lower"] + 1), math.log(p["upper"] + 1)
        value = f"(ln({x} + 1) - {number(low)}) / {number(high - low)}"
    else:
        raise SystemExit(f"unknown normaliser {normaliser}")
    return f"1 - ({value})" if direction == "lower" else value


def score_query(scorecards: list[dict]) -> str:
    """One select per scorecard version and market, the numbers written into it."""
    selects = []
    for card in scorecards:
        named = [market for market in card["markets"] if market != "*"]
        for market in card["markets"]:
            elsewhere = " and ".join(f"market is distinct from '{name}'" for name in named)
            customers = f"market = '{market}'" if market != "*" else elsewhere or "true"
            variables = [v for v in card["variables"] if v["market"] == market]
            selects.append(scorecard_select(card["version"], variables, customers))
    return "\nunion all\n".join(selects)


def scorecard_select(version: str, variables: list[dict], customers: str) -> str:
    def summed(term: str, dimension: str) -> str:
        terms = [
            term.format(name=v["name"], weight=number(v["weight"]))
            for v in variables
            if v["dimension"] == dimension
        ]
        return " + ".join(["0::double", *terms]) + " as " + dimension

    normal = ",\n".join(f"{v['value']} as {v['name']}" for v in variables)
    weights = ",\n".join(
        summed("if({name} is null, 0, {weight})", d) + "_weight" for d in DIMENSIONS
    )
    values = ",\n".join(summed("coalesce({name}, 0) * {weight}", d) + "_value" for d in DIMENSIONS)
    all_values = " + ".join(f"{d}_value" for d in DIMENSIONS)
    all_weights = " + ".join(f"{d}_weight" for d in DIMENSIONS)
    per_dimension = ",\n".join(
        f"100 * {d}_value / nullif({d}_weight, 0) as score_{d}" for d in DIMENSIONS
    )
    return f"""
        select
            customer_id, score_date, '{version}' as scorecard_version,
            100 * ({all_values}) / nullif({all_weights}, 0) as score,
            {per_dimension},
            ({all_weights}) / {number(sum(v["weight"] for v in variables))} as coverage
        from (
            select customer_id, score_date, {weights}, {values}
            from (select customer_id, score_date, {normal} from variable where {customers})
        )
    """


if __name__ == "__main__":
    main()
