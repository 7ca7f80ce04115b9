"""Gives each score its level and its persona.

Levels fold over a customer's score dates with a margin: the first one is read off the bounds;
afterwards a bound is crossed upwards at bound + margin and downwards below bound - margin, and in
between a customer stays on the side they were on. A score below the scorecard's minimum coverage
has no level and leaves the fold as it was (held_rank goes on saying where it stands). An increment
folds on from the last score date before those that are due. The persona is that of the nearest
stored centroid.
"""

import narwhals as nw

NEVER = 2**53  # beyond every number of a score date
KEYS = ["customer_id", "score_date", "score_date_number", "scorecard_version"]
COLUMNS = [*KEYS, "engagement_level", "level_rank", "held_rank", "persona"]


def side(rank, bound, margin):
    """1 above, 0 below one bound, held while the score lies within the margin around it.

    Null before a customer's first score.
    """
    score, known_rank = nw.col("leveled_score"), nw.col("known_rank")
    # number * 2 + side grows with the score dates, so the running maximum is the last side beyond
    # the margin, what is known from before being less, and the running minimum the first of all.
    even = nw.col("score_date_number") * 2
    before = nw.when(known_rank >= rank).then(even - 1).when(known_rank < rank).then(even - 2)
    side_of_all = nw.when(score >= bound).then(even + 1).when(score < bound).then(even)
    beyond = (score >= bound + margin) | (score < bound - margin)
    side_beyond = nw.when(beyond).then(side_of_all).otherwise(before).fill_null(-1)
    last = side_beyond.cum_max().over("customer_id", order_by="score_date_number")
    first = side_of_all.fill_null(NEVER).cum_min().over("customer_id", order_by="score_date_number")
    return nw.when(last >= 0).then(last % 2).when(first < NEVER).then(first % 2)


def levels(scores, bounds, minimum_coverage):
    """scores of one scorecard version + level_rank and held_rank.

    bounds: {rank: (lower_bound, margin)}. known_rank: null, but where a fold goes on the rank that
    was held before.
    """
    # Rounded like the score, as a sum of weights may miss a bound in its last digit.
    covered = (nw.col("coverage").round(8) >= minimum_coverage) & ~nw.col("score").is_null()
    scores = scores.with_columns(leveled_score=nw.when(covered).then(nw.col("score").round(8)))
    lowest = min(bounds)
    sides = {f"side_{lowest}": side(lowest, float("-inf"), 0.0)}  # of whom there is a score at all
    sides |= {f"side_{rank}": side(rank, *bounds[rank]) for rank in sorted(bounds)[1:]}
    scores = scores.with_columns(**sides)
    scores = scores.with_columns(held_rank=lowest - 1 + sum(nw.col(name) for name in sides))
    has_level = ~nw.col("leveled_score").is_null()
    return scores.with_columns(level_rank=nw.when(has_level).then(nw.col("held_rank")))


def distance(centroid):
    """Squared distance to one centroid: {dimension: {centroid, mean, deviation}}."""
    total = nw.lit(0.0)
    for dimension, p in centroid.items():
        scaled = ((nw.col(f"score_{dimension}") - p["mean"]) / p["deviation"]).fill_null(0.0)
        total = total + (scaled - p["centroid"]) * (scaled - p["centroid"])
    return total


def nearest(scores, centroids):
    """scores + persona; of equally near centroids the first by name."""
    if not centroids:  # nothing was measurable in the reference period
        return scores.with_columns(persona=nw.lit(None, nw.String))
    names = sorted(centroids)
    distances = {f"distance_{i}": distance(centroids[name]) for i, name in enumerate(names)}
    scores = scores.with_columns(**distances)
    least = nw.min_horizontal(*distances, nw.lit(float("inf")))
    persona = nw.lit(None, nw.String)
    for i, name in reversed(list(enumerate(names))):
        persona = nw.when(nw.col(f"distance_{i}") == least).then(nw.lit(name)).otherwise(persona)
    return scores.with_columns(persona=nw.when(~nw.col("score").is_null()).then(persona))


def rows_of(relation):
    return list(nw.from_native(relation).lazy().collect("pyarrow").iter_rows(named=True))


def held_before(due_scores, score_dates, stored):
    """The first date of each customer that is due, with known_rank, the rank held before it."""
    firsts = due_scores.group_by("customer_id").agg(nw.col("score_date").min())
    previous = score_dates.select("score_date", before="previous_score_date")
    stored = stored.select(
        "customer_id", "scorecard_version", before="score_date", known_rank="held_rank"
    )
    return firsts.join(previous, on="score_date").join(stored, on=["customer_id", "before"])


def model(dbt, session):
    scores = nw.from_native(dbt.ref("int_scores"))
    score_dates = nw.from_native(dbt.ref("int_score_dates"))
    due_scores = nw.from_native(dbt.ref("int_due_scores"))
    unsegmented = nw.from_native(dbt.ref("int_unsegmented_scores"))
    restated = {row["scorecard_version"] for row in rows_of(dbt.ref("int_due_segments"))}
    level_rows = rows_of(dbt.ref("int_engagement_levels"))
    centroid_rows = rows_of(dbt.ref("int_persona_centroids"))
    versions = rows_of(dbt.ref("int_scorecard_versions"))
    frames = []
    for version in sorted(versions, key=lambda row: row["scorecard_version"]):
        key = version["scorecard_version"]
        own_levels = [row for row in level_rows if row["scorecard_version"] == key]
        if not own_levels:
            raise ValueError(
                f"Scorecard {key} has no levels: add its rows to a relation that the variable "
                "engagement_level_relations names (see seeds/engagement_levels.csv)."
            )
        bounds = {row["level_rank"]: (row["lower_bound"], row["margin"]) for row in own_levels}
        centroids = {}
        for row in centroid_rows:
            if row["scorecard_version"] == key:
                dimensions = centroids.setdefault(row["persona"], {})
                dimensions.setdefault(row["dimension"], {})[row["statistic"]] = row["value"]
        is_folded_on = dbt.is_incremental and key not in restated
        segmented = unsegmented if is_folded_on else scores
        segmented = segmented.filter(nw.col("scorecard_version") == key)
        if is_folded_on:
            stored = nw.from_native(session.table(str(dbt.this)))
            held = held_before(due_scores, score_dates, stored)
            held = held.filter(nw.col("scorecard_version") == key)
            held = held.select("customer_id", "score_date", "known_rank")
            segmented = segmented.join(held, on=["customer_id", "score_date"], how="left")
        else:
            segmented = segmented.with_columns(known_rank=nw.lit(None, nw.Int64))
        segmented = nearest(levels(segmented, bounds, version["minimum_coverage"]), centroids)
        label = nw.lit(None, nw.String)
        for row in own_levels:
            label = (
                nw.when(nw.col("level_rank") == row["level_rank"])
                .then(nw.lit(row["engagement_level"]))
                .otherwise(label)
            )
        segmented = segmented.with_columns(engagement_level=label)
        frames.append(segmented.select(COLUMNS))
    return nw.concat(frames).to_native()
