-- Never changed: a file that was written once is read for ever.
pragma application_id = 0;
pragma user_version = 0;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE batch (
        shard INTEGER NOT NULL,
        first_offset INTEGER NOT NULL,
        count INTEGER NOT NULL,
        append_ms INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (shard, first_offset)
    ) WITHOUT ROWID, STRICT;
insert into batch values (3, 0, 1, 1795478400000, X'0120DB4E2D06716893056669727374');
insert into batch values (3, 1, 1, 1795478400000, X'0121CB6AB1B69708D400');
insert into batch values (3, 2, 1, 1795478400000, X'01B6B3B6BDC57EB7F5057468697264');
insert into meta values ('created_ms', 1795478400000);
insert into meta values ('format', 1);
insert into meta values ('shards', 4);
