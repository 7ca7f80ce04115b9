"""Prints what the last build gave, in a page that a person understands."""

import argparse
import json
from pathlib import Path

import yaml
from warehouse import PROJECT, connect

BAR = 30
VARIABLES = PROJECT / "models" / "4_variables" / "int_engagement_variables.yml"
# What is left out by each reason; any other reason is written as it is.
REASONS = {
    "unknown_product": "bought products without a known category; their orders count",
    "unidentified": "of visitors, cards and receipts that belong to no known customer",
    "response_without_send": "responses to a message whose send is not known",
    "machine": "opens and clicks by machines",
    "may_be_machine": "opens that no flag says a person made; they are no evidence",
    "bot": "visits by bots",
    "ambiguous_visitor": "visits of a browser or device that several customers use",
    "test_account": "of test accounts",
    "employee": "of employees",
    "no_consent": "on a channel before the customer gave consent again",
    "return": "returns",
    "returned": "orders that came back completely",
    "reversal": "points entries that take an earlier one back",
    "self_referral": "referrals of oneself",
    "repeated_referral": "referrals of a friend who was referred before",
}


def checks(target_path):
    """Lines about the last dbt run's nodes: models built, checks passed, warned and failed."""
    results = json.loads((target_path / "run_results.json").read_text())["results"]
    counts = {}
    for result in results:
        kind = result["unique_id"].split(".")[0]
        group = "checks" if kind in ("test", "unit_test") else "models and seeds"
        counts.setdefault(group, []).append(result["status"])
    tests = counts.get("checks", [])
    bad = sum(status not in ("pass", "success") for status in tests)
    built = counts.get("models and seeds", [])
    unbuilt = sum(status != "success" for status in built)
    line = f"{len(built) - unbuilt} models and seeds built"
    line += f", {unbuilt} not built (see the log above)" if unbuilt else ""
    if not tests:
        return [f"{line}; no check ran (`dbt build` runs them)"]
    verdict = "all passed" if not bad else f"{bad} did not pass (see the log above)"
    return [f"{line}, {len(tests)} checks ran: {verdict}"]


def scores(connection, schema):
    """Lines per scorecard: customers, mean score, change since the last period end, levels."""
    overview = connection.execute(
        f"""
        select scorecard_version, score_date, count(*), avg(score), avg(score_change), avg(coverage)
        from {schema}_marts.fct_engagement_scores where is_latest group by all order by all
        """
    ).fetchall()
    if not overview:
        yield "No customer is scored: the start of the log says which raw tables were found."
    for version, date, customers, mean, change, coverage in overview:
        yield ""
        moved = "" if change is None else f" ({change:+.1f} since the period end before)"
        found = "none has a score" if mean is None else f"mean score {mean:.1f}{moved}"
        yield f"{version} on {date}: {customers:,} customers scored, {found}"
        yield f"  coverage {coverage:.0%}: the share of the scorecard that could be measured"
        levels = connection.execute(
            f"""
            select
                coalesce(engagement_level, 'no level'),
                coalesce(level_rank, 0) as level_rank,
                count(*)
            from {schema}_marts.fct_customer_segments
            where is_latest and scorecard_version = ? group by all order by level_rank desc
            """,
            [version],
        ).fetchall()
        for level, _, count in levels:
            bar = "#" * round(BAR * count / customers)
            yield f"  {level:<10} {count:>9,}  {count / customers:>4.0%}  {bar}"
        if any(rank == 0 for _, rank, _ in levels):
            yield from without_level(connection, schema, version)


def without_level(connection, schema, version):
    """Lines about why customers have no level, and which raw tables would change that."""
    reasons = connection.execute(
        f"""
        select
            case
                when scores.score is null then 'nothing that the scorecard weighs is measured'
                when round(scores.coverage, 8) < versions.minimum_coverage
                    then 'coverage is below the minimum of ' || versions.minimum_coverage
                else 'not placed yet, run dbt build'
            end as reason,
            count(*)
        from {schema}_marts.fct_engagement_scores as scores
        join {schema}_marts.fct_customer_segments as segments
            on scores.customer_id = segments.customer_id
            and scores.score_date = segments.score_date
            and scores.scorecard_version = segments.scorecard_version
        join {schema}_normalised.int_scorecard_versions as versions
            on scores.scorecard_version = versions.scorecard_version
        where scores.is_latest and scores.scorecard_version = ?
            and segments.engagement_level is null
        group by 1 order by 2 desc
        """,
        [version],
    ).fetchall()
    listed = "; ".join(f"{reason}: {count:,}" for reason, count in reasons)
    yield f"  no level, because {listed}"
    columns = yaml.safe_load(VARIABLES.read_text())["models"][0]["columns"]
    sources = {
        column["name"]: column["config"]["meta"]["source"]
        for column in columns
        if column.get("config", {}).get("meta", {}).get("source")
    }
    weights = connection.execute(
        f"""
        select variable_name, max(weight) from {schema}_normalised.int_scorecards
        where scorecard_version = ? and market = '*' group by 1
        """,
        [version],
    ).fetchall()
    counts = ", ".join(f"count({name})" for name, _ in weights)
    measured = connection.execute(
        f"""
        select {counts} from {schema}_normalised.int_normalised_variables
        where scorecard_version = ? and score_date = (
            select max(score_date) from {schema}_normalised.int_normalised_variables
        )
        """,
        [version],
    ).fetchall()[0]
    missing = {}
    for (name, weight), count in zip(weights, measured, strict=True):
        table = sources.get(name, "").split(", ")[0]
        if not count and "." in table:
            missing[table] = missing.get(table, 0) + weight
    most = sorted(missing.items(), key=lambda item: -item[1])[:4]
    tables = ", ".join(f"{source} ({weight:.0%} of the weight)" for source, weight in most)
    if most:
        yield f"  measured for no customer, so landing these would raise coverage most: {tables}"


def left_out(connection, schema):
    """Lines about raw rows and activities that count for nobody, and why."""
    places = ["in", "staged", "duplicate", "superseded", "deleted", "quarantined", "erased"]
    *counts, vanished, values = connection.execute(
        f"""
        select {", ".join(f"sum(rows_{place})" for place in places)},
            sum(rows_vanished), sum(rows_with_values_set_aside)
        from {schema}_marts.rpt_row_reconciliation
        """
    ).fetchall()[0]
    ended = [f"{place} {count:,}" for place, count in zip(places[1:], counts[1:], strict=True)]
    less = f" - vanished {vanished:,}" if vanished else ""
    yield f"Raw rows: {counts[0]:,} = {' + '.join(ended)}{less} (rpt_row_reconciliation)"
    yield f"  {values:,} of them with a value that reads as null (rpt_quarantine)"
    if vanished:
        yield f"  {vanished:,} staged rows are no longer in the raw tables, and still count"
    reasons = connection.execute(
        f"""
        select excluded_reason, sum(activity_count) from {schema}_marts.rpt_excluded_activities
        group by all order by 2 desc
        """
    ).fetchall()
    yield "Activities left out of the scores (rpt_excluded_activities):" + (
        "" if reasons else " none"
    )
    for reason, count in reasons:
        yield f"  {count:>9,}  {REASONS.get(reason, reason.replace('_', ' '))}"


def unconverted(connection, schema):
    """Lines about currencies without a rate, whose orders have no spend."""
    currencies = connection.execute(
        f"""
        with

        first_rates as (
            select upper(currency) as currency, min(valid_from) as valid_from
            from {schema}_seeds.currency_rates group by 1
        ),

        orders as (
            select
                coalesce(orders.currency, reporting.currency) as currency,
                reporting.currency as reporting_currency,
                count(*) as order_count,
                sum(count(*)) over () as all_count,
                count(
                    case
                        when
                            cast(orders.transacted_at as date) >= own.valid_from
                            and cast(orders.transacted_at as date) >= theirs.valid_from
                            then 1
                    end
                ) as converted_count
            from {schema}_staging.stg_loyalty__transactions as orders
            cross join (
                select distinct currency from {schema}_marts.fct_customer_value
            ) as reporting
            left join first_rates as own on orders.currency = own.currency
            left join first_rates as theirs on reporting.currency = theirs.currency
            where
                orders.replaced_at is null
                and not orders.is_return
                and orders.transaction_id not in (
                    select transaction_id from {schema}_activities.int_returns where is_return
                )
            group by 1, 2
        )

        select
            currency,
            reporting_currency,
            order_count - converted_count,
            (order_count - converted_count) / all_count
        from orders
        where currency != reporting_currency and converted_count < order_count
        order by 3 desc, 1
        """
    ).fetchall()
    for currency, reporting, count, share in currencies:
        yield (
            f"No rate from {currency} to {reporting}: {count:,} orders ({share:.1%} of all) have no"
            f" spend. Add {currency} and {reporting} to the seed currency_rates."
        )


def parameters(connection, schema, target):
    """Line about where the normalisation comes from."""
    frozen = connection.execute(
        f"""
        select scorecard_version, bool_and(is_frozen)
        from {schema}_normalised.int_normalisation_parameters group by all order by all
        """
    ).fetchall()
    fitted = [version for version, is_frozen in frozen if not is_frozen]
    if not fitted:
        return "Scored by the calibration in seeds/calibration.csv."
    return (
        f"No calibration for {', '.join(fitted)}: this build fitted on the reference period. "
        f"`make calibrate TARGET={target}` freezes what it found."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    parser.add_argument("--target-path", type=Path, default=Path("target"))
    arguments = parser.parse_args()
    connection, path, schema = connect(arguments.target)
    lines = ["", "=" * 78, "Engagement scores", "=" * 78]
    lines += checks(arguments.target_path)
    lines += scores(connection, schema)
    lines += ["", *left_out(connection, schema), *unconverted(connection, schema)]
    lines += [parameters(connection, schema, arguments.target)]
    lines += ["", f"The result lies in {path}, schema {schema}_marts. Try for instance:"]
    lines += [
        f"  select * from {schema}_marts.fct_score_contributions where customer_id = '...'",
        "",
    ]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
