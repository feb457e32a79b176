-- Parts of a payout that came back after it had arrived: of what was sent, of what it had taken, and of what was withheld.
create table payout_returns (
    payout         bigint not null references payouts (id),
    transaction_id bigint not null,
    sent_minor     bigint not null,
    minor          bigint not null,
    withheld_minor bigint not null,
    primary key (payout, transaction_id)
);
-- What part payments have paid of invoices that are open.
create table part_payments (
    invoice bigint primary key references invoices (number),
    minor   bigint not null
);
