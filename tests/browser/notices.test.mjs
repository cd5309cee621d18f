// Notices in real Chromium: the bell by the live socket, acknowledging from it, the desktop switch with a push service
// of this test that opens messages with Node's own cryptography, and the worker that shows them.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, verify } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, startHub, until } from '../clients/kit.mjs';
import { axe, launch, login, screenshots } from './kit.mjs';

let hub, browser, url, service;
const got = [];
const receiver = createECDH('prime256v1');
receiver.generateKeys();
const auth = Buffer.from('0123456789abcdef');

before(async () => {
  service = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      got.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(201).end();
    });
  });
  await new Promise((ready) => service.listen(0, '127.0.0.1', ready));
  const config = join(mkdtempSync(join(tmpdir(), 'greenhub-push-')), 'hub.toml');
  writeFileSync(config, `[notify.push]\nhosts = ["127.0.0.1:${service.address().port}"]\n`);
  hub = await startHub({ args: ['--config', config] });
  url = hub.url;
  browser = await launch();
});
after(async () => { await browser?.close(); await hub?.stop(); hub?.forget(); service?.close(); });

const publish = async (device, more = {}) => {
  const body = JSON.stringify({ time: Date.now(), code: 'SMOKE', active: true, severity: 'critical', ...more });
  const result = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', `greenhub/v1/charger/${device}/alarm`, '-m', body]);
  assert.equal(result.code, 0, result.stderr);
};
const unread = async (page) => Number(await page.getByTestId('bell').getAttribute('data-unread'));

/** RFC 8291 with Node's cryptography, which shares nothing with the hub's. */
function opened(body) {
  const [salt, server, record] = [body.subarray(0, 16), body.subarray(21, 86), body.subarray(86)];
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), receiver.getPublicKey(), server]);
  const ikm = Buffer.from(hkdfSync('sha256', receiver.computeSecret(server), auth, info, 32));
  const key = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: aes128gcm\0', 16));
  const nonce = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: nonce\0', 12));
  const cipher = createDecipheriv('aes-128-gcm', key, nonce);
  cipher.setAuthTag(record.subarray(-16));
  const text = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
  assert.equal(text.at(-1), 2, 'the mark of the last record');
  return JSON.parse(text.subarray(0, -1).toString());
}

test('the bell tells of a P1 by itself, and is quiet once somebody acknowledges', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'dispatcher' });
  const [asked, told] = [[], []];
  page.on('request', (request) => { if (request.url().includes('/api/v1/notifications?')) asked.push(request.url()); });
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => { if (String(payload).startsWith('{"type":"notices"')) told.push(JSON.parse(String(payload))); }));
  await page.reload();
  await until('the socket to begin', () => told.some((one) => one.look));
  await until('the list to be asked once', () => asked.length > 0);
  const before = await unread(page);
  await publish('B-BELL-1');
  await until('the count', async () => (await unread(page)) > before);
  await until('the socket told it', () => told.some((one) => one.items.some((item) => item.notice.title.includes('B-BELL-1'))));
  await page.getByTestId('bell').click();
  const row = page.getByTestId('bell-row').filter({ hasText: 'B-BELL-1' }).first();
  await row.waitFor();
  assert.equal(await row.getAttribute('data-calls'), 'true');
  await page.screenshot({ path: join(screenshots, 'bell.png') });
  assert.deepEqual(await axe(page), []);
  await until('read', async () => (await unread(page)) === 0);
  // Another browser of the same person knows what was read.
  const other = await login(browser, url, { username: 'dispatcher' });
  await other.page.getByTestId('bell').waitFor();
  await until('the list was asked', async () => (await unread(other.page)) === 0);
  await other.context.close();
  await row.getByTestId('bell-ack').click();
  await until('quiet', async () => (await row.getAttribute('data-calls')) === 'false');
  assert.equal(await row.getByTestId('bell-ack').count(), 0);
  await row.locator('.what').click();
  await page.waitForURL(/\/alarms\?sel=B-BELL-1/);
  assert.deepEqual(errors, []);
  await context.close();
});

test('the desktop switch asks only on a click, and what is pushed can be read by that browser alone', async () => {
  const { page, context } = await login(browser, url, { username: 'dispatcher' });
  // The push service of a maker is not in reach here: the browser's side of the subscription is the test's.
  const endpoint = `http://127.0.0.1:${service.address().port}/wpush/1`;
  const keys = { p256dh: receiver.getPublicKey().toString('base64url'), auth: auth.toString('base64url') };
  await page.addInitScript(({ endpoint, keys }) => {
    let own = null;
    window.asked = 0;
    Notification.requestPermission = () => { window.asked += 1; return Promise.resolve('granted'); };
    Object.defineProperty(Notification, 'permission', { get: () => (window.asked > 0 ? 'granted' : 'default') });
    PushManager.prototype.getSubscription = () => Promise.resolve(own);
    PushManager.prototype.subscribe = (options) => {
      window.serverKey = [...new Uint8Array(options.applicationServerKey)];
      own = { endpoint, options, toJSON: () => ({ endpoint, keys }), unsubscribe: () => { own = null; return Promise.resolve(true); } };
      return Promise.resolve(own);
    };
  }, { endpoint, keys });
  await page.goto(`${url}/notify`);
  const own = page.getByTestId('push-switch').first();
  await own.waitFor();
  await until('the switch is ready', async () => own.isEnabled());
  assert.equal(await page.evaluate(() => window.asked), 0, 'nobody is asked before the click');
  await own.click();
  await until('on', async () => (await own.getAttribute('aria-checked')) === 'true');
  assert.equal(await page.evaluate(() => window.asked), 1);
  await page.getByTestId('push-test').first().click();
  await until('the push service was called', () => got.length > 0);
  const call = got.at(-1);
  assert.equal(call.path, '/wpush/1');
  assert.equal(opened(call.body).title, '通知测试');
  const [, token, key] = /^vapid t=([^,]+), k=(\S+)$/.exec(call.headers.authorization);
  assert.deepEqual([...Buffer.from(key, 'base64url')], await page.evaluate(() => window.serverKey), 'the key that the browser was given');
  const point = Buffer.from(key, 'base64url');
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') }, format: 'jwk' });
  const [text, signature] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)];
  assert.ok(verify('sha256', Buffer.from(text), { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
  // A real alarm: the same browser, the board at the alarm.
  const calls = got.length;
  await publish('B-PUSH-1');
  await until('pushed', () => got.length > calls && got.slice(calls).some((one) => opened(one.body).title.includes('B-PUSH-1')));
  const shown = got.slice(calls).map((one) => opened(one.body)).find((one) => one.title.includes('B-PUSH-1'));
  assert.match(shown.url, /^\/alarms\?sel=B-PUSH-1\./);
  await own.click();
  await until('off', async () => (await own.getAttribute('aria-checked')) === 'false');
  const left = await page.evaluate(async () => (await (await fetch('/api/v1/push/subscriptions')).json()).items.length);
  assert.equal(left, 0);
  await context.close();
});

test('the worker shows what comes, and bad words as well', async () => {
  const { page, context } = await login(browser, url, { username: 'dispatcher' });
  await context.grantPermissions(['notifications'], { origin: url });
  await page.evaluate(async () => { await navigator.serviceWorker.register('/push-sw.js'); await navigator.serviceWorker.ready; });
  const [worker] = context.serviceWorkers().length > 0 ? context.serviceWorkers() : [await context.waitForEvent('serviceworker')];
  const shown = await worker.evaluate(async () => {
    const told = [];
    self.registration.showNotification = (title, options) => { told.push({ title, ...options }); return Promise.resolve(); };
    const push = (data) => self.dispatchEvent(new PushEvent('push', data === undefined ? {} : { data }));
    push(JSON.stringify({ title: '报警：P1', body: '烟雾', url: '/alarms?sel=A', tag: 'a', quiet: false, priority: 'P1', at: 5 }));
    push(JSON.stringify({ title: '已恢复', tag: 'a', quiet: true, priority: null }));
    push('not json');
    push();
    await new Promise((ready) => setTimeout(ready, 50));
    return told.map(({ title, tag, renotify, silent, requireInteraction, data }) => ({ title, tag, renotify, silent, requireInteraction, url: data.url }));
  });
  assert.deepEqual(shown[0], { title: '报警：P1', tag: 'a', renotify: true, silent: false, requireInteraction: true, url: '/alarms?sel=A' });
  assert.deepEqual([shown[1].silent, shown[1].renotify], [true, false]);
  assert.equal(shown.length, 4);
  assert.ok(shown.slice(2).every((one) => one.title !== '' && one.url === '/'));
  await context.close();
});
