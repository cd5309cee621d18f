-- Orders of all sources with what lists filter by, and acts that name the rules they were decided by. What an older hub
-- stored is taken over: its acts as remarks, because they were named otherwise.
ALTER TABLE orders RENAME TO orders_1;
DROP INDEX orders_newest;
DROP INDEX orders_by_state;
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    alarm TEXT NOT NULL,
    source TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    request_id TEXT NOT NULL,
    external_system TEXT NOT NULL,
    external_number TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    priority TEXT NOT NULL,
    assignee TEXT NOT NULL,
    team TEXT NOT NULL,
    kind TEXT NOT NULL,
    sub_district TEXT NOT NULL,
    lon_e6 BIGINT NOT NULL,
    lat_e6 BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    next_due BIGINT NOT NULL,
    version BIGINT NOT NULL,
    search TEXT NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO orders SELECT id, alarm, 'alarm', 'hub', '', '', '', created_at, CASE state WHEN 'unassigned' THEN 'filed' ELSE state END, priority, assignee, '', '', '',
    -9223372036854775807 - 1, -9223372036854775807 - 1, created_at, 9223372036854775807, 9223372036854775807, version, lower(id), ('{"source":"alarm","text":"","address":"","grid":"","attachments":[],"children":[],"clocks":[],"rework_count":0,"delay_count":0,"return_count":0}'::jsonb || body::jsonb || jsonb_build_object('state', CASE state WHEN 'unassigned' THEN 'filed' ELSE state END, 'version', version, 'seen_at', created_at, 'state_at', created_at))::text FROM orders_1;
DROP TABLE orders_1;
CREATE INDEX orders_newest ON orders (created_at, id);
CREATE INDEX orders_by_state ON orders (state, created_at, id);
CREATE INDEX orders_by_assignee ON orders (assignee, state);
CREATE INDEX orders_by_team ON orders (team, state);
CREATE INDEX orders_late ON orders (deadline, id);
CREATE INDEX orders_due ON orders (next_due);
CREATE INDEX orders_by_place ON orders (lat_e6, lon_e6);
CREATE UNIQUE INDEX orders_request ON orders (opened_by, request_id) WHERE request_id <> '';
CREATE UNIQUE INDEX orders_external ON orders (external_system, external_number) WHERE external_number <> '';
ALTER TABLE order_events RENAME TO order_events_1;
CREATE TABLE order_events (
    order_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    done_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    rules_version BIGINT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (order_id, version),
    UNIQUE (order_id, actor, request_id)
);
INSERT INTO order_events SELECT order_id, version, request_id, at, 0, actor, '', CASE state WHEN 'unassigned' THEN 'filed' ELSE state END, 1, CASE WHEN event = '' THEN '' ELSE jsonb_build_object('act', 'comment', 'text', event)::text END FROM order_events_1;
DROP TABLE order_events_1;
CREATE INDEX order_events_by_time ON order_events (at);
CREATE TABLE order_numbers (
    day TEXT PRIMARY KEY,
    n BIGINT NOT NULL
);
CREATE TABLE dispatch_rules (
    version BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    body TEXT NOT NULL
);
