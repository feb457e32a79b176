-- What of a period's price was given back: the price of the whole period is lower by it.
alter table plan_periods add column refunded_minor bigint not null default 0;
-- Nothing was ever written there: what was given back of a sale stands in its lines.
alter table refunds drop column sale;
