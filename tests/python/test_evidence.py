"""What counts as something that a customer did: sessions, opens, points, returns, referrals.

Each value is worked out by hand. The second load brings late events, what is taken back and a
merge; the increment over it gives what a build from nothing gives.
"""

import pytest
from harness import Project, same_rows
from summary import unconverted

SETTINGS = {
    "business_timezone": "Europe/Paris",
    "score_start_date": "2026-05-01",
    "reference_start_date": "2026-05-01",
    "reference_end_date": "2026-06-30",
    "window_days": 180,
    "half_life_days": 60,
}
FIRST, SECOND = "2026-06-02 05:00", "2026-06-16 05:00"
# table -> columns, rows of the first load, rows of the second
LOADS = {
    "raw_crm/customers": (
        "customer_id,email,created_at",
        ["WEB,web@shop.example,2026-05-01", "APP,,2026-05-01", "ANN,,2026-05-01"],
        ["ODA,,2026-05-01", "ODA-2,,2026-05-01"],
    ),
    "raw_crm/customer_merges": (
        "from_customer_id,into_customer_id,merged_at",
        [],
        ["ODA-2,ODA,2026-06-05"],
    ),
    "raw_crm/campaign_contacts": (
        "contact_id,campaign_id,customer_id,channel,sent_at",
        ["k1,may,ANN,email,2026-05-02 08:00", "k2,may,WEB,email,2026-05-02 08:00"],
        [],
    ),
    "raw_crm/contact_responses": (
        "response_id,contact_id,response_type,responded_at",
        ["a1,k1,opened,2026-05-02 09:00", "a2,k1,clicked,2026-05-02 09:01"],
        ["a3,k2,opened,2026-06-10 09:00"],
    ),
    "raw_web/events": (
        "anonymous_id,login_id,session_id,event_at,event_name,engaged_seconds",
        [
            "c1,web@shop.example,s1,2026-05-05 10:00,page_view,60",
            "c1,web@shop.example,s1,2026-05-20 10:00,page_view,60",
        ],
        [
            "c1,,s1,2026-05-05 13:00,page_view,30",  # late: 3 hours on, still the same visit
            "c1,,s1,2026-05-20 14:00:01,page_view,30",  # a second over 4 hours: the next visit
            "c1,web@shop.example,s1,2026-06-14 10:00,page_view,60",
        ],
    ),
    "raw_app/devices": (
        "device_id,customer_id,installed_at",
        ["d1,APP,2026-05-01"],
        [],
    ),
    "raw_app/events": (
        "device_id,session_id,event_at,event_name",
        ["d1,s1,2026-05-05 10:00,opened", "d1,s1,2026-05-05 10:01,viewed"],
        ["d1,s1,2026-06-14 10:00,opened"],
    ),
    "raw_loyalty/members": (
        "member_id,customer_id,joined_at",
        ["M-ANN,ANN,2026-05-01"],
        [],
    ),
    "raw_loyalty/points_ledger": (
        "entry_id,member_id,entry_type,points,booked_at",
        ["p1,M-ANN,earn,100,2026-05-05", "p2,M-ANN,burn,50,2026-05-22"],
        ["p3,M-ANN,burn,-50,2026-06-10", "p4,M-ANN,earn,-100,2026-06-11"],
    ),
    "raw_loyalty/referrals": (
        "referral_id,referrer_member_id,referred_customer_id,referred_at",
        [
            "r1,M-ANN,ANN,2026-05-10",
            "r2,M-ANN,ODA,2026-05-11",
            "r3,M-ANN,ODA-2,2026-05-12",
            "r4,M-ANN,ODA,2026-05-13",
        ],
        [],
    ),
    "raw_loyalty/transactions": (
        "transaction_id,transacted_at,sales_channel,customer_id,currency",
        [
            "o1,2026-05-06 10:00,online,ANN,EUR",
            "o2,2026-05-07 10:00,online,ANN,EUR",
            "o3,2026-05-08 10:00,online,ANN,JPY",
        ],
        ["o4,2026-06-10 10:00,online,ANN,EUR", "o5,2026-06-11 10:00,online,ANN,EUR"],
    ),
    "raw_loyalty/transaction_lines": (
        "transaction_id,line_id,product_id,quantity,amount",
        ["o1,1,tent,1,80", "o1,2,pegs,2,20", "o2,1,ball,2,40", "o3,1,boots,1,3000"],
        # all of o1 comes back, in another order; of o2's two balls one
        ["o4,1,pegs,-2,-20", "o4,2,tent,-1,-80", "o5,1,ball,1,-20"],
    ),
    "raw_loyalty/products": (
        "product_id,category",
        ["tent,outdoor", "pegs,outdoor", "ball,sport", "boots,shoes"],
        [],
    ),
}


def land(folder, loads: int):
    """The raw tables after one load or two."""
    for table, (header, first, second) in LOADS.items():
        rows = [f"{row},{FIRST}" for row in first] + [f"{row},{SECOND}" for row in second]
        path = folder / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = rows if loads == 2 else rows[: len(first)]
        path.write_text("\n".join([f"{header},_loaded_at", *kept]) + "\n")
    return folder


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Built on the first load, then grown by the second."""
    folder = tmp_path_factory.mktemp("grown")
    project = Project(folder / "build", land(folder / "raw", 1), variables=SETTINGS).build()
    land(folder / "raw", 2)
    return project.build()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh")
    return Project(folder / "build", land(folder / "raw", 2), variables=SETTINGS).build()


def variables(project: Project, customer: str, *names: str) -> dict[str, tuple]:
    """Score date -> values of variables of a customer."""
    rows = project.ask(f"""
        select score_date::varchar, {", ".join(names)}
        from engagement_variables.int_engagement_variables where customer_id = '{customer}'""")
    return {date: values for date, *values in map(tuple, rows) for values in [tuple(values)]}


@pytest.mark.parametrize("name", ["grown", "fresh"])
def test_a_session_id_that_is_reused_for_weeks_is_several_visits(name, request):
    found = request.getfixturevalue(name)
    visits = found.ask("""
        select activity_at::varchar, engaged_seconds from engagement_activities.int_activities
        where activity = 'web_visited' order by all""")
    assert visits == [
        ("2026-05-05 10:00:00", 90),
        ("2026-05-20 10:00:00", 60),
        ("2026-05-20 14:00:01", 30),
        ("2026-06-14 10:00:00", 60),
    ]
    assert variables(found, "WEB", "web_visits", "recency_days", "web_engaged_minutes") == {
        "2026-05-31": (3, 11, 3),
        "2026-06-15": (4, 1, 4),
    }
    assert variables(found, "APP", "app_visits", "recency_days") == {
        "2026-05-31": (1, 26),
        "2026-06-15": (2, 1),
    }


def test_without_a_flag_opens_are_not_measurable_and_clicks_count(grown):
    assert variables(grown, "ANN", "email_opens", "email_clicks") == {
        "2026-05-31": (None, 1),
        "2026-06-15": (None, 1),
    }
    assert variables(grown, "WEB", "email_opens", "email_clicks", "channel_diversity") == {
        "2026-05-31": (None, 0, 1),
        "2026-06-15": (None, 0, 1),
    }
    excluded = grown.ask("""
        select activity, excluded_reason, activity_count
        from engagement_marts.rpt_excluded_activities where channel = 'email'""")
    assert excluded == [("email_opened", "may_be_machine", 2)]


def test_points_that_are_booked_back_are_no_activity_and_their_original_stays_one(grown):
    rows = grown.ask("""
        select activity, activity_date::varchar, excluded_reason
        from engagement_activities.int_activities where activity like 'points%' order by 2""")
    assert rows == [
        ("points_earned", "2026-05-05", None),
        ("points_burned", "2026-05-22", None),
        ("points_burned", "2026-06-10", "reversal"),
        ("points_earned", "2026-06-11", "reversal"),
    ]


def test_a_friend_with_two_accounts_that_were_merged_counts_once_and_oneself_never(grown):
    rows = grown.ask("""
        select activity_date::varchar, excluded_reason
        from engagement_activities.int_activities where activity = 'referral_made' order by 1""")
    assert rows == [
        ("2026-05-10", "self_referral"),
        ("2026-05-11", None),
        ("2026-05-12", "repeated_referral"),
        ("2026-05-13", "repeated_referral"),
    ]


def test_an_order_that_came_back_completely_is_none_from_that_day_on(grown):
    """o1 came back on 10 June, a part of o2 on the 11th. Spend: 100 + 40, then 20; o3 is in yen."""
    assert variables(grown, "ANN", "online_orders") == {"2026-05-31": (3,), "2026-06-15": (2,)}
    value = grown.ask("""
        select score_date::varchar, order_count, return_count, spend, unconverted_count
        from engagement_marts.fct_customer_value where customer_id = 'ANN' order by 1""")
    assert value == [("2026-05-31", 3, 0, 140, 1), ("2026-06-15", 2, 2, 20, 1)]


def test_the_summary_names_the_currency_without_a_rate_and_its_share_of_the_orders(grown):
    with grown.connect() as connection:
        lines = list(unconverted(connection, "engagement"))
    assert lines == [
        "No rate from JPY to EUR: 1 orders (33.3% of all) have no spend."
        " Add JPY and EUR to the seed currency_rates."
    ]


ALIKE = {  # rows that an increment and a build from nothing give alike
    "select channel, visitor_id, started_at, session_id, split_at, login_hash, ended_at,"
    " event_count, engaged_seconds from engagement_identity.int_visits"
    " where replaced_at is null": 3,
    "select * exclude (written_at, replaced_at, key_hash)"
    " from engagement_activities.int_returns where replaced_at is null": 3,
    "select customer_id, activity, activity_at, channel, category, excluded_reason, counts_until"
    " from engagement_activities.int_activities": 6,
    "from engagement_variables.int_engagement_variables": 2,
    "from engagement_marts.fct_customer_value": 2,
}


@pytest.mark.parametrize("sql", ALIKE)
def test_the_increment_gives_what_a_build_from_nothing_gives(grown, fresh, sql):
    assert same_rows(grown, fresh, sql, key=ALIKE[sql]) > 2


def test_a_ledger_of_negative_redemptions_is_noticed_and_read_by_the_setting(tmp_path):
    """Three redemptions of -50 points: taken back, says the build; with the setting they count."""
    entries = [f"p{n},M-ANN,burn,-50,2026-05-0{n},{FIRST}" for n in (1, 2, 3)]
    raw = land(tmp_path / "raw", 1)
    (raw / "raw_loyalty/points_ledger.csv").write_text(
        "\n".join(["entry_id,member_id,entry_type,points,booked_at,_loaded_at", *entries]) + "\n"
    )
    run = ("run", "--select", "+int_activities")
    project = Project(tmp_path / "build", raw, variables=SETTINGS)
    project.dbt("seed")
    said = project.attempt(*run).stdout
    assert "3 of 3 burn entries are negative and count as redemptions taken back." in said
    assert "set the variable burned_points_are_negative: true." in said
    other = {**SETTINGS, "burned_points_are_negative": True}
    project = Project(tmp_path / "build", raw, variables=other)
    assert "burn entries" not in project.attempt(*run, "--full-refresh").stdout
    counted = project.ask("""
        select count(*) from engagement_activities.int_activities
        where activity = 'points_burned' and excluded_reason is null""")
    assert counted == [(3,)]
