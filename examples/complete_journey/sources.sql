-- The files as they were published, one view each, and what all of them share.

-- Keys become text. The clock is New York's, in files with and without a time zone.
set timezone = 'America/New_York';

create schema source;

create view source.transactions as
select * replace (household_id::text as household_id)
from read_parquet(getvariable('data') || '/transactions_line_sample_2017.parquet');

create view source.campaigns as
select * replace (campaign_id::text as campaign_id, household_id::text as household_id)
from read_csv(getvariable('data') || '/campaigns.csv.gz');

create view source.campaign_descriptions as
select * replace (campaign_id::text as campaign_id)
from read_csv(getvariable('data') || '/campaign_descriptions.csv.gz');

create view source.coupons as
select * replace (campaign_id::text as campaign_id, coupon_upc::text as coupon_upc)
from read_csv(getvariable('data') || '/coupons.csv.gz');

create view source.coupon_redemptions as
select
    * replace (
        campaign_id::text as campaign_id,
        household_id::text as household_id,
        coupon_upc::text as coupon_upc
    )
from read_csv(getvariable('data') || '/coupon_redemptions.csv.gz');

-- One key is written 9e+05: a number first, then text, and it meets its lines as 900000.
create view source.products as
select * replace (product_id::bigint::text as product_id)
from read_csv(getvariable('data') || '/products.csv.gz');

-- The raw contract wants UTC: 2017-07-01 20:30 in New York is 2017-07-02 00:30.
create macro utc(local_time) as
local_time::timestamp at time zone 'America/New_York' at time zone 'UTC';

-- A bare date becomes its noon, which is the same date in New York and in UTC.
create macro utc_noon(local_date) as utc(local_date + interval 12 hours);

-- After midnight in New York: the whole of 2017 is in.
create macro loaded_at() as timestamp '2018-01-01 08:00:00';
