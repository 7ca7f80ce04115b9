"""Prints what one customer's latest score is made of, per scorecard."""

import argparse
import sys

from query import table
from warehouse import connect


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("customer", nargs="?", help="customer_id; the highest score where absent")
    parser.add_argument("--target", default="demo")
    arguments = parser.parse_args()
    connection, _, schema = connect(arguments.target)
    scores = connection.execute(
        f"""
        select customer_id, score_date, scorecard_version, score, coverage
        from {schema}_marts.fct_engagement_scores
        where is_latest and customer_id = coalesce(?, (
            select max_by(customer_id, score)
            from {schema}_marts.fct_engagement_scores
            where is_latest
        ))
        order by scorecard_version
        """,
        [arguments.customer],
    ).fetchall()
    if not scores:
        sys.exit(
            f"No score for customer {arguments.customer}. dim_customers.is_scored says why not."
        )
    for customer, date, version, score, coverage in scores:
        total = "not measurable" if score is None else f"{score:.1f}"
        print(f"\nCustomer {customer}, {date}, {version}: score {total}, coverage {coverage:.0%}")
        result = connection.execute(
            f"""
            select
                variable_name,
                dimension,
                round(variable_value, 2) as variable_value,
                round(normalised_value, 2) as normalised_value,
                round(effective_weight, 3) as effective_weight,
                round(contribution, 1) as contribution
            from {schema}_marts.fct_score_contributions
            where customer_id = ? and score_date = ? and scorecard_version = ?
            order by contribution desc, variable_name
            """,
            [customer, date, version],
        )
        columns = [column[0] for column in result.description]
        print("\n".join(table(columns, result.fetchall())))


if __name__ == "__main__":
    main()
