-- What payments at the processor have paid of invoices in part, and what of that was given back while they were open.
create table processor_parts (
    payment        text primary key,
    invoice        bigint not null references invoices (number),
    minor          bigint not null,
    returned_minor bigint not null
);
create index processor_parts_by_invoice on processor_parts (invoice);
