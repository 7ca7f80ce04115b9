{{ config(materialized="view") }}

{{ sample_of({
    "fct_engagement_scores": {
        "relation": ref("fct_engagement_scores"),
        "key": "customer_id",
        "where": "is_latest",
        "part": "scorecard_version",
        "numbers": ["score", "coverage", "percentile"],
    },
    "fct_customer_segments": {
        "relation": ref("fct_customer_segments"),
        "key": "customer_id",
        "where": "is_latest",
        "part": "scorecard_version",
        "texts": ["engagement_level", "persona"],
    },
}) }}
