-- Matters that somebody has to hear of, until they are over. `next_at`: when to look again.
CREATE TABLE order_rings (
    id TEXT NOT NULL PRIMARY KEY,
    order_id TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX order_rings_by_next ON order_rings (next_at, id);
CREATE INDEX order_rings_by_order ON order_rings (order_id);

-- The journal: who was told by which way, and what came of it.
CREATE TABLE order_notices (
    seq BIGINT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    ring TEXT NOT NULL,
    order_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    way TEXT NOT NULL,
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    read_at BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    response TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX order_notices_by_order ON order_notices (order_id, seq);
CREATE INDEX order_notices_by_recipient ON order_notices (recipient, way, seq);
CREATE INDEX order_notices_by_next ON order_notices (state, way, next_try);
CREATE INDEX order_notices_by_ring ON order_notices (ring);
CREATE INDEX order_notices_by_at ON order_notices (at);
