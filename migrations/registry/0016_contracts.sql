-- An order is a contract with a begin and an end: a customer may have several of a plugin, one after the other. What refers to
-- orders is made again with them.
drop index orders_by_customer;
alter table ratings rename to ratings_before;
alter table orders rename to orders_before;
create table orders (
    reference  text primary key,
    customer   text not null references accounts (name),
    plugin     text not null references plugins (id),
    offer      text not null,
    discount   text not null,
    referrer   text references namespaces (name),
    tax_minor  bigint not null,
    ordered_at text not null,
    ended_at   text,
    paid_at    text,
    invoice    bigint
);
insert into orders (reference, customer, plugin, offer, discount, referrer, tax_minor, ordered_at, ended_at, paid_at, invoice)
select reference, customer, plugin, offer, discount, referrer, tax_minor, ordered_at, ended_at, paid_at, invoice
from orders_before;
create table ratings (
    reference     text not null references orders (reference),
    month         text not null,
    invoiced_in   text not null,
    used          bigint not null,
    charged_minor bigint not null,
    primary key (reference, month, invoiced_in)
);
insert into ratings (reference, month, invoiced_in, used, charged_minor)
select reference, month, invoiced_in, used, charged_minor from ratings_before;
-- What a rating was sold as: one sale for each policy that was in force when it was used.
create table rating_sales (
    sale        bigint primary key,
    reference   text not null references orders (reference),
    month       text not null,
    invoiced_in text not null
);
insert into rating_sales (sale, reference, month, invoiced_in)
select sale, reference, month, invoiced_in from ratings_before where sale is not null;
create index rating_sales_by_rating on rating_sales (reference, month);
drop table ratings_before;
drop table orders_before;
create index orders_by_customer on orders (customer, ordered_at, reference);
create index orders_by_plugin on orders (customer, plugin, ordered_at);

-- What the close of a month could not charge, and why; a plugin of '' stands for all of the customer's month.
create table set_aside (
    month   text not null,
    account text not null references accounts (name),
    plugin  text not null,
    reason  text not null,
    since   text not null,
    primary key (month, account, plugin)
);

-- Use of plugins that cost something, by those who had no order of them then: closed months alone.
create table unlicensed_use (
    month          text not null,
    account        text not null references accounts (name),
    plugin         text not null references plugins (id),
    events         bigint not null,
    replica_millis bigint not null,
    gpu_millis     bigint not null,
    primary key (month, account, plugin)
);
