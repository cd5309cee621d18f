CREATE TABLE sink_progress (
    id BIGINT PRIMARY KEY,
    batch BIGINT NOT NULL,
    position BIGINT NOT NULL,
    received BIGINT NOT NULL
);
CREATE TABLE ledger (
    channel TEXT PRIMARY KEY,
    applied BIGINT NOT NULL,
    quarantined BIGINT NOT NULL
);
CREATE TABLE alarms (
    id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    class TEXT NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    priority TEXT NOT NULL,
    standing BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    first_position BIGINT NOT NULL,
    last_position BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX alarms_newest ON alarms (first_position, id);
CREATE INDEX alarms_of_device ON alarms (device, first_position);
CREATE INDEX alarms_standing ON alarms (standing, first_position);
CREATE TABLE alarm_events (
    alarm TEXT NOT NULL,
    position BIGINT NOT NULL,
    batch BIGINT NOT NULL,
    item BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (alarm, batch, item)
);
CREATE TABLE quarantine (
    seq BIGINT PRIMARY KEY,
    device TEXT NOT NULL,
    principal TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX quarantine_of_device ON quarantine (device, seq);
CREATE INDEX quarantine_of_reason ON quarantine (reason, seq);
CREATE TABLE quarantine_counts (
    device TEXT NOT NULL,
    principal TEXT NOT NULL,
    reason TEXT NOT NULL,
    count BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (device, principal, reason)
);
