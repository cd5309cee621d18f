CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    alarm TEXT NOT NULL,
    state TEXT NOT NULL,
    priority TEXT NOT NULL,
    assignee TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX orders_newest ON orders (created_at, id);
CREATE INDEX orders_by_state ON orders (state, created_at);
CREATE TABLE order_events (
    order_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (order_id, version),
    UNIQUE (order_id, request_id)
);
