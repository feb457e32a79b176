-- What a figure of a month is meant to be, as people write it: `50000.00 USD`, `80 %`, `3`.
create table figure_targets (
    figure text not null,
    month  text not null,
    target text not null,
    primary key (figure, month)
);
-- Figures are of what was sold and given back by month.
create index sales_by_time on sales (sold_at);
create index refunds_by_time on refunds (at);
