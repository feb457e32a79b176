-- From when an approved profile holds that pays a partner elsewhere than before; none: from its approval.
alter table payout_profiles add column holds_from text;
