-- Who sells here, from a day on: a JSON object of its name, address, numbers and bank account.
create table sellers (
    since text primary key,
    body  text not null
);

-- What documents are made out to.
alter table billing_profiles add column name text;
alter table billing_profiles add column street text;
alter table billing_profiles add column postcode text;
alter table billing_profiles add column city text;

-- What VIES was asked last of a number, and what it has said last: a JSON object; none: it has not answered yet.
create table tax_checks (
    number   text primary key,
    asked_at text not null,
    body     text
);
update billing_profiles set tax_id = upper(replace(replace(replace(tax_id, ' ', ''), '.', ''), '-', ''))
where country in ('AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GR', 'HR', 'HU', 'IE', 'IT', 'LT', 'LU', 'LV',
                  'MT', 'NL', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK');
insert into tax_checks (number, asked_at)
select distinct tax_id, '1970-01-01T00:00:00.000000Z' from billing_profiles
where tax_id is not null and country in
    ('AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GR', 'HR', 'HU', 'IE', 'IT', 'LT', 'LU', 'LV', 'MT', 'NL',
     'PL', 'PT', 'RO', 'SE', 'SI', 'SK');

-- What an order was quoted of the tax, as a JSON object, and when; none: an earlier version did not keep it.
alter table orders add column quote text;
alter table orders add column quoted_at text;

-- Documents as they were issued: rows are only ever added. `body` is the whole of it as a JSON object, and the columns before it are of
-- that: `country` is whose tax it is, and '' where it is no country's.
create table documents (
    series    text not null,
    number    bigint not null,
    kind      text not null,
    issued_on text not null,
    country   text not null,
    category  text not null,
    rate      text not null,
    currency  text not null,
    net_minor bigint not null,
    tax_minor bigint not null,
    body      text not null,
    primary key (series, number)
);
create index documents_by_day on documents (issued_on);
