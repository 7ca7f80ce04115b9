"""The score finds what the demo hides: the latent engagement that no model reads."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import yaml
from harness import ROOT, Project, at_once, generate
from scipy.stats import rankdata, spearmanr
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

WORLDS = {"seed_7": (7, 3_000), "seed_11": (11, 1_500), "seed_23": (23, 1_500)}
DAYS = 365  # what the baselines look back on
RELATIONS = ["+fct_engagement_scores", "+fct_customer_segments", "+fct_customer_value"]


def engagements() -> str:
    """What counts as done by the customer, quoted for SQL."""
    path = ROOT / "models" / "3_activities" / "int_activities.yml"
    (model,) = yaml.safe_load(path.read_text())["models"]
    catalogue = model["config"]["meta"]["activities"]
    names = [name for name, kind in catalogue.items() if kind["is_engagement"]]
    assert "store_purchased" in names
    assert "email_sent" not in names
    return "'" + "', '".join(names) + "'"


def latest_rows(project: Project) -> dict[str, np.ndarray]:
    """Each customer on the last day: score, level, truth, normalised variables and baselines."""
    truth = f"{project.raw}/truth/latent_engagement.parquet"
    return project.columns(f"""
        with done as (
            select customer_id,
                date_diff('day', max(activity_date), latest.score_date) as idle_days,
                count(*) filter (activity_date > latest.score_date - {DAYS}) as frequency
            from engagement_activities.int_activities
            cross join (
                select score_date from engagement_variables.int_score_dates where is_latest
            ) as latest
            where excluded_reason is null and activity in ({engagements()})
                and activity_date <= latest.score_date
            group by customer_id, latest.score_date
        ),
        bought as (
            select receipts.customer_id,
                date_diff('day', max(transacted_at)::date, any_value(latest)) as buy_days,
                count(*) as orders, sum(amount) as spent
            from (
                select coalesce(accounts.customer_id, cards.customer_id) as customer_id, sales.*
                from engagement_staging.stg_loyalty__transactions as sales
                left join engagement_identity.int_customer_accounts as accounts
                    on sales.customer_id = accounts.account_id
                left join engagement_identity.int_card_customers as cards using (member_id)
            ) as receipts
            join engagement_staging.stg_loyalty__transaction_amounts using (transaction_id)
            cross join (
                select score_date as latest from engagement_variables.int_score_dates
                where is_latest
            )
            where not is_return and transacted_at::date > latest - {DAYS}
            group by receipts.customer_id
        )
        select normalised.*, scores.score, segments.level_rank, truth.latent_engagement as truth,
            coalesce(idle_days, 9999) as idle_days, coalesce(frequency, 0) as frequency,
            coalesce(buy_days, 9999) as buy_days, coalesce(orders, 0) as orders,
            coalesce(spent, 0) as spent
        from engagement_normalised.int_normalised_variables as normalised
        join engagement_marts.fct_engagement_scores as scores
            using (customer_id, score_date, scorecard_version)
        join engagement_marts.fct_customer_segments as segments
            using (customer_id, score_date, scorecard_version)
        join read_parquet('{truth}') as truth
            on truth.customer_id = normalised.customer_id
            and truth.month_end = normalised.score_date
        left join done on done.customer_id = normalised.customer_id
        left join bought on bought.customer_id = normalised.customer_id
        where scores.is_latest and scorecard_version like 'balanced%' and score is not null
        order by normalised.customer_id""")


def ridge(rows: dict[str, np.ndarray], project: Project) -> np.ndarray:
    """What a ridge regression that knows the truth of the other four fifths predicts."""
    keys = {"customer_id", "score_date", "scorecard_version"}
    described = project.ask("describe engagement_normalised.int_normalised_variables")
    names = [row[0] for row in described if row[0] not in keys]
    values = np.column_stack([rows[name].astype(float) for name in names])
    values = values[:, ~np.isnan(values).all(axis=0)]
    model = make_pipeline(
        SimpleImputer(add_indicator=True), StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))
    )
    folds = KFold(5, shuffle=True, random_state=0)
    with threadpool_limits(1):
        return cross_val_predict(model, values, rows["truth"], cv=folds)


def quintile(values: np.ndarray) -> np.ndarray:
    return np.ceil(5 * rankdata(values) / len(values))


def rank_agreement(project: Project) -> dict[str, float]:
    """Spearman's correlation of the score, the ridge and each baseline with the truth."""
    rows = latest_rows(project)
    rfm = quintile(-rows["buy_days"]) + quintile(rows["orders"]) + quintile(rows["spent"])
    candidates = {
        "score": rows["score"],
        "ridge": ridge(rows, project),
        "recency": -rows["idle_days"],
        "frequency": rows["frequency"],
        "rfm": rfm,
    }
    return {name: spearmanr(v, rows["truth"]).statistic for name, v in candidates.items()}


def level_means(project: Project) -> dict[int, float]:
    """Level rank -> mean latent engagement of the customers in it."""
    rows = latest_rows(project)
    ranks = rows["level_rank"].astype(float)
    return {int(r): rows["truth"][ranks == r].mean() for r in np.unique(ranks[~np.isnan(ranks)])}


def build(folder, seed: int, customers: int) -> Project:
    raw = generate(folder / "raw", customers, seed)
    return Project(folder / "build", raw).build("--select", *RELATIONS)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> dict[str, Project]:
    folder = tmp_path_factory.mktemp("worlds")
    jobs = [partial(build, folder / name, *world) for name, world in WORLDS.items()]
    return dict(zip(WORLDS, at_once(jobs), strict=True))


@pytest.fixture(scope="module")
def agreements(worlds) -> dict[str, dict[str, float]]:
    return {name: rank_agreement(project) for name, project in worlds.items()}


@pytest.mark.parametrize("name", WORLDS)
def test_the_score_ranks_within_0_05_of_a_cross_validated_ridge(agreements, name):
    found = agreements[name]
    assert found["score"] >= found["ridge"] - 0.05, found


@pytest.mark.parametrize("name", WORLDS)
def test_the_score_ranks_at_least_0_10_above_recency_frequency_and_rfm(agreements, name):
    found = agreements[name]
    best = max(found["recency"], found["frequency"], found["rfm"])
    assert found["score"] >= best + 0.10, found


@pytest.mark.parametrize("name", WORLDS)
def test_each_level_is_on_average_more_engaged_than_the_level_below(worlds, name):
    means = level_means(worlds[name])
    assert len(means) == 5
    in_order = [means[rank] for rank in sorted(means)]
    assert all(low < high for low, high in pairwise(in_order)), means


@pytest.mark.parametrize("name", WORLDS)
def test_recency_frequency_and_rfm_are_fair_rivals(agreements, name):
    """A rival that knows nothing would be no bar."""
    for rival in ("recency", "frequency", "rfm", "ridge"):
        assert agreements[name][rival] > 0.2, agreements[name]
