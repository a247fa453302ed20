-- Never changed: a file that was written once is read for ever.
pragma application_id = 1364226932;
pragma user_version = 1;
CREATE TABLE monitor (
  tenant integer not null,
  slug text not null,
  hlt integer not null,
  deleted integer not null,
  cell blob not null,
  primary key (tenant, slug)
) strict, without rowid;
CREATE TABLE monitor_tag (
  tenant integer not null,
  slug text not null,
  tag text not null,
  primary key (tenant, slug, tag)
) strict, without rowid;
CREATE INDEX monitor_tag_by_tag on monitor_tag (tenant, tag, slug);
CREATE TABLE status (
  tenant integer not null,
  slug text not null,
  hlt integer not null,
  incident_opened_ms integer,
  cell blob not null,
  primary key (tenant, slug)
) strict, without rowid;
CREATE INDEX status_open_incident on status (tenant, incident_opened_ms, slug) where incident_opened_ms is not null;
CREATE TABLE history (
  monitor integer not null,
  log_offset integer not null,
  first_offset integer not null,
  at_ms integer not null,
  hlt integer not null,
  cell blob not null,
  primary key (monitor, log_offset desc, first_offset)
) strict, without rowid;
CREATE TABLE transition (
  seq integer primary key autoincrement,
  id blob not null unique,
  tenant integer not null,
  monitor integer not null,
  log_offset integer not null,
  known_ms integer not null,
  hlt integer not null,
  cell blob not null
) strict;
CREATE INDEX transition_by_monitor on transition (monitor, log_offset);
CREATE INDEX transition_by_tenant on transition (tenant);
CREATE INDEX transition_by_age on transition (known_ms);
CREATE TABLE delivery (
  id blob not null primary key,
  channel integer not null,
  created_ms integer not null,
  terminal integer not null,
  hlt integer not null,
  cell blob not null
) strict, without rowid;
CREATE INDEX delivery_by_channel on delivery (channel, created_ms, id);
CREATE INDEX delivery_done_by_age on delivery (created_ms) where terminal = 1;
CREATE TABLE revocation (
  monitor integer not null primary key,
  least_generation integer not null,
  hlt integer not null
) strict, without rowid;
CREATE TABLE snapshot_chunk (
  shard integer not null,
  kind integer not null,
  idx integer not null,
  epoch integer not null,
  bytes blob not null,
  primary key (shard, kind, idx, epoch)
) strict;
CREATE TABLE snapshot_manifest (
  shard integer not null primary key,
  hlt integer not null,
  bytes blob not null
) strict;
CREATE TABLE shard_owner (
  shard integer not null primary key,
  address text not null,
  node integer not null,
  since_ms integer not null
) strict, without rowid;
CREATE TABLE tenant (
  id integer not null primary key,
  cell blob not null
) strict, without rowid;
CREATE TABLE api_key (
  prefix text not null primary key,
  tenant integer not null,
  cell blob not null
) strict, without rowid;
CREATE INDEX api_key_by_tenant on api_key (tenant, prefix);
CREATE TABLE channel (
  id integer not null primary key,
  tenant integer not null,
  name text not null,
  version integer not null,
  deleted integer not null,
  cell blob not null
) strict, without rowid;
CREATE UNIQUE INDEX channel_by_name on channel (tenant, name) where deleted = 0;
insert into api_key values ('qpk_1a2b3c4d', 3, X'00010A0C71706B5F316132623363346410031A02636922205A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A2A0577726974653080D8E8D6A034');
insert into channel values (77, 3, 'ops', 1, 0, X'0001094D0000000000000010031A036F70732207776562686F6F6B2A04010100FF30013880D8E8D6A0344081D8E8D6A0344A0834313020476F6E65');
insert into delivery values (X'D1D1D1D1D1D1D1D1D1D1D1D1D1D1D1D1', 77, 1795478400009, 0, 1795478400000000, X'00010A10D1D1D1D1D1D1D1D1D1D1D1D1D1D1D1D1100319EFCDAB8967452301214D000000000000002A10717171717171717171717171717171712A101C1C1C1C1C1C1C1C1C1C1C1C1C1C1C1C32087265747279696E6738044089D8E8D6A034488AD8E8D6A03450E0ACECD6A0345A17353033205365727669636520556E617661696C61626C65');
insert into history values (81985529216486895, 8, 7, 1795478400008, 1795478400000000, X'00010A9F0109EFCDAB896745230110071A4708031089011887D8E8D6A034200C28DC0B32100A05636F756E74110000000000D05E4032100A0564656C74611195D626E80B2E11BE3A10A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5220A6465616420746F6B656E2803323B0A0400FF6F6B10011A08646F6E6520E29C93220470726F642A0464622D313204504F53543A0B323030313A6462383A3A3142086375726C2F382E300A9F0109EFCDAB896745230110081A4708031089011888D8E8D6A034200C28DC0B32100A05636F756E74110000000000D05E4032100A0564656C74611195D626E80B2E11BE3A10A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5220A6465616420746F6B656E2803323B0A0400FF6F6B10011A08646F6E6520E29C93220470726F642A0464622D313204504F53543A0B323030313A6462383A3A3142086375726C2F382E30');
insert into monitor values (3, 'nightly-backup', 1795478400000000, 0, X'000109EFCDAB896745230112BE010803120E6E696768746C792D6261636B75701A114E696768746C79206261636B757020C3BC220974776F0A6C696E65732A0264622A0470726F64328101120F2A2F3720322D34202A202A20312D35220D4575726F70652F4265726C696E285A30901C380242047761726E482D50035802620A636F756E74203E3D2031620D6475726174696F6E203C20356D620C6572726F72733F203D3D203068A03870D8047A04686F6C648201104D00000000000000FFFFFFFFFFFFFFFF880101900101180720052880D8E8D6A0343081D8E8D6A034');
insert into monitor_tag values (3, 'nightly-backup', 'db');
insert into monitor_tag values (3, 'nightly-backup', 'prod');
insert into revocation values (81985529216486895, 5, 1795478400000000);
insert into shard_owner values (3, '[2001:db8::1]:7443', -1, 1795478400000);
insert into snapshot_chunk values (3, 1, 2, 3, X'010203');
insert into snapshot_manifest values (3, 1795478400000000, X'0909');
insert into sqlite_sequence values ('transition', 1);
insert into status values (3, 'nightly-backup', 1795478400000000, 1795478400006, X'000109EFCDAB896745230110031A0E6E696768746C792D6261636B7570228B010A04646F776E1002180C2080D8E8D6A0342A46080310031885D8E8D6A034200C28DC0B32100A05636F756E74110000000000D05E4032100A0564656C74611195D626E80B2E11BE3A10A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A530E0FFFAD6A03438F0BE80D7A0344080908280A1344A1B0A101C1C1C1C1C1C1C1C1C1C1C1C1C1C1C1C1086D8E8D6A03418012889D8E8D6A034');
insert into tenant values (3, X'00010803120741636D6520C3BC18022080D8E8D6A034');
insert into transition values (1, X'71717171717171717171717171717171', 3, 81985529216486895, 9223372036854775807, 1795478400009, 1795478400000000, X'00010A107171717171717171717171717171717111EFCDAB89674523011803220E6E696768746C792D6261636B75702A114E696768746C79206261636B757020C3BC320974776F0A6C696E65733A0264623A0470726F64420C6D6F6E69746F722E646F776E4A10617373657274696F6E5F6661696C6564520275705A04646F776E6086D8E8D6A0346889D8E8D6A03470FFFFFFFFFFFFFFFF7F7807800180D8E8D6A03488019097EED6A03492014408011885D8E8D6A034200C28DC0B32100A05636F756E74110000000000D05E4032100A0564656C74611195D626E80B2E11BE3A10A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A59A01101C1C1C1C1C1C1C1C1C1C1C1C1C1C1C1CA00186D8E8D6A034AA010D4575726F70652F4265726C696EB2011463726F6E202A2F3720322D34202A202A20312D35B8015AC20113636F756E74203E3D20313A20666F756E642030C801FBD7E8D6A034D001D891E8D6A034D80198D0E8D6A034E2011072727272727272727272727272727272EA01104D000000000000000000000000000000');
