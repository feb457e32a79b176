-- Until when a request may still reach the processor of payments, by real time: before then nothing else becomes of it. How often the
-- processor has refused it by an answer. And by which of its keys it is sent: the processor keeps what it has answered to a key, refusals
-- included, so that there is another one after each refusal.
alter table processor_outbox add column in_flight_until text;
alter table processor_outbox add column refusals bigint not null default 0;
alter table processor_outbox add column generation bigint not null default 1;
