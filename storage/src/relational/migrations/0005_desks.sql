CREATE TABLE out_of_service (
    device TEXT PRIMARY KEY,
    since BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE floods (
    desk TEXT NOT NULL,
    at BIGINT NOT NULL,
    flooded BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (desk, at, flooded)
);
CREATE INDEX floods_newest ON floods (at);
ALTER TABLE alarms ADD COLUMN folded_under TEXT NOT NULL DEFAULT '';
CREATE INDEX alarms_folded ON alarms (folded_under);
