ALTER TABLE alarms ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN device_name TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN sub_district TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN began BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alarms ADD COLUMN touched BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alarm_events ADD COLUMN received BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alarm_events ADD COLUMN priority TEXT NOT NULL DEFAULT 'P4';
ALTER TABLE alarm_events ADD COLUMN state TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE alarm_events ADD COLUMN called BIGINT NOT NULL DEFAULT 0;
UPDATE alarms SET
    title = COALESCE(json_extract(body, '$.title'), ''),
    device_name = COALESCE(json_extract(body, '$.device_name'), ''),
    sub_district = COALESCE(json_extract(body, '$.sub_district'), '');
UPDATE alarm_events SET
    received = json_extract(body, '$.at'),
    state = json_extract(body, '$.state'),
    priority = COALESCE((SELECT a.priority FROM alarms a WHERE a.id = alarm_events.alarm), 'P4'),
    called = COALESCE(json_extract(body, '$.called'),
        CASE WHEN kind IN ('raised', 'escalated') AND json_extract(body, '$.state') = 'unacknowledged' THEN 1 ELSE 0 END);
UPDATE alarm_events SET received = later.received FROM (
    SELECT alarm, batch, item, MAX(received) OVER (ORDER BY batch, item) AS received FROM alarm_events) AS later
    WHERE later.alarm = alarm_events.alarm AND later.batch = alarm_events.batch AND later.item = alarm_events.item;
UPDATE alarms SET
    began = COALESCE((SELECT MIN(e.received) FROM alarm_events e WHERE e.alarm = alarms.id), raised_at),
    touched = COALESCE((SELECT MAX(e.received) FROM alarm_events e WHERE e.alarm = alarms.id), raised_at);
CREATE INDEX alarm_events_in_time ON alarm_events (received, batch, item) WHERE kind <> 'repeated';
CREATE INDEX alarms_touched ON alarms (touched);
