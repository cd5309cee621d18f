CREATE TABLE login_padding (id BIGINT PRIMARY KEY, attempts BIGINT NOT NULL);
INSERT INTO login_padding (id, attempts) VALUES (1, 0);
