-- A period that came instead of another one has what was left of that: what is given back of the one before is taken from it.
create table plan_successions (
    invoice  bigint primary key references invoices (number),
    replaces bigint not null references invoices (number)
);
create index plan_successions_by_replaced on plan_successions (replaces);
-- Where a part of the rest of a period was given back, what was earned before stays: from then on the rest is earned by the day.
create table plan_rests (
    invoice      bigint primary key references invoices (number),
    from_at      text not null,
    earned_minor bigint not null
);

-- What was given back whole until now is over.
update plan_periods set ended_at = (select max(refunds.at) from refunds where refunds.invoice = plan_periods.invoice)
where ended_at is null and price_minor > 0 and refunded_minor = price_minor and recognised_minor = 0
  and exists (select 1 from refunds where refunds.invoice = plan_periods.invoice);
