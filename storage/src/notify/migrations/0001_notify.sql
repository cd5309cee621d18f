CREATE TABLE notify_rules (
    version BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE notify_state (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    batch BIGINT NOT NULL,
    item BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE notify_deliveries (
    seq BIGINT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    channel TEXT NOT NULL,
    receiver TEXT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    done_at BIGINT NOT NULL,
    response TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX notify_deliveries_due ON notify_deliveries (state, next_try);
CREATE INDEX notify_deliveries_of_receiver ON notify_deliveries (receiver, seq);
CREATE INDEX notify_deliveries_old ON notify_deliveries (at);
