"""The second half of pandas_pipeline.py: from activities to variables, and from those to scores."""

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

PROJECT = Path(__file__).resolve().parent.parent
DIMENSIONS = ["recency", "frequency", "depth", "diversity", "participation", "advocacy"]
OUTBOUND = ["email", "postal", "sms", "push"]
STEPS = np.arange(0, 101, 5) / 100  # the quantiles that a percentile is interpolated between

# The channel that must be running for an activity to be told, and whether it shows engagement.
CHANNEL_OF = {
    "email_sent": "email", "email_bounced": "email", "email_opened": "email",
    "email_clicked": "email", "postal_sent": "postal", "postal_replied": "postal",
    "sms_sent": "sms", "sms_answered": "sms", "push_sent": "push", "push_opened": "push",
    "web_visited": "web", "online_ordered": "web", "review_written": "web", "app_visited": "app",
    "store_purchased": "store", "store_visited": "store", "event_attended": "store",
    "category_bought": "store", "service_contacted": "contact_centre",
    "promotion_joined": "loyalty", "benefit_redeemed": "loyalty", "points_earned": "loyalty",
    "points_burned": "loyalty", "referral_made": "loyalty", "survey_answered": "survey",
    "preference_given": "survey",
}  # fmt: skip
NO_ENGAGEMENT = [
    "email_sent", "email_bounced", "postal_sent", "sms_sent", "push_sent", "category_bought",
    "points_earned",
]  # fmt: skip
ENGAGEMENTS = [activity for activity in CHANNEL_OF if activity not in NO_ENGAGEMENT]
ACTIVE_BY = {  # what makes a customer active on one of the ten channels
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
STORE_VISITS = ACTIVE_BY["store"]
TIMED = {  # whose seconds are summed
    "web_seconds": ["web_visited"],
    "app_seconds": ["app_visited"],
    "store_seconds": ["store_visited", "event_attended"],
}


def read_yaml(name: str) -> dict:
    return yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))


def local_day(moments: pd.Series, zone: str) -> pd.Series:
    local = moments.dt.tz_localize("UTC").dt.tz_convert(zone)
    return local.dt.tz_localize(None).dt.normalize()


def compute_variables(
    activities: pd.DataFrame,
    people: pd.DataFrame,
    consents: pd.DataFrame,
    known_uses: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: dict,
) -> pd.DataFrame:
    """One row per customer and score date: each month's end and the last day of data."""
    customers = scored_customers(activities, people, known_uses, settings)
    ends = pd.date_range(activities["day"].min(), as_of, freq="ME")
    dates = ends.union([as_of]).as_unit("us")
    first_use = first_uses(activities, dates)
    return pd.concat(
        [
            variables_at(date, activities, customers, consents, first_use, settings)
            for date in dates
        ],
        ignore_index=True,
    )


def scored_customers(
    activities: pd.DataFrame, people: pd.DataFrame, known_uses: pd.DataFrame, settings: dict
) -> pd.DataFrame:
    """Per customer: since when somebody is scored, a member, or to be seen on the web and app."""
    zone = settings["business_timezone"]
    customers = people[~people["is_internal"]]
    engaged = activities[activities["activity"].isin(ENGAGEMENTS)].groupby("customer")["day"].min()
    on_web = activities[activities["channel"] == "web"].groupby("customer")["day"].min()
    app_uses = known_uses[known_uses["channel"] == "app"].groupby("customer")["known_at"].min()
    registered = local_day(customers["registered_at"], zone)
    return pd.DataFrame({
        "market": customers["market"],
        "scored_from": pd.concat([registered, engaged], axis=1).min(axis=1)[customers.index],
        "member_from": local_day(customers["joined_at"], zone),
        "web_from": on_web.reindex(customers.index),
        "app_from": local_day(app_uses, zone).reindex(customers.index),
    })  # fmt: skip


def first_uses(activities: pd.DataFrame, dates: pd.DatetimeIndex) -> pd.Series:
    """Per activity: the first score date at which it counts for anybody."""
    date = dates[dates.searchsorted(activities["day"])]
    counts = date < activities["until"]
    first = pd.Series(date, index=activities.index)[counts]
    return first.groupby(activities["activity"], observed=False).min()


def variables_at(
    date: pd.Timestamp,
    activities: pd.DataFrame,
    customers: pd.DataFrame,
    consents: pd.DataFrame,
    first_use: pd.Series,
    settings: dict,
) -> pd.DataFrame:
    """The variables of everybody at one score date; null where they cannot be measured."""
    customers = customers[customers["scored_from"] <= date]
    past = activities[activities["day"] <= date]
    n = totals(past[past["until"] > date], date, customers.index, settings)
    told = past[past["activity"].isin(["preference_given", "preference_withdrawn"])]
    told = told.sort_values(["happened_at", "activity"])
    asked = told.loc[told["activity"] == "preference_given", "label"].nunique()
    known = told.drop_duplicates(["customer", "label"], keep="last")
    known = known[known["activity"] == "preference_given"].groupby("customer").size()

    runs = running(date, first_use)
    reached = pd.DataFrame({
        channel: is_reached(channel, date, n, consents, channel + "_sent" in runs)
        for channel in OUTBOUND
    })  # fmt: skip
    is_member = customers["member_from"] <= date
    web_runs = bool(runs & {"web_visited", "online_ordered", "review_written"})
    reached["web"] = (customers["web_from"] <= date) & web_runs
    reached["app"] = (customers["app_from"] <= date) & ("app_visited" in runs)
    everybody = {*STORE_VISITS, "survey_answered", "service_contacted"}
    anywhere = reached.any(axis=1) | is_member | bool(runs & everybody)

    def measured(values: pd.Series, whom: pd.Series | bool, *needed: str) -> pd.Series:
        """Null for whom it cannot be observed, and where none of what it needs is run."""
        is_run = not needed or bool(runs & set(needed))
        return values.astype(float).where(pd.Series(whom, values.index) & is_run)

    delivered = (n["email_sent"] - n["email_bounced"]).clip(lower=0)
    window = settings["window_days"]
    active_channels = sum((n[kinds].sum(axis=1) > 0).astype(int) for kinds in ACTIVE_BY.values())
    store_visits = n[STORE_VISITS].sum(axis=1)
    completeness = (known.reindex(n.index, fill_value=0) / max(asked, 1)).clip(upper=1)
    return pd.DataFrame({
        "market": customers["market"],
        "score_date": date,
        "email_opens": measured(n["email_opened"], reached["email"]),
        "email_clicks": measured(n["email_clicked"], reached["email"]),
        "email_click_rate": measured(rate(n["email_clicked"], delivered), reached["email"]),
        "postal_replies": measured(n["postal_replied"], reached["postal"]),
        "sms_answers": measured(n["sms_answered"], reached["sms"]),
        "push_opens": measured(n["push_opened"], reached["push"]),
        "web_visits": measured(n["web_visited"], reached["web"], "web_visited"),
        "web_engaged_minutes": measured(n["web_seconds"] / 60, reached["web"], "web_visited"),
        "online_orders": measured(n["online_ordered"], reached["web"], "online_ordered"),
        "app_visits": measured(n["app_visited"], reached["app"]),
        "app_engaged_minutes": measured(n["app_seconds"] / 60, reached["app"]),
        "store_visits": measured(store_visits, True, *STORE_VISITS),
        "store_visit_minutes": measured(
            n["store_seconds"] / 60, True, "store_visited", "event_attended"
        ),
        "events_attended": measured(n["event_attended"], is_member, "event_attended"),
        "service_contacts": measured(n["service_contacted"], True, "service_contacted"),
        "recency_days": measured((date - n["last_day"]).dt.days.fillna(window), anywhere),
        "decayed_active_days": measured(n["decayed_days"].round(12), anywhere),
        "active_weeks_rate": measured((n["weeks"] * 7 / window).clip(upper=1), anywhere),
        "channel_diversity": measured(active_channels, anywhere),
        "category_diversity": measured(n["categories"], True, "category_bought"),
        "promotions_joined": measured(n["promotion_joined"], is_member, "promotion_joined"),
        "benefits_redeemed": measured(n["benefit_redeemed"], is_member, "benefit_redeemed"),
        "points_use_rate": measured(
            rate(n["points_burned"], n["points_earned"]), is_member, "points_earned"
        ),
        "preference_completeness": measured(completeness, asked > 0),
        "surveys_answered": measured(n["survey_answered"], True, "survey_answered"),
        "reviews_written": measured(n["review_written"], reached["web"], "review_written"),
        "referrals_made": measured(n["referral_made"], is_member, "referral_made"),
    }).rename_axis("customer_id").reset_index()  # fmt: skip


def rate(part: pd.Series, whole: pd.Series) -> pd.Series:
    """A share between 0 and 1; of nothing, 0."""
    return (part / whole).where(whole > 0, 0).clip(upper=1)


def totals(
    counted: pd.DataFrame, date: pd.Timestamp, customers: pd.Index, settings: dict
) -> pd.DataFrame:
    """Per customer: how many of each activity count at a date, and what else is summed up."""
    by_activity = counted.groupby(["customer", "activity"], observed=True)
    per_activity = by_activity.size().unstack(fill_value=0)
    per_activity.columns = per_activity.columns.astype(str)
    n = per_activity.reindex(index=customers, columns=list(CHANNEL_OF), fill_value=0)
    for name, kinds in TIMED.items():
        seconds = counted[counted["activity"].isin(kinds)].groupby("customer")["seconds"].sum()
        n[name] = seconds.round(3).reindex(customers, fill_value=0)
    days = counted.loc[counted["activity"].isin(ENGAGEMENTS), ["customer", "day"]]
    days = days.drop_duplicates()
    week = days["day"].dt.to_period("W")
    decayed = 0.5 ** ((date - days["day"]).dt.days / settings["half_life_days"])
    n["last_day"] = days.groupby("customer")["day"].max().reindex(customers)
    n["decayed_days"] = decayed.groupby(days["customer"]).sum().reindex(customers, fill_value=0)
    n["weeks"] = week.groupby(days["customer"]).nunique().reindex(customers, fill_value=0)
    bought = counted[counted["activity"] == "category_bought"]
    categories = bought.groupby("customer")["label"].nunique()
    n["categories"] = categories.reindex(customers, fill_value=0)
    return n


def running(date: pd.Timestamp, first_use: pd.Series) -> set[str]:
    """The activities that the company runs at a date: used by then, and the channel is open."""
    channels = pd.read_csv(
        PROJECT / "seeds/channels.csv", parse_dates=["runs_from", "runs_until"]
    ).set_index("channel")
    is_closed = (date < channels["runs_from"]) | (date >= channels["runs_until"])
    closed = set(channels.index[is_closed])
    used = first_use.index[first_use <= date]
    return {activity for activity in used if CHANNEL_OF.get(activity) not in closed}


def is_reached(
    channel: str, date: pd.Timestamp, n: pd.DataFrame, consents: pd.DataFrame, runs: bool
) -> pd.Series:
    """Whether customers can be observed on an outbound channel at a date.

    They are if they agreed and were sent to, and stay so once they have left it. Where no consent
    was on record by then, the send is enough.
    """
    known = consents[(consents["channel"] == channel) & (consents["from_day"] <= date)]
    state = (
        known[~(known["until_day"] <= date)].groupby("customer")[["is_granted", "is_left"]].any()
    )
    state = state.reindex(n.index, fill_value=False)
    keeps_consent = known["is_granted"].any()
    is_open = state["is_granted"] | (not keeps_consent)
    return runs & (state["is_left"] | ((n[f"{channel}_sent"] > 0) & is_open))


# Scores


def score(variables: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """One row per customer, score date and scorecard version."""
    versions = pd.read_csv(PROJECT / "seeds/scorecard_versions.csv")
    scorecards = pd.read_csv(PROJECT / "seeds/scorecards.csv")
    scored = []
    for version in versions.itertuples():
        scorecard = scorecards[scorecards["scorecard_version"] == version.scorecard_version]
        start = either(version.reference_start_date, settings["reference_start_date"])
        end = either(version.reference_end_date, settings["reference_end_date"])
        sample = draw_sample(variables, start, end, settings["reference_sample_rows"])
        named = set(scorecard["market"]) - {"*"}
        market = variables["market"].where(variables["market"].isin(named), "*")
        for name, weights in scorecard.groupby("market"):
            scored.append(score_by(weights, variables[market == name], sample))
    return pd.concat(scored, ignore_index=True)


def either(own, default):
    return default if pd.isna(own) else own


def draw_sample(variables: pd.DataFrame, start: str, end: str, size: int) -> pd.DataFrame:
    """The rows of a reference period that normalisation is fitted on, in the order of a hash."""
    date = variables["score_date"]
    rows = variables[date.between(pd.Timestamp(start), pd.Timestamp(end)) & date.dt.is_month_end]
    keys = rows["customer_id"] + "|" + rows["score_date"].dt.strftime("%Y-%m-%d")
    rows = rows.assign(hash=[hashlib.md5(key.encode()).hexdigest() for key in keys])
    return rows.sort_values(["hash", "customer_id"]).head(size)


def score_by(scorecard: pd.DataFrame, variables: pd.DataFrame, sample: pd.DataFrame):
    """The scores of a market's customers by its weights, those of what is not measured aside."""
    declared = read_yaml("models/4_variables/int_engagement_variables.yml")["models"][0]["columns"]
    dimension = {c["name"]: c.get("config", {}).get("meta", {}).get("dimension") for c in declared}
    values = pd.DataFrame({
        row.variable_name: normalise(
            variables[row.variable_name], sample[row.variable_name], row.normaliser, row.direction
        )
        for row in scorecard.itertuples()
    })  # fmt: skip
    weights = scorecard.set_index("variable_name")["weight"]
    effective = values.notna() * weights
    points = values.fillna(0) * weights
    mart = variables[["customer_id", "score_date"]].assign(
        scorecard_version=scorecard["scorecard_version"].iloc[0],
        score=share(points.sum(axis=1), effective.sum(axis=1)),
    )
    for name in DIMENSIONS:
        members = [variable for variable in values if dimension[variable] == name]
        mart[f"score_{name}"] = share(points[members].sum(axis=1), effective[members].sum(axis=1))
    return mart.assign(coverage=effective.sum(axis=1) / weights.sum())


def share(points: pd.Series, weights: pd.Series) -> pd.Series:
    """Points of 100; null where nothing could be measured."""
    return 100 * points / weights.where(weights > 0)


def normalise(values: pd.Series, sample: pd.Series, normaliser: str, direction: str) -> pd.Series:
    """A variable on 0-1, higher is more engaged, by the bounds of the sample; null stays null."""
    lower, upper = sample.quantile([0.01, 0.99]).fillna(0)
    if lower == upper:
        lower, upper = pd.Series([sample.min(), sample.max()]).fillna(0)
    clipped, sample = values.clip(lower, upper), sample.clip(lower, upper)
    if normaliser == "percentile":
        quantiles = sample.quantile(STEPS).fillna(0).to_numpy()
        result = sum(
            ((clipped - low) / (high - low)).clip(0, 1) if high > low else (clipped > low) * 1.0
            for low, high in pairwise(quantiles)
        ) / (len(STEPS) - 1)
    elif normaliser == "z_score":
        mean, deviation = sample.mean(), sample.std(ddof=0)
        result = 1 / (1 + np.exp((mean - clipped) / deviation)) if deviation else clipped * 0 + 0.5
    elif lower == upper:
        result = clipped * 0
    elif normaliser == "min_max":
        result = (clipped - lower) / (upper - lower)
    elif normaliser == "log_min_max":
        low, high = np.log(lower + 1), np.log(upper + 1)
        result = (np.log(clipped + 1) - low) / (high - low)
    else:
        raise SystemExit(f"unknown normaliser {normaliser}")
    return (1 - result if direction == "lower" else result).where(values.notna())
