// The phone app in real Chromium at a phone's size: offline, in a race, across a restart of the hub, killed mid-upload.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { startHub, until } from '../clients/kit.mjs';
import { axe, launch, screenshots } from './kit.mjs';

const JS_GZIP_MAX = 130 * 1024;

let hub, browser, url, ports, desk, noise, places, HERE;
before(async () => {
  hub = await startHub();
  url = hub.url;
  ports = [hub.httpPort, hub.mqttPort];
  browser = await launch();
  desk = await person('dispatcher');
  noise = await picture();
  // Places inside the demo district: its facilities.
  const { features } = await desk('GET', '/map/district');
  places = features.filter((one) => one.properties.layer === 'facility').map((one) => one.geometry.coordinates);
  HERE = { longitude: places[0][0], latitude: places[0][1] };
});
after(async () => { await browser?.close(); await hub?.stop(); hub?.forget(); });

/** A person at the API, without a page. */
async function person(username, password = 'greenhub-demo') {
  const login = await fetch(`${url}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ username, password }) });
  assert.equal(login.status, 200, `login of ${username}`);
  const { token } = await login.json();
  return async (method, path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
}

/** A JPEG that does not compress: several pieces of an upload. */
async function picture() {
  const page = await browser.newPage();
  const bytes = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(2000, 1500);
    const pen = canvas.getContext('2d');
    const data = pen.createImageData(2000, 1500);
    for (let i = 0; i < data.data.length; i += 4) { data.data[i] = Math.random() * 255; data.data[i + 1] = Math.random() * 255; data.data[i + 2] = 120; data.data[i + 3] = 255; }
    pen.putImageData(data, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  });
  await page.close();
  return { name: 'IMG_0001.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(bytes, 'base64') };
}

let opened = 0;
/** An order on its way to somebody. */
async function order(title, to = { to: 'person', user: 'crew' }) {
  opened += 1;
  const [lon, lat] = places[opened];
  const form = { source: 'desk', title, text: '井盖旁有积水和垃圾。', priority: 'P2', kind: { scheme: 'gbt47678-2026', category: 'matter', code: '06010' }, place: { lon, lat, address: `示范路 ${opened} 号` } };
  const made = await desk('POST', '/orders', { request_id: `open-${opened}`, form, file: true });
  return desk('POST', `/orders/${made.id}/acts`, { request_id: `send-${opened}`, event: { act: 'dispatch', to } });
}
const thread = (id) => desk('GET', `/orders/${id}`);
const acts = async (id) => (await thread(id)).entries.map((entry) => entry.event?.act ?? 'open');

/** A phone with somebody logged in through its own form, and its taps counted. */
async function phone(username = 'crew', password = 'greenhub-demo') {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, locale: 'zh-CN', geolocation: HERE, permissions: ['geolocation'] });
  const page = await context.newPage();
  const outside = [], errors = [];
  const watch = (one) => {
    one.on('request', (request) => { if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) outside.push(request.url()); });
    one.on('pageerror', (error) => errors.push(String(error)));
  };
  watch(page);
  await page.goto(`${url}/m/`);
  await page.getByTestId('login-username').fill(username);
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
  await page.getByTestId('sort-deadline').waitFor();
  let taps = 0;
  return {
    page, context, outside, errors, watch,
    taps: () => taps,
    tap: async (locator) => { taps += 1; await locator.tap(); },
    shoot: async (testid, file = noise) => { taps += 1; await page.getByTestId(testid).setInputFiles(file); },
    card: (id) => page.locator(`[data-testid="order-card"][data-order="${id}"]`),
    offlineReady: () => page.evaluate(async () => { await navigator.serviceWorker.ready; return navigator.serviceWorker.controller !== null || (await navigator.serviceWorker.getRegistration('/m/'))?.active !== null; }),
  };
}
const settled = (page) => until('an empty outbox', async () => (await page.getByTestId('outbox-badge').count()) === 0);

test('the whole app is within its budget, and the shell lists nothing of the console', async () => {
  const worker = await (await fetch(`${url}/m-sw.js`)).text();
  const files = [...new Set(worker.match(/\/(assets\/[\w.-]+|m\.html|m\.webmanifest|icons\/[\w.-]+)/g))];
  assert.ok(files.length > 10, worker.slice(0, 200));
  let bytes = 0;
  for (const file of files) {
    const answer = await fetch(`${url}${file}`);
    assert.equal(answer.status, 200, file);
    const body = Buffer.from(await answer.arrayBuffer());
    if (file.endsWith('.js')) bytes += gzipSync(body).length;
  }
  console.log(`phone: ${(bytes / 1024).toFixed(1)} KB gzip JS in ${files.length} files`);
  assert.ok(bytes <= JS_GZIP_MAX, `${bytes} bytes of JS, at most ${JS_GZIP_MAX}`);
  assert.equal(files.some((file) => /MapStage|maplibre|DeskLayout|LoginPage/.test(file)), false);
});

test('who works outside lands in the phone app after the console login, the desk does not', async () => {
  for (const [username, home] of [['crew', '/m/'], ['officer', '/m/'], ['dispatcher', '/map']]) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    await page.goto(`${url}/login`);
    await page.getByTestId('login-username').fill(username);
    await page.getByTestId('login-password').fill('greenhub-demo');
    await page.getByTestId('login-submit').click();
    await page.waitForURL((at) => at.pathname === home);
    await context.close();
  }
});

test('an order lives its whole life offline, and all of it arrives once', async () => {
  const { id } = await order('垃圾堆积，离线办理');
  const { page, context, tap, shoot, card, offlineReady, outside, errors } = await phone();
  await card(id).waitFor();
  await until('the shell is kept', offlineReady);
  await until('the order is kept', () => page.evaluate((id) => new Promise((yes) => {
    const open = indexedDB.open('greenhub-phone');
    open.onsuccess = () => { const get = open.result.transaction('kept').objectStore('kept').get(`crew:order:${id}`); get.onsuccess = () => { open.result.close(); yes(get.result !== undefined); }; };
  }), id));
  await context.setOffline(true);
  await page.getByTestId('offline').waitFor();
  await tap(card(id).getByTestId('card-accept'));
  await card(id).getByTestId('on-the-way').waitFor();
  // The app is closed and opened again without network.
  await page.reload();
  await card(id).waitFor();
  assert.equal(await card(id).getAttribute('data-state'), 'accepted', 'what was done is still seen');
  await tap(card(id).locator('a'));
  await tap(page.getByTestId('act-arrive'));
  await tap(page.getByTestId('act-finish'));
  await shoot('shoot-before_near');
  await shoot('shoot-after_near');
  await until('two photos', async () => (await page.getByTestId('shot').count()) === 2);
  await page.getByTestId('finish-text').fill('已清运');
  await page.screenshot({ path: join(screenshots, 'phone-finish.png') });
  await tap(page.getByTestId('finish-send'));
  await until('three things wait', async () => (await page.getByTestId('outbox-badge').innerText()).includes('3'));
  assert.deepEqual(await acts(id), ['open', 'dispatch'], 'the hub knows nothing of it');
  await page.getByTestId('outbox-badge').click();
  await until('all three in the outbox', async () => (await page.getByTestId('outbox-row').count()) === 3);
  await page.screenshot({ path: join(screenshots, 'phone-outbox.png') });
  await context.setOffline(false);
  await until('the outbox is empty', async () => (await page.getByTestId('outbox-empty').count()) === 1);
  const { order: done, entries } = await thread(id);
  assert.deepEqual(entries.map((entry) => entry.event?.act ?? 'open'), ['open', 'dispatch', 'accept', 'arrive', 'finish']);
  assert.equal(done.state, 'finished');
  assert.deepEqual(done.attachments.map((one) => one.role), ['before_near', 'after_near']);
  assert.ok(entries[2].done_at !== null && entries[2].done_at < entries[2].at, 'the time on site is kept');
  await page.goto(`${url}/m/orders/${id}`);
  await page.getByTestId('photo').nth(1).waitFor();
  await until('the photos are drawn', () => page.locator('[data-testid="photo"] img').evaluateAll((all) => all.every((one) => one.complete && one.naturalWidth > 0)));
  await page.screenshot({ path: join(screenshots, 'phone-order.png'), fullPage: true });
  // Checked at the desk: not good enough, then good.
  await desk('POST', `/orders/${id}/acts`, { request_id: `rework-${id}`, event: { act: 'rework', reason: '仍有残留' } });
  await until('it is back', async () => (await page.getByTestId('order').getAttribute('data-state')) === 'in_progress');
  await page.getByTestId('trace').first().getByText('仍有残留').waitFor();
  assert.deepEqual(outside, []);
  assert.deepEqual(errors, []);
  await context.close();
});

test('two phones race for a team order: one has it, the other is told and it stays told until seen', async () => {
  const admin = await person('admin');
  await admin('POST', '/users', { username: 'crew2', name: '第二班组', role: 'crew', password: 'Given-by-admin-1' });
  await (await person('crew2', 'Given-by-admin-1'))('PUT', '/session/password', { current: 'Given-by-admin-1', password: 'Chosen-by-me-2' });
  const { rules } = await admin('GET', '/dispatch/rules');
  rules.members.push({ user: 'crew2', name: '第二班组', team: 'crew', skills: [], phone: '' });
  await admin('PUT', '/dispatch/rules', rules);
  const { id } = await order('抢单', { to: 'team', team: 'crew' });
  const [one, two] = [await phone('crew'), await phone('crew2', 'Chosen-by-me-2')];
  await Promise.all([one, two].map((each) => each.card(id).waitFor()));
  await Promise.all([one, two].map((each) => each.context.setOffline(true)));
  for (const each of [one, two]) {
    await each.tap(each.card(id).getByTestId('card-accept'));
    assert.ok(each.taps() <= 2, `accepted with ${each.taps()} taps`);
  }
  await one.page.screenshot({ path: join(screenshots, 'phone-list.png') });
  await Promise.all([one, two].map((each) => each.context.setOffline(false)));
  await until('one has it', async () => (await thread(id)).order.state === 'accepted');
  const { order: taken } = await thread(id);
  const [winner, loser] = taken.assignee === 'crew' ? [one, two] : [two, one];
  await settled(winner.page);
  await loser.page.getByTestId('outbox-badge').getByText('未被受理').waitFor();
  await loser.page.reload();
  await loser.page.getByTestId('outbox-badge').click();
  await loser.page.getByTestId('outbox-why').waitFor();
  await loser.page.screenshot({ path: join(screenshots, 'phone-refused.png') });
  await loser.page.getByTestId('outbox-seen').click();
  await settled(loser.page);
  assert.deepEqual((await acts(id)).filter((act) => act === 'accept'), ['accept'], 'accepted once');
  await Promise.all([one, two].map((each) => each.context.close()));
});

test('a report takes at most four taps', async () => {
  const { page, context, tap, shoot, taps } = await phone('officer');
  const before = taps();
  await shoot('tab-report');
  await page.getByTestId('shot').waitFor();
  await tap(page.locator('[data-testid="kind"][data-code="06042"]'));
  await page.screenshot({ path: join(screenshots, 'phone-report.png'), fullPage: true });
  await tap(page.getByTestId('report-send'));
  assert.ok(taps() - before <= 4, `${taps() - before} taps`);
  // An outbox that is not filled yet looks as empty as one that is sent: the hub says when it has arrived.
  await until('the report at the hub', async () => (await desk('GET', '/orders?source=patrol&limit=10')).items.length > 0);
  await settled(page);
  const { items } = await desk('GET', '/orders?source=patrol&limit=10');
  assert.equal(items.length, 1);
  assert.equal(items[0].title, '垃圾站（箱）满溢');
  assert.equal(items[0].kind.code, '06042');
  assert.ok(Math.abs(items[0].lon - HERE.longitude) < 1e-6, 'the place came by itself');
  assert.equal(items[0].attachments.length, 1);
  await context.close();
});

test('killed in the middle of an upload, it goes on where it was: one report, one photo, whole', async () => {
  const { page, context, tap, shoot, watch, errors } = await phone('officer');
  let pieces = 0, upload = null;
  await page.route('**/api/v1/files/uploads/**', async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue();
    upload = route.request().url();
    pieces += 1;
    // Two pieces pass, the third never gets its answer.
    if (pieces <= 2) return route.continue();
    if (pieces === 3) { await route.fetch(); return; }
    return undefined;
  });
  await shoot('tab-report');
  await page.getByTestId('shot').waitFor();
  await tap(page.locator('[data-testid="kind"][data-code="06010"]'));
  await tap(page.getByTestId('report-send'));
  await until('a piece hangs', () => pieces >= 3);
  await page.close({ runBeforeUnload: false });
  const title = '暴露垃圾';
  const reports = async () => (await desk('GET', '/orders?source=patrol&limit=50')).items.filter((one) => one.title === title);
  assert.equal((await reports()).length, 0, 'nothing was opened without its photo');
  const again = await context.newPage();
  watch(again);
  let later = 0;
  again.on('request', (request) => { if (request.method() === 'PATCH' && request.url() === upload) later += 1; });
  await again.goto(`${url}/m/`);
  await until('the report arrived', async () => (await reports()).length > 0);
  await settled(again);
  const all = await reports();
  assert.equal(all.length, 1, 'once');
  assert.equal(all[0].attachments.length, 1);
  assert.ok(later > 0, 'the same upload went on');
  const info = await desk('GET', `/files/${all[0].attachments[0].file}/info`);
  assert.ok(info.bytes > 300_000, `the photo is whole: ${info.bytes} bytes`);
  assert.deepEqual(errors, []);
  await context.close();
});

test('the hub goes away in the middle and comes back: the phone carries on by itself', async () => {
  const { id } = await order('枢纽重启');
  const { page, context, tap, card } = await phone();
  await card(id).waitFor();
  await hub.stop('SIGKILL');
  await tap(card(id).getByTestId('card-accept'));
  await page.getByTestId('outbox-badge').waitFor();
  await page.getByTestId('offline').waitFor();
  hub = await startHub({ data: hub.data, ports });
  await settled(page);
  desk = await person('dispatcher');
  assert.deepEqual(await acts(id), ['open', 'dispatch', 'accept']);
  await context.close();
});

test('given back with a reason in three taps; more time asked for', async () => {
  const { id } = await order('退回这一单');
  const { page, context, tap, card } = await phone();
  await tap(card(id).locator('a'));
  await tap(page.getByTestId('more'));
  await tap(page.getByTestId('act-return'));
  await tap(page.getByTestId('usual-reason').first());
  await tap(page.getByTestId('ask-send'));
  await until('it is back at the desk', async () => (await thread(id)).order.state === 'filed');
  await until('it left the list', async () => (await card(id).count()) === 0);
  const late = await order('需要延期');
  await card(late.id).getByTestId('card-accept').waitFor();
  await tap(card(late.id).getByTestId('card-accept'));
  await tap(card(late.id).locator('a'));
  await tap(page.getByTestId('more'));
  await tap(page.getByTestId('act-delay'));
  await tap(page.getByTestId('usual-reason').first());
  await tap(page.getByTestId('ask-send'));
  await until('the wish at the hub', async () => (await thread(late.id)).order.pending?.wish === 'delay');
  await context.close();
});

test('on shift, positions reach the hub; a call for help is held, sent and taken back', async () => {
  const { page, context, tap, errors } = await phone();
  await tap(page.getByTestId('tab-user'));
  await tap(page.getByTestId('shift'));
  await page.getByTestId('shift-state').getByText('在岗').waitFor();
  await settled(page);
  await context.setGeolocation({ ...HERE, latitude: HERE.latitude + 0.001 });
  const unit = async () => (await desk('GET', '/units?limit=1000')).items.find((one) => one.id === 'P-crew');
  await until('the position arrived', async () => (await unit())?.lat != null);
  const sos = page.getByTestId('sos');
  await sos.dispatchEvent('pointerdown');
  await new Promise((next) => setTimeout(next, 500));
  await sos.dispatchEvent('pointerup');
  assert.equal(await page.getByTestId('sos-undo').count(), 0, 'half a second is not a call');
  await sos.dispatchEvent('pointerdown');
  await page.getByTestId('sos-undo').waitFor();
  await until('the hub knows', async () => (await unit()).sos === true);
  await page.screenshot({ path: join(screenshots, 'phone-mine.png'), fullPage: true });
  await tap(page.getByTestId('sos-undo'));
  await until('taken back', async () => (await unit()).sos === false);
  assert.deepEqual(errors, []);
  await context.close();
});

test('every screen and sheet is clean for axe, in both languages', async () => {
  const { id } = await order('无障碍检查');
  const { page, context, tap, card, errors } = await phone();
  await card(id).waitFor();
  const check = async (name) => assert.deepEqual(await axe(page), [], name);
  await check('list');
  for (const [tab, name] of [['tab-map', 'map'], ['tab-bell', 'messages'], ['tab-user', 'mine']]) {
    await tap(page.getByTestId(tab));
    await page.waitForTimeout(600);
    await page.screenshot({ path: join(screenshots, `phone-${name}.png`) });
    await check(name);
  }
  await page.goto(`${url}/m/report`);
  await page.getByTestId('all-kinds').tap();
  await page.getByTestId('kind-found').first().waitFor();
  await page.waitForTimeout(400);
  await check('kinds');
  await page.goto(`${url}/m/orders/${id}`);
  await page.getByTestId('more').waitFor();
  await check('order');
  for (const act of ['return', 'delay']) {
    if (act === 'delay') { await page.getByTestId('sheet-close').filter({ visible: true }).tap(); await page.goto(`${url}/m/`); await tap(card(id).getByTestId('card-accept')); await tap(card(id).locator('a')); }
    await page.getByTestId('more').tap();
    await page.getByTestId(`act-${act}`).tap();
    await page.getByTestId('ask-send').waitFor();
    await page.waitForTimeout(400);
    await check(act);
  }
  await page.goto(`${url}/m/mine`);
  await page.getByTestId('language').tap();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await check('mine, English');
  assert.deepEqual(errors, []);
  await context.close();
});
