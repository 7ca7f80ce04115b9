"""Prints what the last build gave, in a page that a person understands."""

import argparse
import json
from pathlib import Path

from warehouse import connect

BAR = 30


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
    built = len(counts.get("models and seeds", []))
    verdict = "all passed" if not bad else f"{bad} did not pass (see the log above)"
    return [f"{built} models and seeds built, {len(tests)} checks ran: {verdict}"]


def scores(connection, schema):
    """Lines per scorecard: customers, mean score, change since the last period end, levels."""
    overview = connection.execute(
        f"""
        select scorecard_version, score_date, count(*), avg(score), avg(score_change), avg(coverage)
        from {schema}_marts.fct_engagement_scores where is_latest group by all order by all
        """
    ).fetchall()
    for version, date, customers, mean, change, coverage in overview:
        yield ""
        moved = "" if change is None else f" ({change:+.1f} since the period end before)"
        yield f"{version} on {date}: {customers:,} customers scored, mean score {mean:.1f}{moved}"
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
    listed = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in reasons)
    yield f"Activities that count for nobody (rpt_excluded_activities): {listed or 'none'}"


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
