-- Whose account a sign-in is linked to, where somebody began it on the page of their own account.
alter table sign_ins add column account text references accounts (name);

-- What a program that waits says of itself, and where it asks from.
alter table device_log_ins add column program text not null default '';
alter table device_log_ins add column address text;
