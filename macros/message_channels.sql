{# The channels that messages are sent on, and so can be consented to, as the raw contract has them. #}
{% macro message_channels() %}
    {% set contacts = raw_source("raw_crm", "campaign_contacts") %}
    {{ return(contacts.columns.channel.config.meta.accepted if contacts else []) }}
{% endmacro %}
