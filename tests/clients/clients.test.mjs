// Real MQTT clients against the embedded broker: mosquitto_pub/sub, mqtt.js and paho-mqtt,
// each publishing and subscribing at QoS 0, 1 and 2, with MQTT 3.1.1 and 5.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { root, run, startHub, until } from './kit.mjs';

let hub;
before(async () => { hub = await startHub(); });
after(async () => { await hub.stop(); hub.forget(); });

const versions = { '3.1.1': { mosquitto: 'mqttv311', js: 4, paho: '4' }, '5': { mosquitto: 'mqttv5', js: 5, paho: '5' } };
const topicOf = (client, version, qos) => `greenhub/v1/patrol/C-${client}-${version.replace(/\W/g, '')}-${qos}/position`;
const payloadOf = (qos) => JSON.stringify({ time: Date.now(), lon: 121.4 + qos / 1000, lat: 31.2 });

/** Subscribes with a control client of another make and waits for the message. */
function control(topic, qos) {
  const client = mqtt.connect(`mqtt://${hub.mqtt}`, { protocolVersion: 5, reconnectPeriod: 0 });
  return new Promise((ready, no) => {
    client.on('error', no);
    client.on('connect', () => client.subscribe(topic, { qos }, (error) => {
      if (error) return no(error);
      const message = new Promise((got) => client.on('message', (_, payload, packet) => got({ payload: payload.toString(), qos: packet.qos })));
      ready({ message, publish: (payload) => client.publishAsync(topic, payload, { qos }), end: () => client.endAsync() });
    }));
  });
}

for (const [version, code] of Object.entries(versions)) {
  for (const qos of [0, 1, 2]) {
    test(`mosquitto_pub and mosquitto_sub, MQTT ${version}, QoS ${qos}`, async () => {
      const topic = topicOf('mosquitto', version, qos), payload = payloadOf(qos);
      const other = await control(topic, 2);
      const published = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-V', code.mosquitto, '-q', String(qos), '-t', topic, '-m', payload]);
      assert.equal(published.code, 0, published.stderr);
      assert.deepEqual(await other.message, { payload, qos });

      const sub = spawn('mosquitto_sub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-V', code.mosquitto, '-q', String(qos), '-t', topic + '/back', '-C', '1', '-F', 'got %q %p'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '', code_of_sub = null;
      sub.stdout.on('data', (chunk) => { text += chunk; });
      sub.on('exit', (exit) => { code_of_sub = exit; });
      // The subscriber does not say when it is ready: publish until it has heard one.
      await until('mosquitto_sub to hear a message', async () => {
        await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '2', '-t', topic + '/back', '-m', 'back']);
        return code_of_sub !== null;
      });
      assert.equal(code_of_sub, 0);
      assert.match(text, new RegExp(`got ${qos} back`));
      await other.end();
    });

    test(`mqtt.js, MQTT ${version}, QoS ${qos}`, async () => {
      const topic = topicOf('js', version, qos), payload = payloadOf(qos);
      const other = await control(topic, 2);
      const client = await mqtt.connectAsync(`mqtt://${hub.mqtt}`, { protocolVersion: code.js, reconnectPeriod: 0 });
      await client.subscribeAsync(topic, { qos });
      const own = new Promise((got) => client.on('message', (_, body, packet) => got([body.toString(), packet.qos])));
      await client.publishAsync(topic, payload, { qos });
      assert.deepEqual(await other.message, { payload, qos });
      assert.deepEqual(await own, [payload, qos]);
      await client.endAsync(); await other.end();
    });

    test(`paho-mqtt, MQTT ${version}, QoS ${qos}`, async () => {
      const topic = topicOf('paho', version, qos), payload = payloadOf(qos);
      const other = await control(topic, 2);
      const paho = await run(join(root, 'target/paho/bin/python'), [join(root, 'tests/clients/paho_client.py'), String(hub.mqttPort), code.paho, String(qos), topic, payload]);
      assert.equal(paho.code, 0, paho.stderr);
      assert.deepEqual(JSON.parse(paho.stdout), { payload, qos });
      assert.deepEqual(await other.message, { payload, qos });
      await other.end();
    });
  }
}

test('mqtt.js over WebSocket at /mqtt', async () => {
  const client = await mqtt.connectAsync(`ws://${hub.http}/mqtt`, { protocolVersion: 5, reconnectPeriod: 0 });
  await client.subscribeAsync('greenhub/v1/light/+/status', { qos: 1 });
  const got = new Promise((done) => client.on('message', (topic, payload) => done([topic, payload.toString()])));
  await client.publishAsync('greenhub/v1/light/C-WS/status', '{"on":true}', { qos: 1 });
  assert.deepEqual(await got, ['greenhub/v1/light/C-WS/status', '{"on":true}']);
  await client.endAsync();
});

test('everything published went through the log', async () => {
  const login = await fetch(`${hub.url}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'dispatcher', password: 'greenhub-demo' }) });
  const { token } = await login.json();
  const get = async (path) => (await fetch(hub.url + path, { headers: { authorization: `Bearer ${token}` } })).json();
  for (const client of ['mosquitto', 'js', 'paho']) {
    for (const version of Object.keys(versions)) {
      for (const qos of [0, 1, 2]) {
        const id = topicOf(client, version, qos).split('/')[3];
        const unit = await get(`/api/v1/units/${id}`);
        assert.equal(unit.lon, 121.4 + qos / 1000, `${id}: ${JSON.stringify(unit)}`);
      }
    }
  }
});
