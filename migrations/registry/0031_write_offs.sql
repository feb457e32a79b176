-- What a partner owes is given up by the rules of approval; expenses and exchanges need nobody else, unless another rule is set.
insert into approval_rules (kind, currency, above_minor, approvals) values ('write-off', '', 0, 1), ('expense', '', 0, 0);
