-- What a partner owes is given up by the rules of approval.
insert into approval_rules (kind, currency, above_minor, approvals) values ('write-off', '', 0, 1);
