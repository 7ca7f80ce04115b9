-- One row per store that sold something.
with

lines as (
    select * from source.transactions
),

stores as (
    select distinct store_id from lines
)

select
    store_id,
    loaded_at() as _loaded_at
from stores
