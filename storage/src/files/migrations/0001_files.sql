-- Files by content. `seen_at`: when it was last uploaded; `body`: everything else as JSON.
CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL,
    scan TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX files_by_seen ON files (seen_at, id);
CREATE INDEX files_by_scan ON files (scan);

-- Uploads, whole or not: the promise that the same request of the same person is the same upload.
CREATE TABLE file_uploads (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    request_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    file TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (owner, request_id)
);
CREATE INDEX file_uploads_by_owner ON file_uploads (owner, created_at);
CREATE INDEX file_uploads_by_file ON file_uploads (file, owner);
CREATE INDEX file_uploads_by_expiry ON file_uploads (file, expires_at);

-- Orders whose form or acts name a file: it stays as long as one does.
CREATE TABLE file_orders (
    file TEXT NOT NULL REFERENCES files (id),
    order_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (file, order_id)
);
CREATE INDEX file_orders_by_order ON file_orders (order_id);

-- Contents that may lie on the disk without a row: written before a file is placed or its row removed.
CREATE TABLE file_intents (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
