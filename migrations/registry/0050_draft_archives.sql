-- Of a draft that came in an archive of its plugin's folder: where in it the component was and, in words, in what the files beside it differ
-- from what the component carries, as JSON. Null: the component came alone.
alter table drafts add column unpacked text;
