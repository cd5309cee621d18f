CREATE TABLE rule_versions (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    origin TEXT NOT NULL,
    request BIGINT NOT NULL,
    rules TEXT NOT NULL
);
CREATE TABLE change_requests (
    id BIGINT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    requester TEXT NOT NULL,
    revision BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    waits BIGINT NOT NULL,
    tested BIGINT NOT NULL,
    body TEXT NOT NULL,
    source TEXT NOT NULL,
    rules TEXT NOT NULL
);
CREATE INDEX change_requests_state ON change_requests (state, effective_at);
CREATE TABLE change_events (
    request BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (request, seq)
);
CREATE TABLE change_backtests (
    request BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    candidate BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (request, started_at)
);
