-- What was answered to writes that came with an `Idempotency-Key`, for a day. `name` follows from the account and the key, and `asked` from
-- the method, the path, for whom it is asked and the body. The answer is sealed by the key and by what its sender authenticates with, neither of which is here.
-- No answer: it is being made, or what came of it is not known.
create table idempotent_answers (
    name    text primary key,
    account text not null references accounts (name),
    asked   text not null,
    at      text not null,
    answer  text
);
create index idempotent_answers_by_time on idempotent_answers (at);
create index idempotent_answers_by_account on idempotent_answers (account, at);
