-- Format 1. Every row of a shard carries `hlt` (hybrid log time, microseconds): an older write of the same
-- row loses. `cell` is the row as `store::cell` writes it; the other columns are its keys and what lists
-- are sorted and filtered by. 64-bit ids are kept as the signed integer of the same bits.

create table monitor (
  tenant integer not null,
  slug text not null,
  hlt integer not null,
  deleted integer not null,
  cell blob not null,
  primary key (tenant, slug)
) strict, without rowid;

-- Tags of monitors that are not deleted.
create table monitor_tag (
  tenant integer not null,
  slug text not null,
  tag text not null,
  primary key (tenant, slug, tag)
) strict, without rowid;
create index monitor_tag_by_tag on monitor_tag (tenant, tag, slug);

create table status (
  tenant integer not null,
  slug text not null,
  hlt integer not null,
  incident_opened_ms integer,
  cell blob not null,
  primary key (tenant, slug)
) strict, without rowid;
create index status_open_incident on status (tenant, incident_opened_ms, slug) where incident_opened_ms is not null;

-- The hot table: one b-tree, no index besides its key. A row holds the pings of one monitor that were
-- written in one step: those at `first_offset` to `log_offset`. Steps differ between an owner and one that
-- replays the log, so rows may overlap; whoever reads lists each ping once. `at_ms` is that of the newest.
create table history (
  monitor integer not null,
  log_offset integer not null,
  first_offset integer not null,
  at_ms integer not null,
  hlt integer not null,
  cell blob not null,
  primary key (monitor, log_offset desc, first_offset)
) strict, without rowid;

-- Also the outbox. `seq` is the order in which rows were stored, never given twice (hence autoincrement, the
-- one table with a rowid): a cursor over it misses nothing, even after the newest rows expired.
create table transition (
  seq integer primary key autoincrement,
  id blob not null unique,
  tenant integer not null,
  monitor integer not null,
  log_offset integer not null,
  known_ms integer not null,
  hlt integer not null,
  cell blob not null
) strict;
create index transition_by_monitor on transition (monitor, log_offset);
create index transition_by_tenant on transition (tenant);
create index transition_by_age on transition (known_ms);

create table delivery (
  id blob not null primary key,
  channel integer not null,
  created_ms integer not null,
  terminal integer not null,
  hlt integer not null,
  cell blob not null
) strict, without rowid;
create index delivery_by_channel on delivery (channel, created_ms, id);
create index delivery_done_by_age on delivery (created_ms) where terminal = 1;

create table revocation (
  monitor integer not null primary key,
  least_generation integer not null,
  hlt integer not null
) strict, without rowid;

-- Large blobs: with a rowid, since those of a table without one sit badly beside their keys.
create table snapshot_chunk (
  shard integer not null,
  kind integer not null,
  idx integer not null,
  epoch integer not null,
  bytes blob not null,
  primary key (shard, kind, idx, epoch)
) strict;

create table snapshot_manifest (
  shard integer not null primary key,
  hlt integer not null,
  bytes blob not null
) strict;

create table shard_owner (
  shard integer not null primary key,
  address text not null,
  node integer not null,
  since_ms integer not null
) strict, without rowid;

create table tenant (
  id integer not null primary key,
  cell blob not null
) strict, without rowid;

create table api_key (
  prefix text not null primary key,
  tenant integer not null,
  cell blob not null
) strict, without rowid;
create index api_key_by_tenant on api_key (tenant, prefix);

create table channel (
  id integer not null primary key,
  tenant integer not null,
  name text not null,
  version integer not null,
  deleted integer not null,
  cell blob not null
) strict, without rowid;
create unique index channel_by_name on channel (tenant, name) where deleted = 0;
