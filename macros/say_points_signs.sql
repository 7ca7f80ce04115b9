{#
After a run: where most redemptions of the points ledger would count as taken back, its signs are
not what the var burned_points_are_negative says.
#}
{% macro say_points_signs() %}
    {% if was_built("stg_loyalty__points_ledger") %}
        {% set negative = var("burned_points_are_negative") %}
        {% set taken_back, burned = run_query(
            "select count(case when is_negative != " ~ negative | lower ~ " then 1 end), count(*)"
            ~ " from " ~ relation_of("stg_loyalty__points_ledger")
            ~ " where entry_type = 'burn' and replaced_at is null"
        ).rows[0] %}
        {% if taken_back * 2 > burned %}
            {% do log(
                "WARNING: raw_loyalty.points_ledger: " ~ "{:,}".format(taken_back) ~ " of "
                ~ "{:,}".format(burned) ~ " burn entries are " ~ ("positive" if negative
                else "negative") ~ " and count as redemptions taken back. If redemptions are booked"
                ~ " with this sign, set the variable burned_points_are_negative: "
                ~ (not negative) | lower ~ ".",
                info=true
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
