CREATE TABLE push_subscriptions (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    endpoint TEXT NOT NULL UNIQUE,
    authority TEXT NOT NULL,
    p256dh TEXT NOT NULL,
    auth TEXT NOT NULL,
    label TEXT NOT NULL,
    server_key TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX push_subscriptions_of_user ON push_subscriptions (username, at);
CREATE INDEX notify_deliveries_of_channel ON notify_deliveries (channel, state, next_try);
CREATE TABLE notify_read (
    username TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
);
