{#
The channels that messages are sent on, and so can be consented to. A test holds the raw contract's
lists of accepted channels to this one.
#}
{% macro message_channels() %}
    {{- return(["email", "postal", "sms", "push", "call"]) -}}
{% endmacro %}
