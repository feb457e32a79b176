-- How the shop shows a plugin, as its publisher says at any time; no signature covers it. None of it is there for a plugin without a row.
create table listings (
    plugin        text primary key references plugins (id),
    category      text,
    homepage      text,
    documentation text,
    source        text,
    issues        text,
    support       text
);

-- The images of a listing: one 'icon', and a 'screenshot' for each place that it stands at. Their bytes are in the blob store as long as
-- they are here, and count as kept by the namespace. `media_type` is what their content says; width and height are in pixels.
create table listing_images (
    plugin     text not null references plugins (id),
    part       text not null,
    digest     text not null,
    media_type text not null,
    bytes      bigint not null,
    width      bigint not null,
    height     bigint not null,
    place      bigint not null,
    caption    text,
    primary key (plugin, part, digest)
);
create unique index listing_icons on listing_images (plugin) where part = 'icon';
create index listing_images_by_digest on listing_images (digest);
