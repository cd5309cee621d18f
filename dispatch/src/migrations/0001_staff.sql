-- Own switches of people: the newest turn of each, and all turns of the last year by idempotency key.
CREATE TABLE shifts (
    user_name TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    is_on BIGINT NOT NULL
);
CREATE TABLE shift_turns (
    user_name TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    is_on BIGINT NOT NULL,
    PRIMARY KEY (user_name, request_id)
);
CREATE INDEX shift_turns_by_time ON shift_turns (at);
