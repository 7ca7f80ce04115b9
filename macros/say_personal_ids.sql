{#
After a run: names the columns of account and card ids in which new rows hold what looks like e-mail
addresses or phone numbers. The marts show customer_id, so such ids would put personal data there.
No value is printed.
#}
{% macro say_personal_ids() %}
    {% set questions = [] %}
    {% for result in (results if execute and flags.WHICH in ["run", "build"] else [])
        if result.status == "success" and result.node.name.startswith("stg_") %}
        {% for column in result.node.columns if column in [
            "customer_id", "from_customer_id", "into_customer_id", "referred_customer_id",
            "member_id", "referrer_member_id",
        ] %}
            {% do questions.append(
                "select '" ~ result.node.name ~ "', '" ~ column ~ "', count("
                ~ looks_like_email(column) ~ "), count(" ~ looks_like_phone(column) ~ ") from "
                ~ relation_of(result.node.name) ~ " where written_at = " ~ run_time()
                ~ " and replaced_at is null"
            ) %}
        {% endfor %}
    {% endfor %}
    {% for name, column, emails, phones in
        (run_query(questions | join(" union all ")).rows if questions else []) %}
        {% for kind, count in {"e-mail addresses": emails, "phone numbers": phones}.items()
            if count %}
            {% do log(
                "WARNING: " ~ name | replace("stg_", "raw_") | replace("__", ".") ~ ": "
                ~ "{:,}".format(count | int) ~ " new rows have a " ~ column ~ " that looks like "
                ~ kind ~ ". The marts show customer_id: land another key, or the hash of this one.",
                info=true
            ) %}
        {% endfor %}
    {% endfor %}
{% endmacro %}


{# 1 where a text looks like an e-mail address, else null; the cheap question comes first. #}
{% macro looks_like_email(column) %}
    {{- return("case when " ~ column ~ " like '%@%' then case when "
        ~ matches_pattern(column, "^[^@ ]+@[^@ ]+[.][A-Za-z]{2,}$") ~ " then 1 end end") -}}
{% endmacro %}

{#
1 where a text looks like a phone number: +33 6 12 34 56 78, 06 12 34 56 78, (555) 123-4567. Digits
alone are one with ten of them and a single leading zero; ids padded with zeros have more.
#}
{% macro looks_like_phone(column) %}
    {% set pattern = "^[+][0-9][0-9 ().-]{6,}$|^0[1-9]([ .-]?[0-9]{2}){4}$"
        ~ "|^[(]?[0-9]{3}[)]?[ .-]+[0-9]{3}[ .-][0-9]{4}$" %}
    {{- return("case when left(" ~ column ~ ", 1) in ('+', '0', '(') or " ~ column
        ~ " like '% %' or " ~ column ~ " like '%-%' then case when "
        ~ matches_pattern(column, pattern) ~ " then 1 end end") -}}
{% endmacro %}
